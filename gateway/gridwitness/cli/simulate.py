"""``gridwitness simulate``: a scenario as a case folder, with its truth."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import Progress

from gridwitness.domain.errors import GridwitnessError
from gridwitness.domain.moments import DAY_MS
from gridwitness.sim import casefolder, scenario

MINUTES_A_DAY = DAY_MS // 60_000


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("simulate")(simulate)


def simulate(
    name: str = typer.Argument("", metavar="SCENARIO", help="Name of a scenario (see --list) or a .yaml file (docs/scenario.md)."),
    out: Path = typer.Option(None, "--out", metavar="CASE_DIR", help="Folder to make: site.yaml, readings.csv, context.csv, truth.json."),
    seed: int = typer.Option(None, "--seed", help="Seed instead of the scenario's; the same seed gives the same files."),
    no_mine: bool = typer.Option(False, "--no-mine", help="Nothing is hidden: the control case."),
    days: float = typer.Option(None, "--days", help="Length in days instead of the scenario's."),
    onset_min: float = typer.Option(None, "--onset-min", help="Minutes after the start at which the hidden load comes on."),
    interval: int = typer.Option(60, "--interval", help="Seconds of one reading; a divisor of 3600."),
    force: bool = typer.Option(False, "--force", help="Replace a case folder that is there already."),
    listing: bool = typer.Option(False, "--list", help="Name the scenarios of this package and end."),
    as_json: bool = typer.Option(False, "--json", help="JSON on standard output."),
) -> None:
    """Simulate a plant and write its readings as files that `gridwitness analyse` reads."""
    if listing:
        _list(as_json)
        return
    if not name or out is None:
        raise GridwitnessError("usage", "simulate needs a SCENARIO and --out CASE_DIR", "gridwitness simulate longtan --out case")
    minutes = None if days is None else days * MINUTES_A_DAY
    chosen = scenario.load(name).changed(seed=seed, minutes=minutes, onset_min=onset_min, mine=not no_mine)
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(f"simulating {chosen.id}", total=1.0)
        made = casefolder.write(chosen, out, interval_s=interval, force=force, progress=lambda share: bar.update(task, completed=share))
    if as_json:
        print(json.dumps({"case": str(made.folder), "rows": made.rows, "supplies": made.supplies, "seed": chosen.seed}))
    else:
        typer.echo(f"{made.folder}: {made.rows} readings, {made.supplies or 'nothing'} hidden, seed {chosen.seed}")


def _list(as_json: bool) -> None:
    known = scenario.builtin()
    if as_json:
        print(json.dumps(known, ensure_ascii=False))
        return
    for name, title in known.items():
        typer.echo(f"{name}  {title}")
