"""The benchmark's arithmetic."""

from typing import Any

import pytest
from gridwitness.service.bench_demo import summarise, wilson


def outcome(energy_wh: float, u95_wh: float, *, ok: bool = True) -> dict[str, Any]:
    finding = {
        "kind": "dedicated_line_supply",
        "subject": "B1",
        "delay_s": 120.0,
        "energy_wh": energy_wh,
        "energy_u95_wh": u95_wh,
        "true_energy_wh": 100.0,
    }
    return {"ok": ok, "finding": finding, "speed": 40.0}


def test_wilson_interval_of_known_shares() -> None:
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-3)
    assert wilson(19, 20) == pytest.approx((0.7639, 0.9911), abs=1e-3)
    assert wilson(0, 0) == (0.0, 1.0)


def test_coverage_counts_the_truth_inside_the_interval() -> None:
    summary = summarise([outcome(101, 2), outcome(103, 2), outcome(99, 1), {"ok": False, "finding": None, "speed": 30.0}])
    assert (summary.runs, summary.ok, summary.found, summary.covered) == (4, 3, 3, 2)
    assert any("2 of 3" in line for line in summary.lines())
