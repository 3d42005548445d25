"""The board on the MicroPython unix port: the simulated plant's side of the converter's bus, the file system, the time.

``hal.json`` in the working directory is the wiring: ``{"samples": [host, port], "trace": file or null}``. Samples and time come
from the plant's twin, block by block over TCP; nothing above this module can tell it from a converter and a clock chip.
"""

import asyncio
import json
import os
import struct
import time

from .clock import SNTP, Clock

_HEADER = "<4sIqHH"
_HEADER_BYTES = 20
_LAST = 1
_USUAL_BYTES = _HEADER_BYTES + 6 * 640 * 2
_CODE_BYTES = 2
_RETRY_MS = 100
_PATIENCE_MS = 6000
"""Longer than a meter's time-out: on a loaded machine a healthy meter can be late, and simulated time must not outrun it."""


class Samples:
    """Blocks of simultaneously sampled codes. After `next`: ``block`` (planar int16), ``at`` (the first code, in words), ``first``
    (the first sample's number since the stream's start) and ``n`` (samples per channel). ``gapped`` tells whether it is a burst source."""

    gapped = False

    def __init__(self, address, root, clock):
        self._address = address
        self._root = root
        self._clock = clock
        self._stream = None
        self.ended = False
        self.header = None
        self.at = _HEADER_BYTES // _CODE_BYTES
        self.block = bytearray(_USUAL_BYTES)  # now, while memory is in one piece
        self._view = memoryview(self.block)
        self.first = self.n = self._index = self._last = 0

    async def open(self):
        """Connect, and again until it works; returns the announcement (``rate_hz``, ``u_uv_per_code``, …)."""
        while self._stream is None:
            try:
                await self._connect()
            except (OSError, ValueError) as error:
                print("samples: %r; trying again" % (error,))
                self._drop()
                await asyncio.sleep_ms(_RETRY_MS)
        return self.header

    async def _connect(self):
        reader, _ = await asyncio.open_connection(*self._address)
        self._stream = reader
        with open(self._root + "/config.json") as file:
            dev = json.load(file)["dev"]
        reader.write(json.dumps({"dev": dev}).encode() + b"\n")
        await reader.drain()
        line = await reader.readline()
        if not line:
            raise OSError("the plant closed the connection")
        header = json.loads(line)
        if "error" in header:
            raise ValueError("the plant refuses: %s" % header["error"])
        self.header = header
        size = _HEADER_BYTES + _CODE_BYTES * len(header["channels"]) * header["samples"]
        if len(self.block) != size:
            self._view = self.block = None
            self.block = bytearray(size)
            self._view = memoryview(self.block)

    def _drop(self):
        if self._stream is not None:
            self._stream.s.close()  # a stream's own close() does nothing in MicroPython
            self._stream = None

    async def next(self):
        """Wait for the next block; False after the last one. A lost connection is made again."""
        while not self.ended:
            await self.open()
            try:
                if await self._receive():
                    return True
            except OSError as error:
                print("samples: %r; connecting again" % (error,))
                self._drop()
        return False

    async def _receive(self):
        have = 0
        need = _HEADER_BYTES
        while have < need:
            got = await self._stream.readinto(self._view[have:])
            if not got:
                raise OSError("the plant closed the connection")
            have += got
            if have >= _HEADER_BYTES:
                magic, self._index, self.first, self.n, flags = struct.unpack_from(_HEADER, self.block)
                need = _HEADER_BYTES + _CODE_BYTES * len(self.header["channels"]) * self.n
                if magic != b"GWS1" or need > len(self.block):
                    raise OSError("this is no block of samples: %r" % bytes(self.block[:_HEADER_BYTES]))
        self._last = flags & _LAST
        self._clock.advance(self.header["start_ms"] + (self.first + self.n) * 1000 // self.header["rate_hz"])
        self._clock.raise_to(SNTP)
        return True

    async def done(self):
        """The block was worked off: the plant may go on, once what fell due in this block (a meter's poll) is done too.

        Simulated time waits for that, so that it may run as fast as the machine carries; but not for a meter that is silent.
        """
        await asyncio.sleep(0)
        since = time.ticks_ms()
        while self._clock.held and time.ticks_diff(time.ticks_ms(), since) < _PATIENCE_MS:
            await asyncio.sleep_ms(1)
        try:
            self._stream.write(struct.pack("<I", self._index))
            await self._stream.drain()
        except OSError:
            self._drop()
        if self._last:
            self.ended = True
            self._drop()
            self._clock.release()


class Board:
    """Everything of the machine that the firmware uses."""

    root = "flash"

    def __init__(self):
        with open("hal.json") as file:
            wiring = json.load(file)
        self.clock = Clock()
        self.samples = Samples(wiring["samples"], self.root, self.clock)
        self._trace = open(wiring["trace"], "a") if wiring.get("trace") else None

    def ticks_ms(self):
        """Milliseconds of the machine's own clock, for transport timers; use with time.ticks_diff."""
        return time.ticks_ms()

    def random(self, n):
        """``n`` random bytes."""
        return os.urandom(n)

    def reset_cause(self):
        """Why the board started. A process has no reset line: it is always a start."""
        return "power_on"

    def sync(self, file):
        """What was written to ``file`` is on the medium when this returns (flush is fsync on this port)."""
        file.flush()

    def trace(self, boot, seq, sha_hex):
        """Tell the demonstration which record was made; each write goes straight to the file."""
        if self._trace is not None:
            self._trace.write("%d %d %s\n" % (boot, seq, sha_hex))

    def ended(self):
        """True once the plant has said that its scenario is over."""
        return self.samples.ended
