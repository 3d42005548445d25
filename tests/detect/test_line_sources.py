"""Which source feeds an observed line: simulated plants, evasions, traps that would accuse the innocent, and real loads.

Counts are held against binomial bounds; a larger study of the same kind stands in the module's report.
"""

from __future__ import annotations

import csv
import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gridwitness.detect import lines
from gridwitness.detect.document import document, dumps
from gridwitness.detect.engine import analyse
from gridwitness.domain.finding import Finding
from gridwitness.domain.series import PointSeries, SiteReadings, StepEvent
from gridwitness.topology.model import Site
from lineplant import SHAPES, START_MS, Lines, register, run

SUPPLY = {"dedicated_line_supply", "behind_the_meter_supply", "captive_supply"}
DAY = 86_400_000
COLUMNS = ("ts_ms", "dur_ms", "p_w", "q_var", "u_v", "i_a", "pf", "f_hz", "thd_i_pct", "quality")


def find(site: Site, readings: SiteReadings, to_ms: int | None = None) -> list[Finding]:
    points = readings.points if to_ms is None else {n: until(s, to_ms) for n, s in readings.points.items()}
    points = {n: s for n, s in points.items() if s.ts_ms.size}
    return lines.find(site, readings, points, to_ms)[0]


def until(s: PointSeries, to_ms: int) -> PointSeries:
    keep = s.ts_ms + s.dur_ms <= to_ms
    return PointSeries(s.point, *(getattr(s, n)[keep] for n in COLUMNS))


def supplies(found: list[Finding], status: str = "case") -> list[tuple[str, str]]:
    return [(f.kind, f.subject.id) for f in found if f.status == status and f.kind in SUPPLY]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("source", ["plant", "tie"])
def test_a_line_fed_past_the_grid_is_found_whatever_its_shape(source: str, shape: str) -> None:
    """All generators metered, no step events: steps that are hidden, shaped as noise, or following output do not help."""
    want = ("dedicated_line_supply", "L91") if source == "plant" else ("behind_the_meter_supply", "T1")
    hits, inside = 0, 0
    sizes = (0.05, 0.08, 0.1) if shape == "following" else (0.02, 0.05, 0.1)  # smaller ones look like gain errors: a watch
    for seed in range(6):
        readings, load = run(Lines(900 + seed, source=source, shape=shape, share=sizes[seed % 3], events=False, days=20))
        found = [f for f in find(register(), readings) if f.status == "case"]
        assert all((f.kind, f.subject.id) == want for f in found)
        hits += bool(found)
        for f in found:
            assert f.energy is not None
            assert f.llr == pytest.approx(sum(c.llr for c in f.contributions), abs=1e-6)
            assert f.energy.penalty_wh <= f.energy.measured_wh
            truth = load[START_MS + np.arange(load.size) * 900_000 >= f.from_ms].sum() / 4
            inside += abs(truth - f.energy.energy_wh) <= f.energy.u95_wh
    assert hits >= 5
    assert inside >= hits - 1


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("metered", "events"), [(True, True), (False, True), (True, False)])
def test_a_line_from_the_grid_or_on_the_villages_feeder_is_no_supply(shape: str, metered: bool, events: bool) -> None:
    for seed in range(4):
        for source in ("grid", "village"):
            readings, _ = run(
                Lines(700 + seed, source=source, shape=shape, share=0.05, events=events, metered=metered, days=12, onset_day=2)
            )
            assert supplies(find(register(metered=metered), readings)) == []


@pytest.mark.parametrize("source", ["grid", "plant"])
def test_a_small_load_that_follows_output_may_be_a_gain_error(source: str) -> None:
    """1 % of the rating in step with the plant: a class 0.5S pair of tie and revenue meter could read that apart."""
    for seed in (130_008, 1, 2):
        spec = Lines(seed, source=source, shape="following", share=0.01, days=6, onset_day=1, dt_min=1, metered=False)
        assert supplies(find(register(metered=False), run(spec)[0])) == []


