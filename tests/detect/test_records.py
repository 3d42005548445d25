"""Wrong instruments and records are found, named, measured, and never make a mine."""

from __future__ import annotations

import csv
import gzip
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from gridwitness.detect import records
from gridwitness.detect.engine import analyse
from gridwitness.domain.finding import BAD_DATA, CASE, Finding
from gridwitness.domain.moments import DAY_MS, HOUR_MS, MINUTE_MS
from gridwitness.domain.series import PointSeries, SiteReadings
from gridwitness.topology.site import parse
from toyplant import START_MS, Scenario, register, run, series

AT = 2304
"""Row (minute) at which most faults begin: 40 % of four days."""
PLANT = Scenario(7101, minutes=4 * 1440, river=0.08, swing=0.05, level=0.65, gain_errors="uniform")


def found(readings: SiteReadings) -> list[Finding]:
    return records.find(register(), readings.points)[0]


def points(readings: SiteReadings) -> set[str]:
    return {f.subject.id for f in found(readings)}


def plant(seed: int = PLANT.seed) -> SiteReadings:
    return run(replace(PLANT, seed=seed))[0]


def shifted(s: PointSeries, late_s: float, first: int = AT) -> None:
    at = s.ts_ms / 1000
    s.p_w[first:] = np.round(np.interp(at - late_s, at, s.p_w))[first:]


def test_a_sound_plant_has_no_bad_data_and_loses_no_row() -> None:
    for seed in range(7200, 7206):
        told, problems, usable = records.find(register(), plant(seed).points)
        assert (told, problems) == ([], [])
        assert all(mask.all() for mask in usable.values())


@pytest.mark.parametrize(("point", "late_s"), [("m-g1", 120.0), ("m-g1", -300.0), ("m-tie", 300.0), ("m-g1", 3600.0)])
def test_a_shifted_clock_is_named_and_measured_within_a_day(point: str, late_s: float) -> None:
    readings = plant()
    shifted(readings.points[point], late_s)
    (told,) = [f for f in found(readings) if "repeat" not in f.explanation_en]  # a clock set back makes an hour come twice
    assert (told.subject.id, told.kind, told.status) == (point, BAD_DATA, CASE)
    assert told.detected_ms - (START_MS + AT * MINUTE_MS) < DAY_MS
    size, way = told.explanation_en.split(" lies ")[1].split(" s ±")[0], "behind" if late_s > 0 else "ahead"
    assert abs(float(size) - abs(late_s)) <= 3
    assert way in told.explanation_en


def test_a_revenue_meters_clock_is_blamed_on_the_revenue_meter() -> None:
    readings = plant()
    shifted(readings.points["m-rev"], 600.0)
    assert points(readings) == {"m-rev"}


def test_later_records_change_no_detection_and_touch_no_earlier_row() -> None:
    readings = plant()
    shifted(readings.points["m-g1"], 300.0)
    (told,) = [f for f in analyse(register(), readings).findings if f.kind == BAD_DATA]
    then = [f for f in analyse(register(), readings, to_ms=told.detected_ms).findings if f.kind == BAD_DATA]
    before = [f for f in analyse(register(), readings, to_ms=told.detected_ms - MINUTE_MS).findings if f.kind == BAD_DATA]
    assert [(f.subject, f.status, f.detected_ms) for f in then] == [(told.subject, told.status, told.detected_ms)]
    assert before == []
    mask = records.find(register(), readings.points)[2]["m-g1"]
    ts = readings.points["m-g1"].ts_ms
    assert mask[ts < told.detected_ms].all()
    assert not mask[ts >= told.detected_ms].any()


def test_half_a_minute_between_clocks_accuses_nobody() -> None:
    accused = 0
    for seed in range(7300, 7308):
        late = replace(PLANT, seed=seed, minutes=2 * 1440, clock_s={"m-tie": 30.0 * (-1) ** seed}, river=0.12)
        accused += any(f.status == CASE for f in analyse(register(), run(late)[0]).findings)
    assert accused == 0


def test_a_step_that_one_clock_shows_half_a_minute_early_is_no_load() -> None:
    readings = plant()
    for name, share in (("m-l1", 0.0), ("m-tie", 0.5), ("m-rev", 0.5)):
        p, sign = readings.points[name].p_w, 1 if name == "m-l1" else -1
        p[AT:] += sign * 400_000
        p[AT - 1] += sign * 400_000 * share
    assert [f for f in analyse(register(), readings).findings if f.status == CASE] == []


@pytest.mark.parametrize("how", ["reversed", "shuffled"])
def test_records_of_another_time_are_refused(how: str) -> None:
    readings = plant()
    p = readings.points["m-g1"].p_w
    p[:] = p[::-1].copy() if how == "reversed" else np.random.default_rng(5).permutation(p)
    assert points(readings) == {"m-g1"}


@pytest.mark.parametrize("point", ["m-g1", "m-l1", "m-tie"])
def test_a_reversed_instrument_is_named(point: str) -> None:
    readings = plant()
    readings.points[point].p_w[AT:] *= -1
    (told,) = found(readings)
    assert told.subject.id == point
    assert told.kind == BAD_DATA
    assert abs(told.from_ms - (START_MS + AT * MINUTE_MS)) <= HOUR_MS


