"""Meter profiles: the files, their schema, golden register dumps, and decoding without floats. Pure code, so it runs here too."""

import copy
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from gridwitness.domain.paths import meter_profiles
from gwire.fields import BY_KEY, from_wire
from hypothesis import given
from hypothesis import strategies as st
from meters import decode, profile
from meters.plan import Plan

FOLDER = meter_profiles()
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))

# Register dumps: address, words, what the meter's display says.
IEM3000_DUMP = {
    0x0BB7: "41F0 0000",  # I1 30 A
    0x0BB9: "41F8 0000",  # I2 31 A
    0x0BBB: "4200 0000",  # I3 32 A
    0x0BD3: "45B4 6C00",  # V1 5773.5 V
    0x0BD5: "45B4 6C00",  # V2
    0x0BD7: "45B4 6C00",  # V3
    0x0BED: "C3A0 8000",  # P1 -321 kW
    0x0BEF: "C3A0 8000",  # P2
    0x0BF1: "C3A0 8000",  # P3
    0x0BF3: "C470 C000",  # P -963 kW
    0x0BFB: "7FC0 0000",  # Q not available (NaN)
    0x0C03: "4476 C000",  # S 987 kVA
    0x0C25: "4247 F5C3",  # f 49.99 Hz
    0x0C83: "0000 0000 075B CD15",  # 123456789 Wh
    0x0C87: "0000 0002 540B E3FF",  # 9999999999 Wh
    0x0C93: "0000 0000 0000 0001",  # 1 varh
    0x0C97: "8000 0000 0000 0000",  # not available
}
IEM3000_SHOWS = {
    "i_l1_a": 30, "i_l2_a": 31, "i_l3_a": 32, "u_l1_v": 5773.5, "u_l2_v": 5773.5, "u_l3_v": 5773.5, "p_l1_w": -321_000, "p_l2_w": -321_000,
    "p_l3_w": -321_000, "p_w": -963_000, "s_va": 987_000, "f_hz": 49.99, "ea_imp_wh": 123_456_789, "ea_exp_wh": 9_999_999_999,
    "er_imp_varh": 1,
}  # fmt: skip
SDM630_DUMP = {
    0x0000: "4366 3333 4365 0000 4367 8000",  # 230.2 V, 229 V, 231.5 V
    0x0006: "40A0 0000 40C0 0000 0000 0000",  # 5 A, 6 A, 0 A
    0x000C: "448F C000 44A2 8000 0000 0000",  # 1150 W, 1300 W, 0 W
    0x0012: "448F E000 44AB E000 0000 0000",  # 1151 VA, 1375 VA, 0 VA
    0x0018: "C240 0000 43E0 0000 0000 0000",  # -48 var, 448 var, 0 var
    0x0034: "4519 2000",  # 2450 W
    0x0038: "451D E000",  # 2526 VA
    0x003C: "43C8 0000",  # 400 var
    0x0046: "4248 0000 449A 52F2 3DCC CCCD 4120 0000 0000 0000",  # 50 Hz, 1234.592 kWh, 0.1 kWh, 10 kvarh, 0 kvarh
    0x00E0: "3F80 0000",  # I neutral 1 A
}
SDM630_SHOWS = {
    "u_l1_v": 230.2, "u_l2_v": 229, "u_l3_v": 231.5, "i_l1_a": 5, "i_l2_a": 6, "i_l3_a": 0, "p_l1_w": 1150, "p_l2_w": 1300, "p_l3_w": 0,
    "s_l1_va": 1151, "s_l2_va": 1375, "s_l3_va": 0, "q_l1_var": -48, "q_l2_var": 448, "q_l3_var": 0, "p_w": 2450, "s_va": 2526,
    "q_var": 400, "f_hz": 50, "ea_imp_wh": 1_234_592, "ea_exp_wh": 100, "er_imp_varh": 10_000, "er_exp_varh": 0, "i_n_a": 1,
}  # fmt: skip


def read_dump(plan: Plan, dump: dict[int, str]) -> dict[str, int]:
    """Answer the plan's requests from a dump; registers that it does not show are 0xEEEE."""
    memory = {address + k: int(word, 16) for address, words in dump.items() for k, word in enumerate(words.split())}
    values: dict[str, int] = {}
    for request in plan.requests:
        _, address, count, _ = request
        data = struct.pack(f">{count}H", *(memory.get(address + k, 0xEEEE) for k in range(count)))
        values |= plan.decode(request, data)
    return values


def document(name: str) -> dict[str, Any]:
    doc: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return doc


