"""A finding: a physical fact with its evidence. Times are UTC ms, powers W, energies Wh. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

WATCH, CASE, CANNOT_TELL = "watch", "case", "cannot_tell"

DEDICATED_LINE_SUPPLY = "dedicated_line_supply"
BEHIND_THE_METER_SUPPLY = "behind_the_meter_supply"
CALIBRATION_CONFLICT = "calibration_conflict"
BAD_DATA = "bad_data"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a finding speaks of: ``bus``, ``plant``, ``branch``, ``point`` or ``order``, and its id."""

    type: str
    id: str


@dataclass(frozen=True, slots=True)
class Energy:
    """Energy of a hidden load. Expanded uncertainties at k = 2 after the GUM.

    ``energy_wh`` covers the whole time with missing intervals filled at the model's mean; ``measured`` only intervals in which
    every needed instrument was OK; ``penalty`` is the lower bound of the measured part from the latest plausible onset.
    """

    mean_power_w: float
    energy_wh: float
    u95_wh: float
    measured_wh: float
    measured_u95_wh: float
    filled_wh: float
    hours_unmeasured: float
    penalty_wh: float

    @property
    def low_wh(self) -> float:
        """Lower bound of the energy, never below zero."""
        return max(0.0, self.energy_wh - self.u95_wh)


@dataclass(frozen=True, slots=True)
class Alternative:
    """An innocent explanation: the smallest shift that would do, beside the limit that applies."""

    what: str
    needed: str
    limit: str
    inside_limits: bool


@dataclass(frozen=True, slots=True)
class Contribution:
    """One part of the evidence; the parts' ``llr`` sum to the finding's."""

    detector: str
    statistic: str
    value: float
    threshold: float | None
    llr: float


@dataclass(frozen=True, slots=True)
class Prior:
    """Log-odds before any evidence, and where they come from."""

    log_odds: float
    source: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. ``to_ms`` is None while it lasts. ``energy`` is None where no energy is meant (``bad_data``).

    ``onset_earliest_ms`` and ``onset_latest_ms`` bound the onset's 95 % posterior interval.
    """

    kind: str
    subject: Subject
    status: str
    from_ms: int
    to_ms: int | None
    detected_ms: int
    confidence: float | None
    llr: float | None
    prior: Prior | None
    energy: Energy | None = None
    covered_by: str | None = None
    alternatives: tuple[Alternative, ...] = ()
    contributions: tuple[Contribution, ...] = ()
    class_probabilities: tuple[tuple[str, float], ...] = ()
    not_observable: tuple[str, ...] = ()
    explanation_zh: str = ""
    explanation_en: str = ""
    onset_earliest_ms: int | None = None
    onset_latest_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Unchecked:
    """An entry of ``cannot_check``: what no data of this site can decide, and why."""

    subject: Subject
    why: str
