"""Powers of one window of resampled voltages and currents (IEEE 1459)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class WindowPowers:
    """Per phase, arrays of shape (phases,); DC removed. Totals are sums over phases (S: arithmetic apparent power).

    ``p_w`` = mean(u i); ``q_var`` = U1 I1 sin(φu - φi) of the fundamentals, positive when the current lags; ``s_va`` = U I.
    """

    u_v: Float
    i_a: Float
    p_w: Float
    q_var: Float
    s_va: Float

    @property
    def pf(self) -> Float:
        """P / S per phase, with the sign of P; NaN where there is no apparent power."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.s_va > 0, self.p_w / self.s_va, np.nan)

    @property
    def total_pf(self) -> float:
        """P / S of all phases together; NaN where there is no apparent power."""
        s_va = float(self.s_va.sum())
        return float(self.p_w.sum()) / s_va if s_va > 0 else float("nan")


def window_powers(u: Float, i: Float, cycles: int = 10) -> WindowPowers:
    """Powers of a window: ``u`` (volts) and ``i`` (amperes) of shape (phases, points), whole cycles on equidistant points."""
    u = u - u.mean(axis=-1, keepdims=True)
    i = i - i.mean(axis=-1, keepdims=True)
    u_v = np.sqrt(np.mean(u * u, axis=-1))
    i_a = np.sqrt(np.mean(i * i, axis=-1))
    u1, i1 = phasor(u, cycles), phasor(i, cycles)
    return WindowPowers(u_v, i_a, np.mean(u * i, axis=-1), (u1 * i1.conj()).imag, u_v * i_a)


def phasor(x: Float, cycles: int, order: int = 1) -> NDArray[np.complex128]:
    """The rms phasor of harmonic ``order``: ``x`` of shape (..., points) over ``cycles`` whole cycles."""
    points = x.shape[-1]
    turn = np.exp(-2j * np.pi * order * cycles * np.arange(points) / points)
    result: NDArray[np.complex128] = np.sqrt(2) / points * (x @ turn)
    return result
