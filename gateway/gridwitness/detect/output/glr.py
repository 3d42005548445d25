"""Does the mean of the last days lie below what the days before them foretold? A generalised likelihood ratio over onset and size.

For a window of L days that begins at day j, with everything frozen as it was before j (so that the drop cannot teach the model):

    d_L = mean(ŷ − y),   Var d_L = σ²·(a'P_j a + q·(L+1)(2L+1)/(6L) + s²·g_L(φ) + w̄/L),   a = (1, φ(1−φ^L)/(L(1−φ)), x̄)

mixed over the bank of filters by weight (mean and variance of a mixture), plus ``STABILITY``²; T = d / √Var d. For T no
day counts for more than ``CLIP`` of its own standard deviations. Willsky & Jones (1976), IEEE Trans. Automatic Control 21(1);
Basseville & Nikiforov (1993), ch. 7.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridwitness.detect.output.expected import Days, Floats
from gridwitness.detect.output.residuals import BANK, State

LONGEST = 14
"""Longest window, days."""
CLIP = 6.0
STABILITY = 0.012
"""What a flow gauge and a head may wander unseen, k = 1, beyond what this record has shown of them: no window is surer than that."""
Ints = NDArray[np.int64]


@dataclass(slots=True)
class Windows:
    """Every window; arrays of shape (m, L). Row r: begins at day ``first + r``; column l: l + 1 days long. NaN where it has no days.

    ``t`` statistic (positive: output too small); ``drop`` d, as ln; ``sd`` its standard deviation; ``seen`` days that said something.
    """

    first: int
    t: Floats
    drop: Floats
    sd: Floats
    seen: Floats


def windows(days: Days, states: list[State], first: int, begin: int) -> Windows:
    """Windows that begin at ``begin`` or later; ``states[i]`` is the state before day ``first + i``."""
    n = days.y.size
    known = _Known(states[begin - first : n - first])
    m, lags = known.mean.shape[0], min(LONGEST, n - begin)
    out = Windows(begin, *(np.full((m, lags), np.nan) for _ in range(4)))
    sums = _Sums(m, known.mean.shape[1], days.x.shape[1])
    for lag in range(lags):
        rows = np.arange(m - lag)
        sums.add(days, known, begin + rows + lag, rows, lag)
        live = rows[sums.count[rows] > 0]
        out.drop[live, lag], out.sd[live, lag], out.t[live, lag] = sums.moments(known, live, lag + 1)
        out.seen[live, lag] = sums.count[live]
    return out


class _Known:
    """The states before each window, stacked: (m, K, …)."""

    def __init__(self, states: list[State]) -> None:
        self.mean, self.cov = np.array([s.mean for s in states]), np.array([s.cov for s in states])
        self.sigma2, self.weight = np.array([s.sigma2 for s in states]), np.array([s.weight for s in states])
        self.spill = np.array([s.spill_scale for s in states])


class _Sums:
    """What accumulates as windows grow by a day at a time: residuals, residuals with single days held back, curve, weights."""

    def __init__(self, m: int, bank: int, curve: int) -> None:
        self.count, self.left, self.held = np.zeros(m), np.zeros((m, bank)), np.zeros((m, bank))
        self.x, self.white = np.zeros((m, curve)), np.zeros(m)

    def add(self, days: Days, known: _Known, day: Ints, rows: Ints, lag: int) -> None:
        """Day ``day[r]`` joins window ``rows[r]``."""
        says = np.isfinite(days.y[day])
        d, r = day[says], rows[says]
        q, s2, phi = BANK.T
        mean, cov, x = known.mean[r], known.cov[r], days.x[d]
        off = mean[:, :, 0] + mean[:, :, 1] * phi ** (lag + 1) + np.einsum("rkc,rc->rk", mean[:, :, 2:], x) - days.y[d][:, None]
        white = days.weight[d] * np.where(days.x[d, 3] > 0, known.spill[r], 1.0)
        spread = cov[:, :, 0, 0] + np.einsum("rc,rkcd,rd->rk", x, cov[:, :, 2:, 2:], x) + q * (lag + 1) + s2 + white[:, None]
        bound = CLIP * np.sqrt(known.sigma2[r] * spread + STABILITY**2)
        self.count[r] += 1
        self.left[r] += off
        self.held[r] += np.clip(off, -bound, bound)
        self.x[r] += x
        self.white[r] += white

    def moments(self, known: _Known, rows: Ints, length: int) -> tuple[Floats, Floats, Floats]:
        """Mean drop, its standard deviation and T, mixed over the bank; (r,) each."""
        q, s2, phi = BANK.T
        n = self.count[rows][:, None]
        fade = np.where(phi > 0, phi * (1 - phi**length) / (length * np.maximum(1 - phi, 1e-9)), 0.0)
        a = np.empty((rows.size, BANK.shape[0], 2 + self.x.shape[1]))
        a[:, :, 0], a[:, :, 1], a[:, :, 2:] = 1.0, fade, (self.x[rows] / n)[:, None, :]
        learnt = np.einsum("rki,rkij,rkj->rk", a, known.cov[rows], a, optimize=True)
        walk = q * (length + 1) * (2 * length + 1) / (6 * length)
        variance = known.sigma2[rows] * (learnt + walk + s2 * _fresh(phi, length) + self.white[rows][:, None] / n**2)
        w, drop, held = known.weight[rows], self.left[rows] / n, self.held[rows] / n
        mixed = (w * drop).sum(1)
        sd = np.sqrt((w * (variance + (drop - mixed[:, None]) ** 2)).sum(1) + STABILITY**2)
        return mixed, sd, (w * held).sum(1) / sd


def _fresh(phi: Floats, length: int) -> Floats:
    """Variance of the mean of ``length`` days of a unit AR(1) that starts from zero."""
    steps = np.arange(1, length + 1)[:, None]
    weights = np.where(phi > 0, (1 - phi**steps) / np.maximum(1 - phi, 1e-9), 1.0)
    return np.asarray((1 - phi**2) * (weights**2).sum(0) / length**2)


def spread(frozen: State, days: Days, begin: int, end: int) -> float:
    """Standard deviation of the mean drop over days [begin, end), as frozen before ``begin``; windows longer than ``LONGEST`` too."""
    known, sums = _Known([frozen]), _Sums(1, frozen.mean.shape[0], days.x.shape[1])
    row = np.zeros(1, dtype=np.int64)
    for lag in range(end - begin):
        sums.add(days, known, np.array([begin + lag]), row, lag)
    return float(sums.moments(known, row, end - begin)[1][0]) if sums.count[0] else STABILITY
