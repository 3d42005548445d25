"""What a plant's own past says its next day should be: a bank of Kalman filters, weighed by how well each foretold that past.

State of each: level (ln of η·H·gauge against the register, a slow random walk: a reservoir drawn down, a rack, a season), gauge error
(AR(1): what whitens the series) and the coefficients of ``Days.x`` (the learnt efficiency curve, tailwater while spilling):

    y_t = level_t + a_t + x_t'c + v_t,   level_t = level_{t−1} + w_t,   a_t = φ·a_{t−1} + u_t,   Var = σ²·(1, q, s²(1 − φ²))

σ² has its own posterior for each filter (inverse gamma), is wider while spilling as far as spilling days showed it, and days
that lie far off are taken in as if they lay ``CLIP`` standard deviations off: a diversion must not teach the model that it is normal.
Kalman (1960), J. Basic Eng. 82; West & Harrison (1997), Bayesian Forecasting and Dynamic Models, ch. 12 (multi-process models).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridwitness.detect.output.expected import Days, Floats

CLIP = 3.0
SIGMA, SIGMA_DAYS = 0.015, 4.0
"""Scatter of a day before anything is known, and how many days that knowledge is worth."""
LEVEL_SD, CURVE_SD = 1.0, (0.08, 0.05, 0.4, 0.05)
"""Prior spread of level and of the coefficients of ``Days.x``."""
SPILL_DAYS, SPILL_SCALE = 10.0, 1.5
BANK: Floats = np.array([(q, s2, phi) for q in (1e-3, 1e-2, 0.1, 0.5) for s2, phi in ((0.0, 0.0), (2.0, 0.6), (6.0, 0.8), (15.0, 0.9))])
"""(q, s², φ) of each filter, in units of the scatter and per day."""


@dataclass(slots=True)
class State:
    """The bank between two days. ``mean`` (K, d), ``cov`` (K, d, d) in units of σ², sums for σ² and for the weights (K,)."""

    mean: Floats
    cov: Floats
    squares: Floats
    log_det: Floats
    count: float
    spill: tuple[float, float]

    @property
    def sigma2(self) -> Floats:
        """σ² of each filter, (K,)."""
        return np.asarray((SIGMA_DAYS * SIGMA**2 + self.squares) / (SIGMA_DAYS + self.count))

    @property
    def weight(self) -> Floats:
        """Posterior probability of each filter, (K,); the marginal likelihood is Student's."""
        score = -0.5 * self.log_det - 0.5 * (SIGMA_DAYS + self.count) * np.log(self.sigma2)
        share = np.exp(score - score.max())
        return np.asarray(share / share.sum())

    @property
    def spill_scale(self) -> float:
        """How much wider a spilling day scatters, as a variance."""
        days, squares = self.spill
        return max(1.0, (SPILL_DAYS * SPILL_SCALE**2 + squares) / (SPILL_DAYS + days))


def begin() -> State:
    """Before the first day."""
    count, size = BANK.shape[0], 2 + len(CURVE_SD)
    cov = np.zeros((count, size, size))
    cov[:, 0, 0] = (LEVEL_SD / SIGMA) ** 2
    cov[:, 1, 1] = BANK[:, 1]
    for i, sd in enumerate(CURVE_SD):
        cov[:, 2 + i, 2 + i] = (sd / SIGMA) ** 2
    return State(np.zeros((count, size)), cov, np.zeros(count), np.zeros(count), 0.0, (0.0, 0.0))


def run(days: Days, state: State, first: int) -> tuple[list[State], Floats]:
    """States before each day from ``first`` on and after the last, and the standardised surprises (n − first,), NaN where a day is mute."""
    states, surprise = [state], np.full(days.y.size - first, np.nan)
    for i in range(first, days.y.size):
        if np.isfinite(days.y[i]):
            state, surprise[i - first] = _learn(ahead(state, 1), days, i)
        else:
            state = ahead(state, 1)
        states.append(state)
    return states, surprise


def ahead(state: State, days: int) -> State:
    """The bank some days on, with nothing learnt between."""
    mean, cov, phi = state.mean.copy(), state.cov.copy(), BANK[:, 2] ** days
    mean[:, 1] *= phi
    cov[:, 1, :] *= phi[:, None]
    cov[:, :, 1] *= phi[:, None]
    cov[:, 0, 0] += BANK[:, 0] * days
    cov[:, 1, 1] += BANK[:, 1] * (1 - phi**2)
    return State(mean, cov, state.squares, state.log_det, state.count, state.spill)


def _learn(state: State, days: Days, i: int) -> tuple[State, float]:
    """One day taken in."""
    row = np.concatenate([(1.0, 1.0), days.x[i]])
    scale = state.spill_scale if days.x[i, 3] else 1.0
    gain = state.cov @ row
    spread = gain @ row + days.weight[i] * scale
    sd = np.sqrt(state.sigma2 * spread)
    off = days.y[i] - state.mean @ row
    heavy = np.clip(off, -CLIP * sd, CLIP * sd) if state.count >= SIGMA_DAYS else off
    gain = gain / spread[:, None]
    mean = state.mean + gain * heavy[:, None]
    cov = state.cov - gain[:, :, None] * gain[:, None, :] * spread[:, None, None]
    surprise = float(state.weight @ (off / sd))
    first = state.count == 0  # the first day sets the level and tells nothing of the scatter
    squares = state.squares + (0.0 if first else heavy**2 / spread)
    spilled, seen = state.spill
    if days.x[i, 3]:
        spilled, seen = spilled + 1, seen + min(CLIP**2, surprise**2) * scale
    log_det = state.log_det + (0.0 if first else np.log(spread))
    return State(mean, cov, squares, log_det, state.count + 1, (spilled, seen)), surprise
