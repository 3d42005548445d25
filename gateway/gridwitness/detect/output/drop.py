"""Output drops of hydro plants: the entry of this package.

A tap before the first instrument (at the generator's terminals) shows nowhere else; one behind the generators' meters shows here where
the output is taken from the tie. What is said is ``unexplained``: water, gauge and model are known far worse than a bus balance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gridwitness.detect import instruments, odds
from gridwitness.detect.output import amount, expected, output, words
from gridwitness.detect.output.events import CASE_DAYS, Event, follow
from gridwitness.detect.output.expected import TURBINE, Days, Hours
from gridwitness.domain.finding import CASE, WATCH, Contribution, Finding, Subject, Unchecked
from gridwitness.domain.moments import HOUR_MS
from gridwitness.domain.series import ContextSeries, PointSeries, SiteReadings
from gridwitness.topology.model import Plant, Site

UNEXPLAINED_OUTPUT_DROP = "unexplained_output_drop"
SIZE = 0.10
"""Half-normal scale of a diversion, as a share of output (odds of a drop of unknown size)."""
GAUGE_LLR = 8.0
"""No water gauge is so right that it excludes its own failure at more than this."""
LOOKS = 6.0
"""Window lengths that count as different looks: fourteen nested ones are about so many."""
IDLE_HOURS = 48


def find(site: Site, readings: SiteReadings, points: Mapping[str, PointSeries], to_ms: int | None,
         usable: Mapping[str, NDArray[np.bool_]] | None = None) -> tuple[list[Finding], list[Unchecked]]:  # fmt: skip
    """Findings and what cannot be checked, of every hydro plant with water data. Pure.

    ``points``: series up to ``to_ms`` (None: to their end); ``usable``: rows that measure, by point (judged here if left out).
    """
    findings: list[Finding] = []
    unchecked: list[Unchecked] = []
    live = {name: s for name, s in points.items() if s.ts_ms.size}
    if not live:
        return findings, unchecked
    now_ms = to_ms if to_ms is not None else max(int((s.ts_ms + s.dur_ms).max()) for s in live.values())
    for plant in site.plants.values():
        context = {c.quantity: c for c in readings.context if c.plant == plant.id and c.ts_ms.size}
        if plant.kind == "hydro" and expected.source(context):
            masks = usable or {name: instruments.usable(s) for name, s in live.items()}
            _one(site, plant, context, live, masks, now_ms, findings, unchecked)
    return findings, unchecked


def _one(site: Site, plant: Plant, context: Mapping[str, ContextSeries], points: Mapping[str, PointSeries],
         usable: Mapping[str, NDArray[np.bool_]], now_ms: int, findings: list[Finding], unchecked: list[Unchecked]) -> None:  # fmt: skip
    """One plant."""
    subject = Subject("plant", plant.id)
    chosen = output.meters(site, plant, points)
    if isinstance(chosen, str):
        unchecked.append(Unchecked(subject, f"its water is known, its output is not: {chosen}"))
        return
    source = expected.source(context)
    assert source is not None
    first = min(int(points[p].ts_ms[0]) for p in chosen.points) // HOUR_MS * HOUR_MS
    last = max(int(points[p].ts_ms[-1]) for p in chosen.points)
    out_w = output.hourly(chosen, points, usable, first, (last - first) // HOUR_MS + 1)
    hourly = expected.hours(site, plant, context, out_w, first)
    assert hourly is not None
    days = expected.days(site, plant, hourly, source, now_ms)
    _limits(subject, hourly, days, unchecked)
    findings += [_finding(site, plant, chosen, hourly, days, e) for e in follow(plant, hourly, days)]


def _limits(subject: Subject, hourly: Hours, days: Days, unchecked: list[Unchecked]) -> None:
    """What this plant's records cannot decide."""
    spoke = int(np.isfinite(days.y).sum())
    if spoke <= CASE_DAYS:
        unchecked.append(
            Unchecked(subject, f"{spoke} whole days of water and output: {CASE_DAYS} must be learnt before a drop can be told")
        )
    elif days.source != TURBINE:
        unchecked.append(Unchecked(subject, "inflow without turbine flow: output against water gives low confidence, at most a watch"))
    idle = int((hourly.idle & hourly.measured & ~hourly.logged).sum())
    if idle > IDLE_HOURS and days.source == TURBINE:
        why = f"{idle} h with turbine flow and almost no output: idling turbines, or all of it taken; the records cannot tell"
        unchecked.append(Unchecked(subject, why))


