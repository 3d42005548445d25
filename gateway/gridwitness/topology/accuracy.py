"""Accuracy of a measuring chain from its classes, after the GUM.

A class gives limits ±a of a rectangular distribution, so u = a/√3 (JCGM 100:2008, 4.3.7). Meter, current transformer and
voltage transformer are independent; the transformers' phase displacements act on active power through tan φ:

    u² = (a_meter² + a_CT² + a_VT² + (δ_CT² + δ_VT²)·tan²φ) / 3

with ratio errors relative and displacements in radian. Limits: IEC 62053-21/-22 and EN 50470-3 (meters), IEC 61869-2 (CT),
IEC 61869-3 (inductive VT), all at rated burden and unity power factor of the meter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from gridwitness.topology.model import Point

METER_LIMIT = {"0.2S": 0.002, "0.5S": 0.005, "0.5": 0.005, "1": 0.01, "2": 0.02, "D": 0.002, "C": 0.005, "B": 0.01, "A": 0.02}
"""Relative limit at rated current and PF 1. MID classes D C B A are read as 0.2S 0.5S 1 2."""

_MIN = math.pi / 180 / 60
FREE_ANGLE = 120 * _MIN
"""Displacement that is assumed (2°) where a class sets no limit for it: CT class 3 (most clamps) and 10P, VT class 3."""

CT_LIMIT = {
    "0.2S": (0.002, 10 * _MIN), "0.2": (0.002, 10 * _MIN), "0.5S": (0.005, 30 * _MIN), "0.5": (0.005, 30 * _MIN),
    "1": (0.01, 60 * _MIN), "3": (0.03, FREE_ANGLE), "5P": (0.01, 60 * _MIN), "10P": (0.03, FREE_ANGLE),
}  # fmt: skip
"""Ratio limit and displacement limit (rad) at rated current."""

VT_LIMIT = {"0.2": (0.002, 10 * _MIN), "0.5": (0.005, 20 * _MIN), "1": (0.01, 40 * _MIN), "3": (0.03, FREE_ANGLE)}
"""Ratio limit and displacement limit (rad) at 80 to 120 % of rated voltage."""

# IEC 61869-2, tables 201 and 202: by how much the ratio limit exceeds that at rated current, at a share of rated current.
_CT_GROWTH = {
    "0.2S": ((0.01, 3.75), (0.05, 1.75), (0.20, 1.0)), "0.5S": ((0.01, 3.0), (0.05, 1.5), (0.20, 1.0)),
    "0.2": ((0.05, 3.75), (0.20, 1.75), (1.0, 1.0)), "0.5": ((0.05, 3.0), (0.20, 1.5), (1.0, 1.0)),
    "1": ((0.05, 3.0), (0.20, 1.5), (1.0, 1.0)),
}  # fmt: skip

CLAMP_CT = "3"
"""Class that a clamp is given at best where the register claims a better one or none: it is opened and closed by hand."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Relative limits of one chain (k-free, ±): meter, ratios, and displacements in radian."""

    meter: float
    ct: float
    vt: float
    ct_angle_rad: float
    vt_angle_rad: float

    def worst(self, tan_phi: float) -> float:
        """Error that no conforming chain can exceed: all limits together, relative."""
        return self.meter + self.ct + self.vt + (self.ct_angle_rad + self.vt_angle_rad) * abs(tan_phi)


def limits(point: Point) -> Limits:
    """The limits of a point's chain. Without a CT or VT class that part is taken to be in the meter's own class."""
    ct_class = CLAMP_CT if point.kind == "clamp" and point.ct_class not in ("3", "10P") else point.ct_class
    ct, ct_angle = CT_LIMIT[ct_class] if ct_class else (0.0, 0.0)
    vt, vt_angle = VT_LIMIT[point.vt_class] if point.vt_class else (0.0, 0.0)
    return Limits(METER_LIMIT[point.meter_class], ct, vt, ct_angle, vt_angle)


def relative_u(point: Point, power_factor: float = 0.95) -> float:
    """Relative standard uncertainty (k = 1) of a point's active power at a power factor in (0, 1]."""
    a, tan_phi = limits(point), math.sqrt(1 - power_factor**2) / power_factor
    return math.sqrt((a.meter**2 + a.ct**2 + a.vt**2 + (a.ct_angle_rad**2 + a.vt_angle_rad**2) * tan_phi**2) / 3)


def low_load_growth(point: Point) -> tuple[tuple[float, float], ...]:
    """((share of rated current, factor on the CT's ratio limit), …), ascending; empty where the class states none."""
    ct_class = CLAMP_CT if point.kind == "clamp" else point.ct_class
    return _CT_GROWTH.get(ct_class or "", ())


def stability(point: Point, days: float) -> float:
    """Relative change (±) that a sound chain may show within a time: a fifth of the limits of meter and CT within an hour,
    rising with the root of time to three fifths in ten days (temperature coefficients of IEC 62053-22: 0.03 %/K for 0.5S)."""
    a = limits(point)
    return max(a.meter, a.ct) * min(0.6, 0.2 + 0.4 * math.sqrt(max(0.0, days - 1 / 24) / 10))
