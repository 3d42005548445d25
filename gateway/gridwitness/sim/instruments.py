"""Instrument errors: fixed for a scenario, a stated share of each class limit, the signs drawn from the seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridwitness.sim import classes
from gridwitness.sim.noise import Array, stream
from gridwitness.sim.register import Point

ARC_MINUTE = float(np.pi / 180 / 60)


@dataclass(frozen=True, slots=True)
class Chain:
    """One point's instrument chain as two complex factors on the primary phasors.

    ``u`` is the VT's (1 + ratio error)·exp(j displacement); ``i`` that of the CT, with the meter's own gain and the direction in
    which the instrument is mounted (the register's ``sign``).
    """

    u: complex
    i: complex

    def power(self, p_w: Array, q_var: Array) -> tuple[Array, Array]:
        """What the instrument shows of true P and Q: S′ = S · u · conj(i)."""
        shown = (p_w + 1j * q_var) * (self.u * self.i.conjugate())
        return shown.real, shown.imag


def chain(point: Point, seed: int, share: float) -> Chain:
    """The errors of a point: each of meter gain, CT ratio and angle, VT ratio and angle is ± ``share`` of its limit."""
    signs = np.where(stream(seed, f"instrument {point.id}").random(5) < 0.5, -share, share)
    meter = classes.METER[point.meter_class]
    ct, ct_minutes = classes.CT[point.ct_class]
    vt, vt_minutes = classes.VT[point.vt_class] if point.vt_class is not None else (0.0, 0.0)
    u = (1 + signs[2] * vt) * np.exp(1j * signs[4] * vt_minutes * ARC_MINUTE)
    i = point.sign * (1 + signs[0] * meter) * (1 + signs[1] * ct) * np.exp(1j * signs[3] * ct_minutes * ARC_MINUTE)
    return Chain(complex(u), complex(i))
