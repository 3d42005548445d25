"""Intervals as arrays: the way from the store into detection and pages."""

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from gwire.fields import Q_CLIPPED, Q_CLOCK, Q_GAPPED, Q_PARTIAL, Q_STALE, Q_UNLOCKED, from_wire

from gridwitness.domain.series import MISSING, OK, SUSPECT, DataProblem, PointSeries, SiteReadings, StepEvent
from gridwitness.store.database import Database
from gridwitness.store.packing import column, table, unpack
from gridwitness.store.rows import PointLatest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

DOUBTFUL = Q_PARTIAL | Q_GAPPED | Q_CLIPPED | Q_UNLOCKED | Q_STALE | Q_CLOCK
"""Quality bits that keep an interval out of a balance."""

_EVER = (-(1 << 62), 1 << 62)
_PHASES = ("l1", "l2", "l3")


class SeriesTables(Database):
    """Decoded intervals and events."""

    def readings(self, site: str, from_ms: int | None = None, to_ms: int | None = None) -> SiteReadings:
        """Everything measured at a site whose interval starts in [``from_ms``, ``to_ms``).

        Powers carry the instrument's own sign. Of several intervals with the same start (a reboot inside it) the best is
        taken: OK before SUSPECT, then the earlier record.
        """
        span = (_EVER[0] if from_ms is None else from_ms, _EVER[1] if to_ms is None else to_ms)
        out = SiteReadings()
        for dev, pt in self._site_points(site):
            series = self._series(dev, pt, span)
            if pt in out.points:
                out.problems.append(DataProblem(pt, "measured by two devices; the first is used", *_span(series), len(series.ts_ms)))
            elif len(series.ts_ms):
                out.points[pt] = series
        out.events = self._steps(site, span)
        return out

    def latest(self, site: str) -> dict[str, PointLatest]:
        """The newest interval of every point of a site."""
        out: dict[str, PointLatest] = {}
        for dev, pt in self._site_points(site):
            row = self._one(
                "SELECT ts_ms, dur_ms, q, cq, vals FROM interval WHERE dev = ? AND pt = ? AND g = 'power'"
                " ORDER BY ts_ms DESC, boot DESC, seq DESC LIMIT 1",
                (dev, pt),
            )
            if row and (pt not in out or out[pt].ts_ms < row[0]):
                values = {key: from_wire(key, number) for key, number in unpack(self.layout["power"], row[4]).items()}
                out[pt] = PointLatest(pt, dev, row[0], row[1], row[2], row[3], values)
        return out

    def _site_points(self, site: str) -> list[tuple[str, str]]:
        sql = "SELECT d.dev, p.pt FROM device d JOIN point p ON p.dev = d.dev WHERE d.site = ? AND p.g = 'power' ORDER BY p.pt, d.dev"
        return [tuple(row) for row in self._all(sql, (site,))]

    def _series(self, dev: str, pt: str, span: tuple[int, int]) -> PointSeries:
        ts, dur, quality, numbers = self._numbers(dev, pt, "power", span)
        keys = self.layout["power"]

        def of(key: str) -> "Floats":
            return column(numbers, keys, key)

        return PointSeries(
            point=pt,
            ts_ms=ts,
            dur_ms=dur,
            p_w=of("p_w"),
            q_var=of("q_var"),
            u_v=_mean([of(f"u_{phase}_v") for phase in _PHASES]),
            i_a=_mean([of(f"i_{phase}_a") for phase in _PHASES]),
            pf=of("pf"),
            f_hz=of("f_hz"),
            thd_i_pct=self._distortion(dev, pt, span, ts),
            quality=np.where(np.isnan(of("p_w")), MISSING, quality).astype(np.uint8),
        )

    def _numbers(self, dev: str, pt: str, group: str, span: tuple[int, int]) -> "tuple[NDArray[Any], ...]":
        """Start, length, quality (n,) and integers (n, fields) of the intervals of a group, at most one for each start."""
        rows = self._all(
            "SELECT ts_ms, dur_ms, q, cq, vals FROM interval WHERE dev = ? AND pt = ? AND g = ? AND ts_ms >= ? AND ts_ms < ?"
            " ORDER BY ts_ms, boot, seq",
            (dev, pt, group, *span),
        )
        ts, dur, q, cq, vals = zip(*rows, strict=True) if rows else ((), (), (), (), ())
        starts = np.array(ts, dtype=np.int64)
        doubtful = (np.array(q, dtype=np.int64) & DOUBTFUL != 0) | (np.array(cq, dtype=np.int64) == 0)
        quality = np.where(doubtful, SUSPECT, OK)
        order = np.lexsort((quality, starts))  # stable: the earlier record stays first among equals
        chosen = order[np.unique(starts[order], return_index=True)[1]]
        return starts[chosen], np.array(dur, dtype=np.int64)[chosen], quality[chosen], table(self.layout[group], vals)[chosen]

    def _distortion(self, dev: str, pt: str, span: tuple[int, int], at: "NDArray[np.int64]") -> "Floats":
        """Mean THD of the phase currents at the given starts, NaN where no ``harm`` interval starts there."""
        out = np.full(len(at), np.nan)
        ts, _, _, numbers = self._numbers(dev, pt, "harm", span)
        if len(ts):
            mean = _mean([column(numbers, self.layout["harm"], f"thd_i_{phase}_pct") for phase in _PHASES])
            place = np.minimum(np.searchsorted(ts, at), len(ts) - 1)
            out = np.where(ts[place] == at, mean[place], np.nan)
        return out

    def _steps(self, site: str, span: tuple[int, int]) -> list[StepEvent]:
        rows = self._all(
            "SELECT e.ts_ms, e.pt, e.x FROM device d JOIN event e ON e.dev = d.dev"
            " WHERE d.site = ? AND e.k = 'step' AND e.pt IS NOT NULL AND e.ts_ms >= ? AND e.ts_ms < ? ORDER BY e.ts_ms, e.pt",
            (site, *span),
        )
        return [_step(ts_ms, pt, json.loads(x)) for ts_ms, pt, x in rows]


def _step(ts_ms: int, pt: str, x: dict[str, int]) -> StepEvent:
    return StepEvent(ts_ms, pt, float(x.get("dp_w", 0)), float(x.get("dq_var", 0)), x.get("rise_ms", 0), x.get("clock_u_ms", 0))


def _span(series: PointSeries) -> tuple[int | None, int | None]:
    if not len(series.ts_ms):
        return None, None
    return int(series.ts_ms[0]), int(series.ts_ms[-1] + series.dur_ms[-1])


def _mean(columns: "list[Floats]") -> "Floats":
    """Mean of the phases that are present, shape (n,); NaN where none is."""
    stack = np.stack(columns)
    there = ~np.isnan(stack)
    count = there.sum(axis=0)
    total = np.where(there, stack, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
