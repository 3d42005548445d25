"""Records whose time is wrong: a shifted clock, measured; and records that belong to another time altogether.

In a balance every channel is told by all the others: expected_i = x_i − R. With movements d over a span,

    belongs      corr(dx_i, d expected_i) ≈ 1;   a reversed, shuffled, replayed or far shifted record has 0 with as much movement
    shifted by D x_i(t) = expected_i(t − D): the cross-correlation c(k) of both is the auto-correlation of what flowed, a symmetric
                 function about D. Noise of the two sides is independent and does not move it. D is where the phase of c, seen
                 through a Hann window that moves along with D, is zero.

Knapp & Carter (1976), IEEE Trans. ASSP 24(4) (generalised cross-correlation); Hannan & Thomson (1973), Biometrika 60(3) (delay from
phase). A hidden load that moves is no such record: it makes the movements of one side larger by its own (ratio of the two) before
it can make the correlation small, and no shift in time makes its residual quiet.
Everything is judged at full hours over windows that end there, so that later data change nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gridwitness.detect.balance import Floats
from gridwitness.detect.records.fault import CLOCK, ORDER, Fault
from gridwitness.detect.records.tracks import LEAST_BLOCKS, SPAN_MS, Tracks, clean, moved_rows, split
from gridwitness.domain.moments import DAY_MS, HOUR_MS

WINDOWS_MS = (6 * HOUR_MS, DAY_MS, 3 * DAY_MS)
ALIEN_CORR, ALIEN_HALF, ALIEN_RATIO, ALIEN_EVENTS = 0.3, 0.5, 4.0, 10.0
"""A record that does not belong: correlation below, movements within this ratio of what was expected, over so many movements' worth."""
MOVES = 3e-3
"""Least movement between blocks, in shares of the rating, that anything is decided from."""
SCREEN_CORR, SCREEN_SHARE, SCREEN_S = 0.95, 0.15, 40.0
"""What sets off a measurement: correlation below, or this share of the residual's variance along the slope, and the shift that it says."""
LEAST_SHIFT_S, LEAST_SHIFT_ROWS = 60.0, 0.75
"""Less is left to the balance's clock terms; less of an interval cannot be told from what happened within it."""
QUIETER, ALIKE, CLEARER = 0.5, 0.8, 5.0
"""A shift must leave this share of the residual's movement at most, with at least this correlation, and be so many times its u."""
AMPLITUDE = 0.7
"""A residual that follows one channel's movements so closely (r²) comes from its size, not from its time."""
WILD_WITHIN, WILD_MEAN = 0.15, 0.3
"""A generator or load all of whose movements (within this share) are the residual's own, which swings about zero (within this share of
its swing), reads what does not flow. A tie's could be a load that comes and goes."""
EVENTS, MOST_U = 3.0, 0.2
"""A single step fits many a shift: so many movements' worth at least; and a shift whose u exceeds this share of an interval is none."""
CLEARLY = 1.25
"""How much better the shifted channel must do than the next one, or nobody can tell whose clock it is."""
RETRY_MS, LONGEST_RETRY_MS = 3 * HOUR_MS, 3 * DAY_MS


def anyone(point: str, now: int) -> bool:
    """Nobody is known to keep time."""
    return bool(point) and now >= 0


def faults(tracks: Tracks, doubted: Callable[[str, int], bool] = anyone, patience_ms: int = DAY_MS) -> list[Fault]:
    """Faults of time of one segment, in the order of their detection. ``doubted(point, now)`` tells whether a point can be the one
    (another segment may already have shown that it keeps time). Where two may be the one, more records are waited for first."""
    segment = tracks.segment
    found, active = list[Fault](), dict[int, Fault]()
    retry_at, wait, look_at, unsure_since = 0, RETRY_MS, 0, -1
    screen = Screen(tracks)
    for k in np.flatnonzero(screen.any | screen.daily).tolist():
        now = int(screen.now_ms[k])
        if active:
            if now >= look_at:
                look_at = now + DAY_MS
                _release(tracks, active, now)
                retry_at, wait = now + DAY_MS, RETRY_MS
            continue
        if now < retry_at or not screen.any[k]:
            wait = RETRY_MS if now >= retry_at else wait
            continue
        fault = _judge(tracks, screen, k, now, doubted)
        if fault is not None and fault.rival is not None:
            unsure_since = now if unsure_since < 0 else unsure_since
            if now - unsure_since < patience_ms:
                fault = None
        if fault is None:
            retry_at, wait = now + wait, min(2 * wait, LONGEST_RETRY_MS)
            continue
        found.append(fault)
        unsure_since = -1
        channel = next(i for i, c in enumerate(segment.plan.channels) if c.point.id == fault.point)
        active, look_at = {channel: fault}, now + DAY_MS
    for fault in found:
        _sharpen(tracks, fault)
    return found


