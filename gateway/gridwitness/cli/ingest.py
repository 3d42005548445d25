"""``gridwitness ingest``: records from the broker into the store."""

from pathlib import Path

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(help="Take records from the broker into the store, and acknowledge them once they are on disk.")
    def ingest(directory: Path = typer.Argument(..., metavar="DIR", help="The gateway's folder.")) -> None:
        from gridwitness.ingest.mqtt import BrokerAddress
        from gridwitness.ingest.process import run
        from gridwitness.service.processes import log_to_stderr, stop_on_signals
        from gridwitness.service.settings import clock_of, load

        stop = stop_on_signals()
        log_to_stderr()
        settings = load(directory)
        broker = settings.broker
        address = BrokerAddress(
            host=broker.host,
            port=broker.port,
            client_id=broker.client_id,
            username=broker.username,
            password_file=directory / broker.password_file if broker.password_file else None,
            ca_file=directory / broker.ca_file if broker.ca_file else None,
        )
        limits = settings.ingest
        run(directory, address, clock_of(settings), stop, ack_every_s=limits.ack_every_s, gap_after_ms=limits.gap_after_s * 1000)
