"""Findings in words: the fact of each kind, said of its subject, in the page's language."""

from collections.abc import Mapping
from typing import Any

from gridwitness.store import FindingRow
from gridwitness.topology.model import Site
from gridwitness.web.text import Words
from gridwitness.web.text.phrases import phrase

Doc = dict[str, Any]


def subject(site: Site | None, doc: Mapping[str, str], words: Words) -> str:
    """What a finding speaks of: ``母线 B1``, ``计量点 m-g1``."""
    return words.known(f"subject.{doc['type']}", "{id}").format(id=doc["id"], name=_name(site, doc["id"], words))


def _name(site: Site | None, branch: str, words: Words) -> str:
    found = site.branches.get(branch) if site else None
    customer = site.customers.get(found.customer or "") if site and found else None
    return f"{branch} {words.of(customer.name)}" if customer else branch


def title(site: Site | None, row: FindingRow, words: Words) -> str:
    """The physical fact in one line."""
    where = subject(site, {"type": row.subject_type, "id": row.subject_id}, words)
    key = f"fact.{row.kind}.branch" if row.kind == "dedicated_line_supply" and row.subject_type == "branch" else f"fact.{row.kind}"
    return words.known(key, row.kind).format(subject=where)


def summary(site: Site | None, row: FindingRow, words: Words) -> Doc:
    """A finding as a line of a table: everything that the lists show."""
    doc = row.doc
    return {
        "id": row.id,
        "site": row.site,
        "kind": row.kind,
        "status": row.status,
        "subject": {"type": row.subject_type, "id": row.subject_id},
        "title": title(site, row, words),
        "from": doc.get("from"),
        "to": doc.get("to"),
        "detected_at": doc.get("detected_at"),
        "mean_power_w": doc.get("mean_power_w"),
        "mean_power_u95_w": mean_power_u95_w(doc),
        "energy_low_wh": doc.get("energy_low_wh"),
        "confidence": doc.get("confidence"),
        "innocent": likeliest(doc, words),
    }


def mean_power_u95_w(doc: Mapping[str, Any]) -> float | None:
    """Expanded uncertainty of the mean power: as the energy's is to the energy."""
    power, energy, u95 = doc.get("mean_power_w"), doc.get("energy_wh"), doc.get("energy_u95_wh")
    return abs(power / energy) * u95 if power and energy and u95 is not None else None


def likeliest(doc: Mapping[str, Any], words: Words) -> str | None:
    """The innocent explanation that comes nearest to its limit, in one line."""
    choices = doc.get("alternatives") or []
    if not choices:
        return None
    best = next((a for a in choices if a.get("inside_limits")), choices[0])
    return words("innocent.line", what=phrase(best["what"], words.language), needed=best["needed"], limit=best["limit"])
