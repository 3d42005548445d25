"""Learning the instruments' errors: a Kalman filter over blocks of intervals, from the past alone.

State: the scaled coefficients of `balance` and the hidden load D of a site that had one from the first day (very wide prior).
Static coefficients stay; the two drifts forget themselves (Ornstein–Uhlenbeck). Within a block the data enter as information
Σ x xᵀ/v and Σ x r/v with v = σ²(1+ρ)/(1−ρ), the long-run variance of AR(1) noise: un-whitened noise would make every error look
better known than it is. v itself is learnt from the blocks before, out of first and second differences of the residual:

    E(r_t − r_{t−1})²/2 = σ²(1−ρ) = γ1,   E(r_t − r_{t−2})²/2 = σ²(1−ρ²) = γ2   ⇒   ρ = γ2/γ1 − 1

which a slow drift and a step do not disturb. Noise grows with power, so all of it is counted in units of `Segment.scale_w`.
 Kalman (1960), Trans. ASME 82; Anderson & Moore, Optimal Filtering (1979), ch. 6.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridwitness.detect.balance import FORGET_MS, Floats, Segment
from gridwitness.domain.moments import DAY_MS, HOUR_MS, MINUTE_MS

BLOCKS = ((6 * HOUR_MS, 5 * MINUTE_MS), (2 * DAY_MS, 15 * MINUTE_MS), (14 * DAY_MS, HOUR_MS))
"""Blocks grow with the age of the records: (until that age, block length); later two hours."""
HIDDEN_W = 0.3
"""Prior standard deviation of a load from the first day, in shares of the rating: wide enough to say nothing."""
NOISE, NOISE_ROWS = 1e-3, 4.0
"""First guess of the noise in shares of the power that flows, and how many intervals it is worth."""
WARM_ROWS = 20
"""Intervals that tell the first noise; nothing may be decided before they are over."""
NOISE_MEMORY_MS = 4 * DAY_MS
HUBER = 4.0
"""An interval that surprises by more standard deviations than this counts for less (Huber, 1964): a step that one clock shows an interval
before the others must not move a whole calibration."""
RHO_MAX = 0.9
RHO, RHO_ROWS = 0.5, 20.0
"""Usual correlation of neighbouring one-minute residuals, and how many intervals that is worth."""


@dataclass(slots=True)
class Noise:
    """Running variance of first (γ1) and second (γ2) differences, in units of the segment's scale squared, and how many intervals
    it rests on."""

    gamma1: float
    gamma2: float
    rows: float

    @property
    def rho(self) -> float:
        """Correlation of neighbouring intervals; few rows hardly move it from what is usual."""
        seen = min(RHO_MAX, max(0.0, self.gamma2 / self.gamma1 - 1))
        return (self.rows * seen + RHO_ROWS * RHO) / (self.rows + RHO_ROWS)

    @property
    def variance(self) -> float:
        """σ² of one interval, in units of scale²."""
        return self.gamma1 / (1 - self.rho)

    @property
    def long_run(self) -> float:
        """vif·σ²: variance of a long sum, for each interval, in units of scale²."""
        return self.variance * (1 + self.rho) / (1 - self.rho)


@dataclass(slots=True)
class State:
    """Mean and covariance of the coefficients (the last is D) at a time, and the noise."""

    at_ms: int
    mean: Floats
    cov: Floats
    noise: Noise


@dataclass(slots=True)
class Course:
    """The filter's course over B blocks.

    ``z`` (n, p) scaled columns that belong to ``mean``; ``drifts`` the two of them that forget themselves.
    ``start``/``end`` (B,) sample indices of the blocks. ``at_ms`` (B + 1,) when each posterior holds, entry 0 being the state
    before any block; ``mean`` (B + 1, p), ``cov`` (B + 1, p, p) given no load from the first day (or given that load, once it was
    found); ``hidden_w``, ``hidden_u_w`` (B + 1,) the load from the first day and its standard uncertainty;
    ``noise`` the B + 1 noise states; ``states`` the full filter states, to go on from.
    """

    z: Floats
    drifts: tuple[int, int]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    at_ms: NDArray[np.int64]
    mean: Floats
    cov: Floats
    hidden_w: Floats
    hidden_u_w: Floats
    noise: list[Noise]
    states: list[State]

    def before(self, sample: NDArray[np.int64]) -> NDArray[np.int64]:
        """Index of the posterior that knows only samples before the given ones."""
        return np.searchsorted(self.end, sample, side="right")


def begin(segment: Segment) -> State:
    """The state before any data."""
    p, warm = segment.design.shape[1] + 1, slice(0, WARM_ROWS)
    guess = Noise(NOISE**2, 1.5 * NOISE**2, NOISE_ROWS)
    left, scale = segment.residual_w[warm], segment.scale_w[warm]
    noise = _learn(guess, left, scale, segment.ts_ms[warm], segment.dt_ms, 0, _typical(left, scale))
    return State(int(segment.ts_ms[0]), np.zeros(p), np.eye(p), Noise(noise.gamma1, noise.gamma2, NOISE_ROWS))


def afresh(state: State) -> State:
    """What is left of a state after an instrument changed: the noise. All else begins at the certified classes again."""
    p = state.mean.size
    return State(state.at_ms, np.zeros(p), np.eye(p), state.noise)


def _typical(left: Floats, scale: Floats) -> float:
    """γ1 from the median of squared differences: what is typical before anything was learnt (χ²₁ has its median at 0.455)."""
    squares = (np.diff(left) / scale[1:]) ** 2 / 2
    return max(NOISE**2 / 100, float(np.median(squares)) / 0.455) if squares.size else NOISE**2


def run(segment: Segment, state: State, first: int, stop: int, base_load: bool = False) -> Course:
    """The filter over samples [first, stop), from a state. ``base_load``: a load from the first day was found and is kept."""
    start, end = _blocks(segment, first, stop)
    z = np.column_stack([segment.design, np.full(segment.ts_ms.size, HIDDEN_W * segment.plan.rated_w)])
    states = [state]
    for a, b in zip(start.tolist(), end.tolist(), strict=True):
        state = _update(segment, z, _aged(state, int(segment.ts_ms[a])), a, b, max(first, a - 2))
        states.append(state)
    mean, cov = np.stack([s.mean for s in states]), np.stack([s.cov for s in states])
    at = np.array([s.at_ms for s in states], dtype=np.int64)
    hidden_w = mean[:, -1] * HIDDEN_W * segment.plan.rated_w
    hidden_u = np.sqrt(cov[:, -1, -1]) * HIDDEN_W * segment.plan.rated_w
    if base_load:
        return Course(z, segment.drifts, start, end, at, mean, cov, hidden_w, hidden_u, [s.noise for s in states], states)
    along = cov[:, :-1, -1] / cov[:, -1:, -1]
    given = mean[:, :-1] - along * mean[:, -1:]
    narrow = cov[:, :-1, :-1] - along[:, :, None] * cov[:, None, -1, :-1]
    noise = [s.noise for s in states]
    return Course(segment.design, segment.drifts, start, end, at, given, narrow, hidden_w, hidden_u, noise, states)


def block_number(age_ms: NDArray[np.int64], dt_ms: int) -> NDArray[np.int64]:
    """Block of an interval that ends at an age of the records (> 0): it depends on nothing else, so later data change no block."""
    block, since, number = np.zeros(age_ms.size, np.int64), 0, 0
    for until, length in BLOCKS:
        step = max(length, dt_ms)
        inside = (age_ms > since) & (age_ms <= until)
        block[inside] = number + (age_ms[inside] - since - 1) // step
        number += -(-(until - since) // step)
        since = until
    late = age_ms > since
    block[late] = number + (age_ms[late] - since - 1) // (2 * HOUR_MS)
    return block


def _blocks(segment: Segment, first: int, stop: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and end sample of each block. A last block that may still grow is left out."""
    if stop <= first:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    age = segment.end_ms[first:stop] - segment.ts_ms[0]
    block = block_number(np.r_[age, age[-1] + segment.dt_ms], segment.dt_ms)
    edges = np.flatnonzero(np.diff(block)) + 1 + first
    return np.r_[first, edges[:-1]][: edges.size], edges


