"""Readings of several points as columns of one time grid, each resampled once however many residuals it enters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from gridwitness.detect.grid import COVERED, interval_ms
from gridwitness.domain.moments import HOUR_MS
from gridwitness.domain.series import PointSeries

Floats = NDArray[np.float64]


class Columns:
    """Mean powers on grids that begin at one moment, NaN where a point does not cover ``grid.COVERED`` of an interval."""

    def __init__(self, points: Mapping[str, PointSeries], usable: Mapping[str, NDArray[np.bool_]]) -> None:
        self._points, self._usable = points, usable
        self._known: dict[tuple[str, int, int], Floats] = {}
        self._first = min((int(s.ts_ms[0]) for s in points.values()), default=0)
        self._last = max((int(s.ts_ms[-1] + s.dur_ms[-1]) for s in points.values()), default=0)

    def table(self, names: Sequence[str]) -> tuple[int, NDArray[np.int64], Floats] | None:
        """(dt_ms, starts (n,), powers (n, names)) on the grid of the coarsest point; None where one is unknown or its interval is none."""
        if any(n not in self._points or not self._usable[n].any() for n in names):
            return None
        dt, coarsest = max((interval_ms(self._points[n]), n) for n in names)
        if not 0 < dt <= HOUR_MS:
            return None
        phases, counts = np.unique(self._points[coarsest].ts_ms[:50] % dt, return_counts=True)
        phase = int(phases[np.argmax(counts)])
        first = (self._first - phase) // dt
        n = int((self._last - phase) // dt - first)
        starts = (first + np.arange(n, dtype=np.int64)) * dt + phase
        return dt, starts, np.column_stack([self._column(name, dt, phase, starts) for name in names])

    def _column(self, name: str, dt: int, phase: int, starts: NDArray[np.int64]) -> Floats:
        key = (name, dt, phase)
        if key not in self._known:
            series, mask = self._points[name], self._usable[name]
            self._known[key] = _means(series.ts_ms[mask], series.dur_ms[mask], series.p_w[mask], starts, dt)
        return self._known[key]


def _means(ts: NDArray[np.int64], dur: NDArray[np.int64], p: Floats, starts: NDArray[np.int64], dt: int) -> Floats:
    """Mean over each interval; rows that lie on the grid are taken as they are."""
    out = np.full(starts.size, np.nan)
    if starts.size == 0:
        return out
    aligned = (dur == dt) & ((ts - starts[0]) % dt == 0)
    if aligned.all():
        cell = (ts - starts[0]) // dt
        keep = (cell >= 0) & (cell < starts.size)
        out[cell[keep]] = p[keep]
        return out
    ends = np.minimum(ts + dur, np.r_[ts[1:], np.iinfo(np.int64).max])
    edges = np.empty(2 * ts.size)
    edges[0::2], edges[1::2] = ts, ends
    length = np.zeros(edges.size)
    length[1::2] = ends - ts
    bounds = np.r_[starts, starts[-1] + dt].astype(float)
    known = np.diff(np.interp(bounds, edges, np.cumsum(length)))
    length[1::2] *= p
    energy = np.diff(np.interp(bounds, edges, np.cumsum(length)))
    enough = known >= COVERED * dt
    out[enough] = energy[enough] / known[enough]
    return out
