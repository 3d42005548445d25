"""The plant: Kirchhoff, the register's loss formulas, determinism, and what is hidden."""

from dataclasses import replace

import numpy as np
import pytest
from gridwitness.sim import instruments, scenario
from gridwitness.sim.model import Scenario
from gridwitness.sim.plant import Plant, State

LONGTAN = scenario.load("longtan")
FAULTLESS = replace(LONGTAN, instruments=replace(LONGTAN.instruments, error_share=0.0))
TIMES = np.arange(0, 4500, 0.7)


def balance(chosen: Scenario, state: State) -> np.ndarray:
    """The bus's residual by the formulas of analysis-files, from the register alone."""
    register, p = chosen.register, {point: flow.p_w for point, flow in state.flows.items()}
    tie = state.flows[register.tie_point]
    through = (tie.p_w**2 + tie.q_var**2) / register.rated_w**2
    loss_w = register.raw["plants"][0]["losses"]["no_load_w"] + register.raw["plants"][0]["losses"]["load_at_rated_w"] * through
    return p["m-g1"] + p["m-g2"] - p["m-ss"] - p["m-l1"] - p["m-tie"] - loss_w


def test_without_instrument_errors_the_residual_is_what_is_hidden() -> None:
    state = Plant(FAULTLESS).at(TIMES)
    assert np.abs(balance(FAULTLESS, state) - state.hidden_w["mine"]).max() < 1e-6
    quiet = FAULTLESS.changed(mine=False)
    assert np.abs(balance(quiet, Plant(quiet).at(TIMES))).max() < 1e-6


def test_the_tie_s_pair_balances_by_the_tie_loss() -> None:
    state = Plant(FAULTLESS).at(TIMES)
    tie, revenue = state.flows["m-tie"], state.flows["m-rev"]
    loss_w = 9000 * (tie.p_w**2 + tie.q_var**2) / 5e6**2
    assert np.abs(tie.p_w - revenue.p_w - loss_w).max() < 1e-6


def test_a_load_ahead_of_the_revenue_meter_shows_between_the_two_only() -> None:
    hidden = tuple(replace(mine, where="tie") for mine in FAULTLESS.hidden)
    tapped = replace(FAULTLESS, hidden=hidden)
    state = Plant(tapped).at(TIMES)
    tie, revenue = state.flows["m-tie"], state.flows["m-rev"]
    assert np.abs(balance(tapped, state)).max() < 1e-6
    assert np.abs(tie.p_w - revenue.p_w - state.tie_loss_w - state.hidden_w["mine"]).max() < 1e-6


def test_the_transformer_s_no_load_loss_is_off_by_half_its_uncertainty() -> None:
    offs = {Plant(LONGTAN.changed(seed=seed)).no_load_w - 6500 for seed in range(10)}
    assert offs == {-1500.0, 1500.0}


def test_the_mine_takes_its_power_from_the_tie_and_from_nowhere_else() -> None:
    with_mine, without = Plant(LONGTAN).at(TIMES), Plant(LONGTAN.changed(mine=False)).at(TIMES)
    onset = TIMES < 36 * 60
    for point in ("m-g1", "m-g2", "m-ss", "m-l1"):
        assert np.array_equal(with_mine.flows[point].p_w, without.flows[point].p_w)
    missing_w = without.flows["m-tie"].p_w - with_mine.flows["m-tie"].p_w
    assert np.all(missing_w[onset] == 0)
    assert missing_w[TIMES > 36 * 60 + 90].mean() == pytest.approx(97_500, rel=0.02)


def test_the_mine_starts_in_steps_of_one_machine() -> None:
    running_w = Plant(LONGTAN).halls[0].at(np.arange(36 * 60 - 10, 36 * 60 + 100, 0.2))
    machines = running_w / 3250
    assert np.abs(machines / np.maximum(np.rint(machines), 1) - np.rint(machines) / np.maximum(np.rint(machines), 1)).max() <= 0.005
    assert set(np.rint(machines)) == set(range(31))


