"""D3 and D4 on lines: restarts after a cut-off order, loads of observed lines, and which source feeds them."""

from __future__ import annotations

from gridwitness.detect.lines.observed import lines
from gridwitness.detect.lines.orders import restarts
from gridwitness.domain.finding import Finding, Unchecked
from gridwitness.domain.series import PointSeries, SiteReadings
from gridwitness.topology.model import Site


def find(site: Site, readings: SiteReadings, points: dict[str, PointSeries], to_ms: int | None) -> tuple[list[Finding], list[Unchecked]]:
    """Findings and what cannot be checked. ``points`` are the readings' series up to ``to_ms``; later events are not looked at."""
    known = {name: series for name, series in points.items() if name in site.points}
    restarted, unkept = restarts(site, known)
    observed, unknown = lines(site, readings, known, to_ms)
    return restarted + observed, unkept + unknown