@pytest.mark.parametrize(
    ("name", "dump", "shows"), [("iem3000", IEM3000_DUMP, IEM3000_SHOWS), ("sdm630", SDM630_DUMP, SDM630_SHOWS)], ids=["iem3000", "sdm630"]
)
def test_golden_dump(name: str, dump: dict[int, str], shows: dict[str, float]) -> None:
    plan = profile.load(name, places=[str(FOLDER.parent)])
    values = read_dump(plan, dump)
    assert {key: from_wire(key, value) for key, value in values.items()} == shows
    assert plan.doubt(values) is None
    assert all(BY_KEY[key][3] <= value <= BY_KEY[key][4] for key, value in values.items())


def test_low_word_first() -> None:
    """The PZEM-016's sample frame: 225.7 V, 0.108 A, 24.4 W, 38 Wh, 50.0 Hz (32-bit values with the low word first)."""
    rows = [("0x0000", "uint16", "V", -1, "u_l1_v"), ("0x0001", "uint32", "A", -3, "i_l1_a"), ("0x0003", "uint32", "W", -1, "p_w")]
    rows += [("0x0005", "uint32", "Wh", 0, "ea_imp_wh"), ("0x0007", "uint16", "Hz", -1, "f_hz")]
    doc = document("iem3000") | {"function": 4, "word_order": "little", "absent": {}, "probe": {"range": [["f_hz", 42, 68]]}}
    doc["registers"] = [{"address": a, "type": t, "unit": u, "scale": s, "key": k, "name": k} for a, t, u, s, k in rows]
    plan = profile.compile_profile("pzem", doc)
    ((function, address, count, _),) = plan.requests
    assert (function, address, count) == (4, 0, 8)
    values = plan.decode(plan.requests[0], bytes.fromhex("08D1006C000000F40000002600 0001F40064 0000".replace(" ", ""))[:16])
    assert {k: from_wire(k, v) for k, v in values.items()} == {"u_l1_v": 225.7, "i_l1_a": 0.108, "p_w": 24.4, "ea_imp_wh": 38, "f_hz": 50}


def test_secondary_values_are_multiplied_by_both_ratios() -> None:
    """600/5 A and 6300/100 V: powers and energies times 7560, voltages times 63, currents times 120, frequency as it is."""
    doc = document("iem3000") | {"values": "secondary"}
    values = read_dump(profile.compile_profile("x", doc, (600, 5), (6300, 100)), IEM3000_DUMP)
    assert from_wire("p_w", values["p_w"]) == -963_000 * 7560
    assert from_wire("u_l1_v", values["u_l1_v"]) == 5773.5 * 63
    assert from_wire("i_l1_a", values["i_l1_a"]) == 3600
    assert from_wire("f_hz", values["f_hz"]) == 49.99
    assert values["ea_imp_wh"] == 123_456_789 * 7560


def test_requests_are_merged_where_the_profile_allows() -> None:
    plan = profile.load("iem3000", places=[str(FOLDER.parent)])
    assert [request[:3] for request in plan.requests] == [
        (3, 0x0BB7, 6), (3, 0x0BD3, 6), (3, 0x0BED, 24), (3, 0x0C25, 2), (3, 0x0C83, 24),
    ]  # fmt: skip
    doc = document("iem3000") | {"max_gap": 0, "max_count": 4}
    plan = profile.compile_profile("x", doc)
    assert all(request[2] <= 4 for request in plan.requests)
    assert read_dump(plan, IEM3000_DUMP) == read_dump(profile.compile_profile("x", document("iem3000")), IEM3000_DUMP)


@pytest.mark.parametrize("name", NAMES)
def test_every_profile_is_valid_and_complete(name: str) -> None:
    doc = document(name)
    profile.check(name, doc)
    keys = {row["key"] for row in doc["registers"]}
    assert {"p_w", "ea_imp_wh", "f_hz"} <= keys
    assert all(set(row) <= {"address", "type", "unit", "scale", "key", "name"} for row in doc["registers"])
    assert all(request[2] <= doc["max_count"] for request in profile.compile_profile(name, doc).requests)


def test_exponents_and_units_are_those_of_the_field_table() -> None:
    for stem, (exponent, unit) in profile.FIELDS.items():
        for key in [stem.replace("*", phase) for phase in ("l1", "l2", "l3")]:
            assert BY_KEY[key][1:3] == (unit, exponent)
            assert BY_KEY[key][5] == "power"


def test_a_probe_that_fails_names_the_quantity() -> None:
    plan = profile.load("iem3000", places=[str(FOLDER.parent)])
    values = read_dump(plan, IEM3000_DUMP)
    assert plan.doubt(values | {"f_hz": 70_000}) == "f_hz is 70000, not between 42000 and 68000"
    assert plan.doubt({k: v for k, v in values.items() if k != "f_hz"}) == "f_hz is None, not between 42000 and 68000"
    assert plan.doubt(values | {"p_w": 0}) == "p_w is 0, but its parts sum up to -9630000"
    swapped = {address: " ".join(words.split()[::-1]) for address, words in IEM3000_DUMP.items()}
    assert plan.doubt(read_dump(plan, swapped)) is not None


