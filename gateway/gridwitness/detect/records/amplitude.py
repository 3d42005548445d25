"""Instruments that read the wrong size: reversed, with a phase missing, tampered with, dead, or swapped with another.

If channel i reads g·true and all else is right, R = â·x_i with â = 1 − 1/g, in level and in every movement:

    reversed 2 · a phase missing (g = 2/3) −½ · a phase reversed (1/3) −2 · one phase's gain less a half (5/6) −0.2

A residual below zero is never a load, whatever follows it. Above zero a load could follow the output, so that nothing is said of
generators and ties but that they are reversed (a load of twice what flows there cannot be fed); a registered load that the
residual follows in every movement is read by a tampered meter, and what it hides is left to the balance.
Swapped channels a, b of opposite sign leave R = 2(x_a + x_b).
Abur & Gómez-Expósito, Power System State Estimation (2004), ch. 5: largest normalised residual; here over time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridwitness.detect.balance import Floats
from gridwitness.detect.records.fault import AMPLITUDE, DEAD, SWAPPED, Fault
from gridwitness.detect.records.tracks import LEAST_BLOCKS, Tracks, split
from gridwitness.detect.suspects import SINKS
from gridwitness.domain.moments import DAY_MS, HOUR_MS

WINDOWS_MS = (8 * HOUR_MS, DAY_MS)
FOLLOWS, HALF_FOLLOWS = 0.85, 0.7
"""How closely (r²) the residual must follow the channel, over the window and over each half of it."""
LEAST_ERROR, LEAST_MOVES, LEAST_RESIDUAL = 0.12, 1e-3, 3e-4
"""Least |â|; least movements of channel and residual in shares of the rating."""
LEVEL = 0.3
REVERSED, REVERSED_WITHIN = 2.0, 0.12
SWAP_LEAVES, SWAP_CLEARLY, SWAP_MOVES = 0.15, 0.33, 3e-3
"""An exchange leaves this share of the residual's movement at most, and this share of what the best single channel leaves;
least movement."""
CLEARLY = 0.95
DROP, ALONE, FALLEN = 0.03, 0.25, 0.5
"""A generator's reading that falls by this share of the rating and of itself while all others stand still (within this share of it)."""
HOLD, QUIET = 4, 0.3
"""Blocks before and after that must agree, and the residual, in shares of the fall, that was there before at most."""


@dataclass(slots=True)
class Fit:
    """R = â·x for each full hour and channel, arrays of shape (hours, channels)."""

    share: Floats
    size: Floats
    good: NDArray[np.bool_]


def faults(tracks: Tracks) -> list[Fault]:
    """Faults of size of one segment."""
    sure = _fallen(tracks) + _swapped(tracks)
    following = [f for f in _following(tracks) if not any(overlap(f, other) for other in sure)]
    return sorted(sure + following, key=lambda f: (f.known_ms, f.point, f.kind))


def overlap(fault: Fault, other: Fault) -> bool:
    """Whether ``other`` was known, and not over, when ``fault`` came up."""
    return other.known_ms <= fault.known_ms and (other.end_ms is None or fault.from_ms < other.end_ms)


def _following(tracks: Tracks) -> list[Fault]:
    """The first channel that the residual follows; others are looked for when it is over."""
    found, free_ms = list[Fault](), 0
    now = tracks.segment.end_ms[tracks.ticks() - 1]
    fits = [_fit(tracks, now, w) for w in WINDOWS_MS]
    good = np.stack([f.good for f in fits])
    for k in np.flatnonzero(good.any(axis=(0, 2))).tolist():
        if now[k] < free_ms:
            continue
        w = int(np.flatnonzero(good[:, k].any(axis=1))[0])
        fault = _blame(tracks, fits[w], k, int(now[k]))
        i = next(i for i, c in enumerate(tracks.segment.plan.channels) if c.point.id == fault.point)
        day = fits[-1]
        later = np.flatnonzero((now > now[k] + DAY_MS) & (day.share[:, i] < 0.3) & np.isfinite(day.share[:, i]))
        if later.size:
            fault.end_ms = int(now[later[0]])
        found.append(fault)
        free_ms = fault.end_ms or np.iinfo(np.int64).max
    return found


