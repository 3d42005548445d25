"""``gridwitness run``: a whole gateway in one command."""

from pathlib import Path

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(help="Run a gateway: takes in records, detects, serves pages. Ends on Ctrl-C or SIGTERM.")
    def run(
        directory: Path = typer.Argument(..., metavar="DIR", help="The gateway's folder; what it needs is made in it."),
        as_json: bool = typer.Option(False, "--json", help="Print one JSON line once the pages answer."),
    ) -> None:
        from gridwitness.service import supervisor
        from gridwitness.service.processes import stop_on_signals

        supervisor.run(directory, stop_on_signals(), as_json=as_json)
