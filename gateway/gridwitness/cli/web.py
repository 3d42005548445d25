"""``gridwitness web``: the pages of a gateway."""

from pathlib import Path

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(help="Serve the pages of the gateway in DIR. They only read; no request leaves the machine.")
    def web(
        directory: Path = typer.Argument(..., metavar="DIR", help="The gateway's folder."),
        host: str | None = typer.Option(None, help="Address to listen on; the setting web.host without it."),
        port: int | None = typer.Option(None, min=0, max=65535, help="Port; 0 takes a free one; the setting web.port without it."),
    ) -> None:
        from gridwitness.service.settings import clock_of, load
        from gridwitness.web.server import serve

        settings = load(directory)
        serve(directory, clock_of(settings), host or settings.web.host, settings.web.port if port is None else port, settings.language)