def test_steps_alone_find_it_where_generators_are_not_metered() -> None:
    hits = 0
    for seed in range(6):
        readings, _ = run(Lines(300 + seed, share=0.05, metered=False, days=12, onset_day=3))
        hits += supplies(find(register(metered=False), readings)) == [("dedicated_line_supply", "L91")]
        silent = replace(Lines(300 + seed, share=0.05, metered=False, days=12, onset_day=3), events=False)
        assert supplies(find(register(metered=False), run(silent)[0])) == []
    assert hits >= 5


def test_prefix_at_its_moment_and_not_one_interval_earlier() -> None:
    for seed in range(4):
        for spec in (
            Lines(40 + seed, days=12),
            Lines(40 + seed, days=12, events=False, shape="noise"),
            Lines(40 + seed, source="tie", days=12),
        ):
            readings, _ = run(spec)
            for f in find(register(), readings):
                key = (f.kind, f.subject, f.status, f.from_ms, f.detected_ms)
                now = [(g.kind, g.subject, g.status, g.from_ms, g.detected_ms) for g in find(register(), readings, f.detected_ms)]
                before = [(g.kind, g.subject, g.status) for g in find(register(), readings, f.detected_ms - 900_000)]
                assert key in now
                assert (f.kind, f.subject, f.status) not in before


def test_a_mine_split_over_three_lines_is_found_on_each_that_moves() -> None:
    named = set()
    for seed in range(4):
        readings, _ = run(Lines(60 + seed, shape="noise", share=0.06, days=15, events=False), shares=(0.5, 0.3, 0.2))
        cases = supplies(find(register(lines=3), readings))
        assert cases
        named |= set(cases)
    assert named == {("dedicated_line_supply", f"L9{i}") for i in (1, 2, 3)}


def test_an_instrument_that_comes_later_takes_nothing_away() -> None:
    """A second clamp and a sink's meter are installed weeks after the mine was known: the finding keeps its moment."""
    readings, _ = run(Lines(8, share=0.05, shape="noise", days=20, events=False), shares=(1.0, 0.01))
    late = START_MS + 12 * DAY
    for name in ("m-l92", "m-l1"):
        s = readings.points[name]
        keep = s.ts_ms >= late
        readings.points[name] = PointSeries(name, *(getattr(s, c)[keep] for c in COLUMNS))
    known = [f.detected_ms for f in find(register(lines=2), readings, late) if f.status == "case"]
    assert len(known) == 1
    assert known[0] in [f.detected_ms for f in find(register(lines=2), readings) if f.status == "case"]


