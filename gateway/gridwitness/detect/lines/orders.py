"""D3: load on a branch under a cut-off order, whether it came back or never went.

A branch that is cut off carries nothing: its meter shows creep of at most its starting current (0.4 % of rated current for class 1,
IEC 62053-21, 8.3), taken as σ = 0.1 % of the rating. A row of power p then weighs, against a load anywhere up to its former level A,

    l = p²/(2σ²) − ln(A/σ)     (bounded to 0 … 4: one row may be wrong)

and rows with load add up from the restart on. One plain row is a watch; a case needs the likelihood ratio alone to say so (prior odds 1:1),
ten minutes of load in at least two rows, and a level that standby or lighting does not reach. Where the load never went, the
disconnection is given an hour (watch) and a day (case).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridwitness.detect.lines import wording
from gridwitness.detect.lines.meter import Load, covered, energy, load
from gridwitness.detect.odds import MODEL_LLR
from gridwitness.domain.finding import CASE, WATCH, Alternative, Contribution, Finding, Prior, Subject, Unchecked
from gridwitness.domain.moments import DAY_MS, HOUR_MS, MINUTE_MS
from gridwitness.domain.series import PointSeries
from gridwitness.topology.model import Order, Site

RESTART = "restart_after_cutoff"
PRIOR = Prior(0.0, "cut-off order: the likelihood ratio alone counts")
SIGMA_SHARE = 0.001
ROW_LLR = 4.0
WATCH_LLR, CASE_LLR = 3.0, 6.0
CASE_MS, CASE_ROWS = 10 * MINUTE_MS, 2
STANDBY_SHARE = 0.03
"""Below this share of the level before the order (or of the contract) it may be lighting, fire alarm or standby: at most a watch."""
GONE_MS = 30 * MINUTE_MS
WATCH_GRACE_MS, CASE_GRACE_MS = HOUR_MS, DAY_MS


@dataclass(frozen=True, slots=True)
class Restart:
    """Rows of the load: first one, and the row that decided; ``returned`` False where it never went."""

    first: int
    decided: int
    status: str
    returned: bool
    llr: float


def restarts(site: Site, points: dict[str, PointSeries]) -> tuple[list[Finding], list[Unchecked]]:
    """One finding for each order that is not kept; an order on a branch that nothing measures is unchecked."""
    found: list[Finding] = []
    unchecked: list[Unchecked] = []
    for order in site.orders.values():
        one = load(site, site.branches[order.branch], points) if order.branch in site.branches else None
        if one is None or one.from_(order.from_ms) >= one.ts_ms.size:
            unchecked.append(
                Unchecked(Subject("branch", order.branch), f"no usable reading since cut-off order {order.id}: a restart would not be seen")
            )
            continue
        level = former_level(site, one, order)
        restart = judge(one, order, level)
        if restart is None:
            continue
        made = _finding(site, one, order, restart, level)
        if all((made.subject, made.detected_ms) != (f.subject, f.detected_ms) for f in found):  # a repeated order says nothing new
            found.append(made)
    return found, unchecked


def former_level(site: Site, one: Load, order: Order) -> float:
    """What the branch carried before the order (95th percentile of its loaded rows), else the contract, else the rating; W."""
    before = one.p_w[: one.from_(order.from_ms)]
    before = before[before > one.floor_w]
    if before.size:
        return float(np.percentile(before, 95))
    customer = site.customers.get(one.branch.customer or "")
    return (customer.contract_w if customer else None) or one.rating_w


def judge(one: Load, order: Order, level_w: float) -> Restart | None:
    """The restart, decided row by row from the past alone."""
    begin = one.from_(order.from_ms)
    p, on = one.p_w[begin:], one.on[begin:]
    length = one.end_ms[begin:] - one.ts_ms[begin:]
    off_run = _running(~on, length)
    gone = np.maximum.accumulate(off_run >= GONE_MS) if p.size else on
    sigma = max(SIGMA_SHARE * one.rating_w, 1.0)
    weight = np.clip(np.minimum(p / sigma, 1e3) ** 2 / 2 - np.log(max(level_w / sigma, 1.0)), 0, ROW_LLR)
    since = one.end_ms[begin:] - order.from_ms
    for status, needed, grace in ((CASE, CASE_LLR, CASE_GRACE_MS), (WATCH, WATCH_LLR, WATCH_GRACE_MS)):
        counts = on & (gone | (since > grace))
        total = np.cumsum(np.where(counts, weight, 0.0))
        enough = counts & (total >= needed)
        if status == CASE:
            strong = counts & (p >= STANDBY_SHARE * level_w)
            enough &= (np.cumsum(np.where(strong, length, 0)) >= CASE_MS) & (np.cumsum(strong) >= CASE_ROWS)
        rows = np.flatnonzero(enough)
        if rows.size:
            decided = int(rows[0])
            returned = bool(gone[decided])
            first = int(np.flatnonzero(counts & gone)[0]) if returned else int(np.flatnonzero(on)[0])
            return Restart(begin + first, begin + decided, status, returned, float(total[-1]))
    return None


def _running(mask: np.ndarray, length: np.ndarray) -> np.ndarray:
    """How long a condition has lasted at the end of each row, ms; 0 where it does not hold."""
    total = np.cumsum(np.where(mask, length, 0))
    return np.asarray(total - np.maximum.accumulate(np.where(mask, 0, total)))


def _finding(site: Site, one: Load, order: Order, restart: Restart, level_w: float) -> Finding:
    from_ms, to_ms = int(one.ts_ms[restart.first]), one.ended()
    amount = energy(one, from_ms, to_ms)
    mean_on = float(one.p_w[restart.first :][one.on[restart.first :]].mean())
    customer = site.customers.get(one.branch.customer or "")
    reach = one.last_ms if to_ms is None else to_ms
    lawful = covered(one.branch.lawful_basis, from_ms, reach, mean_on) or covered(
        customer.lawful_basis if customer else None, from_ms, reach, mean_on
    )
    llr = min(MODEL_LLR, restart.llr)
    parts = [Contribution("order", "load_under_order", mean_on, one.floor_w, restart.llr)]
    if restart.llr > llr:
        parts.append(Contribution("order", "model_may_be_wrong", MODEL_LLR, None, llr - restart.llr))
    standby = STANDBY_SHARE * level_w
    zh, en = wording.restart(
        one, order, amount, mean_on, restart.returned, restart.status if not lawful else WATCH, from_ms, lawful, site.timezone
    )
    return Finding(
        kind=RESTART,
        subject=Subject("branch", one.branch.id),
        status=WATCH if lawful else restart.status,
        from_ms=from_ms,
        to_ms=to_ms,
        detected_ms=int(one.end_ms[restart.decided]),
        confidence=1 / (1 + float(np.exp(-llr))),
        llr=llr,
        prior=PRIOR,
        energy=amount,
        covered_by=lawful,
        alternatives=(
            Alternative(
                "standby or lighting that the order leaves on",
                f"{mean_on / 1000:.3g} kW",
                f"{standby / 1000:.3g} kW",
                restart.status == WATCH and mean_on < standby,
            ),
        ),
        contributions=tuple(parts),
        not_observable=(f"only what passes {one.point.id} is seen: a supply past it would not be",),
        explanation_zh=zh,
        explanation_en=en,
        onset_earliest_ms=from_ms,
        onset_latest_ms=int(one.end_ms[restart.first]),
    )
