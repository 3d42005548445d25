"""A plant with an observed line beside it, for the tests: what feeds the line is the parameter.

Two units with a wandering river, a village, station service, a tie with a revenue meter; the line carries a load of a given shape, fed
by the bus (``plant``), by the grid (``grid``), ahead of the revenue meter (``tie``), or as a part of the village's feeder (``village``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from gridwitness.domain.moments import MINUTE_MS
from gridwitness.domain.series import OK, PointSeries, SiteReadings, StepEvent
from gridwitness.topology.model import Site
from gridwitness.topology.site import parse

RATED_W = 5_000_000
START_MS = 1_796_054_400_000
SHAPES = ("constant", "duty", "noise", "following", "ramps")


@dataclass(slots=True)
class Lines:
    """``share`` of the plant's rating; ``shape`` one of SHAPES or the load itself (W, one entry for each interval)."""

    seed: int
    source: str = "plant"
    shape: str | np.ndarray = "constant"
    share: float = 0.02
    days: int = 30
    dt_min: int = 15
    onset_day: float = 5.0
    events: bool = True
    metered: bool = True
    noise: float = 5e-4


def register(lines: int = 1, metered: bool = True, line: str = "", plant: str = "", extra: str = "", kind: str = "hydro") -> Site:
    """The register; ``line`` and ``plant`` are more keys of the observed lines and of the plant."""
    unit = ", point: m-{}" if metered else ""
    names = (["m-g1", "m-g2", "m-ss"] if metered else []) + ["m-l1", "m-tie", "m-rev"]
    points = [f"  - {{id: {p}, kind: verified_meter, meter_class: 0.5S, ct_class: 0.5S, vt_class: 0.5, sign: 1}}" for p in names]
    points += [f"  - {{id: m-l9{i + 1}, kind: clamp, meter_class: 1, ct_class: 3, i_rated_a: 20, sign: 1}}" for i in range(lines)]
    clamps = [f"  - {{id: L9{i + 1}, bus: null, role: observed_line, point: m-l9{i + 1}{line}}}" for i in range(lines)]
    text = f"""
format: gridwitness-site/1
site: {{id: lines, name: {{zh: 线路, en: Lines}}, timezone: Asia/Shanghai}}
buses:
  - {{id: B1, u_nominal_v: 6300}}
plants:
  - {{id: P1, kind: {kind}, bus: B1, rated_w: 5000000{plant}}}
customers:
  - {{id: C1, name: {{zh: 村, en: village}}, contract_w: 500000}}
  - {{id: C2, name: {{zh: 厂, en: works}}, contract_w: 900000}}
branches:
  - {{id: G1, bus: B1, role: generator, plant: P1, rated_w: 2500000{unit.format("g1")}}}
  - {{id: G2, bus: B1, role: generator, plant: P1, rated_w: 2500000{unit.format("g2")}}}
  - {{id: SS, bus: B1, role: station_service, plant: P1, rated_w: 60000{unit.format("ss")}}}
  - {{id: L1, bus: B1, role: registered_load, customer: C1, point: m-l1}}
  - {{id: T1, bus: B1, role: grid_tie, point: m-tie, revenue_point: m-rev}}
"""
    return parse(text + "\n".join(clamps) + "\npoints:\n" + "\n".join(points) + "\n" + extra)[0]


def run(s: Lines, shares: tuple[float, ...] = (1.0,)) -> tuple[SiteReadings, np.ndarray]:
    """Readings (the line's load split over several clamps by ``shares``) and the line's true power in each interval, W."""
    rng = np.random.default_rng(s.seed)
    n = int(s.days * 1440 / s.dt_min)
    ts = START_MS + np.arange(n, dtype=np.int64) * s.dt_min * MINUTE_MS
    total = RATED_W * np.clip(0.6 + 0.15 * walk(rng, n, 3 * 1440 / s.dt_min) + 0.03 * walk(rng, n, 30 / s.dt_min), 0.15, 1)
    split = 0.5 + 0.05 * walk(rng, n, 120 / s.dt_min)
    hour = (ts / 3_600_000 + 8) % 24
    village = 250_000 * (1 + 0.4 * np.sin((hour - 12) / 24 * 2 * np.pi) + 0.06 * walk(rng, n, 20 / s.dt_min))
    service = 30_000 * (1 + 0.05 * walk(rng, n, 30 / s.dt_min))
    load = shape(rng, s, total)
    line_events, load = steps(rng, s, ts, load)
    at_bus, at_tie = load * (s.source in ("plant", "village")), load * (s.source == "tie")
    feeder = village + load * (s.source == "village")
    export = total - service - village - at_bus
    revenue = export - at_tie
    true = {"m-g1": total * split, "m-g2": total * (1 - split), "m-ss": service, "m-l1": feeder, "m-tie": export, "m-rev": revenue}
    if not s.metered:
        for name in ("m-g1", "m-g2", "m-ss"):
            true.pop(name)
    points = {name: reading(rng, name, ts, s, p, 0.005) for name, p in true.items()}
    for i, share in enumerate(shares):
        points[f"m-l9{i + 1}"] = reading(rng, f"m-l9{i + 1}", ts, s, load * share, 0.02)
    readings = SiteReadings(points)
    if s.events:
        readings.events = sorted(stamped(rng, s, ts, line_events), key=lambda e: (e.ts_ms, e.point))
    return readings, load


