"""What a site consists of: frozen records that mirror ``site.yaml`` (format ``gridwitness-site/1``). No reading, no checks.

Powers in W, voltages in V, currents in A, times in UTC ms. ``None`` where the register says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

PLANT_KINDS = ("hydro", "thermal", "solar", "wind", "captive")
ROLES = (
    "generator", "station_service", "excitation", "registered_load", "near_area_supply", "backup_supply", "compensator",
    "storage", "grid_tie", "transfer", "observed_line",
)  # fmt: skip
POINT_KINDS = ("verified_meter", "meter", "clamp")
METER_CLASSES = ("0.2S", "0.5S", "0.5", "1", "2", "D", "C", "B", "A")
CT_CLASSES = ("0.2S", "0.2", "0.5S", "0.5", "1", "3", "5P", "10P")
VT_CLASSES = ("0.2", "0.5", "1", "3")
CT_POSITIONS = ("neutral", "terminal", "line")
LAWFUL_BASES = (
    "supply_licence", "green_direct", "incremental_network", "self_supply_area", "near_area_supply", "captive_approved",
    "construction", "emergency",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LawfulBasis:
    """A permission that covers a supply; a fact within it is reported as covered and is never a ``case``."""

    type: str
    ref: str | None
    from_ms: int | None
    to_ms: int | None
    limit_w: float | None


@dataclass(frozen=True, slots=True)
class Bus:
    """A busbar; ``u_nominal_v`` is phase to phase."""

    id: str
    u_nominal_v: float | None


@dataclass(frozen=True, slots=True)
class Hydro:
    """Head, efficiency at rated flow, rated flow."""

    head_m: float | None
    efficiency: float | None
    rated_flow_m3s: float | None


@dataclass(frozen=True, slots=True)
class Losses:
    """Transformer(s) between bus and tie instrument: no_load_w (k = 1 uncertainty no_load_u_w) + load_at_rated_w · (S/rated)²."""

    no_load_w: float = 0.0
    no_load_u_w: float = 0.0
    load_at_rated_w: float = 0.0


@dataclass(frozen=True, slots=True)
class TieLoss:
    """Loss between tie instrument and revenue meter, at the summed rating of the bus's plants."""

    no_load_w: float = 0.0
    at_rated_w: float = 0.0


@dataclass(frozen=True, slots=True)
class Plant:
    """A power plant on one bus."""

    id: str
    kind: str
    bus: str
    rated_w: float
    hydro: Hydro | None
    losses: Losses
    lawful_basis: LawfulBasis | None


@dataclass(frozen=True, slots=True)
class Branch:
    """Anything that carries energy into or out of a bus; without ``point`` nothing measures it."""

    id: str
    bus: str | None
    role: str
    plant: str | None
    point: str | None
    revenue_point: str | None
    to_bus: str | None
    customer: str | None
    licence: str | None
    rated_w: float | None
    tie_loss: TieLoss
    lawful_basis: LawfulBasis | None

    @property
    def sign_at_bus(self) -> int:
        """+1 where a positive power flows INTO the bus (generators), −1 for every other role."""
        return 1 if self.role == "generator" else -1


@dataclass(frozen=True, slots=True)
class Point:
    """A metering point: one instrument on one branch, with its classes."""

    id: str
    kind: str
    meter_class: str
    ct_class: str | None
    vt_class: str | None
    i_rated_a: float | None
    sign: int
    clock_u_s: float
    ct_position: str | None


@dataclass(frozen=True, slots=True)
class Customer:
    """Who is supplied by a registered load."""

    id: str
    name: dict[str, str]
    sector: str | None
    contract_w: float | None
    lawful_basis: LawfulBasis | None


@dataclass(frozen=True, slots=True)
class Order:
    """A cut-off order on a branch."""

    id: str
    branch: str
    from_ms: int


@dataclass(frozen=True, slots=True)
class Outage:
    """A logged reason for reduced output; ``limit_w`` is what the plant could still give."""

    plant: str
    from_ms: int
    to_ms: int | None
    reason: str
    limit_w: float | None


@dataclass(frozen=True, slots=True)
class Line:
    """Several ties that share one line to one revenue meter."""

    id: str
    ties: tuple[str, ...]
    revenue_point: str
    length_km: float | None
    r_ohm: float | None
    loss_owner: str | None


@dataclass(frozen=True, slots=True)
class Site:
    """A register: everything that is known to be connected. Mappings are keyed by id, in the order of the file."""

    id: str
    name: dict[str, str]
    timezone: str
    buses: dict[str, Bus] = field(default_factory=dict)
    plants: dict[str, Plant] = field(default_factory=dict)
    branches: dict[str, Branch] = field(default_factory=dict)
    points: dict[str, Point] = field(default_factory=dict)
    customers: dict[str, Customer] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    outages: tuple[Outage, ...] = ()
    lines: dict[str, Line] = field(default_factory=dict)
    monitored_from_ms: int | None = None

    def branches_at(self, bus: str) -> tuple[Branch, ...]:
        """All branches that begin or end (``transfer``) at a bus."""
        return tuple(b for b in self.branches.values() if bus in (b.bus, b.to_bus))

    def plants_at(self, bus: str) -> tuple[Plant, ...]:
        """All plants of a bus."""
        return tuple(p for p in self.plants.values() if p.bus == bus)

    def rated_at(self, bus: str) -> float:
        """Summed rating of a bus's plants, W."""
        return sum(p.rated_w for p in self.plants_at(bus))

    def branch_of(self, point: str) -> Branch | None:
        """The branch that a point (as instrument or revenue meter) measures."""
        return next((b for b in self.branches.values() if point in (b.point, b.revenue_point)), None)