BROKEN: list[tuple[dict[str, Any], str]] = [
    ({"format": "gridwitness-meter/2"}, 'member format must be "gridwitness-meter/1"'),
    ({"function": 6}, r"function is 6; allowed are \(3, 4\)"),
    ({"word_order": "mixed"}, "word_order is 'mixed'"),
    ({"max_count": 200}, "max_count lies between 4 and 125"),
    ({"colour": "red"}, "there is no member colour"),
    ({"probe": {}}, "probe needs a range or a sum"),
    ({"probe": {"range": [["i_n_a", 0, 1]]}}, "probe names i_n_a, which no register gives"),
]
BROKEN_ROWS = [
    ({"type": "float64"}, r"registers\[3\]: type float64 is unknown"),
    ({"key": "p_total"}, r"registers\[3\]: key p_total is not a field"),
    ({"unit": "kW"}, r"registers\[3\]: unit kW does not fit u_l1_v \(V\)"),
    ({"unit": "MVA", "key": "i_l1_a"}, r"registers\[3\]: unit MVA does not fit i_l1_a \(A\)"),
    ({"address": "0x1FFFF"}, r"registers\[3\]: address 0x1FFFF is not between"),
    ({"address": "here"}, r"registers\[3\]: address here is not between"),
    ({"key": "f_hz", "unit": "Hz"}, "key f_hz is there twice"),
    ({"name": None}, "member name is missing or no text"),
]


@pytest.mark.parametrize(("change", "complaint"), BROKEN)
def test_a_broken_profile_is_refused_by_name(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(profile.ProfileError, match="^odd.json: .*" + complaint):
        profile.compile_profile("odd", document("iem3000") | change)


@pytest.mark.parametrize(("change", "complaint"), BROKEN_ROWS)
def test_a_broken_row_is_refused_by_number(change: dict[str, Any], complaint: str) -> None:
    doc = copy.deepcopy(document("iem3000"))
    doc["registers"][3].update(change)
    with pytest.raises(profile.ProfileError, match=complaint):
        profile.check("odd", doc)


@pytest.mark.parametrize("member", ["model", "registers", "probe", "absent", "max_gap"])
def test_a_missing_member_is_named(member: str) -> None:
    doc = document("sdm630")
    del doc[member]
    with pytest.raises(profile.ProfileError, match=f"member {member} is missing"):
        profile.check("odd", doc)


def test_missing_and_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(profile.ProfileError, match=r"there is no profiles/abacus.json in .*; use one of"):
        profile.load("abacus", places=[str(tmp_path)])
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "torn.json").write_text('{"format": ')
    with pytest.raises(profile.ProfileError, match=r"torn.json: is no JSON .*; correct the file"):
        profile.load("torn", places=[str(tmp_path)])


@given(st.floats(width=32, min_value=-(2**40), max_value=2**40), st.integers(-3, 6))
def test_float32_to_integer_is_exact(value: float, power: int) -> None:
    """Against exact rational arithmetic, halves away from zero."""
    from fractions import Fraction

    bits = struct.unpack(">I", struct.pack(">f", value))[0]
    num, den = (10**power, 1) if power >= 0 else (1, 10**-power)
    exact = Fraction(value) * num / den
    rounded = int(abs(exact) + Fraction(1, 2)) * (1 if exact >= 0 else -1)
    assert decode.scaled(bits, 2, "f", num, den) == rounded


@pytest.mark.parametrize("bits", [0x7FC00000, 0xFFC00000, 0x7F800000, 0xFF800000])
def test_floats_that_are_no_numbers_are_not_available(bits: int) -> None:
    assert decode.scaled(bits, 2, "f", 1, 1) is None


@pytest.mark.parametrize(("kind", "form"), [("int16", ">h"), ("int32", ">i"), ("int64", ">q"), ("uint16", ">H"), ("uint64", ">Q")])
def test_integers_of_every_width(kind: str, form: str) -> None:
    width = 8 * struct.calcsize(form)
    for value in [0, 1, 2 ** (width - 1) - 1] + ([-1, -(2 ** (width - 1))] if kind[0] == "i" else [2**width - 1]):
        data = struct.pack(form, value)
        raw = decode.words(data, 0, len(data) // 2, False)
        assert decode.scaled(raw, len(data) // 2, kind[0], 1, 1) == value
        swapped = b"".join(data[k : k + 2] for k in range(len(data) - 2, -1, -2))
        assert decode.words(swapped, 0, len(data) // 2, True) == raw
