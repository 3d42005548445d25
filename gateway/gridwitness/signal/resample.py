"""Resampling of a window to whole points per cycle, so that sums over it are sums over whole cycles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


def cubic(x: Float, start: float, end: float, points: int) -> Float:
    """``points`` values of ``x`` at equal distances from ``start`` (in samples) up to, not including, ``end``.

    Lagrange's cubic through the two neighbours on either side (weights -f(f-1)(f-2)/6, (f²-1)(f-2)/2, -f(f+1)(f-2)/2, f(f²-1)/6).
    ``x``: shape (..., n), returns (..., points). Its error for a sine of h cycles in 64 samples is below 0.024 (2π h/64)⁴.
    Raises IndexError where a neighbour lies outside ``x``.
    """
    position = start + (end - start) * np.arange(points) / points
    left = np.floor(position).astype(np.int64)
    if left[0] < 1 or left[-1] + 2 >= x.shape[-1]:
        raise IndexError(f"window {start:.1f} to {end:.1f} needs a sample before it and two behind it")
    f = position - left
    result: Float = (
        -f * (f - 1) * (f - 2) / 6 * x[..., left - 1]
        + (f * f - 1) * (f - 2) / 2 * x[..., left]
        - f * (f + 1) * (f - 2) / 2 * x[..., left + 1]
        + f * (f * f - 1) / 6 * x[..., left + 2]
    )
    return result
