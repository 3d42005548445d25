"""Points with different intervals on one common grid, conserving energy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridwitness.domain.moments import HOUR_MS
from gridwitness.domain.series import PointSeries

COVERED = 0.9
"""Share of a grid interval that a point must cover; the rest is taken at the mean of what it covers."""

_HEAD = 50  # rows that settle a point's interval: later data must not change the grid of earlier ones


@dataclass(slots=True)
class Grid:
    """Intervals in which every point was usable. ``ts_ms`` (n,) starts; ``p_w`` (n, points), the instruments' own signs.

    ``first_ms`` and ``last_ms`` bound the time in which any point was usable; ``q_var`` has NaN where nothing is known.
    """

    dt_ms: int
    ts_ms: NDArray[np.int64]
    p_w: NDArray[np.float64]
    q_var: NDArray[np.float64]
    first_ms: int
    last_ms: int


def interval_ms(series: PointSeries) -> int:
    """The interval that most of the first rows have."""
    values, counts = np.unique(series.dur_ms[:_HEAD], return_counts=True)
    return int(values[np.argmax(counts)])


def common(points: Sequence[PointSeries], usable: Sequence[NDArray[np.bool_]]) -> Grid | None:
    """The points on the grid of the coarsest; None where one has no row at all."""
    if not points or any(not mask.any() for mask in usable):
        return None
    dt = max(interval_ms(s) for s in points)
    if not 0 < dt <= HOUR_MS:
        return None
    coarsest = max(points, key=interval_ms)
    phases, counts = np.unique(coarsest.ts_ms[:_HEAD] % dt, return_counts=True)
    phase = int(phases[np.argmax(counts)])
    cells = [_distinct((s.ts_ms[m] - phase) // dt) for s, m in zip(points, usable, strict=True)]
    first, last = min(int(c[0]) for c in cells), max(int(c[-1]) for c in cells)
    shared = cells[0]
    for other in cells[1:]:
        shared = np.intersect1d(shared, other, assume_unique=True)
    if shared.size == 0:
        return None
    starts = shared * dt + phase
    columns = [_resample(s.ts_ms[m], s.dur_ms[m], s.p_w[m], starts, dt) for s, m in zip(points, usable, strict=True)]
    reactive = [_resample(s.ts_ms[m], s.dur_ms[m], s.q_var[m], starts, dt) for s, m in zip(points, usable, strict=True)]
    p, q = np.column_stack(columns), np.column_stack(reactive)
    whole = np.isfinite(p).all(axis=1)
    return Grid(dt, starts[whole], p[whole], q[whole], first * dt + phase, (last + 1) * dt + phase)


def _distinct(ascending: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each value once."""
    return ascending[np.r_[True, ascending[1:] != ascending[:-1]]] if ascending.size else ascending


def _resample(
    ts: NDArray[np.int64], dur: NDArray[np.int64], value: NDArray[np.float64], starts: NDArray[np.int64], dt: int
) -> NDArray[np.float64]:
    """Mean over [start, start + dt) from piecewise constant rows; NaN where less than ``COVERED`` is known.

    A row that runs into the next one (a clock that was stepped back) is cut there.
    """
    if not np.isfinite(value).any():
        return np.full(starts.size, np.nan)
    ends = np.minimum(ts + dur, np.r_[ts[1:], np.iinfo(np.int64).max])
    edges = np.empty(2 * ts.size, dtype=np.float64)
    edges[0::2], edges[1::2] = ts, ends
    held = np.where(np.isfinite(value), value, 0.0)
    known = np.isfinite(value).astype(np.float64)
    covered = _integral(edges, known, starts, dt)
    energy = _integral(edges, held, starts, dt)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(covered >= COVERED * dt, energy / covered, np.nan)


def _integral(edges: NDArray[np.float64], value: NDArray[np.float64], starts: NDArray[np.int64], dt: int) -> NDArray[np.float64]:
    """∫ value over [start, start + dt), ``edges`` = start, end, start, end, … of the rows."""
    rising = np.zeros(edges.size)
    rising[1::2] = value * (edges[1::2] - edges[0::2])
    total = np.cumsum(rising)
    at = starts.astype(np.float64)
    return np.asarray(np.interp(at + dt, edges, total) - np.interp(at, edges, total))
