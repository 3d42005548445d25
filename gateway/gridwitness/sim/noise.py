"""Random processes that are pure functions of time: one seed and instant give one value, in whatever order or step it is asked for.

So the fast live twin (200 ms) and a 30-day case folder (1 min) are made from one and the same plant, and a longer run begins
exactly as a shorter one does.
"""

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def stream(seed: int, name: str) -> np.random.Generator:
    """A random generator for one named quantity of a scenario: adding a quantity does not change the others."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


class Wander:
    """A smooth wander with mean 0 and standard deviation 1 over long times: sines of random phase, periods spread evenly in logarithm.

    A sum of sines has an exact integral, so that a frequency wander gives an exact phase at any time.
    """

    TERMS = 16

    def __init__(self, rng: np.random.Generator, shortest_s: float, longest_s: float) -> None:
        edges = np.geomspace(shortest_s, longest_s, self.TERMS + 1)
        periods = edges[:-1] * (edges[1:] / edges[:-1]) ** rng.random(self.TERMS)
        self._omega = 2 * np.pi / periods
        self._phase = 2 * np.pi * rng.random(self.TERMS)
        self._gain = float(np.sqrt(2 / self.TERMS))

    def __call__(self, t_s: Array) -> Array:
        """The wander at times ``t_s`` (any shape, seconds since the scenario's start)."""
        out: Array = self._gain * sum(np.sin(w * t_s + a) for w, a in zip(self._omega, self._phase, strict=True))
        return out

    def integral(self, t_s: Array) -> Array:
        """Integral of the wander from 0 to ``t_s``, in seconds."""
        terms = ((np.cos(a) - np.cos(w * t_s + a)) / w for w, a in zip(self._omega, self._phase, strict=True))
        out: Array = self._gain * sum(terms)
        return out


class Jitter:
    """Fast noise within ±1: independent uniform values at knots ``step_s`` apart, straight lines between them."""

    def __init__(self, rng: np.random.Generator, step_s: float = 1.0) -> None:
        self._key = int(rng.integers(1 << 62))
        self._step_s = step_s

    def __call__(self, t_s: Array, over_s: float = 0.0) -> Array:
        """The noise at times ``t_s`` (any shape), or its mean over ``over_s`` around each (exact for whole steps that begin at a knot)."""
        steps = max(1, round(over_s / self._step_s))
        out: Array = sum((self._at(t_s + (j - (steps - 1) / 2) * self._step_s) for j in range(steps)), np.zeros(t_s.shape)) / steps
        return out

    def _at(self, t_s: Array) -> Array:
        x = t_s / self._step_s
        knot = np.floor(x)
        weight = x - knot
        index = knot.astype(np.int64)
        out: Array = (1 - weight) * uniform(self._key, index) + weight * uniform(self._key, index + 1)
        return out


def uniform(key: int, index: NDArray[np.integer[Any]]) -> Array:
    """Independent values in [−1, 1) for integer indices.

    The finaliser of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014), fed by a counter.
    """
    x = index.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(key)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    out: Array = (x >> np.uint64(11)).astype(np.float64) * (2.0 / (1 << 53)) - 1.0
    return out
