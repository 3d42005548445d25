"""D4 without event stamps: does a residual move as the lines move?

From interval to interval, with y = ΔR and x_i = ΔP of observed line i (differences: gain errors and drift of instruments vanish), every
subset S of lines that the source might feed predicts y_t = Σ_S x_i + e. Its log-likelihood against none,

    l_S(t) = −2·ln[(1 + (y − Σ_S x)²/3s²)/(1 + y²/3s²)],   s² = σ² + Σ_j (2u_j·ΔP_j)²     (Student, ν = 3)

is bounded to ±4 in one interval: one step is never proof. σ is the scaled median of |y| over the last ten blocks of 96 rows (median of
their medians); gain errors u_j of the residual's own instruments widen s. A line's ratio is Σ_{S∋i} e^l / Σ_{S∌i} e^l, so that mines
split over several lines, switched on at one time, are found together. A registered branch is compared by second differences: customers
share the day's shape, and a line that is a part of what another meter counts shares every step.
Lange, Little & Taylor (1989), JASA 84(408) for the robust likelihood.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from gridwitness.detect.lines.columns import Columns
from gridwitness.detect.lines.sources import BRANCH, BUS, Source
from gridwitness.domain.moments import HOUR_MS
from gridwitness.topology import accuracy
from gridwitness.topology.model import Site

Floats = NDArray[np.float64]

BLOCK, BLOCKS = 96, 10
ROW_LLR = 4.0
NU = 3.0
ALL_SUBSETS = 4
"""Up to so many lines every subset is tried; beyond, none, each one, all, and all but one."""


@dataclass(frozen=True, slots=True)
class Moves:
    """Log likelihood of each subset against none, summed up to the end of each full hour: ``total`` (hours, subsets), ``end_ms`` (hours,).

    ``bias`` (hours, lines): the share of a line's movement that gain errors of the residual's instruments could imitate by then.
    ``own`` (hours, lines): the share of the line's energy until then that the bus's own generation could have given in the same intervals
    (the rest, while the tie imports, was the grid's).
    """

    end_ms: NDArray[np.int64]
    subsets: tuple[frozenset[int], ...]
    total: Floats
    bias: Floats
    own: Floats


def moves(site: Site, source: Source, lines: Sequence[str], columns: Columns) -> Moves | None:
    """How a source's residual moves with the lines; None where they share no readings."""
    table = columns.table([*lines, *(t.point for t in source.terms)])
    if table is None:
        return None
    dt, starts, p = table
    k, signs = len(lines), [site.points[n].sign for n in lines] + [t.sign for t in source.terms]
    p = p * np.array(signs, float)
    order = 2 if source.kind == BRANCH else 1
    moved = np.diff(p, n=order, axis=0)
    needed = [k + i for i, t in enumerate(source.terms) if t.needed]
    rows = np.flatnonzero(np.isfinite(moved[:, needed]).all(axis=1))
    if rows.size <= BLOCK:
        return None
    # A line or sink that has no reading stands still: instruments that come later must not take away what was known before.
    moved, p = moved[rows], p[rows + order]
    moved[np.isnan(moved)], p[np.isnan(p)] = 0.0, 0.0
    x, terms = moved[:, :k], moved[:, k:]
    y = terms.sum(axis=1)
    gains = [2 * accuracy.relative_u(site.points[t.point]) for t in source.terms]
    s2 = _scale(y) ** 2 + ((terms * np.array(gains)) ** 2).sum(axis=1)
    end_ms = starts[rows + order] + dt
    hour = -(-end_ms // HOUR_MS)
    kept = np.flatnonzero(np.r_[hour[1:] != hour[:-1], True])
    subsets = _subsets(k)
    return Moves(
        end_ms=hour[kept] * HOUR_MS,
        subsets=subsets,
        total=_likelihoods(x, y, s2, subsets, kept),
        bias=_bias(x, terms, gains, s2, kept),
        own=_own(source, p, k, kept),
    )


def _likelihoods(x: Floats, y: Floats, s2: Floats, subsets: tuple[frozenset[int], ...], kept: NDArray[np.int64]) -> Floats:
    total = np.zeros((kept.size, len(subsets)))
    known, none = np.isfinite(s2), np.log1p(y**2 / (NU * s2))
    for column, chosen in enumerate(subsets[1:], 1):
        left = y - x[:, sorted(chosen)].sum(axis=1)
        gain = -(NU + 1) / 2 * (np.log1p(left**2 / (NU * s2)) - none)
        total[:, column] = _summed(np.where(known, np.clip(gain, -ROW_LLR, ROW_LLR), 0.0), kept)
    return total


def _bias(x: Floats, terms: Floats, gains: Sequence[float], s2: Floats, kept: NDArray[np.int64]) -> Floats:
    """√Σ_j (2u_j·Σ w·ΔP_j·x / Σ w·x²)²; w = 1/(1 + x²/s²) keeps one large step from hiding what all the small movements are."""
    square = np.zeros((kept.size, x.shape[1]))
    for i in range(x.shape[1]):
        weight = np.where(np.isfinite(s2), x[:, i] / (1 + x[:, i] ** 2 / s2), 0.0)
        power = np.maximum(_summed(weight * x[:, i], kept), 1e-9)
        for j, gain in enumerate(gains):
            square[:, i] += (gain * _summed(terms[:, j] * weight, kept) / power) ** 2
    return np.sqrt(square)


def _own(source: Source, p: Floats, k: int, kept: NDArray[np.int64]) -> Floats:
    """Share of each line's energy that generation covers, cumulated over the rows. Generation: metered, else what leaves the bus."""
    drawn, terms = np.maximum(p[:, :k], 0.0), p[:, k:]
    generator = np.array([t.generator for t in source.terms], bool)
    if source.kind != BUS:
        given = np.abs(terms[:, :1])
    elif generator.any():
        given = terms[:, generator].sum(axis=1)[:, None]
    else:
        given = drawn - terms.sum(axis=1)[:, None]
    covered = _summed(np.clip(given, 0.0, drawn), kept)
    return np.asarray(covered / np.maximum(_summed(drawn, kept), 1e-9))


def _summed(values: Floats, kept: NDArray[np.int64]) -> Floats:
    """Sums of the rows up to and with each kept one."""
    return np.asarray(np.cumsum(np.add.reduceat(values, np.r_[0, kept[:-1] + 1], axis=0), axis=0))


def _scale(y: Floats) -> Floats:
    """σ of each row from whole earlier blocks (median of their medians); infinite before there is one: then a row says nothing."""
    blocks = y.size // BLOCK
    sigma = np.full(y.size, np.inf)
    if blocks == 0:
        return sigma
    medians = np.median(np.abs(y[: blocks * BLOCK]).reshape(blocks, BLOCK), axis=1)
    early = [float(np.median(medians[:b])) for b in range(1, min(blocks + 1, BLOCKS))]
    late = np.median(np.lib.stride_tricks.sliding_window_view(medians, BLOCKS), axis=1) if blocks >= BLOCKS else np.empty(0)
    known = np.maximum(1.4826 * np.r_[early, late], 1.0)
    sigma[BLOCK:] = np.repeat(known, BLOCK)[: y.size - BLOCK]
    return sigma


def _subsets(k: int) -> tuple[frozenset[int], ...]:
    if k <= ALL_SUBSETS:
        chosen = [frozenset(c) for size in range(k + 1) for c in combinations(range(k), size)]
    else:
        every = frozenset(range(k))
        chosen = [frozenset(), *(frozenset({i}) for i in range(k)), *(every - {i} for i in range(k)), every]
    return tuple(chosen)


def ratio(found: Moves, line: int, at: NDArray[np.int64], before: NDArray[np.int64]) -> Floats:
    """Log likelihood ratio that the source feeds a line, from hours [before, at) of each entry (counts)."""
    total = np.vstack([np.zeros((1, len(found.subsets))), found.total])
    window = total[at] - total[before]
    inside = np.array([line in s for s in found.subsets])
    return np.asarray(np.logaddexp.reduce(window[:, inside], axis=1) - np.logaddexp.reduce(window[:, ~inside], axis=1))
