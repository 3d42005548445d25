"""Output against water: what is found, what is not said, and when."""

import csv
import gzip
import math
from pathlib import Path

import numpy as np
import pytest
from gridwitness.detect.engine import analyse
from gridwitness.detect.output import expected, residuals
from gridwitness.detect.output.drop import UNEXPLAINED_OUTPUT_DROP, find
from gridwitness.detect.output.glr import LONGEST, Windows
from gridwitness.detect.output.threshold import MOST_WATCH, TEXTBOOK_WATCH, Before, thresholds
from gridwitness.domain.finding import CASE, WATCH, Finding, Unchecked
from gridwitness.domain.moments import DAY_MS, HOUR_MS
from gridwitness.domain.series import ContextSeries, SiteReadings
from watertoy import RATED_W, REGISTER, River, at, register, run, series


def drops(river: River, extra: str = "", to_ms: int | None = None) -> tuple[list[Finding], list[Unchecked]]:
    readings, _ = run(river)
    return find(register(extra), readings, readings.points, to_ms)


@pytest.fixture(scope="module")
def tapped() -> tuple[SiteReadings, np.ndarray, River]:
    river = River(seed=3, share=0.10)
    readings, taken = run(river)
    return readings, taken, river


def test_a_tap_before_every_meter_is_a_case_with_onset_and_energy(tapped: tuple[SiteReadings, np.ndarray, River]) -> None:
    readings, taken, river = tapped
    found, _ = find(register(), readings, readings.points, None)
    assert [(f.kind, f.subject.id, f.status) for f in found] == [(UNEXPLAINED_OUTPUT_DROP, "P1", CASE)]
    f = found[0]
    assert abs(f.from_ms - at(river.onset_h)) <= DAY_MS
    assert f.onset_earliest_ms <= f.from_ms <= f.onset_latest_ms
    assert f.to_ms is None
    truth = taken[(f.from_ms - at(0)) // HOUR_MS :].sum()
    assert abs(f.energy.energy_wh - truth) <= f.energy.u95_wh < 0.6 * truth
    assert f.energy.penalty_wh <= truth
    assert sum(c.llr for c in f.contributions) == pytest.approx(f.llr, abs=1e-6)
    assert 0.5 < f.confidence < 0.99
    assert not any(a.inside_limits for a in f.alternatives)
    assert "outage log" in f.explanation_en
    assert "停运记录" in f.explanation_zh
    assert any("trash rack" in n for n in f.not_observable)


def test_prefix_decides_alike(tapped: tuple[SiteReadings, np.ndarray, River]) -> None:
    """At ``detected_at`` the case is there with its status; one interval earlier it is not. Later data do not unmake it."""
    readings, _, _ = tapped
    site = register()
    mine = [f for f in analyse(site, readings).findings if f.kind == UNEXPLAINED_OUTPUT_DROP and f.status == CASE]
    assert len(mine) == 1
    when = mine[0].detected_ms

    def cases(to_ms: int) -> list[int]:
        told = analyse(site, readings, to_ms=to_ms).findings
        return [f.detected_ms for f in told if f.kind == UNEXPLAINED_OUTPUT_DROP and f.status == CASE]

    assert cases(when) == [when]
    assert cases(when - HOUR_MS) == []
    assert cases(when + 3 * DAY_MS) == [when]


def test_an_end_is_seen() -> None:
    found, _ = drops(River(seed=4, share=0.15, end_h=35 * 24))
    assert len(found) == 1
    assert abs(found[0].to_ms - at(35 * 24)) <= DAY_MS


def test_an_honest_plant_gives_no_case() -> None:
    assert not [f for seed in range(12) for f in drops(River(seed=100 + seed, days=120, gauge=0.04))[0] if f.status == CASE]


def test_a_poor_gauge_alone_makes_no_case() -> None:
    """An 8 % gauge that wanders for days: whatever it shows, nothing above a watch is said of 10 %."""
    for seed in range(8):
        found, _ = drops(River(seed=seed, share=0.10, gauge=0.08, memory_days=3.0))
        assert all(f.status == WATCH and any(a.inside_limits for a in f.alternatives) for f in found)


def test_inflow_alone_is_at_most_a_watch_and_says_so() -> None:
    found, unchecked = drops(River(seed=5, share=0.3, quantity="inflow_m3s"))
    assert found
    assert all(f.status == WATCH and f.confidence < 0.5 for f in found)
    assert "at most a watch" in unchecked[0].why
    assert "Only the inflow is known" in found[0].explanation_en
    assert "置信度低" in found[0].explanation_zh


def test_a_logged_outage_is_no_drop() -> None:
    """The same shortfall, with and without the entry in the log."""
    river = River(seed=6, share=0.4, onset_h=26 * 24, end_h=32 * 24)
    log = "outages: [{plant: P1, from: '2025-01-26T20:00:00+08:00', to: '2025-02-02T04:00:00+08:00', reason: overhaul}]\n"
    assert drops(river)[0]
    assert drops(river, log)[0] == []


def test_tailwater_in_flood_is_no_case() -> None:
    """Head is lost when the river floods; the spillway's gauge tells."""
    for spill in (True, False):
        found, _ = drops(River(seed=7, flood_h=26 * 24, spill=spill, gauge=0.01))
        assert not [f for f in found if f.status == CASE], spill


def test_measured_head_explains_a_drawn_down_reservoir() -> None:
    head = np.full(45 * 24, 60.0)
    head[26 * 24 :] = 50.0
    readings, _ = run(River(seed=8, share=1 - 50 / 60, onset_h=26 * 24, gauge=0.01))
    assert find(register(), readings, readings.points, None)[0]
    readings.context.append(ContextSeries("P1", "head_m", readings.context[0].ts_ms, head))
    assert find(register(), readings, readings.points, None)[0] == []


def test_idling_turbines_are_left_out_and_told() -> None:
    found, unchecked = drops(River(seed=9, idle_h=(26 * 24, 29 * 24)))
    assert not found
    assert "idling" in unchecked[0].why


def test_a_clogged_rack_that_is_measured_keeps_it_a_watch() -> None:
    rack = np.full(45 * 24, 0.2)
    rack[26 * 24 :] = 6.5
    found, _ = drops(River(seed=10, share=0.105, onset_h=26 * 24, gauge=0.01, extra={"trash_rack_dh_m": rack}))
    assert [f.status for f in found] == [WATCH]
    assert any(a.inside_limits and "trash rack" in a.what for a in found[0].alternatives)


def test_a_limit_that_begins_to_bind_keeps_it_a_watch() -> None:
    river = River(seed=11, share=0.12, onset_h=26 * 24, gauge=0.01)
    made = sum(np.abs(s.p_w) for n, s in run(river)[0].points.items() if n != "m-tie")
    limit = np.where(np.arange(made.size) >= 26 * 24, made, RATED_W * 1.2)
    river.extra = {"line_limit_w": limit}
    assert [f.status for f in drops(river)[0]] == [WATCH]


def test_gaps_add_nothing() -> None:
    """Rows that are lost from the onset on leave nothing to find, and a plant with too few days is named."""
    readings, _ = run(River(seed=3, share=0.10))
    for name, s in readings.points.items():
        keep = s.ts_ms < at(25 * 24 + 7)
        readings.points[name] = series(name, s.ts_ms[keep], s.p_w[keep])
    assert find(register(), readings, readings.points, at(45 * 24))[0] == []
    found, unchecked = drops(River(seed=3), to_ms=at(6 * 24))
    assert found == []
    assert "must be learnt" in unchecked[0].why


def test_output_from_the_tie_where_generators_have_no_meter() -> None:
    text = REGISTER.replace(", plant: P1, point: m-g1}", ", plant: P1}").replace(", plant: P1, point: m-g2}", ", plant: P1}")
    readings, _ = run(River(seed=3, share=0.10))
    found, _ = find(register(text=text), readings, readings.points, None)
    assert [f.status for f in found] == [CASE]
    assert "m-tie" in found[0].explanation_en
    silent = {k: v for k, v in readings.points.items() if k != "m-tie"}
    assert "output is not" in find(register(text=text), readings, silent, None)[1][0].why


def test_a_lawful_basis_covers_it() -> None:
    basis = ", lawful_basis: {type: construction, ref: GD-7, from: '2025-01-01', to: null, limit_w: 800000}, hydro"
    readings, _ = run(River(seed=3, share=0.10))
    found, _ = find(register(text=REGISTER.replace(", hydro", basis, 1)), readings, readings.points, None)
    assert [(f.status, f.covered_by) for f in found] == [(WATCH, "construction GD-7")]


def columbia(folder: Path) -> dict[str, np.ndarray]:
    """Hours × (turbine flow, spill in m³/s, generation in W) of each plant."""
    rows: dict[str, list[tuple[float, float, float]]] = {}
    with gzip.open(folder / "columbia_hydro_hourly" / "working_plants.csv.gz", "rt") as file:
        for r in csv.DictReader(file):
            flow, spill, p = (float(r[k]) if r[k] else math.nan for k in ("turbine_flow_kcfs", "spill_kcfs", "gen_mw"))
            rows.setdefault(r["plant"], []).append((28.317 * flow, 28.317 * spill, 1e6 * p))
    return {name: np.array(values) for name, values in rows.items()}


def of_columbia(values: np.ndarray, removed: slice = slice(0, 0)) -> list[Finding]:
    """Drops of one real plant: one meter, turbine flow and spill, neither head nor efficiency known."""
    power = values[:, 2].copy()
    power[removed] *= 0.9
    rated = np.nanmax(values[:, 2])
    text = REGISTER[: REGISTER.index("plants:")] + f"plants: [{{id: P1, kind: hydro, bus: B1, rated_w: {rated:.0f}}}]\n"
    text += "branches: [{id: G1, bus: B1, role: generator, plant: P1, point: m-g1}]\n"
    text += "points: [{id: m-g1, kind: meter, meter_class: 0.5S, sign: 1}]\n"
    ts = at(0) + HOUR_MS * np.arange(power.size, dtype=np.int64)
    known = [ContextSeries("P1", q, ts, values[:, i]) for i, q in enumerate(("turbine_flow_m3s", "spill_m3s"))]
    readings = SiteReadings({"m-g1": series("m-g1", ts, power)}, known)
    return find(register(text=text), readings, readings.points, None)[0]


def test_seven_real_plants(shared_data: Path) -> None:
    """Honest all year: no case. With 10 % removed for ten days: found on at least six of the seven."""
    hit = 0
    for values in columbia(shared_data).values():
        assert not [f for f in of_columbia(values) if f.status == CASE]
        span = slice(150 * 24 + 9, 160 * 24 + 9)
        found = of_columbia(values, span)
        hit += any(f.from_ms < at(span.stop) and f.detected_ms > at(span.start) and (f.to_ms or at(9000)) > at(span.start) for f in found)
    assert hit >= 6


def test_the_threshold_is_the_plants_own() -> None:
    """Surprises larger than the model owns up to, or a large swing before, raise what is needed; the textbook's is the least."""
    quiet = Windows(40, *(np.full((1, LONGEST), np.nan) for _ in range(4)))
    rng = np.random.default_rng(1)
    calm, wild = rng.standard_normal(60), 2 * rng.standard_normal(60)
    (a, b, _), (c, d, _) = (thresholds(x, quiet, Before()) for x in (calm, wild))
    assert TEXTBOOK_WATCH <= a[0] < c[0] <= MOST_WATCH
    assert b[0] < d[0]
    assert thresholds(calm, quiet, Before(top=9.0))[1][0] > 9.0


def test_a_gauge_that_shifted_before_is_not_believed() -> None:
    """The same drop after the gauge had shifted as far once (and came back): a watch, and the reason is told."""
    river = River(seed=12, days=70, share=0.10, onset_h=50 * 24, gauge=0.01)
    readings, _ = run(river)
    assert [f.status for f in find(register(), readings, readings.points, None)[0]] == [CASE]
    readings.context[0].value[30 * 24 : 38 * 24] *= 0.9
    found, _ = find(register(), readings, readings.points, None)
    later = [f for f in found if f.from_ms >= at(48 * 24)]
    assert later
    assert all(f.status == WATCH for f in later)
    assert any("gauge" in a.what and a.inside_limits for a in later[0].alternatives)


def test_the_gauges_own_error_makes_no_efficiency_curve() -> None:
    """Load is taken from output: taken from the gauge, its error would enter both sides and bend the curve (errors in variables)."""
    readings, _ = run(River(seed=13, days=60, gauge=0.06))
    site = register()
    power = sum(np.abs(s.p_w) for n, s in readings.points.items() if n != "m-tie")
    known = {c.quantity: c for c in readings.context}
    plant = site.plants["P1"]
    hourly = expected.hours(site, plant, known, power, at(0))
    days = expected.days(site, plant, hourly, "turbine_flow_m3s", at(60 * 24))
    frozen = residuals.run(days, residuals.begin(), 0)[0][-1]
    slope = float(frozen.weight @ (frozen.mean[:, 2] + 2 * frozen.mean[:, 3] * float(days.x[:, 0].mean())))
    assert abs(slope) < 0.12
