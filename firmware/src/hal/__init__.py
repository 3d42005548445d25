"""The hardware layer: the only place that knows which machine this is. `open` gives the board that everything else is handed."""

import sys


def open():
    """The board of this port."""
    if sys.platform in ("linux", "darwin"):
        from .unix import Board

        return Board()
    raise RuntimeError("there is no hardware layer for the port %r in this build" % sys.platform)
