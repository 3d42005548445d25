"""A small sample server for tests: one board, blocks from an array, two in flight, a connection that can be cut on purpose."""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gridwitness.sim import boards
from numpy.typing import NDArray
from waves import BLOCK, I_UA, RATE_HZ, U_UV

START_MS = 1_796_054_400_000
CHANNELS = ["u_l1", "u_l2", "u_l3", "i_l1", "i_l2", "i_l3"]
IN_FLIGHT = 2


class PlantServer:
    """Serves ``codes`` (shape (6, n)) from sample number ``first``. Blocks in ``cut`` are lost together with the connection; ``between`` is
    called with the number of each block before it is sent."""

    def __init__(
        self,
        codes: NDArray[np.int16],
        first: int = 0,
        cut: tuple[int, ...] = (),
        between: Callable[[int], None] = lambda block: None,
        **header: Any,
    ) -> None:
        self.blocks = codes.reshape(6, -1, BLOCK).swapaxes(0, 1)
        self.first = first
        self.cut = set(cut)
        self.between = between
        self.hellos: list[dict[str, Any]] = []
        self.credits: list[int] = []
        self.header = {
            "rate_hz": RATE_HZ, "samples": BLOCK, "channels": CHANNELS, "u_uv_per_code": U_UV, "i_ua_per_code": I_UA, "start_ms": START_MS,
            "f_nominal_hz": 50, **header,
        }  # fmt: skip
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        block = 0
        while block < len(self.blocks):
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as answers:
                self.hellos.append(json.loads(answers.readline()))
                connection.sendall(json.dumps(self.header).encode() + b"\n")
                try:
                    block = self._stream(connection, answers, block)
                except (OSError, struct.error):  # the board went away
                    return

    def _stream(self, connection: socket.socket, answers: Any, block: int) -> int:
        """Send blocks until the end or the next cut; returns the block to go on with."""
        open_blocks = 0
        while block < len(self.blocks):
            if block in self.cut:
                self.cut.discard(block)
                return block + 1
            self.between(block)
            last = int(block == len(self.blocks) - 1)
            head = struct.pack("<4sIqHH", b"GWS1", block, self.first + block * BLOCK, BLOCK, last)
            connection.sendall(head + np.ascontiguousarray(self.blocks[block]).tobytes())
            open_blocks += 1
            block += 1
            while open_blocks >= (1 if last else IN_FLIGHT):
                self.credits.append(struct.unpack("<I", answers.read(4))[0])
                open_blocks -= 1
        return block

    def close(self) -> None:
        self._listener.close()
        self._thread.join(5)


Plant = Callable[..., PlantServer]


@pytest.fixture
def plant() -> Iterator[Plant]:
    """Makes servers that are closed when the test is over."""
    made: list[PlantServer] = []

    def make(*args: Any, **named: Any) -> PlantServer:
        made.append(PlantServer(*args, **named))
        return made[-1]

    yield make
    for server in made:
        server.close()


_RUN = """
import asyncio, gc, json, hal
from meters.points import open_points
board = hal.open()
with open("flash/config.json") as file:
    config = json.load(file)
points = open_points(board, config)
def emit(pt, ts_ms, dur_ms, g, q, m):
    stamp = [board.clock.utc_ms(), board.clock.up_ms(), board.clock.quality]
    print(json.dumps({"pt": pt, "ts": ts_ms, "dur": dur_ms, "g": g, "q": q, "m": m, "stamp": stamp}))
async def run():
    await asyncio.gather(*[point.run(emit) for point in points])
%s
asyncio.run(run())
gc.collect()
print(json.dumps({"registers": [point.registers() for point in points], "ended": board.ended(), "heap": gc.mem_alloc()}))
"""


def run_points(
    interpreter: boards.Interpreter, folder: Path, server: PlantServer, points: list[dict[str, Any]], interval_s: int = 60, before: str = ""
) -> tuple[list[dict[str, Any]], dict[str, Any], list[str]]:
    """Run the points on a board wired to ``server``; returns the records emitted, the state at the end, and other lines printed."""
    config = {"dev": "gw-t1", "interval_s": interval_s, "points": points}
    board = boards.Board.create(folder, config, {"samples": ["127.0.0.1", server.port], "trace": "assigned.log"}, interpreter)
    lines = board.call(_RUN % before).splitlines()
    documents = [json.loads(line) for line in lines if line.startswith("{")]
    return documents[:-1], documents[-1], [line for line in lines if not line.startswith("{")]
