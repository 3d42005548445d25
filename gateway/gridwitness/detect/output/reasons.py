"""Innocent reasons for a drop: each is tested, or said not to be testable. What is tested rests on hours before the decision alone.

A reason that could carry the whole drop within its limit keeps the finding a watch. Limits: a flow gauge may shift by ``GAUGE_SHIFT``
(ISO 18365:2013 and IEC 60041:1991 put index and acoustic methods at 1.5–5 %), or by what this one's own past has shown.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridwitness.detect.output.expected import INFLOW, LIMITS, TURBINE, Days, Floats, Hours
from gridwitness.detect.output.residuals import BANK, State
from gridwitness.domain.moments import DAY_MS, HOUR_MS
from gridwitness.topology.model import Plant

Bools = NDArray[np.bool_]
GAUGE_SHIFT, GAUGE_SHIFT_DAYS, LASTING_DAYS, SHIFT_MARGIN = 0.045, 0.06, 7, 1.2
ONE_SIDED = 1.645
HEAD_SHIFT_M, LOW_HEAD_M = 0.3, 20.0
"""A head that is not measured may shift by so much; where the register knows none either, it is taken as a low one."""
POOR_GAUGE = 0.04
"""Day-to-day spread of gauge and model, as ln, from which on nothing above a watch is said."""
LOAD_MARGIN = 0.15
"""Load, as ln, may be so far outside what was learnt."""
SPILL_MARGIN = 0.05
TAILWATER_M, FULL = 5.0, 0.95
"""Rise of the tailwater that a flood may bring unseen, and the share of the largest flow from which a flood is possible."""
BEFORE_DAYS = 28


@dataclass(frozen=True, slots=True)
class Reason:
    """``tested``: data could decide. ``inside``: it could carry the drop within its limit."""

    what: str
    needed: str
    limit: str
    tested: bool
    inside: bool


def reasons(plant: Plant, hourly: Hours, days: Days, begin: int, decided: int, drop: float, sd: float, shift: float, frozen: State
            ) -> tuple[Reason, ...]:  # fmt: skip
    """Every reason, for the window of days [begin, decided) with ``drop`` ± ``sd`` (ln). ``shift``: the largest own shift before."""
    now, before = _masks(hourly, days, begin, decided)
    found = [
        _gauge(drop, sd, shift, decided - begin, _head_allowance(plant, hourly)),
        _spread(frozen),
        _load(days, begin, decided, drop),
        _outage(now),
        _dispatch(plant, hourly, now, before),
    ]
    found += [_head(plant, hourly, days, begin, decided, drop), _rack(plant, hourly, now, before, drop), _water(hourly, days, now, before)]
    return tuple(found)


def _masks(hourly: Hours, days: Days, begin: int, decided: int) -> tuple[Bools, Bools]:
    """Good hours of the window, and of up to four weeks before it."""
    ts = hourly.first_ms + HOUR_MS * np.arange(hourly.out_w.size, dtype=np.int64)
    a, b = int(days.start_ms[begin]), int(days.end_ms[decided - 1])
    return hourly.good & (ts >= a) & (ts < b), hourly.good & (ts >= a - BEFORE_DAYS * DAY_MS) & (ts < a)


def _gauge(drop: float, sd: float, shift: float, length: int, head: float) -> Reason:
    """The drop's lower bound (95 %) has to lie beyond what gauge and head may shift, the drop itself beyond what this gauge did before."""
    least, own = max(0.0, drop - ONE_SIDED * sd), SHIFT_MARGIN * shift
    most = head + (GAUGE_SHIFT if length >= LASTING_DAYS else GAUGE_SHIFT_DAYS)
    needed = f"{_pct(math.expm1(drop))}, at least {_pct(math.expm1(least))}"
    limit = f"{_pct(most)} for the least, {_pct(own)} ({SHIFT_MARGIN} times its own largest shift before) for the drop"
    return Reason("the flow gauge reads high since the onset", needed, limit, True, least <= most or drop <= own)


def _head_measured(hourly: Hours) -> bool:
    return "head_m" in hourly.known or {"reservoir_level_m", "tailwater_level_m"} <= hourly.known.keys()


def _head_allowance(plant: Plant, hourly: Hours) -> float:
    """What a head that nobody measures may shift, as a share."""
    if _head_measured(hourly):
        return 0.0
    head = plant.hydro.head_m if plant.hydro else None
    return HEAD_SHIFT_M / head if head else HEAD_SHIFT_M / LOW_HEAD_M


def _spread(frozen: State) -> Reason:
    each = frozen.sigma2 * (BANK[:, 0] + BANK[:, 1] + 1)
    spread = math.sqrt(float(frozen.weight @ each))
    what = "gauge and water model scatter too widely from day to day for anything but a watch"
    return Reason(what, f"{_pct(spread)} of spread", _pct(POOR_GAUGE), True, spread > POOR_GAUGE)


def _load(days: Days, begin: int, decided: int, drop: float) -> Reason:
    """Vibration zone, part load: efficiency where it was never learnt."""
    learnt = days.x[:begin, 0][np.isfinite(days.y[:begin])]
    window = days.x[begin:decided, 0][np.isfinite(days.y[begin:decided])]
    mean = float(window.mean()) + drop  # what was taken ran through the turbine too
    outside = max(float(learnt.min()) - mean, mean - float(learnt.max()), 0.0)
    what = "part load or a vibration zone, where this plant's efficiency was never learnt"
    return Reason(what, f"load {_pct(outside)} outside the learnt range", _pct(LOAD_MARGIN), True, outside > LOAD_MARGIN)


