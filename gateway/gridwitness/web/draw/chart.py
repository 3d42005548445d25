"""The residual over time: its band (k = 2), its gaps, the onset of each finding; and a small version for the overview."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from gridwitness.web import figures, times
from gridwitness.web.draw.svg import group, path, picture, tag, text
from gridwitness.web.draw.trace import Trace

LEFT, RIGHT, TOP, BOTTOM = 52.0, 12.0, 26.0, 30.0


@dataclass(frozen=True, slots=True)
class Onset:
    """Where a finding begins, the plausible interval of that, and its state."""

    at_ms: int
    state: str
    words: str
    earliest_ms: int | None = None
    latest_ms: int | None = None
    to_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Axes:
    """From time and power to places on the picture."""

    from_ms: int
    to_ms: int
    low_w: float
    high_w: float
    width: float
    height: float

    def x(self, at_ms: float) -> float:
        """Place of a time."""
        return LEFT + (at_ms - self.from_ms) / max(1, self.to_ms - self.from_ms) * (self.width - LEFT - RIGHT)

    def y(self, p_w: float) -> float:
        """Place of a power, inside the frame."""
        p_w = min(max(p_w, self.low_w), self.high_w)
        return TOP + (self.high_w - p_w) / (self.high_w - self.low_w) * (self.height - TOP - BOTTOM)


def chart(
    trace: Trace, onsets: Sequence[Onset], from_ms: int, to_ms: int, zone: str, label: str, width: float = 680.0, height: float = 264.0
) -> Markup:
    """The whole picture. ``label`` is what a screen reader says; powers are in kW on the axis."""
    low, high, step = power_axis(trace)
    axes = Axes(from_ms, to_ms, low, high, width, height)
    parts = [*_grid(axes, step, zone), *_bands(trace, axes)]
    parts += [_line(trace, run, axes, onsets) for run in trace.runs()]
    parts += [_onset(onset, axes) for onset in onsets if from_ms <= onset.at_ms <= to_ms]
    parts.append(
        group(path(f"M0 {TOP:g}V{height - BOTTOM:g}", "cursor-line"), tag("circle", cx=0, cy=0, r=3.5, cls="cursor-dot"), cls="cursor")
    )
    data = {"from": from_ms, "to": to_ms, "low": low, "high": high, "left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM}
    return picture(width, height, *parts, label=label, cls="chart", **{f"data_{name}": value for name, value in data.items()})


def power_axis(trace: Trace, lines: int = 4) -> tuple[float, float, float]:
    """Lowest and highest value and distance of the grid lines, W: round numbers that hold zero, every value and the usual band.

    The band of the first minutes, before the instruments' errors are learnt, may be much wider and is cut off at the frame.
    """
    there = np.isfinite(trace.value_w)
    if not there.any():
        return -1000.0, 1000.0, 1000.0
    value, u95 = trace.value_w[there], np.nan_to_num(trace.u95_w[there])
    usual = min(float(np.max(u95)), 3 * float(np.median(u95)))
    low, high = min(0.0, float(np.min(value)) - usual), max(0.0, float(np.max(value)) + usual)
    if high - low < 1.0:
        low, high = low - 500.0, high + 500.0
    rough = (high - low) / lines
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= rough * 0.999)
    return math.floor(low / step) * step, math.ceil(high / step) * step, step


def _grid(axes: Axes, step: float, zone: str) -> list[Markup]:
    parts = []
    decimals = max(0, -math.floor(math.log10(step / 1000) + 1e-9))
    if abs(step / 1000 * 10**decimals % 1) > 1e-6:
        decimals += 1
    for i in range(round((axes.high_w - axes.low_w) / step) + 1):
        p_w = axes.low_w + i * step
        y = axes.y(p_w)
        zero = abs(p_w) < step * 1e-6
        parts.append(path(f"M{LEFT:g} {y:.1f}H{axes.width - RIGHT:g}", "zero" if zero else "grid"))
        parts.append(text(LEFT - 8, y + 4, figures.grouped(0.0 if zero else p_w / 1000, 0 if zero else decimals), "soft", "end"))
    parts.append(text(LEFT - 8, TOP - 12, "kW", "faint", "end"))
    for at_ms, words in times.ticks(axes.from_ms, axes.to_ms, zone, most=max(3, int(axes.width / 95))):
        x = axes.x(at_ms)
        parts.append(path(f"M{x:.1f} {axes.height - BOTTOM:g}v5", "zero"))
        anchor = "end" if x > axes.width - 24 else "middle"
        parts.append(text(x, axes.height - BOTTOM + 20, words, "soft", anchor))
    return parts


def _bands(trace: Trace, axes: Axes) -> list[Markup]:
    bands = []
    for run in trace.runs():
        x = _xs(trace, run, axes)
        upper = [axes.y(v) for v in (trace.value_w + np.nan_to_num(trace.u95_w))[run]]
        lower = [axes.y(v) for v in (trace.value_w - np.nan_to_num(trace.u95_w))[run]]
        bands.append(path(points(x, upper) + points(x[::-1], lower[::-1]).replace("M", "L", 1) + "Z", "band"))
    return bands


def _line(trace: Trace, run: slice, axes: Axes, onsets: Sequence[Onset]) -> Markup:
    """One stretch without a gap; coloured where a finding lasts."""
    x, y = _xs(trace, run, axes), [axes.y(v) for v in trace.value_w[run]]
    states = [_state_at(int(at), onsets) for at in trace.middle_ms[run]]
    if len(states) == 1:
        x, y, states = [x[0] - 1.5, x[0] + 1.5], y * 2, states * 2
    parts, start = [], 0
    for i in range(1, len(states) + 1):
        if i == len(states) or states[i] != states[start]:
            end = min(i + 1, len(states))
            cls = f"residual {states[start]}" if states[start] else "residual"
            parts.append(path(points(x[start:end], y[start:end]), cls))
            start = i
    return group(*parts)


def _state_at(at_ms: int, onsets: Sequence[Onset]) -> str:
    return next((o.state for o in onsets if o.at_ms <= at_ms and (o.to_ms is None or at_ms < o.to_ms)), "")


def _xs(trace: Trace, run: slice, axes: Axes) -> list[float]:
    return [min(max(axes.x(int(at)), LEFT), axes.width - RIGHT) for at in trace.middle_ms[run]]


def _onset(onset: Onset, axes: Axes) -> Markup:
    x = axes.x(onset.at_ms)
    left = x > axes.width * 0.6
    parts = []
    if onset.earliest_ms is not None and onset.latest_ms is not None:
        x1, x2 = max(LEFT, axes.x(onset.earliest_ms)), min(axes.width - RIGHT, axes.x(onset.latest_ms))
        parts.append(tag("rect", x=x1, y=TOP, width=max(0.0, x2 - x1), height=axes.height - TOP - BOTTOM, cls="onset-span"))
    parts.append(path(f"M{x:.1f} {TOP - 4:g}V{axes.height - BOTTOM:g}", "onset-line"))
    parts.append(text(x - 6 if left else x + 6, TOP - 8, onset.words, "odd-text", "end" if left else None))
    return group(*parts, cls=onset.state)


def points(x: Sequence[float], y: Sequence[float]) -> str:
    """Path data of a polyline."""
    return "".join(f"{'L' if i else 'M'}{a:.1f} {b:.1f}" for i, (a, b) in enumerate(zip(x, y, strict=True)))


def spark(trace: Trace, state: str, label: str, width: float = 120.0, height: float = 26.0) -> Markup:
    """The residual as a small line without axes; the faint line is zero."""
    there: NDArray[np.bool_] = np.isfinite(trace.value_w)
    if not there.any():
        return picture(width, height, label=label, cls="spark")
    low, high = min(0.0, float(np.min(trace.value_w[there]))), max(0.0, float(np.max(trace.value_w[there])))
    reach = max(high - low, 4 * float(np.median(np.nan_to_num(trace.u95_w[there]))), 1.0)
    low -= (reach - (high - low)) / 2

    def y(p_w: float) -> float:
        return height - 4 - (p_w - low) / reach * (height - 8)

    ends = int(trace.ts_ms[0]), int(trace.ts_ms[-1]) + trace.step_ms
    x = [(int(at) - ends[0]) / max(1, ends[1] - ends[0]) * width for at in trace.middle_ms]
    lines = [path(points(x[run], [y(v) for v in trace.value_w[run]]), f"residual {state}") for run in trace.runs()]
    return picture(width, height, path(f"M0 {y(0.0):.1f}H{width:g}", "grid"), *lines, label=label, cls="spark")
