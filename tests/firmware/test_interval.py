"""Intervals in integers: alignment, division at boundaries, means, quality, scales. Pure code, so it runs here as on the board."""

from dataclasses import dataclass, field

import pytest
from core.energy import Energy
from core.integers import isqrt, nearest, root
from core.interval import Interval
from gwire.fields import BY_KEY, QUALITY, from_wire
from hypothesis import given
from hypothesis import strategies as st

MINUTE = 60_000_000
START_US = 1_796_054_400_000_000  # 2026-12-01T00:00:00+08:00, a whole minute


@dataclass
class Powers:
    """What `core.power.Powers` shows of one window; 1 mV and 1 mA per code, 10 points."""

    p_mw: list[int] = field(default_factory=lambda: [100_000_000, 200_000_000, 300_000_000])
    q_mvar: list[int] = field(default_factory=lambda: [10_000_000, -20_000_000, 30_000_000])
    s_mva: list[int] = field(default_factory=lambda: [125_000_000, 250_000_000, 375_000_000])
    uu: list[int] = field(default_factory=lambda: [(230_000 * 10) ** 2] * 3)
    ii: list[int] = field(default_factory=lambda: [(5_000 * 10) ** 2] * 3)
    points: int = 10
    u_uv: int = 1_000
    i_ua: int = 1_000


class Bench:
    """An interval of a minute with what it reported."""

    def __init__(self, interval_s: int = 60) -> None:
        self.powers = Powers()
        self.energy = Energy()
        self.out: list[tuple[int, int, int, dict[str, int]]] = []
        self.interval = Interval(interval_s, self.powers, self.energy, lambda *record: self.out.append(record))

    def run(self, start_us: int, end_us: int, step_us: int = 200_000, locked: bool = True, clipped: int = 0) -> None:
        at = start_us
        while at < end_us:
            self.interval.add(at, min(at + step_us, end_us), 10, locked, clipped)
            at += step_us


def names(q: int) -> set[str]:
    return {name for bit, name, _, _ in QUALITY if q & bit}


