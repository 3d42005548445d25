"""What is really hidden in a scenario: the answer sheet, in the form that scores the findings of an analysis.

One document holds ``cases``; a case has its ``supplies``, and each of those its energy in every interval (``profile``).
"""

from __future__ import annotations

import json
import os
from datetime import UTC
from pathlib import Path
from typing import Any

import numpy as np

from gridwitness.domain.moments import iso, parse_ms
from gridwitness.sim.mine import RigHall
from gridwitness.sim.noise import Array
from gridwitness.sim.plant import Plant

FORMAT = "gridwitness-truth/1"
_CHUNK = 100_000


def document(plant: Plant, name: str, seconds: float, *, step_s: float, interval_s: int) -> dict[str, Any]:
    """The truth of a run of ``seconds`` seconds: energy is the sum over steps of ``step_s``, power taken at their middle."""
    scenario, register = plant.scenario, plant.scenario.register
    supplies = [_supply(plant, hall, seconds, step_s, interval_s) for hall in plant.halls if hall.mine.from_s < seconds]
    case = {
        "family": supplies[0]["family"] if supplies else "quiet",
        "group": "positive" if supplies else "negative",
        "seed": scenario.seed,
        "interval_s": interval_s,
        "from": _utc(scenario.start_ms),
        "to": _utc(scenario.start_ms + round(seconds * 1000)),
        "days": round(seconds / 86400, 6),
        "plants": 1,
        "plant_years": round(seconds / 86400 / 365.25, 8),
        "rated_w": register.rated_w,
        "supplies": supplies,
        "bad_data": [],
        "allowed": [{"kinds": ["mining_load", "unregistered_load"], "subjects": s["best_subjects"]} for s in supplies],
        "unobservable": [],
        "cannot_check": [],
    }
    return {"format": FORMAT, "split": "own", "scale": scenario.id, "cases": {name: case}}


def energy_between(supply: dict[str, Any], from_ms: int, to_ms: int) -> float:
    """True energy (Wh) of a supply between two times; intervals that lie partly inside count by their share."""
    profile = supply["profile"]
    start_ms, step_ms = parse_ms(profile["from"]), profile["step_s"] * 1000
    starts = start_ms + step_ms * np.arange(len(profile["wh"]))
    share = np.clip((np.minimum(to_ms, starts + step_ms) - np.maximum(from_ms, starts)) / step_ms, 0, 1)
    return float(share @ np.asarray(profile["wh"], float))


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file so that a reader sees all of it or nothing."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(json.dumps(value, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(temporary, path)


def _supply(plant: Plant, hall: RigHall, seconds: float, step_s: float, interval_s: int) -> dict[str, Any]:
    mine, register, start_ms = hall.mine, plant.scenario.register, plant.scenario.start_ms
    wh, peak_w = _profile(hall, seconds, step_s, interval_s)
    end_s = seconds if mine.to_s is None else min(seconds, mine.to_s)
    total_wh = float(wh.sum())
    at_bus, first_day = mine.where == "bus", mine.from_s == 0
    kinds = ["dedicated_line_supply", "captive_supply", "behind_the_meter_supply", "unexplained_output_drop"]
    mean_w = total_wh * 3600 / (end_s - mine.from_s)
    return {
        "id": mine.id,
        "family": ("bus_first_day" if first_day else "bus_constant") if at_bus else "tie_tap",
        "evasion": "first_day" if first_day else "constant" if at_bus else "tie",
        "kinds": (kinds if at_bus else ["behind_the_meter_supply", "dedicated_line_supply"]) + ["calibration_conflict"] * first_day,
        "best_subjects": [register.bus if at_bus else register.tie],
        "subjects": [register.bus, register.plant, register.tie] if at_bus else [register.tie, register.bus, register.plant],
        "from": _utc(start_ms + round(mine.from_s * 1000)),
        "to": _utc(start_ms + round(end_s * 1000)),
        "first_day": first_day,
        "mean_power_w": round(mean_w, 1),
        "peak_power_w": round(peak_w, 1),
        "energy_wh": round(total_wh, 3),
        "fraction_of_rated": round(mean_w / register.rated_w, 5),
        "observable": True,
        "shape": "constant",
        "profile": {"from": _utc(start_ms), "step_s": interval_s, "wh": [round(float(x), 3) for x in wh]},
    }


def _profile(hall: RigHall, seconds: float, step_s: float, interval_s: int) -> tuple[Array, float]:
    """Energy in each interval (Wh, the last one may be cut short), and the highest power (W)."""
    steps = round(seconds / step_s)
    wh, peak_w = np.zeros(-(-steps // round(interval_s / step_s))), 0.0
    for first in range(0, steps, _CHUNK):
        index = np.arange(first, min(first + _CHUNK, steps))
        power_w = hall.at((index.astype(float) + 0.5) * step_s, step_s)
        wh += np.bincount(index // round(interval_s / step_s), power_w, wh.size) * step_s / 3600
        peak_w = max(peak_w, float(power_w.max()))
    return wh, peak_w


def _utc(ms: int) -> str:
    return iso(ms, UTC).replace("+00:00", "Z")
