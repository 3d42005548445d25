"""Which instrument is at fault, where a residual cannot be a load.

Three marks, none of which a hidden load leaves (the second is `windows.Tests.under`):

* a registered load's reading falls by just what the residual gains while every other instrument stands still: the meter was
  bypassed, reversed, shorted or taken off (a hidden load would have been seen by tie or generator);
* the residual swings below zero: no load gives energy;
* shifting one instrument's record in time makes the residual quiet: its clock is off, and nothing can be said until it is right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridwitness.detect.balance import Floats, Segment
from gridwitness.detect.calibration import Noise
from gridwitness.domain.moments import DAY_MS, HOUR_MS, MINUTE_MS

SINKS = frozenset({"registered_load", "near_area_supply", "station_service", "excitation", "storage", "backup_supply"})
LIKENESS = 0.3
"""How closely (share) the instrument's step must equal the residual's, and how still all others must stand."""
QUIET = 0.5
"""Share of the residual's variance that a time shift must leave at most."""
JUMP = 0.25
"""Least step of such a reading, in shares of what it read before."""
LOUD = 5.0
"""By how much (variance) the residual must move beyond its noise before a clock is suspected."""
LONGEST_SHIFT_MS = 2 * HOUR_MS
LEAST_SPAN_MS = 12 * HOUR_MS
STEP_MS = 10 * MINUTE_MS
"""Movements are looked at over this time: shorter ones are noise."""
SPAN_MS = 2 * DAY_MS
LEAST_ROWS = 4
ESTRANGED_MS, ESTRANGED_ROWS, ESTRANGED_MOVES, ESTRANGED_EVENTS, ESTRANGED_CORR = 6 * HOUR_MS, 6, 3e-3, 3.0, 0.4
"""Over what time, from how many steps of ``STEP_MS``, with which least movement (share of the rating), over how many movements'
worth, and below which correlation an instrument's record does not belong to the others'."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A channel, and why: ``stepped`` or ``shifted``; ``shift_ms`` by how much its record lies behind."""

    channel: int
    mark: str
    shift_ms: int = 0


def stepped(segment: Segment, onset: int, decided: int) -> Suspect | None:
    """The sink whose own reading made the residual's step, if there is one."""
    m = max(LEAST_ROWS, decided - onset)
    before, after = slice(max(0, onset - m), onset), slice(onset, max(decided, onset + 1))
    if onset < LEAST_ROWS:
        return None
    moved = segment.x_w[after].mean(axis=0) - segment.x_w[before].mean(axis=0)
    gained = float(segment.residual_w[after].mean() - segment.residual_w[before].mean())
    for i, channel in enumerate(segment.plan.channels):
        others = float(moved.sum() - moved[i])
        alike = abs(moved[i] - gained) < LIKENESS * gained and abs(others) < LIKENESS * gained
        if channel.role in SINKS and alike and abs(moved[i]) > JUMP * abs(float(segment.x_w[before, i].mean())):
            return Suspect(i, "stepped")
    return None


def shifted(segment: Segment, decided: int, noise: Noise) -> Suspect | None:
    """The instrument whose record fits the others only when it is shifted in time, if one does clearly best."""
    begin = int(np.searchsorted(segment.ts_ms, segment.end_ms[decided - 1] - SPAN_MS))
    if segment.ts_ms[decided - 1] - segment.ts_ms[begin] < LEAST_SPAN_MS:
        return None
    wide = max(1, STEP_MS // segment.dt_ms)
    x = _movements(segment.x_w[begin:decided], wide)
    most = int(LONGEST_SHIFT_MS // segment.dt_ms)
    total = x.sum(axis=1)
    middle = slice(most, x.shape[0] - most)
    cut = 25 * max(float(np.median(total**2)), 1e-9)  # one step of a load is no sign of a clock
    unshifted = float(np.minimum(total[middle] ** 2, cut).mean())
    expected = 2 * noise.long_run / wide * float((segment.scale_w[begin:decided] ** 2).mean())
    if unshifted < LOUD * expected:
        return None
    best = (QUIET * unshifted, 0, 0)
    for i in range(x.shape[1]):
        rest = (total - x[:, i])[middle]
        for k in range(-most, most + 1):
            left = float(np.minimum((rest + x[most + k : x.shape[0] - most + k, i]) ** 2, cut).mean())
            if k and left < best[0]:
                best = (left, i, k)
    return Suspect(best[1], "shifted", best[2] * segment.dt_ms) if best[2] else None


def estranged(segment: Segment, decided: int) -> bool:
    """Whether an instrument's movements have nothing to do with what all others tell of it, with about as much movement on both sides.

    Expected movement y = x − dR. A hidden load adds its own to y alone: corr(x, y) = √(xx/yy) ≥ 0.58 where yy ≤ 3·xx. Below that the
    record is of another time, and until more is known nobody is accused.
    """
    begin = int(np.searchsorted(segment.ts_ms, segment.end_ms[decided - 1] - ESTRANGED_MS))
    wide = max(1, STEP_MS // segment.dt_ms)
    rows = (decided - begin) // wide
    if rows < ESTRANGED_ROWS:
        return False
    first = decided - rows * wide
    x = np.diff(segment.x_w[first:decided].reshape(rows, wide, -1).mean(axis=1), axis=0)
    y = x - np.diff(segment.residual_w[first:decided].reshape(rows, wide).mean(axis=1))[:, None]
    xx, yy, y4 = (x**2).sum(axis=0), (y**2).sum(axis=0), (y**4).sum(axis=0)
    moving = np.minimum(xx, yy) > rows * (ESTRANGED_MOVES * segment.plan.rated_w) ** 2
    alike = (xx < 3 * yy) & (yy < 3 * xx) & (yy**2 > ESTRANGED_EVENTS * y4)
    with np.errstate(invalid="ignore", divide="ignore"):
        return bool((moving & alike & (np.abs((x * y).sum(axis=0)) < ESTRANGED_CORR * np.sqrt(xx * yy))).any())


def _movements(x: Floats, wide: int) -> Floats:
    """Change of each column's mean over ``wide`` rows against the mean over the ``wide`` rows before."""
    total = np.vstack([np.zeros((1, x.shape[1])), np.cumsum(x, axis=0)])
    mean = (total[wide:] - total[:-wide]) / wide
    return np.asarray(mean[wide:] - mean[:-wide])
