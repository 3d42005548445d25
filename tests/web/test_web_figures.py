"""Numbers and times as people read them."""

import math

import pytest
from gridwitness.domain.moments import HOUR_MS, parse_ms
from gridwitness.web import figures, times

NARROW = figures.NARROW


@pytest.mark.parametrize(
    ("p_w", "u95_w", "shown"),
    [
        (98_120.0, 15_300.0, "98 ± 15 kW"),
        (24_612.0, 231.0, "24.61 ± 0.23 kW"),
        (4_055_300.0, 11_200.0, f"4{NARROW}055 ± 11 kW"),
        (2_214_000.0, 6_400.0, f"2{NARROW}214 ± 6 kW"),
        (-412_000.0, 22_000.0, "−412 ± 22 kW"),
        (-3.0, 900.0, "0.0 ± 0.9 kW"),
        (250_000_000.0, 3_000_000.0, "250 ± 3 MW"),
        (12_345.0, None, "12.3 kW"),
        (None, None, "—"),
        (math.nan, 5.0, "—"),
    ],
)
def test_a_power_has_the_digits_its_uncertainty_leaves(p_w: float | None, u95_w: float | None, shown: str) -> None:
    assert str(figures.power(p_w, u95_w)) == shown


def test_a_share_is_never_rounded_up_to_the_whole() -> None:
    assert figures.percent(0.99996) == "99.9 %"
    assert figures.percent(1.0) == "100 %"
    assert figures.percent(None) == "—"


def test_probabilities_keep_the_digits_that_tell_them_from_certainty() -> None:
    assert [figures.probability(p) for p in (0.5, 0.9987, 0.99999, 0.00001, None)] == ["0.50", "0.9987", "> 0.9999", "< 0.0001", "—"]


def test_a_likelihood_ratio_is_a_power_of_ten() -> None:
    assert figures.odds_power(14.2) == "6.2"


def test_energies_and_sizes() -> None:
    assert str(figures.energy(7_642_000.0)) == f"7{NARROW}642 kWh"
    assert str(figures.energy(2.31e7, 6.0e5)) == f"23{NARROW}100 ± 600 kWh"
    assert figures.size(54) == "54 B"
    assert figures.size(3_400_000) == "3.4 MB"


def test_times_are_the_sites_and_say_so() -> None:
    at = parse_ms("2026-12-01T02:14:05+08:00")
    assert times.full(at, "Asia/Shanghai") == "2026-12-01 02:14 +08:00"
    assert times.second(at, "America/New_York") == "2026-11-30 13:14:05 -05:00"
    assert times.short(None, "UTC") == "—"


def test_axis_marks_lie_on_round_local_times_and_tell_the_date() -> None:
    start = parse_ms("2026-12-01T01:07:00+08:00")
    marks = times.ticks(start, start + 7 * HOUR_MS, "Asia/Shanghai", most=7)
    assert [words for _, words in marks] == ["12-01 02:00", "03:00", "04:00", "05:00", "06:00", "07:00", "08:00"]
    days = times.ticks(start, start + 72 * HOUR_MS, "Asia/Kathmandu", most=7)
    assert all(times.local(at, "Asia/Kathmandu").strftime("%H:%M") in ("00:00", "12:00") for at, _ in days)
