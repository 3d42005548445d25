"""The balance of each interval as pages show it: what is left, and how well it is known."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from gridwitness.detect.balance import FORGET_MS, Floats, Segment
from gridwitness.detect.calibration import Course
from gridwitness.detect.monitor import Phase, Watch


def balance(segment: Segment, watch: Watch) -> tuple[Floats, Floats]:
    """(residual_w, u95_w), each (n,): known instrument errors taken out as far as they were known before each interval's block;
    during a finding as they were before its onset. u95 is 2·√(z′Pz + σ²)."""
    n = segment.ts_ms.size
    left, spread = np.array(segment.residual_w), np.zeros(n)
    for phase in watch.phases:
        for a, b, use in _stretches(phase):
            _explain(segment, phase.course, a, b, use, left, spread)
    return left, 2 * np.sqrt(spread)


def _stretches(phase: Phase) -> list[tuple[int, int, int]]:
    """(first, stop, posterior) pieces of a phase."""
    if phase.use is not None:
        return [(phase.first, phase.stop, phase.use)]
    edges = np.r_[phase.first, phase.course.end]
    edges = np.r_[edges[edges < phase.stop], phase.stop]
    return [(int(a), int(b), use) for use, (a, b) in enumerate(pairwise(edges)) if b > a]


def _explain(segment: Segment, course: Course, a: int, b: int, use: int, left: Floats, spread: Floats) -> None:
    z = course.z[a:b].copy()
    gap = np.maximum(0, segment.ts_ms[a:b] - course.at_ms[use])
    fresh = np.zeros(b - a)
    for column, tau in zip(course.drifts, FORGET_MS, strict=True):
        keep = np.exp(-gap / tau)
        fresh += z[:, column] ** 2 * (1 - keep**2)
        z[:, column] *= keep
    left[a:b] = segment.residual_w[a:b] - z @ course.mean[use]
    spread[a:b] = (
        np.einsum("ij,ij->i", z @ course.cov[use], z)
        + fresh
        + course.noise[use].variance * segment.scale_w[a:b] ** 2
        + segment.jitter_w2[a:b]
    )