def shape(rng: np.random.Generator, s: Lines, total: np.ndarray) -> np.ndarray:
    """The line's load."""
    n, size = total.size, s.share * RATED_W
    if isinstance(s.shape, np.ndarray):
        return s.shape[:n].copy()
    on = np.arange(n) * s.dt_min >= s.onset_day * 1440
    if s.shape == "duty":
        on = on & (np.floor(np.arange(n) * s.dt_min / 300) % 2 == 0)
    form = {
        "noise": 0.7 + 0.2 * walk(rng, n, 60 / s.dt_min),
        "following": total / RATED_W,
        "ramps": 0.6 + 0.4 * np.sin(np.arange(n) * s.dt_min / 1440 * 2 * np.pi),
    }.get(s.shape, np.ones(n))
    return np.clip(size * form, 0, None) * on * (1 + 0.003 * rng.standard_normal(n))


def steps(rng: np.random.Generator, s: Lines, ts: np.ndarray, load: np.ndarray) -> tuple[list[tuple[float, float]], np.ndarray]:
    """Restarts of a constant or duty load: (time, step) of each, and the load with them in it."""
    if isinstance(s.shape, np.ndarray) or s.shape in ("noise", "following", "ramps"):
        return [], load
    found, out, dt = [], load.copy(), s.dt_min * MINUTE_MS
    for i in np.flatnonzero(np.diff(load > 0) != 0):
        found.append((float(ts[i + 1]) + 1.0, float(load[i + 1] - load[i])))
    for _ in range(rng.poisson(1.5 * s.days)):
        i, part = int(rng.integers(1, load.size - 1)), rng.uniform(0.1, 0.5)
        if load[i] <= 0 or load[i + 1] <= 0:
            continue
        length = rng.uniform(0.2, 0.8) * dt
        at = ts[i] + rng.uniform(0.05, 0.15) * dt
        found += [(at, -part * load[i]), (at + length, part * load[i])]
        out[i] -= part * load[i] * length / dt
    return found, out


def stamped(rng: np.random.Generator, s: Lines, ts: np.ndarray, line: list[tuple[float, float]]) -> list[StepEvent]:
    """Step events: of the line, of the tie for what it sees of the line, and of the plant's and village's own steps in it."""
    offset, made = {p: rng.normal(0, 800) for p in ("m-l91", "m-tie", "m-rev")}, []

    def note(at: float, point: str, dp: float) -> None:
        if rng.random() < 0.95:
            made.append(StepEvent(int(at + offset[point] + rng.normal(0, 150)), point, dp * (1 + rng.normal(0, 0.02)), 0.0, 800, 800))

    for at, dp in line:
        note(at, "m-l91", dp)
        if s.source in ("plant", "village"):
            note(at, "m-tie", -dp)
        if s.source in ("plant", "village", "tie"):
            note(at, "m-rev", -dp)
    size = max([abs(dp) for _, dp in line], default=20_000.0)
    for _ in range(rng.poisson(30 * s.days)):
        at, dp = float(rng.uniform(ts[0], ts[-1])), size * rng.uniform(0.05, 2) * rng.choice([-1, 1])
        note(at, "m-tie", dp)
        note(at, "m-rev", dp)
    return made


def reading(rng: np.random.Generator, name: str, ts: np.ndarray, s: Lines, p: np.ndarray, gain: float) -> PointSeries:
    """What an instrument makes of a power: gain error within its class, AR(1) noise, lost rows."""
    wobble = s.noise * walk(rng, ts.size, 2)
    measured = np.round(p * (1 + gain * rng.uniform(-1, 1)) * (1 + wobble) + rng.normal(0, 5, ts.size))
    keep = rng.random(ts.size) > 0.003
    return series(name, ts[keep], s.dt_min * MINUTE_MS, measured[keep])


def series(name: str, ts: np.ndarray, dt_ms: int, p: np.ndarray, f: np.ndarray | None = None, u: np.ndarray | None = None) -> PointSeries:
    """A series of powers, and of frequency and voltage where given."""
    nan = np.full(ts.size, np.nan)
    return PointSeries(
        name, ts, np.full(ts.size, dt_ms, np.int64), p.astype(float), nan, nan if u is None else u, nan, nan, nan if f is None else f, nan,
        np.full(ts.size, OK, np.uint8),
    )  # fmt: skip


def walk(rng: np.random.Generator, n: int, memory: float) -> np.ndarray:
    """Unit-variance AR(1) that forgets within ``memory`` samples."""
    phi = float(np.exp(-1 / memory))
    shocks = rng.standard_normal(n) * np.sqrt(1 - phi**2)
    out = np.empty(n)
    value = float(rng.standard_normal())
    for i, shock in enumerate(shocks.tolist()):
        value = phi * value + shock
        out[i] = value
    return out
