"""The windowed statistic: standard normal without a load, and not when its remedies are taken away."""

import numpy as np
import pytest
from gridwitness.detect import calibration, windows
from gridwitness.detect.calibration import Noise
from gridwitness.domain.moments import DAY_MS, HOUR_MS, MINUTE_MS
from test_balance import filled
from toyplant import Scenario, register, run


def statistics(seed: int, phi: float = 0.7) -> np.ndarray:
    """T of disjoint one-hour windows of three clean days."""
    readings, _ = run(Scenario(seed, minutes=3 * 1440, phi=phi, noise=3e-3, river=0.05))
    segment = filled(register(), readings)
    course = calibration.run(segment, calibration.begin(segment), 0, segment.ts_ms.size)
    found = windows.tests(segment, course, windows.sums(segment, course), HOUR_MS, 0, windows.CASE_A_YEAR)
    assert found is not None
    apart = np.flatnonzero(np.diff(found.e // 60, prepend=-1) > 0)
    return found.t[apart]


def test_statistic_is_standard_normal_in_correlated_noise() -> None:
    t = np.concatenate([statistics(seed) for seed in range(4)])
    assert t.size > 200
    assert 0.6 < t.std() < 1.2
    assert abs(t.mean()) < 0.4


def test_trap_un_whitened_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """With ρ taken for zero the same windows scatter twice as far: a false alarm a month becomes one a day."""
    monkeypatch.setattr(Noise, "rho", property(lambda self: 0.0))
    t = np.concatenate([statistics(seed) for seed in range(4)])
    assert t.std() > 1.5


def test_thresholds_share_the_false_alarms_of_a_year() -> None:
    values = [windows.threshold(length, windows.CASE_A_YEAR) for length in windows.LENGTHS_MS]
    assert values == sorted(values, reverse=True)
    assert 5 < values[0] < 6.5
    assert 4 < values[-1] < 5
    assert all(windows.threshold(length, windows.WATCH_A_YEAR) < h for length, h in zip(windows.LENGTHS_MS, values, strict=True))


def test_little_known_noise_raises_the_threshold() -> None:
    readings, _ = run(Scenario(1, minutes=600))
    segment = filled(register(), readings)
    course = calibration.run(segment, calibration.begin(segment), 0, segment.ts_ms.size)
    h = windows.cautious(5.0, course, np.array([0, 5, course.end.size]))
    assert h[0] > h[1] > h[2] > 5.0
    assert h[2] < 5.3


def test_names_of_windows() -> None:
    names = [windows.name(length) for length in (5 * MINUTE_MS, HOUR_MS, DAY_MS, 3 * DAY_MS, 90_000)]
    assert names == ["glr_5min", "glr_1h", "glr_1d", "glr_3d", "glr_90s"]


def test_a_window_is_judged_by_what_was_known_before_it() -> None:
    """A load inside the window must not be calibrated away: T grows with the load, however long the window."""
    t = []
    for mine in (0.0, 50e3, 100e3):
        readings, _ = run(Scenario(9, minutes=240, mine_w=mine, onset_min=120))
        segment = filled(register(), readings)
        course = calibration.run(segment, calibration.begin(segment), 0, segment.ts_ms.size)
        found = windows.tests(segment, course, windows.sums(segment, course), HOUR_MS, 0, windows.CASE_A_YEAR)
        assert found is not None
        at = int(np.flatnonzero(found.e <= 180)[-1])
        t.append(float(found.t[at]))
    assert t[2] - t[1] == pytest.approx(t[1] - t[0], rel=0.35)
    assert t[2] > 10
