"""Series of readings, as detection, store and files hand them to each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OK, ESTIMATED, SUSPECT, MISSING = 0, 1, 2, 3
"""Quality of an interval. Only OK takes part in a balance."""

QUALITY_NAMES = ("ok", "estimated", "suspect", "missing")


@dataclass(slots=True)
class PointSeries:
    """Intervals of one metering point, ascending in time, at most one for each start.

    All arrays have shape (n,). ``ts_ms`` is the START of the interval (UTC ms), ``dur_ms`` its length. Powers are primary
    mean values with the instrument's own sign (the register's ``sign`` is not applied). NaN where a quantity is absent.
    """

    point: str
    ts_ms: NDArray[np.int64]
    dur_ms: NDArray[np.int64]
    p_w: NDArray[np.float64]
    q_var: NDArray[np.float64]
    u_v: NDArray[np.float64]
    i_a: NDArray[np.float64]
    pf: NDArray[np.float64]
    f_hz: NDArray[np.float64]
    thd_i_pct: NDArray[np.float64]
    quality: NDArray[np.uint8]


@dataclass(slots=True)
class ContextSeries:
    """One quantity of what else is known of a plant; a value holds until the next, at most a day."""

    plant: str
    quantity: str
    ts_ms: NDArray[np.int64]
    value: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StepEvent:
    """A step that a device detected, with its own time stamp and that stamp's uncertainty."""

    ts_ms: int
    point: str
    dp_w: float
    dq_var: float
    rise_ms: int
    clock_u_ms: int


@dataclass(frozen=True, slots=True)
class DataProblem:
    """An entry of ``data_quality``: rows that could not be used, and why."""

    point: str
    problem: str
    from_ms: int | None
    to_ms: int | None
    rows: int


@dataclass(slots=True)
class SiteReadings:
    """Everything that is known of one site in numbers."""

    points: dict[str, PointSeries] = field(default_factory=dict)
    context: list[ContextSeries] = field(default_factory=list)
    events: list[StepEvent] = field(default_factory=list)
    problems: list[DataProblem] = field(default_factory=list)
