"""Findings about observed lines, from what was decided."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gridwitness.detect import odds
from gridwitness.detect.lines import coincidence, wording
from gridwitness.detect.lines.attribution import Belief
from gridwitness.detect.lines.island import Island
from gridwitness.detect.lines.meter import Load, covered, energy
from gridwitness.detect.lines.sources import TIE, unmetered
from gridwitness.domain.finding import (
    BEHIND_THE_METER_SUPPLY,
    CANNOT_TELL,
    CASE,
    DEDICATED_LINE_SUPPLY,
    WATCH,
    Alternative,
    Contribution,
    Finding,
    Subject,
)
from gridwitness.topology.model import LawfulBasis, Plant, Site

CAPTIVE_SUPPLY, UNREGISTERED_LOAD = "captive_supply", "unregistered_load"
ISLAND_ROW_LLR = 2.0


def supply(
    site: Site, one: Load, belief: Belief, at: int, at_ms: NDArray[np.int64], status: str, why_not: str | None, onset_ms: int,
    beliefs: Sequence[Belief],
) -> Finding:  # fmt: skip
    """A source past the grid's meters feeds the line."""
    source = belief.source
    captive = [p for p in source.plants if p.kind == "captive"]
    if captive and len(captive) == len(source.plants):
        kind, subject = CAPTIVE_SUPPLY, Subject("plant", captive[0].id)
    elif source.kind == TIE:
        kind, subject = BEHIND_THE_METER_SUPPLY, Subject("branch", source.id)
    else:
        kind, subject = DEDICATED_LINE_SUPPLY, Subject("branch", one.branch.id)
    begins = onset_ms if belief.whole[at] > 0 else max(onset_ms, int(at_ms[at] - belief.window_ms[at]))
    ends = one.ended()
    amount = energy(one, begins, ends)
    mean = amount.mean_power_w if amount else 0.0
    lawful = _lawful(site, one, source.plants, begins, one.last_ms if ends is None else ends, mean)
    status = WATCH if lawful else status
    parts = _parts(belief, at, math.inf if status == CASE else odds.WATCH_LLR)
    llr = sum(p.llr for p in parts)
    likely = likelihoods(beliefs)
    alternatives = tuple(_alternatives(site, belief, mean, why_not))
    text = wording.supply(one, belief, at, amount, status, likely, alternatives, lawful, begins, (llr, odds.confidence(llr)), site.timezone)
    return Finding(
        kind=kind,
        subject=subject,
        status=status,
        from_ms=begins,
        to_ms=ends,
        detected_ms=int(at_ms[at]),
        confidence=odds.confidence(llr),
        llr=llr,
        prior=odds.PRIOR,
        energy=amount,
        covered_by=lawful,
        alternatives=alternatives,
        contributions=parts,
        not_observable=(f"the conductor itself is not traced: {source.id} feeds {one.branch.id} as far as powers tell",),
        explanation_zh=text[0],
        explanation_en=text[1],
        onset_earliest_ms=begins,
        onset_latest_ms=begins,
    )


def islanded(site: Site, one: Load, run: Island) -> Finding:
    """The line runs at another frequency than the grid."""
    assert run.plant is not None
    amount = energy(one, run.from_ms, run.to_ms)
    mean = amount.mean_power_w if amount else 0.0
    lawful = _lawful(site, one, (run.plant,), run.from_ms, one.last_ms if run.to_ms is None else run.to_ms, mean)
    status = CASE if run.case_ms is not None and not lawful else WATCH
    raw = ISLAND_ROW_LLR * max(2.0, run.hours * 4)
    most = odds.MODEL_LLR if status == CASE else odds.WATCH_LLR
    parts = [Contribution("island", "frequency_apart_hz", run.apart_hz, 0.03, raw)]
    if raw > most:
        parts.append(Contribution("island", "model_may_be_wrong" if status == CASE else "only_a_hint", most, None, most - raw))
    llr = sum(p.llr for p in parts)
    zh, en = wording.islanded(one, run, amount, status, lawful, (llr, odds.confidence(llr)), site.timezone)
    return Finding(
        kind=CAPTIVE_SUPPLY,
        subject=Subject("plant", run.plant.id),
        status=status,
        from_ms=run.from_ms,
        to_ms=run.to_ms,
        detected_ms=run.case_ms if run.case_ms is not None and not lawful else run.watch_ms,
        confidence=odds.confidence(llr),
        llr=llr,
        prior=odds.PRIOR,
        energy=amount,
        covered_by=lawful,
        alternatives=(
            Alternative(f"the frequency of {one.point.id} or {run.reference} is wrong", f"{abs(run.apart_hz):.2g} Hz", "0.02 Hz", False),
        ),
        contributions=tuple(parts),
        explanation_zh=zh,
        explanation_en=en,
        onset_earliest_ms=run.from_ms,
        onset_latest_ms=run.from_ms,
    )


