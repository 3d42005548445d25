"""A scenario as a case folder: the files that ``gridwitness analyse`` reads, from the same plant and instruments as the live twin."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gridwitness.domain.errors import GridwitnessError
from gridwitness.sim import truth
from gridwitness.sim.model import Scenario
from gridwitness.sim.noise import Array, stream
from gridwitness.sim.plant import DAY_S, Plant
from gridwitness.sim.scenario import site_yaml
from gridwitness.sim.waveforms import Waveforms

READINGS_HEAD = "ts,point,p_w,q_var,u_v,i_a,pf,f_hz,thd_i_pct,quality\n"
CONTEXT_HEAD = "ts,plant,quantity,value\n"
CONTEXT_S = 3600
_LONGEST_STEP_S = 10


@dataclass(frozen=True, slots=True)
class Made:
    """What was written."""

    folder: Path
    rows: int
    supplies: int


def write(
    scenario: Scenario, out: Path, *, interval_s: int = 60, force: bool = False, progress: Callable[[float], None] | None = None
) -> Made:
    """Write ``site.yaml``, ``readings.csv``, ``context.csv`` and ``truth.json`` into ``out``, which appears whole or not at all.

    Values are means over the interval. Raises GridwitnessError if ``out`` exists (unless ``force``) or the interval does not fit.
    """
    intervals = _intervals(scenario, interval_s)
    if out.exists() and not force:
        raise GridwitnessError("exists", f"{out} exists already", "choose another folder, or --force to replace it")
    if out.exists() and not (out / "truth.json").is_file():
        raise GridwitnessError("not_a_case", f"{out} is no simulated case and will not be replaced", "choose another folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        made = _fill(scenario, temporary, out.name, interval_s, intervals, progress)
        temporary.chmod(0o755)
        _swap(temporary, out)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return Made(out, *made)


def _intervals(scenario: Scenario, interval_s: int) -> int:
    if not (1 <= interval_s <= 3600 and 3600 % interval_s == 0):
        raise GridwitnessError("bad_interval", f"an interval of {interval_s} s does not divide an hour", "for instance 60, 300 or 900")
    count = int(scenario.duration_s // interval_s)
    if count < 1:
        raise GridwitnessError("bad_duration", f"{scenario.duration_s:g} s hold no interval of {interval_s} s", "give more --days")
    return count


def _swap(new: Path, out: Path) -> None:
    """Put the finished folder in place; an old one is set aside first and removed last."""
    if not out.exists():
        new.rename(out)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{out.name}.old.", dir=out.parent))
    out.rename(old / "case")
    new.rename(out)
    shutil.rmtree(old)


def _fill(
    scenario: Scenario, folder: Path, name: str, interval_s: int, intervals: int, progress: Callable[[float], None] | None
) -> tuple[int, int]:
    plant = Plant(scenario)
    rows = 0
    (folder / "site.yaml").write_text(site_yaml(scenario), encoding="utf-8")
    with (folder / "readings.csv").open("w", encoding="utf-8") as readings, (folder / "context.csv").open("w", encoding="utf-8") as context:
        readings.write(READINGS_HEAD)
        context.write(CONTEXT_HEAD)
        for chunk in _chunks(plant, interval_s, intervals):
            rows += _write_readings(readings.write, chunk)
            _write_context(context.write, chunk, plant, interval_s)
            if progress is not None:
                progress((chunk.first + chunk.ts_ms.size) / intervals)
    answer = truth.document(plant, name, intervals * interval_s, step_s=interval_s / steps_of(interval_s), interval_s=interval_s)
    truth.write_json(folder / "truth.json", answer)
    return rows, len(answer["cases"][name]["supplies"])


def steps_of(interval_s: int) -> int:
    """Instants at which the plant is looked at in one interval: at most 10 s apart, and five at least."""
    return max(5, -(-interval_s // _LONGEST_STEP_S))


@dataclass(slots=True)
class _Chunk:
    """Interval means of up to a day, from interval number ``first`` on: by point the columns P, Q, U, I, THD; the water by quantity."""

    first: int
    ts_ms: NDArray[np.int64]
    f_hz: Array
    points: dict[str, tuple[Array, ...]]
    water: dict[str, Array]


def _chunks(plant: Plant, interval_s: int, intervals: int) -> Iterator[_Chunk]:
    waveforms, steps = Waveforms(plant), steps_of(interval_s)
    a_day = round(DAY_S) // interval_s
    for first in range(0, intervals, a_day):
        index = np.arange(first, min(first + a_day, intervals))
        times = ((index[:, None] + (np.arange(steps) + 0.5) / steps) * interval_s).ravel()
        state = plant.at(times, interval_s / steps)

        def mean(values: Array, count: int = index.size) -> Array:
            out: Array = values.reshape(count, steps).mean(axis=1)
            return out

        points = {}
        for point, flow in state.flows.items():
            shown = waveforms.chain(point).power(flow.p_w, flow.q_var)
            points[point] = tuple(mean(values) for values in (*shown, *waveforms.rms(point, state)))
        water = {"turbine_flow_m3s": mean(state.turbine_flow_m3s), "inflow_m3s": mean(state.inflow_m3s), "head_m": mean(state.head_m)}
        yield _Chunk(first, plant.scenario.start_ms + 1000 * interval_s * index, mean(state.f_hz), points, water)


def _write_readings(write: Callable[[str], object], chunk: _Chunk) -> int:
    stamps, f_hz = _stamps(chunk.ts_ms), chunk.f_hz.tolist()
    lines = []
    for point, columns in chunk.points.items():
        p_w, q_var, u_v, i_a, thd = columns
        pf = p_w / np.maximum(np.hypot(p_w, q_var), 1e-9)
        rows = zip(stamps, p_w.tolist(), q_var.tolist(), u_v.tolist(), i_a.tolist(), pf.tolist(), f_hz, thd.tolist(), strict=True)
        lines += [f"{t},{point},{p:.1f},{q:.1f},{u:.2f},{i:.3f},{c:.4f},{f:.3f},{h:.2f},ok\n" for t, p, q, u, i, c, f, h in rows]
    write("".join(lines))
    return len(lines)


def _write_context(write: Callable[[str], object], chunk: _Chunk, plant: Plant, interval_s: int) -> None:
    """Hourly means as the gauges read them: the flow gauge is off by a share of its stated uncertainty."""
    scenario = plant.scenario
    sign = 1.0 if stream(scenario.seed, "gauge").random() < 0.5 else -1.0
    gauge = 1 + sign * scenario.instruments.error_share * scenario.river.gauge_u_pct / 100
    per_hour = CONTEXT_S // interval_s
    stamps = _stamps(chunk.ts_ms[::per_hour])
    for quantity, values in chunk.water.items():
        factor = 1.0 if quantity == "head_m" else gauge
        for row, stamp in enumerate(stamps):
            value = factor * float(values[row * per_hour : (row + 1) * per_hour].mean())
            write(f"{stamp},{scenario.register.plant},{quantity},{value:.3f}\n")


def _stamps(ts_ms: NDArray[np.int64]) -> list[str]:
    """``2025-01-01T00:00:00Z`` of each time (starts of intervals are whole seconds)."""
    return [f"{text}Z" for text in np.datetime_as_string(ts_ms.astype("datetime64[ms]"), unit="s").tolist()]
