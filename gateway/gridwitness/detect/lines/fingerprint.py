"""D4: whose voltage and frequency does a line share?

Interval means of voltage (and of frequency, where areas are separate) at two places of one network differ by what lies between them.
With v the relative movement from interval to interval, place c is compared with the best other place by

    l_c = n/8 · max(0, |ln(s_o²/s_c²)| − ln 2) · sign,   s² = mean of min((v_line − v_place)², cap)

within ± 3: a hint that ranks sources, never an accusation. The dead band of a factor of two in variance is for instruments that are not
equally quiet, n/4 instead of n for movements that are not independent. Places are the buses (mean of their instruments) and the grid
(the revenue meters).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridwitness.detect.lines.meter import Load
from gridwitness.domain.series import PointSeries
from gridwitness.topology.model import Site

Floats = NDArray[np.float64]

GRID = "grid"
MOST_LLR = 3.0
DEAD = math.log(2)
INDEPENDENT = 4
LEAST_ROWS = 48
CAP = 16.0


@dataclass(frozen=True, slots=True)
class Likeness:
    """Log likelihood ratio of each place against the best other one after each shared row; ``end_ms`` and arrays (n,)."""

    end_ms: NDArray[np.int64]
    llr: dict[str, Floats]

    def at(self, place: str, at_ms: NDArray[np.int64]) -> Floats:
        """The ratio as known at each time; 0 where nothing is known."""
        rows = np.searchsorted(self.end_ms, at_ms, "right")
        if place not in self.llr:
            return np.zeros(at_ms.size)
        return np.where(rows > 0, self.llr[place][np.maximum(rows - 1, 0)], 0.0)


def likeness(site: Site, one: Load, points: dict[str, PointSeries]) -> Likeness | None:
    """Whose voltage, or where that is not known whose frequency, the line follows. None with less than two places to compare."""
    for column in ("u_v", "f_hz"):
        found = _compare(_places(site, one, points, column), one.series, column)
        if found is not None:
            return found
    return None


def _places(site: Site, one: Load, points: dict[str, PointSeries], column: str) -> dict[str, list[PointSeries]]:
    """The instruments of each place that know the quantity in the line's first rows: one that begins later must not change the past."""
    mine = one.series.ts_ms[np.isfinite(getattr(one.series, column))][:LEAST_ROWS]

    def knows(name: str | None) -> bool:
        if name not in points or mine.size < LEAST_ROWS:
            return False
        series = points[name]
        return int(np.isin(mine, series.ts_ms[np.isfinite(getattr(series, column))]).sum()) * 2 >= LEAST_ROWS

    places: dict[str, list[PointSeries]] = {}
    for branch in site.branches.values():
        for name, place in ((branch.point, branch.bus), (branch.revenue_point, GRID)):
            if branch.role != "observed_line" and name is not None and place is not None and knows(name):
                places.setdefault(place, []).append(points[name])
    return places


def _compare(places: dict[str, list[PointSeries]], line: PointSeries, column: str) -> Likeness | None:
    if len(places) < 2:
        return None
    mine = getattr(line, column)
    at = np.flatnonzero(np.isfinite(mine))
    levels = {name: _level(members, line.ts_ms[at], column) for name, members in places.items()}
    shared = np.logical_and.reduce([np.isfinite(v) for v in levels.values()])
    at = at[shared]
    if at.size < LEAST_ROWS + 2:
        return None
    here = np.diff(mine[at] / np.median(mine[at][:LEAST_ROWS]))
    spread = {}
    for name, level in levels.items():
        left = (here - np.diff(level[shared])) ** 2
        cap = CAP * max(float(np.median(left[:LEAST_ROWS])), 1e-14)
        spread[name] = np.cumsum(np.minimum(left, cap)) / np.arange(1, left.size + 1) + 1e-16
    n = np.arange(1, at.size)
    llr = {}
    for name, mean in spread.items():
        log = np.log(np.min([m for k, m in spread.items() if k != name], axis=0) / mean)
        strength = n / (2 * INDEPENDENT) * np.maximum(0.0, np.abs(log) - DEAD)
        llr[name] = np.where(n >= LEAST_ROWS, np.sign(log) * np.minimum(strength, MOST_LLR), 0.0)
    return Likeness(line.ts_ms[at[1:]] + line.dur_ms[at[1:]], llr)


def _level(members: list[PointSeries], ts: NDArray[np.int64], column: str) -> Floats:
    """Mean over a place's instruments that have the row, each relative to its own first rows; NaN where none has."""
    total, count = np.zeros(ts.size), np.zeros(ts.size)
    for series in members:
        known = np.isfinite(getattr(series, column))
        _, mine, theirs = np.intersect1d(ts, series.ts_ms[known], return_indices=True)
        value = getattr(series, column)[known][theirs]
        total[mine] += value / np.median(value[: LEAST_ROWS // 2])
        count[mine] += 1
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
