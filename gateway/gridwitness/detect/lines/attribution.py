"""D4: what the instruments say, hour by hour, of each source that could feed an observed line.

For each source the log likelihood ratios of its steps' coincidence and of its residual's movements are added over windows of a day, a week
and all records, less ln(age/window) for the windows looked at, and what voltage and frequency hint at. They share instruments, so the
smaller one counts half where both speak for the source. Everything at a decision is known by then.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridwitness.detect.lines import coincidence
from gridwitness.detect.lines.coincidence import Pairs, Steps
from gridwitness.detect.lines.fingerprint import Likeness
from gridwitness.detect.lines.meter import Load
from gridwitness.detect.lines.movements import Moves, ratio
from gridwitness.detect.lines.sources import BUS, Source
from gridwitness.domain.moments import DAY_MS, HOUR_MS

Floats = NDArray[np.float64]

WINDOWS_MS = (DAY_MS, 7 * DAY_MS, None)
BIAS = 0.5
"""Where instruments' gain errors could imitate so much of the line's movement, movements are no more than a hint."""


LEAST_PAIRS, ONE_PAIR_LLR = 2, 2.3
"""One pair is one accident; two are not."""
HINT_LLR = 4.7
"""Enough for a watch alone, not for a case: the way a plant is run may follow a load."""


@dataclass(frozen=True, slots=True)
class Belief:
    """What speaks for one source at each decision (n,): total, its parts, and what stands behind them.

    ``whole`` is the ratio over all records, unpenalised; ``window_ms`` the window that decided (0: all records).
    ``own`` share of the line's energy that the source's plants could have given (NaN: unknown).
    """

    source: Source
    llr: Floats
    steps: Floats
    movements: Floats
    fingerprint: Floats
    pairs: NDArray[np.int64]
    accidental: Floats
    whole: Floats
    window_ms: NDArray[np.int64]
    own: Floats


def decisions(one: Load, onset_ms: int) -> NDArray[np.int64]:
    """When the sources are weighed: at the end of the first row of the line after each full hour, from the onset on."""
    ends = one.end_ms[one.end_ms > onset_ms]
    hours = ends // HOUR_MS
    return np.asarray(ends[np.flatnonzero(np.r_[True, hours[1:] > hours[:-1]])]) if ends.size else ends


def believe(
    source: Source,
    index: int,
    line: Steps,
    others: list[Steps],
    upstream: list[Steps],
    found: Moves | None,
    alike: Likeness | None,
    at_ms: NDArray[np.int64],
    begin_ms: int,
) -> Belief:
    """The belief in one source for line number ``index`` of ``found``. Steps that ``upstream`` shows too come from before it."""
    paired = [p for o in others if (p := coincidence.pairs(line, o, source.expected)) is not None]
    passed = [p for o in upstream if (p := coincidence.pairs(line, o, source.expected)) is not None]
    n = at_ms.size
    voltage = alike.at(source.id, at_ms) if alike is not None and source.kind == BUS else np.zeros(n)
    best = np.full(n, -np.inf)
    step, move, window = np.zeros(n), np.zeros(n), np.zeros(n, np.int64)
    number, chance = np.zeros(n, np.int64), np.zeros(n)
    whole = np.zeros(n)
    for length in WINDOWS_MS:
        since = np.full(n, begin_ms) if length is None else np.maximum(at_ms - length, begin_ms)
        s, pairs_n, expected = _steps(paired, at_ms, since)
        s = s - np.maximum(_steps(passed, at_ms, since)[0], 0.0)
        s = np.where(pairs_n < LEAST_PAIRS, np.minimum(s, ONE_PAIR_LLR), s)
        m = _movements(source, found, index, at_ms, since)
        total = s + m + voltage - 0.5 * np.minimum(np.maximum(s, 0), np.maximum(m, 0))
        if length is None:
            whole = total
        looks = 0.0 if length is None else np.log(np.maximum(1.0, (at_ms - begin_ms) / length))
        total = total - looks
        better = total > best
        best = np.where(better, total, best)
        step, move = np.where(better, s, step), np.where(better, m, move)
        number, chance = np.where(better, pairs_n, number), np.where(better, expected, chance)
        window = np.where(better, length or 0, window)
    own = np.full(n, np.nan)
    if found is not None:
        rows = np.searchsorted(found.end_ms, at_ms, "right")
        own = np.where(rows > 0, found.own[np.maximum(rows - 1, 0), index], np.nan)
    return Belief(source, best, step, move, voltage, number, chance, whole, window, own)


def _steps(paired: list[Pairs], at_ms: NDArray[np.int64], since: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int64], Floats]:
    """(ratio, pairs, accidental pairs to be expected); of several outlets the one that fits best."""
    llr, number, chance = np.full(at_ms.size, -np.inf), np.zeros(at_ms.size, np.int64), np.zeros(at_ms.size)
    for one in paired:
        order = np.argsort(one.known_ms, kind="stable")
        known = one.known_ms[order]
        a, b = np.searchsorted(known, at_ms, "right"), np.searchsorted(known, since)
        a = np.maximum(a, b)
        sums = [np.r_[0.0, np.cumsum(v[order].astype(float))] for v in (one.llr, one.paired, one.accidental)]
        here, count, expected = (s[a] - s[b] for s in sums)
        better = here > llr
        llr, number = np.where(better, here, llr), np.where(better, count.astype(np.int64), number)
        chance = np.where(better, expected, chance)
    return np.where(np.isfinite(llr), llr, 0.0), number, chance


def _movements(source: Source, found: Moves | None, index: int, at_ms: NDArray[np.int64], since: NDArray[np.int64]) -> Floats:
    if found is None:
        return np.zeros(at_ms.size)
    at, before = np.searchsorted(found.end_ms, at_ms, "right"), np.searchsorted(found.end_ms, since, "right")
    llr = ratio(found, index, np.maximum(at, before), before)
    hint = (found.bias[np.maximum(at - 1, 0), index] > BIAS) | (not source.complete)
    return np.where(hint, np.minimum(llr, HINT_LLR), llr)
