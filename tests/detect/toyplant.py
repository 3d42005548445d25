"""A small plant in NumPy for the tests: what flows, what instruments make of it, and the truth beside it.

Two units, station service, a village feeder, a transformer, a tie with a revenue meter; a slow river; AR(1) noise in every reading.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from gridwitness.domain.moments import DAY_MS, MINUTE_MS
from gridwitness.domain.series import OK, PointSeries, SiteReadings
from gridwitness.topology.site import Site, parse

RATED_W = 5_000_000
START_MS = 1_796_054_400_000  # 2026-12-01T00:00:00+08:00
POINTS = ("m-g1", "m-g2", "m-ss", "m-l1", "m-tie", "m-rev")


def register(meter: str = "0.5S", ct: str = "0.5S", vt: str = "0.5", extra: str = "") -> Site:
    """The plant's register, all instruments of one class."""
    lines = [f"  - {{id: {p}, kind: verified_meter, meter_class: {meter}, ct_class: {ct}, vt_class: {vt}, sign: 1}}" for p in POINTS]
    text = """
format: gridwitness-site/1
site: {id: longtan, name: {zh: 龙潭水电站, en: Longtan hydro}, timezone: Asia/Shanghai}
buses:
  - {id: B1, u_nominal_v: 6300}
plants:
  - {id: P1, kind: hydro, bus: B1, rated_w: 5000000, losses: {no_load_w: 6500, no_load_u_w: 3000, load_at_rated_w: 38000}}
customers:
  - {id: C1, name: {zh: 下坝村, en: Xiaba village}}
branches:
  - {id: G1, bus: B1, role: generator, plant: P1, point: m-g1, rated_w: 2500000}
  - {id: G2, bus: B1, role: generator, plant: P1, point: m-g2, rated_w: 2500000}
  - {id: SS, bus: B1, role: station_service, plant: P1, point: m-ss}
  - {id: L1, bus: B1, role: registered_load, customer: C1, point: m-l1}
  - {id: T1, bus: B1, role: grid_tie, point: m-tie, revenue_point: m-rev, tie_loss: {no_load_w: 0, at_rated_w: 9000}}
points:
"""
    return parse(text + "\n".join(lines) + "\n" + extra)[0]


@dataclass(slots=True)
class Truth:
    """What was hidden: where, from when, and its mean power in each interval (W)."""

    onset_ms: int
    load_w: np.ndarray
    ts_ms: np.ndarray
    dt_ms: int

    def energy_wh(self, from_ms: int, to_ms: int) -> float:
        """Energy within a time."""
        inside = (self.ts_ms >= from_ms) & (self.ts_ms < to_ms)
        return float(self.load_w[inside].sum() * self.dt_ms / 3_600_000)


@dataclass(slots=True)
class Scenario:
    """A run of the plant. ``mine_w`` constant load from minute ``onset_min`` on, at the ``place`` bus or tie.

    ``noise`` relative standard deviation of a reading, AR(1) with ``phi``; ``river`` how far output wanders, ``swing`` its weekly
    amplitude; ``gain_errors`` of ``gain_class``: ``half`` of it with either sign, or ``uniform``; ``drift`` of each instrument's gain
    (relative, memory one day); ``drop`` share of rows that are lost; ``clock_s`` offsets of single instruments.
    """

    seed: int
    minutes: int = 120
    dt_min: int = 1
    mine_w: float = 0.0
    onset_min: float = 35.0
    place: str = "bus"
    noise: float = 5e-4
    phi: float = 0.6
    river: float = 0.02
    gain_errors: str = "half"
    gain_class: float = 0.005
    drop: float = 0.0
    level: float = 0.75
    duty_min: int = 0
    swing: float = 0.0
    clock_s: dict[str, float] = field(default_factory=dict)
    drift: float = 0.0


