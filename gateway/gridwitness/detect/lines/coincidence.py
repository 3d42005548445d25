"""D4: steps of a line that coincide with steps of another instrument, from the devices' own time stamps.

A step ΔP of the line at t that the other instrument shows as e·ΔP (e = −1 for what leaves a bus: the export falls as the line rises) within
|Δt| ≤ w, w = 3·√(u_clock² + u_clock′²) + 1 s, and |ΔP′ − e·ΔP| ≤ 3u is a pair. Accidental pairs are Poisson with the *measured* rate of
steps of the other instrument that would fit in size (its last 128 steps),

    μ = 2w·(m + ½)/T,   l(pair) = ln(P_d / (1 − e^−μ)),   l(no pair) = ln((1 − P_d)/e^−μ),

l(pair) at most 5. A step smaller than any the other instrument ever reported, or at a time when that reported nothing, says nothing.
Same principle as coincidence counting in physics; Knoll, Radiation Detection and Measurement, ch. 17 (accidental rate 2τ·r₁·r₂).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridwitness.domain.moments import DAY_MS
from gridwitness.domain.series import StepEvent

Floats = NDArray[np.float64]

DETECTED = 0.85
PAIR_LLR = 5.0
SIZE_U = 0.035
"""Standard uncertainty (relative) of the difference of two instruments' step sizes."""
KEPT = 128
LEAST_KNOWN = 5
SILENT_MS = 3 * DAY_MS
SLACK_MS = 1000


@dataclass(frozen=True, slots=True)
class Steps:
    """Steps of one instrument in time order; ``dp_w`` with the register's sign."""

    ts_ms: NDArray[np.int64]
    dp_w: Floats
    u_ms: Floats


@dataclass(frozen=True, slots=True)
class Pairs:
    """One entry for each step of the line: when it can be judged, its log likelihood ratio, whether it paired, and μ."""

    known_ms: NDArray[np.int64]
    llr: Floats
    paired: NDArray[np.bool_]
    accidental: Floats


def steps(events: Sequence[StepEvent], point: str, sign: int, to_ms: int | None) -> Steps:
    """The steps of one point that had happened by ``to_ms``."""
    mine = [e for e in events if e.point == point and (to_ms is None or e.ts_ms <= to_ms)]
    return Steps(
        np.array([e.ts_ms for e in mine], np.int64),
        np.array([e.dp_w * sign for e in mine], float),
        np.array([max(e.clock_u_ms, 50) for e in mine], float),
    )


def pairs(line: Steps, other: Steps, expected: int) -> Pairs | None:
    """Pairs of the line's steps with another instrument's; ``expected`` is +1 or −1. None where either has too few."""
    if line.ts_ms.size == 0 or other.ts_ms.size < LEAST_KNOWN:
        return None
    size = np.abs(line.dp_w)
    u = SIZE_U * size + 1.0
    wide = 3 * np.hypot(line.u_ms, float(np.median(other.u_ms[:50]))) + SLACK_MS
    paired = _paired(line, other, expected, wide, 3 * u)
    past = np.searchsorted(other.ts_ms, line.ts_ms - wide.astype(np.int64))
    mu, least, last = _rate(line, other, expected, past, wide, 3 * u)
    p = -np.expm1(-mu)
    says = (past >= LEAST_KNOWN) & (size >= 1.2 * least) & (line.ts_ms - last <= SILENT_MS)
    hit = np.minimum(PAIR_LLR, np.log(DETECTED / np.maximum(p, 1e-12)))
    miss = math.log(1 - DETECTED) + mu
    llr = np.where(says, np.where(paired, hit, np.minimum(miss, 0.0)), 0.0)
    return Pairs(line.ts_ms + wide.astype(np.int64) + 1, llr, paired & says, np.where(says, p, 0.0))


def _paired(line: Steps, other: Steps, expected: int, wide: Floats, most: Floats) -> NDArray[np.bool_]:
    low = np.searchsorted(other.ts_ms, line.ts_ms - wide)
    high = np.searchsorted(other.ts_ms, line.ts_ms + wide, "right")
    found = np.zeros(line.ts_ms.size, bool)
    for k in range(int((high - low).max(initial=0))):
        at = np.minimum(low + k, other.ts_ms.size - 1)
        found |= (low + k < high) & (np.abs(other.dp_w[at] - expected * line.dp_w) <= most)
    return found


def _rate(
    line: Steps, other: Steps, expected: int, past: NDArray[np.int64], wide: Floats, most: Floats
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """(μ, smallest step ever reported, time of the last one) for each step of the line, from earlier steps of the other."""
    smallest = np.minimum.accumulate(np.abs(other.dp_w))
    at = np.maximum(past - 1, 0)
    back = past[:, None] - 1 - np.arange(min(KEPT, other.ts_ms.size))[None, :]
    known = back >= 0
    fits = known & (np.abs(other.dp_w[np.maximum(back, 0)] - expected * line.dp_w[:, None]) <= most[:, None])
    first = other.ts_ms[np.maximum(past - KEPT, 0)]
    span = np.maximum(line.ts_ms - first, 3_600_000)
    return 2 * wide * (fits.sum(axis=1) + 0.5) / span, smallest[at], other.ts_ms[at]


def poisson_tail(seen: int, expected: float) -> float:
    """P(N ≥ seen) for accidental pairs alone."""
    if seen == 0:
        return 1.0
    logs = [-expected + k * math.log(max(expected, 1e-300)) - math.lgamma(k + 1) for k in range(seen, seen + 200)]
    top = max(logs)
    return min(1.0, math.exp(top) * sum(math.exp(v - top) for v in logs))
