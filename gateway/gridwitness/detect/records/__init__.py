"""Instruments and records that are wrong (D5): found from the points' own records, from each other, and from the balance.

Each part judges at fixed times from the past alone; from when a fault is known until it is over, its rows take no part in a balance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gridwitness.detect import instruments
from gridwitness.detect.balance import Plan, bus_plan, fill, tie_plan
from gridwitness.detect.records import amplitude, replay, timing, witness
from gridwitness.detect.records.fault import CLOCK, ORDER, Fault
from gridwitness.detect.records.tracks import LEAST_BLOCKS, Tracks
from gridwitness.detect.records.words import finding
from gridwitness.domain.finding import BAD_DATA, CASE, Finding, Subject, Unchecked
from gridwitness.domain.moments import DAY_MS, HOUR_MS
from gridwitness.domain.series import DataProblem, PointSeries
from gridwitness.topology.model import Site

WAIT_MS = DAY_MS
"""How long a bus may take to blame the plant's side of a tie before the revenue meter is blamed."""

Masks = dict[str, NDArray[np.bool_]]


def find(
    site: Site, points: Mapping[str, PointSeries], usable: Mapping[str, NDArray[np.bool_]] | None = None
) -> tuple[list[Finding], list[DataProblem], Masks]:
    """(findings, entries of ``data_quality``, usable rows of each point) of everything that ``points`` hold.

    ``usable``: rows that are not frozen and of good quality (default: as `instruments.usable` says).
    """
    rows: Masks = {name: np.array(usable[name] if usable else instruments.usable(series)) for name, series in points.items()}
    found = _apart([*_balanced(site, points, rows), *_alone(site, points)])
    for fault in found:
        if fault.refused:
            series = points[fault.point]
            after = series.ts_ms >= fault.known_ms
            rows[fault.point] &= ~(after if fault.end_ms is None else after & (series.ts_ms < fault.end_ms))
    return [finding(f, site.timezone) for f in found], [_problem(f, points[f.point]) for f in found], rows


def once(findings: list[Finding]) -> list[Finding]:
    """One finding for one trouble: a fault of a point that was named earlier, by whatever detector, and lasts, is not named again."""
    kept = list[Finding]()
    for one in sorted(findings, key=lambda f: f.detected_ms):
        named = (k for k in kept if k.kind == one.kind == BAD_DATA and k.subject == one.subject and k.status == CASE)
        if not any(k.to_ms is None or k.to_ms >= one.from_ms for k in named):
            kept.append(one)
    return kept


def unchecked(site: Site) -> list[Unchecked]:
    """Critical measurements: points whose error nothing else would show, because no balance contains them."""
    balanced = {c.point.id for plan in _plans(site) for c in plan.channels}
    critical = [p for p in site.points if p not in balanced]
    why = "critical measurement: no balance contains it, so that nothing else would show its error"
    return [Unchecked(Subject("point", p), why) for p in critical]


def _plans(site: Site) -> list[Plan]:
    made = [bus_plan(site, bus) for bus in site.buses if any(b.role != "observed_line" for b in site.branches_at(bus))]
    made += [tie_plan(site, b) for b in site.branches.values() if b.role == "grid_tie"]
    return [plan for plan in made if not isinstance(plan, str)]


def _balanced(site: Site, points: Mapping[str, PointSeries], usable: Masks) -> list[Fault]:
    """What the balances tell. A tie whose own segment keeps time is not blamed by the bus, nor the other way round."""
    tracks = list[tuple[Plan, Tracks]]()
    for plan in _plans(site):
        segment = fill(plan, points, usable)
        if segment is not None and segment.dt_ms <= HOUR_MS and segment.ts_ms.size >= LEAST_BLOCKS:
            tracks.append((plan, Tracks(segment)))
    ties = {c.point.id: timing.faults(t, patience_ms=0) for plan, t in tracks if len(plan.channels) == 2 for c in plan.channels}
    found = list[Fault]()
    for plan, t in tracks:
        if len(plan.channels) > 2:
            found += _on_bus(t, ties)
    watched = {c.point.id for plan, _ in tracks if len(plan.channels) > 2 for c in plan.channels}
    for plan, t in tracks:
        if len(plan.channels) == 2:
            found += _on_tie(t, ties[plan.channels[0].point.id], watched, found)
    return found


def _on_bus(tracks: Tracks, elsewhere: Mapping[str, list[Fault]]) -> list[Fault]:
    """Faults of a bus; a tie whose own segment keeps time is doubted only once that one doubts it too."""

    def doubted(point: str, now: int) -> bool:
        return point not in elsewhere or any(f.known_ms <= now for f in elsewhere[point])

    late = timing.faults(tracks, doubted)
    return late + [f for f in amplitude.faults(tracks) if not any(amplitude.overlap(f, g) for g in late)]


def _on_tie(tracks: Tracks, late: list[Fault], watched: set[str], on_bus: list[Fault]) -> list[Fault]:
    """Faults of a tie's segment. Two instruments cannot tell which of them is wrong, but the bus may: it is given `WAIT_MS` to blame the
    plant's side; if it does not, the revenue meter is the one. Without a bus nobody can tell."""
    side, revenue = (c.point.id for c in tracks.segment.plan.channels)
    sizes = [f for f in amplitude.faults(tracks) if not any(amplitude.overlap(f, g) for g in late)]
    if side not in watched:
        return [replace(f, rival=revenue if f.point == side else side) for f in (*late, *sizes)]
    ends, found = tracks.segment.end_ms, list[Fault]()
    for fault in (*late, *sizes):
        k = int(np.searchsorted(ends, fault.known_ms + WAIT_MS))
        over = fault.end_ms is not None and k < ends.size and fault.end_ms <= int(ends[k])
        if k == ends.size or over:
            continue
        known_ms = int(ends[k])
        if any(g.point == side and g.known_ms <= known_ms and (g.end_ms is None or g.end_ms > fault.from_ms) for g in on_bus):
            continue
        if fault.point == side:
            fault = replace(fault, point=revenue, shift_s=-fault.shift_s, factor=1 / fault.factor if fault.factor else 0.0)
        found.append(replace(fault, known_ms=known_ms, rival=None))
    return found


def _alone(site: Site, points: Mapping[str, PointSeries]) -> list[Fault]:
    """What points tell by themselves and by frequency and voltage."""
    found = [f for name, series in points.items() if name in site.points for f in replay.fault(series)]
    return found + witness.clocks(site, points) + witness.phases(site, points)


def _apart(found: list[Fault]) -> list[Fault]:
    """One finding for each trouble: of faults of time of one point that overlap, the one that was known first."""
    kept = list[Fault]()
    for fault in sorted(found, key=lambda f: (f.known_ms, f.point, f.kind)):
        same = [k for k in kept if k.point == fault.point and (k.end_ms is None or fault.known_ms <= k.end_ms)]
        if not any(k.kind == fault.kind or {k.kind, fault.kind} == {CLOCK, ORDER} for k in same):
            kept.append(fault)
    return kept


def _problem(fault: Fault, series: PointSeries) -> DataProblem:
    ends = series.ts_ms + series.dur_ms
    end_ms = int(ends[-1]) if fault.end_ms is None else fault.end_ms
    rows = int(((series.ts_ms >= fault.from_ms) & (series.ts_ms < end_ms)).sum())
    return DataProblem(series.point, fault.kind, fault.from_ms, end_ms, rows)
