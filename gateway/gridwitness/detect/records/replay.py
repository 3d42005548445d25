"""Records that were played before: a long run of readings equal to an earlier run, value for value.

Runs are compared where their content says so (one start in eight, by a hash of the values), so that a year costs a sort of an eighth
of its rows. How long a run must be depends on how often neighbouring readings differ by the same amount: with q = Σ p(Δ)² over the
increments, L equal increments happen by chance in one of n² pairs when n²·q^L ≪ 1; twice that length is asked for.
Schleimer, Wilkerson & Aiken (2003), Winnowing: local algorithms for document fingerprinting, SIGMOD.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gridwitness.detect.records.fault import REPLAYED, Fault
from gridwitness.domain.series import PointSeries

ONE_IN = 8
LEAST_RUN = 24
RARE = 1e-6
HEAD = 500
"""Rows that settle how alike increments are: later rows must not change what was said of earlier ones."""
MOST_ALIKE = 0.5
"""A reading whose increments coincide more often than this repeats itself by nature (an idle feeder, a coarse register)."""


def fault(series: PointSeries) -> list[Fault]:
    """Stretches that repeat an earlier one, of one point."""
    rows = np.flatnonzero(np.isfinite(series.p_w))
    if rows.size < HEAD:
        return []
    p, ts = series.p_w[rows], series.ts_ms[rows]
    ends = ts + series.dur_ms[rows]
    length = _length(p[:HEAD], p.size)
    if length is None or p.size < 2 * length:
        return []
    steps = np.diff(p)
    repeats = _repeats(np.round(steps * 8).astype(np.int64), length)
    found = list[Fault]()
    for begin, known, end in repeats:
        if found and int(ts[begin]) <= (found[-1].end_ms or 0) + int(series.dur_ms[0]) * length:
            found[-1].end_ms = int(ends[end])
        else:
            found.append(Fault(series.point, REPLAYED, int(ts[begin]), int(ends[known]), int(ends[end])))
    return found


def _length(p: NDArray[np.float64], n: int) -> int | None:
    """Rows that a run must have, or None where the reading repeats itself by nature."""
    counts = np.unique(np.diff(p), return_counts=True)[1] / (p.size - 1)
    alike = float((counts**2).sum())
    if alike > MOST_ALIKE:
        return None
    n = 600_000  # the rows of a year, so that more records ask for no more
    return max(LEAST_RUN, math.ceil(2 * (2 * math.log(n) - math.log(RARE)) / -math.log(alike)))


def _repeats(steps: NDArray[np.int64], length: int) -> list[tuple[int, int, int]]:
    """(first row, row that made it known, last row) of each run of increments that is equal to an earlier one."""
    mixed = steps.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    weight = np.uint64(0xBF58476D1CE4E5B9)
    short = 8
    window = np.zeros(steps.size - short + 1, dtype=np.uint64)
    for k in range(short):
        window = window * weight + mixed[k : k + window.size]
    anchors = np.flatnonzero((window >> np.uint64(40)) % np.uint64(ONE_IN) == 0)
    order = np.argsort(window[anchors], kind="stable")
    same = np.flatnonzero(np.diff(window[anchors][order].astype(np.int64)) == 0)
    later, earlier = anchors[order[same + 1]], anchors[order[same]]
    found, done = list[tuple[int, int, int]](), -1
    for k in np.argsort(later, kind="stable").tolist():
        a, b = int(earlier[k]), int(later[k])
        if b <= done or not np.any(steps[b : b + short]):
            continue
        back = _same(steps[:a][::-1], steps[:b][::-1], b - a)
        on = _same(steps[a:], steps[b:], steps.size)
        if back + on >= length:
            first = b - back
            found.append((first, first + length, first + back + on))
            done = b + on
    return found


def _same(x: NDArray[np.int64], y: NDArray[np.int64], most: int) -> int:
    """How many leading elements agree."""
    n = min(x.size, y.size, most)
    step = 4096
    for k in range(0, n, step):
        differ = np.flatnonzero(x[k : min(n, k + step)] != y[k : min(n, k + step)])
        if differ.size:
            return k + int(differ[0])
    return n
