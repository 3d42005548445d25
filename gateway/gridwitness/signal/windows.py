"""Windows of whole mains cycles (IEC 61000-4-30: 10 cycles at 50 Hz, 12 at 60 Hz), found by zero crossings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


def one_cycle_filter(u: Float, rate_hz: float, f_nominal_hz: float) -> Float:
    """The sum of the last half cycle less that of the half cycle before.

    ``u``: samples, shape (n,). Returns shape (n,), in the unit of ``u``; the first whole cycle is NaN. Nothing of a DC offset passes,
    even harmonics cancel, the h-th odd one is weakened by h against the fundamental. The delay is the same at every crossing.
    """
    half = int(rate_hz / (2 * f_nominal_hz) + 0.5)
    sums = np.concatenate([[0.0], np.cumsum(u)])
    filtered = np.full(len(u), np.nan)
    filtered[2 * half - 1 :] = sums[2 * half :] - 2 * sums[half:-half] + sums[: -2 * half]
    return filtered


def zero_crossings(filtered: Float, floor: float = 0.0) -> Float:
    """Positions (samples, fractional) of the upward zero crossings, each after the signal was below ``-floor``."""
    rising = np.flatnonzero((filtered[:-1] < 0) & (filtered[1:] >= 0))
    positions: list[float] = []
    searched_to = 0
    for k in rising:
        if np.nanmin(filtered[searched_to : k + 1]) < -floor:
            positions.append(float(k - filtered[k] / (filtered[k + 1] - filtered[k])))
            searched_to = int(k) + 1
    return np.array(positions)


def tile(crossings: Float, cycles: int = 10, first: int = 0) -> Float:
    """Windows of ``cycles`` cycles from crossing number ``first``, each beginning where the one before ends: shape (m, 2), in samples."""
    edges = crossings[first::cycles]
    return np.column_stack([edges[:-1], edges[1:]])


def frequency_hz(window: Float, rate_hz: float, cycles: int = 10) -> float:
    """The mains frequency of a window ``(start, end)`` in samples."""
    return float(cycles * rate_hz / (window[1] - window[0]))
