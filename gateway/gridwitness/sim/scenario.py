"""Reading a scenario file: every problem is named with file, line and field (docs/scenario.md)."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import yaml

from gridwitness.domain.errors import GridwitnessError
from gridwitness.domain.moments import parse_ms
from gridwitness.sim.model import MAX_SEED, Board, Generator, Grid, Instruments, Load, Meter, Mine, Pump, River, Scenario
from gridwitness.sim.register import Register, read_register
from gridwitness.sim.yamlfields import Document, Fields

FORMAT = "gridwitness-scenario/1"
FLAT_DAY = (1.0,) * 24


def builtin() -> dict[str, str]:
    """Names of the scenarios in the package, with their English titles."""
    folder = resources.files("gridwitness.sim") / "scenarios"
    names = sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))
    return {name: load(name).title["en"] for name in names}


def locate(name: str) -> Path:
    """The file that a name of ``builtin()``, or a path, stands for."""
    path = Path(name)
    if path.suffix in (".yaml", ".yml") or path.exists():
        return path
    inside = Path(str(resources.files("gridwitness.sim") / "scenarios" / f"{name}.yaml"))
    if not inside.is_file():
        hint = "gridwitness simulate --list, or the path of a .yaml file"
        raise GridwitnessError("no_such_scenario", f"there is no scenario {name!r}", hint)
    return inside


def load(name: str | Path) -> Scenario:
    """Read and check a scenario (a name or a path); every problem is named with file, line and field."""
    path = locate(str(name))
    document = Document(path)
    scenario = read(document)
    document.check(f"scenario {path}")
    return scenario


def site_yaml(scenario: Scenario) -> str:
    """The register's extract as ``site.yaml`` (analysis-files format): all that an analysis may know."""
    return yaml.safe_dump(scenario.register.raw, allow_unicode=True, sort_keys=False, width=140)


def read(document: Document) -> Scenario:
    """Read a parsed file. Problems are noted in the document, not raised."""
    root = document.root
    if root.text("format") != FORMAT:
        root.fail("format", f"is not {FORMAT}")
    register = read_register(root.section("register"))
    titles = root.section("title")
    scenario = Scenario(
        id=root.text("id"),
        title={key: titles.text(key) for key in ("zh", "en")},
        seed=root.whole("seed", 0, MAX_SEED),
        start_ms=_moment(root, "start"),
        duration_s=60 * root.number("duration_min", 1, 60 * 24 * 3660),
        grid=_grid(root.section("grid")),
        river=_river(root.section("river")),
        generators={key: _generator(root.section("generators").section(key)) for key in register.generators},
        loads={key: _load(root.section("loads").section(key)) for key in register.loads},
        reactive_at_rated_var=_tie(root.section("tie")),
        instruments=_instruments(root.section("instruments")),
        hidden=tuple(_mine(entry) for entry in root.sections("hidden", optional=True)),
        boards=tuple(_board(entry, register) for entry in root.sections("boards")),
        register=register,
    )
    for key, known in (("generators", register.generators), ("loads", register.loads)):
        for name in root.section(key).names():
            if name not in known:
                root.section(key).fail(name, "is no such branch of the register", f"known: {', '.join(known) or 'none'}")
    if len({board.dev for board in scenario.boards}) != len(scenario.boards):
        root.fail("boards", "two boards have one name")
    units = [meter.unit for board in scenario.boards for meter in board.meters]
    if len(set(units)) != len(units):
        root.fail("boards", "two meters have one unit number", "all meters of a scenario answer on one port")
    if len({mine.id for mine in scenario.hidden}) != len(scenario.hidden):
        root.fail("hidden", "two hidden loads have one id")
    titles.done()
    root.done()
    return scenario


def _moment(fields: Fields, key: str) -> int:
    text = fields.text(key)
    try:
        return parse_ms(text)
    except ValueError as error:
        fields.fail(key, str(error))
        return 0


def _grid(f: Fields) -> Grid:
    out = Grid(
        f_sd_hz=f.number("f_sd_hz", 0, 1),
        u_offset_pct=f.number("u_offset_pct", -20, 20),
        u_sd_pct=f.number("u_sd_pct", 0, 10),
        u_noise_pct=f.number("u_noise_pct", 0, 5),
        harmonics_pct=f.by_order("harmonics_pct"),
    )
    f.done()
    return out


