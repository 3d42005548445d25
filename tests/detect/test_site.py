"""Reading the register: strict, every problem at once, each with its line and field."""

from pathlib import Path

import pytest
from gridwitness.domain.errors import InputError
from gridwitness.topology.site import load, parse

GOOD = """format: gridwitness-site/1
site: {id: longtan, name: {zh: 龙潭水电站, en: Longtan hydro}, timezone: Asia/Shanghai}
buses:
  - {id: B1, u_nominal_v: 6300}
  - {id: B2, u_nominal_v: 6300}
plants:
  - id: P1
    kind: hydro
    bus: B1
    rated_w: 5000000
    hydro: {head_m: 42.0, efficiency: 0.86, rated_flow_m3s: 14.1}
    losses: {no_load_w: 6500, no_load_u_w: 3000, load_at_rated_w: 38000}
branches:
  - {id: G1, bus: B1, role: generator, plant: P1, point: m-g1, rated_w: 2500000}
  - {id: T1, bus: B1, role: grid_tie, point: m-tie, revenue_point: m-rev, tie_loss: {no_load_w: 0, at_rated_w: 9000},
     lawful_basis: {type: supply_licence, ref: "7/2019", from: "2019-04-01", to: null, limit_w: 400000}}
  - {id: X1, bus: B1, role: transfer, to_bus: B2}
  - {id: L9, bus: null, role: observed_line, point: m-l9}
points:
  - {id: m-g1, kind: verified_meter, meter_class: 0.5S, ct_class: 0.5S, vt_class: 0.5, i_rated_a: 400, sign: 1, clock_u_s: 2}
  - {id: m-tie, kind: meter, meter_class: 1, ct_class: 0.5, vt_class: 0.5, sign: -1}
  - {id: m-rev, kind: meter, meter_class: 0.2S}
  - {id: m-l9, kind: clamp, meter_class: 1, ct_class: 3, sign: 1}
customers:
  - {id: C1, name: {zh: 下坝村, en: Xiaba village}, sector: residential, contract_w: 300000}
orders:
  - {id: O-17, branch: T1, from: "2025-06-01T00:00:00+08:00"}
outages:
  - {plant: P1, from: "2025-03-02T08:00:00+08:00", to: "2025-03-04T18:00:00+08:00", reason: unit overhaul, limit_w: 2500000}
lines: [{id: LN, ties: [T1], revenue_point: m-rev, length_km: 4.2, r_ohm: 1.1, loss_owner: plant}]
monitored_from: "2025-01-01T00:00:00+08:00"
"""