def _outage(now: Bools) -> Reason:
    hours = int(now.sum())
    return Reason("an outage of a unit, or line work", f"an entry of the outage log over these {hours} h", "none is logged", True, False)


def _dispatch(plant: Plant, hourly: Hours, now: Bools, before: Bools) -> Reason:
    """A set point or limit that binds now and did not before. Turbine flow falls with dispatch, and inflow is capped by it."""
    limits = [hourly.known[name] for name in LIMITS if name in hourly.known]
    what = "a dispatch order, limit or line work that holds the output down"
    if not limits:
        return Reason(what, "an order that is not in the records", "no dispatch_w, dispatch_limit_w or line_limit_w", False, False)
    cap = np.nanmin(np.vstack([np.where(np.isfinite(x), x, plant.rated_w) for x in limits]), axis=0)

    def share(mask: Bools) -> float:
        return float(np.mean(hourly.out_w[mask] >= 0.97 * cap[mask])) if mask.any() else 0.0

    held, usual = share(now), share(before)
    needed = f"output at its limit in {100 * held:.0f} % of the hours, before in {100 * usual:.0f} %"
    return Reason(what, needed, "half of the hours more than before", True, held - usual > 0.5)


def _head(plant: Plant, hourly: Hours, days: Days, begin: int, decided: int, drop: float) -> Reason:
    """Tailwater in flood. A measured head is in the model; otherwise spill beyond what was learnt may carry it."""
    head = plant.hydro.head_m if plant.hydro else None
    lost = f"{-math.expm1(-drop) * head:.1f} m of {head:.0f} m head" if head else f"{_pct(-math.expm1(-drop))} of the head"
    what = "tailwater in flood, or a reservoir drawn down"
    if _head_measured(hourly):
        return Reason(what, lost, "none: the measured head is in the model", True, False)
    if "spill_m3s" not in hourly.known:
        return _flood(what, lost, days, begin, decided, drop, head)
    learnt = days.x[:begin, 2][np.isfinite(days.y[:begin])]
    window = days.x[begin:decided, 2][np.isfinite(days.y[begin:decided])]
    more = float(window.mean() - learnt.max())
    needed = f"{lost}; spill is {100 * max(0.0, more):.0f} % of the flow more than ever before"
    return Reason(what, needed, f"{100 * SPILL_MARGIN:.0f} %", True, more > SPILL_MARGIN)


def _flood(what: str, lost: str, days: Days, begin: int, decided: int, drop: float, head: float | None) -> Reason:
    """Neither head nor spill is known: a low head may lose so much when the turbines run as full as ever, which is when rivers flood."""
    learnt, window = (days.x[a:b, 0][np.isfinite(days.y[a:b])] for a, b in ((0, begin), (begin, decided)))
    full = float(window.mean()) + drop >= float(learnt.max()) + math.log(FULL)
    limit = f"{TAILWATER_M} m when the turbines run full; no head_m and no spill_m3s"
    return Reason(what, lost, limit, False, full and -math.expm1(-drop) * (head or 0.0) < TAILWATER_M)


def _rack(plant: Plant, hourly: Hours, now: Bools, before: Bools, drop: float) -> Reason:
    """Head lost at the trash rack."""
    dh, head = hourly.known.get("trash_rack_dh_m"), _mean(hourly.known.get("head_m"), now)
    head = head or (plant.hydro.head_m if plant.hydro else None)
    if dh is None or not head:
        return Reason("a trash rack that clogs", _pct(-math.expm1(-drop)) + " of the head", "no trash_rack_dh_m", False, False)
    more = ((_mean(dh, now) or 0.0) - (_mean(dh, before) or 0.0)) / head
    needed = f"{-math.expm1(-drop) * head:.1f} m; it lost {more * head:.1f} m more than before"
    return Reason("a trash rack that clogs", needed, "half of what is needed", True, more > 0.5 * drop)


def _water(hourly: Hours, days: Days, now: Bools, before: Bools) -> Reason:
    """Pondage and ecological flow: water that comes in and is not turned into energy at once."""
    if days.source == TURBINE:
        return Reason("pondage or ecological flow", "water past the turbine", "none: the flow is the turbine's own", True, False)
    level = hourly.known.get("reservoir_level_m")
    assert days.source == INFLOW
    if level is None:
        return Reason("pondage or ecological flow", "water that is kept back or let past", "inflow alone cannot tell", False, True)
    rise = (_mean(level, now) or 0.0) - (_mean(level, before) or 0.0)
    return Reason("pondage or ecological flow", f"reservoir {rise:+.2f} m against before", "inflow alone cannot tell", False, True)


def _mean(values: Floats | None, mask: Bools) -> float | None:
    """Mean of the known values under a mask."""
    if values is None:
        return None
    some = values[mask & np.isfinite(values)]
    return float(some.mean()) if some.size else None


def _pct(share: float) -> str:
    return f"{100 * share:.1f} %"
