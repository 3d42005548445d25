"""Energy registers never lose, never double, never go back."""

import sys
from collections.abc import Callable
from pathlib import Path

from core.energy import KEYS, PER_WH, Energy
from gwire.fields import BY_KEY
from hypothesis import given
from hypothesis import strategies as st

CONTRACT = Path(__file__).parent.parent / "contract"


def test_a_million_watt_hours_on_top_of_300_mwh(run_on_board: Callable[..., str]) -> None:
    """300,000 kWh plus a million steps of 1 Wh (18 kW for 200 ms), on the board's own arithmetic."""
    code = (
        "from core.energy import Energy\n"
        "e = Energy()\n"
        "e.restore({'ea_imp_wh': 300000000})\n"
        "for k in range(1000000):\n"
        "    e.add(18000000, -18000000, 200000)\n"
        "print(e.registers()['ea_imp_wh'], e.registers()['er_exp_varh'], e.registers()['ea_exp_wh'])\n"
    )
    assert run_on_board(code).split() == ["301000000", "1000000", "0"]


def test_what_a_32_bit_float_would_have_made_of_it() -> None:
    sys.path.insert(0, str(CONTRACT))
    try:
        from float32 import F32
    finally:
        sys.path.remove(str(CONTRACT))
    assert F32(F32(300_000_000.0) + 1.0) == 300_000_000.0


@given(st.lists(st.tuples(st.integers(-(10**13), 10**13), st.integers(-(10**13), 10**13), st.integers(1, 10**7))))
def test_every_microsecond_counts(steps: list[tuple[int, int, int]]) -> None:
    energy = Energy()
    sums = [0, 0, 0, 0]
    last = energy.registers()
    for p_mw, q_mvar, dt_us in steps:
        energy.add(p_mw, q_mvar, dt_us)
        sums[0 if p_mw >= 0 else 1] += abs(p_mw) * dt_us
        sums[2 if q_mvar >= 0 else 3] += abs(q_mvar) * dt_us
        now = energy.registers()
        assert all(now[key] >= last[key] for key in KEYS)
        last = now
    assert [last[key] for key in KEYS] == [total // PER_WH for total in sums]


def test_a_restored_register_does_not_go_back() -> None:
    energy = Energy()
    energy.restore({"ea_imp_wh": 500, "ea_exp_wh": 7})
    energy.restore({"ea_imp_wh": 400})
    assert energy.registers() == {"ea_imp_wh": 500, "ea_exp_wh": 7, "er_imp_varh": 0, "er_exp_varh": 0}


def test_keys_are_registers_of_the_field_table() -> None:
    assert all(BY_KEY[key][1] in ("Wh", "varh") and BY_KEY[key][2] == 0 for key in KEYS)
