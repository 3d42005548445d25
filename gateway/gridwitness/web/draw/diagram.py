"""The single-line diagram: a layout, the flows on it and what is abnormal, as one SVG.

Grey lines and ink figures; colour and a ``?`` only where a finding stands. Arrows show the direction of active power.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from markupsafe import Markup

from gridwitness.topology.model import Branch, Site
from gridwitness.web import figures
from gridwitness.web.draw import symbols
from gridwitness.web.draw.layout import COLUMN, Bar, Layout, Place, Riser
from gridwitness.web.draw.svg import group, path, picture, tag, text
from gridwitness.web.text import Words

LOAD_DOWN, TIE_DOWN, TAP_DOWN = 112.0, 190.0, 146.0


@dataclass(frozen=True, slots=True)
class Flow:
    """Active power of one branch in the register's sign (into the bus for a generator, off the bus for the others)."""

    p_w: float | None
    u95_w: float | None = None
    metered: bool = True
    stale: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """Power that leaves on no registered branch, with the state of its finding."""

    state: str
    p_w: float | None
    u95_w: float | None


@dataclass(frozen=True, slots=True)
class Live:
    """What is shown on the lines. Keys are branch ids, except those of ``u_v`` (phase to phase) and ``unknown``: buses.

    ``loss_w`` is the loss of the transformers above a tie; ``taps`` are taken ahead of a tie's revenue meter; ``marks`` gives a
    branch the state of a finding on it.
    """

    flows: Mapping[str, Flow] = field(default_factory=dict)
    revenue: Mapping[str, Flow] = field(default_factory=dict)
    u_v: Mapping[str, float] = field(default_factory=dict)
    loss_w: Mapping[str, float] = field(default_factory=dict)
    unknown: Mapping[str, Unknown] = field(default_factory=dict)
    taps: Mapping[str, Unknown] = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)


def draw(layout: Layout, site: Site, live: Live, words: Words) -> Markup:
    """The picture; its label says in words what is abnormal on it."""
    pen = _Pen(site, live, words)
    bars = {(bar.bus, bar.part): bar for bar in layout.bars}
    parts = [pen.riser(riser, bars) for riser in layout.risers]
    for bar in layout.bars:
        parts += [pen.place(place) for place in bar.places]
        parts.append(pen.bar(bar))
    parts += [pen.place(place) for place in layout.observed]
    return picture(layout.width, layout.height, *parts, label=pen.sentence(), cls="sld")


