"""How a site stands as a whole. ``normal`` is only said where every bus was really balanced, and lately."""

from collections.abc import Mapping, Sequence
from typing import Any

from gridwitness.domain.moments import HOUR_MS
from gridwitness.store import FindingRow
from gridwitness.topology.model import Site
from gridwitness.web import states

OLD_MS = HOUR_MS
"""An analysis that ends longer ago says nothing about now."""


def standing(site: Site, analysis: tuple[int, Mapping[str, Any]] | None, findings: Sequence[FindingRow], now_ms: int) -> str:
    """The worst finding; without one ``waiting`` (no analysis, or an old one), ``cannot_tell`` (a bus without balance) or ``normal``."""
    found = [f.status for f in findings if f.status != "withdrawn"]
    if found:
        return states.worst(found)
    if analysis is None or now_ms - analysis[0] > OLD_MS:
        return states.WAITING
    balanced = analysis[1].get("balance") or {}
    return states.NORMAL if all(bus in balanced for bus in site.buses) else states.CANNOT_TELL