def _fit(tracks: Tracks, now: NDArray[np.int64], length: int) -> Fit:
    """The fit over windows of one length, and where it convicts."""
    block, plan = tracks.k * tracks.dt, tracks.segment.plan
    wide = max(length // block, LEAST_BLOCKS)
    e = np.minimum((now - tracks.t0) // block - 1, tracks.dr.size)
    some = e >= wide
    if tracks.dr.size < wide:
        nothing = np.full((now.size, len(plan.channels)), np.nan)
        return Fit(nothing, nothing, np.zeros(nothing.shape, dtype=np.bool_))
    e = np.where(some, e, wide)
    q = split(tracks.sums, e, wide)
    n, level, dr2, xx, xy = q.n, q.level, q.dr2, q.xx, q.xy
    n = np.maximum(n, 1)[:, None]
    half = wide // 2
    with np.errstate(invalid="ignore", divide="ignore"):
        size, share = (xx - xy) / xx, (xx - xy) ** 2 / (xx * dr2[:, None])
        mean_r, mean_x = level[:, None] / n, q.level_x / n
        near = np.abs(mean_r - size * mean_x) < LEVEL * np.abs(size * mean_x)
        good = some[:, None] & (n >= 0.7 * wide) & near & (share > FOLLOWS) & (np.abs(size) > LEAST_ERROR)
        good &= (_share(tracks, e, half) > HALF_FOLLOWS) & (_share(tracks, e - half, wide - half) > HALF_FOLLOWS)
        good &= (np.sqrt(xx / n) > LEAST_MOVES * plan.rated_w) & (np.sqrt(dr2[:, None] / n) > LEAST_RESIDUAL * plan.rated_w)
    sink = np.array([c.role in SINKS for c in plan.channels])
    good &= (mean_r < 0) | (sink & (size < 0)) | (np.abs(size - REVERSED) < REVERSED_WITHIN)
    return Fit(share, size, good)


def _share(tracks: Tracks, e: NDArray[np.int64], wide: int) -> Floats:
    q = split(tracks.sums, e, wide)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((q.xx - q.xy) ** 2 / (q.xx * q.dr2[:, None]))


def _blame(tracks: Tracks, fit: Fit, k: int, now: int) -> Fault:
    """The channel that fits best; of two that fit alike the one whose mean sign cannot be."""
    plan = tracks.segment.plan
    likely = [i for i in np.flatnonzero(fit.good[k]).tolist() if fit.share[k, i] >= CLEARLY * np.nanmax(fit.share[k][fit.good[k]])]
    wide = DAY_MS // (tracks.k * tracks.dt)
    e = min((now - tracks.t0) // (tracks.k * tracks.dt) - 1, tracks.dr.size)
    s = max(0, e - wide)
    x = tracks.level_x[s:e].mean(axis=0)
    odd = [i for i in likely if x[i] * (1 if plan.channels[i].role == "generator" else -1) < 0 and plan.channels[i].role != "grid_tie"]
    ranked = sorted(likely, key=lambda i: (i not in odd, -fit.share[k, i]))
    best = ranked[0]
    size = float(fit.size[k, best])
    saved = tracks.dr[s:e] ** 2 - (tracks.dr[s:e] - size * tracks.dx[s:e, best]) ** 2
    since = s + int(np.argmax(np.cumsum(saved[::-1])[::-1]))
    rival = plan.channels[ranked[1]].point.id if len(ranked) > 1 and best not in odd else None
    hides = plan.channels[best].role in SINKS and float(tracks.residual_level(s, e)) > 0
    factor = 1 / (1 - size) if size != 1 else 0.0
    return Fault(plan.channels[best].point.id, AMPLITUDE, tracks.block_ms(since), now, factor=factor, rival=rival, hides=hides)


def _swapped(tracks: Tracks) -> list[Fault]:
    """Two channels of opposite sign whose records were exchanged: one finding for each of them."""
    found = [hit for w in WINDOWS_MS if (hit := _first_swap(tracks, w))]
    if not found:
        return []
    now, a, b, since = min(found)
    names = tracks.segment.plan.channels[a].point.id, tracks.segment.plan.channels[b].point.id
    return [Fault(names[j], SWAPPED, tracks.block_ms(since), now, rival=names[1 - j]) for j in (0, 1)]


def _first_swap(tracks: Tracks, length: int) -> tuple[int, int, int, int] | None:
    """(known, a, b, first movement) of the first exchange that explains far better than any single channel."""
    plan, block = tracks.segment.plan, tracks.k * tracks.dt
    now = tracks.segment.end_ms[tracks.ticks() - 1]
    wide = max(length // block, LEAST_BLOCKS)
    e = (now - tracks.t0) // block - 1
    inside = (e >= wide) & (e <= tracks.dr.size)
    now, e = now[inside], e[inside]
    if not e.size:
        return None
    q = split(tracks.sums, e, wide)
    n = np.maximum(1, q.n)
    alone = 1 - np.nanmax(np.nan_to_num(_share(tracks, e, wide)), axis=1)
    loud = (np.sqrt(q.dr2 / n) > SWAP_MOVES * plan.rated_w) & (n >= 0.7 * wide)
    best: tuple[float, int, int, int] | None = None
    for a in range(len(plan.channels)):
        for b in range(a + 1, len(plan.channels)) if loud.any() else ():
            if plan.channels[a].weight == plan.channels[b].weight:
                continue
            total = np.r_[0.0, np.cumsum((tracks.dr - 2 * (tracks.dx[:, a] + tracks.dx[:, b])) ** 2)]
            left = (total[e] - total[e - wide]) / np.maximum(q.dr2, 1e-9)
            hits = np.flatnonzero(loud & (left < SWAP_LEAVES) & (left < alone * SWAP_CLEARLY))
            if hits.size:
                k = int(hits[0])
                key = (float(now[k]) + float(left[k]), k, a, b)
                best = key if best is None or key < best else best
    return None if best is None else (int(now[best[1]]), best[2], best[3], int(e[best[1]]) - wide)


def _fallen(tracks: Tracks) -> list[Fault]:
    """Generators whose reading fell by itself, by an hour's means before and after."""
    plan, n = tracks.segment.plan, tracks.dr.size
    if n < 2 * HOLD + 2:
        return []
    ok = tracks.sums[0][1:, 0] - tracks.sums[0][:-1, 0]
    x = np.vstack([np.zeros((1, len(plan.channels))), np.cumsum(tracks.level_x, axis=0)])
    r = np.r_[0.0, np.cumsum(tracks.level_r)]
    whole = np.r_[0.0, np.cumsum(ok)]
    at = np.arange(HOLD, n - HOLD)  # block `at` holds the moment
    after, before = slice(at[0] + 1 + HOLD, at[-1] + 2 + HOLD), slice(at[0], at[-1] + 1)
    late, early = slice(at[0] + 1, at[-1] + 2), slice(at[0] - HOLD, at[-1] + 1 - HOLD)
    moved = ((x[after] - x[late]) - (x[before] - x[early])) / HOLD
    gained = ((r[after] - r[late]) - (r[before] - r[early])) / HOLD
    was, now = (x[before] - x[early]) / HOLD, (x[after] - x[late]) / HOLD
    full = (whole[after] - whole[late] == HOLD) & (whole[before] - whole[early] == HOLD)
    calm = np.abs(r[before] - r[early]) / HOLD < QUIET * DROP * plan.rated_w
    found = []
    for i, channel in enumerate(plan.channels):
        if channel.role != "generator":
            continue
        alone = (np.abs(moved[:, i] - gained) < ALONE * np.abs(gained)) & (gained < -DROP * plan.rated_w) & full & calm
        hits = np.flatnonzero(alone & (moved[:, i] < 0) & (was[:, i] > 0) & (now[:, i] < FALLEN * was[:, i]))
        if hits.size:
            k = int(hits[0])
            end = _restored(tracks, i, int(at[k]) + 1 + HOLD, float(was[k, i]))
            factor = float(now[k, i] / was[k, i])
            known_ms = tracks.known_ms(int(at[k]) + 1 + HOLD)
            found.append(Fault(channel.point.id, DEAD, tracks.block_ms(int(at[k])), known_ms, end, factor=factor))
    return found


def _restored(tracks: Tracks, channel: int, first: int, was: float) -> int | None:
    """When an hour's balance was good again and the generator read something."""
    fine = (np.abs(tracks.level_r) < QUIET * DROP * tracks.segment.plan.rated_w) & (np.abs(tracks.level_x[:, channel]) > 0.1 * was)
    run = np.convolve(fine[first:], np.ones(HOLD), "full")[: max(0, fine.size - first)]
    hits = np.flatnonzero(run >= HOLD)
    return tracks.known_ms(first + int(hits[0]) + 1) if hits.size else None