def test_what_hides_energy_is_left_to_the_balance() -> None:
    readings = plant()
    readings.points["m-l1"].p_w[AT:] *= 2 / 3
    told, _, usable = records.find(register(), readings.points)
    assert {f.subject.id for f in told} == {"m-l1"}
    assert "a phase is missing" in told[0].explanation_en
    assert usable["m-l1"].all()


def test_a_dead_generator_meter_is_bad_data_and_a_resting_unit_is_none() -> None:
    dead, resting = plant(), plant()
    dead.points["m-g1"].p_w[AT:] = 0.0
    (told,) = found(dead)
    assert told.subject.id == "m-g1"
    assert "still runs" in told.explanation_en
    for name in ("m-tie", "m-rev", "m-g1"):
        resting.points[name].p_w[AT:] -= resting.points["m-g1"].p_w[AT:]
    assert found(resting) == []


def test_exchanged_records_are_both_named() -> None:
    readings = plant()
    a, b = readings.points["m-g1"], readings.points["m-l1"]
    a.p_w, b.p_w = b.p_w, a.p_w
    assert points(readings) == {"m-g1", "m-l1"}


def test_a_day_that_was_played_again_is_found_and_an_idle_feeder_is_not() -> None:
    readings = plant()
    p = readings.points["m-l1"].p_w
    p[AT : AT + 1440] = p[AT - 1440 : AT]
    assert "m-l1" in points(readings)
    idle = readings.points["m-l1"].p_w
    idle[:] = 50.0 * (np.arange(idle.size) % 40 < 3)
    assert not any("repeat" in f.explanation_en for f in found(readings))


def test_frequency_tells_whose_clock_is_off_and_which_record_was_invented() -> None:
    readings = run(Scenario(7400, minutes=600))[0]
    rng = np.random.default_rng(1)
    f = 50 + 0.02 * np.convolve(rng.standard_normal(700), np.ones(8) / 3, "same")
    for k, s in enumerate(readings.points.values()):
        s.f_hz = f[40:640] + 1e-4 * rng.standard_normal(600)
        if s.point == "m-g1":
            s.f_hz = f[35:635] + 1e-4 * rng.standard_normal(600)
        if s.point == "m-l1":
            s.f_hz = 50 + 0.02 * np.convolve(np.random.default_rng(9 + k).standard_normal(600), np.ones(8) / 3, "same")
    told = {f.subject.id: f for f in found(readings)}
    assert set(told) == {"m-g1", "m-l1"}
    assert "301 s ±" in told["m-g1"].explanation_en
    assert "behind" in told["m-g1"].explanation_en
    assert "no shift in time" in told["m-l1"].explanation_en
    for name in ("m-g2", "m-ss", "m-tie", "m-rev"):
        readings.points[name].f_hz[:] = np.nan
    assert found(readings) == []  # two records that differ: nobody can tell which is right


def test_a_missing_voltage_is_seen_against_the_bus_and_a_dead_bus_is_none() -> None:
    readings = run(Scenario(7401, minutes=600))[0]
    for s in readings.points.values():
        s.u_v = np.full(s.ts_ms.size, 3637.0)
    readings.points["m-g2"].u_v[300:] *= 2 / 3
    assert points(readings) == {"m-g2"}
    for s in readings.points.values():
        s.u_v[300:] = 3637.0 * 2 / 3
    assert found(readings) == []


def test_a_point_that_no_balance_contains_is_listed() -> None:
    site = parse(
        "format: gridwitness-site/1\nsite: {id: a, name: {zh: a, en: a}, timezone: UTC}\nbuses: []\nplants: []\n"
        "branches:\n  - {id: L9, bus: null, role: observed_line, point: m-l9}\n"
        "points:\n  - {id: m-l9, kind: clamp, meter_class: 1, ct_class: 3, sign: 1}\n"
    )[0]
    assert [u.subject.id for u in records.unchecked(site)] == ["m-l9"]


def test_real_loads_that_export_and_have_gaps_are_no_bad_data(shared_data: Path) -> None:
    rows: dict[str, list[tuple[int, float]]] = {}
    with gzip.open(shared_data / "openstef_nl" / "loads_pid_15min.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            at = int(datetime.fromisoformat(row["index"]).timestamp() * 1000)
            rows.setdefault(f"m-{row['pid']}", []).append((at, 1e6 * float(row["load"] or "nan")))
    loads = {n: series(n, np.array([t for t, _ in v]), 15 * MINUTE_MS, np.array([p for _, p in v])) for n, v in rows.items()}
    lines = "".join(f"  - {{id: L{n}, bus: null, role: observed_line, point: {n}}}\n" for n in loads)
    listed = "".join(f"  - {{id: {n}, kind: meter, meter_class: 1, sign: 1}}\n" for n in loads)
    head = "format: gridwitness-site/1\nsite: {id: nl, name: {zh: a, en: a}, timezone: Europe/Amsterdam}\nbuses: []\nplants: []\n"
    analysis = analyse(parse(f"{head}branches:\n{lines}points:\n{listed}")[0], SiteReadings(loads))
    assert [f for f in analysis.findings if f.kind == BAD_DATA] == []
    assert {p.problem for p in analysis.data_quality} == {"missing"}