def _river(f: Fields) -> River:
    out = River(
        flow_m3s=f.number("flow_m3s", 0.01, 1e5),
        season_sd_pct=f.number("season_sd_pct", 0, 40),
        pondage_sd_pct=f.number("pondage_sd_pct", 0, 20),
        turbulence_pct=f.number("turbulence_pct", 0, 5),
        head_sd_m=f.number("head_sd_m", 0, 50),
        tailwater_m_per_m3s=f.number("tailwater_m_per_m3s", 0, 10),
        part_load_droop=f.number("part_load_droop", 0, 1),
        gauge_u_pct=f.number("gauge_u_pct", 0, 50),
    )
    f.done()
    return out


def _generator(f: Fields) -> Generator:
    out = Generator(
        share=f.number("share", 0.001, 1),
        share_sd_pct=f.number("share_sd_pct", 0, 30),
        noise_pct=f.number("noise_pct", 0, 10),
        pf=f.number("pf", 0.5, 1),
        pf_sd=f.number("pf_sd", 0, 0.1),
    )
    f.done()
    return out


def _load(f: Fields) -> Load:
    out = Load(
        base_w=f.number("base_w", 0, 1e10),
        by_hour=f.numbers("by_hour", 24, 0, 100, FLAT_DAY),
        sd_pct=f.number("sd_pct", 0, 50),
        noise_pct=f.number("noise_pct", 0, 50),
        pf=f.number("pf", 0.1, 1),
        unbalance_pct=f.number("unbalance_pct", 0, 30),
        harmonics_pct=f.by_order("harmonics_pct"),
        pump=_pump(f),
    )
    f.done()
    return out


def _pump(f: Fields) -> Pump | None:
    if "pump" not in f.names():
        return None
    p = f.section("pump")
    every_s = p.number("every_s", 1, 1e6)
    out = Pump(power_w=p.number("power_w", 0, 1e9), every_s=every_s, on_s=p.number("on_s", 0, every_s))
    p.done()
    return out


def _tie(f: Fields) -> float:
    out = f.number("reactive_at_rated_var", 0, 1e9)
    f.done()
    return out


def _instruments(f: Fields) -> Instruments:
    out = Instruments(
        error_share=f.number("error_share", 0, 5),
        sample_noise_counts=f.number("sample_noise_counts", 0, 1000),
        u_full_scale=f.number("u_full_scale", 1, 10),
        i_full_scale=f.number("i_full_scale", 1, 10),
    )
    f.done()
    return out


def _mine(f: Fields) -> Mine:
    from_min = f.number("from_min", 0, 1e8)
    to_min = f.maybe("to_min", from_min, 1e8)
    out = Mine(
        id=f.text("id"),
        where=f.text("where", "bus", ("bus", "tie")),
        from_s=from_min * 60,
        to_s=None if to_min is None else to_min * 60,
        rigs=f.whole("rigs", 1, 10_000),
        rig_w=f.number("rig_w", 0, 1e6),
        noise_pct=f.number("noise_pct", 0, 50),
        start_s=f.number("start_s", 0, 1e6),
        restarts_per_day=f.number("restarts_per_day", 0, 50),
        restart_s=f.number("restart_s", 0, 1000),
        pf=f.number("pf", 0.1, 1),
        unbalance_pct=f.number("unbalance_pct", 0, 30),
        harmonics_pct=f.by_order("harmonics_pct"),
    )
    f.done()
    return out


def _board(f: Fields, register: Register) -> Board:
    dev = f.text("dev")
    if not re.fullmatch(r"[a-z0-9-]{3,32}", dev):
        f.fail("dev", f"{dev!r} is no device name", "3 to 32 of a-z, 0-9 and -")
    out = Board(dev, _point(f, "samples", register), tuple(_meter(entry, register) for entry in f.sections("meters", optional=True)))
    f.done()
    return out


def _meter(f: Fields, register: Register) -> Meter:
    out = Meter(
        point=_point(f, "point", register),
        profile=f.text("profile", "iem3000", ("iem3000",)),
        unit=f.whole("unit", 1, 247),
        period_s=f.number("period_s", 0.2, 3600),
        ea_imp_wh=f.whole("ea_imp_wh", 0, 10**15, 0),
        ea_exp_wh=f.whole("ea_exp_wh", 0, 10**15, 0),
    )
    f.done()
    return out


def _point(f: Fields, key: str, register: Register) -> str:
    point = f.text(key)
    if point not in register.points:
        f.fail(key, f"{point!r} is no point of the register", f"known: {', '.join(register.points)}")
    return point
