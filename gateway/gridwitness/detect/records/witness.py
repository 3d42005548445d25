"""Grid frequency as a witness of time, and voltage as one of a missing phase.

All points of one synchronous area see one frequency. The offset of each point's record against the mean of the others is measured by
cross-correlation, without any clock but theirs; with two points alone nobody can tell whose clock it is. A record whose frequency
agrees at no offset was invented, replayed or is from an island.
A phase whose voltage is gone leaves two thirds of the mean (one third with two); the other points of the bus still see all of it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from gridwitness.detect.balance import Floats
from gridwitness.detect.grid import interval_ms
from gridwitness.detect.records.fault import CLOCK, ORDER, PHASE, Fault
from gridwitness.detect.records.tracks import correlation, phase
from gridwitness.domain.moments import HOUR_MS
from gridwitness.domain.series import PointSeries
from gridwitness.topology.model import Site

LEAST_ROWS = 120
MOST_ROWS = 24 * 60
"""Rows of one look."""
LONGEST_SHIFT = 0.25
AGREES, DENIES = 0.8, 0.3
LEAST_SHIFT_S, LEAST_SHIFT_ROWS = 2.0, 0.3
LEAST_HZ = 0.002
"""Frequency must move by so much (standard deviation) before it tells anything."""
MISSING, WITHIN, HOLD_MS = (2 / 3, 1 / 3), 0.04, HOUR_MS
REFERENCE_ROWS = 24


def clocks(site: Site, points: Mapping[str, PointSeries]) -> list[Fault]:
    """Points whose frequency is out of step with that of all others."""
    told = {n: s for n, s in points.items() if n in site.points and np.isfinite(s.f_hz).sum() >= LEAST_ROWS}
    if len(told) < 3 or len({interval_ms(s) for s in told.values()}) != 1:
        return []
    names, dt = sorted(told), interval_ms(next(iter(told.values())))
    t0 = min(int(s.ts_ms[0]) for s in told.values()) // dt * dt
    rows = max(int((s.ts_ms[-1] - t0) // dt) for s in told.values()) + 1
    f = np.full((rows, len(names)), np.nan)
    for j, name in enumerate(names):
        f[(told[name].ts_ms - t0) // dt, j] = told[name].f_hz
    look = int(min(MOST_ROWS, max(LEAST_ROWS, HOUR_MS // dt)))
    found = dict[str, Fault]()
    for e in range(look, rows + 1, look):
        _look(names, f[e - look : e], t0 + (e - look) * dt, t0 + e * dt, dt, found)
    return list(found.values())


def _look(names: list[str], f: Floats, begin_ms: int, end_ms: int, dt: int, found: dict[str, Fault]) -> None:
    """One window: who is out of step. A fault that is over gets its end."""
    d = np.diff(f, axis=0)
    d = np.where(np.isfinite(d), d, 0.0)
    moving = [j for j in range(len(names)) if float(np.std(d[:, j])) > LEAST_HZ / 10 and float(np.nanstd(f[:, j])) > LEAST_HZ]
    pairs = {(i, j): _compare(d[:, i], d[:, j]) for i in moving for j in moving if i < j}
    friends = {j: sum(_agree(pairs[min(i, j), max(i, j)], dt) for i in moving if i != j) for j in moving}
    sound = [j for j in moving if 2 * (friends[j] + 1) > len(moving)]
    if len(sound) < 2:
        return
    reference = d[:, sound].mean(axis=1)
    for j in moving:
        name = names[j]
        if j in sound:
            if name in found and found[name].end_ms is None:
                found[name].end_ms = end_ms
            continue
        corr, late = _compare(d[:, j], reference)
        if name in found and found[name].end_ms is None:
            continue
        if corr > AGREES:
            found[name] = Fault(name, CLOCK, begin_ms, end_ms, None, late * dt / 1000, 0.05 * dt / 1000)
        elif corr < DENIES:
            found[name] = Fault(name, ORDER, begin_ms, end_ms)


def _compare(x: Floats, y: Floats) -> tuple[float, float]:
    """(best correlation, rows by which x is late)."""
    size = float(np.sqrt(np.sum(x**2) * np.sum(y**2)))
    if size == 0:
        return 0.0, 0.0
    most = int(x.size * LONGEST_SHIFT)
    c = correlation(x, y, most)
    peak = int(np.argmax(c))
    return float(c[peak] / size * x.size / (x.size - abs(peak - most))), phase(c, peak, min(4, most)) - most


def _agree(pair: tuple[float, float], dt: int) -> bool:
    corr, late = pair
    return corr > AGREES and abs(late) * dt / 1000 < max(LEAST_SHIFT_S, LEAST_SHIFT_ROWS * dt / 1000)


def phases(site: Site, points: Mapping[str, PointSeries]) -> list[Fault]:
    """Points whose voltage lost a phase that the other points of their bus still see."""
    found = []
    for bus in site.buses:
        names = sorted({b.point for b in site.branches_at(bus) if b.point and b.point in points})
        told = [n for n in names if np.isfinite(points[n].u_v).sum() >= REFERENCE_ROWS]
        for name in told if len(told) > 1 else []:
            found += _phase(points[name], [points[n] for n in told if n != name])
    return found


def _phase(series: PointSeries, others: list[PointSeries]) -> list[Fault]:
    have = np.isfinite(series.u_v)
    ts, u = series.ts_ms[have], series.u_v[have]
    ends = ts + series.dur_ms[have]
    normal = float(np.median(u[:REFERENCE_ROWS]))
    share = u / normal
    low = np.min(np.abs(share[:, None] - np.array(MISSING)), axis=1) < WITHIN
    fine = np.zeros(ts.size, dtype=np.bool_)
    for other in others:
        seen = np.isfinite(other.u_v)
        level = other.u_v[seen] / float(np.median(other.u_v[seen][:REFERENCE_ROWS]))
        fine |= np.interp(ts, other.ts_ms[seen], level) > 0.85
    return [Fault(series.point, PHASE, *when) for when in _lasting(low & fine, ts, ends, ends[-1:])]


def _lasting(
    mask: NDArray[np.bool_], ts: NDArray[np.int64], ends: NDArray[np.int64], last: NDArray[np.int64]
) -> list[tuple[int, int, int | None]]:
    """(from, known, end) of each run that lasts for an hour."""
    edges = np.flatnonzero(np.diff(np.r_[False, mask, False].astype(np.int8)))
    found = list[tuple[int, int, int | None]]()
    for a, b in zip(edges[0::2].tolist(), edges[1::2].tolist(), strict=True):
        known = np.flatnonzero(ends[a:b] - ts[a] >= HOLD_MS)
        if known.size:
            found.append((int(ts[a]), int(ends[a + known[0]]), None if ends[b - 1] == last[0] else int(ends[b - 1])))
    return found
