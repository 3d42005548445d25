"""The signs of a single-line diagram (after IEC 60617, simplified): each function draws one at a place."""

from markupsafe import Markup

from gridwitness.web.draw.svg import group, path, tag, text

_LOADS = {
    "compensator": "M-10 3H10M-10 9H10M0 0V3M0 9V14M-5 14H5",
    "storage": "M-11 3H11M-6 9H6M0 0V3M0 9V14M-5 14H5",
}


def line(x: float, y1: float, y2: float, cls: str = "ln") -> Markup:
    """A vertical conductor."""
    return path(f"M{x:g} {y1:g}V{y2:g}", cls)


def arrow(x: float, y: float, down: bool) -> Markup:
    """Direction of active power on a vertical conductor."""
    return path(f"M{x:g} {y + 6:g}l-6-12h12z" if down else f"M{x:g} {y - 6:g}l-6 12h12z", "arw")


def generator(x: float, y: float, name: str) -> Markup:
    """A machine: a circle with its name, centred."""
    size = "tiny" if len(name) > 4 else None
    return group(tag("circle", cx=x, cy=y, r=20, cls="sym"), text(x, y + 4, name if len(name) <= 6 else name[:5] + "…", size, "middle"))


def transformer(x: float, y: float) -> Markup:
    """Two windings, the upper one centred at y."""
    places = (y, y + 17)
    return group(*(tag("circle", cx=x, cy=at, r=12, cls=cls) for cls in ("hide", "sym open") for at in places))


def meter(x: float, y: float) -> Markup:
    """An instrument on a conductor."""
    return tag("circle", cx=x, cy=y, r=4, cls="sym")


def revenue_meter(x: float, y: float) -> Markup:
    """The grid's revenue meter, centred."""
    return group(tag("rect", x=x - 15, y=y - 9, width=30, height=18, rx=3, cls="sym"), text(x, y + 4, "kWh", "tiny", "middle"))


def load(x: float, y: float, role: str) -> Markup:
    """What hangs at the end of a conductor."""
    if role in _LOADS:
        return tag("path", d=_LOADS[role], cls="ln", transform=f"translate({x:g} {y:g})")
    return path(f"M{x - 8:g} {y:g}h16l-8 12z", "sym")


def grid(x: float, y: float) -> Markup:
    """The public grid: a short bar."""
    return path(f"M{x - 24:g} {y:g}h48", "bar")


def question(x: float, y: float) -> Markup:
    """Something that no register entry explains, centred."""
    return group(path(f"M{x:g} {y - 17:g}l17 17-17 17-17-17z", "odd"), text(x, y + 5, "?", "odd-text", "middle"))