def _aged(state: State, at_ms: int) -> State:
    """The state at a later time: the drifts forget."""
    gap = max(0, at_ms - state.at_ms)
    keep = np.ones(state.mean.size)
    keep[-3:-1] = np.exp(-gap / np.array(FORGET_MS))
    cov = state.cov * np.outer(keep, keep)
    cov[np.diag_indices_from(cov)] += 1 - keep**2
    return State(at_ms, state.mean * keep, cov, state.noise)


def _update(segment: Segment, z: Floats, state: State, a: int, b: int, lead: int) -> State:
    """The state after samples [a, b)."""
    x, r = z[a:b], segment.residual_w[a:b]
    variance = state.noise.long_run * segment.scale_w[a:b] ** 2 + segment.jitter_w2[a:b]
    surprise = np.abs(r - x @ state.mean) / np.sqrt(variance + np.einsum("ij,ij->i", x @ state.cov, x))
    weighted = x / (variance * np.maximum(1.0, surprise / HUBER))[:, None]
    prior = np.linalg.inv(state.cov)
    cov = np.linalg.inv(prior + x.T @ weighted)
    cov = (cov + cov.T) / 2
    mean = cov @ (prior @ state.mean + weighted.T @ r)
    left = segment.residual_w[lead:b] - z[lead:b] @ mean
    noise = _learn(state.noise, left, segment.scale_w[lead:b], segment.ts_ms[lead:b], segment.dt_ms, a - lead)
    return State(int(segment.end_ms[b - 1]), mean, cov, noise)


def _learn(noise: Noise, left: Floats, scale: Floats, ts: NDArray[np.int64], dt: int, lead: int, typical: float | None = None) -> Noise:
    """The noise with a block's differences. Outliers are cut at four standard deviations: a step must not pass for noise."""
    one = ((np.diff(left) / scale[1:]) ** 2 / 2)[np.diff(ts) == dt]
    two = (((left[2:] - left[:-2]) / scale[2:]) ** 2 / 2)[(ts[2:] - ts[:-2]) == 2 * dt]
    n = min(one.size, two.size)
    if n == 0:
        return noise
    rows = noise.rows * float(np.exp(-(ts[-1] - ts[lead] + dt) / NOISE_MEMORY_MS))
    cut = 16 * (noise.gamma1 if typical is None else typical)
    total, least = rows + n, 1e-14
    gamma1 = (rows * noise.gamma1 + n * float(np.minimum(one, cut).mean())) / total
    gamma2 = (rows * noise.gamma2 + n * float(np.minimum(two, 2 * cut).mean())) / total
    return Noise(max(gamma1, least), max(gamma2, least), total)