class _Pen:
    """Draws one part after the other; knows the register, the flows and the language."""

    def __init__(self, site: Site, live: Live, words: Words) -> None:
        self.site, self.live, self.words = site, live, words
        self.stepped_up = {p.bus for p in site.plants.values() if p.losses.no_load_w or p.losses.load_at_rated_w}

    def sentence(self) -> str:
        odd = [self.words("diagram.unknown_label", bus=bus, power=figures.power(u.p_w, u.u95_w)) for bus, u in self.live.unknown.items()]
        odd += [self.words("diagram.tap_label", branch=tie, power=figures.power(u.p_w, u.u95_w)) for tie, u in self.live.taps.items()]
        return " ".join([self.words("diagram.label"), *odd])

    def bar(self, bar: Bar) -> Markup:
        nominal = self.site.buses[bar.bus].u_nominal_v
        u = self.live.u_v.get(bar.bus)
        volts = f"{u / 1000:.2f} kV" if u else f"{nominal / 1000:g} kV" if nominal else ""
        name = f"{bar.bus}  {volts}" if bar.part == 0 else bar.bus
        return group(path(f"M{bar.x1:g} {bar.y:g}H{bar.x2:g}", "bar"), text(bar.x2 - 6, bar.y - 10, name, "soft", "end"))

    def place(self, place: Place) -> Markup:
        match place.kind:
            case "unknown":
                return self.unknown(place)
            case "tap":
                return self.tap(place)
        branch = self.site.branches[place.id]
        drawn = {"generator": self.generator, "tie": self.tie, "observed": self.observed}.get(place.kind, self.feeder)(place, branch)
        return group(drawn, cls=self.live.marks.get(place.id), data_branch=branch.id)

    def generator(self, at: Place, branch: Branch) -> Markup:
        flow = self.flow(branch)
        return group(
            symbols.line(at.x, at.y - 76, at.y, self.conductor(flow)),
            symbols.generator(at.x, at.y - 96, branch.id),
            self.arrow(flow, at.x, at.y - 40, into_bus_down=True, into_bus=True),
            self.figure(flow, at.x + 27, at.y - 101),
            self.hint(branch),
        )

    def feeder(self, at: Place, branch: Branch, from_y: float = 0.0) -> Markup:
        flow = self.flow(branch)
        end = at.y + LOAD_DOWN
        return group(
            symbols.line(at.x, at.y + from_y, end, self.conductor(flow)),
            symbols.meter(at.x, at.y + 24) if flow.metered else "",
            self.arrow(flow, at.x, at.y + 54),
            self.figure(flow, at.x + 11, at.y + 82),
            symbols.load(at.x, end, branch.role),
            text(at.x, end + 29, branch.id, "name", "middle"),
            text(at.x, end + 45, self.what(branch), "soft", "middle"),
            self.hint(branch),
        )

    def observed(self, at: Place, branch: Branch) -> Markup:
        return group(
            path(f"M{at.x:g} {at.y - 14:g}V{at.y + 14:g}", "ln dotted"),
            text(at.x, at.y - 20, self.words("diagram.no_source"), "soft", "middle"),
            self.feeder(at, branch, 14.0),
        )

    def tie(self, at: Place, branch: Branch) -> Markup:
        flow, revenue = self.flow(branch), self.live.revenue.get(branch.id)
        end = at.y + TIE_DOWN
        parts: list[Markup] = [symbols.line(at.x, at.y, end, self.conductor(flow))]
        if branch.bus in self.stepped_up:
            loss = self.live.loss_w.get(branch.id)
            parts += [symbols.transformer(at.x, at.y + 34), text(at.x + 18, at.y + 38, self.words("diagram.transformer"), "soft")]
            if loss is not None:
                parts.append(
                    text(at.x + 18, at.y + 54, self.words("diagram.loss", power=figures.power(loss, 0.2 * abs(loss)).bare()), "soft")
                )
        parts += [
            symbols.meter(at.x, at.y + 82) if flow.metered else Markup(""),
            self.figure(flow, at.x + 11, at.y + 100),
            self.arrow(flow, at.x, at.y + 110),
            symbols.revenue_meter(at.x, at.y + 164) if branch.revenue_point else Markup(""),
            symbols.grid(at.x, end),
            text(at.x, end + 20, f"{branch.id} {self.words('diagram.grid')}", "name", "middle"),
        ]
        if revenue is not None:
            shown = self.words("diagram.revenue", power=figures.power(revenue.p_w, revenue.u95_w).bare())
            parts.append(text(at.x, end + 36, shown, "soft", "middle"))
        return group(*parts, self.hint(branch))

    def unknown(self, at: Place) -> Markup:
        odd = self.live.unknown[at.id]
        return group(
            symbols.line(at.x, at.y + 3, at.y + 95, "ln dashed"),
            symbols.arrow(at.x, at.y + 54, down=(odd.p_w or 0) >= 0),
            symbols.question(at.x, at.y + LOAD_DOWN),
            text(at.x, at.y + 146, str(figures.power(odd.p_w, odd.u95_w)), "odd-text", "middle"),
            text(at.x, at.y + 162, self.words("diagram.no_branch"), "soft", "middle"),
            cls=odd.state,
        )

    def tap(self, at: Place) -> Markup:
        odd, y = self.live.taps[at.id], at.y + TAP_DOWN - 10
        return group(
            path(f"M{at.x - COLUMN:g} {y:g}H{at.x - 17:g}", "ln dashed"),
            path(f"M{at.x - 22:g} {y:g}l-12-6v12z", "arw"),
            symbols.question(at.x, y),
            text(at.x, y + 36, str(figures.power(odd.p_w, odd.u95_w)), "odd-text", "middle"),
            text(at.x, y + 52, self.words("diagram.before_meter"), "soft", "middle"),
            cls=odd.state,
        )

    def riser(self, riser: Riser, bars: Mapping[tuple[str, int], Bar]) -> Markup:
        if riser.branch is None:
            return path(f"M{riser.x:g} {riser.y1:g}V{riser.y2:g}", "bar")
        branch = self.site.branches[riser.branch]
        flow, middle = self.flow(branch), (riser.y1 + riser.y2) / 2
        starts_above = any(bar.y == riser.y1 for (bus, _), bar in bars.items() if bus == branch.bus)
        return group(
            symbols.line(riser.x, riser.y1, riser.y2, self.conductor(flow)),
            self.arrow(flow, riser.x, middle - 30, into_bus_down=not starts_above),
            text(riser.x + 11, middle - 26, branch.id, "name"),
            self.figure(flow, riser.x + 11, middle - 8),
            self.hint(branch),
            cls=self.live.marks.get(branch.id),
            data_branch=branch.id,
        )

    def flow(self, branch: Branch) -> Flow:
        return self.live.flows.get(branch.id, Flow(None, metered=branch.point is not None))

    def conductor(self, flow: Flow) -> str:
        return "ln" if flow.metered else "ln dotted"

    def arrow(self, flow: Flow, x: float, y: float, *, into_bus_down: bool = False, into_bus: bool = False) -> Markup:
        """An arrow only where the power is clearly not zero. A positive flow is into the bus for a generator, else off it."""
        if flow.p_w is None or flow.stale or abs(flow.p_w) <= 0.5 * (flow.u95_w or 0.0):
            return Markup("")
        towards_bus = (flow.p_w > 0) == into_bus
        return symbols.arrow(x, y, down=towards_bus == into_bus_down)

    def figure(self, flow: Flow, x: float, y: float) -> Markup:
        """Two lines: the power, and its uncertainty (or why there is none)."""
        if not flow.metered:
            return text(x, y, self.words("diagram.unmetered"), "soft")
        shown = figures.power(flow.p_w, flow.u95_w)
        value = shown.value if flow.p_w is None else f"{shown.value} {shown.unit}"
        below = self.words("diagram.stale") if flow.stale else f"± {shown.u95}" if shown.u95 else ""
        return group(text(x, y, value, "stale" if flow.stale else None), text(x, y + 15, below, "soft"))

    def what(self, branch: Branch) -> str:
        """Who or what the branch is: the customer's name, else the role."""
        customer = self.site.customers.get(branch.customer or "")
        return _short(self.words.of(customer.name) if customer else self.words(f"role.{branch.role}"))

    def hint(self, branch: Branch) -> Markup:
        """The tooltip: everything in full."""
        point = self.words("diagram.point", point=branch.point) if branch.point else self.words("diagram.unmetered")
        customer = self.site.customers.get(branch.customer or "")
        who = [self.words.of(customer.name)] if customer else []
        return tag("title", " · ".join([branch.id, self.words(f"role.{branch.role}"), *who, point]))


def _short(name: str, most: int = 15) -> str:
    """A name that fits under its line: Chinese characters count twice."""
    width = 0
    for i, character in enumerate(name):
        width += 2 if ord(character) > 0x2E7F else 1
        if width > most:
            return name[:i].rstrip() + "…"
    return name