class Screen:
    """What the cheap sums say at every full hour: ``late`` and ``alien`` (windows, hours, channels), ``now_ms`` (hours,)."""

    def __init__(self, tracks: Tracks) -> None:
        segment = tracks.segment
        self.now_ms = segment.end_ms[tracks.ticks() - 1]
        self.inner = np.array([c.role not in ("grid_tie", "revenue") for c in segment.plan.channels])
        self.late = np.zeros((len(WINDOWS_MS), self.now_ms.size, segment.x_w.shape[1]), dtype=np.bool_)
        self.alien, self.left = np.zeros_like(self.late), np.ones(self.late.shape)
        for w, length in enumerate(WINDOWS_MS):
            self._one(tracks, w, length)
        self.any = np.asarray((self.late | self.alien).any(axis=(0, 2)), dtype=np.bool_)
        self.daily = np.r_[True, np.diff(self.now_ms // DAY_MS) > 0][: self.now_ms.size]

    def _one(self, tracks: Tracks, w: int, length: int) -> None:
        block, rated = tracks.k * tracks.dt, tracks.segment.plan.rated_w
        wide = max(length // block, LEAST_BLOCKS)
        e = np.minimum((self.now_ms - tracks.t0) // block - 1, tracks.dr.size)
        some = e - wide >= 0
        e = np.where(some, e, wide)
        if tracks.dr.size < wide:
            return
        q = split(tracks.sums, e, wide)
        n, level, level2, dr2, xx, yy = q.n, q.level, q.level2, q.dr2, q.xx, q.yy
        halves = np.stack([_half(tracks, e, wide // 2), _half(tracks, e - wide // 2, wide - wide // 2)])
        n = np.maximum(n, 1)[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            whole = q.xy / np.sqrt(xx * yy)
            moves = np.sqrt(np.minimum(xx, yy) / n) / rated
            ratio = xx / yy
            along = q.xl - q.xs * level[:, None] / n
            share = along**2 / (xx * (level2[:, None] - level[:, None] ** 2 / n))
            slope_s = np.abs(along / xx) * block / 1000
            base = some[:, None] & (n >= 0.7 * wide) & (moves > MOVES)
            strange = (np.abs(whole) < ALIEN_CORR) & (np.abs(halves) < ALIEN_HALF).all(axis=0) & (np.abs(q.signs / n) < ALIEN_CORR)
            size = np.asarray((xx - q.xy) ** 2 > AMPLITUDE * xx * dr2[:, None])
            strange &= ~size.any(axis=1, keepdims=True)
            strange &= (ratio > 1 / ALIEN_RATIO) & (ratio < ALIEN_RATIO)
            self.alien[w] = base & strange & (yy**2 / q.y4 > ALIEN_EVENTS) & (yy < 0.8 * dr2[:, None])
            self.late[w] = base & (((share > SCREEN_SHARE) & (slope_s > SCREEN_S)) | ((whole < SCREEN_CORR) & (yy < 4 * dr2[:, None])))
            swing = np.sqrt(np.maximum(level2[:, None] / n - (level[:, None] / n) ** 2, 0))
            wild = (np.abs((xx - q.xy) / xx - 1) < WILD_WITHIN) & size & (np.abs(level[:, None] / n) < WILD_MEAN * swing) & self.inner
            wild &= (np.abs(halves) < ALIEN_HALF).all(axis=0)
            self.alien[w] |= some[:, None] & (n >= 0.7 * wide) & wild & (np.sqrt(xx / n) > 3 * MOVES * rated) & (xx > 4 * yy) & (xx**2 > 0)
            self.left[w] = yy / dr2[:, None]


def _half(tracks: Tracks, e: NDArray[np.int64], wide: int) -> Floats:
    """Correlation over part of a window: an instrument that failed within it belonged before."""
    q = split(tracks.sums, e, wide)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(q.xy / np.sqrt(q.xx * q.yy))


def _judge(tracks: Tracks, screen: Screen, k: int, now: int, doubted: Callable[[str, int], bool]) -> Fault | None:
    """The fault that explains best, or none."""
    channels, dt_s = tracks.segment.plan.channels, tracks.dt / 1000
    possible = [i for i, c in enumerate(channels) if doubted(c.point.id, now)]
    end = (now - tracks.t0) // tracks.dt
    for w, length in enumerate(WINDOWS_MS):
        hinted = screen.late[w, k] | screen.alien[w, k]
        if not hinted.any():
            continue
        begin = max(0, end - tracks.length(length) // tracks.dt)
        tried = {i: tracks.measure(i, begin, end) for i in range(len(channels))}
        good = {i: m for i, m in tried.items() if m and m.left < QUIETER and m.corr > ALIKE and m.events > EVENTS}
        if not good:
            continue
        least = min(m.left for m in good.values())
        alike = [i for i in sorted(good, key=lambda j: good[j].left) if good[i].left <= CLEARLY * least and i in possible]
        if not alike:
            continue
        i = alike[0]
        shift, u = good[i].rows * dt_s, good[i].u_rows * dt_s
        if abs(shift) < max(LEAST_SHIFT_S, LEAST_SHIFT_ROWS * dt_s) or abs(shift) < CLEARER * u or u > MOST_U * dt_s or not hinted[i]:
            continue
        from_ms = tracks.t0 + _since(tracks, i, good[i].rows, begin, end) * tracks.dt
        rival = channels[alike[1]].point.id if len(alike) > 1 else None
        return Fault(channels[i].point.id, CLOCK, from_ms, now, None, shift, u, rival=rival)
    for w, length in enumerate(WINDOWS_MS):
        alien = [i for i in possible if screen.alien[w, k, i]]
        if alien:
            best = min(alien, key=lambda j: float(screen.left[w, k, j]))
            begin = max(0, end - tracks.length(length) // tracks.dt)
            return Fault(channels[best].point.id, ORDER, tracks.t0 + begin * tracks.dt, now, None)
    return None


def _sharpen(tracks: Tracks, fault: Fault) -> None:
    """More records measure a shift better: over its first three days, as far as they are there."""
    if fault.kind != CLOCK:
        return
    last = int(tracks.segment.end_ms[-1]) if fault.end_ms is None else fault.end_ms - DAY_MS
    channel = next(i for i, c in enumerate(tracks.segment.plan.channels) if c.point.id == fault.point)
    begin = (fault.from_ms - tracks.t0) // tracks.dt
    end = (min(last, fault.from_ms + 3 * DAY_MS) - tracks.t0) // tracks.dt
    again = tracks.measure(channel, begin, end) if end > begin else None
    if again and again.corr > ALIKE and again.u_rows * tracks.dt / 1000 < fault.u_s:
        fault.shift_s, fault.u_s = again.rows * tracks.dt / 1000, again.u_rows * tracks.dt / 1000


def _release(tracks: Tracks, active: dict[int, Fault], now: int) -> None:
    """A day later: is the record right again?"""
    block = tracks.k * tracks.dt
    e, wide = min((now - tracks.t0) // block - 1, tracks.dr.size), max(DAY_MS // block, LEAST_BLOCKS)
    if e < wide:
        return
    sums = [c[e] - c[e - wide] for c in tracks.sums]
    if sums[0][0] < 0.7 * wide:
        return
    for i, fault in list(active.items()):
        xx, yy, xy = sums[1][i], sums[2][i], sums[3][i]
        if np.sqrt(min(xx, yy) / sums[0][0]) < MOVES * tracks.segment.plan.rated_w:
            continue
        end = (now - tracks.t0) // tracks.dt
        again = tracks.measure(i, max(0, end - tracks.length(DAY_MS) // tracks.dt), end)
        right = again is not None and abs(again.rows * tracks.dt / 1000) < max(5 * again.u_rows * tracks.dt / 1000, 10.0)
        if xy > 0.97 * np.sqrt(xx * yy) and right:
            fault.end_ms = now
            del active[i]


def _since(tracks: Tracks, channel: int, late: float, begin: int, end: int) -> int:
    """Row from which the shift explains better than none: the largest sum of what it saves, up to now."""
    w = max(1, SPAN_MS // tracks.dt)
    x, e = tracks.x[begin:end, channel], tracks.x[begin:end, channel] - tracks.r[begin:end]
    dx, dy = clean(x[w:] - x[:-w]), clean(e[w:] - e[:-w])
    saved = (dx - dy) ** 2 - (moved_rows(dx, late) - dy) ** 2
    return begin + int(np.argmax(np.cumsum(saved[::-1])[::-1]))
