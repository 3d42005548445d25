"""What a hydro plant's water would make, beside what its instruments show: hourly, and in blocks of a local day.

    P_water = ρ·g·Q·H·η   (IEC 60041:1991, 2.3.9: hydraulic power times efficiency)

with the turbine flow Q where it is gauged, the plant's inflow (less ecological flow, never above rating or a logged limit) where not.
H is measured, or the difference of the levels, or the register's, or unknown: a constant factor is learnt from the plant's own past
anyway, as is what efficiency does with load and what tailwater does with spill (``Days.x``).
A block's value rests on nothing after its end, and a block that has not ended does not exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from gridwitness.domain.moments import DAY_MS, HOUR_MS, local_offset_ms
from gridwitness.domain.series import ContextSeries
from gridwitness.topology.model import Plant, Site

Floats = NDArray[np.float64]

WATER_N_M3 = 9806.65
"""ρ·g of water at 1000 kg/m³, N/m³."""
TURBINE, INFLOW = "turbine_flow_m3s", "inflow_m3s"
LIMITS = ("dispatch_w", "dispatch_limit_w", "line_limit_w")
USUAL_HEAD_M, USUAL_EFFICIENCY = 50.0, 0.85
"""Where the register knows none; the error is a constant factor, and learnt."""
LEAST_HOURS = 12
"""Hours that a block needs before it says anything."""
LEAST_LOAD = 0.04
"""Blocks with less of the rating by water, or with none of it running, say nothing."""
IDLE = 0.2
"""An hour with less of the usual output for its water is idling (a turbine that turns without load) or all of it goes elsewhere: it
says nothing of a share, is left out, and is told (``idle``)."""
USUAL_HOURS = 96
"""First running hours of the record that say what is usual."""


@dataclass(slots=True)
class Hours:
    """Hourly values; arrays of shape (h,), hours from ``first_ms`` on. NaN where unknown. ``water_w`` is scaled to
    the output of the first hours, so that a head that nobody knows does no harm. ``logged``: within a logged outage."""

    first_ms: int
    out_w: Floats
    water_w: Floats
    flow_m3s: Floats
    spill_m3s: Floats
    logged: NDArray[np.bool_]
    idle: NDArray[np.bool_]
    known: dict[str, Floats]

    @property
    def measured(self) -> NDArray[np.bool_]:
        """Hours in which output and water are known."""
        return np.isfinite(self.out_w) & np.isfinite(self.water_w)

    @property
    def good(self) -> NDArray[np.bool_]:
        """Hours that say something: output and water are known, no outage is logged, and the turbines do not idle."""
        return self.measured & ~self.logged & ~self.idle


@dataclass(slots=True)
class Days:
    """Blocks of a local day; arrays of shape (n,). ``y`` = ln(ΣP/ΣP_water) over the block's good hours, NaN where it says nothing.

    ``x`` (n, 4): load ln(P/rated) (of output: the gauge's own error would pass for a
    curve if the load were taken from it), its square, share of spill, whether it spills. ``weight`` relative variance of a block's scatter.
    """

    start_ms: NDArray[np.int64]
    y: Floats
    x: Floats
    weight: Floats
    source: str

    @property
    def end_ms(self) -> NDArray[np.int64]:
        """Ends of the blocks, UTC ms."""
        return self.start_ms + DAY_MS


def source(context: Mapping[str, ContextSeries]) -> str | None:
    """The quantity that tells of the plant's water: the turbine's flow if there is one."""
    return next((name for name in (TURBINE, INFLOW) if name in context), None)


def hours(site: Site, plant: Plant, context: Mapping[str, ContextSeries], out_w: Floats, first_ms: int) -> Hours | None:
    """Hourly values of one plant; None without any water. ``out_w`` (h,): its output, W, hours from ``first_ms`` on."""
    wanted = source(context)
    if wanted is None:
        return None
    starts = first_ms + HOUR_MS * np.arange(out_w.size, dtype=np.int64)
    known = {name: _hourly(series, starts) for name, series in context.items()}
    logged = _logged(site, plant, starts)
    flow = known[wanted]
    if wanted == INFLOW and "ecological_flow_m3s" in known:
        flow = np.maximum(0.0, flow - np.nan_to_num(known["ecological_flow_m3s"]))
    efficiency = (plant.hydro.efficiency if plant.hydro else None) or USUAL_EFFICIENCY
    water = WATER_N_M3 * np.where(flow >= 0, flow, np.nan) * _head(plant, known) * efficiency
    if wanted == INFLOW:
        water = _capped(water, plant, known)
    spill = np.nan_to_num(known["spill_m3s"]) if "spill_m3s" in known else np.zeros(out_w.size)
    water = water * _usual(plant, out_w, water)
    idle = (out_w < IDLE * water) & (water > 0)
    return Hours(first_ms, out_w, water, flow, np.maximum(0.0, spill), logged, idle, known)


def _usual(plant: Plant, out_w: Floats, water: Floats) -> float:
    """Median of output over water in the first running hours; rests on them alone."""
    running = np.flatnonzero((out_w > LEAST_LOAD * plant.rated_w) & (water > 0))[:USUAL_HOURS]
    return float(np.median(out_w[running] / water[running])) if running.size else 1.0


def days(site: Site, plant: Plant, hourly: Hours, wanted: str, now_ms: int) -> Days:
    """Blocks of a local day that had ended by ``now_ms``."""
    shift = local_offset_ms(hourly.first_ms, ZoneInfo(site.timezone))
    starts = hourly.first_ms + HOUR_MS * np.arange(hourly.out_w.size, dtype=np.int64)
    day = (starts + shift) // DAY_MS
    ended = (day + 1) * DAY_MS - shift <= now_ms
    count = int(day[ended][-1] - day[0] + 1) if ended.any() else 0
    use = hourly.good & ended
    where = (day[use] - day[0]).astype(np.int64)

    def total(values: Floats) -> Floats:
        return np.bincount(where, weights=values[use], minlength=count)[:count].astype(np.float64)

    n, out, water = total(np.ones(day.size)), total(hourly.out_w), total(hourly.water_w)
    flow, spill = total(hourly.flow_m3s), total(hourly.spill_m3s)
    with np.errstate(divide="ignore", invalid="ignore"):
        load_w, share = water / n, spill / (flow + spill)
        y = np.where((n >= LEAST_HOURS) & (out > 0) & (load_w >= LEAST_LOAD * plant.rated_w), np.log(out / water), np.nan)
        x1 = np.log(out / n / plant.rated_w)
    x = np.column_stack([x1, x1**2, share, share > 1e-3])
    y = np.where(np.isfinite(x).all(axis=1), y, np.nan)
    start_ms = (day[0] + np.arange(count, dtype=np.int64)) * DAY_MS - shift
    return Days(start_ms, y, np.nan_to_num(x), 0.5 + 0.5 * 24 / np.maximum(n, 1), wanted)


def _head(plant: Plant, known: Mapping[str, Floats]) -> Floats | float:
    """Head, m; the register's where an hour has none of its own."""
    usual = (plant.hydro.head_m if plant.hydro else None) or USUAL_HEAD_M
    head = known.get("head_m")
    if head is None and {"reservoir_level_m", "tailwater_level_m"} <= known.keys():
        head = known["reservoir_level_m"] - known["tailwater_level_m"]
    if head is None:
        return usual
    return np.where(head > 0, head, np.nan)


