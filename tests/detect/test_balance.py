"""The linear model of a balance: signs, losses, what cannot be balanced, and the trap of raw regressors."""

import numpy as np
import pytest
from gridwitness.detect import balance
from gridwitness.domain.series import PointSeries, SiteReadings
from gridwitness.topology.site import Site, parse
from toyplant import RATED_W, START_MS, Scenario, register, run, series


def filled(site: Site, readings: SiteReadings, bus: str = "B1") -> balance.Segment:
    plan = balance.bus_plan(site, bus)
    assert not isinstance(plan, str)
    segment = balance.fill(plan, readings.points, {n: np.ones(s.ts_ms.size, bool) for n, s in readings.points.items()})
    assert segment is not None
    return segment


def perfect(**kw: float) -> tuple[SiteReadings, np.ndarray]:
    readings, truth = run(Scenario(1, noise=0.0, gain_class=0.0, **kw))  # type: ignore[arg-type]
    return readings, truth.load_w


def test_residual_is_the_hidden_load_when_instruments_are_perfect() -> None:
    readings, load = perfect(mine_w=100e3)
    segment = filled(register(), readings)
    loss_error = np.abs(segment.residual_w - load[1:]).max()
    assert loss_error < 0.06 * (6500 + 38_000)  # the toy plant's losses are 5 % off their register


def test_sign_minus_one_turns_an_instrument_round() -> None:
    readings, _ = perfect()
    turned = readings.points["m-l1"]
    turned.p_w = -turned.p_w
    site = register()
    straight = filled(site, perfect()[0]).residual_w
    point = site.points["m-l1"]
    site.points["m-l1"] = type(point)(*(getattr(point, f) if f != "sign" else -1 for f in point.__slots__))
    assert np.allclose(filled(site, readings).residual_w, straight)


def test_load_loss_counts_reactive_power_where_it_is_known() -> None:
    """At PF 0.8 the load loss is 1.5625 times that of P alone."""
    readings, _ = perfect()
    tie = readings.points["m-tie"]
    by_p = filled(register(), readings)
    readings.points["m-tie"] = PointSeries(
        "m-tie", tie.ts_ms, tie.dur_ms, tie.p_w, 0.75 * tie.p_w, tie.u_v, tie.i_a, tie.pf, tie.f_hz, tie.thd_i_pct, tie.quality
    )
    by_s = filled(register(), readings)
    assert np.allclose((by_s.loss_w - 6500) / (by_p.loss_w - 6500), 1.5625)
    p = by_p.x_w[:, 4]
    assert np.allclose(by_p.loss_w, 6500 + 38_000 * (p / RATED_W) ** 2)
    assert (by_p.design[:, by_p.names.index("load loss")] > by_s.design[:, by_s.names.index("load loss")]).all()  # the PF was a nuisance


def test_tie_segment_takes_its_own_loss() -> None:
    readings, load = perfect(mine_w=50e3)
    readings2, load2 = run(Scenario(1, noise=0.0, gain_class=0.0, mine_w=50e3, place="tie"))
    plan = balance.tie_plan(register(), register().branches["T1"])
    assert not isinstance(plan, str)
    for source, expected in ((readings, 0 * load), (readings2, load2.load_w)):
        segment = balance.fill(plan, source.points, {n: np.ones(s.ts_ms.size, bool) for n, s in source.points.items()})
        assert segment is not None
        assert np.abs(segment.residual_w - expected[1:]).max() < 200  # the loss is computed from the revenue meter's side


def test_what_cannot_be_balanced_says_why() -> None:
    site = parse("""
format: gridwitness-site/1
site: {id: s, timezone: UTC}
buses: [{id: B1}, {id: B2}]
plants: [{id: P1, kind: hydro, bus: B1, rated_w: 1000}]
branches:
  - {id: G1, bus: B1, role: generator, plant: P1}
  - {id: T1, bus: B1, role: grid_tie, point: a}
  - {id: L1, bus: B2, role: registered_load, point: b}
points: [{id: a, kind: meter, meter_class: 1}, {id: b, kind: meter, meter_class: 1}]
""")[0]
    assert balance.bus_plan(site, "B1") == "no instrument on G1 (generator)"
    assert balance.bus_plan(site, "B2") == "no generator, tie or transfer is registered on it"
    assert balance.tie_plan(site, site.branches["T1"]) == "no revenue meter is registered"


def test_unmetered_excitation_widens_the_prior_and_is_named() -> None:
    site = parse("""
format: gridwitness-site/1
site: {id: s, timezone: UTC}
buses: [{id: B1}]
plants: [{id: P1, kind: hydro, bus: B1, rated_w: 1000000}]
branches:
  - {id: G1, bus: B1, role: generator, plant: P1, point: a}
  - {id: T1, bus: B1, role: grid_tie, point: b}
  - {id: E1, bus: B1, role: excitation}
points: [{id: a, kind: meter, meter_class: 1}, {id: b, kind: meter, meter_class: 1}]
""")[0]
    plan = balance.bus_plan(site, "B1")
    assert not isinstance(plan, str)
    ts = START_MS + np.arange(3, dtype=np.int64) * 60_000
    points = {n: series(n, ts, 60_000, np.full(3, 5e5)) for n in "ab"}
    segment = balance.fill(plan, points, {n: np.ones(3, bool) for n in "ab"})
    assert segment is not None
    assert segment.design[0, segment.names.index("no-load loss")] == pytest.approx(10_000, rel=1e-3)
    assert [b.id for b in plan.unmetered] == ["E1"]


def test_reconciled_regressors_carry_no_noise_of_the_residual() -> None:
    """Trap: the noise of a raw power is also in the residual, and biases what is learnt from it."""
    rng = np.random.default_rng(3)
    plan = balance.bus_plan(register(), "B1")
    assert not isinstance(plan, str)
    true = np.array([2e6, 2e6, -3e4, -25e4, -3.72e6])
    noise = 0.005 * true * rng.standard_normal((20_000, 5))
    x = true + noise
    residual = x.sum(axis=1)
    exact = balance._reconciled(plan, x, residual)
    raw = [abs(np.corrcoef(x[:, i], residual)[0, 1]) for i in (0, 1, 4)]
    clean = [abs(np.corrcoef(exact[:, i], residual)[0, 1]) for i in (0, 1, 4)]
    assert min(raw) > 0.3
    assert max(clean) < 0.05
    assert np.allclose(exact.sum(axis=1), 0, atol=1e-6)
