"""Standard uncertainties of measuring chains against the worked numbers of the uncertainty budget."""

import math

import pytest
from gridwitness.topology.accuracy import limits, low_load_growth, relative_u, stability
from gridwitness.topology.model import Point


def point(kind: str, meter: str, ct: str | None, vt: str | None) -> Point:
    return Point("m", kind, meter, ct, vt, 400.0, 1, 2.0, None)


@pytest.mark.parametrize(
    ("chain", "percent"),
    [
        (point("verified_meter", "0.2S", "0.2S", "0.2"), 0.215),
        (point("verified_meter", "0.5S", "0.5S", "0.5"), 0.54),
        (point("meter", "1", "1", "0.5"), 0.93),
        (point("clamp", "1", "3", "0.5"), 1.97),
    ],
)
def test_published_budget_at_pf_095(chain: Point, percent: float) -> None:
    digits = 3 if percent < 0.5 else 2
    assert round(100 * relative_u(chain, 0.95), digits) == percent


def test_budget_by_hand() -> None:
    """0.5S chain at PF 0.8: (0.5² + 0.5² + 0.5² + (0.873² + 0.582²)·0.75²)/3, displacements 30' and 20' in centiradian."""
    ct, vt = 100 * math.radians(30 / 60), 100 * math.radians(20 / 60)
    by_hand = math.sqrt((3 * 0.25 + (ct**2 + vt**2) * 0.75**2) / 3)
    assert 100 * relative_u(point("meter", "0.5S", "0.5S", "0.5"), 0.8) == pytest.approx(by_hand, rel=1e-12)


def test_power_factor_matters_through_displacement_alone() -> None:
    chain = point("meter", "0.5", "0.5", "0.5")
    assert relative_u(chain, 1.0) == pytest.approx(0.005, rel=1e-12)
    assert relative_u(chain, 0.5) > 2 * relative_u(chain, 0.95)


def test_mid_classes_read_as_their_iec_equals() -> None:
    for mid, iec in zip("DCBA", ("0.2S", "0.5S", "1", "2"), strict=True):
        assert limits(point("meter", mid, None, None)) == limits(point("meter", iec, None, None))


def test_no_vt_and_no_ct_add_nothing() -> None:
    assert relative_u(point("meter", "1", None, None)) == pytest.approx(0.01 / math.sqrt(3), rel=1e-12)


def test_clamp_is_never_better_than_class_3() -> None:
    assert relative_u(point("clamp", "1", "0.5", None)) == relative_u(point("clamp", "1", "3", None))
    assert relative_u(point("meter", "1", "0.5", None)) < relative_u(point("clamp", "1", "0.5", None))


def test_low_load_growth_follows_the_standard() -> None:
    """IEC 61869-2: a 0.5S transformer may err by 1.5 % at 1 % of rated current, three times its limit at 100 %."""
    assert low_load_growth(point("meter", "0.5S", "0.5S", None))[0] == (0.01, 3.0)
    assert low_load_growth(point("meter", "0.5S", "3", None)) == ()


def test_stability_within_an_hour_and_in_ten_days() -> None:
    chain = point("meter", "0.5S", "0.5S", "0.5")
    assert stability(chain, 1 / 24) == pytest.approx(0.001)
    assert stability(chain, 30) == pytest.approx(0.003)
    assert stability(chain, 1) < stability(chain, 3) < stability(chain, 7)
