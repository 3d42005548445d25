"""All sites, abnormal first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gridwitness.domain.errors import Problem
from gridwitness.domain.moments import DAY_MS, iso
from gridwitness.store import FindingRow
from gridwitness.topology.model import Site
from gridwitness.web import states
from gridwitness.web.completeness import Completeness
from gridwitness.web.text import Words
from gridwitness.web.views.balance import balances, clipped
from gridwitness.web.views.sentences import Doc, summary
from gridwitness.web.views.standing import standing

SPARK_MS = 7 * DAY_MS


@dataclass(frozen=True, slots=True)
class SiteState:
    """What is known of a site."""

    site: Site
    analysis: tuple[int, Mapping[str, Any]] | None
    findings: Sequence[FindingRow]
    complete: Completeness


def overview_view(
    known: Sequence[SiteState], broken: Mapping[str, Sequence[Problem]], devices: int, now_ms: int, words: Words, query: str = ""
) -> Doc:
    """Counts, one row for each site (only those that ``query`` names), registers that cannot be used."""
    rows = [_row(one, now_ms, words) for one in known]
    rows.sort(key=lambda r: (states.rank(r["state"]), -(r["energy_low_wh"] or 0.0), r["id"]))
    counted = [r["state"] for r in rows]
    sought = query.strip().casefold()
    return {
        "format": "gridwitness-page-overview/1",
        "now_ms": now_ms,
        "query": query.strip(),
        "counts": {
            **{state: counted.count(state) for state in states.ORDER},
            "sites": len(rows),
            "points": sum(len(one.site.points) for one in known),
            "devices": devices,
            "findings": {
                s: sum(f.status == s for one in known for f in one.findings) for s in (states.CASE, states.WATCH, states.CANNOT_TELL)
            },
            "cannot_check": sum(len(one.analysis[1].get("cannot_check", [])) for one in known if one.analysis),
        },
        "sites": [r for r in rows if not sought or sought in _haystack(r)],
        "broken_registers": [{"site": name, "problems": [str(p) for p in problems]} for name, problems in broken.items()],
    }


def _row(one: SiteState, now_ms: int, words: Words) -> Doc:
    site = one.site
    found = [f for f in one.findings if f.status != "withdrawn"]
    worst = min(found, key=lambda f: (states.rank(f.status), -(f.doc.get("energy_low_wh") or 0.0)), default=None)
    to_ms, doc = one.analysis if one.analysis else (0, {})
    shown = balances(site, doc)
    balance = next((b for b in shown if worst and b["subject"]["id"] == worst.subject_id), shown[0] if shown else None)
    told = summary(site, worst, words) if worst else None
    return {
        "id": site.id,
        "name": site.name,
        "timezone": site.timezone,
        "state": standing(site, one.analysis, found, now_ms),
        "finding": told,
        "more_findings": max(0, len(found) - 1),
        "residual_w": balance["residual_w"] if balance else None,
        "residual_u95_w": balance["residual_u95_w"] if balance else None,
        "residual_of": balance["subject"] if balance else None,
        "energy_low_wh": told["energy_low_wh"] if told else None,
        "since": told["from"] if told else None,
        "completeness": one.complete.share,
        "analysed_to": iso(to_ms, site.timezone) if one.analysis else None,
        "series": clipped(balance, to_ms - SPARK_MS, to_ms)["series"] if balance else None,
    }


def _haystack(row: Doc) -> str:
    title = row["finding"]["title"] if row["finding"] else ""
    return " ".join([row["id"], *row["name"].values(), title]).casefold()
