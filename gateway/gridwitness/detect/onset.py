"""When a load came on: posterior of a step's time in AR(1) noise (offline change point with flat prior).

Whitened with the estimated ρ, a step at τ is 1 at τ and 1 − ρ after it: sharp, where a plain CUSUM of correlated noise would smear.
The likelihood is profiled over level before and step height. Hinkley (1970), Biometrika 57(1); Basseville & Nikiforov (1993), ch. 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridwitness.detect.balance import Floats


@dataclass(frozen=True, slots=True)
class Onset:
    """Sample indices: most likely onset, and the earliest and latest plausible ones (95 % of the posterior)."""

    at: int
    earliest: int
    latest: int


def locate(residual: Floats, rho: float, variance: float, origin: int) -> Onset:
    """The onset of a step in ``residual`` (m,), whose first entry is sample ``origin``. ``variance`` σ² in the residual's unit squared."""
    m = residual.size
    if m < 3:
        return Onset(origin, origin, origin)
    white = np.r_[residual[0] * np.sqrt(1 - rho**2), residual[1:] - rho * residual[:-1]]
    level = np.r_[np.sqrt(1 - rho**2), np.full(m - 1, 1 - rho)]
    step_first, step_then = 1.0, 1 - rho
    after = np.r_[np.cumsum((white * step_then)[::-1])[::-1][1:], 0.0]
    ze = white * step_first + after
    rest = np.arange(m - 1, -1, -1, dtype=np.float64)
    zz = step_first**2 + rest * step_then**2
    zl = level * step_first + rest * step_then * (1 - rho)
    le, ll = float(level @ white), float(level @ level)
    # A second regressor beside the level (Frisch–Waugh): the step's part that the level does not explain.
    height = ze - zl * le / ll
    power = np.maximum(zz - zl**2 / ll, 1e-9)
    gain = np.where((height > 0) & (power > 1e-6), height**2 / power, 0.0) / (2 * variance * (1 - rho**2))
    gain[0] = 0.0
    weight = np.exp(gain - gain.max())
    share = np.cumsum(weight) / weight.sum()
    at = int(np.argmax(gain))
    earliest, latest = (min(m - 1, int(i)) for i in np.searchsorted(share, [0.025, 0.975]))
    return Onset(origin + at, origin + earliest, origin + latest)
