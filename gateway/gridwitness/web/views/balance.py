"""The balance of each bus and tie segment, as the analysis left it in the store: terms that add up, and the residual over time."""

import math
from collections.abc import Mapping
from typing import Any

from gridwitness.topology.model import Site
from gridwitness.web.views.sentences import Doc

_ORDER = (
    "generator", "station_service", "excitation", "registered_load", "near_area_supply", "backup_supply", "compensator", "storage",
    "transfer", "observed_line", "grid_tie", "revenue",
)  # fmt: skip


def balances(site: Site, analysis: Mapping[str, Any]) -> list[Doc]:
    """One entry for each subject that has a balance, buses first, in the register's order."""
    told: Mapping[str, Any] = analysis.get("balance") or {}
    order = [*site.buses, *site.branches]
    subjects = sorted(told, key=lambda s: order.index(s) if s in order else len(order))
    return [_balance(site, subject, told[subject]) for subject in subjects]


def _balance(site: Site, subject: str, told: Mapping[str, Any]) -> Doc:
    ts, residual, u95 = told["ts_ms"], told["residual_w"], told["u95_w"]
    last = next((i for i in range(len(ts) - 1, -1, -1) if _number(residual[i]) is not None), None)
    terms = [_term(site, name, p_w) for name, p_w in told.get("terms", {}).items() if _number(p_w) is not None]
    terms.sort(key=lambda t: _ORDER.index(t["role"]))
    loss_w = _number(told.get("loss_w"))
    newest = _number(residual[last]) if last is not None else None
    return {
        "subject": {"type": "bus" if subject in site.buses else "branch", "id": subject},
        "at_ms": ts[last] if last is not None else None,
        "terms": terms,
        "loss_w": loss_w,
        "correction_w": newest - (sum(t["p_w"] for t in terms) - (loss_w or 0.0)) if newest is not None and terms else None,
        "residual_w": newest,
        "residual_u95_w": _number(u95[last]) if last is not None else None,
        "series": {"ts_ms": list(ts), "residual_w": [_number(v) for v in residual], "u95_w": [_number(v) for v in u95]},
    }


def _term(site: Site, name: str, p_w: float) -> Doc:
    branch = site.branches.get(name)
    role = branch.role if branch else "revenue"
    return {"id": name, "role": role, "p_w": float(p_w)}


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def clipped(balance: Doc, from_ms: int, to_ms: int) -> Doc:
    """The same balance with only the part of its series that starts in [from_ms, to_ms)."""
    series = balance["series"]
    keep = [i for i, at in enumerate(series["ts_ms"]) if from_ms <= at < to_ms]
    return {**balance, "series": {name: [values[i] for i in keep] for name, values in series.items()}}
