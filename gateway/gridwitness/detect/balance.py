"""The balance of one bus or tie segment as a linear model.

Residual     R_t = Σ s_i·p_i(t) − loss(t)                      (s = +1 into the bus, −1 out of it)
Model        R = Xθ + D + ε,   θ ~ N(0, P0),   D a hidden load, ε an AR(1) noise
Loss         no load + load loss·(S/S_rated)² of what passes through the transformers, S² = P² + Q² (P alone where no Q is known)

Columns of X: each channel's power (its gain error), its power times the growth of the CT limit at low load, its slope (clock
offset), one (no-load loss), through² (load loss), sin and cos of the day times power (diurnal drift), power (two drifts that
forget themselves: 8 h and 5 days). Every column is scaled by its prior standard deviation, so that P0 is the identity.

Gains are regressed on reconciled powers X_i − W_i·R with W_i = σ_i²/Σσ²: on raw ones the noise of X_i is also in R and biases
them. Priors after JCGM 100:2008 (GUM) 4.3.7 from the accuracy classes (`topology.accuracy`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridwitness.detect.grid import Grid, common
from gridwitness.domain.finding import BEHIND_THE_METER_SUPPLY, DEDICATED_LINE_SUPPLY, Subject
from gridwitness.domain.moments import DAY_MS, HOUR_MS
from gridwitness.domain.series import PointSeries
from gridwitness.topology import accuracy
from gridwitness.topology.model import Branch, LawfulBasis, Point, Site

Floats = NDArray[np.float64]

FORGET_MS = (8 * HOUR_MS, 5 * DAY_MS)
"""Correlation times of the two drifts."""
DRIFT = (0.08, 0.15)
"""Their standard deviations, and …"""
DIURNAL = 0.15
"""… that of the day's swing, in shares of the class limit (0.075 % for a 0.5S chain)."""
LOAD_LOSS_U = (0.07, 0.25)
"""Relative standard uncertainty of a load loss: with and without known reactive power (S² is 1.56·P² at PF 0.8)."""
CLOCK_U_S = 5.0
"""Least standard uncertainty of a clock: a register's word is taken for the clock, not for how it closes its intervals."""
JITTER_S = 1.5
"""Standard deviation of the instant at which an instrument closes an interval."""
RESOLUTION = 1e-4
"""Standard uncertainty, in shares of the rating, of what meters read at no load."""
FLOOR = 0.01
"""Share of the rating below which the noise no longer falls with power."""
UNMETERED_U = {"excitation": 0.01, "backup_supply": 0.01, "station_service": 0.005, "compensator": 0.002}
"""Standard uncertainty, in shares of the rating, that an unmetered branch of such a role adds; of another role nothing can be said."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One instrument in a balance. ``sign`` turns its reading into power towards the hidden load (+1) or away from it (−1)."""

    point: Point
    branch: str
    role: str
    sign: int

    @property
    def weight(self) -> int:
        """Factor on the raw reading: the balance's sign times the register's."""
        return self.sign * self.point.sign


@dataclass(frozen=True, slots=True)
class Plan:
    """What is balanced: the instruments, the loss between them and what the finding would be called."""

    subject: Subject
    kind: str
    channels: tuple[Channel, ...]
    through: tuple[int, ...]
    no_load_w: float
    no_load_u_w: float
    load_loss_w: float
    rated_w: float
    u_nominal_v: float | None
    unmetered: tuple[Branch, ...]
    basis: LawfulBasis | None


@dataclass(slots=True)
class Segment:
    """A plan filled with data: n complete intervals, p scaled columns (without the hidden load's own).

    ``scale_w`` (n,) is the root sum of squares of the powers: the noise grows with it. ``jitter_w2`` (n,) is the variance that ramps
    add, because no two instruments close an interval at the same instant.
    """

    plan: Plan
    dt_ms: int
    ts_ms: NDArray[np.int64]
    x_w: Floats
    loss_w: Floats
    residual_w: Floats
    design: Floats
    scale_w: Floats
    jitter_w2: Floats
    names: tuple[str, ...]
    first_ms: int
    last_ms: int

    @property
    def drifts(self) -> tuple[int, int]:
        """Columns of the two drifts that forget themselves (the last two)."""
        return self.design.shape[1] - 2, self.design.shape[1] - 1

    @property
    def end_ms(self) -> NDArray[np.int64]:
        """End of each interval."""
        return self.ts_ms + self.dt_ms


