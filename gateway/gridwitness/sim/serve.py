"""The plant's twin as a process: ``python -m gridwitness.sim.serve --scenario longtan --clock FILE --ports-file OUT.json``.

It owns the scenario's clock, feeds waveforms to the boards, answers as the revenue meter, and ends by itself: the truth goes to a
file, one JSON line to standard output. Exit code 0 for a complete run and for SIGTERM, 1 if boards never came or all went away, 2
for bad input.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymodbus.server import ModbusTcpServer

from gridwitness.domain.clock import ScenarioClock
from gridwitness.domain.errors import GridwitnessError
from gridwitness.sim import scenario as scenarios
from gridwitness.sim import truth
from gridwitness.sim.iem3000 import Iem3000, Reading
from gridwitness.sim.model import Meter, Scenario
from gridwitness.sim.pacing import RETURN_S
from gridwitness.sim.plant import Plant
from gridwitness.sim.samples import SampleServer
from gridwitness.sim.waveforms import BLOCK_S, CHUNK, Waveforms

HOST = "127.0.0.1"
BOARDS_COME_S = 60.0
_TICK_S = 0.2
TRUTH_INTERVAL_S = 60


@dataclass(frozen=True, slots=True)
class Files:
    """What the process writes."""

    clock: Path
    ports: Path
    truth: Path


class MeterTwin:
    """Feeds a meter's registers with what its instrument chain shows of the plant, block by block."""

    def __init__(self, waveforms: Waveforms, meter: Meter) -> None:
        self.memory = Iem3000(meter.unit, meter.ea_imp_wh, meter.ea_exp_wh, serial=20_000_000 + meter.unit)
        self._waveforms, self._point = waveforms, meter.point
        self._chunk = -1
        self._readings: list[Reading] = []

    def measure(self, block: int) -> None:
        """Show the block's values."""
        if block // CHUNK != self._chunk:
            self._prepare(block)
        self.memory.measure(self._readings[block % CHUNK], BLOCK_S)

    def _prepare(self, block: int) -> None:
        state, _ = self._waveforms.state(block)
        flow = state.flows[self._point]
        p_w, q_var = self._waveforms.chain(self._point).power(flow.p_w, flow.q_var)
        u_v, i_a, _ = self._waveforms.rms(self._point, state)
        self._readings = [Reading(*map(float, row)) for row in zip(p_w, q_var, u_v, i_a, state.f_hz, strict=True)]
        self._chunk = block // CHUNK


