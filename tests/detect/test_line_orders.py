"""Cut-off orders: a kept one is silent, a broken one is found within its first minutes and measured, standby is no case."""

from __future__ import annotations

import numpy as np
import pytest
from gridwitness.detect import lines
from gridwitness.domain.finding import Finding
from gridwitness.domain.series import PointSeries, SiteReadings
from gridwitness.topology.model import Site
from gridwitness.topology.site import parse
from lineplant import START_MS, series

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
ORDER_MS = START_MS + 2 * DAY


def site(point: str = ", point: m-l1", role: str = "registered_load", basis: str = "") -> Site:
    return parse(f"""
format: gridwitness-site/1
site: {{id: cut, name: {{zh: 停, en: Cut}}, timezone: Asia/Shanghai}}
buses:
  - {{id: B1, u_nominal_v: 10000}}
plants:
  - {{id: P1, kind: hydro, bus: B1, rated_w: 3000000}}
customers:
  - {{id: C1, name: {{zh: 机房, en: Hall}}, contract_w: 400000}}
branches:
  - {{id: L1, bus: B1, role: {role}, customer: C1{point}{basis}}}
  - {{id: T1, bus: B1, role: grid_tie, point: m-tie}}
points:
  - {{id: m-l1, kind: meter, meter_class: 1, ct_class: 0.5, vt_class: 0.5, i_rated_a: 24, sign: 1}}
  - {{id: m-tie, kind: meter, meter_class: 1, sign: 1}}
orders:
  - {{id: O-1, branch: L1, from: "2026-12-03T00:00:00+08:00"}}
""")[0]


def meter(on_w: float, after: np.ndarray, seed: int = 0, dt_min: int = 1, days: int = 6) -> PointSeries:
    """Full load before the order, ``after(t since order in ms)`` × on_w after it, ± 15 W of creep, 1 % of rows lost."""
    rng = np.random.default_rng(seed)
    ts = START_MS + np.arange(days * 1440 // dt_min, dtype=np.int64) * dt_min * MINUTE
    p = np.where(ts < ORDER_MS, 300e3, on_w * after[: ts.size]) * (1 + 0.003 * rng.standard_normal(ts.size)) + rng.normal(0, 15, ts.size)
    keep = rng.random(ts.size) > 0.01
    return series("m-l1", ts[keep], dt_min * MINUTE, np.round(p[keep]))


def since(dt_min: int = 1, days: int = 6) -> np.ndarray:
    return START_MS + np.arange(days * 1440 // dt_min) * dt_min * MINUTE - ORDER_MS


def find(one: PointSeries, where: Site | None = None, to_ms: int | None = None) -> list[Finding]:
    points = {"m-l1": one}
    if to_ms is not None:
        keep = one.ts_ms + one.dur_ms <= to_ms
        points = {"m-l1": series("m-l1", one.ts_ms[keep], int(one.dur_ms[0]), one.p_w[keep])}
    return lines.find(where or site(), SiteReadings(points), points, to_ms)[0]


def test_kept_orders_are_silent() -> None:
    assert all(find(meter(0.0, np.zeros(10_000), seed)) == [] for seed in range(60))


@pytest.mark.parametrize("dt_min", [1, 15])
@pytest.mark.parametrize("share", [0.05, 0.2, 1.0])
def test_restart_is_found_and_measured(share: float, dt_min: int) -> None:
    for seed in range(8):
        begin = DAY + 37 * HOUR // 60 * seed
        on = (since(dt_min) >= begin) & (((since(dt_min) - begin) // (7 * HOUR)) % 2 == 0)
        one = meter(300e3 * share, on.astype(float), seed, dt_min)
        (found,) = find(one)
        first = ORDER_MS + int(since(dt_min)[on][0])
        assert (found.kind, found.subject.type, found.subject.id, found.status) == ("restart_after_cutoff", "branch", "L1", "case")
        assert first <= found.from_ms <= first + 3 * dt_min * MINUTE
        assert found.detected_ms - first <= (20 if dt_min == 1 else 60) * MINUTE
        truth = 300e3 * share * on.sum() * dt_min / 60
        assert found.energy is not None
        assert abs(found.energy.energy_wh - truth) <= found.energy.u95_wh
        assert found.llr == pytest.approx(sum(c.llr for c in found.contributions), abs=1e-6)


def test_it_is_known_at_its_moment_and_not_one_interval_earlier() -> None:
    one = meter(60e3, (since() > DAY).astype(float))
    (found,) = find(one)
    assert [f.status for f in find(one, to_ms=found.detected_ms)] == ["case"]
    assert "case" not in [f.status for f in find(one, to_ms=found.detected_ms - MINUTE)]


def test_standby_is_a_watch_at_most() -> None:
    (found,) = find(meter(4e3, np.ones(10_000)))
    assert found.status == "watch"
    assert found.alternatives[0].inside_limits


def test_a_single_minute_is_a_watch_at_most() -> None:
    blip = np.zeros(10_000)
    blip[np.flatnonzero(since() == DAY)] = 1
    assert [f.status for f in find(meter(300e3, blip, seed=3))] in ([], ["watch"])


def test_a_load_that_never_went_is_a_case_after_a_day() -> None:
    (found,) = find(meter(300e3, np.ones(10_000)))
    assert found.status == "case"
    assert DAY <= found.detected_ms - ORDER_MS <= DAY + 20 * MINUTE
    assert found.from_ms - ORDER_MS <= 2 * MINUTE


def test_a_load_that_goes_within_half_a_day_is_no_case() -> None:
    assert "case" not in [f.status for f in find(meter(300e3, (since() < DAY / 2).astype(float)))]


def test_lawful_basis_covers_it() -> None:
    where = site(basis=", lawful_basis: {type: emergency, ref: E-7, from: '2026-12-01T00:00:00+08:00', to: null}")
    (found,) = find(meter(300e3, (since() > DAY).astype(float)), where)
    assert (found.status, found.covered_by) == ("watch", "emergency E-7")


def test_an_order_on_a_branch_that_nothing_measures_cannot_be_checked() -> None:
    found, unchecked = lines.find(site(point=""), SiteReadings(), {}, None)
    assert found == []
    assert [(u.subject.id, "O-1" in u.why) for u in unchecked] == [("L1", True)]
