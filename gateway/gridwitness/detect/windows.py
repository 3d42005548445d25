"""Windowed likelihood ratio (GLR) for a load that came on: how far a window's residual lies beyond what is known of the instruments.

    T_L(t) = Σ(R − Xθ̂) / √(s′Ps + vif·Σσ²),   s = ΣX over the last L,   θ̂ and P from BEFORE the window

so that a load inside the window cannot be calibrated away. The drifts' part of s′Ps is that of an Ornstein–Uhlenbeck process
averaged over the window. Willsky & Jones (1976), IEEE Trans. Autom. Control 21(1); Basseville & Nikiforov, Detection of Abrupt
Changes (1993), ch. 7. Thresholds: N(0, 1) quantiles for a rate of false alarms a year, shared between the windows, times three
for windows that overlap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from gridwitness.detect.balance import FORGET_MS, Floats, Segment
from gridwitness.detect.calibration import WARM_ROWS, Course
from gridwitness.domain.moments import DAY_MS, HOUR_MS, MINUTE_MS
from gridwitness.topology import accuracy

LENGTHS_MS = (5 * MINUTE_MS, 15 * MINUTE_MS, HOUR_MS, 4 * HOUR_MS, DAY_MS, 3 * DAY_MS, 7 * DAY_MS)
CASE_A_YEAR, WATCH_A_YEAR = 0.02, 6.0
LEAST_ROWS = 4
LONG_MS = 4 * HOUR_MS
LEAST_SHARE = (2e-3, 1e-3)
"""A mean power under this share of the rating is no load worth an inspector's trip, whatever its significance (in windows shorter
than, and from, ``LONG_MS`` on)."""
CLOCK_LIMIT_S = 45.0
"""A clock may be off so much at any time, whatever the register says: what it makes of a ramp or a step is no load."""
_YEAR_MS = 365.25 * DAY_MS


@dataclass(slots=True)
class Sums:
    """Cumulative sums over the samples (n + 1 rows): columns, residual, noise variance for each course."""

    z: Floats
    r: Floats
    noise: Floats
    absolute: Floats


@dataclass(slots=True)
class Tests:
    """Windows [s, e) that were tested, with what was found; arrays of shape (k,).

    ``threshold`` for T, higher while little is known of the noise; ``excess_w`` mean residual, ``sd_w`` its standard deviation,
    ``t`` their ratio; ``spare_w`` by how much its size exceeds threshold and every single instrument's stability
    (negative: an instrument alone could explain it); ``least_w`` the least power that is worth a trip.
    """

    length_ms: int
    s: NDArray[np.int64]
    e: NDArray[np.int64]
    threshold: Floats
    t: Floats
    excess_w: Floats
    sd_w: Floats
    spare_w: Floats
    least_w: float

    def over(self, hard: bool) -> NDArray[np.bool_]:
        """Windows above their threshold (``hard``: that no single instrument explains)."""
        plain = (self.t > self.threshold) & (self.excess_w > self.least_w)
        return plain & (self.spare_w > 0) if hard else plain

    def under(self) -> NDArray[np.bool_]:
        """Windows as far below zero, where no load can be, and no single instrument explains it either."""
        return (self.t < -self.threshold) & (self.excess_w < -self.least_w) & (self.spare_w > 0)


def threshold(length_ms: int, a_year: float) -> float:
    """Quantile of N(0, 1) for ``a_year`` false alarms a year over all windows."""
    looks = 3 * _YEAR_MS / length_ms * len(LENGTHS_MS)
    return NormalDist().inv_cdf(1 - min(0.4, a_year / looks))


def name(length_ms: int) -> str:
    """``glr_5min``, ``glr_1h``, ``glr_3d`` …"""
    for unit, size in (("d", DAY_MS), ("h", HOUR_MS), ("min", MINUTE_MS)):
        if length_ms % size == 0:
            return f"glr_{length_ms // size}{unit}"
    return f"glr_{length_ms // 1000}s"


def sums(segment: Segment, course: Course) -> Sums:
    """Cumulative sums for one course. Each sample carries the noise that was known before its block."""
    n = segment.ts_ms.size
    long_run = np.array([state.long_run for state in course.noise])
    each = long_run[np.minimum(np.searchsorted(course.end, np.arange(n), side="right"), long_run.size - 1)]
    zero = np.zeros((1, course.z.shape[1]))
    limits = np.abs(segment.x_w)
    return Sums(
        np.vstack([zero, np.cumsum(course.z, axis=0)]),
        np.r_[0.0, np.cumsum(segment.residual_w)],
        np.r_[0.0, np.cumsum(each * segment.scale_w**2 + segment.jitter_w2)],
        np.vstack([np.zeros((1, limits.shape[1])), np.cumsum(limits, axis=0)]),
    )


def predicted(
    segment: Segment, course: Course, total: Sums, s: NDArray[np.int64], e: NDArray[np.int64], use: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Σ residual over [s, e) less what posterior ``use`` explains, and its variance; arrays of shape (k,)."""
    columns = total.z[e] - total.z[s]
    number = total.r[e] - total.r[s]
    variance = total.noise[e] - total.noise[s]
    gap = np.maximum(0, segment.ts_ms[s] - course.at_ms[use]).astype(np.float64)
    long = (segment.ts_ms[e - 1] + segment.dt_ms - segment.ts_ms[s]).astype(np.float64)
    for column, tau in zip(course.drifts, FORGET_MS, strict=True):
        ratio = long / tau
        once = np.exp(-gap / tau) * -np.expm1(-ratio) / ratio
        twice = 2 / ratio * (1 + np.expm1(-ratio) / ratio)
        variance = variance + columns[:, column] ** 2 * np.maximum(0.0, twice - once**2)
        columns[:, column] *= once
    means, quadratic = np.empty(s.size), np.empty(s.size)
    for k in range(0, s.size, 4096):
        part = slice(k, k + 4096)
        c, b = columns[part], use[part]
        means[part] = np.einsum("ij,ij->i", c, course.mean[b])
        quadratic[part] = np.einsum("ij,ij->i", np.matmul(c[:, None, :], course.cov[b])[:, 0], c)
    return number - means, variance + quadratic


