"""What a scenario is made of (docs/scenario.md explains every field). ``gridwitness.sim.scenario`` reads one from its file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from gridwitness.domain.errors import GridwitnessError
from gridwitness.sim.register import Register

MAX_SEED = 2**31


@dataclass(frozen=True, slots=True)
class Grid:
    """The grid behind the tie: frequency and voltage. Percentages are of nominal."""

    f_sd_hz: float
    u_offset_pct: float
    u_sd_pct: float
    u_noise_pct: float
    harmonics_pct: dict[int, float]


@dataclass(frozen=True, slots=True)
class River:
    """Water through the turbines."""

    flow_m3s: float
    season_sd_pct: float
    pondage_sd_pct: float
    turbulence_pct: float
    head_sd_m: float
    tailwater_m_per_m3s: float
    part_load_droop: float
    gauge_u_pct: float


@dataclass(frozen=True, slots=True)
class Generator:
    """How a unit shares the water, and its power factor."""

    share: float
    share_sd_pct: float
    noise_pct: float
    pf: float
    pf_sd: float


@dataclass(frozen=True, slots=True)
class Pump:
    """A motor that runs ``on_s`` out of every ``every_s`` seconds."""

    power_w: float
    every_s: float
    on_s: float


@dataclass(frozen=True, slots=True)
class Load:
    """A metered load: mean power, relative shape over the local day, noise, current quality."""

    base_w: float
    by_hour: tuple[float, ...]
    sd_pct: float
    noise_pct: float
    pf: float
    unbalance_pct: float
    harmonics_pct: dict[int, float]
    pump: Pump | None


@dataclass(frozen=True, slots=True)
class Instruments:
    """How wrong the instruments are, and what their converters are like."""

    error_share: float
    sample_noise_counts: float
    u_full_scale: float
    i_full_scale: float


@dataclass(frozen=True, slots=True)
class Mine:
    """A hidden load: machines of constant power, at the plant's bus or ahead of the revenue meter."""

    id: str
    where: str
    from_s: float
    to_s: float | None
    rigs: int
    rig_w: float
    noise_pct: float
    start_s: float
    restarts_per_day: float
    restart_s: float
    pf: float
    unbalance_pct: float
    harmonics_pct: dict[int, float]


@dataclass(frozen=True, slots=True)
class Meter:
    """A Modbus meter that a board polls, and its registers' readings at the scenario's start."""

    point: str
    profile: str
    unit: int
    period_s: float
    ea_imp_wh: int
    ea_exp_wh: int


@dataclass(frozen=True, slots=True)
class Board:
    """A board: the point whose waveforms it samples, and the meters it polls."""

    dev: str
    samples: str
    meters: tuple[Meter, ...]


@dataclass(frozen=True)
class Scenario:
    """One scenario. Times are seconds since ``start_ms``."""

    id: str
    title: dict[str, str]
    seed: int
    start_ms: int
    duration_s: float
    grid: Grid
    river: River
    generators: dict[str, Generator]
    loads: dict[str, Load]
    reactive_at_rated_var: float
    instruments: Instruments
    hidden: tuple[Mine, ...]
    boards: tuple[Board, ...]
    register: Register

    @cached_property
    def local_start_s(self) -> float:
        """Seconds of the local day at the start, for daily shapes."""
        at = datetime.fromtimestamp(self.start_ms / 1000, ZoneInfo(self.register.timezone))
        return at.hour * 3600 + at.minute * 60 + at.second

    def changed(
        self, *, seed: int | None = None, minutes: float | None = None, onset_min: float | None = None, mine: bool = True
    ) -> Scenario:
        """The same scenario with another seed, duration or onset, or with nothing hidden.

        Raises GridwitnessError for a seed or duration that cannot be.
        """
        if minutes is not None and not minutes > 0:
            raise GridwitnessError("bad_duration", f"a scenario cannot last {minutes:g} minutes", "give a number above 0")
        if seed is not None and not 0 <= seed <= MAX_SEED:
            raise GridwitnessError("bad_seed", f"{seed} is no seed", f"give a whole number from 0 to {MAX_SEED}")
        hidden = self.hidden if mine else ()
        if onset_min is not None:
            hidden = tuple(replace(h, from_s=onset_min * 60) for h in hidden)
        return replace(
            self,
            seed=self.seed if seed is None else seed,
            duration_s=self.duration_s if minutes is None else minutes * 60,
            hidden=hidden,
        )
