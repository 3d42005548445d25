"""TCP ports of this machine: is one free?"""

import socket
import time

from gridwitness.domain.errors import GridwitnessError

PATIENCE_S = 5.0
"""Processes of a gateway that was killed a moment ago may still be ending."""


def require_free(host: str, port: int, *, patience_s: float = PATIENCE_S) -> None:
    """Wait a little until a server could listen there; GridwitnessError ``port_taken`` when it cannot.

    Asked before anything starts: afterwards somebody else's answer on that port would be taken for the pages'.
    """
    deadline = time.monotonic() + patience_s
    while (why := _obstacle(host, port)) is not None:
        if time.monotonic() >= deadline:
            hint = "end the program that listens there, or choose another port (gateway.yaml: web.port; demo: --port)"
            raise GridwitnessError("port_taken", f"the pages cannot listen on {host} port {port}: {why}", hint)
        time.sleep(0.1)


def _obstacle(host: str, port: int) -> str | None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(1)
        except OSError as error:
            return error.strerror or str(error)
    return None