def tests(segment: Segment, course: Course, total: Sums, length_ms: int, first: int, a_year: float) -> Tests | None:
    """All windows of one length that begin at sample ``first`` or later and end on the stride's grid."""
    if length_ms < LEAST_ROWS * segment.dt_ms:
        return None
    ends = segment.end_ms
    stride = max(segment.dt_ms, length_ms // 24)
    tick = (ends - segment.ts_ms[0]) // stride
    e = np.flatnonzero(np.r_[True, np.diff(tick) > 0]) + 1
    s = np.searchsorted(segment.ts_ms, ends[e - 1] - length_ms)
    full = (s >= first) & (e - s >= max(LEAST_ROWS, length_ms // segment.dt_ms // 2)) & (ends[e - 1] - length_ms >= segment.ts_ms[0])
    s, e = s[full], e[full]
    if s.size == 0:
        return None
    use = course.before(s)
    learnt = np.r_[0, course.end - (course.start[0] if course.start.size else 0)][use] >= WARM_ROWS
    s, e, use = s[learnt], e[learnt], use[learnt]
    if s.size == 0:
        return None
    number, variance = predicted(segment, course, total, s, e, use)
    rows, sd = (e - s).astype(np.float64), np.sqrt(variance)
    h = cautious(threshold(length_ms, a_year), course, use)
    drift = np.array([accuracy.stability(c.point, length_ms / DAY_MS) for c in segment.plan.channels])
    moves = ((total.absolute[e] - total.absolute[s]) * drift).max(axis=1)
    spare = (np.abs(number) - h * sd - np.maximum(moves, clock_moves(segment, s, e))) / rows
    least = LEAST_SHARE[length_ms >= LONG_MS] * segment.plan.rated_w
    return Tests(length_ms, s, e, h, number / sd, number / rows, sd / rows, spare, least)


def clock_moves(segment: Segment, s: NDArray[np.int64], e: NDArray[np.int64]) -> Floats:
    """How much of Σ residual over [s, e) one clock that is off by τ ≤ ``CLOCK_LIMIT_S`` can make, (k,) in W·intervals.

    τ·(P(end) − P(begin))/dt, at its most within the interval by which either end is uncertain; and, at the window's end, a step that
    one instrument has just shown and the others may show an interval later: all of it.
    """
    x = segment.x_w
    last = x[np.maximum(e - 2, 0)]
    ends, begins = np.stack([x[e - 1], last]), np.stack([x[np.maximum(s - 1, 0)], x[s]])
    most = np.maximum(np.abs(ends.max(axis=0) - begins.min(axis=0)), np.abs(ends.min(axis=0) - begins.max(axis=0)))
    limit = np.array([max(CLOCK_LIMIT_S, 3 * c.point.clock_u_s) for c in segment.plan.channels]) * 1000 / segment.dt_ms
    return np.asarray(np.maximum(most * limit, np.abs(x[e - 1] - last) * np.maximum(limit, 1.0)).max(axis=1))


def cautious(h: float, course: Course, use: NDArray[np.int64]) -> Floats:
    """The threshold where the noise is itself an estimate: first term of Student's t against the normal quantile
    (Cornish-Fisher), with half the intervals that it was learnt from as degrees of freedom: neighbours are alike."""
    free = np.array([noise.rows for noise in course.noise]) / 2
    return np.asarray(h * (1 + (h**2 + 1) / (4 * np.maximum(free[use], 1.0))))


def first_crossing(found: Sequence[Tests], which: Callable[[Tests], NDArray[np.bool_]]) -> tuple[Tests, int] | None:
    """The earliest window that ``which`` picks; of equally early ones the clearest."""
    best: tuple[int, float, Tests, int] | None = None
    for test in found:
        hits = np.flatnonzero(which(test))
        if hits.size:
            k = int(hits[0])
            key = (int(test.e[k]), -abs(float(test.t[k])))
            if best is None or key < best[:2]:
                best = (*key, test, k)
    return (best[2], best[3]) if best else None