def test_machines_restart_as_often_as_the_scenario_says() -> None:
    hall = Plant(LONGTAN.changed(onset_min=0)).halls[0]
    month = np.arange(3600, 30 * 86400, 30.0)
    lost = 1 - hall.at(month).mean() / 97_500
    assert lost == pytest.approx(0.2 * 240 / 86400, rel=0.35)


def test_same_seed_same_plant_and_another_seed_another() -> None:
    one, same, other = (Plant(LONGTAN.changed(seed=seed)).at(TIMES).flows["m-tie"].p_w for seed in (5, 5, 6))
    assert np.array_equal(one, same)
    assert not np.allclose(one, other, rtol=1e-3)


def test_a_longer_run_begins_like_a_shorter_one() -> None:
    short, long = Plant(LONGTAN.changed(minutes=5)), Plant(LONGTAN.changed(minutes=5000))
    assert np.array_equal(short.at(TIMES[:400]).flows["m-rev"].p_w, long.at(TIMES).flows["m-rev"].p_w[:400])


def test_frequency_voltage_and_water_stay_where_a_plant_is() -> None:
    state = Plant(LONGTAN).at(np.arange(0, 86400 * 20, 60.0))
    assert 0.01 < state.f_hz.std() < 0.03
    assert np.abs(state.f_hz - 50).max() < 0.1
    u_pu = state.flows["m-g1"].u_v / (6300 / 3**0.5)
    assert 0.95 < u_pu.min() < u_pu.max() < 1.08
    generated_w = state.flows["m-g1"].p_w + state.flows["m-g2"].p_w
    hydraulic_w = 9810 * state.turbine_flow_m3s * state.head_m * 0.86
    assert np.all(generated_w < hydraulic_w * 1.003)
    assert np.all(generated_w > hydraulic_w * 0.9)


def test_the_phase_is_the_integral_of_the_frequency() -> None:
    plant, t_s = Plant(LONGTAN), np.arange(0, 600, 0.01)
    assert plant.cycles(np.array([600.0]))[0] == pytest.approx((plant.at(t_s + 0.005).f_hz * 0.01).sum(), abs=1e-4)


def test_the_village_follows_its_local_day() -> None:
    state = Plant(LONGTAN).at(np.arange(0, 86400, 60.0))
    by_hour = state.flows["m-l1"].p_w.reshape(24, 60).mean(axis=1)
    assert 18 <= by_hour.argmax() <= 20
    assert 1 <= by_hour.argmin() <= 4


def test_instruments_are_half_their_class_off_and_the_seed_draws_the_signs() -> None:
    point, drawn = LONGTAN.register.points["m-g1"], set()
    for seed in range(200):
        chain = instruments.chain(point, seed, 0.5)
        assert abs(abs(chain.u) - 1) == pytest.approx(0.0025)
        assert abs(abs(np.angle(chain.u))) == pytest.approx(np.radians(10 / 60))
        assert abs(abs(np.angle(chain.i))) == pytest.approx(np.radians(15 / 60))
        assert min(abs(abs(chain.i) - (1 + a) * (1 + b)) for a in (0.0025, -0.0025) for b in (0.0025, -0.0025)) < 1e-12
        drawn.add((abs(chain.u) > 1, np.angle(chain.u) > 0, np.angle(chain.i) > 0, round((abs(chain.i) - 1) / 0.005)))
    assert len(drawn) == 24
    assert instruments.chain(point, 1, 0.0).power(np.array([3.0]), np.array([4.0])) == (np.array([3.0]), np.array([4.0]))


def test_an_instrument_mounted_the_other_way_round_shows_the_negative() -> None:
    turned = replace(LONGTAN.register.points["m-g1"], sign=-1)
    p, q = instruments.chain(turned, 1, 0.0).power(np.array([5.0]), np.array([2.0]))
    assert (p[0], q[0]) == (-5.0, -2.0)
