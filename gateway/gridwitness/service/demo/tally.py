"""Counting: what the boards assigned against what the gateway stored."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gridwitness.domain.moments import MINUTE_MS
from gridwitness.domain.series import OK, SiteReadings

Position = tuple[str, int, int]
"""(dev, boot, seq)."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Records by their position. ``lost`` and ``duplicated`` are empty when the chain from board to disk holds."""

    published: int
    stored: int
    lost: frozenset[Position]
    altered: frozenset[Position]
    duplicated: frozenset[Position]
    quarantined: int

    def as_json(self) -> dict[str, int]:
        """The member ``records`` of the demo's outcome."""
        return {
            "published": self.published,
            "stored": self.stored,
            "lost": len(self.lost) + len(self.altered),
            "duplicated": len(self.duplicated),
            "quarantined": self.quarantined,
        }


def count(promised: dict[Position, str], stored: Iterable[tuple[str, bytes, str]], quarantined: int) -> Tally:
    """Compare promises with the store. ``stored`` yields (dev, payload, sha256 hex); positions are read from the payloads
    themselves, so that a record filed twice under different keys is seen."""
    seen: Counter[Position] = Counter()
    digests: dict[Position, str] = {}
    for dev, payload, digest in stored:
        record = json.loads(payload)
        position = (dev, int(record["boot"]), int(record["seq"]))
        seen[position] += 1
        digests[position] = digest
    return Tally(
        published=len(promised.keys() | seen.keys()),
        stored=len(seen),
        lost=frozenset(promised.keys() - seen.keys()),
        altered=frozenset(p for p, digest in promised.items() if p in digests and digests[p] != digest),
        duplicated=frozenset(p for p, n in seen.items() if n > 1),
        quarantined=quarantined,
    )


@dataclass(frozen=True, slots=True)
class Holes:
    """What is not whole in a point's record: intervals without any record, and those that were measured only in part."""

    missing: int
    partial: int


def holes(readings: SiteReadings, points: Iterable[str], from_ms: int, to_ms: int, step_ms: int = MINUTE_MS) -> dict[str, Holes]:
    """Holes in the intervals that lie wholly in ``[from_ms, to_ms)``, by point."""
    wanted = np.arange(-(-from_ms // step_ms) * step_ms, to_ms - step_ms + 1, step_ms)
    out = {}
    for point in points:
        series = readings.points.get(point)
        if series is None:
            out[point] = Holes(wanted.size, 0)
            continue
        there = np.intersect1d(wanted, series.ts_ms)
        whole = np.intersect1d(wanted, series.ts_ms[series.quality == OK])
        out[point] = Holes(wanted.size - there.size, there.size - whole.size)
    return out