def errors(text: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        parse(text, "site.yaml")
    return [str(p) for p in caught.value.problems]


def test_everything_is_read() -> None:
    site, warnings = parse(GOOD)
    assert warnings == []
    assert (site.id, site.name["zh"], site.timezone, site.monitored_from_ms) == ("longtan", "龙潭水电站", "Asia/Shanghai", 1735660800000)
    assert site.branches["G1"].sign_at_bus == 1
    assert site.branches["T1"].sign_at_bus == -1
    assert site.points["m-tie"].sign == -1
    assert site.points["m-tie"].clock_u_s == 2.0
    assert site.points["m-g1"].meter_class == "0.5S"
    assert site.points["m-tie"].ct_class == "0.5"
    assert site.branches["T1"].tie_loss.at_rated_w == 9000
    basis = site.branches["T1"].lawful_basis
    assert basis is not None
    assert (basis.type, basis.from_ms, basis.to_ms, basis.limit_w) == ("supply_licence", 1554048000000, None, 400000)
    assert site.branches["L9"].bus is None
    assert [b.id for b in site.branches_at("B2")] == ["X1"]
    assert site.rated_at("B1") == 5_000_000
    assert site.branch_of("m-rev") is site.branches["T1"]
    assert site.lines["LN"].ties == ("T1",)
    assert site.outages[0].limit_w == 2_500_000
    assert site.orders["O-17"].branch == "T1"


def test_unknown_fields_are_warnings_with_line_and_field() -> None:
    _, warnings = parse(GOOD.replace("kind: hydro", "kind: hydro\n    colour: green").replace("head_m: 42.0", "head_m: 42.0, mood: 3"))
    assert [(w.line, w.column) for w in warnings] == [(12, "plants[0].hydro.mood"), (9, "plants[0].colour")]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("point: m-g1,", "point: m-g9,", "site.yaml:14 [branches[0].point]: 'm-g9' is not defined"),
        ("role: generator", "role: genrator", "site.yaml:14 [branches[0].role]: 'genrator' is not known"),
        ("meter_class: 0.2S", "meter_class: 0.3S", "site.yaml:22 [points[2].meter_class]: '0.3S' is not known"),
        ("{id: m-rev,", "{id: m-tie,", "site.yaml:22 [points[2].id]: 'm-tie' is given twice in points"),
        ("    rated_w: 5000000\n", "", "site.yaml:7 [plants[0].rated_w]: is required"),
        ("rated_w: 5000000", "rated_w: -5", "site.yaml:10 [plants[0].rated_w]: -5 is out of range"),
        ("rated_w: 5000000", "rated_w: .nan", "site.yaml:10 [plants[0].rated_w]: '.nan' is not a number"),
        ("to_bus: B2", "rated_w: 1", "site.yaml:17 [branches[2].to_bus]: is required"),
        ("bus: null, role: observed_line", "bus: null, role: grid_tie", "site.yaml:18 [branches[3].bus]: is required"),
        ("sign: -1", "sign: 2", "site.yaml:21 [points[1].sign]: 2 is out of range"),
        ("Asia/Shanghai", "Asia/Shangri-La", "site.yaml:2 [site.timezone]: 'Asia/Shangri-La' is no time zone"),
        ("2025-06-01T00:00:00+08:00", "2025-06-01T00:00:00", "site.yaml:27 [orders[0].from]: '2025-06-01T00:00:00' is no time"),
        ("gridwitness-site/1", "gridwitness-site/9", "site.yaml:1 [format]: 'gridwitness-site/9' cannot be read"),
        ("point: m-l9", "point: m-g1", "site.yaml:18 [branches[3].point]: 'm-g1' already measures G1 (point)"),
        ("ties: [T1]", "ties: [T7]", "site.yaml:30 [lines[0].ties]: 'T7' is not defined"),
        ("type: supply_licence", "type: a_friend", "site.yaml:16 [branches[1].lawful_basis.type]: 'a_friend' is not known"),
        ("id: P1\n", "id: P 1\n", "site.yaml:7 [plants[0].id]: 'P 1' cannot be an id"),
    ],
)
def test_each_error_is_named_with_line_and_field(old: str, new: str, expected: str) -> None:
    assert old in GOOD
    assert any(line.startswith(expected) for line in errors(GOOD.replace(old, new)))


def test_all_errors_are_listed_in_the_order_of_lines() -> None:
    found = errors(GOOD.replace("role: generator", "role: x").replace("kind: clamp", "kind: y").replace("id: B1, u_nom", "u_nom"))
    lines = [int(text.split(":")[1].split(" ")[0]) for text in found]
    assert lines == sorted(lines)
    assert {4, 14, 23} <= set(lines)


def test_a_key_given_twice_is_an_error() -> None:
    assert "points[0].sign]: is given twice" in errors(GOOD.replace("sign: 1, clock", "sign: 1, sign: 1, clock"))[0]


def test_text_that_is_no_yaml_tells_line_and_column() -> None:
    assert errors("format: gridwitness-site/1\nsite: {id: [}\n")[0].startswith("site.yaml:2 [13]: not YAML")
    assert "mapping" in errors("- a\n- b\n")[0]
    assert "mapping" in errors("")[0]


def test_missing_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path / "site.yaml")


def test_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(GOOD, encoding="utf-8-sig")
    assert load(tmp_path / "site.yaml")[0].id == "longtan"


def test_a_file_that_is_nested_without_end_is_refused_in_words() -> None:
    with pytest.raises(InputError, match="nested too deeply"):
        parse("x: " + "[" * 5000 + "]" * 5000 + "\n" + GOOD)