def _capped(water: Floats, plant: Plant, known: Mapping[str, Floats]) -> Floats:
    """Water that came in makes no more than rating, set point and limits allow; the rest is stored or spilled."""
    for name in LIMITS:
        if name in known:
            water = np.minimum(water, np.where(known[name] >= 0, known[name], np.inf))
    return np.minimum(water, plant.rated_w)


def _logged(site: Site, plant: Plant, starts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Hours that touch a logged outage of the plant."""
    mask = np.zeros(starts.size, dtype=bool)
    for outage in site.outages:
        if outage.plant == plant.id:
            ends = outage.to_ms if outage.to_ms is not None else np.iinfo(np.int64).max
            mask |= (starts < ends) & (starts + HOUR_MS > outage.from_ms)
    return mask


def _hourly(series: ContextSeries, starts: NDArray[np.int64]) -> Floats:
    """The mean of an hour's rows; where it has none, the latest row before, for at most a day."""
    if series.ts_ms.size == 0 or starts.size == 0:
        return np.full(starts.size, np.nan)
    hour = (series.ts_ms - starts[0]) // HOUR_MS
    inside = (hour >= 0) & (hour < starts.size)
    rows = np.bincount(hour[inside], minlength=starts.size)
    means = np.bincount(hour[inside], weights=series.value[inside], minlength=starts.size) / np.maximum(rows, 1)
    last = np.searchsorted(series.ts_ms, starts, side="right") - 1
    held = (last >= 0) & (starts - series.ts_ms[np.maximum(last, 0)] < DAY_MS)
    return np.where(rows > 0, means, np.where(held, series.value[np.maximum(last, 0)], np.nan))
