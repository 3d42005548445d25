"""The part of a scenario's register that the simulated plant obeys: one hydro plant, one bus, one tie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from gridwitness.sim import classes
from gridwitness.sim.yamlfields import Fields

LOADS = ("station_service", "registered_load")


@dataclass(frozen=True, slots=True)
class Losses:
    """No-load and load loss at ``rated_va``, as analysis-files states them: ``no_load + at_rated · (S/rated)²``."""

    no_load_w: float
    no_load_u_w: float
    at_rated_w: float


@dataclass(frozen=True, slots=True)
class Point:
    """A metering point's instrument chain."""

    id: str
    meter_class: str
    ct_class: str
    vt_class: str | None
    i_rated_a: float
    sign: int


@dataclass(frozen=True, slots=True)
class Register:
    """What the simulation needs of the register; ``raw`` is all of it. ``generators`` and ``loads`` map branch to point."""

    raw: dict[str, Any]
    site: str
    timezone: str
    bus: str
    plant: str
    tie: str
    u_nominal_v: float
    rated_w: float
    unit_rated_w: dict[str, float]
    head_m: float
    efficiency: float
    rated_flow_m3s: float
    transformer: Losses
    tie_loss: Losses
    generators: dict[str, str]
    loads: dict[str, str]
    tie_point: str
    revenue_point: str
    points: dict[str, Point]


def read_register(f: Fields) -> Register:
    """Read the register of a scenario. Keys that the simulation does not use are left alone: they are the analysis' affair."""
    if f.text("format") != "gridwitness-site/1":
        f.fail("format", "is not gridwitness-site/1")
    site, bus, plant = f.section("site"), _only(f, "buses"), _only(f, "plants")
    hydro = plant.section("hydro")
    branches = f.sections("branches")
    by_role: dict[str, list[Fields]] = {}
    for branch in branches:
        by_role.setdefault(branch.text("role"), []).append(branch)
    for role in by_role:
        if role not in ("generator", "grid_tie", *LOADS):
            by_role[role][0].fail("role", f"{role!r} is not simulated yet", f"simulated: generator, grid_tie, {', '.join(LOADS)}")
    ties = by_role.get("grid_tie", [])
    if len(ties) != 1:
        f.fail("branches", f"has {len(ties)} grid ties; the simulated plant has exactly one")
    tie = ties[0] if ties else Fields(f.document, (), {"id": "", "point": "", "revenue_point": ""})
    points = {point.id: point for point in map(_point, f.sections("points"))}
    register = Register(
        raw=f.all(),
        site=site.text("id"),
        timezone=_zone(site),
        bus=bus.text("id"),
        plant=plant.text("id"),
        tie=tie.text("id"),
        u_nominal_v=bus.number("u_nominal_v", 100, 1e6),
        rated_w=plant.number("rated_w", 1, 1e11),
        unit_rated_w={b.text("id"): b.number("rated_w", 1, 1e11) for b in by_role.get("generator", [])},
        head_m=hydro.number("head_m", 0.5, 2000),
        efficiency=hydro.number("efficiency", 0.1, 1),
        rated_flow_m3s=hydro.number("rated_flow_m3s", 0.01, 1e5),
        transformer=_losses(plant.section("losses", optional=True), "load_at_rated_w"),
        tie_loss=_losses(tie.section("tie_loss", optional=True), "at_rated_w"),
        generators=_points_of(by_role.get("generator", []), points),
        loads=_points_of([b for role in LOADS for b in by_role.get(role, [])], points),
        tie_point=_known(tie, "point", points),
        revenue_point=_known(tie, "revenue_point", points),
        points=points,
    )
    if not register.generators:
        f.fail("branches", "has no generator")
    return register


def _only(f: Fields, key: str) -> Fields:
    entries = f.sections(key)
    if len(entries) != 1:
        f.fail(key, f"has {len(entries)} entries; the simulated plant has exactly one")
    return entries[0] if entries else Fields(f.document, (key,), {})


def _zone(site: Fields) -> str:
    name = site.text("timezone")
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        site.fail("timezone", f"{name!r} is no time zone", "for instance Asia/Shanghai")
        return "UTC"
    return name


def _losses(f: Fields, load_key: str) -> Losses:
    return Losses(f.number("no_load_w", 0, 1e8, 0), f.number("no_load_u_w", 0, 1e8, 0), f.number(load_key, 0, 1e9, 0))


def _point(f: Fields) -> Point:
    no_vt = f.value("vt_class", None) is None
    return Point(
        f.text("id"),
        _class(f, "meter_class", tuple(classes.METER)),
        _class(f, "ct_class", tuple(classes.CT)),
        None if no_vt else _class(f, "vt_class", tuple(classes.VT)),
        f.number("i_rated_a", 0.001, 1e6),
        f.whole("sign", -1, 1, 1) or 1,
    )


def _class(f: Fields, key: str, known: tuple[str, ...]) -> str:
    """``0.5`` in YAML is a number, ``0.5S`` a text: both become texts."""
    value = f.value(key)
    name = f"{value:g}" if isinstance(value, int | float) else str(value)
    if name not in known:
        f.fail(key, f"{name} is no class", f"known: {', '.join(known)}")
        return known[0]
    return name


def _points_of(branches: list[Fields], points: dict[str, Point]) -> dict[str, str]:
    return {branch.text("id"): _known(branch, "point", points) for branch in branches}


def _known(branch: Fields, key: str, points: dict[str, Point]) -> str:
    point = branch.text(key)
    if point not in points:
        branch.fail(key, f"{point!r} is not among the points")
    return point
