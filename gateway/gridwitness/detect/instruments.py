"""Instruments that do not measure: a reading that stands still, and rows that are missing.

Everything is decided from the past alone, so that an analysis of fewer records would have judged the same rows alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridwitness.domain.moments import HOUR_MS
from gridwitness.domain.series import MISSING, OK, SUSPECT, DataProblem, PointSeries

FROZEN_ROWS, FROZEN_MS = 20, HOUR_MS
"""A value other than zero that repeats so often, for so long, and three times longer than ever before, is frozen."""
STALE_ROWS, STALE_HISTORY = 3, 200
"""Once so many rows are known, a value that repeats so often and twice longer than ever before takes no part in a balance any more:
a reading that is about to be called frozen must not make a mine in its first hour."""


@dataclass(frozen=True, slots=True)
class Freeze:
    """A frozen stretch: rows [first, end) of the point; it was known from row ``known`` on."""

    first: int
    known: int
    end: int


def freezes(series: PointSeries) -> list[Freeze]:
    """Stretches in which the power stood still. A true zero (a unit at rest) is none."""
    found = []
    for first, end, before in _runs(series, FROZEN_ROWS):
        held = series.ts_ms[first:end] + series.dur_ms[first:end] - series.ts_ms[first]
        enough = np.arange(1, end - first + 1) >= max(FROZEN_ROWS, 3 * before)
        known = np.flatnonzero(enough & (held >= FROZEN_MS))
        if known.size:
            found.append(Freeze(first, first + int(known[0]), end))
    return found


def usable(series: PointSeries) -> NDArray[np.bool_]:
    """Rows that may enter a balance: quality OK, a finite power, and no value that stands still."""
    mask: NDArray[np.bool_] = (series.quality == OK) & np.isfinite(series.p_w)
    for first, end, before in _runs(series, STALE_ROWS):
        most = max(STALE_ROWS, 2 * before) if first >= STALE_HISTORY else max(FROZEN_ROWS, 3 * before)
        mask[min(end, first + most - 1) : end] = False
    return mask


def _runs(series: PointSeries, least: int) -> list[tuple[int, int, int]]:
    """(first, end, longest run before) of each run of one value other than zero with at least ``least`` rows."""
    p = series.p_w
    if p.size == 0:
        return []
    starts = np.flatnonzero(np.r_[True, p[1:] != p[:-1]])
    ends = np.r_[starts[1:], p.size]
    live = (p[starts] != 0) & np.isfinite(p[starts])
    lengths = np.where(live, ends - starts, 0)
    before = np.maximum.accumulate(np.r_[0, lengths[:-1]])
    return [(int(starts[k]), int(ends[k]), int(before[k])) for k in np.flatnonzero(lengths >= least)]


def problems(series: PointSeries, frozen: list[Freeze]) -> list[DataProblem]:
    """Entries of ``data_quality`` for one point: frozen stretches, rows marked missing or suspect, absent rows."""
    if series.ts_ms.size == 0:
        return []
    stops = series.ts_ms + series.dur_ms
    found = [DataProblem(series.point, "frozen", int(series.ts_ms[f.first]), int(stops[f.end - 1]), f.end - f.first) for f in frozen]
    for name, mask in (
        ("missing", (series.quality == MISSING) | ~np.isfinite(series.p_w)),
        ("suspect", (series.quality == SUSPECT) & np.isfinite(series.p_w)),
    ):
        rows = np.flatnonzero(mask)
        if rows.size:
            found.append(DataProblem(series.point, name, int(series.ts_ms[rows[0]]), int(stops[rows[-1]]), rows.size))
    holes = series.ts_ms[1:] - stops[:-1]
    wide = np.flatnonzero(holes > 0)
    if wide.size:
        absent = int(np.round(holes[wide] / np.maximum(series.dur_ms[wide], 1)).sum())
        found.append(DataProblem(series.point, "absent rows", int(stops[wide[0]]), int(series.ts_ms[wide[-1] + 1]), absent))
    return found