class Twin:
    """One run of a scenario."""

    def __init__(self, scenario: Scenario, files: Files, speed: float | None) -> None:
        self.scenario, self.files, self.speed = scenario, files, speed
        self.plant = Plant(scenario)
        self.waveforms = Waveforms(self.plant)
        self.blocks = round(scenario.duration_s / BLOCK_S)
        self.meters = [MeterTwin(self.waveforms, meter) for board in scenario.boards for meter in board.meters]
        self.clock = ScenarioClock(files.clock, create_at_ms=scenario.start_ms)
        self._stop = False

    async def run(self) -> dict[str, Any]:
        """Serve the whole scenario; the status at the end."""
        self.server = SampleServer(self.scenario, self.waveforms)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._terminate)
        samples_port = await self.server.listen(HOST)
        modbus = await self._serve_meters()
        ports = {"pid": os.getpid(), "host": HOST, "samples": samples_port, "modbus": _port_of(modbus) if modbus else None}
        truth.write_json(self.files.ports, ports)
        ticker = asyncio.create_task(self._tick())
        try:
            ended, wall_s = await self._play()
        finally:
            ticker.cancel()
            self.server.close()
            if modbus:
                await modbus.shutdown()  # type: ignore[no-untyped-call]
        return self._status(ended, wall_s)

    async def _play(self) -> tuple[str, float]:
        if not await self._until(lambda: not self.server.absent(), BOARDS_COME_S):
            return ("terminated" if self._stop else "boards missing: " + ", ".join(self.server.absent())), 0.0
        start_s = time.monotonic()
        ended = await self._feed(start_s)
        wall_s = time.monotonic() - start_s
        self._write_truth()
        if ended == "complete":
            everyone = set(self.server.seats)
            await self._until(lambda: set(self.server.absent()) == everyone, RETURN_S)
        return ended, wall_s

    async def _feed(self, start_s: float) -> str:
        """Send every block, each as soon as the slowest board allows."""
        for block in range(self.blocks):
            last = block == self.blocks - 1
            if self.speed is not None:
                await asyncio.sleep(max(0.0, start_s + block * BLOCK_S / self.speed - time.monotonic()))
            await self._until(lambda last=last: self.server.may_send(last=last))  # type: ignore[misc]
            if self._stop:
                return "terminated"
            if all(seat.given_up for seat in self.server.seats.values()):
                return "all boards went away"
            self.clock.set_ms(self.scenario.start_ms + round((block + 1) * BLOCK_S * 1000))
            for meter in self.meters:
                meter.measure(block)
            self.server.send_block(last=last)
            await asyncio.sleep(0)
        return "complete"

    async def _until(self, condition: Callable[[], bool], limit_s: float | None = None) -> bool:
        """Wait for a condition that boards' messages or the tick may bring about; False when stopped or late."""
        begin_s = time.monotonic()
        while not condition():
            if self._stop or (limit_s is not None and time.monotonic() - begin_s > limit_s):
                return False
            self.server.changed.clear()
            await self.server.changed.wait()
        return True

    async def _tick(self) -> None:
        """Time limits are looked at this often, even if no board says anything."""
        while True:
            await asyncio.sleep(_TICK_S)
            self.server.changed.set()

    def _terminate(self) -> None:
        self._stop = True
        self.server.changed.set()

    async def _serve_meters(self) -> ModbusTcpServer | None:
        if not self.meters:
            return None
        server = ModbusTcpServer([meter.memory.device() for meter in self.meters], address=(HOST, 0))
        await server.serve_forever(background=True)
        return server

    def _write_truth(self) -> None:
        sent_s = self.server.next_block * BLOCK_S
        site = self.scenario.register.site
        truth.write_json(self.files.truth, truth.document(self.plant, site, sent_s, step_s=BLOCK_S, interval_s=TRUTH_INTERVAL_S))

    def _status(self, ended: str, wall_s: float) -> dict[str, Any]:
        sim_s = self.server.next_block * BLOCK_S
        for seat in self.server.seats.values():
            if seat.given_up:
                seat.missed += self.server.next_block - seat.left_block
        return {
            "ok": ended == "complete",
            "ended": ended,
            "blocks": self.server.next_block,
            "sim_s": round(sim_s, 1),
            "wall_s": round(wall_s, 3),
            "speed": round(sim_s / wall_s, 2) if wall_s else None,
            "boards": {dev: {"blocks": s.blocks, "missed": s.missed, "joins": s.joins} for dev, s in self.server.seats.items()},
        }


def _port_of(server: ModbusTcpServer) -> int:
    listener = server.transport
    assert isinstance(listener, asyncio.Server)
    return int(listener.sockets[0].getsockname()[1])


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is neither max nor a number above 0")
    return value


def main(argv: list[str] | None = None) -> int:
    """Entry point of ``python -m gridwitness.sim.serve``."""
    about = "Serve a simulated plant to boards on this machine."
    parser = argparse.ArgumentParser(prog="python -m gridwitness.sim.serve", description=about)
    parser.add_argument("--scenario", required=True, help="name or file of a scenario")
    parser.add_argument("--clock", required=True, type=Path, help="file of the scenario's clock (is made)")
    parser.add_argument("--ports-file", required=True, type=Path, help="where to write the ports once they are open (JSON)")
    parser.add_argument("--truth", type=Path, help="where to write what is hidden (default: truth.json beside the ports file)")
    parser.add_argument("--seed", type=int, help="seed instead of the scenario's")
    parser.add_argument("--no-mine", action="store_true", help="nothing is hidden: the control run")
    parser.add_argument("--minutes", type=float, help="simulated minutes instead of the scenario's")
    parser.add_argument("--speed", type=_speed, default=None, help="times real time at most, or max (default)")
    a = parser.parse_args(argv)
    try:
        scenario = scenarios.load(a.scenario).changed(seed=a.seed, minutes=a.minutes, mine=not a.no_mine)
        if not scenario.boards:
            raise GridwitnessError("no_boards", f"scenario {scenario.id} has no boards to serve")
    except GridwitnessError as error:
        print(f"error[{error.code}]: {error.sentence}\nhint: {error.hint or 'see docs/scenario.md'}", file=sys.stderr)
        return 2
    files = Files(a.clock, a.ports_file, a.truth or a.ports_file.with_name("truth.json"))
    status = asyncio.run(Twin(scenario, files, a.speed).run())
    print(json.dumps(status), flush=True)
    return 0 if status["ended"] in ("complete", "terminated") else 1


if __name__ == "__main__":
    sys.exit(main())
