"""How much of a site was measured: the share of the last day that every instrument of the register covered with good intervals."""

from dataclasses import dataclass

import numpy as np

from gridwitness.domain.moments import DAY_MS
from gridwitness.domain.series import OK, SiteReadings
from gridwitness.store import Store
from gridwitness.topology.model import Site


@dataclass(frozen=True, slots=True)
class Completeness:
    """Share of the time in which the mean instrument had good intervals; None where there is no instrument or no time."""

    share: float | None
    from_ms: int
    to_ms: int


def completeness(site: Site, store: Store, to_ms: int) -> Completeness:
    """Over the day before ``to_ms``, or since the first record where that is less."""
    return of_readings(site, store.readings(site.id, to_ms - DAY_MS, to_ms), to_ms)


def of_readings(site: Site, readings: SiteReadings, to_ms: int) -> Completeness:
    """The same for readings in hand. A point of the register without any record counts as nothing measured."""
    wanted = {p for b in site.branches.values() for p in (b.point, b.revenue_point) if p}
    series = [readings.points[p] for p in wanted if p in readings.points and len(readings.points[p].ts_ms)]
    if not wanted or not series:
        return Completeness(None, to_ms, to_ms)
    first = max(to_ms - DAY_MS, min(int(s.ts_ms[0]) for s in series))
    span = to_ms - first
    if span <= 0:
        return Completeness(None, to_ms, to_ms)
    good = sum(float(np.sum(s.dur_ms[(s.quality == OK) & (s.ts_ms >= first) & (s.ts_ms + s.dur_ms <= to_ms)])) for s in series)
    return Completeness(min(1.0, good / (span * len(wanted))), first, to_ms)
