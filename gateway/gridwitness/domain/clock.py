"""Clocks. Everything that asks for the time is handed one of these; nothing in the project reads the time by itself."""

import mmap
import sys
import time
from pathlib import Path
from typing import Protocol

_BYTES = 8


class Clock(Protocol):
    """Anything that knows the time."""

    def now_ms(self) -> int:
        """UTC in milliseconds since 1970."""
        ...


class SystemClock:
    """The computer's clock."""

    def now_ms(self) -> int:
        """UTC in milliseconds since 1970."""
        return time.time_ns() // 1_000_000


class FixedClock:
    """A clock that a test sets by hand."""

    def __init__(self, now_ms: int) -> None:
        self.ms = now_ms

    def now_ms(self) -> int:
        """UTC in milliseconds since 1970."""
        return self.ms


class ScenarioClock:
    """The time of a simulated scenario: one int64 of milliseconds in a file that all processes of a demo map.

    The plant's twin is the only writer. Both sides go through a memoryview of 8-byte integers, whose loads and stores are whole;
    `struct.pack_into` would clear the bytes before it writes them, and a reader would now and then see the year 1970.
    """

    def __init__(self, path: Path, *, create_at_ms: int | None = None) -> None:
        if create_at_ms is not None:
            path.write_bytes(create_at_ms.to_bytes(_BYTES, sys.byteorder, signed=True))
        with path.open("r+b" if create_at_ms is not None else "rb") as file:
            access = mmap.ACCESS_WRITE if create_at_ms is not None else mmap.ACCESS_READ
            self._ms = memoryview(mmap.mmap(file.fileno(), _BYTES, access=access)).cast("q")

    def now_ms(self) -> int:
        """UTC in milliseconds since 1970, in the scenario."""
        return self._ms[0]

    def set_ms(self, ms: int) -> None:
        """Move the scenario's time (only the plant's twin does)."""
        self._ms[0] = ms


def open_clock(kind: str) -> Clock:
    """The clock that a configuration names: ``system`` or ``scenario:<path>``."""
    if kind.startswith("scenario:"):
        return ScenarioClock(Path(kind.split(":", 1)[1]))
    return SystemClock()
