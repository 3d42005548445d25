"""D4: what an observed line carries, whether the register explains it, and which source feeds it.

An hour of load that no register entry explains is `unregistered_load`: a watch, because a line from the grid to a customer that this
site's register does not know is nothing unlawful; `cannot_tell` where no instrument could name a source. A plant's bus that feeds
it is `dedicated_line_supply` (a stretch ahead of the revenue meter: `behind_the_meter_supply`; a captive plant or an island:
`captive_supply`). A case needs the likelihood ratio at the prior (≥ 99 %), generation that could have given it, no registered branch of
which the line is a part, no unmetered branch that it could be, and no lawful basis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridwitness.detect import instruments
from gridwitness.detect.lines import attribution, coincidence, fingerprint, island, report
from gridwitness.detect.lines.attribution import Belief
from gridwitness.detect.lines.columns import Columns
from gridwitness.detect.lines.meter import Load, load
from gridwitness.detect.lines.movements import Moves, moves
from gridwitness.detect.lines.sources import BRANCH, TIE, Source, candidates, unmetered
from gridwitness.domain.finding import CASE, WATCH, Finding, Subject, Unchecked
from gridwitness.domain.moments import HOUR_MS
from gridwitness.domain.series import PointSeries, SiteReadings
from gridwitness.topology.model import Branch, Site

ESTABLISHED_MS = HOUR_MS
WATCH_ODDS, CASE_ODDS = 4.6, 9.2
"""Log likelihood ratios that bring the prior of 1 % to 50 % and to 99 %."""
EXPLAINED, PERHAPS = 4.6, 2.3
OWN_SHARE = 0.5
SPEAKS = 2.3
MOST_LINES = 12


@dataclass(frozen=True, slots=True)
class Verdict:
    """The source that feeds the line, from which decision on, and with what status."""

    belief: Belief
    at: int
    status: str
    why_not: str | None


def lines(site: Site, readings: SiteReadings, points: dict[str, PointSeries], to_ms: int | None) -> tuple[list[Finding], list[Unchecked]]:
    """Findings about every observed line with a load."""
    loads = [one for b in site.branches.values() if b.role == "observed_line" and (one := load(site, b, points)) is not None]
    silent = [b for b in site.branches.values() if b.role == "observed_line" and b.id not in {one.branch.id for one in loads}]
    unchecked = [Unchecked(Subject("branch", b.id), "observed line without a usable reading") for b in silent]
    loads = [one for one in loads if one.on.any()]
    if not loads:
        return [], unchecked
    usable = {name: instruments.usable(s) for name, s in points.items() if name in site.points}
    sources = candidates(site, points)
    moved = _moved(site, sources, loads[:MOST_LINES], points, usable)
    found: list[Finding] = []
    for index, one in enumerate(loads):
        made, missing = _line(site, readings, one, index, sources, moved if index < MOST_LINES else lambda _: None, points, to_ms)
        found += made
        unchecked += missing
    return found, unchecked


def _moved(
    site: Site, sources: list[Source], loads: list[Load], points: dict[str, PointSeries], usable: dict[str, NDArray[np.bool_]]
) -> Callable[[str], Moves | None]:
    names, columns = [one.point.id for one in loads], Columns({n: points[n] for n in usable}, usable)
    known = {s.kind + s.id: moves(site, s, names, columns) for s in sources}
    return known.get


def _line(
    site: Site, readings: SiteReadings, one: Load, index: int, sources: list[Source], moved: Callable[[str], Moves | None],
    points: dict[str, PointSeries], to_ms: int | None,
) -> tuple[list[Finding], list[Unchecked]]:  # fmt: skip
    on = np.flatnonzero(one.on)
    lasted = np.cumsum(np.where(one.on, one.end_ms - one.ts_ms, 0))
    established = int(np.searchsorted(lasted, ESTABLISHED_MS))
    if established >= one.p_w.size:
        return [], []
    onset_ms = int(one.ts_ms[on[0]])
    at_ms = attribution.decisions(one, onset_ms)
    begin = min(onset_ms, int(one.ts_ms[0]))
    own = coincidence.steps(readings.events, one.point.id, one.point.sign, to_ms)
    signs = {x.point: site.points[x.point].sign for s in sources for x in s.outflow + s.upstream}
    known = {p: coincidence.steps(readings.events, p, sign, to_ms) for p, sign in signs.items()}
    alike = fingerprint.likeness(site, one, points)
    beliefs = []
    for source in sources:
        others, upstream = ([known[x.point] for x in part if x.point in known] for part in (source.outflow, source.upstream))
        beliefs.append(attribution.believe(source, index, own, others, upstream, moved(source.kind + source.id), alike, at_ms, begin))
    feeding = [b for b in beliefs if b.source.kind != BRANCH]
    registered = [b for b in beliefs if b.source.kind == BRANCH]
    runs = island.islands(site, one, points)
    verdict = _verdict(site, one, feeding, registered, at_ms)
    explained = _first(np.max([b.llr for b in registered], axis=0) >= EXPLAINED, at_ms) if registered and at_ms.size else None
    found = [report.islanded(site, one, run) for run in runs if run.plant is not None]
    if verdict is not None:
        found.append(report.supply(site, one, verdict.belief, verdict.at, at_ms, verdict.status, verdict.why_not, onset_ms, beliefs))
    answered = [f.detected_ms for f in found if f.status == CASE] + ([explained] if explained is not None else [])
    if not _registered(one.branch):
        decided_ms = int(one.end_ms[established])
        stops = min((t for t in answered if t > decided_ms), default=None)
        found.append(report.unregistered(site, one, onset_ms, decided_ms, stops, beliefs, bool(feeding)))
    unchecked = []
    if not feeding:
        unchecked.append(
            Unchecked(Subject("branch", one.branch.id), "no instrument at a generator, tie or revenue meter: its source cannot be told")
        )
    elif not runs and not any(abs(b.whole[-1]) >= SPEAKS for b in beliefs if b.whole.size):
        unchecked.append(Unchecked(Subject("branch", one.branch.id), "no step and no movement that would tell which source feeds it"))
    return found, unchecked


def _registered(branch: Branch) -> bool:
    """Whether the register explains a load on an observed line."""
    return branch.customer is not None or branch.licence is not None


def _first(mask: NDArray[np.bool_], at_ms: NDArray[np.int64]) -> int | None:
    rows = np.flatnonzero(mask)
    return int(at_ms[rows[0]]) if rows.size else None


def _verdict(site: Site, one: Load, feeding: list[Belief], registered: list[Belief], at_ms: NDArray[np.int64]) -> Verdict | None:
    """The first decision at which a case was clear, else the first at which a watch was."""
    if not feeding or at_ms.size == 0:
        return None
    moved = np.stack([b.movements for b in feeding])
    # Readings that contradict the steps outweigh them; of the stretch between two meters only readings can speak.
    least = np.array([PERHAPS if b.source.kind == TIE else -PERHAPS for b in feeding])[:, None]
    llr = np.where(moved > least, np.stack([b.llr for b in feeding]), -np.inf)
    best = np.argmax(llr, axis=0)
    top, moved = llr[best, np.arange(at_ms.size)], moved[best, np.arange(at_ms.size)]
    part = np.max([b.llr for b in registered], axis=0) if registered else np.full(at_ms.size, -np.inf)
    mean_on = _mean_on(one, at_ms)
    reasons = _reasons(site, one, feeding, mean_on)
    free = np.stack([reasons[b.source.id + b.source.kind][0] for b in feeding])[best, np.arange(at_ms.size)]
    own = np.stack([b.own for b in feeding])[best, np.arange(at_ms.size)]
    # The steps of a registered feeder reach the tie as well: only readings can tell whether the line is a part of it.
    apart = (part < PERHAPS) & ((moved >= EXPLAINED) | (part <= -EXPLAINED))
    with np.errstate(invalid="ignore"):
        case = (top >= CASE_ODDS) & apart & free & (own >= OWN_SHARE)
    for status, mask in ((CASE, case), (WATCH, (top >= WATCH_ODDS) & (part < PERHAPS))):
        rows = np.flatnonzero(mask)
        if rows.size:
            at = int(rows[0])
            belief = feeding[int(best[at])]
            why = None if status == CASE else reasons[belief.source.id + belief.source.kind][1]
            return Verdict(belief, at, status, why)
    return None


def _mean_on(one: Load, at_ms: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean power of the loaded rows known at each decision, W."""
    rows = np.searchsorted(one.end_ms, at_ms, "right")
    power, count = np.cumsum(np.where(one.on, one.p_w, 0.0)), np.cumsum(one.on)
    return np.asarray(power[np.maximum(rows - 1, 0)] / np.maximum(count[np.maximum(rows - 1, 0)], 1))


def _reasons(
    site: Site, one: Load, feeding: list[Belief], mean_on: NDArray[np.float64]
) -> Mapping[str, tuple[NDArray[np.bool_], str | None]]:
    """For each source: at which decisions nothing innocent could be the line, and what could."""
    told: dict[str, tuple[NDArray[np.bool_], str | None]] = {}
    for belief in feeding:
        free, why = np.ones(mean_on.size, bool), None
        for branch, most in unmetered(site, belief.source):
            inside = np.ones(mean_on.size, bool) if most is None else mean_on <= most
            if inside.any():
                why = branch.id
            free &= ~inside
        if one.branch.licence is not None:
            free, why = np.zeros(mean_on.size, bool), f"licence {one.branch.licence}"
        told[belief.source.id + belief.source.kind] = (free, why)
    return told
