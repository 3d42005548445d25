"""Onset to the hour, and the energy that a drop means, with its expanded uncertainty, k = 2 (JCGM 100:2008, 6.2).

    Ê = Σ(P_water·e^ŷ − P)·dt,   U = 2·√(Var d̄ + u_hours²)·Σ P_water·e^ŷ·dt

ŷ is what the days before the onset foretold; Var d̄ carries level, gauge error, learnt curve and the gauge's stability. A gauge error
that was always there is no part of it: it was learnt with the level. Hours without both readings are filled at the mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gridwitness.detect.output import glr
from gridwitness.detect.output.events import Event, foretold
from gridwitness.detect.output.expected import Days, Floats, Hours
from gridwitness.domain.finding import Energy
from gridwitness.domain.moments import DAY_MS, HOUR_MS

COVERAGE_FACTOR = 2.0
AROUND_DAYS = 2
MEMORY_HOURS = 12.0
"""Hours of one gauge error: so many hourly residuals tell as much as one."""
FILL_MEMORY_HOURS = 24.0


@dataclass(frozen=True, slots=True)
class Onset:
    """Most plausible first hour, and the 95 % interval of its posterior; hours from ``Hours.first_ms`` on."""

    at: int
    earliest: int
    latest: int


def left_w(hourly: Hours, days: Days, event: Event) -> tuple[Floats, Floats]:
    """(what is missing, what was expected as the days before the event foretold), W, (h,); NaN where output or water is unknown."""
    starts = hourly.first_ms + HOUR_MS * np.arange(hourly.out_w.size, dtype=np.int64)
    day = np.clip((starts - int(days.start_ms[0])) // DAY_MS, 0, days.y.size - 1)
    k = np.arange(max(0, event.begin - AROUND_DAYS), days.y.size)
    level = np.full(days.y.size, np.nan)
    level[k] = foretold(event.frozen, days, event.begin, np.maximum(k, event.begin)) if k.size else np.nan
    for i in k[~np.isfinite(days.y[k])]:  # a mute day's load is not known: the level of the last day that spoke
        level[i] = level[i - 1] if i and np.isfinite(level[i - 1]) else level[i]
    expected = hourly.water_w * np.exp(level[day])
    missing = expected - hourly.out_w
    return np.where(hourly.idle, 0.0, missing), np.where(hourly.idle, 0.0, expected)  # idling hours tell nothing of a share


def onset(hourly: Hours, days: Days, event: Event) -> Onset:
    """Change point of the hourly ln ratio within two days of the event's first day; flat prior."""
    missing, expected = left_w(hourly, days, event)
    first = int((days.start_ms[event.begin] - hourly.first_ms) // HOUR_MS)
    a, b = max(0, first - 24 * AROUND_DAYS), min(first + 24 * AROUND_DAYS, _stop(hourly, days, event))
    with np.errstate(divide="ignore", invalid="ignore"):
        short = -np.log(1 - missing[a:b] / expected[a:b])
    use = hourly.good[a:b] & np.isfinite(short)
    if use.sum() < 4:
        return Onset(max(first, 0), max(first, 0), max(first, 0))
    low = np.clip(np.where(use, short, 0.0), -0.5 * event.drop, 1.5 * event.drop)
    gain = np.where(use, low**2 - (low - event.drop) ** 2, 0.0)  # squares saved by an hour that lies in the drop
    score = np.r_[np.cumsum(gain[::-1])[::-1], 0.0]
    at = int(np.argmax(score[:-1]))
    noise = np.var(np.r_[low[:at][use[:at]], low[at:][use[at:]] - event.drop]) + 1e-5
    share = np.exp((score[:-1] - score.max()) / (2 * noise * MEMORY_HOURS))
    total = np.cumsum(share) / share.sum()
    return Onset(a + at, a + min(at, int(np.searchsorted(total, 0.025))), a + max(at, int(np.searchsorted(total, 0.975))))


def energy(hourly: Hours, days: Days, event: Event, begins: Onset) -> Energy:
    """Energy from the onset to the event's end, or to the end of the records."""
    missing, expected = left_w(hourly, days, event)
    stop = _stop(hourly, days, event)
    span = slice(begins.at, stop)
    known = np.isfinite(missing[span])
    hours_known, hours = int(known.sum()), stop - begins.at
    measured, expected_wh = float(missing[span][known].sum()), float(expected[span][known].sum())
    relative = _relative_u(days, event)
    scatter = float(np.std(missing[span][known])) if hours_known > 1 else 0.0
    measured_u = math.hypot(relative * expected_wh, scatter * math.sqrt(hours_known))
    mean_w = measured / max(hours_known, 1)
    unmeasured = float(hours - hours_known)
    filled = mean_w * unmeasured
    fill_u = scatter * math.sqrt(unmeasured * FILL_MEMORY_HOURS) + relative * expected_wh * unmeasured / max(hours_known, 1)
    onset_u = mean_w * (begins.latest - begins.earliest) / 4
    late = slice(min(begins.latest, stop - 1), stop)
    sure = np.isfinite(missing[late])
    late_u = relative * float(expected[late][sure].sum())
    penalty = max(0.0, float(missing[late][sure].sum()) - COVERAGE_FACTOR * late_u)
    total_u = COVERAGE_FACTOR * math.sqrt((measured_u + fill_u) ** 2 + onset_u**2)
    return Energy(mean_w, measured + filled, total_u, measured, COVERAGE_FACTOR * measured_u, filled, unmeasured, penalty)


def end_ms(days: Days, event: Event) -> int | None:
    """End of the event, None while it lasts."""
    return None if event.end is None else int(days.start_ms[event.end])


def _stop(hourly: Hours, days: Days, event: Event) -> int:
    if event.end is None:
        return hourly.out_w.size
    return min(int((days.start_ms[event.end] - hourly.first_ms) // HOUR_MS), hourly.out_w.size)


def _relative_u(days: Days, event: Event) -> float:
    """Standard uncertainty of the mean drop over the whole event, as a share of what was expected."""
    last = days.y.size if event.end is None else event.end
    return glr.spread(event.frozen, days, event.begin, last)
