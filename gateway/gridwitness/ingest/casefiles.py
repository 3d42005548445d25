"""Reading a case folder: ``site.yaml``, ``readings``, and where present ``context`` and ``events``.

What cannot be used is counted and named, never dropped in silence; what makes the folder unreadable is an InputError.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gridwitness.domain.errors import InputError, Problem
from gridwitness.domain.moments import HOUR_MS
from gridwitness.domain.series import OK, QUALITY_NAMES, SUSPECT, ContextSeries, DataProblem, PointSeries, SiteReadings, StepEvent
from gridwitness.ingest import tables
from gridwitness.ingest.tables import Table
from gridwitness.topology import site as register
from gridwitness.topology.model import Site

READING_NUMBERS = ("q_var", "u_v", "i_a", "pf", "f_hz", "thd_i_pct")
QUANTITIES = frozenset({
    "turbine_flow_m3s", "inflow_m3s", "spill_m3s", "head_m", "dispatch_w", "dispatch_limit_w", "line_limit_w", "reservoir_level_m",
    "tailwater_level_m", "ecological_flow_m3s", "gate_opening_pct", "trash_rack_dh_m", "air_temp_c",
})  # fmt: skip
SHORTEST_MS, LONGEST_MS = 1000, HOUR_MS
SHOWN = 20
"""Bad rows that are named one by one; the rest are counted."""


def read(case_dir: Path) -> tuple[Site, SiteReadings, list[Problem]]:
    """Register, readings and warnings of a case folder; InputError where it cannot be read."""
    site, warnings = register.load(case_dir / "site.yaml")
    path = tables.find(case_dir, "readings")
    if path is None:
        text = "no readings.csv, readings.csv.gz or readings.parquet"
        raise InputError(str(case_dir), [Problem(str(case_dir), None, None, text)])
    readings = SiteReadings()
    table = tables.read(path, ("ts", "point", "p_w"), (*READING_NUMBERS, "quality"))
    _unreadable(table, readings, warnings)
    _points(table, readings, warnings)
    if path := tables.find(case_dir, "context"):
        table = tables.read(path, ("ts", "plant", "quantity", "value"), ())
        _unreadable(table, readings, warnings)
        _context(table, site, readings, warnings)
    if path := tables.find(case_dir, "events"):
        table = tables.read(path, ("ts_ms", "point", "dp_w"), ("dq_var", "rise_ms", "clock_u_ms"))
        _unreadable(table, readings, warnings)
        _events(table, readings)
    return site, readings, warnings


def _unreadable(table: Table, readings: SiteReadings, warnings: list[Problem]) -> None:
    """Count rows that could not be read by the point they speak of, and name the first ones."""
    if table.bad and not table.rows:
        raise InputError(table.file, table.bad[:SHOWN], f"none of its {len(table.bad)} rows could be read")
    for point, rows in sorted(Counter(table.bad_point).items()):
        readings.problems.append(DataProblem(point, "unreadable rows", None, None, rows))
    warnings += table.warnings + table.bad[:SHOWN]
    if len(table.bad) > SHOWN:
        warnings.append(Problem(table.file, None, None, f"{len(table.bad) - SHOWN} more rows could not be read"))


def _points(table: Table, readings: SiteReadings, warnings: list[Problem]) -> None:
    """One series a point: sorted, without doubles, with its interval."""
    codes, names = table.texts["point"]
    quality = _quality(table, warnings)
    numbers = {name: table.numbers.get(name) for name in ("p_w", *READING_NUMBERS)}
    raw: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
    for code, name in sorted(enumerate(names), key=lambda pair: pair[1]):
        rows = np.flatnonzero(codes == code)
        rows = rows[np.argsort(table.ts_ms[rows], kind="stable")]
        raw[name] = _once(table, rows, name, quality, readings), rows
    intervals = {name: _interval(table.ts_ms[rows]) for name, (rows, _) in raw.items()}
    usual = Counter(i for i in intervals.values() if i).most_common(1)
    for name, (rows, _) in raw.items():
        ts, empty = table.ts_ms[rows], np.full(rows.size, np.nan)
        dur = np.minimum(intervals[name] or (usual[0][0] if usual else LONGEST_MS), np.r_[np.diff(ts), LONGEST_MS])
        p, q, u, i, pf, f, thd = (empty if (c := numbers[n]) is None else c[rows] for n in ("p_w", *READING_NUMBERS))
        readings.points[name] = PointSeries(name, ts, dur, p, q, u, i, pf, f, thd, quality[rows])


def _quality(table: Table, warnings: list[Problem]) -> NDArray[np.uint8]:
    """Codes of the quality column; empty is OK, an unknown word is SUSPECT."""
    if "quality" not in table.texts:
        return np.full(table.rows, OK, np.uint8)
    codes, names = table.texts["quality"]
    known = {"": OK, **{name: code for code, name in enumerate(QUALITY_NAMES)}}
    for name in names:
        if name.strip().lower() not in known:
            warnings.append(
                Problem(table.file, None, "quality", f"{name!r} is not known, taken as suspect", "one of " + ", ".join(QUALITY_NAMES))
            )
    translated = np.array([known.get(name.strip().lower(), SUSPECT) for name in names], np.uint8)
    return np.asarray(translated[codes] if codes.size else np.empty(0, np.uint8))


def _once(table: Table, rows: NDArray[np.int64], name: str, quality: NDArray[np.uint8], readings: SiteReadings) -> NDArray[np.int64]:
    """The rows without doubles (the first in the file is kept); doubles with other values are counted as clashes."""
    ts = table.ts_ms[rows]
    first = np.r_[True, ts[1:] != ts[:-1]] if rows.size else np.empty(0, bool)
    again = np.flatnonzero(~first)
    if again.size:
        kept = rows[np.flatnonzero(first)[np.cumsum(first)[again] - 1]]
        same = quality[rows[again]] == quality[kept]
        for column in table.numbers.values():
            a, b = column[rows[again]], column[kept]
            same &= (a == b) | (np.isnan(a) & np.isnan(b))
        clash = ts[again[~same]]
        if clash.size:
            readings.problems.append(DataProblem(name, "clash", int(clash[0]), int(clash[-1]), int(clash.size)))
    return rows[first]


def _interval(ts: NDArray[np.int64]) -> int | None:
    """The most frequent step between rows that is an interval at all (1 s to 1 h)."""
    steps = np.diff(ts)
    steps = steps[(steps >= SHORTEST_MS) & (steps <= LONGEST_MS)]
    if steps.size == 0:
        return None
    values, counts = np.unique(steps, return_counts=True)
    return int(values[np.argmax(counts)])


def _context(table: Table, site: Site, readings: SiteReadings, warnings: list[Problem]) -> None:
    """One series for each plant and quantity, ascending; of two values at one time the later row counts."""
    (plants, plant_names), (quantities, quantity_names) = table.texts["plant"], table.texts["quantity"]
    for name in plant_names:
        if name not in site.plants:
            warnings.append(Problem(table.file, None, "plant", f"{name!r} is not in the register, not used"))
    for name in quantity_names:
        if name not in QUANTITIES:
            warnings.append(Problem(table.file, None, "quantity", f"{name!r} is not known, not used"))
    value = table.numbers["value"]
    for plant in sorted(set(plant_names) & set(site.plants)):
        for quantity in sorted(set(quantity_names) & QUANTITIES):
            chosen = (plants == plant_names.index(plant)) & (quantities == quantity_names.index(quantity)) & np.isfinite(value)
            rows = np.flatnonzero(chosen)
            rows = rows[np.argsort(table.ts_ms[rows], kind="stable")]
            ts = table.ts_ms[rows]
            rows = rows[np.r_[ts[1:] != ts[:-1], True]] if rows.size else rows
            if rows.size:
                readings.context.append(ContextSeries(plant, quantity, table.ts_ms[rows], value[rows]))


def _events(table: Table, readings: SiteReadings) -> None:
    """Steps in time order."""
    codes, names = table.texts["point"]
    zeros = np.zeros(table.rows)
    columns = [np.nan_to_num(table.numbers.get(name, zeros)) for name in ("ts_ms", "dp_w", "dq_var", "rise_ms", "clock_u_ms")]
    found = [
        StepEvent(int(ts), names[code], float(dp), float(dq), int(rise), int(clock))
        for code, ts, dp, dq, rise, clock in zip(codes, *columns, strict=True)
    ]
    readings.events = sorted(found, key=lambda e: (e.ts_ms, e.point))
