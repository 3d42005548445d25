"""Random processes are pure functions of time."""

import numpy as np
import pytest
from gridwitness.sim.noise import Jitter, Wander, stream, uniform


def test_values_do_not_depend_on_how_they_are_asked_for() -> None:
    t_s = np.linspace(0, 5000, 777)
    for process in (Wander(stream(3, "a"), 20, 3600), Jitter(stream(3, "b"))):
        whole = process(t_s)
        piecewise = np.concatenate([process(t_s[500:]), process(t_s[:500])])
        assert np.array_equal(np.concatenate([whole[500:], whole[:500]]), piecewise)


def test_seed_and_name_make_a_process() -> None:
    t_s = np.arange(100.0)
    one, same, other_seed, other_name = (Jitter(stream(seed, name))(t_s) for seed, name in ((1, "x"), (1, "x"), (2, "x"), (1, "y")))
    assert np.array_equal(one, same)
    assert abs(np.corrcoef(one, other_seed)[0, 1]) < 0.4
    assert abs(np.corrcoef(one, other_name)[0, 1]) < 0.4


def test_a_wander_has_mean_zero_and_unit_deviation() -> None:
    values = Wander(stream(1, "w"), 20, 3600)(np.arange(0, 400_000, 7.0))
    assert values.mean() == pytest.approx(0, abs=0.02)
    assert values.std() == pytest.approx(1, abs=0.02)


def test_a_wander_s_integral_is_its_integral() -> None:
    wander, t_s = Wander(stream(1, "w"), 20, 3600), np.arange(0, 1000, 0.01)
    summed = (wander(t_s) * 0.01).sum()
    assert wander.integral(np.array([1000.0]))[0] - wander.integral(np.array([0.0]))[0] == pytest.approx(summed, abs=0.02)


def test_the_mean_of_a_jitter_is_exact_over_whole_steps() -> None:
    jitter = Jitter(stream(1, "j"))
    fine = jitter(np.arange(0, 600, 0.01) + 0.005).reshape(60, 1000).mean(axis=1)
    assert jitter(np.arange(0, 600, 10.0) + 5, 10.0) == pytest.approx(fine, abs=1e-9)


def test_uniform_values_fill_their_range_evenly() -> None:
    values = uniform(42, np.arange(100_000))
    counts, _ = np.histogram(values, bins=10, range=(-1, 1))
    assert counts.sum() == 100_000
    assert abs(counts - 10_000).max() < 500
    assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 0.02
    assert uniform(42, np.array([-1]))[0] != uniform(43, np.array([-1]))[0]
