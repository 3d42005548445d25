"""The plant's output by its own instruments: the generators' meters, or, where they have none, everything that leaves its bus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridwitness.detect.output.expected import Floats
from gridwitness.domain.moments import HOUR_MS
from gridwitness.domain.series import PointSeries
from gridwitness.topology.model import Plant, Site

COVERED = 0.75
"""Share of an hour that usable rows must cover."""


@dataclass(frozen=True, slots=True)
class Meters:
    """Points and their signs whose sum is the plant's output. ``direct``: they are the generators' own."""

    terms: tuple[tuple[str, int], ...]
    direct: bool

    @property
    def points(self) -> tuple[str, ...]:
        """Names of the points."""
        return tuple(point for point, _ in self.terms)


def meters(site: Site, plant: Plant, points: Mapping[str, PointSeries]) -> Meters | str:
    """What measures a plant's output, or why nothing does. Rests on the register, so that later readings do not change it."""
    generators = [b for b in site.branches.values() if b.plant == plant.id and b.role == "generator"]
    if generators and all(b.point for b in generators):
        silent = [b.point for b in generators if b.point not in points]
        if silent:
            return f"no readings of {', '.join(str(p) for p in silent)}"
        return Meters(tuple((b.point, site.points[b.point].sign) for b in generators if b.point), True)
    if any(p.id != plant.id for p in site.plants_at(plant.bus)):
        return "a generator has no meter, and other plants share its bus"
    terms = []
    for branch in site.branches_at(plant.bus):
        if branch.role in ("generator", "observed_line"):
            continue
        point = branch.point or (branch.revenue_point if branch.role == "grid_tie" else None)
        if point is None or point not in points:
            return f"a generator has no meter, and branch {branch.id} no readings"
        terms.append((point, site.points[point].sign * (1 if branch.bus == plant.bus else -1)))
    return Meters(tuple(terms), False) if terms else "nothing measures its output"


def hourly(chosen: Meters, points: Mapping[str, PointSeries], usable: Mapping[str, NDArray[np.bool_]], first_ms: int, count: int) -> Floats:
    """Output in W, shape (count,), hours from ``first_ms`` on; NaN where an instrument misses."""
    total = np.zeros(count)
    for point, sign in chosen.terms:
        total += sign * point_hourly(points[point], usable[point], first_ms, count)
    return total


def point_hourly(series: PointSeries, usable: NDArray[np.bool_], first_ms: int, count: int) -> Floats:
    """Hourly mean of one point, W; NaN where less than ``COVERED`` of the hour is usable."""
    hour = (series.ts_ms - first_ms) // HOUR_MS
    rows = usable & (hour >= 0) & (hour < count)
    where, length = hour[rows], series.dur_ms[rows].astype(np.float64)
    covered = np.bincount(where, weights=length, minlength=count)
    energy = np.bincount(where, weights=length * series.p_w[rows], minlength=count)
    return np.where(covered >= COVERED * HOUR_MS, energy / np.maximum(covered, 1.0), np.nan)