def unregistered(
    site: Site, one: Load, onset_ms: int, decided_ms: int, stops_ms: int | None, beliefs: Sequence[Belief], candidates: bool
) -> Finding:
    """A load that no register entry explains; ``stops_ms`` when its source was found."""
    ended = one.ended()
    ends = stops_ms if ended is None else (ended if stops_ms is None else min(ended, stops_ms))
    amount = energy(one, onset_ms, ends)
    mean = amount.mean_power_w if amount else 0.0
    lawful = covered(one.branch.lawful_basis, onset_ms, one.last_ms if ends is None else ends, mean)
    status = WATCH if candidates or lawful else CANNOT_TELL
    ratio = mean / max(one.floor_w, 1e-9)
    llr = odds.WATCH_LLR
    likely = likelihoods(beliefs)
    zh, en = wording.unregistered(one, amount, status, likely, lawful, onset_ms, stops_ms, site.timezone)
    return Finding(
        kind=UNREGISTERED_LOAD,
        subject=Subject("branch", one.branch.id),
        status=status,
        from_ms=onset_ms,
        to_ms=ends,
        detected_ms=decided_ms,
        confidence=odds.confidence(llr),
        llr=llr,
        prior=odds.PRIOR,
        energy=amount,
        covered_by=lawful,
        alternatives=(
            Alternative(
                "a customer of the grid that this site's register does not know", "an entry in the grid's register", "not known here", True
            ),
        ),
        contributions=(Contribution("observed_line", "load_above_floor", ratio, 1.0, llr),),
        not_observable=(f"what {one.branch.id} is connected to is known only as far as its power tells",),
        explanation_zh=zh,
        explanation_en=en,
        onset_earliest_ms=onset_ms,
        onset_latest_ms=int(one.end_ms[one.from_(onset_ms)]),
    )


def likelihoods(beliefs: Sequence[Belief]) -> list[tuple[str, float]]:
    """Probability of each source from all records at equal priors, the grid among them; most likely first."""
    names, logs = ["grid"], [0.0]
    for belief in beliefs:
        if belief.whole.size:
            names.append(belief.source.id)
            logs.append(float(np.clip(belief.whole[-1], -odds.MODEL_LLR, odds.MODEL_LLR)))
    weight = np.exp(np.array(logs) - max(logs))
    share = weight / weight.sum()
    return sorted(((n, float(p)) for n, p in zip(names, share, strict=True)), key=lambda pair: -pair[1])


def _parts(belief: Belief, at: int, most: float) -> tuple[Contribution, ...]:
    """Contributions that sum to the finding's ratio, which is the best one from the decision on: later data confirm, never unmake."""
    best = at + int(np.argmax(np.minimum(belief.llr[at:], odds.MODEL_LLR)))
    pairs, chance = int(belief.pairs[best]), float(belief.accidental[best])
    step, move, total = float(belief.steps[best]), float(belief.movements[best]), min(most, odds.MODEL_LLR, float(belief.llr[best]))
    parts = [
        Contribution("source", "step_pairs", float(pairs), round(chance, 6), step),
        Contribution("source", "residual_movements", move, None, move),
    ]
    hint = float(belief.fingerprint[best])
    if hint:
        parts.append(Contribution("source", "voltage_likeness", hint, None, hint))
    rest = total - step - move - hint
    if abs(rest) > 1e-12:
        parts.append(Contribution("source", "shared_instruments_and_model", min(most, odds.MODEL_LLR), None, rest))
    return tuple(parts)


def _alternatives(site: Site, belief: Belief, mean_w: float, why_not: str | None) -> list[Alternative]:
    found = []
    for branch, most in unmetered(site, belief.source):
        limit = "not registered" if most is None else f"{most / 1000:.3g} kW"
        found.append(
            Alternative(f"it is {branch.id} ({branch.role}), which is not metered", f"{mean_w / 1000:.3g} kW", limit, branch.id == why_not)
        )
    if why_not is not None and why_not.startswith("licence"):
        found.append(Alternative(f"it is the registered supply ({why_not})", "that the licence covers this source", "not stated", True))
    if int(belief.pairs[-1]):
        p = coincidence.poisson_tail(int(belief.pairs[-1]), float(belief.accidental[-1]))
        found.append(
            Alternative(
                "the steps coincide by accident",
                f"{int(belief.pairs[-1])} pairs",
                f"{belief.accidental[-1]:.2g} expected (p = {p:.1g})",
                False,
            )
        )
    return found


def _lawful(site: Site, one: Load, plants: Sequence[Plant], from_ms: int, to_ms: int, mean_w: float) -> str | None:
    customer = site.customers.get(one.branch.customer or "")
    bases: list[LawfulBasis | None] = [
        one.branch.lawful_basis,
        customer.lawful_basis if customer else None,
        *(p.lawful_basis for p in plants),
    ]
    return next((c for b in bases if (c := covered(b, from_ms, to_ms, mean_w))), None)
