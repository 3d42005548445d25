"""Energy of a hidden load with its expanded uncertainty, k = 2 (JCGM 100:2008, 6.2).

    Ê = Σ(R − Xθ̂)·dt,   U = 2·√(s′Ps + vif·Σσ²)·dt

over the intervals that were measured. Missing ones are filled at the mean, which scales that uncertainty and adds the scatter of
the load about its mean, with a correlation time of four hours; an onset that is not sharp adds its own. The lower bound for a
penalty uses measured intervals alone, from the latest plausible onset.
"""

from __future__ import annotations

import math

import numpy as np

from gridwitness.detect import windows
from gridwitness.detect.balance import Floats, Segment
from gridwitness.detect.monitor import Event, residual
from gridwitness.domain.finding import Energy
from gridwitness.domain.moments import HOUR_MS

COVERAGE_FACTOR = 2.0
FILL_CORRELATION_MS = 4 * HOUR_MS


def energy(segment: Segment, event: Event) -> Energy:
    """Energy from the event's onset to its end, or to the end of the records."""
    s, e = event.onset.at, event.end if event.end is not None else segment.ts_ms.size
    last_ms = int(segment.end_ms[e - 1]) if event.end is not None else segment.last_ms
    hours = segment.dt_ms / HOUR_MS
    mean_w, u_w = _mean(segment, event, s, e)
    rows = e - s
    measured, measured_u = mean_w * rows * hours, u_w * rows * hours
    unmeasured = max(0.0, (last_ms - int(segment.ts_ms[s])) / HOUR_MS - rows * hours)
    filled = mean_w * unmeasured
    scatter = _scatter(segment, residual(segment, event.course, event.use, s, e), s)
    fill_u = scatter * math.sqrt(unmeasured * FILL_CORRELATION_MS / HOUR_MS)
    onset_u = mean_w * hours * (event.onset.latest - event.onset.earliest) / 4
    total_u = math.hypot(measured_u * (1 + unmeasured / (rows * hours)), fill_u, onset_u)
    late = min(event.onset.latest, e - 1)
    late_w, late_u = _mean(segment, event, late, e)
    penalty = max(0.0, (late_w - COVERAGE_FACTOR * late_u) * (e - late) * hours)
    k = COVERAGE_FACTOR
    return Energy(mean_w, measured + filled, k * total_u, measured, k * measured_u, filled, unmeasured, penalty)


def _mean(segment: Segment, event: Event, s: int, e: int) -> tuple[float, float]:
    """Mean power over samples [s, e) and its standard uncertainty, W."""
    if event.first_day:
        return float(event.course.hidden_w[event.use]), float(event.course.hidden_u_w[event.use])
    one = np.array([s]), np.array([e]), np.array([event.use])
    number, variance = windows.predicted(segment, event.course, event.total, *one)
    return float(number[0]) / (e - s), math.sqrt(float(variance[0])) / (e - s)


def _scatter(segment: Segment, left: Floats, s: int) -> float:
    """Standard deviation of the load's four-hour means, W; of its intervals where the record is shorter than two of them."""
    bins = (segment.ts_ms[s : s + left.size] - segment.ts_ms[s]) // FILL_CORRELATION_MS
    counts = np.bincount(bins)
    means = np.bincount(bins, weights=left)[counts > 0] / counts[counts > 0]
    return float(np.std(means)) if means.size > 2 else float(np.std(left))
