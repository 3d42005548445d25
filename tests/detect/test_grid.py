"""Points with different intervals on one grid: energy is conserved, and what is not covered is not made up."""

import numpy as np
from gridwitness.detect.grid import common, interval_ms
from toyplant import START_MS, series

MIN = 60_000


def rows(count: int, dt_ms: int, values: np.ndarray, start: int = START_MS, name: str = "m"):  # type: ignore[no-untyped-def]
    return series(name, start + np.arange(count, dtype=np.int64) * dt_ms, dt_ms, values)


def all_of(*points):  # type: ignore[no-untyped-def]
    return common(points, [np.ones(p.ts_ms.size, bool) for p in points])


def test_fine_points_are_averaged_onto_the_coarsest() -> None:
    fine = rows(60, MIN, np.arange(60.0))
    coarse = rows(4, 15 * MIN, np.array([1.0, 2, 3, 4]))
    grid = all_of(fine, coarse)
    assert grid.dt_ms == 15 * MIN
    assert grid.p_w[:, 0].tolist() == [7.0, 22.0, 37.0, 52.0]
    assert grid.p_w[:, 1].tolist() == [1, 2, 3, 4]
    assert fine.p_w.sum() * MIN == grid.p_w[:, 0].sum() * grid.dt_ms


def test_interval_with_a_hole_is_left_out_but_a_tenth_may_lack() -> None:
    fine = rows(60, MIN, np.ones(60))
    keep = np.ones(60, bool)
    keep[[3, 20, 21]] = False  # one minute of the first quarter, two of the second
    grid = common([fine, rows(4, 15 * MIN, np.ones(4))], [keep, np.ones(4, bool)])
    assert ((grid.ts_ms - START_MS) // (15 * MIN)).tolist() == [0, 2, 3]


def test_rows_off_the_grid_are_split_by_time() -> None:
    base = rows(10, MIN, np.zeros(10))
    late = rows(10, MIN, np.arange(10.0), START_MS + 30_000)
    grid = all_of(base, late)
    assert grid.p_w[:, 1].tolist() == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5]


def test_a_clock_that_steps_back_does_not_count_energy_twice() -> None:
    ts = START_MS + np.array([0, 1, 2, 2.5, 3.5, 4.5]) * MIN
    back = series("m", ts.astype(np.int64), MIN, np.full(6, 10.0))
    grid = all_of(back, rows(5, MIN, np.zeros(5)))
    assert np.allclose(grid.p_w[:, 0], 10.0)


def test_nothing_shared_nothing_usable_and_no_interval_are_none() -> None:
    a, b = rows(5, MIN, np.ones(5)), rows(5, MIN, np.ones(5), START_MS + 86_400_000)
    assert all_of(a, b) is None
    assert common([a], [np.zeros(5, bool)]) is None
    assert common([], []) is None
    assert all_of(rows(5, 0, np.ones(5))) is None


def test_first_rows_settle_the_interval_for_good() -> None:
    early = rows(60, MIN, np.ones(60))
    early.dur_ms[50:] = 15 * MIN
    assert interval_ms(early) == MIN
