"""The single-line diagram says what flows, where it goes and what is abnormal; markup is escaped."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import plantroom
import pytest
from gridwitness.topology.model import Site
from gridwitness.topology.site import parse
from gridwitness.web.draw.diagram import Flow, Live, Unknown, draw
from gridwitness.web.draw.layout import lay_out
from gridwitness.web.text import Words

SVG = "{http://www.w3.org/2000/svg}"


def drawn(live: Live, words: Words, register: str = plantroom.LONGTAN, columns: int = 5) -> ET.Element:
    site, _ = parse(register)
    layout = lay_out(site, columns=columns, unknown_at=live.unknown, taps_at=live.taps)
    return ET.fromstring(draw(layout, site, live, words))


def texts(element: ET.Element) -> list[str]:
    return [e.text or "" for e in element.iter("text")]


def branch(root: ET.Element, name: str) -> ET.Element:
    return next(g for g in root.iter("g") if g.get("data-branch") == name)


def arrows(root: ET.Element, name: str) -> list[str]:
    """``down`` or ``up`` for each arrow on a branch."""
    shapes = [p.get("d", "") for p in branch(root, name).iter("path") if p.get("class") == "arw"]
    return ["down" if "-12h12z" in d else "up" for d in shapes]


def test_flows_stand_on_their_branches_with_uncertainty(words: Words) -> None:
    root = drawn(Live(flows={"G1": Flow(2_214_000.0, 6_400.0), "T1": Flow(4_055_300.0, 11_200.0)}), words)
    assert texts(branch(root, "G1")) == ["G1", "2\u202f214 kW", "± 6"]
    assert {"4\u202f055 kW", "± 11"} <= set(texts(branch(root, "T1")))


@pytest.mark.parametrize(
    ("name", "p_w", "way"),
    [("G1", 5e5, "down"), ("G1", -5e5, "up"), ("L1", 5e4, "down"), ("T1", 5e5, "down"), ("T1", -5e5, "up")],
)
def test_arrows_show_the_direction_of_active_power(name: str, p_w: float, way: str) -> None:
    assert arrows(drawn(Live(flows={name: Flow(p_w, 1e3)}), Words("en")), name) == [way]


@pytest.mark.parametrize("flow", [Flow(None), Flow(400.0, 1_000.0), Flow(5e5, 1e3, stale=True)])
def test_no_arrow_where_the_direction_is_not_known(flow: Flow) -> None:
    assert arrows(drawn(Live(flows={"G1": flow}), Words("en")), "G1") == []


@pytest.mark.parametrize(("p_w", "way"), [(1.5e6, "up"), (-1.5e6, "down")])
def test_a_transfer_points_from_bus_to_bus(p_w: float, way: str) -> None:
    root = drawn(Live(flows={"K1": Flow(p_w, 1e3)}), Words("en"), plantroom.QINGGOU)
    assert arrows(root, "K1") == [way], "K1 is registered from B2 (below) to B1 (above)"


def test_an_unknown_outflow_is_drawn_named_and_told_to_screen_readers(words: Words) -> None:
    root = drawn(Live(unknown={"B1": Unknown("case", 98_120.0, 15_300.0)}), words)
    marked = next(g for g in root.iter("g") if g.get("class") == "case")
    assert texts(marked) == ["?", "98 ± 15 kW", words("diagram.no_branch")]
    assert "98 ± 15 kW" in root.get("aria-label", "")
    assert root.get("role") == "img"


def test_a_tap_before_the_revenue_meter_hangs_on_its_tie(words: Words) -> None:
    root = drawn(Live(taps={"T1": Unknown("watch", 31_000.0, 2_000.0)}), words)
    assert words("diagram.before_meter") in texts(root)
    assert "T1" in root.get("aria-label", "")


def test_colour_stands_only_where_something_is_abnormal() -> None:
    quiet = drawn(Live(flows={"G1": Flow(2e6, 1e3)}), Words("en"))
    assert not [e for e in quiet.iter() if e.get("class") in ("case", "watch", "cannot_tell")]
    marked = drawn(Live(marks={"L1": "watch"}), Words("en"))
    assert [g.get("data-branch") for g in marked.iter("g") if g.get("class") == "watch"] == ["L1"]


def test_what_is_not_measured_says_so(words: Words) -> None:
    root = drawn(Live(), words, plantroom.QINGGOU)
    assert words("diagram.unmetered") in texts(branch(root, "SS2"))
    assert words("diagram.no_source") in texts(branch(root, "L9"))


def test_names_from_the_register_cannot_become_markup() -> None:
    site, _ = parse(plantroom.LONGTAN)
    evil = {"C1": replace(site.customers["C1"], name={"en": '<script>alert("x")</script>'})}
    markup = draw(lay_out(site), replace(site, customers=evil), Live(), Words("en"))
    assert "<script" not in markup
    assert "&lt;script" in markup
    assert "style=" not in markup, "the pages' policy allows no style attributes"


def test_every_public_register_can_be_drawn(shared_data: Path) -> None:
    registers = sorted((shared_data / "scenarios-dev").glob("*/site.yaml"))
    assert registers
    for path in registers:
        site, _ = parse(path.read_text(encoding="utf-8"), str(path))
        for columns in (2, 3, 5):
            root = ET.fromstring(
                draw(lay_out(site, columns=columns, unknown_at=site.buses, taps_at=[]), site, unknown_everywhere(site), Words("zh"))
            )
            shown = {g.get("data-branch") for g in root.iter("g")} - {None}
            assert shown == set(site.branches), path


def unknown_everywhere(site: Site) -> Live:
    return Live(unknown={bus: Unknown("watch", 1e4, 2e3) for bus in site.buses})