def run(s: Scenario) -> tuple[SiteReadings, Truth]:
    """Readings and truth."""
    rng = np.random.default_rng(s.seed)
    n = s.minutes // s.dt_min
    ts = START_MS + np.arange(n, dtype=np.int64) * s.dt_min * MINUTE_MS
    river = s.level + s.river * _walk(rng, n, 240 / s.dt_min) + s.swing * np.sin(2 * np.pi * np.arange(n) * s.dt_min / (7 * 1440))
    total = RATED_W * np.clip(river, 0.1, 1.0)
    split = 0.5 + 0.01 * _walk(rng, n, 60 / s.dt_min)
    service = 30_000 * (1 + 0.05 * _walk(rng, n, 30 / s.dt_min))
    day = np.sin(2 * np.pi * (ts % DAY_MS) / DAY_MS)
    village = 250_000 * (1 + 0.3 * day + 0.05 * _walk(rng, n, 20 / s.dt_min))
    minute = np.arange(n) * s.dt_min
    on = np.clip((minute + s.dt_min - s.onset_min) / s.dt_min, 0, 1)
    if s.duty_min:
        on = on * ((np.floor((minute - s.onset_min) / s.duty_min) % 2) == 0)
    mine = s.mine_w * on * (1 + 0.005 * rng.standard_normal(n))
    loss_error = 1 + _errors(rng, s, 1, 0.1)[0]
    at_bus, at_tie = (mine, 0.0) if s.place == "bus" else (0.0, mine)
    tie = total - service - village - at_bus
    for _ in range(4):
        loss = 6500 * loss_error + 38_000 * loss_error * (tie / RATED_W) ** 2
        tie = total - service - village - at_bus - loss
    revenue = tie - 9000 * (tie / RATED_W) ** 2 - at_tie
    true = np.column_stack([total * split, total * (1 - split), service, village, tie, revenue])
    gains = 1 + _errors(rng, s, true.shape[1], s.gain_class)
    points = {}
    for i, name in enumerate(POINTS):
        wobble = s.noise * _ar1(rng, n, s.phi) + (s.drift * _walk(rng, n, 1440 / s.dt_min) if s.drift else 0.0)
        column = true[:, i].copy()
        if offset := s.clock_s.get(name):
            column = np.interp(np.arange(n) + offset / (60 * s.dt_min), np.arange(n), column)
        power = np.round(column * gains[i] * (1 + wobble))
        keep = rng.random(n) >= s.drop
        points[name] = series(name, ts[keep], s.dt_min * MINUTE_MS, power[keep])
    return SiteReadings(points), Truth(int(START_MS + s.onset_min * MINUTE_MS), mine, ts, s.dt_min * MINUTE_MS)


def series(point: str, ts: np.ndarray, dt_ms: int, p_w: np.ndarray) -> PointSeries:
    """A series of powers alone."""
    nan = np.full(ts.size, np.nan)
    dur = np.full(ts.size, dt_ms, dtype=np.int64)
    return PointSeries(point, ts, dur, p_w.astype(float), nan, nan, nan, nan, nan, nan, np.full(ts.size, OK, np.uint8))


def _errors(rng: np.random.Generator, s: Scenario, count: int, limit: float) -> np.ndarray:
    """Errors of one instrument each: half its class with either sign, or anywhere inside it."""
    if s.gain_errors == "half":
        return 0.5 * limit * rng.choice([-1.0, 1.0], count)
    return limit * rng.uniform(-1, 1, count)


def _ar1(rng: np.random.Generator, n: int, phi: float) -> np.ndarray:
    """Unit-variance AR(1)."""
    out, shocks = np.empty(n), rng.standard_normal(n) * np.sqrt(1 - phi**2)
    value = rng.standard_normal()
    for i in range(n):
        value = phi * value + shocks[i]
        out[i] = value
    return out


def _walk(rng: np.random.Generator, n: int, memory: float) -> np.ndarray:
    """Unit-variance process that forgets within ``memory`` samples."""
    return _ar1(rng, n, float(np.exp(-1 / memory)))
