"""One finding: why it was raised, what would make it innocent, what cannot be seen, and what it rests on."""

import re
from collections.abc import Sequence
from typing import Any

from gridwitness.domain.moments import iso
from gridwitness.store import FindingRow
from gridwitness.topology.model import Site
from gridwitness.web.text import Words
from gridwitness.web.text.phrases import phrase
from gridwitness.web.views.sentences import Doc, summary

_WINDOW = re.compile(r"(\w+)_(\d+)(s|min|h|d)")


def finding_view(
    site: Site | None, zone: str, row: FindingRow, history: Sequence[tuple[int, str, dict[str, Any]]], now_ms: int, words: Words
) -> Doc:
    """The finding's document as it stands in the output of ``gridwitness analyse``, with what the page says beside it."""
    doc = row.doc
    prior = doc.get("prior") or {}
    llr = doc.get("llr")
    log_odds = prior.get("log_odds")
    return {
        "format": "gridwitness-page-finding/1",
        "now": iso(now_ms, zone),
        "timezone": zone,
        "site": {"id": row.site, "name": site.name if site else {"zh": row.site, "en": row.site}},
        "summary": summary(site, row, words),
        "share_of_rated": _share(site, row),
        "explanation": (doc.get("explanation") or {}).get(words.language, ""),
        "odds": {"prior": log_odds, "llr": llr, "posterior": log_odds + llr if log_odds is not None and llr is not None else None},
        "statistics": [_statistic(c, words) for c in doc.get("contributions") or []],
        "alternatives": [_alternative(a, words) for a in doc.get("alternatives") or []],
        "not_observable": [phrase(n, words.language) for n in doc.get("not_observable") or []],
        "classes": [{"name": words.known(f"class.{k}", k), "probability": p} for k, p in (doc.get("class_probabilities") or {}).items()],
        "prior_source": phrase(str(prior.get("source", "")), words.language),
        "covered_by": _covered(doc.get("covered_by"), words),
        "history": [{"at": iso(at, zone), "at_ms": at, "status": status} for at, status, _ in history],
        "first_seen_ms": row.first_seen_ms,
        "updated_ms": row.updated_ms,
        "finding": doc,
    }


def _statistic(part: dict[str, Any], words: Words) -> Doc:
    value, threshold = part.get("value"), part.get("threshold")
    reach = max(abs(value or 0.0), abs(threshold or 0.0), 1e-12) * 1.12
    return {
        **part,
        "detector_name": words.known(f"detector.{part['detector']}", part["detector"]),
        "statistic_name": statistic_name(part["statistic"], words),
        "over": None if value is None or threshold is None else abs(value) > abs(threshold),
        "bar": abs(value or 0.0) / reach,
        "mark": None if threshold is None else abs(threshold) / reach,
    }


def statistic_name(key: str, words: Words) -> str:
    """The words for a statistic; ``glr_3d`` is the likelihood-ratio test over a window of three days."""
    window = _WINDOW.fullmatch(key)
    if window is None:
        return words.known(f"statistic.{key}", key)
    stem, n, unit = window.groups()
    return words("statistic.window", name=words.known(f"statistic.{stem}", stem), n=n, unit=words(f"unit.{unit}"))


def _alternative(told: dict[str, Any], words: Words) -> Doc:
    return {**told, "what": phrase(told["what"], words.language), "needed": phrase(str(told["needed"]), words.language),
            "limit": phrase(str(told["limit"]), words.language)}  # fmt: skip


def _share(site: Site | None, row: FindingRow) -> float | None:
    """Mean power as a share of the rating behind the subject."""
    p_w = row.doc.get("mean_power_w")
    if site is None or p_w is None:
        return None
    bus = row.subject_id if row.subject_id in site.buses else (b.bus if (b := site.branches.get(row.subject_id)) else None)
    plant = site.plants.get(row.subject_id)
    rated_w = plant.rated_w if plant else site.rated_at(bus) if bus else 0.0
    return p_w / rated_w if rated_w else None


def _covered(told: str | None, words: Words) -> str | None:
    """A lawful basis in words: its type, and its reference as it stands in the register."""
    kind, _, reference = (told or "").partition(" ")
    return f"{words.known(f'basis.{kind}', kind)} {reference}".strip() or None
