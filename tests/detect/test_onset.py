"""The onset's posterior: sharp in correlated noise, and honest where it is not."""

import numpy as np
from gridwitness.detect.onset import locate
from toyplant import _ar1


def record(seed: int, height: float, rho: float = 0.7, n: int = 200, at: int = 120) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return _ar1(rng, n, rho) + height * (np.arange(n) >= at) + 3.0


def test_a_clear_step_is_found_to_the_interval() -> None:
    for seed in range(50):
        onset = locate(record(seed, 8.0), 0.7, 1.0, 1000)
        assert onset.at == 1120
        assert onset.earliest <= onset.at <= onset.latest


def test_the_interval_holds_the_truth_and_widens_with_less_evidence() -> None:
    inside, widths = 0, {}
    for height in (1.5, 3.0):
        spread = []
        for seed in range(200):
            onset = locate(record(seed, height), 0.7, 1.0, 0)
            inside += onset.earliest <= 120 <= onset.latest
            spread.append(onset.latest - onset.earliest)
        widths[height] = np.mean(spread)
    assert inside / 400 > 0.88
    assert widths[1.5] > 2 * widths[3.0]


def test_whitening_sharpens() -> None:
    """Taken for white, correlated noise puts the onset elsewhere far more often."""
    right = {rho: sum(locate(record(s, 3.0, 0.9), rho, 1.0, 0).at == 120 for s in range(100)) for rho in (0.9, 0.0)}
    assert right[0.9] > right[0.0] + 20


def test_short_records_do_not_fail() -> None:
    assert locate(np.array([1.0, 2.0]), 0.5, 1.0, 7).at == 7
    assert locate(np.zeros(5), 0.5, 1.0, 0).at in range(5)
