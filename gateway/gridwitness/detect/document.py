"""The fixed JSON form of an analysis (`gridwitness-findings/1`): the same analysis gives the same bytes."""

from __future__ import annotations

import json
from typing import Any

from gridwitness import __version__
from gridwitness.detect.engine import Analysis
from gridwitness.domain.finding import Finding
from gridwitness.domain.moments import iso
from gridwitness.topology.model import Site

FORMAT = "gridwitness-findings/1"
Json = dict[str, Any]


def document(analysis: Analysis, site: Site, case: str) -> Json:
    """The whole output. Times carry the site's offset; keys are in the order of the contract."""
    zone = site.timezone
    return {
        "format": FORMAT,
        "case": case,
        "site": site.id,
        "software": f"gridwitness {__version__}",
        "period": {"from": _time(analysis.from_ms, zone), "to": _time(analysis.to_ms, zone)},
        "findings": [finding_document(f, zone) for f in analysis.findings],
        "cannot_check": [{"subject": {"type": u.subject.type, "id": u.subject.id}, "why": u.why} for u in analysis.cannot_check],
        "data_quality": [
            {"point": p.point, "problem": p.problem, "from": _time(p.from_ms, zone), "to": _time(p.to_ms, zone), "rows": p.rows}
            for p in analysis.data_quality
        ],
    }


def finding_document(finding: Finding, zone: str) -> Json:
    """One element of ``findings``."""
    prior = finding.prior
    return {
        "kind": finding.kind,
        "subject": {"type": finding.subject.type, "id": finding.subject.id},
        "status": finding.status,
        "from": _time(finding.from_ms, zone),
        "to": _time(finding.to_ms, zone),
        "detected_at": _time(finding.detected_ms, zone),
        "confidence": _number(finding.confidence),
        **_energy(finding),
        "llr": _number(finding.llr),
        "prior": {"log_odds": _number(prior.log_odds), "source": prior.source} if prior else None,
        "covered_by": finding.covered_by,
        "alternatives": [
            {"what": a.what, "needed": a.needed, "limit": a.limit, "inside_limits": a.inside_limits} for a in finding.alternatives
        ],
        "contributions": [
            {
                "detector": c.detector,
                "statistic": c.statistic,
                "value": _number(c.value),
                "threshold": _number(c.threshold),
                "llr": _number(c.llr),
            }
            for c in finding.contributions
        ],
        "class_probabilities": {name: _number(p) for name, p in finding.class_probabilities} or None,
        "not_observable": list(finding.not_observable),
        "explanation": {"zh": finding.explanation_zh, "en": finding.explanation_en},
    }


def dumps(document: Json) -> str:
    """One line of JSON."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _energy(finding: Finding) -> Json:
    names = (
        "mean_power_w", "energy_wh", "energy_u95_wh", "energy_low_wh", "energy_measured_wh", "energy_measured_u95_wh",
        "energy_filled_wh", "hours_unmeasured", "energy_penalty_wh",
    )  # fmt: skip
    e = finding.energy
    if e is None:
        return dict.fromkeys(names)
    values = (
        e.mean_power_w, e.energy_wh, e.u95_wh, e.low_wh, e.measured_wh, e.measured_u95_wh, e.filled_wh, e.hours_unmeasured, e.penalty_wh,
    )  # fmt: skip
    return {name: _number(value) for name, value in zip(names, values, strict=True)}


def _number(value: float | None) -> float | None:
    """Nine decimals: far below any uncertainty, and sums still agree within 1e-6. Never −0."""
    return None if value is None else round(float(value), 9) + 0.0


def _time(ms: int | None, zone: str) -> str | None:
    return None if ms is None else iso(ms, zone)
