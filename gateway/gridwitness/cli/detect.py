"""``gridwitness detect``: live detection over the store."""

from pathlib import Path

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(help="Analyse every site as records come in; keep findings and raw segments.")
    def detect(directory: Path = typer.Argument(..., metavar="DIR", help="The gateway's folder.")) -> None:
        from gridwitness.service.live import LiveEngine
        from gridwitness.service.processes import log_to_stderr, stop_on_signals
        from gridwitness.service.settings import clock_of, load
        from gridwitness.store import Store

        stop = stop_on_signals()
        log_to_stderr()
        settings = load(directory)
        every_ms, close_ms = settings.detect.every_s * 1000, settings.evidence.segment_close_s * 1000
        store = Store(directory / "gridwitness.db")
        LiveEngine(directory, store, clock_of(settings), every_ms, close_ms).run(stop)
        store.close()
