"""Where the parts of a single-line diagram stand, from the register alone: pure geometry, no measurement, no markup.

Buses lie below each other as horizontal bars. Generators stand above their bar, everything that takes energy hangs below it,
the grid ties last, and after them a place for what leaves on no registered branch. A bus with more branches than there are columns goes on
in a second bar, joined to the first by a riser; a transfer between two buses runs in a lane on the right. Lines that were
clamped and belong to no bus stand in a row of their own.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from gridwitness.topology.model import Branch, Site

COLUMN = 112.0
LANE = 88.0
MARGIN = 20.0
LINE_AT = 34.0
"""Where in its column a branch's line runs; its figures stand to the right of it."""

HEAD, HEAD_BARE = 134.0, 30.0
FOOT_TIE, FOOT_LOAD, FOOT_BARE = 236.0, 170.0, 26.0
OBSERVED = 222.0

Kind = Literal["generator", "feeder", "tie", "unknown", "tap", "observed"]
_FIRST_TO_LAST = (
    "station_service", "excitation", "registered_load", "near_area_supply", "compensator", "storage", "backup_supply", "grid_tie",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """One branch (or an unknown outflow) on the diagram; its line starts on the bar at (x, y)."""

    id: str
    kind: Kind
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a bus; ``part`` 0 is the first, further ones continue it."""

    bus: str
    part: int
    x1: float
    x2: float
    y: float
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Riser:
    """A vertical link in a lane: a transfer branch between two buses, or (``branch`` None) a bus going on in its next bar."""

    branch: str | None
    x: float
    y1: float
    y2: float


@dataclass(frozen=True, slots=True)
class Layout:
    """A whole diagram in its own units (one unit is one pixel at full size)."""

    width: float
    height: float
    bars: tuple[Bar, ...]
    risers: tuple[Riser, ...]
    observed: tuple[Place, ...]

    def places(self) -> Iterator[Place]:
        """Every place, from top to bottom."""
        for bar in self.bars:
            yield from bar.places
        yield from self.observed


@dataclass(slots=True)
class _Section:
    bus: str
    part: int
    above: list[str] = field(default_factory=list)
    below: list[tuple[str, Kind]] = field(default_factory=list)
    y: float = 0.0

    def columns(self) -> int:
        return max(len(self.above) + 1, len(self.below))  # one column above the bar stays free for the bus's name

    def head(self) -> float:
        return HEAD if self.above else HEAD_BARE

    def foot(self) -> float:
        if any(kind in ("tie", "tap") for _, kind in self.below):
            return FOOT_TIE
        return FOOT_LOAD if self.below else FOOT_BARE


def lay_out(site: Site, *, columns: int = 5, unknown_at: Iterable[str] = (), taps_at: Iterable[str] = ()) -> Layout:
    """Place every branch of the register.

    ``columns``: how many branches hang side by side. ``unknown_at``: buses that energy leaves on no registered branch.
    ``taps_at``: tie branches ahead of whose revenue meter energy is taken; such a tap stands right of its tie.
    """
    unknown, taps = set(unknown_at), set(taps_at)
    sections = [s for bus in site.buses for s in _sections(site, bus, columns, bus in unknown, taps)]
    loose = [b.id for b in site.branches.values() if b.bus is None]
    rows = list(_chunks(loose, columns))
    used = max([s.columns() for s in sections] + [len(row) for row in rows] + [2])
    right = MARGIN + used * COLUMN

    y = 0.0
    for section in sections:
        y += section.head()
        section.y = y
        y += section.foot()
    spans = _spans(site, sections)
    lanes = _lanes(spans)
    routed = [(branch, a, b, _lane_x(right, lane)) for (branch, a, b), lane in zip(spans, lanes, strict=True)]
    bars = tuple(_bar(section, right, [x for _, a, b, x in routed if i in (a, b)]) for i, section in enumerate(sections))
    risers = tuple(Riser(branch, x, sections[a].y, sections[b].y) for branch, a, b, x in routed)
    observed = []
    for row in rows:
        observed += [Place(name, "observed", _line_x(i), y + 52.0) for i, name in enumerate(row)]
        y += OBSERVED
    width = right + MARGIN + max([30.0 + (lane + 1) * LANE - MARGIN if lane >= 0 else 8.0 for lane in lanes] + [0.0])
    return Layout(width, y, bars, risers, tuple(observed))


def _sections(site: Site, bus: str, columns: int, unknown: bool, taps: set[str]) -> Iterator[_Section]:
    above = [b.id for b in site.branches.values() if b.bus == bus and b.role == "generator"]
    below = [slot for branch in _below(site, bus) for slot in _slots(branch, taps)]
    if unknown:
        below.append((bus, "unknown"))
    top = list(_chunks(above, max(1, columns - 1)))
    bottom = list(_packed(below, columns))
    for part in range(max(len(top), len(bottom), 1)):
        yield _Section(bus, part, top[part] if part < len(top) else [], bottom[part] if part < len(bottom) else [])


def _below(site: Site, bus: str) -> list[Branch]:
    hanging = [b for b in site.branches.values() if b.bus == bus and b.role not in ("generator", "transfer")]
    return sorted(hanging, key=lambda b: _FIRST_TO_LAST.index(b.role) if b.role in _FIRST_TO_LAST else 2)


def _slots(branch: Branch, taps: set[str]) -> list[tuple[str, Kind]]:
    kind: Kind = "tie" if branch.role == "grid_tie" else "feeder"
    return [(branch.id, kind), (branch.id, "tap")] if branch.id in taps else [(branch.id, kind)]


def _packed(slots: Sequence[tuple[str, Kind]], columns: int) -> Iterator[list[tuple[str, Kind]]]:
    """Rows of at most ``columns``; a tap is never parted from its tie."""
    row: list[tuple[str, Kind]] = []
    for i, slot in enumerate(slots):
        wide = 2 if i + 1 < len(slots) and slots[i + 1][1] == "tap" else 1
        if row and slot[1] != "tap" and len(row) + wide > columns:
            yield row
            row = []
        row.append(slot)
    if row:
        yield row


def _chunks(items: Sequence[str], size: int) -> Iterator[list[str]]:
    for i in range(0, len(items), size):
        yield list(items[i : i + size])


def _spans(site: Site, sections: Sequence[_Section]) -> list[tuple[str | None, int, int]]:
    """What runs in lanes: (branch or None, upper section, lower section). Continuations first, then short before long."""
    ends = {s.bus: i for i, s in enumerate(sections)}  # a bus's last bar
    more: list[tuple[str | None, int, int]] = [(None, i - 1, i) for i, s in enumerate(sections) if s.part]
    transfers: list[tuple[str | None, int, int]] = []
    for branch in site.branches.values():
        if branch.role == "transfer" and branch.bus in ends and branch.to_bus in ends:
            a, b = sorted((ends[branch.bus], ends[branch.to_bus]))
            transfers.append((branch.id, a, b))
    return more + sorted(transfers, key=lambda s: (s[2] - s[1], s[1]))


def _lanes(spans: Sequence[tuple[str | None, int, int]]) -> list[int]:
    """The innermost free lane of each span; spans that only touch in one bar may share a lane, continuations have lane -1."""
    taken: list[tuple[int, int, int]] = []
    lanes = []
    for branch, a, b in spans:
        if branch is None:
            lanes.append(-1)
            continue
        lane = 0
        while any(used == lane and a < d and c < b for used, c, d in taken):
            lane += 1
        taken.append((lane, a, b))
        lanes.append(lane)
    return lanes


def _bar(section: _Section, right: float, lane_xs: Iterable[float]) -> Bar:
    """The bar over all columns, and as far to the right as the lanes that end on it."""
    above = [Place(name, "generator", _line_x(i), section.y) for i, name in enumerate(section.above)]
    below = [Place(name, kind, _line_x(i), section.y) for i, (name, kind) in enumerate(section.below)]
    return Bar(section.bus, section.part, MARGIN, max([right, *lane_xs]), section.y, (*above, *below))


def _lane_x(right: float, lane: int) -> float:
    return right + (22.0 if lane < 0 else 30.0 + lane * LANE)


def _line_x(column: int) -> float:
    return MARGIN + column * COLUMN + LINE_AT