def bus_plan(site: Site, bus: str) -> Plan | str:
    """The balance of a bus, or why there is none."""
    channels, unmetered, missing = list[Channel](), list[Branch](), list[Branch]()
    for branch in site.branches_at(bus):
        if branch.role == "observed_line":
            continue
        if branch.point is None:
            (unmetered if branch.role in UNMETERED_U else missing).append(branch)
            continue
        sign = 1 if branch.to_bus == bus else branch.sign_at_bus
        channels.append(Channel(site.points[branch.point], branch.id, branch.role, sign))
    if missing:
        return "no instrument on " + ", ".join(f"{b.id} ({b.role})" for b in missing)
    if not any(c.role in ("generator", "grid_tie", "transfer") for c in channels):
        return "no generator, tie or transfer is registered on it"
    plants = site.plants_at(bus)
    ties = tuple(i for i, c in enumerate(channels) if c.role == "grid_tie")
    through = ties or tuple(i for i, c in enumerate(channels) if c.role == "generator")
    bases = [p.lawful_basis for p in plants if p.lawful_basis]
    return Plan(
        Subject("bus", bus),
        DEDICATED_LINE_SUPPLY,
        tuple(channels),
        through,
        sum(p.losses.no_load_w for p in plants),
        math.sqrt(sum(p.losses.no_load_u_w**2 for p in plants)),
        sum(p.losses.load_at_rated_w for p in plants),
        site.rated_at(bus) or sum(b.rated_w or 0.0 for b in site.branches_at(bus)),
        site.buses[bus].u_nominal_v,
        tuple(unmetered),
        bases[0] if bases else None,
    )


def tie_plan(site: Site, branch: Branch) -> Plan | str:
    """The segment between a tie's plant-side instrument and its revenue meter, or why there is no balance."""
    if branch.point is None or branch.revenue_point is None:
        return "no instrument at the plant's side of the tie" if branch.point is None else "no revenue meter is registered"
    bus = branch.bus or ""
    plant_side = Channel(site.points[branch.point], branch.id, "grid_tie", 1)
    revenue = Channel(site.points[branch.revenue_point], branch.revenue_point, "revenue", -1)
    return Plan(
        Subject("branch", branch.id),
        BEHIND_THE_METER_SUPPLY,
        (plant_side, revenue),
        (1,),
        branch.tie_loss.no_load_w,
        0.3 * branch.tie_loss.no_load_w,
        branch.tie_loss.at_rated_w,
        site.rated_at(bus) or branch.rated_w or 0.0,
        site.buses[bus].u_nominal_v if bus in site.buses else None,
        (),
        branch.lawful_basis,
    )


def fill(plan: Plan, points: Mapping[str, PointSeries], usable: Mapping[str, NDArray[np.bool_]]) -> Segment | None:
    """The plan with its data; None where the instruments share less than two intervals."""
    names = [c.point.id for c in plan.channels]
    if any(name not in points for name in names):
        return None
    grid = common([points[name] for name in names], [usable[name] for name in names])
    if grid is None or grid.ts_ms.size < 2:
        return None
    x = grid.p_w * np.array([c.weight for c in plan.channels])
    scale = plan.rated_w or float(np.abs(x[0]).max()) or 1.0
    through_p = x[:, plan.through].sum(axis=1)
    through_q = (grid.q_var * np.array([c.weight for c in plan.channels]))[:, plan.through].sum(axis=1)
    knows_q = bool(np.isfinite(through_q[0]))
    squared = (through_p**2 + np.where(np.isfinite(through_q), through_q, 0.0) ** 2) / scale**2
    loss = plan.no_load_w + plan.load_loss_w * squared
    residual = x.sum(axis=1) - loss
    exact = _reconciled(plan, x, residual)
    slope = _slope(grid, exact)
    design, columns = _design(plan, grid, x, exact, slope, squared, LOAD_LOSS_U[0 if knows_q else 1])
    jitter = ((JITTER_S * slope) ** 2).sum(axis=1)
    scale_w = np.sqrt((x**2).sum(axis=1) + (FLOOR * scale) ** 2)
    known = slice(1, None)  # the first interval's slope is not known, and a record often begins while a unit starts
    return Segment(
        plan, grid.dt_ms, grid.ts_ms[known], x[known], loss[known], residual[known], design[known], scale_w[known], jitter[known],
        columns, int(grid.ts_ms[1]), grid.last_ms,
    )  # fmt: skip


