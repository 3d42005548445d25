"""A plant's record followed through time: learn, test at each day's end, freeze at an onset, wait for the end, go on.

Every decision at a day's end rests on the days up to then alone. Later days can end an event and sharpen its onset and energy; they
cannot make, unmake or move a detection.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridwitness.detect.output import glr, residuals
from gridwitness.detect.output.expected import TURBINE, Days, Floats, Hours
from gridwitness.detect.output.glr import Windows
from gridwitness.detect.output.reasons import Reason, reasons
from gridwitness.detect.output.residuals import State
from gridwitness.detect.output.threshold import Before, records, thresholds
from gridwitness.domain.finding import CASE, WATCH
from gridwitness.topology.model import Plant

LEAST_DAYS = 8
"""Days that must have been learnt before a window may begin."""
CASE_DAYS = 12
LEAST_SEEN, CASE_SEEN = 2, 3
"""Days that a window must have heard of; two days of pondage, a test or a flushing are no case."""
CASE_LOOKS = 4
"""Windows of one day that are held against the innocent reasons."""
EPISODE_DAYS = 7
"""Watches closer than this are one."""
SHADOW_DAYS = 10
"""A watch speaks for the days up to so long after its decision, while it lasts; what begins later is told anew."""
MOST_EVENTS = 12


@dataclass(slots=True)
class Event:
    """Something that was detected. Days: ``begin`` first, ``decided`` and ``end`` exclusive (``end`` None while it lasts).

    ``frozen`` what was known before ``begin``; ``drop`` and ``sd`` as ln over [begin, decided); ``shift`` the largest own shift before.
    """

    status: str
    begin: int
    decided: int
    end: int | None
    statistic: float
    threshold: float
    drop: float
    sd: float
    shift: float
    frozen: State
    reasons: tuple[Reason, ...]


def follow(plant: Plant, hourly: Hours, days: Days) -> list[Event]:
    """Cases and watches of one plant, in time."""
    found: list[Event] = []
    a, state, record = 0, residuals.begin(), Before()
    past: Floats = np.empty(0)
    while len(found) < MOST_EVENTS:
        states, surprise = residuals.run(days, state, a)
        past = np.concatenate([past[:a], surprise])
        begin = next((i for i, s in enumerate(states[:-1], a) if s.count >= LEAST_DAYS), None)
        if begin is None:
            break
        w = glr.windows(days, states, a, begin)
        watch, case, moved = thresholds(past, w, record)
        hit = _first_case(plant, hourly, days, w, (watch, case, moved), states, a)
        found += _watches(plant, hourly, days, w, (watch, case, moved), states, a, hit)
        if hit is None:
            break
        found.append(hit)
        if hit.end is None:
            break
        top, shift = records(w, record)
        row, longest = hit.begin - begin, shift.shape[1]
        record = Before(float(top[row]), np.r_[shift[row], record.moved[longest:]])
        past[hit.begin :] = np.nan
        state, a = residuals.ahead(hit.frozen, hit.end - hit.begin), hit.end
    return sorted(found, key=lambda e: (e.decided, e.begin))


Levels = tuple[Floats, Floats, Floats]


def _first_case(plant: Plant, hourly: Hours, days: Days, w: Windows, levels: Levels, states: list[State], a: int) -> Event | None:
    """The first day's end at which a window crosses the case threshold and no innocent reason stands."""
    if days.source != TURBINE:
        return None
    for row, lag in _by_day(w, levels[1], CASE_SEEN, CASE_LOOKS):
        if states[w.first + row - a].count < CASE_DAYS:
            continue
        event = _event(plant, hourly, days, w, row, lag, levels, states, a, CASE)
        if not any(r.inside for r in event.reasons):
            return event
    return None


def _watches(plant: Plant, hourly: Hours, days: Days, w: Windows, levels: Levels, states: list[State], a: int, case: Event | None
             ) -> list[Event]:  # fmt: skip
    """One watch for each episode of crossings, without those that the case explains."""
    found: list[Event] = []
    free_from = 0
    for row, lag in _by_day(w, levels[0], LEAST_SEEN, 1):
        begin, decided = w.first + row, w.first + row + lag + 1
        if case and decided > case.begin:
            break
        if begin < free_from:
            continue
        event = _event(plant, hourly, days, w, row, lag, levels, states, a, WATCH)
        if case and (event.end is None or event.end > case.begin):
            event.end = case.begin
        found.append(event)
        free_from = min(decided + SHADOW_DAYS, days.y.size if event.end is None else event.end + EPISODE_DAYS)
    return found


def _by_day(w: Windows, level: Floats, least: int, each: int) -> list[tuple[int, int]]:
    """Windows (row, lag) over ``level``, the clearest of each deciding day (at most ``each``), in time."""
    over = np.nan_to_num(w.t) > level[:, None]
    rows, lags = np.nonzero(over & (np.nan_to_num(w.seen) >= least))
    order = np.lexsort((-w.t[rows, lags], rows + lags))
    rows, lags = rows[order], lags[order]
    rank = np.arange(rows.size) - np.searchsorted(rows + lags, rows + lags)
    return [(int(r), int(k)) for r, k in zip(rows[rank < each], lags[rank < each], strict=True)]


def _event(plant: Plant, hourly: Hours, days: Days, w: Windows, row: int, lag: int, levels: Levels, states: list[State], a: int, status: str
           ) -> Event:  # fmt: skip
    """One window in full."""
    begin, decided = w.first + row, w.first + row + lag + 1
    frozen, shift = states[begin - a], float(levels[2][row, lag])
    drop, sd = float(w.drop[row, lag]), float(w.sd[row, lag])
    why = reasons(plant, hourly, days, begin, decided, drop, sd, shift, frozen)
    level = levels[1 if status == CASE else 0]
    end = _end(days, frozen, begin, decided, drop)
    return Event(status, begin, decided, end, float(w.t[row, lag]), float(level[row]), drop, sd, shift, frozen, why)


def _end(days: Days, frozen: State, begin: int, decided: int, drop: float) -> int | None:
    """First of two days that follow each other (mute ones aside) with less than half of the drop."""
    k = np.arange(decided, days.y.size)
    left = foretold(frozen, days, begin, k) - days.y[k]
    says = np.isfinite(left)
    back = left[says] < drop / 2
    hits = np.flatnonzero(back[:-1] & back[1:])
    return int(k[says][hits[0]]) if hits.size else None


def foretold(frozen: State, days: Days, begin: int, k: NDArray[np.int64]) -> Floats:
    """ln of output over water that was expected for days ``k`` from what was known before ``begin``."""
    mean, weight = frozen.mean, frozen.weight
    fade = residuals.BANK[None, :, 2] ** (k - begin + 1)[:, None]
    each = mean[None, :, 0] + mean[None, :, 1] * fade + days.x[k] @ mean[:, 2:].T
    return np.asarray(each @ weight)