def _finding(site: Site, plant: Plant, chosen: output.Meters, hourly: Hours, days: Days, event: Event) -> Finding:
    """One event in full."""
    begins = amount.onset(hourly, days, event)
    energy = amount.energy(hourly, days, event, begins)
    parts = _weighed(event)
    llr = sum(p.llr for p in parts)
    hour = [hourly.first_ms + HOUR_MS * h for h in (begins.at, begins.earliest, begins.latest)]
    told = Finding(
        kind=UNEXPLAINED_OUTPUT_DROP,
        subject=Subject("plant", plant.id),
        status=event.status,
        from_ms=hour[0],
        to_ms=amount.end_ms(days, event),
        detected_ms=int(days.end_ms[event.decided - 1]),
        confidence=odds.confidence(llr),
        llr=llr,
        prior=odds.PRIOR,
        energy=energy,
        alternatives=words.alternatives(event.reasons),
        contributions=parts,
        not_observable=words.not_observable(event.reasons, days.source),
        onset_earliest_ms=hour[1],
        onset_latest_ms=hour[2],
    )
    covered = _covered(plant, told)
    told = replace(told, covered_by=covered, status=WATCH if covered else told.status)
    zh, en = words.explanation(told, -math.expm1(-event.drop), days.source, chosen.points, event.reasons, site.timezone)
    return replace(told, explanation_zh=zh, explanation_en=en)


def _weighed(event: Event) -> tuple[Contribution, ...]:
    """Bayes factor of a drop of unknown size (half-normal, ``SIZE``) against none, less the looks; Kass & Raftery (1995), JASA 90(430).

    ln BF = T²·κ/(2(1+κ)) − ½·ln(1+κ) + ln 2, κ = (SIZE/sd)².
    """
    kappa = (SIZE / event.sd) ** 2
    raw = event.statistic**2 / 2 * kappa / (1 + kappa) - 0.5 * math.log1p(kappa) + math.log(2)
    looks = max(1.0, event.decided / (event.decided - event.begin)) * LOOKS
    name, most = "a_gauge_may_fail", GAUGE_LLR
    if event.status != CASE:
        innocent = any(r.inside for r in event.reasons)
        name, most = ("an_innocent_reason_could", odds.INSTRUMENT_LLR) if innocent else ("only_a_hint", odds.WATCH_LLR)
    parts = [
        Contribution("output_water", f"mean_drop_{event.decided - event.begin}d", event.statistic, event.threshold, raw),
        Contribution("output_water", "windows_looked_at", looks, None, -math.log(looks)),
    ]
    over = raw - math.log(looks) - most
    if over > 0:
        parts.append(Contribution("output_water", name, most, None, -over))
    return tuple(parts)


def _covered(plant: Plant, f: Finding) -> str | None:
    """The plant's lawful basis, where it covers the whole drop."""
    basis = plant.lawful_basis
    if basis is None or f.energy is None or (basis.limit_w is not None and f.energy.mean_power_w > basis.limit_w):
        return None
    if basis.from_ms is not None and f.from_ms < basis.from_ms:
        return None
    if basis.to_ms is not None and (f.to_ms is None or f.to_ms > basis.to_ms):
        return None
    return f"{basis.type} {basis.ref}" if basis.ref else basis.type
