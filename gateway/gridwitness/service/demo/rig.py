"""The demo's processes: broker, plant's twin, gateway and boards, each a real process that can be killed."""

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gridwitness.domain.clock import ScenarioClock
from gridwitness.domain.errors import GridwitnessError
from gridwitness.fleet.claim import claim
from gridwitness.service import broker as brokers
from gridwitness.service import processes
from gridwitness.service.supervisor import answers
from gridwitness.sim import boards as firmware
from gridwitness.sim import scenario
from gridwitness.sim.boards import Board
from gridwitness.sim.model import Meter, Scenario
from gridwitness.store import Store

HOST = "127.0.0.1"
SEAL_S = 300
"""Boards of the demo seal every 5 simulated minutes, in the field every hour."""
METER_TIMEOUT_MS = 5000
"""Wall time: a busy machine may let the meter's twin wait, and that is no fault of the meter."""


@dataclass(slots=True)
class Rig:
    """Everything that runs, below one folder: ``plant/``, ``broker/``, ``boards/<dev>/``, ``gateway/``."""

    folder: Path
    plan: Scenario
    mine: bool
    broker_kind: str
    web_port: int
    broker: brokers.Broker | None = None
    plant: subprocess.Popen[bytes] | None = None
    gateway: subprocess.Popen[bytes] | None = None
    boards: dict[str, Board] = field(default_factory=dict)
    clock: ScenarioClock | None = None

    @property
    def directory(self) -> Path:
        """The gateway's directory."""
        return self.folder / "gateway"

    @property
    def trust(self) -> Path:
        """What the regulator has noted down."""
        return self.folder / "trust.json"

    @property
    def site(self) -> str:
        """Id of the one site."""
        return str(self.plan.register.site)

    def store(self) -> Store:
        """The gateway's store, to read."""
        return Store(self.directory / "gridwitness.db", readonly=True)

    def start_broker(self) -> None:
        """mosquitto, or the embedded amqtt."""
        self.broker = brokers.start(self.folder / "broker", self.broker_kind)

    def start_plant(self) -> dict[str, Any]:
        """The plant's twin; returns its ports. It waits for the boards before it lets time run."""
        place = self.folder / "plant"
        place.mkdir(parents=True)
        command = [sys.executable, "-m", "gridwitness.sim.serve", "--scenario", self.plan.id, "--seed", str(self.plan.seed)]
        command += ["--clock", str(place / "clock"), "--ports-file", str(place / "ports.json"), "--minutes", str(self.plan.duration_s / 60)]
        self.plant = processes.start([*command, *([] if self.mine else ["--no-mine"])], place / "plant.log")
        wait_for(lambda: (place / "ports.json").exists(), "the plant's twin", self.plant, place / "plant.log")
        self.clock = ScenarioClock(place / "clock")
        ports: dict[str, Any] = json.loads((place / "ports.json").read_text())
        return ports

    def make_gateway(self) -> None:
        """Directory, settings and register of the gateway."""
        assert self.broker is not None
        (self.directory / "sites").mkdir(parents=True)
        (self.directory / "sites" / f"{self.site}.yaml").write_text(scenario.site_yaml(self.plan), encoding="utf-8")
        settings = {
            "broker": {"host": self.broker.host, "port": self.broker.port},
            "web": {"host": HOST, "port": self.web_port},
            "clock": f"scenario:{self.folder / 'plant' / 'clock'}",
            "evidence": {"segment_close_s": 120},
        }
        (self.directory / "gateway.yaml").write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")

    def make_boards(self, ports: dict[str, Any]) -> None:
        """Flash, claim and configure every board of the scenario."""
        assert self.broker is not None
        assert self.clock is not None
        interpreter = firmware.interpreter()
        build = firmware.build(interpreter.march)
        for plan in self.plan.boards:
            config = {
                "dev": plan.dev,
                "mqtt": {"host": self.broker.host, "port": self.broker.port},
                "interval_s": 60,
                "seal_s": SEAL_S,
                "resend_s": 5,
                "inflight": 200,
                "points": [{"pt": plan.samples, "source": "samples"}, *(self._meter(m, ports["modbus"]) for m in plan.meters)],
            }
            wiring = {"samples": [HOST, ports["samples"]], "trace": "assigned.log"}
            board = Board.create(self.folder / "boards" / plan.dev, config, wiring, interpreter, build)
            board.call(f"import setup.claim as c; c.request({plan.dev!r})")
            claim(self.directory, board.folder / "claim-request.json", self.site, self.clock.now_ms())
            board.call("import setup.claim as c; c.accept('claim-answer.json')")
            self.boards[plan.dev] = board

    @staticmethod
    def _meter(meter: Meter, port: int) -> dict[str, Any]:
        where = {"host": HOST, "port": port, "unit": meter.unit, "profile": meter.profile, "period_s": meter.period_s}
        where["timeout_ms"] = METER_TIMEOUT_MS
        return {"pt": meter.point, "source": "modbus", **where}

    def start_gateway(self) -> None:
        """``gridwitness run``: ingest, detect and web under one supervisor."""
        log = self.folder / "gateway.log"
        self.gateway = processes.start([*processes.GRIDWITNESS, "run", str(self.directory)], log)
        wait_for(lambda: answers(HOST, self.web_port), "the gateway", self.gateway, log)

    def kill_gateway(self) -> None:
        """SIGKILL to the supervisor; the kernel takes its children with it."""
        assert self.gateway is not None
        self.gateway.kill()
        self.gateway.wait()
        wait_for(lambda: not answers(HOST, self.web_port), "the end of the gateway's processes", None, self.folder / "gateway.log")

    def stop(self) -> None:
        """End everything, gently first. Safe to call at any time."""
        for board in self.boards.values():
            board.stop()
        for process in (self.gateway, self.plant):
            if process is not None:
                processes.end(process)
        if self.broker is not None:
            self.broker.stop()


@contextlib.contextmanager
def running(rig: Rig) -> Iterator[Rig]:
    """A rig that is stopped whatever happens, on SIGTERM too."""

    def ended(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, ended)
    try:
        yield rig
    finally:
        rig.stop()
        signal.signal(signal.SIGTERM, previous)


def wait_for(
    condition: Callable[[], bool], what: str, process: subprocess.Popen[bytes] | None = None, log: Path | None = None, limit_s: float = 60.0
) -> None:
    """Wait until something holds; GridwitnessError with the end of the log when the process dies or time is up."""
    deadline = time.monotonic() + limit_s
    while not condition():
        if process is not None and process.poll() is not None:
            raise GridwitnessError("demo_process_died", f"{what} ended with {process.returncode}\n{tail(log)}", f"see {log}")
        if time.monotonic() > deadline:
            raise GridwitnessError("demo_timeout", f"{what} did not come within {limit_s:.0f} s\n{tail(log)}", f"see {log}")
        time.sleep(0.05)


def tail(log: Path | None, lines: int = 12) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log is not None and log.exists() else ""
