"""One site: flows on its branches, the balance as a sum, the residual over time, and every finding."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from gridwitness.domain.moments import DAY_MS, HOUR_MS, MINUTE_MS, iso
from gridwitness.store import FindingRow, PointLatest
from gridwitness.topology.accuracy import relative_u
from gridwitness.topology.model import Branch, Site
from gridwitness.web import states
from gridwitness.web.completeness import Completeness
from gridwitness.web.text import Words
from gridwitness.web.text.phrases import phrase
from gridwitness.web.views.balance import balances, clipped
from gridwitness.web.views.sentences import Doc, summary
from gridwitness.web.views.standing import standing

RANGES = {"1h": HOUR_MS, "6h": 6 * HOUR_MS, "24h": DAY_MS, "7d": 7 * DAY_MS, "30d": 30 * DAY_MS}
"""What the residual chart can show, before the newest analysis."""
DEFAULT_RANGE = "7d"

STALE_AFTER_MS = 10 * MINUTE_MS
"""A point whose newest interval ended longer ago is shown as silent (or three intervals, where those are longer)."""


def site_view(
    site: Site,
    analysis: tuple[int, Mapping[str, Any]] | None,
    findings: Sequence[FindingRow],
    latest: Mapping[str, PointLatest],
    complete: Completeness,
    now_ms: int,
    words: Words,
    range_name: str = DEFAULT_RANGE,
) -> Doc:
    """The whole page as plain values; powers in W with the register's sign, times in UTC ms beside ISO 8601."""
    open_findings = [f for f in findings if f.status != "withdrawn"]
    to_ms, doc = analysis if analysis else (now_ms, {})
    shown = [b | {"state": _state_of(b["subject"], open_findings)} for b in balances(site, doc)]
    shown.sort(key=lambda b: states.rank(b["state"]))
    from_ms = _from(shown, to_ms, RANGES[range_name])
    return {
        "format": "gridwitness-page-site/1",
        "site": _head(site, latest),
        "now": iso(now_ms, site.timezone),
        "analysed_to": iso(to_ms, site.timezone) if analysis else None,
        "state": standing(site, analysis, findings, now_ms),
        "completeness": {
            "share": complete.share,
            "from": iso(complete.from_ms, site.timezone),
            "to": iso(complete.to_ms, site.timezone),
        },
        "branches": [_branch(site, branch, latest, now_ms, open_findings) for branch in site.branches.values()],
        "range": {"name": range_name, "from_ms": from_ms, "to_ms": to_ms, "choices": list(RANGES)},
        "balances": [clipped(b, from_ms, to_ms) for b in shown],
        "findings": sorted((summary(site, f, words) for f in findings), key=lambda s: states.rank(s["status"])),
        "cannot_check": [{**c, "why": phrase(c["why"], words.language)} for c in doc.get("cannot_check", [])],
        "data_quality": [{**d, "problem": phrase(d["problem"], words.language)} for d in doc.get("data_quality", [])],
    }


def _head(site: Site, latest: Mapping[str, PointLatest]) -> Doc:
    return {
        "id": site.id,
        "name": site.name,
        "timezone": site.timezone,
        "buses": [{"id": b.id, "u_nominal_v": b.u_nominal_v, "u_v": _bus_voltage(site, b.id, latest)} for b in site.buses.values()],
        "plants": [{"id": p.id, "kind": p.kind, "bus": p.bus, "rated_w": p.rated_w} for p in site.plants.values()],
        "points": len(site.points),
    }


def _bus_voltage(site: Site, bus: str, latest: Mapping[str, PointLatest]) -> float | None:
    """Mean phase-to-phase voltage that the generators' and loads' instruments show; None where it is not that of the bus."""
    nominal = site.buses[bus].u_nominal_v
    phases = []
    for branch in site.branches_at(bus):
        point = latest.get(branch.point or "") if branch.role != "grid_tie" else None
        if point:
            phases += [v for key, v in point.values.items() if key in ("u_l1_v", "u_l2_v", "u_l3_v")]
    line = [v * math.sqrt(3) for v in phases]
    near = [v for v in line if nominal is None or 0.7 * nominal < v < 1.3 * nominal]  # not that of a transformer's other side
    return sum(near) / len(near) if near else None


def _branch(site: Site, branch: Branch, latest: Mapping[str, PointLatest], now_ms: int, findings: Sequence[FindingRow]) -> Doc:
    customer = site.customers.get(branch.customer or "")
    return {
        "id": branch.id,
        "bus": branch.bus,
        "to_bus": branch.to_bus,
        "role": branch.role,
        "customer": customer.name if customer else None,
        "state": _mark(branch, findings),
        **_flow(site, branch.point, latest, now_ms),
        "revenue": _flow(site, branch.revenue_point, latest, now_ms) if branch.revenue_point else None,
    }


def _flow(site: Site, point: str | None, latest: Mapping[str, PointLatest], now_ms: int) -> Doc:
    """Newest power of an instrument with the register's sign, and its expanded uncertainty after the instrument's classes."""
    newest = latest.get(point or "")
    if point is None or newest is None:
        return {"point": point, "metered": point is not None, "p_w": None, "u95_w": None, "stale": False, "at": None}
    p_w = newest.values.get("p_w")
    end_ms = newest.ts_ms + newest.dur_ms
    return {
        "point": point,
        "metered": True,
        "p_w": p_w * site.points[point].sign if p_w is not None else None,
        "u95_w": _u95(site, point, newest),
        "stale": now_ms - end_ms > max(STALE_AFTER_MS, 3 * newest.dur_ms),
        "at": iso(end_ms, site.timezone),
    }


def _u95(site: Site, point: str, newest: PointLatest) -> float | None:
    p_w, pf = newest.values.get("p_w"), abs(newest.values.get("pf", 0.95))
    if p_w is None:
        return None
    return 2 * relative_u(site.points[point], min(1.0, max(0.2, pf))) * abs(p_w)


def _mark(branch: Branch, findings: Sequence[FindingRow]) -> str | None:
    """State of the worst finding on the branch itself, its instruments, or (for a generator) its plant."""
    own = {("branch", branch.id), ("point", branch.point), ("point", branch.revenue_point)}
    if branch.role == "generator":
        own.add(("plant", branch.plant))
    found = [f.status for f in findings if (f.subject_type, f.subject_id) in own and f.kind != "behind_the_meter_supply"]
    return states.worst(found) if found else None


def _state_of(subject: Doc, findings: Sequence[FindingRow]) -> str:
    return states.worst(f.status for f in findings if (f.subject_type, f.subject_id) == (subject["type"], subject["id"]))


def _from(shown: Sequence[Doc], to_ms: int, span_ms: int) -> int:
    """Where the charts begin: the range's length before the analysis, or the first balance where that is later."""
    starts = [b["series"]["ts_ms"][0] for b in shown if b["series"]["ts_ms"]]
    return max(to_ms - span_ms, min(starts)) if starts else to_ms - HOUR_MS