def test_a_whole_minute() -> None:
    bench = Bench()
    bench.run(START_US, START_US + MINUTE)
    ((ts_ms, dur_ms, q, m),) = bench.out
    assert (ts_ms, dur_ms, q) == (START_US // 1000, 60_000, 0)
    physical = {key: from_wire(key, value) for key, value in m.items()}
    assert physical == {
        "p_w": 600_000, "q_var": 20_000, "s_va": 750_000, "pf": 0.8, "f_hz": 50, "p_min_w": 600_000, "p_max_w": 600_000,
        "p_l1_w": 100_000, "p_l2_w": 200_000, "p_l3_w": 300_000, "q_l1_var": 10_000, "q_l2_var": -20_000, "q_l3_var": 30_000,
        "s_l1_va": 125_000, "s_l2_va": 250_000, "s_l3_va": 375_000, "u_l1_v": 230, "u_l2_v": 230, "u_l3_v": 230,
        "i_l1_a": 5, "i_l2_a": 5, "i_l3_a": 5, "ea_imp_wh": 10_000, "ea_exp_wh": 0, "er_imp_varh": 333, "er_exp_varh": 0,
        "windows": 300, "coverage_pm": 1000,
    }  # fmt: skip
    assert all(BY_KEY[key][5] == "power" and BY_KEY[key][3] <= value <= BY_KEY[key][4] for key, value in m.items())


def test_a_window_on_a_boundary_is_divided() -> None:
    """The power changes with the straddling window: each interval gets the part that is its own, to the microsecond."""
    bench = Bench()
    bench.run(START_US, START_US + MINUTE - 50_000)
    bench.powers.p_mw = [1_000_000_000, 0, 0]
    bench.interval.add(START_US + MINUTE - 50_000, START_US + MINUTE + 150_000, 10, True, 0)
    bench.run(START_US + MINUTE + 150_000, START_US + 2 * MINUTE)
    first, second = (record[3] for record in bench.out)
    assert first["p_w"] == nearest((600_000 * 59_950 + 1_000_000 * 50) * 10, 60_000)
    assert second["p_w"] == 10_000_000
    assert first["p_max_w"] == 10_000_000
    assert [first["coverage_pm"], second["coverage_pm"]] == [1000, 1000]
    assert first["windows"] + second["windows"] == 601
    assert first["ea_imp_wh"] == (600_000 * 59_950 + 1_000_000 * 50) // 3_600_000


def test_a_board_that_starts_inside_an_interval_says_so() -> None:
    bench = Bench()
    bench.run(START_US + 30_000_000, START_US + MINUTE)
    ((ts_ms, dur_ms, q, m),) = bench.out
    assert (ts_ms, dur_ms, names(q)) == (START_US // 1000, 60_000, {"partial"})
    assert m["coverage_pm"] == 500
    assert from_wire("p_w", m["p_w"]) == 600_000


@pytest.mark.parametrize(("missing_s", "partial"), [(2, False), (4, True)])
def test_coverage_below_950_is_partial(missing_s: int, partial: bool) -> None:
    bench = Bench()
    bench.run(START_US + missing_s * 1_000_000, START_US + MINUTE)
    assert ("partial" in names(bench.out[0][2])) == partial


def test_a_hole_over_whole_intervals_reports_none_for_them() -> None:
    bench = Bench()
    bench.run(START_US, START_US + 10_000_000)
    bench.run(START_US + 3 * MINUTE, START_US + 4 * MINUTE)
    assert [(record[0] * 1000 - START_US) // MINUTE for record in bench.out] == [0, 3]
    assert bench.out[0][3]["coverage_pm"] == 166


def test_an_orderly_end_reports_the_rest_once() -> None:
    bench = Bench()
    bench.run(START_US, START_US + 20_000_000)
    bench.interval.close()
    bench.interval.close()
    assert [names(record[2]) for record in bench.out] == [{"partial"}]


def test_unlocked_and_clipped() -> None:
    bench = Bench()
    bench.run(START_US, START_US + 400_000, locked=False)
    bench.run(START_US + 400_000, START_US + MINUTE)
    bench.run(START_US + MINUTE, START_US + MINUTE + 800_000, locked=False)
    bench.run(START_US + MINUTE + 800_000, START_US + 2 * MINUTE, clipped=1)
    assert [names(record[2]) for record in bench.out] == [set(), {"unlocked", "clipped"}]


def test_no_frequency_and_no_power_factor_where_there_is_none() -> None:
    bench = Bench()
    bench.powers.p_mw = bench.powers.q_mvar = bench.powers.s_mva = [0, 0, 0]
    bench.run(START_US, START_US + MINUTE, locked=False)
    assert not {"f_hz", "pf"} & bench.out[0][3].keys()


def test_export_counts_in_its_own_register() -> None:
    bench = Bench()
    bench.run(START_US, START_US + MINUTE)
    bench.powers.p_mw = [-100_000_000, -100_000_000, 20_000_000]
    bench.run(START_US + MINUTE, START_US + 2 * MINUTE)
    m = bench.out[1][3]
    assert (m["ea_imp_wh"], m["ea_exp_wh"]) == (10_000, 3_000)
    assert from_wire("p_w", m["p_w"]) == -180_000
    assert m["pf"] == nearest(-180_000 * 10_000, 750_000)


def test_rms_over_an_interval_is_the_root_of_the_mean_square() -> None:
    bench = Bench()
    bench.run(START_US, START_US + MINUTE // 2)
    bench.powers.ii = [(1_000 * 10) ** 2] * 3
    bench.run(START_US + MINUTE // 2, START_US + MINUTE)
    assert from_wire("i_l1_a", bench.out[0][3]["i_l1_a"]) == pytest.approx(((25 + 1) / 2) ** 0.5, abs=0.0005)


@given(st.lists(st.tuples(st.integers(1, 400_000), st.integers(-(10**12), 10**12)), min_size=1, max_size=40), st.integers(0, MINUTE))
def test_division_loses_nothing(windows: list[tuple[int, int]], offset_us: int) -> None:
    """However windows lie on the boundaries: energy and time over one-second intervals add up to the whole."""
    bench = Bench(interval_s=1)
    at = START_US + offset_us
    total = 0
    for dt_us, p_mw in windows:
        bench.powers.p_mw = [p_mw, 0, 0]
        bench.interval.add(at, at + dt_us, 10, True, 0)
        at += dt_us
        total += p_mw * dt_us
    bench.interval.close()
    imported, exported = (register.total * 3_600_000_000_000 + register.rest for register in bench.energy._registers[:2])
    assert imported - exported == total
    assert sum(m["windows"] for *_, m in bench.out) == len(windows)
    assert len({ts for ts, *_ in bench.out}) == len(bench.out)


@given(st.integers(-(10**20), 10**20), st.integers(1, 10**12))
def test_nearest(a: int, b: int) -> None:
    n = nearest(a, b)
    assert abs(2 * (n * b - a)) <= b
    assert nearest(-a, b) == -n


@given(st.integers(0, 10**40))
def test_isqrt(n: int) -> None:
    assert isqrt(n) ** 2 <= n < (isqrt(n) + 1) ** 2
    assert root(n * n, 1) == n
