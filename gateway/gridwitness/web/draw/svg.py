"""A few lines to write SVG: elements as text with everything escaped.

Styling is by class only: the pages' policy allows no style attributes.
"""

from markupsafe import Markup, escape

Value = str | int | float


def tag(name: str, *children: str, **attributes: Value | None) -> Markup:
    """One element. ``cls`` is ``class``, ``_`` in names becomes ``-``; None leaves an attribute out; text children are escaped."""
    parts = [f"<{name}"]
    for key, value in attributes.items():
        if value is None:
            continue
        shown = f"{value:.1f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
        label = "class" if key == "cls" else "viewBox" if key == "view_box" else key.replace("_", "-")
        parts.append(f' {label}="{escape(shown)}"')
    inside = "".join(str(escape(child)) for child in children)
    return Markup("".join(parts) + (f">{inside}</{name}>" if inside or name in ("text", "title") else "/>"))


def text(x: float, y: float, words: str, cls: str | None = None, anchor: str | None = None) -> Markup:
    """A line of text whose baseline starts (or is centred, or ends) at x, y."""
    return tag("text", words, x=float(x), y=float(y), cls=cls, text_anchor=anchor)


def path(d: str, cls: str | None = None) -> Markup:
    """A path."""
    return tag("path", d=d, cls=cls)


def group(*children: str, cls: str | None = None, **attributes: Value | None) -> Markup:
    """Elements that belong together."""
    return tag("g", *children, cls=cls, **attributes)


def picture(width: float, height: float, *children: str, label: str, cls: str, **data: Value | None) -> Markup:
    """A whole picture with the sentence that a screen reader says instead of it."""
    box = f"0 0 {width:.0f} {height:.0f}"
    return tag("svg", *children, view_box=box, width=width, height=height, cls=cls, role="img", aria_label=label, **data)
