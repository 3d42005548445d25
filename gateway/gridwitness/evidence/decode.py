"""From raw records to series, by the same rules as the gateway's store: a second, independent way to the same numbers.

An interval is OK unless its quality word says that it was partial, gapped, clipped, unlocked, stale or badly timed, or its
clock was never set; then it is SUSPECT and takes no part in a balance. Of several intervals of a point with the same start the
best counts: OK before SUSPECT, then the earlier record.
"""

from collections.abc import Iterable, Mapping, Sequence, Set

import numpy as np
from gwire.fields import Q_CLIPPED, Q_CLOCK, Q_GAPPED, Q_PARTIAL, Q_STALE, Q_UNLOCKED, from_wire
from numpy.typing import NDArray

from gridwitness.domain.moments import iso
from gridwitness.domain.series import MISSING, OK, QUALITY_NAMES, SUSPECT, DataProblem, PointSeries, SiteReadings, StepEvent
from gridwitness.evidence.record import Record, dates
from gridwitness.evidence.source import Position

DOUBTFUL = Q_PARTIAL | Q_GAPPED | Q_CLIPPED | Q_UNLOCKED | Q_STALE | Q_CLOCK
"""Quality bits that keep an interval out of a balance."""

COLUMNS = ("p_w", "q_var", "u_v", "i_a", "pf", "f_hz", "thd_i_pct")
_VOLTAGES = ("u_l1_v", "u_l2_v", "u_l3_v")
_CURRENTS = ("i_l1_a", "i_l2_a", "i_l3_a")
_DISTORTIONS = ("thd_i_l1_pct", "thd_i_l2_pct", "thd_i_l3_pct")

Dated = tuple[int, Record]
"""``(ts_ms, record)`` with the record's own or derived time."""


def readings(chains: Mapping[str, Sequence[Record]], from_ms: int, to_ms: int, excluded: Set[tuple[str, Position]]) -> SiteReadings:
    """Series of all points from the records of a site's devices: intervals that lie within ``from_ms`` … ``to_ms``.

    ``excluded``: ``(dev, position)`` of records that took no part at the gateway. Where two devices claim the same point the
    first by name is used.
    """
    out = SiteReadings()
    for dev in sorted(chains):
        dated = _dated(dev, chains[dev], from_ms, to_ms, excluded)
        for point, power in sorted(_by_point(dated, "power").items()):
            series = _series(point, power, _by_point(dated, "harm").get(point, {}))
            if point in out.points:
                span = (int(series.ts_ms[0]), int(series.ts_ms[-1] + series.dur_ms[-1]))
                out.problems.append(DataProblem(point, "measured by two devices; the first is used", *span, len(series.ts_ms)))
            else:
                out.points[point] = series
        out.events += [_step(ts_ms, record) for ts_ms, record in dated if _is_step(record)]
    out.events.sort(key=lambda event: (event.ts_ms, event.point))
    return out


def _dated(dev: str, chain: Sequence[Record], from_ms: int, to_ms: int, excluded: Set[tuple[str, Position]]) -> list[Dated]:
    times = dates(chain, {position for name, position in excluded if name == dev})
    usable = (r for r in chain if r.position in times)
    return [(ts, r) for r in usable if (ts := times[r.position]) >= from_ms and ts + r.doc.get("dur", 0) <= to_ms]


def _by_point(dated: Iterable[Dated], group: str) -> dict[str, dict[int, Record]]:
    """Point → start → the record that counts."""
    out: dict[str, dict[int, Record]] = {}
    for ts_ms, record in dated:
        if record.t == "data" and record.doc["g"] == group:
            rows = out.setdefault(record.doc["pt"], {})
            if ts_ms not in rows or _doubtful(rows[ts_ms]) > _doubtful(record):
                rows[ts_ms] = record
    return out


def _doubtful(record: Record) -> bool:
    return bool(record.doc["q"] & DOUBTFUL) or record.doc["cq"] == 0


def _is_step(record: Record) -> bool:
    return record.t == "event" and record.doc["k"] == "step" and record.doc["pt"] is not None


def _step(ts_ms: int, record: Record) -> StepEvent:
    x = record.doc.get("x", {})
    return StepEvent(
        ts_ms, record.doc["pt"], float(x.get("dp_w", 0)), float(x.get("dq_var", 0)), x.get("rise_ms", 0), x.get("clock_u_ms", 0)
    )


def _figures(record: Record, harm: Record | None) -> tuple[float, ...]:
    values = record.doc["m"]
    thd = float("nan") if harm is None else _mean(harm.doc["m"], _DISTORTIONS)
    plain = {key: _mean(values, (key,)) for key in ("p_w", "q_var", "pf", "f_hz")}
    return plain["p_w"], plain["q_var"], _mean(values, _VOLTAGES), _mean(values, _CURRENTS), plain["pf"], plain["f_hz"], thd


def _mean(values: Mapping[str, int], keys: tuple[str, ...]) -> float:
    """Mean of those that are there; NaN where none is."""
    present = [float(from_wire(key, values[key])) for key in keys if key in values]
    return sum(present) / len(present) if present else float("nan")


def _quality(record: Record) -> int:
    if "p_w" not in record.doc["m"]:
        return MISSING
    return SUSPECT if _doubtful(record) else OK


def _series(point: str, power: Mapping[int, Record], harm: Mapping[int, Record]) -> PointSeries:
    starts = sorted(power)
    ordered = [power[ts] for ts in starts]
    columns: NDArray[np.float64] = np.array([_figures(power[ts], harm.get(ts)) for ts in starts], dtype=np.float64)
    return PointSeries(
        point=point,
        ts_ms=np.array(starts, dtype=np.int64),
        dur_ms=np.array([record.doc["dur"] for record in ordered], dtype=np.int64),
        quality=np.array([_quality(record) for record in ordered], dtype=np.uint8),
        **{name: columns[:, index].copy() for index, name in enumerate(COLUMNS)},
    )


def csv_text(readings: SiteReadings) -> str:
    """The series as ``readings.csv`` of the analysis files: shortest decimals that give the same double back, sorted by time."""
    rows = []
    for name, series in readings.points.items():
        for index, ts_ms in enumerate(series.ts_ms.tolist()):
            cells = [_cell(float(getattr(series, column)[index])) for column in COLUMNS]
            rows.append((ts_ms, name, ",".join([iso(ts_ms), name, *cells, QUALITY_NAMES[int(series.quality[index])]])))
    head = ",".join(["ts", "point", *COLUMNS, "quality"])
    return "\n".join([head, *(row[2] for row in sorted(rows, key=lambda row: row[:2]))]) + "\n"


def _cell(value: float) -> str:
    return "" if value != value else repr(value)
