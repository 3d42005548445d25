"""A hydro plant with a gauge in NumPy for the tests: a river, an efficiency curve, a gauge that wanders, a hidden tap."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from gridwitness.domain.moments import HOUR_MS
from gridwitness.domain.series import OK, ContextSeries, PointSeries, SiteReadings
from gridwitness.topology.site import Site, parse

START_MS = 1_735_660_800_000  # 2025-01-01T00:00:00+08:00
RATED_W, HEAD_M, EFFICIENCY = 5_000_000.0, 60.0, 0.86
FULL_M3S = RATED_W / (9806.65 * HEAD_M * EFFICIENCY)

REGISTER = f"""
format: gridwitness-site/1
site: {{id: shui, name: {{zh: 水口站, en: Shuikou}}, timezone: Asia/Shanghai}}
buses: [{{id: B1, u_nominal_v: 6300}}]
plants:
  - {{id: P1, kind: hydro, bus: B1, rated_w: 5000000, hydro: {{head_m: 60, efficiency: 0.86, rated_flow_m3s: {FULL_M3S:.3f}}}}}
branches:
  - {{id: G1, bus: B1, role: generator, plant: P1, point: m-g1}}
  - {{id: G2, bus: B1, role: generator, plant: P1, point: m-g2}}
  - {{id: T1, bus: B1, role: grid_tie, point: m-tie}}
points:
  - {{id: m-g1, kind: verified_meter, meter_class: 0.5S, ct_class: 0.5S, vt_class: 0.5, sign: 1}}
  - {{id: m-g2, kind: verified_meter, meter_class: 0.5S, ct_class: 0.5S, vt_class: 0.5, sign: -1}}
  - {{id: m-tie, kind: verified_meter, meter_class: 0.5S, ct_class: 0.5S, vt_class: 0.5, sign: 1}}
"""


@dataclass(slots=True)
class River:
    """``gauge`` relative standard uncertainty of the flow: a constant error, and one that changes from day to day.

    ``share`` of the output taken from hour ``onset_h`` to ``end_h``; ``quantity`` what the gauge is called;
    ``spill`` with a spillway gauge;
    ``flood_h`` from when tailwater takes head and water is spilled; ``idle_h`` hours in which turbines turn without load.
    """

    seed: int
    days: int = 45
    gauge: float = 0.03
    share: float = 0.0
    onset_h: int = 25 * 24 + 7
    end_h: int | None = None
    quantity: str = "turbine_flow_m3s"
    spill: bool = False
    flood_h: int | None = None
    idle_h: tuple[int, int] = (0, 0)
    memory_days: float = 0.5
    extra: dict[str, np.ndarray] = field(default_factory=dict)


def register(extra: str = "", text: str = REGISTER) -> Site:
    """The plant's register."""
    return parse(text + extra)[0]


def run(r: River) -> tuple[SiteReadings, np.ndarray]:
    """Readings, and what was taken in each hour, W."""
    rng = np.random.default_rng(r.seed)
    n = r.days * 24
    load = np.clip(0.7 + 0.15 * walk(rng, n, 24 * 8), 0.2, 1.0)
    head = 1 + 0.004 * walk(rng, n, 24 * 10)
    over = np.zeros(n)
    if r.flood_h is not None:
        over[r.flood_h :] = 0.6
        head[r.flood_h :] -= 0.08
        load[r.flood_h :] = 1.0
    made = RATED_W * load * head
    flow = FULL_M3S * load / np.exp(-0.06 * (1 - load) ** 2)
    seen = flow * np.exp(rng.normal(0, r.gauge) + r.gauge * walk(rng, n, 24 * r.memory_days))
    on = np.zeros(n)
    on[r.onset_h : n if r.end_h is None else r.end_h] = r.share
    taken = made * on
    made = made - taken
    made[r.idle_h[0] : r.idle_h[1]] = 2000.0
    ts = START_MS + HOUR_MS * np.arange(n, dtype=np.int64)
    split = 0.5 + 0.02 * walk(rng, n, 12)
    points = {name: series(name, ts, p) for name, p in (("m-g1", made * split), ("m-g2", -made * (1 - split)), ("m-tie", made))}
    context = [ContextSeries("P1", r.quantity, ts, seen)]
    if r.spill:
        context.append(ContextSeries("P1", "spill_m3s", ts, over * FULL_M3S))
    context += [ContextSeries("P1", name, ts, values) for name, values in r.extra.items()]
    return SiteReadings(points, context), taken


def series(point: str, ts: np.ndarray, p_w: np.ndarray) -> PointSeries:
    """An hourly series of powers alone."""
    nan = np.full(ts.size, np.nan)
    dur = np.full(ts.size, HOUR_MS, dtype=np.int64)
    return PointSeries(point, ts, dur, np.round(p_w), nan, nan, nan, nan, nan, nan, np.full(ts.size, OK, np.uint8))


def walk(rng: np.random.Generator, n: int, memory: float) -> np.ndarray:
    """Unit-variance AR(1) that forgets within ``memory`` samples."""
    phi = math.exp(-1 / memory)
    out, shocks = np.empty(n), rng.standard_normal(n) * math.sqrt(1 - phi**2)
    value = rng.standard_normal()
    for i in range(n):
        value = phi * value + shocks[i]
        out[i] = value
    return out


def at(hour: int) -> int:
    """UTC ms of an hour of the run."""
    return START_MS + hour * HOUR_MS
