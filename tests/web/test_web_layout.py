"""The diagram's geometry: every branch has its place, nothing lies on anything else, on any register."""

from itertools import pairwise

import plantroom
import pytest
from gridwitness.topology.model import Site
from gridwitness.topology.site import parse
from gridwitness.web.draw.layout import COLUMN, lay_out
from hypothesis import given, settings
from hypothesis import strategies as st


def register(buses: int, generators: int, loads: int, ties: int, transfers: list[tuple[int, int]], observed: int = 0) -> Site:
    """A register with so many branches on every bus."""
    rows, points = [], []

    def branch(name: str, bus: str, role: str, more: str = "") -> None:
        rows.append(f"  - {{id: {name}, bus: {bus}, role: {role}, point: m-{name}{more}}}")
        points.append(f"  - {{id: m-{name}, kind: meter, meter_class: 1}}")

    for b in range(buses):
        for i in range(generators):
            branch(f"G{b}-{i}", f"B{b}", "generator")
        for i in range(loads):
            branch(f"L{b}-{i}", f"B{b}", "registered_load")
        for i in range(ties):
            branch(f"T{b}-{i}", f"B{b}", "grid_tie")
    for i, (a, b) in enumerate(transfers):
        branch(f"K{i}", f"B{a % buses}", "transfer", f", to_bus: B{b % buses}")
    for i in range(observed):
        branch(f"O{i}", "null", "observed_line")
    listed = ", ".join(f"{{id: B{b}, u_nominal_v: 6300}}" for b in range(buses))
    head = f"format: gridwitness-site/1\nsite: {{id: s, timezone: UTC}}\nbuses: [{listed}]\n"
    site, _ = parse(head + "branches:\n" + "\n".join(rows) + "\npoints:\n" + "\n".join(points) + "\n")
    return site


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 4), st.integers(1, 6), st.integers(0, 9), st.integers(0, 2),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=4), st.integers(0, 5), st.integers(2, 6),
)  # fmt: skip
def test_every_branch_has_a_place_of_its_own(
    buses: int, generators: int, loads: int, ties: int, transfers: list[tuple[int, int]], observed: int, columns: int
) -> None:
    transfers = [(a, b) for a, b in transfers if a % buses != b % buses]
    site = register(buses, generators, loads, ties, transfers, observed)
    taps = [b.id for b in site.branches.values() if b.role == "grid_tie"][:1]
    layout = lay_out(site, columns=columns, unknown_at=["B0"], taps_at=taps)

    placed = [(p.id, p.kind) for p in layout.places()]
    assert len(placed) == len(set(placed))
    on_diagram = {name for name, _ in placed} | {r.branch for r in layout.risers if r.branch}
    assert on_diagram == {*site.branches, "B0"}
    assert [kind for name, kind in placed if name == "B0"] == ["unknown"]

    for side in (True, False):  # above and below a bar
        spots = sorted((p.y, p.x) for p in layout.places() if (p.kind == "generator") is side)
        assert all(y2 != y1 or x2 - x1 >= COLUMN for (y1, x1), (y2, x2) in pairwise(spots))
    for place in layout.places():
        assert 0 < place.x < layout.width
        assert 0 < place.y < layout.height
    for tap in (p for p in layout.places() if p.kind == "tap"):
        tie = next(p for p in layout.places() if p.kind == "tie" and p.id == tap.id)
        assert (tap.x - tie.x, tap.y) == (COLUMN, tie.y)
    for bar in layout.bars:
        assert all(bar.x1 < p.x < bar.x2 for p in bar.places)
        assert sum(p.kind == "generator" for p in bar.places) < max(2, columns)


def test_transfers_that_overlap_run_in_lanes_of_their_own() -> None:
    site = register(4, 1, 1, 0, [(0, 1), (1, 2), (0, 3)])
    layout = lay_out(site)
    x = {r.branch: r.x for r in layout.risers}
    assert x["K0"] == x["K1"] < x["K2"]
    ends = {bar.bus: bar.x2 for bar in layout.bars}
    assert ends["B0"] == ends["B3"] == x["K2"]
    assert ends["B2"] == x["K1"], "a bar reaches only as far as what ends on it"


def test_a_crowded_bus_goes_on_in_a_second_bar() -> None:
    site = register(1, 2, 7, 1, [])
    layout = lay_out(site, columns=4)
    assert [(b.bus, b.part) for b in layout.bars] == [("B0", 0), ("B0", 1)]
    assert [(r.branch, r.y1, r.y2) for r in layout.risers] == [(None, layout.bars[0].y, layout.bars[1].y)]


@pytest.mark.parametrize("columns", [3, 5])
def test_the_narrow_diagram_fits_a_telephone(columns: int) -> None:
    site, _ = parse(plantroom.LONGTAN)
    layout = lay_out(site, columns=columns)
    assert layout.width <= (400 if columns == 3 else 640)