def test_a_line_that_changes_over_to_the_plant_later_is_found() -> None:
    """Fed by the grid for two weeks, then switched to the plant's bus: old evidence for the grid must not hide it."""
    readings, load = run(Lines(5, source="grid", shape="noise", share=0.05, events=False, onset_day=1))
    late = START_MS + 14 * DAY
    for name, sign in (("m-tie", -1), ("m-rev", -1)):
        s = readings.points[name]
        at = ((s.ts_ms - START_MS) // 900_000).astype(int)
        readings.points[name] = replace(s, p_w=s.p_w + sign * np.where(s.ts_ms >= late, load[at], 0))
    (found,) = [f for f in find(register(), readings) if f.status == "case"]
    assert late < found.detected_ms <= late + 3 * DAY
    assert found.from_ms >= late - 8 * DAY


def test_accidental_pairs_of_a_restless_tie_prove_nothing() -> None:
    """A tie that steps every four seconds by just the line's power: pairs abound, and their measured rate says that they are accidents."""
    for seed in range(3):
        spec = Lines(80 + seed, source="grid", shape="duty", share=0.05, metered=False, days=3, onset_day=1.5)
        readings, load = run(spec)
        rng = np.random.default_rng(seed)
        at = np.sort(rng.uniform(START_MS, START_MS + 3 * DAY, 3 * 21_600))
        size = load.max() * rng.uniform(0.97, 1.03, at.size) * rng.choice([-1, 1], at.size)
        restless = [StepEvent(int(t), "m-tie", float(p), 0.0, 800, 800) for t, p in zip(at, size, strict=True)]
        readings.events = sorted(readings.events + restless, key=lambda e: (e.ts_ms, e.point))
        found = find(register(metered=False), readings)
        assert supplies(found) == []
        assert supplies(found, "watch") == []


def test_a_line_that_could_be_an_unmetered_branch_is_a_watch_at_most() -> None:
    site = register(metered=False)  # SS is not metered and rated 60 kW
    for seed in range(3):
        readings, _ = run(Lines(20 + seed, share=0.01, metered=False, days=12))
        found = find(site, readings)
        assert supplies(found) == []
        assert [a.what for f in found if f.kind in SUPPLY for a in f.alternatives if a.inside_limits][:1] == [
            "it is SS (station_service), which is not metered"
        ]


def test_permissions_cover_it_and_captive_plants_are_named() -> None:
    readings, _ = run(Lines(1, days=12, share=0.05))
    basis = ", lawful_basis: {type: green_direct, ref: G-1, from: '2026-11-01T00:00:00+08:00', to: null, limit_w: 400000}"
    for site in (register(line=basis), register(plant=basis)):
        assert [(f.status, f.covered_by) for f in find(site, readings) if f.kind in SUPPLY] == [("watch", "green_direct G-1")]
    small = register(line=basis.replace("400000", "100000"))
    assert supplies(find(small, readings)) == [("dedicated_line_supply", "L91")]
    assert supplies(find(register(line=", licence: DL-1"), readings)) == []
    assert supplies(find(register(kind="captive"), readings)) == [("captive_supply", "P1")]


def test_energy_that_the_grid_gave_through_the_bus_is_no_plants() -> None:
    """Both units stand still and the tie imports: the line hangs on the bus, but no plant feeds it."""
    readings, load = run(Lines(3, days=12, share=0.05))
    at = {n: ((s.ts_ms - START_MS) // 900_000).astype(int) for n, s in readings.points.items()}
    total = sum(np.interp(np.arange(load.size), at[g], readings.points[g].p_w) for g in ("m-g1", "m-g2"))
    for name in ("m-g1", "m-g2", "m-tie", "m-rev"):
        s = readings.points[name]
        readings.points[name] = replace(s, p_w=s.p_w * 0.0 if name.startswith("m-g") else s.p_w - total[at[name]])
    assert supplies(find(register(), readings)) == []


def test_a_registered_customers_line_is_no_unregistered_load() -> None:
    readings, _ = run(Lines(4, source="grid", days=4, onset_day=1))
    assert [f.kind for f in find(register(), readings)] == ["unregistered_load"]
    assert find(register(line=", customer: C2"), readings) == []


def test_a_daily_shape_shared_with_the_village_explains_nothing() -> None:
    """A grid-fed line that follows the village's day: first differences would take it for a part of the village's feeder."""
    hour = (np.arange(2880) / 4 + 8 + 8) % 24
    explained = 0
    for seed in range(6):
        day = 100_000 * (1 + 0.4 * np.sin((hour - 12) / 24 * 2 * np.pi)) * (1 + 0.002 * np.random.default_rng(seed).standard_normal(2880))
        readings, _ = run(Lines(seed, source="grid", shape=day, events=False))
        (found,) = find(register(), readings)
        explained += found.to_ms is not None
    assert explained == 0


def test_without_an_instrument_nothing_names_the_source() -> None:
    readings, _ = run(Lines(4, days=4, onset_day=1))
    alone = {"m-l91": readings.points["m-l91"]}
    found, unchecked = lines.find(register(), SiteReadings(alone), alone, None)
    assert [(f.kind, f.status) for f in found] == [("unregistered_load", "cannot_tell")]
    assert [u.subject.id for u in unchecked] == ["L91"]


def real_loads(data: Path) -> dict[str, np.ndarray]:
    """Steel works, Dutch loads and German profiles, each scaled to 300 kW at its peak, quarter hours."""
    found: dict[str, np.ndarray] = {}
    with gzip.open(data / "steel_kr_2018" / "Steel_industry_data.csv.gz", "rt", encoding="utf-8-sig") as f:
        found["steel"] = np.array([float(r["Usage_kWh"]) for r in csv.DictReader(f)][3000:5880])
    dutch: dict[str, list[float]] = {}
    with gzip.open(data / "openstef_nl" / "loads_pid_15min.csv.gz", "rt") as f:
        for r in csv.DictReader(f):
            dutch.setdefault("dutch " + r["pid"], []).append(float(r["load"] or "nan"))
    found |= {k: np.nan_to_num(np.array(v[:2880])) for k, v in dutch.items()}
    with gzip.open(data / "simbench_profiles" / "working_15min_2016.csv.gz", "rt") as f:
        table = list(csv.DictReader(f, delimiter=";"))[9600:12480]
    for name in table[0]:
        if name.endswith("_pload"):
            found["german " + name] = np.array([float(r[name]) for r in table])
    return {k: 300e3 * v / max(np.abs(v).max(), 1e-9) for k, v in found.items()}


def test_real_loads_on_the_grid_or_on_a_registered_feeder_are_never_a_supply(shared_data: Path) -> None:
    loads = real_loads(shared_data)
    assert len(loads) > 15
    for seed, load in enumerate(loads.values()):
        for source in ("grid", "village"):
            metered = (seed + (source == "grid")) % 2 == 0
            readings, _ = run(Lines(seed, source=source, shape=load, events=False, metered=metered, days=20))
            assert supplies(find(register(metered=metered), readings)) == [], (source, metered)
            if source == "grid":
                assert find(register(metered=metered, line=", customer: C2"), readings) == []


def test_real_loads_fed_by_the_plant_are_found(shared_data: Path) -> None:
    loads = real_loads(shared_data)
    hits = [
        supplies(find(register(), run(Lines(s, shape=p, events=False, days=15))[0])) == [("dedicated_line_supply", "L91")]
        for s, p in enumerate(loads.values())
    ]
    assert sum(hits) >= 0.9 * len(hits) - 3 * (len(hits) * 0.09) ** 0.5


def test_bad_rows_are_no_accident() -> None:
    """One row, rows without power, intervals without length, an instrument that is all suspect: an answer each."""
    readings, _ = run(Lines(1, days=3, onset_day=0.5))

    def cut(n: int) -> dict[str, PointSeries]:
        return {k: PointSeries(k, *(getattr(s, c)[:n].copy() for c in COLUMNS)) for k, s in readings.points.items()}

    for n in (1, 2, 97, 98, 99, 150):
        lines.find(register(), readings, cut(n), None)
    gaps, still, suspect, odd = (cut(250) for _ in range(4))
    for s in gaps.values():
        s.p_w[::3] = np.nan
    for s in still.values():
        s.dur_ms[:] = 0
    suspect["m-g1"].quality[:] = 3
    odd["m-tie"].ts_ms[5:] += 1234
    for points in (gaps, suspect, odd):
        assert "unregistered_load" in [f.kind for f in lines.find(register(), readings, points, None)[0]]
    assert lines.find(register(), readings, still, None)[0] == []
    assert lines.find(register(), readings, {}, None)[0] == []


def test_the_engine_tells_of_lines() -> None:
    site = register()
    readings, _ = run(Lines(2, days=8, share=0.05))
    told = json.loads(dumps(document(analyse(site, readings), site, "lines")))["findings"]
    (supply,) = [f for f in told if f["subject"] == {"type": "branch", "id": "L91"} and f["status"] == "case"]
    assert supply["kind"] == "dedicated_line_supply"
    assert supply["energy_low_wh"] < supply["energy_wh"]
    assert supply["llr"] == pytest.approx(sum(c["llr"] for c in supply["contributions"]), abs=1e-6)
    assert "L91" in supply["explanation"]["zh"]
    assert "L91" in supply["explanation"]["en"]
