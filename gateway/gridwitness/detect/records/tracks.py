"""The channels of one segment on a gapless grid: block movements for screening, and the measurement of a shift in time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridwitness.detect.balance import Floats, Segment
from gridwitness.domain.moments import DAY_MS, HOUR_MS, MINUTE_MS

BLOCK_MS = 15 * MINUTE_MS
"""Movements are screened between means over so long."""
SPAN_MS = 5 * MINUTE_MS
"""Movements that measure a shift are taken over so long."""
LEAST_BLOCKS = 20
LONGEST_SHIFT_MS = DAY_MS


@dataclass(slots=True)
class Shift:
    """One measurement: rows late, its standard uncertainty, share of the residual's movement that it leaves, correlation at it, and
    over how many movements' worth (fourth moments tell one step from many)."""

    rows: float
    u_rows: float
    left: float
    corr: float
    events: float


class Tracks:
    """The channels of one segment on a gapless grid (NaN where nothing was complete), and sums for screening."""

    def __init__(self, segment: Segment) -> None:
        self.segment, self.dt = segment, segment.dt_ms
        self.t0 = int(segment.ts_ms[0]) // HOUR_MS * HOUR_MS
        at = (segment.ts_ms - self.t0) // self.dt
        rows = int(at[-1]) + 1
        self.x = np.full((rows, segment.x_w.shape[1]), np.nan)
        self.r = np.full(rows, np.nan)
        self.x[at], self.r[at] = segment.x_w, segment.residual_w
        self.k = max(1, BLOCK_MS // self.dt)
        self._screen()

    def _screen(self) -> None:
        """Cumulative sums over blocks of everything that corr, ratio and slope need."""
        n = self.r.size // self.k
        shape = (n, self.k)
        have = np.isfinite(self.r[: n * self.k]).reshape(shape)
        whole = have.sum(axis=1) * 2 >= self.k
        count = np.maximum(have.sum(axis=1), 1)
        x = np.where(have[:, :, None], self.x[: n * self.k].reshape(*shape, -1), 0).sum(axis=1) / count[:, None]
        r = np.where(have, self.r[: n * self.k].reshape(shape), 0).sum(axis=1) / count
        ok = whole[1:] & whole[:-1]
        self.dx, self.dr = np.where(ok[:, None], np.diff(x, axis=0), 0), np.where(ok, np.diff(r), 0)
        level = np.where(ok, r[1:], 0)
        dy = self.dx - self.dr[:, None]
        self.level_r, self.whole = level, whole
        self.level_x = np.where(ok[:, None], x[1:], 0)
        parts = (
            np.c_[ok, level, level**2, self.dr**2], self.dx**2, dy**2, self.dx * dy, dy**4, self.dx * level[:, None], self.dx,
            np.sign(self.dx * dy), self.level_x,
        )  # fmt: skip
        self.sums = [np.vstack([np.zeros((1, p.shape[1])), np.cumsum(p, axis=0)]) for p in parts]

    def ticks(self) -> NDArray[np.int64]:
        """Rows (exclusive) at which a full hour is over."""
        ends = self.segment.end_ms
        return np.flatnonzero(np.r_[False, np.diff(ends // HOUR_MS) > 0]) + 1

    def block_ms(self, movement: int) -> int:
        """Begin of the block that a movement leads to."""
        return max(self.t0 + (movement + 1) * self.k * self.dt, int(self.segment.ts_ms[0]))

    def known_ms(self, movements: int) -> int:
        """End of the first interval that ends when so many movements are complete, or later."""
        at = self.t0 + (movements + 1) * self.k * self.dt
        k = int(np.searchsorted(self.segment.end_ms, at))
        return int(self.segment.end_ms[min(k, self.segment.end_ms.size - 1)])

    def residual_level(self, s: int, e: int) -> float:
        """Mean residual over movements [s, e)."""
        return float(self.level_r[s:e].mean()) if e > s else 0.0

    def length(self, length_ms: int) -> int:
        """A window's real length: long intervals need longer ones."""
        return max(length_ms, (LEAST_BLOCKS + 1) * self.k * self.dt)

    def measure(self, channel: int, begin: int, end: int) -> Shift | None:
        """The shift of a channel over rows [begin, end) of the grid."""
        w = max(1, SPAN_MS // self.dt)
        x, e = self.x[begin:end, channel], self.x[begin:end, channel] - self.r[begin:end]
        if x.size < 4 * w + 8:
            return None
        dx, dy = clean(x[w:] - x[:-w]), clean(e[w:] - e[:-w])
        most = int(min(LONGEST_SHIFT_MS // self.dt, dx.size // 3))
        c = correlation(dx, dy, most)
        reach = min(most, 2 * w + 2)
        peak = int(np.argmax(c[reach:-reach])) + reach if c.size > 2 * reach else int(np.argmax(c))
        late = phase(c, peak, reach) - most
        moved = moved_rows(dx, late)
        inner = slice(most, dx.size - most) if dx.size > 4 * most else slice(reach, dx.size - reach)
        a, b, before = moved[inner], dy[inner], dx[inner] - dy[inner]
        noise, power = float(np.mean((a - b) ** 2)), float(np.mean(before**2))
        steep = float(np.sum((np.gradient(a)) ** 2))
        if power <= 0 or steep <= 0 or not (a**2).any() or not (b**2).any():
            return None
        corr = float(np.sum(a * b) / np.sqrt(np.sum(a**2) * np.sum(b**2)))
        events = float(np.sum(b**2) ** 2 / np.sum(b**4)) / w
        return Shift(late, float(np.sqrt(noise * w / steep)), noise / power, corr, events)


def clean(d: Floats) -> Floats:
    return np.where(np.isfinite(d), d, 0.0)


def correlation(x: Floats, y: Floats, most: int) -> Floats:
    """Σ x[t + k]·y[t] for k from −most to most."""
    size = 1 << (x.size + most).bit_length()
    product = np.fft.irfft(np.fft.rfft(x, size) * np.conj(np.fft.rfft(y, size)), size)
    return np.asarray(np.r_[product[-most:], product[: most + 1]])


def phase(c: Floats, peak: int, reach: int) -> float:
    """Where c is symmetric about, near a peak."""
    at = float(peak)
    lags = np.arange(c.size)
    for _ in range(30):
        near = np.flatnonzero(np.abs(lags - at) < reach)
        off = lags[near] - at
        hann = np.cos(np.pi * off / (2 * reach)) ** 2
        turn = np.sum(c[near] * hann * np.exp(1j * np.pi * off / reach))
        step = float(np.angle(turn)) * reach / np.pi if turn else 0.0
        step = min(1.0, max(-1.0, step))
        at = min(float(peak + reach), max(float(peak - reach), at + step))
        if abs(step) < 1e-4:
            break
    return at


def moved_rows(x: Floats, late: float) -> Floats:
    """x[t + late], straight between rows."""
    at = np.arange(x.size)
    return np.asarray(np.interp(at + late, at, x))


@dataclass(slots=True)
class Sums:
    """Sums over windows of movements; arrays of shape (k,) or (k, channels).

    ``n`` movements; ``level`` and ``level2`` Σ R and Σ R²; ``dr2`` Σ dR²; ``xx``, ``yy``, ``xy`` of the channel's movement x and the
    expected one y = x − dR; ``y4`` Σ y⁴; ``xl`` Σ x·R; ``xs`` Σ x; ``signs`` Σ sign(x·y); ``level_x`` Σ of the channel's level.
    """

    n: Floats
    level: Floats
    level2: Floats
    dr2: Floats
    xx: Floats
    yy: Floats
    xy: Floats
    y4: Floats
    xl: Floats
    xs: Floats
    signs: Floats
    level_x: Floats


def split(sums: list[Floats], e: NDArray[np.int64], wide: int) -> Sums:
    """Sums over the ``wide`` movements before each of ``e``."""
    first, *rest = (c[e] - c[e - wide] for c in sums)
    return Sums(*first.T, *rest)
