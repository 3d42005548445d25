"""A series ready to be drawn: means over even steps, cut where records are missing. A gap is never drawn over."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_POINTS = 420


@dataclass(frozen=True, slots=True)
class Trace:
    """Residual and its expanded uncertainty on an even grid.

    ``ts_ms`` START of each step, shape (n,); ``value_w`` and ``u95_w`` NaN where less than half of a step was measured.
    """

    ts_ms: NDArray[np.int64]
    value_w: NDArray[np.float64]
    u95_w: NDArray[np.float64]
    step_ms: int

    @property
    def middle_ms(self) -> NDArray[np.int64]:
        """Where a step's mean is drawn."""
        return self.ts_ms + self.step_ms // 2

    def runs(self) -> Iterator[slice]:
        """Stretches without a gap."""
        there = np.isfinite(self.value_w)
        edges = np.flatnonzero(np.diff(np.concatenate(([False], there, [False])).astype(np.int8)))
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            yield slice(int(start), int(end))


def trace(
    ts_ms: Sequence[int], value_w: Sequence[float | None], u95_w: Sequence[float | None], from_ms: int, to_ms: int, most: int = MOST_POINTS
) -> Trace:
    """Means of a series between two moments over steps of its own interval, or a whole multiple of it where that is too fine.

    None and NaN count as missing. Steps lie on whole multiples of their length since 1970, so that a step does not change
    while the window moves on.
    """
    ts = np.asarray(ts_ms, dtype=np.int64)
    value = np.array([np.nan if v is None else v for v in value_w], dtype=float)
    u95 = np.array([np.nan if u is None else u for u in u95_w], dtype=float)
    inside = (ts >= from_ms) & (ts < to_ms)
    ts, value, u95 = ts[inside], value[inside], u95[inside]
    interval = int(np.median(np.diff(ts))) if len(ts) > 1 else 60_000
    factor = max(1, -(-(to_ms - from_ms) // (interval * most)))
    step = interval * _round_up(factor)
    first = from_ms // step * step
    n = max(1, -(-(to_ms - first) // step))
    at = (ts - first) // step
    good = np.isfinite(value)
    count = np.bincount(at[good], minlength=n)[:n]
    total = np.bincount(at[good], weights=value[good], minlength=n)[:n]
    spread = np.bincount(at[good], weights=np.nan_to_num(u95[good]), minlength=n)[:n]
    enough = count * 2 >= step / interval
    with np.errstate(invalid="ignore", divide="ignore"):
        means, spreads = np.where(enough, total / count, np.nan), np.where(enough, spread / count, np.nan)
    return Trace(first + step * np.arange(n, dtype=np.int64), means, spreads, step)


def _round_up(factor: int) -> int:
    """The next factor that people think in, so that minutes become 5, 10, 15, 30 minutes and hours."""
    nice = (1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 360, 720, 1440)
    return next((n for n in nice if n >= factor), -(-factor // 1440) * 1440)
