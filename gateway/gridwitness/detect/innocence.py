"""Innocence search: what else could be so, and by how much it would have to be wrong.

For each instrument the smallest shift that brings the statistic under its threshold, beside the limit that applies: the stated
stability for an error that would have to begin at the onset, the certified class (all limits of the chain together) for one that
was always there.
"""

from __future__ import annotations

import numpy as np

from gridwitness.detect.balance import Channel, Floats, Segment
from gridwitness.detect.calibration import HIDDEN_W
from gridwitness.detect.monitor import Event
from gridwitness.domain.finding import Alternative
from gridwitness.domain.moments import DAY_MS
from gridwitness.topology import accuracy

SHOWN = 4


def alternatives(segment: Segment, event: Event) -> tuple[Alternative, ...]:
    """The cheapest innocent explanations, cheapest (needed against limit) first."""
    surplus_w = max(0.0, (event.statistic - event.threshold) * event.sd_w)
    found = []
    for i, channel in enumerate(segment.plan.channels):
        flow = _flow(segment, event, i)
        if flow.size == 0 or not np.abs(flow).any():
            continue
        needed, limit = _instrument(segment, event, i, channel, surplus_w, float(np.abs(flow).mean()))
        way = "high" if flow.mean() > 0 else "low"
        change = "reads" if event.first_day else "began to read"
        found.append(
            (needed / limit, Alternative(f"{channel.point.id} {change} {way}", _percent(needed), _percent(limit), needed <= limit))
        )
    if event.first_day:
        limit_w = 3 * max(segment.plan.no_load_u_w, 1e-5 * segment.plan.rated_w)
        what = "the no-load loss is higher than registered"
        found.append((surplus_w / limit_w, Alternative(what, f"{surplus_w:.0f} W", f"{limit_w:.0f} W", surplus_w <= limit_w)))
    return tuple(a for _, a in sorted(found, key=lambda pair: pair[0])[:SHOWN])


def _flow(segment: Segment, event: Event, channel: int) -> Floats:
    """What flowed through an instrument in the window that decided."""
    begin_ms = segment.end_ms[event.decided - 1] - event.length_ms
    begin = int(np.searchsorted(segment.ts_ms, begin_ms))
    return segment.x_w[begin : event.decided, channel]


def _instrument(segment: Segment, event: Event, i: int, channel: Channel, surplus_w: float, flow_w: float) -> tuple[float, float]:
    """(needed shift, limit), both relative."""
    if not event.first_day:
        return surplus_w / flow_w, accuracy.stability(channel.point, event.length_ms / DAY_MS)
    limit = accuracy.limits(channel.point).worst(0.33)
    state = event.course.states[min(event.use, len(event.course.states) - 1)]
    pull = abs(float(state.cov[-1, i])) * HIDDEN_W * segment.plan.rated_w / accuracy.relative_u(channel.point)
    return surplus_w / max(pull, 1e-9), limit


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 1 else "more than 100 %"
