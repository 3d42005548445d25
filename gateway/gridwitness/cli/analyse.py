"""``gridwitness analyse``: the detection engine on files."""

from __future__ import annotations

import os
import sys
import traceback
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer

from gridwitness.domain.errors import GridwitnessError, InputError, Problem
from gridwitness.domain.moments import parse_ms

PIPE_COLUMNS = 160


@dataclass(frozen=True, slots=True)
class Job:
    """One case to analyse."""

    folder: Path
    from_ms: int | None
    to_ms: int | None


@dataclass(slots=True)
class Outcome:
    """A case's document, or why there is none. ``internal`` marks a fault of ours."""

    case: str
    document: dict[str, Any] | None = None
    error: str = ""
    internal: bool = False
    warnings: list[str] = field(default_factory=list)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("analyse")(analyse)


def analyse(
    cases: list[Path] | None = typer.Argument(None, help="Case folders (site.yaml, readings.csv, …).", show_default=False),
    each: Path | None = typer.Option(None, "--each", help="Analyse every folder in FOLDER that has a site.yaml."),
    as_json: bool = typer.Option(False, "--json", help="JSON on stdout; always so for several cases (one line each)."),
    from_: str | None = typer.Option(None, "--from", help="Leave out findings that end before T; earlier records still calibrate."),
    to: str | None = typer.Option(None, "--to", help="Only records whose interval ended by T exist."),
    out: Path | None = typer.Option(None, "--out", help="Write there instead of stdout."),
    seed: int = typer.Option(0, "--seed", help="Seed of detectors that draw numbers; none of this version's does."),
) -> None:
    """Findings from files: energy that leaves generators and arrives nowhere registered.

    Exit status: 0 analysed, 2 usage or input that cannot be used, 1 internal error.
    """
    del seed
    jobs = _jobs(list(cases or []), each, _moment("--from", from_), _moment("--to", to))
    several = each is not None or len(jobs) > 1
    outcomes = _run(jobs)
    for outcome in outcomes:
        for line in outcome.warnings:
            print(f"warning: {line}", file=sys.stderr)
        if outcome.error:
            print(f"error[{'internal' if outcome.internal else 'invalid_input'}]: {outcome.error}", file=sys.stderr)
    if several or as_json or out is not None:
        _write(outcomes, several, out)
    else:
        _show(outcomes[0])
    if any(o.internal for o in outcomes):
        raise typer.Exit(1)
    if any(o.error for o in outcomes):
        raise typer.Exit(2)


def one(job: Job) -> Outcome:
    """Analyse one case; never raises."""
    # Imported here, so that `--help` and usage errors do not pay for NumPy.
    from gridwitness.detect.document import document
    from gridwitness.detect.engine import analyse as engine
    from gridwitness.ingest import casefiles

    outcome = Outcome(job.folder.resolve().name)
    try:
        site, readings, warnings = casefiles.read(job.folder)
        outcome.warnings = [str(w) for w in warnings]
        analysis = engine(site, readings, to_ms=job.to_ms, from_ms=job.from_ms)
        outcome.document = document(analysis, site, outcome.case)
    except GridwitnessError as error:
        outcome.error = error.sentence + (f" ({error.hint})" if error.hint else "")
    except Exception as error:
        outcome.error, outcome.internal = f"{type(error).__name__}: {error}", True
        outcome.warnings.append(f"{job.folder}: this is a fault of gridwitness; please report it with this trace\n{traceback.format_exc()}")
    return outcome


def _moment(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_ms(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no time with offset, for instance 2025-01-01T00:00:00+08:00", param_hint=option) from error


def _jobs(cases: list[Path], each: Path | None, from_ms: int | None, to_ms: int | None) -> list[Job]:
    """The folders to analyse, sorted by name; folders below ``each`` without a register are passed over."""
    if each is not None:
        if not each.is_dir():
            raise typer.BadParameter(f"{each} is no folder", param_hint="--each")
        cases += [path.parent for path in sorted(each.glob("*/site.yaml"))]
    elif not cases:
        raise typer.BadParameter("name a case folder, or use --each FOLDER")
    by_name: dict[str, Path] = {}
    for folder in cases:
        name = folder.resolve().name
        if name in by_name:
            text = f"the case name {name!r} stands for {by_name[name]} too"
            raise InputError("the list of cases", [Problem(str(folder), None, None, text, "rename one of the folders")])
        by_name[name] = folder
    return [Job(by_name[name], from_ms, to_ms) for name in sorted(by_name)]


def _run(jobs: list[Job]) -> list[Outcome]:
    """All cases, side by side on all cores; the order and the result do not depend on how many there are."""
    workers = min(len(jobs), len(os.sched_getaffinity(0)))
    if workers <= 1:
        return [one(job) for job in jobs]
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # workers are processes already; threads below them only get in the way
    with ProcessPoolExecutor(workers) as pool:
        return list(_progress(pool.map(one, jobs), len(jobs)))


def _progress(outcomes: Any, total: int) -> Any:
    """A progress bar on stderr, and only on a terminal."""
    if not sys.stderr.isatty():
        return outcomes
    from rich.console import Console
    from rich.progress import track

    return track(outcomes, description="analysing", total=total, console=Console(stderr=True))


def _write(outcomes: list[Outcome], several: bool, out: Path | None) -> None:
    from gridwitness.detect.document import dumps

    docs = [o.document or {"case": o.case, "error": o.error} for o in outcomes if several or o.document]
    text = "".join(dumps(doc) + "\n" for doc in docs)
    if out is None:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.flush()
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(str(out), [Problem(str(out), None, None, f"cannot be written: {error}")]) from error


def _show(outcome: Outcome) -> None:
    """Findings for a person."""
    from rich.console import Console
    from rich.table import Table

    # in a pipe nobody knows a width: a table cut to 80 columns would lose kinds and times
    doc, console = outcome.document, Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPE_COLUMNS)
    if doc is None:
        return
    console.print(f"[bold]{doc['case']}[/]  {doc['period']['from']} … {doc['period']['to']}")
    table = Table("status", "kind", "subject", "from", "detected", "mean", "energy (k = 2)", "probability")
    for f in doc["findings"]:
        mean = "" if f["mean_power_w"] is None else f"{f['mean_power_w'] / 1000:.1f} kW"
        energy = "" if f["energy_wh"] is None else f"{f['energy_wh'] / 1e6:.3f} ± {f['energy_u95_wh'] / 1e6:.3f} MWh"
        chance = "" if f["confidence"] is None else f"{100 * f['confidence']:.1f} %"
        table.add_row(f["status"], f["kind"], f["subject"]["id"], f["from"], f["detected_at"], mean, energy, chance)
    console.print(table if doc["findings"] else "no findings")
    for f in doc["findings"]:
        console.print(f"• {f['explanation']['en']}\n  {f['explanation']['zh']}", markup=False, soft_wrap=True)
    for entry in doc["cannot_check"]:
        console.print(f"cannot check {entry['subject']['type']} {entry['subject']['id']}: {entry['why']}", markup=False)
    for entry in doc["data_quality"]:
        console.print(f"data: {entry['point']}: {entry['problem']} ({entry['rows']} rows)", markup=False)
