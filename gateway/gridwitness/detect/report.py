"""From what was watched to findings: energy, alternatives, odds, words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gridwitness.detect import innocence, odds, windows, wording
from gridwitness.detect.balance import Segment
from gridwitness.detect.energy import energy
from gridwitness.detect.monitor import EPISODE_MS, Event, Watch
from gridwitness.domain.finding import BAD_DATA, CALIBRATION_CONFLICT, CASE, WATCH, Contribution, Finding, Subject
from gridwitness.topology.model import LawfulBasis

STATIC_LIMIT = 3.0
"""Standard uncertainties beyond which a residual is more than certified instruments can make of it."""


def findings(segment: Segment, watch: Watch, zone: str) -> list[Finding]:
    """The findings of one segment, in the order of their detection."""
    made = [instrument(segment, e, zone) if e.suspect else finding(segment, e, zone) for e in watch.events]
    return _merged(sorted(made, key=lambda f: (f.detected_ms, f.kind, f.status)))


def finding(segment: Segment, event: Event, zone: str) -> Finding:
    """One event in full. What swings both ways, or was there from the first day without being clear, is a calibration conflict."""
    plan = segment.plan
    amount = None if event.negative else energy(segment, event)
    alternatives = innocence.alternatives(segment, event)
    covered = _covered(plan.basis, segment, event, amount.mean_power_w) if amount else None
    parts = _weighed(segment, event, any(a.inside_limits for a in alternatives))
    llr = sum(part.llr for part in parts)
    begins, ends = _span(segment, event)
    told = Finding(
        kind=CALIBRATION_CONFLICT if event.distrusted or (event.first_day and event.status == WATCH) else plan.kind,
        subject=plan.subject,
        status=WATCH if covered else event.status,
        from_ms=begins,
        to_ms=ends,
        detected_ms=int(segment.end_ms[event.decided - 1]),
        confidence=odds.confidence(llr),
        llr=llr,
        prior=odds.PRIOR,
        energy=amount,
        covered_by=covered,
        alternatives=alternatives,
        contributions=parts,
        not_observable=wording.not_observable(plan),
        onset_earliest_ms=int(segment.ts_ms[event.onset.earliest]),
        onset_latest_ms=int(segment.ts_ms[event.onset.latest]),
    )
    zh, en = wording.explanation(told, plan, zone)
    return replace(told, explanation_zh=zh, explanation_en=en)


def instrument(segment: Segment, event: Event, zone: str) -> Finding:
    """A residual that an instrument made. Bad data, never a mine; no energy and no odds."""
    suspect = event.suspect
    assert suspect is not None
    begins, ends = _span(segment, event)
    zh, en = wording.instrument(segment.plan.channels[suspect.channel].point.id, suspect, begins, zone)
    return Finding(
        kind=BAD_DATA,
        subject=Subject("point", segment.plan.channels[suspect.channel].point.id),
        status=CASE,
        from_ms=begins,
        to_ms=ends,
        detected_ms=int(segment.end_ms[event.decided - 1]),
        confidence=None,
        llr=None,
        prior=None,
        explanation_zh=zh,
        explanation_en=en,
    )


def _weighed(segment: Segment, event: Event, innocent: bool) -> tuple[Contribution, ...]:
    """The contributions, with the ceiling that the event's status allows."""
    ceiling = "model_may_be_wrong"
    if event.status == WATCH:
        ceiling = "an_instrument_alone_could" if innocent or event.innocent or event.distrusted else "only_a_hint"
    name = "first_day" if event.first_day else windows.name(event.length_ms)
    beside = () if event.first_day else (_static(segment, event),)
    age = int(segment.end_ms[event.decided - 1]) - int(segment.ts_ms[0])
    looks = max(1.0, age / event.length_ms) * len(windows.LENGTHS_MS)
    return odds.weigh(name, event.statistic, event.threshold, event.sd_w, segment.plan.rated_w, looks, ceiling) + beside


def _static(segment: Segment, event: Event) -> Contribution:
    """Z0 = mean(R)/u(R) from the onset to the decision, with the certified classes alone: nothing learnt from the past.

    Every column of the design is scaled to a prior of N(0, 1), so u(R) is the length of the mean row. It is told beside the windowed
    statistic, whose evidence already contains it: its own log-likelihood ratio is 0.
    """
    rows = slice(event.onset.at, max(event.decided, event.onset.at + 1))
    u_w = float(np.linalg.norm(segment.design[rows].mean(axis=0)))
    return Contribution("bus_balance", "static", float(segment.residual_w[rows].mean()) / max(u_w, 1e-9), STATIC_LIMIT, 0.0)


def _span(segment: Segment, event: Event) -> tuple[int, int | None]:
    """Begin and end (None while it lasts), UTC ms."""
    return int(segment.ts_ms[event.onset.at]), None if event.end is None else int(segment.end_ms[event.end - 1])


def _merged(made: list[Finding]) -> list[Finding]:
    """Instrument faults of one point, and conflicts of one subject, that follow each other within three days are one finding."""
    kept: list[Finding] = []
    for one in made:
        last = next((f for f in reversed(kept) if (f.kind, f.subject, f.status) == (one.kind, one.subject, one.status)), None)
        mergeable = one.kind == BAD_DATA or (one.kind == CALIBRATION_CONFLICT and one.energy is None)
        if last is None or not mergeable or (last.to_ms is not None and one.from_ms - last.to_ms > EPISODE_MS):
            kept.append(one)
            continue
        to_ms = None if None in (last.to_ms, one.to_ms) else max(last.to_ms or 0, one.to_ms or 0)
        kept[kept.index(last)] = replace(last, to_ms=to_ms)
    return kept


def _covered(basis: LawfulBasis | None, segment: Segment, event: Event, mean_w: float) -> str | None:
    """The lawful basis that covers the whole event, if there is one: type and reference."""
    if basis is None or (basis.limit_w is not None and mean_w > basis.limit_w):
        return None
    end = event.end if event.end is not None else segment.ts_ms.size
    begins, ends = int(segment.ts_ms[event.onset.at]), int(segment.end_ms[end - 1])
    if (basis.from_ms is not None and begins < basis.from_ms) or (basis.to_ms is not None and ends > basis.to_ms):
        return None
    return f"{basis.type} {basis.ref}" if basis.ref else basis.type
