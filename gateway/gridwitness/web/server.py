"""Serving the pages with uvicorn."""

import socket
import sys
from pathlib import Path

import uvicorn

from gridwitness.domain.clock import Clock
from gridwitness.domain.errors import GridwitnessError
from gridwitness.web.app import create
from gridwitness.web.live import Watcher


def serve(directory: Path, clock: Clock, host: str, port: int, language: str) -> None:
    """Serve until the process is told to end. Raises GridwitnessError ``port_taken`` when the address cannot be had."""
    listener = listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    print(f"pages: http://{shown}:{listener.getsockname()[1]}/", file=sys.stderr, flush=True)
    server(directory, clock, language).run(sockets=[listener])


class PageServer(uvicorn.Server):
    """Ends the event streams first when it is told to end: they would hold it up."""

    def __init__(self, config: uvicorn.Config, watcher: Watcher) -> None:
        super().__init__(config)
        self._watcher = watcher

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close everything in order."""
        await self._watcher.end()
        await super().shutdown(sockets)


def server(directory: Path, clock: Clock, language: str) -> PageServer:
    """A server that is ready to run."""
    app = create(directory, clock, language=language)
    config = uvicorn.Config(
        app,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=3,
        lifespan="on",
    )
    return PageServer(config, app.state.watcher)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        hint = "choose another port: --port, or web.port in gateway.yaml"
        raise GridwitnessError("port_taken", f"the pages cannot listen on {host} port {port}: {error.strerror}", hint) from None
    return listener
