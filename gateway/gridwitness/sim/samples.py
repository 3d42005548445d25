"""The sample twin's server: boards connect, say who they are, and get their point's waveforms block by block.

A line of JSON each way (``{"dev":"gw-g1"}``, then rate, block length, channels, scales), then blocks: header ``<4sIqHH`` (magic
``GWS1``, block number, number of the first sample since the scenario's start, samples a channel, flags), then planar int16. A
board answers every block with its number (4 bytes, little-endian) once it is done with it. Flag bit 0 marks the last block of an
orderly end.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from typing import Any

from gridwitness.sim.model import Scenario
from gridwitness.sim.pacing import Seat
from gridwitness.sim.plant import F_NOMINAL_HZ
from gridwitness.sim.waveforms import BLOCK, CHANNELS, RATE_HZ, Waveforms

MAGIC = b"GWS1"
HEADER = struct.Struct("<4sIqHH")
CREDIT = struct.Struct("<I")
LAST = 1
_LONGEST_HELLO = 256


class SampleServer:
    """All boards' connections. ``changed`` is set whenever a board comes, goes or answers."""

    def __init__(self, scenario: Scenario, waveforms: Waveforms) -> None:
        self.scenario = scenario
        self.waveforms = waveforms
        self.seats = {board.dev: Seat(board.dev, board.samples) for board in scenario.boards}
        self.changed = asyncio.Event()
        self.next_block = 0
        self.finished = False
        self._links: dict[str, _Link] = {}
        self._server: asyncio.Server | None = None

    async def listen(self, host: str = "127.0.0.1") -> int:
        """Open the port (a free one) and return its number."""
        self._server = await asyncio.get_running_loop().create_server(lambda: _Link(self), host, 0)
        return int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Close the port and every connection."""
        if self._server is not None:
            self._server.close()
        for link in list(self._links.values()):
            link.drop()

    def absent(self) -> list[str]:
        """Boards that are not connected."""
        return [dev for dev, seat in self.seats.items() if not seat.connected]

    def may_send(self, *, last: bool) -> bool:
        """Whether no board holds the next block up. Boards that answer nothing for a minute are put out first."""
        now_s = time.monotonic()
        for dev, seat in self.seats.items():
            if seat.stalled(now_s):
                self._links[dev].drop()
        holds = [seat.holds(self.next_block, now_s, last=last) for seat in self.seats.values()]  # of every seat: it starts its waiting time
        return not any(holds)

    def send_block(self, *, last: bool) -> None:
        """Send the next block to every board that is there."""
        block = self.next_block
        self.next_block += 1
        self.finished = last
        for dev in [dev for dev, seat in self.seats.items() if seat.connected]:
            self._send(dev, block)

    def _send(self, dev: str, block: int) -> None:
        head = HEADER.pack(MAGIC, block, block * BLOCK, BLOCK, LAST if self.finished else 0)
        self.seats[dev].send(block)
        self._links[dev].write(head + self.waveforms.block(self.seats[dev].point, block))

    def joined(self, dev: str, link: _Link) -> None:
        """A board said its name. An older connection of the same board is dead, whether the kernel knows it yet or not."""
        if dev in self._links:
            self._links[dev].drop()
        seat = self.seats[dev]
        first = self.next_block - 1 if self.finished else self.next_block
        seat.join(first, time.monotonic())
        self._links[dev] = link
        link.write(json.dumps(self.hello(seat.point), separators=(",", ":")).encode() + b"\n")
        if self.finished:
            self._send(dev, first)
        self.changed.set()

    def left(self, dev: str, link: _Link) -> None:
        """A connection ended."""
        if self._links.get(dev) is link:
            del self._links[dev]
            self.seats[dev].leave(self.next_block)
            self.changed.set()

    def hello(self, point: str) -> dict[str, Any]:
        """What a board needs to know of its samples. Scales are primary units, the VT's and CT's ratios included."""
        u_uv, i_ua = self.waveforms.scales(point)
        return {
            "rate_hz": RATE_HZ, "samples": BLOCK, "channels": CHANNELS, "u_uv_per_code": u_uv, "i_ua_per_code": i_ua,
            "start_ms": self.scenario.start_ms, "f_nominal_hz": F_NOMINAL_HZ,
        }  # fmt: skip


class _Link(asyncio.Protocol):
    """One connection."""

    def __init__(self, server: SampleServer) -> None:
        self._server = server
        self._buffer = b""
        self._dev: str | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Small answers must not wait for more to come."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        """The board's name first, then its credits."""
        self._buffer += data
        if self._dev is None:
            self._greet()
        if self._dev is not None:
            self._credits()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The board is gone."""
        if self._dev is not None:
            self._server.left(self._dev, self)

    def write(self, data: bytes) -> None:
        """Send, if there still is a connection."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def drop(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()
        if self._dev is not None:
            self._server.left(self._dev, self)

    def _greet(self) -> None:
        line, found, rest = self._buffer.partition(b"\n")
        if not found:
            if len(self._buffer) > _LONGEST_HELLO:
                self._refuse("no line within 256 bytes")
            return
        try:
            dev = json.loads(line)["dev"]
        except (ValueError, TypeError, KeyError):
            return self._refuse('the first line is not {"dev":"…"}')
        if not isinstance(dev, str) or dev not in self._server.seats:
            return self._refuse(f"no board {dev!r} in this scenario: {', '.join(self._server.seats)}")
        self._dev, self._buffer = dev, rest
        self._server.joined(self._dev, self)

    def _credits(self) -> None:
        assert self._dev is not None
        whole = len(self._buffer) - len(self._buffer) % CREDIT.size
        for (block,) in CREDIT.iter_unpack(self._buffer[:whole]):
            if not self._server.seats[self._dev].credit(block, time.monotonic()):
                return self.drop()
        self._buffer = self._buffer[whole:]
        if whole:
            self._server.changed.set()

    def _refuse(self, why: str) -> None:
        self.write(json.dumps({"error": why}).encode() + b"\n")
        if self._transport is not None:
            self._transport.close()
