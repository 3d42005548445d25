"""Frequency and voltage of an observed line: islands, emergencies, and the place whose voltage it shares."""

from __future__ import annotations

import numpy as np
import pytest
from gridwitness.detect import lines
from gridwitness.detect.lines import fingerprint
from gridwitness.detect.lines.meter import load
from gridwitness.domain.finding import Finding
from gridwitness.domain.series import PointSeries, SiteReadings
from lineplant import START_MS, register, series, walk

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
N = 3 * 1440


def place(
    seed: int, island: tuple[int, int] | None, grid_dead: bool = False, tie_open: bool = False, generator_f: bool = True
) -> dict[str, PointSeries]:
    """Three days of minutes; from minute ``island[0]`` to ``island[1]`` the line (and G2) run 0.2 Hz off and wander."""
    rng = np.random.default_rng(seed)
    ts = START_MS + np.arange(N, dtype=np.int64) * MINUTE
    apart = np.zeros(N, bool)
    if island:
        apart[island[0] : island[1]] = True
    grid = 50 + 0.02 * walk(rng, N, 10)
    own = 49.8 + 0.1 * walk(rng, N, 5)
    line_f = np.where(apart, own, grid)
    u = np.full(N, 3637.0) * (1 + 0.005 * walk(rng, N, 60))
    dead = apart & grid_dead

    def meter(name: str, p: np.ndarray, f: np.ndarray) -> PointSeries:
        return series(name, ts, MINUTE, p + rng.normal(0, 10, N), f + rng.normal(0, 0.002, N), u)

    made = [
        meter("m-l91", np.full(N, 150e3), line_f),
        meter("m-g1", np.full(N, 1.5e6) * ~(apart & tie_open), grid),
        meter("m-g2", np.full(N, 0.6e6), line_f if generator_f else np.full(N, np.nan)),
        meter("m-ss", np.full(N, 3e4), grid),
        meter("m-l1", np.full(N, 2.5e5), grid),
        meter("m-tie", np.where(apart & tie_open, 0.0, 1.6e6), np.where(apart & tie_open, own, grid)),
        series("m-rev", ts, MINUTE, np.where(apart & tie_open, 0.0, 1.6e6), np.where(dead, np.nan, grid), np.where(dead, 5.0, 3637.0)),
    ]
    return {s.point: s for s in made}


def find(points: dict[str, PointSeries], to_ms: int | None = None, kind: str = "hydro") -> list[Finding]:
    if to_ms is not None:
        names = ("ts_ms", "dur_ms", "p_w", "q_var", "u_v", "i_a", "pf", "f_hz", "thd_i_pct", "quality")
        points = {n: PointSeries(n, *(getattr(s, c)[s.ts_ms + s.dur_ms <= to_ms] for c in names)) for n, s in points.items()}
    found = lines.find(register(kind=kind), SiteReadings(points), points, to_ms)[0]
    return [f for f in found if f.kind == "captive_supply"]


@pytest.mark.parametrize("seed", range(5))
def test_a_line_on_an_island_beside_a_live_grid_is_captive_supply(seed: int) -> None:
    points = place(seed, (1000, 2800))
    (found,) = find(points)
    assert (found.subject.type, found.subject.id, found.status) == ("plant", "P1", "case")
    assert abs(found.from_ms - (START_MS + 1000 * MINUTE)) <= 2 * MINUTE
    assert found.to_ms is not None
    assert abs(found.to_ms - (START_MS + 2800 * MINUTE)) <= 5 * MINUTE
    assert 2 * HOUR <= found.detected_ms - found.from_ms <= 2.5 * HOUR
    assert found.energy is not None
    assert found.energy.energy_wh == pytest.approx(150e3 * 30, rel=0.01)
    assert [f.status for f in find(points, found.detected_ms)] == ["case"]
    assert [f.status for f in find(points, found.detected_ms - MINUTE)] == ["watch"]


def test_in_step_with_the_grid_there_is_none() -> None:
    assert all(find(place(seed, None)) == [] for seed in range(10))


@pytest.mark.parametrize("seed", range(3))
def test_an_emergency_island_while_the_grid_is_dead_is_none(seed: int) -> None:
    assert find(place(seed, (1000, 2800), grid_dead=True, tie_open=True)) == []


def test_an_open_tie_beside_a_live_grid_is_no_excuse() -> None:
    (found,) = find(place(1, (1000, 2800), tie_open=True))
    assert found.status == "case"


def test_half_an_hour_after_the_grids_return_is_a_watch_at_most() -> None:
    assert [f.status for f in find(place(1, (1000, 1070)))] == ["watch"]


def test_without_generator_frequencies_only_a_captive_plant_can_be_named() -> None:
    points = place(1, (1000, 2800), generator_f=False)
    for name in ("m-g1", "m-g2"):
        points[name].f_hz = np.full(N, np.nan)
    assert find(points) == []
    assert [f.status for f in find(points, kind="captive")] == ["case"]


@pytest.mark.parametrize("where", ["B1", "grid"])
def test_voltage_hints_at_the_place_it_is_shared_with(where: str) -> None:
    points = place(2, None)
    rng = np.random.default_rng(7)
    grid, bus = (3637 * (1 + 0.008 * walk(rng, N, 30)) for _ in range(2))
    for name, s in points.items():
        true = {"m-rev": grid, "m-l91": bus if where == "B1" else grid}.get(name, bus)
        s.u_v = true * (1 + 0.0005 * rng.standard_normal(N))
    site = register()
    one = load(site, site.branches["L91"], points)
    assert one is not None
    found = fingerprint.likeness(site, one, points)
    assert found is not None
    sign = 1 if where == "B1" else -1
    late = np.array([START_MS + 2 * DAY])
    assert sign * found.at("B1", late)[0] == pytest.approx(3.0)
    assert found.at("B1", np.array([START_MS + 10 * MINUTE]))[0] == 0


def test_one_voltage_everywhere_hints_at_nothing() -> None:
    site, points, rng = register(), place(3, None), np.random.default_rng(4)
    shared = 3637 * (1 + 0.004 * walk(rng, N, 30))
    for s in points.values():
        s.u_v = shared * (1 + 0.0005 * rng.standard_normal(N))
    one = load(site, site.branches["L91"], points)
    assert one is not None
    found = fingerprint.likeness(site, one, points)
    assert found is not None
    assert abs(found.at("B1", np.array([START_MS + 2 * DAY]))[0]) < 1
