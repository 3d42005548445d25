"""A line seen by its own meter: what it carries, from when on, and how much energy that was.

The energy is the meter's own: Σ P·dt of the usable rows with the class uncertainty of its chain (k = 2, JCGM 100:2008, 6.2). Rows that
are missing are filled at the mean, at the cost of the scatter of the load's four-hour means over the time that is missing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridwitness.detect import instruments
from gridwitness.domain.finding import Energy
from gridwitness.domain.moments import DAY_MS, HOUR_MS
from gridwitness.domain.series import PointSeries
from gridwitness.topology import accuracy
from gridwitness.topology.model import Branch, LawfulBasis, Point, Site

Floats = NDArray[np.float64]

FLOOR_SHARE, FLOOR_W = 0.005, 20.0
"""A reading above this share of the instrument's rating is a load; below, creep, offset and charging current do as well."""
CORRELATION_MS = 4 * HOUR_MS
STOPPED_MS = DAY_MS
"""A load that has been gone for so long at the end of the records has ended."""


@dataclass(frozen=True, slots=True)
class Load:
    """The usable rows of one branch's meter. ``p_w`` positive towards the load; ``floor_w`` below which nothing counts."""

    branch: Branch
    point: Point
    series: PointSeries
    ts_ms: NDArray[np.int64]
    end_ms: NDArray[np.int64]
    p_w: Floats
    floor_w: float
    rating_w: float
    last_ms: int

    @property
    def on(self) -> NDArray[np.bool_]:
        """Rows in which there is a load."""
        return np.asarray(self.p_w > self.floor_w)

    def from_(self, ms: int) -> int:
        """First row that starts at ``ms`` or later."""
        return int(np.searchsorted(self.ts_ms, ms))

    def ended(self) -> int | None:
        """End of the last row with load, where that is long ago; None while it lasts."""
        rows = np.flatnonzero(self.on)
        if rows.size and self.last_ms - int(self.end_ms[rows[-1]]) > STOPPED_MS:
            return int(self.end_ms[rows[-1]])
        return None


def load(site: Site, branch: Branch, points: dict[str, PointSeries]) -> Load | None:
    """The load on a branch; None where nothing measures it or no row is usable."""
    if branch.point is None or branch.point not in points:
        return None
    point, series = site.points[branch.point], points[branch.point]
    keep = instruments.usable(series)
    if not keep.any():
        return None
    p = series.p_w[keep] * point.sign
    ts = series.ts_ms[keep]
    rating = rating_w(site, branch, point, series)
    floor = max(FLOOR_W, FLOOR_SHARE * rating)
    last = int(series.ts_ms[-1] + series.dur_ms[-1])
    return Load(branch, point, series, ts, ts + series.dur_ms[keep], p, floor, rating, last)


def rating_w(site: Site, branch: Branch, point: Point, series: PointSeries) -> float:
    """What the instrument is made for, W: √3·U·I of its current, else the branch's rating or its customer's contract, else 100 kW."""
    bus = site.buses.get(branch.bus or "")
    nominal = [b.u_nominal_v for b in ([bus] if bus else site.buses.values()) if b.u_nominal_v]
    if point.i_rated_a:
        known = series.u_v[:50][np.isfinite(series.u_v[:50])]
        phase = float(np.median(known)) if known.size else (min(nominal) / math.sqrt(3) if nominal else 230.0)
        return 3 * phase * point.i_rated_a
    customer = site.customers.get(branch.customer or "")
    return branch.rated_w or (customer.contract_w if customer else None) or 100_000.0


def energy(one: Load, from_ms: int, to_ms: int | None) -> Energy | None:
    """Energy of the line's own meter from ``from_ms`` to ``to_ms`` (None: the end of the records)."""
    end = one.last_ms if to_ms is None else to_ms
    rows = slice(one.from_(from_ms), int(np.searchsorted(one.end_ms, end, "right")))
    p, hours = one.p_w[rows], (one.end_ms[rows] - one.ts_ms[rows]) / HOUR_MS
    covered = float(hours.sum())
    if covered <= 0:
        return None
    measured = float((p * hours).sum())
    mean, u_rel = measured / covered, accuracy.relative_u(one.point)
    unmeasured = max(0.0, (end - from_ms) / HOUR_MS - covered)
    cells = (one.ts_ms[rows] - from_ms) // CORRELATION_MS
    counts = np.bincount(cells)
    means = np.bincount(cells, weights=p)[counts > 0] / counts[counts > 0]
    scatter = float(np.std(means)) if means.size > 2 else float(np.std(p))
    u_measured = u_rel * abs(measured)
    filled = mean * unmeasured
    u_total = math.hypot(u_measured + u_rel * abs(filled), scatter * math.sqrt(unmeasured * CORRELATION_MS / HOUR_MS))
    # The onset may lie anywhere in its first interval: the penalty leaves that one out.
    late = float((p[1:] * hours[1:]).sum())
    return Energy(
        mean, measured + filled, 2 * u_total, measured, 2 * u_measured, filled, unmeasured, max(0.0, late - 2 * u_rel * abs(late))
    )


def covered(basis: LawfulBasis | None, from_ms: int, to_ms: int, mean_w: float) -> str | None:
    """Type and reference of a lawful basis that covers the whole of it, else None."""
    if basis is None or (basis.limit_w is not None and mean_w > basis.limit_w):
        return None
    if (basis.from_ms is not None and from_ms < basis.from_ms) or (basis.to_ms is not None and to_ms > basis.to_ms):
        return None
    return f"{basis.type} {basis.ref}" if basis.ref else basis.type
