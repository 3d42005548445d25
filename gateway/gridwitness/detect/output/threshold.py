"""How large the statistic must be, from the plant's own past: the textbook's number gives 24–35 % false alarms in 30 days on real plants.

Bootstrap: the plant's own surprises (whitened, of the past alone) are drawn again into ``SERIES`` series of ``SPAN`` days; the
threshold is the quantile of the largest window mean that these show. It is drawn anew each time that the past has grown by a
quarter, from a fixed seed. It is never under the textbook's; that of a case is never under what the plant's own past has already
reached, up or down, by ``MARGIN``: what a gauge did once it does again.
Efron & Tibshirani (1993), An Introduction to the Bootstrap; Politis & Romano (1994) for blocks (here: pairs of days).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gridwitness.detect.output.expected import Floats
from gridwitness.detect.output.glr import LONGEST, Windows

SERIES, SPAN, SEED = 200, 60, 20_250_301
TEXTBOOK_WATCH, TEXTBOOK_CASE = 3.0, 4.0
MOST_WATCH = 4.0
"""A gauge that jumped once must not silence the watch for good; a case is held to all that it did."""
QUANTILE_WATCH = 0.60
"""One false watch in about 120 days; the model's own failures come on top (the aim is one in 30)."""
CASE_OVER_WATCH, MARGIN = 1.25, 1.15
ESTABLISHED = 2.0
"""A window counts as an own shift from so many standard deviations on."""
FEW_DAYS = 2.0
"""Student's widening for a short past: 1 + FEW_DAYS / days."""


@dataclass(frozen=True, slots=True)
class Before:
    """The plant's own record: largest |T|, and largest established |drop| by window length (LONGEST,)."""

    top: float = 0.0
    moved: Floats = field(default_factory=lambda: np.zeros(LONGEST))


def thresholds(surprise: Floats, past: Windows, before: Before) -> tuple[Floats, Floats, Floats]:
    """(watch, case) (m,) for windows that begin at each row of ``past``, and the largest own shifts (m, L), from the days before alone.

    ``surprise`` (n,) of all days; ``before``: what earlier stretches showed. An own shift is an established mean drop or
    rise, as |ln|, of any earlier window of that length or longer.
    """
    rows = past.t.shape[0]
    watch, case = np.empty(rows), np.empty(rows)
    record, moved = records(past, before)
    drawn_at, drawn = 0, TEXTBOOK_WATCH
    finite = np.isfinite(surprise)
    for r in range(rows):
        stop = past.first + r
        known = surprise[:stop][finite[:stop]]
        if known.size >= 8 and known.size >= 1.25 * drawn_at:
            drawn_at, drawn = known.size, _bootstrap(known)
        wide = 1 + FEW_DAYS / max(known.size, 4)
        level = max(TEXTBOOK_WATCH, drawn) * wide
        watch[r] = min(level, MOST_WATCH)
        case[r] = max(TEXTBOOK_CASE * wide, level * CASE_OVER_WATCH, MARGIN * record[r])
    return watch, case, moved


def records(past: Windows, before: Before) -> tuple[Floats, Floats]:
    """Largest |T| (m,), and largest established |drop| by length (m, L), of windows that had ended before each row's begin."""
    rows, lags = past.t.shape
    top, moved = np.full(rows + lags + 1, before.top), np.tile(before.moved[:lags], (rows + lags + 1, 1))
    t = np.nan_to_num(np.abs(past.t))
    d = np.where(t >= ESTABLISHED, np.nan_to_num(np.abs(past.drop)), 0.0)
    for lag in range(lags):
        ends = np.arange(rows) + lag + 1
        top[ends] = np.maximum(top[ends], t[:, lag])
        moved[ends, : lag + 1] = np.maximum(moved[ends, : lag + 1], d[:, lag][:, None])
    return np.maximum.accumulate(top)[:rows], np.maximum.accumulate(moved, axis=0)[:rows]


def _bootstrap(surprise: Floats) -> float:
    """The quantile of the largest window mean of resampled surprises."""
    rng = np.random.default_rng(SEED)
    starts = rng.integers(0, max(1, surprise.size - 1), (SERIES, SPAN // 2))
    heavy = np.clip(np.median(surprise) - surprise, -4.0, 4.0)  # output too small is a surprise below zero
    series = np.stack([heavy[starts], heavy[np.minimum(starts + 1, heavy.size - 1)]], axis=2).reshape(SERIES, -1)
    total = np.concatenate([np.zeros((SERIES, 1)), np.cumsum(series, axis=1)], axis=1)
    best = np.zeros(SERIES)
    for length in range(1, LONGEST + 1):
        best = np.maximum(best, (total[:, length:] - total[:, :-length]).max(axis=1) / np.sqrt(length))
    return float(np.quantile(best, QUANTILE_WATCH))
