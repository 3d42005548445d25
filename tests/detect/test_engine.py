"""The engine on simulated plants: finds what is hidden, in time, with energies that hold, and stays quiet where nothing is.

Instrument errors are fixed at half their class with either sign, losses are off by 5 %, noise is AR(1), the river wanders.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from gridwitness.detect.document import document, dumps
from gridwitness.detect.engine import Analysis, analyse
from gridwitness.domain.finding import Finding
from gridwitness.domain.series import MISSING, SiteReadings
from toyplant import START_MS, Scenario, Truth, register, run, series

MINUTE = 60_000
MINE = Scenario(0, mine_w=100e3)  # 2 % of 5 MW, after 35 minutes of history


def judged(scenario: Scenario) -> tuple[Analysis, Truth]:
    readings, truth = run(scenario)
    return analyse(register(), readings), truth


def cases(analysis: Analysis) -> list[Finding]:
    return [f for f in analysis.findings if f.status == "case"]


def least(successes: int, n: int, p: float) -> bool:
    """Not fewer successes than a binomial with probability p allows at three standard deviations."""
    return successes >= n * p - 3 * math.sqrt(n * p * (1 - p))


@pytest.fixture(scope="module")
def two_hundred() -> list[tuple[Analysis, Truth]]:
    """200 plants of two hours in which a 2 % load comes on after 35 minutes."""
    return [judged(replace(MINE, seed=seed)) for seed in range(200)]


def test_every_hidden_load_is_found_once_and_named(two_hundred: list[tuple[Analysis, Truth]]) -> None:
    for analysis, _ in two_hundred:
        assert [(f.kind, f.subject.type, f.subject.id) for f in cases(analysis)] == [("dedicated_line_supply", "bus", "B1")]


def test_found_within_minutes_and_onset_to_the_minute(two_hundred: list[tuple[Analysis, Truth]]) -> None:
    delays = np.array([cases(a)[0].detected_ms - t.onset_ms for a, t in two_hundred]) / MINUTE
    onsets = np.array([cases(a)[0].from_ms - t.onset_ms for a, t in two_hundred]) / MINUTE
    assert (delays > 0).all()
    assert np.median(delays) <= 3
    assert delays.max() <= 10
    assert (np.abs(onsets) <= 2).mean() > 0.98


def test_energy_interval_holds_the_truth(two_hundred: list[tuple[Analysis, Truth]]) -> None:
    """k = 2: at least 95 % (less the binomial's own scatter) of the intervals, which are no wider than 8 % of the energy."""
    inside, widths, low = 0, [], 0
    for analysis, truth in two_hundred:
        e, total = cases(analysis)[0].energy, truth.energy_wh(0, 2**62)
        assert e is not None
        inside += abs(e.energy_wh - total) <= e.u95_wh
        low += e.low_wh <= total
        widths.append(e.u95_wh / total)
        assert e.penalty_wh <= e.measured_wh
    assert least(inside, 200, 0.95)
    assert least(low, 200, 0.975)
    assert np.median(widths) < 0.08


def test_the_static_statistic_stands_beside_the_windowed_one(two_hundred: list[tuple[Analysis, Truth]]) -> None:
    """By the classes alone 100 kW are about three standard uncertainties of a 5 MW balance of class 0.5S; it adds no evidence twice."""
    values = []
    for analysis, _ in two_hundred:
        (found,) = cases(analysis)
        (static,) = [c for c in found.contributions if c.statistic == "static"]
        assert (static.threshold, static.llr) == (3.0, 0.0)
        assert found.llr == pytest.approx(sum(c.llr for c in found.contributions), abs=1e-6)
        values.append(static.value)
    assert 2.0 < np.median(values) < 4.5
    assert np.std(values) < 1.0  # the errors are at half their class


def test_nothing_is_found_in_two_hundred_clean_plants() -> None:
    assert [f for seed in range(200) for f in cases(judged(Scenario(seed))[0])] == []


def test_taken_between_tie_and_revenue_meter_it_is_behind_the_meter() -> None:
    for seed in range(25):
        analysis, truth = judged(replace(MINE, seed=seed, place="tie"))
        (found,) = cases(analysis)
        assert (found.kind, found.subject.type, found.subject.id) == ("behind_the_meter_supply", "branch", "T1")
        assert found.energy is not None
        assert found.energy.energy_wh == pytest.approx(truth.energy_wh(0, 2**62), rel=0.1)


def test_half_a_percent_for_a_month_with_drift_is_found_and_measured() -> None:
    """25 kW in a 5 MW plant whose instruments drift by 0.05 %: found within hours, and the intervals carry the drift."""
    inside, delays, n = 0, [], 12
    for seed in range(n):
        scenario = Scenario(
            seed, minutes=30 * 1440, dt_min=15, mine_w=25e3, onset_min=9000, gain_errors="uniform", river=0.1, swing=0.15, level=0.6,
            noise=1e-3, drift=5e-4, drop=0.003,
        )  # fmt: skip
        analysis, truth = judged(scenario)
        (found,) = cases(analysis)
        assert found.energy is not None
        inside += abs(found.energy.energy_wh - truth.energy_wh(found.from_ms, 2**62)) <= found.energy.u95_wh
        delays.append((found.detected_ms - truth.onset_ms) / 3_600_000)
    assert least(inside, n, 0.95)
    assert np.median(delays) < 4


def test_clean_months_with_drift_stay_quiet() -> None:
    for seed in range(100, 112):
        scenario = Scenario(
            seed, minutes=30 * 1440, dt_min=15, gain_errors="uniform", river=0.1, swing=0.15, level=0.6, noise=3e-3, drift=5e-4
        )
        assert cases(judged(scenario)[0]) == []


def test_a_load_that_was_there_from_the_first_day_is_found() -> None:
    scenario = Scenario(
        4, minutes=20 * 1440, dt_min=15, mine_w=100e3, onset_min=-10, river=0.2, swing=0.2, level=0.55, gain_errors="uniform", noise=1e-3
    )
    analysis, truth = judged(scenario)
    (found,) = cases(analysis)
    assert (found.kind, found.contributions[0].statistic) == ("dedicated_line_supply", "first_day")
    assert found.energy is not None
    assert abs(found.energy.energy_wh - truth.energy_wh(0, 2**62)) <= found.energy.u95_wh


def test_detected_at_is_the_first_interval_that_sufficed() -> None:
    for seed in range(12):
        readings, _ = run(replace(MINE, seed=seed, drop=0.01, place="tie" if seed % 2 else "bus"))
        (found,) = cases(analyse(register(), readings))

        def known(at: int, readings: SiteReadings = readings, found: Finding = found) -> bool:
            return any((f.kind, f.detected_ms) == (found.kind, found.detected_ms) for f in cases(analyse(register(), readings, to_ms=at)))

        assert known(found.detected_ms)
        assert not known(found.detected_ms - MINUTE)
        assert known(found.detected_ms + 17 * MINUTE)


def test_later_records_neither_move_nor_withdraw_a_detection() -> None:
    readings, _ = run(replace(MINE, seed=3, minutes=600))
    said = {f.detected_ms for end in range(40, 600, 70) for f in cases(analyse(register(), readings, to_ms=START_MS + end * MINUTE))}
    assert len(said) == 1


def test_missing_intervals_are_filled_and_the_uncertainty_says_so() -> None:
    readings, truth = run(replace(MINE, seed=5))
    whole = cases(analyse(register(), readings))[0].energy
    tie = readings.points["m-tie"]
    tie.quality[70:100] = MISSING
    gappy = cases(analyse(register(), readings))[0].energy
    assert whole is not None
    assert gappy is not None
    assert gappy.hours_unmeasured == pytest.approx(0.5, abs=1e-9)
    assert gappy.energy_wh == pytest.approx(gappy.measured_wh + gappy.filled_wh)
    assert gappy.filled_wh == pytest.approx(50_000, rel=0.1)
    assert gappy.u95_wh > whole.u95_wh
    assert abs(gappy.energy_wh - truth.energy_wh(0, 2**62)) <= gappy.u95_wh


def test_a_load_that_ends_is_closed() -> None:
    readings, _ = run(Scenario(1, minutes=4 * 1440))
    extra = np.zeros(4 * 1440)
    extra[600:1200] = 120e3
    tie, revenue = readings.points["m-tie"], readings.points["m-rev"]
    tie.p_w, revenue.p_w = tie.p_w - extra, revenue.p_w - extra
    (found,) = cases(analyse(register(), readings))
    assert found.to_ms is not None
    assert abs(found.from_ms - (START_MS + 600 * MINUTE)) <= 2 * MINUTE
    assert abs(found.to_ms - (START_MS + 1200 * MINUTE)) <= 5 * MINUTE
    assert found.energy is not None
    assert abs(found.energy.energy_wh - 1.2e6) <= found.energy.u95_wh


def test_lawful_supply_is_reported_as_covered_and_is_no_case() -> None:
    readings, _ = run(replace(MINE, seed=2))
    site = register()
    basis = "{type: captive_approved, ref: '7/2026', from: '2019-01-01', limit_w: 200000}"
    plant = site.plants["P1"]
    from gridwitness.topology.site import parse

    told = (
        parse(f"""
format: gridwitness-site/1
site: {{id: s, timezone: Asia/Shanghai}}
buses: [{{id: B1}}]
plants: [{{id: P1, kind: hydro, bus: B1, rated_w: 1, lawful_basis: {basis}}}]
""")[0]
        .plants["P1"]
        .lawful_basis
    )
    site.plants["P1"] = replace(plant, lawful_basis=told)
    analysis = analyse(site, readings)
    assert cases(analysis) == []
    (found,) = [f for f in analysis.findings if f.covered_by]
    assert (found.status, found.covered_by) == ("watch", "captive_approved 7/2026")
    assert told is not None
    site.plants["P1"] = replace(plant, lawful_basis=replace(told, limit_w=50_000.0))
    assert len(cases(analyse(site, readings))) == 1


def test_frozen_telemetry_is_bad_data_and_never_a_mine() -> None:
    readings, _ = run(Scenario(7, minutes=2000))
    readings.points["m-l1"].p_w[900:1300] = readings.points["m-l1"].p_w[900]
    analysis = analyse(register(), readings)
    assert {(f.kind, f.subject.id) for f in cases(analysis)} == {("bad_data", "m-l1")}
    assert ("m-l1", "frozen", 400) in {(p.point, p.problem, p.rows) for p in analysis.data_quality}


def test_a_unit_at_rest_is_not_frozen() -> None:
    readings, _ = run(Scenario(7, minutes=600))
    for name in ("m-tie", "m-rev", "m-g1"):  # the unit itself last: until then the others need its power
        readings.points[name].p_w[200:] -= readings.points["m-g1"].p_w[200:]
    assert [f for f in analyse(register(), readings).findings if f.kind == "bad_data"] == []


def test_a_meter_turned_round_is_named_and_no_plant_is_accused() -> None:
    readings, _ = run(Scenario(8, minutes=2000))
    readings.points["m-l1"].p_w[1000:] *= -1
    assert [(f.kind, f.subject.id) for f in cases(analyse(register(), readings))] == [("bad_data", "m-l1")]


def test_a_clock_five_minutes_off_is_refused() -> None:
    readings, _ = run(Scenario(3, minutes=3 * 1440, river=0.15, clock_s={"m-g1": 300.0}, noise=1e-3))
    found = cases(analyse(register(), readings))
    assert [f for f in found if f.kind != "bad_data"] == []


def test_live_balance_shows_load_and_band() -> None:
    readings, truth = run(replace(MINE, seed=6, minutes=600, onset_min=500))
    balance = analyse(register(), readings).balance["B1"]
    on = balance.ts_ms >= truth.onset_ms + 2 * MINUTE
    before = (balance.ts_ms < truth.onset_ms) & (balance.ts_ms > START_MS + 20 * MINUTE)
    assert balance.residual_w[on].mean() == pytest.approx(100e3, rel=0.1)
    assert (np.abs(balance.residual_w[before]) <= balance.u95_w[before]).mean() > 0.85
    assert (balance.residual_w[on] > balance.u95_w[on]).all()
    assert balance.terms["G1"] > 0 > balance.terms["T1"]
    assert 10_000 < balance.loss_w < 45_000


def test_same_input_same_bytes_and_points_in_any_order() -> None:
    readings, _ = run(replace(MINE, seed=4))
    turned = SiteReadings(dict(reversed(readings.points.items())))
    first, second, third = (dumps(document(analyse(register(), r), register(), "c")) for r in (readings, readings, turned))
    assert first == second == third


def test_from_leaves_out_what_ended_before_but_still_calibrates() -> None:
    readings, _ = run(replace(MINE, seed=4))
    whole = cases(analyse(register(), readings))
    late = cases(analyse(register(), readings, from_ms=START_MS + 60 * MINUTE))
    assert [f.detected_ms for f in late] == [f.detected_ms for f in whole]


def test_nothing_almost_nothing_and_rubbish_are_answered() -> None:
    site = register()
    assert analyse(site, SiteReadings()).cannot_check != []
    readings, _ = run(Scenario(1, minutes=120))
    one_row = SiteReadings({n: series(n, s.ts_ms[:1], MINUTE, s.p_w[:1]) for n, s in readings.points.items()})
    analysis = analyse(site, one_row)
    assert analysis.findings == []
    assert {u.subject.id for u in analysis.cannot_check} >= {"B1", "T1"}
    for s in readings.points.values():
        s.p_w[:] = np.nan
    analysis = analyse(site, readings)
    assert analysis.findings == []
    assert any("no usable readings" in u.why for u in analysis.cannot_check)
    readings, _ = run(Scenario(1, minutes=120))
    readings.points["m-ghost"] = series("m-ghost", readings.points["m-g1"].ts_ms, MINUTE, readings.points["m-g1"].p_w)
    assert ("m-ghost", "not in the register") in {(p.point, p.problem) for p in analyse(site, readings).data_quality}
    assert analyse(site, readings, to_ms=START_MS).findings == []


def test_what_no_record_can_show_is_listed() -> None:
    why = {u.subject.id: u.why for u in judged(Scenario(1))[0].cannot_check}
    assert "no turbine flow or inflow" in why["P1"]
