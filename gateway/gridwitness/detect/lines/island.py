"""D4: a line that runs at another frequency than the grid is fed by generation that is not the grid's.

Points of one synchronous area have one frequency: interval means differ by what their clocks and meters do, well under 20 mHz. A line whose
frequency lies more than 30 mHz from the grid's in an interval is on an island. The grid's frequency is that of a revenue meter, or of a tie
that carries power (an open tie may show the island's own). While the grid is dead (no voltage, no frequency at the revenue meter) there is
nothing to differ from: an emergency island with an open tie is no captive supply, and the first two hours beside a live grid are at most
a watch. Which plant feeds it: one whose generators run at the line's frequency; without that knowledge, the only one of kind ``captive``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridwitness.detect.lines.meter import Load
from gridwitness.domain.moments import HOUR_MS, MINUTE_MS
from gridwitness.domain.series import PointSeries
from gridwitness.topology.model import Plant, Site

APART_HZ, ALIKE_HZ = 0.03, 0.02
PLAUSIBLE_HZ = (40.0, 70.0)
CLOSED_SHARE = 0.01
WATCH_MS, CASE_MS = 30 * MINUTE_MS, 2 * HOUR_MS
GAP_MS = HOUR_MS
ALIKE_SHARE = 0.9
LIVE_SHARE = 0.5
RECENT_ROWS = 500


@dataclass(frozen=True, slots=True)
class Island:
    """A time on an island. ``plant`` None where nothing says which feeds it; ``apart_hz`` mean difference from the grid."""

    from_ms: int
    to_ms: int | None
    watch_ms: int
    case_ms: int | None
    plant: Plant | None
    reference: str
    apart_hz: float
    hours: float


def islands(site: Site, one: Load, points: dict[str, PointSeries]) -> list[Island]:
    """The line's runs on an island, decided from the past alone."""
    reference = _reference(site, points)
    if reference is None or not np.isfinite(one.series.f_hz).any():
        return []
    name, ts, f = reference
    keep = _plausible(one.series.f_hz)
    at_load = np.isin(one.series.ts_ms, one.ts_ms[one.on])
    line_ts, line_f = one.series.ts_ms[keep & at_load], one.series.f_hz[keep & at_load]
    shared, mine, theirs = np.intersect1d(line_ts, ts, return_indices=True)
    apart = line_f[mine] - f[theirs]
    dur = one.series.dur_ms[keep & at_load][mine]
    found = []
    for first, end in _runs(shared, np.abs(apart) > APART_HZ):
        rows = np.arange(first, end)
        rows = rows[np.abs(apart[rows]) > APART_HZ]
        lasted = np.cumsum(dur[rows])
        watch, case = (int(np.searchsorted(lasted, limit)) for limit in (WATCH_MS, CASE_MS))
        if watch >= rows.size:
            continue
        stops = shared[rows] + dur[rows]
        last = None if end == shared.size else int(stops[-1])
        case_ms = int(stops[case]) if case < rows.size else None
        decided = rows[: (case if case < rows.size else watch) + 1]
        plant = _plant(site, points, shared[decided], line_f[mine][decided])
        found.append(
            Island(
                int(shared[first]), last, int(stops[watch]), case_ms, plant, name, float(np.mean(apart[rows])), float(lasted[-1] / HOUR_MS)
            )
        )
    return found


def _plausible(f: NDArray[np.float64]) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        return np.asarray((f > PLAUSIBLE_HZ[0]) & (f < PLAUSIBLE_HZ[1]))


def _reference(site: Site, points: dict[str, PointSeries]) -> tuple[str, NDArray[np.int64], NDArray[np.float64]] | None:
    """The grid's frequency: (point, starts, Hz) of the rows in which it is the grid's."""
    for branch in site.branches.values():
        if branch.role != "grid_tie":
            continue
        for name in (branch.revenue_point, branch.point):
            if name is None or name not in points or not np.isfinite(points[name].f_hz).any():
                continue
            series = points[name]
            keep = _plausible(series.f_hz)
            known = np.isfinite(series.u_v)
            if known.any():
                usual = float(np.median(series.u_v[known][:RECENT_ROWS]))
                keep &= ~known | (series.u_v > LIVE_SHARE * usual)
            if name == branch.point:
                rated = site.rated_at(branch.bus) if branch.bus else 0.0
                keep &= np.abs(series.p_w) > CLOSED_SHARE * rated
            if keep.any():
                return name, series.ts_ms[keep], series.f_hz[keep]
    return None


def _runs(ts: NDArray[np.int64], apart: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """[first, end) of rows apart, joined over less than an hour in step; an hour in step ends a run."""
    rows = np.flatnonzero(apart)
    if rows.size == 0:
        return []
    cut = np.flatnonzero(np.diff(ts[rows]) > GAP_MS)
    firsts, lasts = np.r_[rows[0], rows[cut + 1]], np.r_[rows[cut], rows[-1]]
    ends = np.where((np.arange(firsts.size) == firsts.size - 1) & (ts[-1] - ts[lasts] <= GAP_MS), ts.size, lasts + 1)
    return [(int(a), int(b)) for a, b in zip(firsts, ends, strict=True)]


def _plant(site: Site, points: dict[str, PointSeries], ts: NDArray[np.int64], f: NDArray[np.float64]) -> Plant | None:
    """The plant whose generators run at the line's frequency."""
    silent = []
    for plant in site.plants.values():
        names = [b.point for b in site.branches.values() if b.plant == plant.id and b.role == "generator" and b.point in points]
        seen = [points[n] for n in names if n is not None and np.isfinite(points[n].f_hz).any()]
        if not seen:
            silent.append(plant)
        for series in seen:
            _, mine, theirs = np.intersect1d(ts, series.ts_ms, return_indices=True)
            with np.errstate(invalid="ignore"):
                alike = np.abs(f[mine] - series.f_hz[theirs]) <= ALIKE_HZ
            if alike.size and float(alike.mean()) >= ALIKE_SHARE:
                return plant
    captive = [p for p in silent if p.kind == "captive"]
    return captive[0] if len(captive) == 1 else None
