"""Stands in for the hardware layer where only the link is tested: a clock that runs ``speed`` times as fast as the machine's.

``hal.json``: ``{"epoch_ms", "start_ms", "speed", "trace"}``. A file ``END`` in the working directory ends the scenario.
"""

# ruff: noqa: UP020, UP031, SIM115 (runs on MicroPython)

import json
import os
import time
from io import open as open_file


class Clock:
    def __init__(self, wiring):
        self.quality = wiring.get("quality", 2)
        self._epoch_ms = wiring["epoch_ms"]
        self._start_ms = wiring["start_ms"]
        self._speed = wiring["speed"]
        self._boot_ms = self.utc_ms()

    def utc_ms(self):
        return self._start_ms + (time.time_ns() // 1_000_000 - self._epoch_ms) * self._speed

    def up_ms(self):
        return self.utc_ms() - self._boot_ms

    def raise_to(self, quality):
        self.quality = max(self.quality, quality)


class Board:
    root = "flash"

    def __init__(self):
        with open_file("hal.json") as file:
            wiring = json.load(file)
        self.clock = Clock(wiring)
        self._trace = open_file(wiring["trace"], "a")

    def ticks_ms(self):
        return time.ticks_ms()

    def random(self, n):
        return os.urandom(n)

    def reset_cause(self):
        return "power_on"

    def sync(self, file):
        pass

    def trace(self, boot, seq, sha_hex):
        self._trace.write("%d %d %s\n" % (boot, seq, sha_hex))

    def ended(self):
        try:
            os.stat("END")
            return True
        except OSError:
            return False


def open():
    """The board of this port."""
    return Board()