def _reconciled(plan: Plan, x: Floats, residual: Floats) -> Floats:
    """X_i − W_i·R, W_i = σ_i²/Σσ²: the powers (n, c) that balance."""
    variance = (np.array([accuracy.relative_u(c.point) for c in plan.channels]) * x) ** 2
    share = variance / np.maximum(variance.sum(axis=1, keepdims=True), 1e-12)
    return np.asarray(x - share * residual[:, None])


def _design(
    plan: Plan, grid: Grid, x: Floats, exact: Floats, slope: Floats, squared: Floats, loss_u: float
) -> tuple[Floats, tuple[str, ...]]:
    """Scaled columns and their names."""
    u = np.array([accuracy.relative_u(c.point) for c in plan.channels])
    columns: list[Floats] = list((exact * u).T)
    names = [f"gain {c.point.id}" for c in plan.channels]
    for i, channel in enumerate(plan.channels):
        if (growth := _growth(plan, channel, x[:, i])) is not None:
            columns.append(exact[:, i] * growth)
            names.append(f"low load {channel.point.id}")
    for i, channel in enumerate(plan.channels):
        columns.append(slope[:, i] * max(CLOCK_U_S, channel.point.clock_u_s))
        names.append(f"clock {channel.point.id}")
    columns += [np.full(grid.ts_ms.size, _constant_u(plan)), plan.load_loss_w * loss_u * squared]
    names += ["no-load loss", "load loss"]
    limit = np.array([max(accuracy.limits(c.point).meter, accuracy.limits(c.point).ct) for c in plan.channels])
    power = np.sqrt(((limit * exact) ** 2).sum(axis=1))
    angle = 2 * np.pi * (grid.ts_ms % DAY_MS) / DAY_MS
    columns += [DIURNAL * power * np.sin(angle), DIURNAL * power * np.cos(angle), DRIFT[0] * power, DRIFT[1] * power]
    names += ["day sin", "day cos", "drift 8 h", "drift 5 d"]
    return np.column_stack(columns), tuple(names)


def _growth(plan: Plan, channel: Channel, x: Floats) -> Floats | None:
    """(growth of the CT limit at low load − 1) × standard uncertainty of its ratio; None where currents are not known."""
    table = accuracy.low_load_growth(channel.point)
    if not table or plan.u_nominal_v is None or channel.point.i_rated_a is None:
        return None
    rated = math.sqrt(3) * plan.u_nominal_v * channel.point.i_rated_a
    shares = np.log(np.maximum(np.abs(x) / rated, 1e-4))
    factor = np.interp(shares, np.log([s for s, _ in table]), [f for _, f in table])
    return np.asarray((factor - 1) * accuracy.limits(channel.point).ct / math.sqrt(3))


def _slope(grid: Grid, exact: Floats) -> Floats:
    """Change of each power since the interval before (also over a gap), W/s, from the past alone. The very first, not used, is zero."""
    slope = np.zeros_like(exact)
    if exact.shape[0] > 1:
        slope[1:] = np.diff(exact, axis=0) / (np.diff(grid.ts_ms)[:, None] / 1000)
    return slope


def _constant_u(plan: Plan) -> float:
    """Standard uncertainty of what does not follow power, W: no-load loss, unmetered branches, the meters' own resolution."""
    unmetered = sum((UNMETERED_U[b.role] * (b.rated_w or plan.rated_w)) ** 2 for b in plan.unmetered)
    return math.sqrt(plan.no_load_u_w**2 + unmetered + (RESOLUTION * plan.rated_w) ** 2) or 1.0
