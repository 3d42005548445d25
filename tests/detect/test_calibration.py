"""The filter: what it learns, how sure it is, and that the future changes nothing of the past."""

import numpy as np
import pytest
from gridwitness.detect import calibration, windows
from gridwitness.detect.calibration import Noise
from test_balance import filled
from toyplant import Scenario, _ar1, register, run


def test_noise_is_learnt_through_drift_and_steps() -> None:
    rng = np.random.default_rng(5)
    n, rho, sigma = 20_000, 0.6, 0.003
    left = sigma * _ar1(rng, n, rho) + 0.01 * np.sin(np.arange(n) / 3000) + 0.05 * (np.arange(n) > 9000)
    noise, ts = Noise(1e-6, 1.5e-6, 4.0), np.arange(n) * 60_000
    for a in range(0, n, 60):
        lead = max(0, a - 2)
        noise = calibration._learn(noise, left[lead : a + 60], np.ones(min(n, a + 60) - lead), ts[lead : a + 60], 60_000, a - lead)
    assert noise.rho == pytest.approx(rho, abs=0.05)
    assert noise.variance == pytest.approx(sigma**2, rel=0.15)
    assert noise.long_run == pytest.approx(sigma**2 * (1 + rho) / (1 - rho), rel=0.25)


def test_blocks_depend_on_age_alone() -> None:
    age = np.arange(1, 20 * 1440) * 60_000
    all_at_once = calibration.block_number(age, 60_000)
    assert (np.diff(all_at_once) >= 0).all()
    assert (np.diff(all_at_once) <= 1).all()
    for cut in (10, 361, 2000, 25_000):
        assert np.array_equal(calibration.block_number(age[:cut], 60_000), all_at_once[:cut])


def test_posterior_of_a_prefix_is_the_posterior_of_the_whole() -> None:
    readings, _ = run(Scenario(2, minutes=300))
    segment = filled(register(), readings)
    whole = calibration.run(segment, calibration.begin(segment), 0, segment.ts_ms.size)
    part = calibration.run(segment, calibration.begin(segment), 0, 150)
    assert part.end.size > 20
    assert np.array_equal(part.end, whole.end[: part.end.size])
    assert np.array_equal(part.mean, whole.mean[: part.end.size + 1])
    assert np.array_equal(part.cov, whole.cov[: part.end.size + 1])


def test_instrument_errors_are_learnt_within_their_stated_uncertainty() -> None:
    """What matters is the prediction: the mean of the next hour's residual, in units of its predicted deviation, is standard normal."""
    scores = []
    for seed in range(60):
        readings, _ = run(Scenario(seed, minutes=360, gain_errors="uniform", river=0.1, noise=2e-3))
        segment = filled(register(), readings)
        course = calibration.run(segment, calibration.begin(segment), 0, segment.ts_ms.size)
        total = windows.sums(segment, course)
        s, e = np.array([239]), np.array([299])
        number, variance = windows.predicted(segment, course, total, s, e, course.before(s))
        scores.append(float(number[0] / np.sqrt(variance[0])))
    assert abs(np.mean(scores)) < 0.4
    assert 0.5 < np.std(scores) < 1.25


def test_a_load_from_the_first_day_is_told_from_gain_errors() -> None:
    """Trap: a plain calibration swallows a mine that was running at installation."""
    readings, truth = run(
        Scenario(4, minutes=4 * 1440, dt_min=5, mine_w=60e3, onset_min=-10, river=0.25, gain_errors="uniform", noise=2e-3)
    )
    segment = filled(register(), readings)
    course = calibration.run(segment, calibration.begin(segment), 0, segment.ts_ms.size)
    swallowed = segment.residual_w[-200:] - segment.design[-200:] @ course.mean[-1]
    assert abs(swallowed.mean()) < 0.5 * 60e3
    assert course.hidden_w[-1] == pytest.approx(60e3, abs=3 * course.hidden_u_w[-1])
    assert course.hidden_w[-1] / course.hidden_u_w[-1] > 4
    assert truth.load_w[0] > 0
