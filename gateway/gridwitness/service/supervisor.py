"""``gridwitness run``: starts ingest, detect and web as processes of their own, and starts again whatever ends."""

import contextlib
import fcntl
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gridwitness.domain.errors import GridwitnessError
from gridwitness.fleet import keys
from gridwitness.service import ports, processes
from gridwitness.service.settings import FILE, Settings, default_text, load
from gridwitness.store import Store
from gridwitness.topology import site as topology

PARTS = ("ingest", "detect", "web")
BACK_OFF_S = (0.2, 30.0)
STEADY_S = 60.0
"""After so long a life the back-off begins anew."""
LOG_MAX_BYTES = 10_000_000
LOCK = "gateway.lock"


@dataclass(slots=True)
class Part:
    """One supervised process."""

    name: str
    process: "subprocess.Popen[bytes] | None" = None
    started_s: float = 0.0
    back_off_s: float = BACK_OFF_S[0]
    next_start_s: float = 0.0
    starts: int = 0


def prepare(directory: Path) -> Settings:
    """Make what a gateway's folder must have: settings, keys, store. What is there stays as it is."""
    settings = load(directory)
    if not (directory / FILE).exists():
        (directory / FILE).write_text(default_text(), encoding="utf-8")
    for name in ("sites", "segments", "bundles", "logs"):
        (directory / name).mkdir(exist_ok=True)
    keys.ensure(directory)
    Store(directory / "gridwitness.db").close()
    return settings


def unusable_registers(directory: Path) -> list[str]:
    """A sentence for each register that cannot be used. It keeps no other site from being watched."""
    told = []
    for path in sorted((directory / "sites").glob("*.yaml")):
        try:
            site, _ = topology.load(path)
        except GridwitnessError as error:
            told.append(
                f"error[{error.code}]: {error.sentence}\nhint: {error.hint}" if error.hint else f"error[{error.code}]: {error.sentence}"
            )
            continue
        if site.id != path.stem:
            told.append(f"error[invalid_input]: {path} describes site {site.id}\nhint: name it {site.id}.yaml")
    return told


@dataclass(slots=True)
class Supervisor:
    """Keeps the parts of one gateway running."""

    directory: Path
    command: Callable[[str], list[str]]
    parts: list[Part] = field(default_factory=lambda: [Part(name) for name in PARTS])

    def tend(self, at_s: float) -> None:
        """Start what is due, note what has ended. ``at_s`` is the host's monotonic clock."""
        for part in self.parts:
            if part.process is not None and part.process.poll() is not None:
                self._note_end(part, at_s)
            if part.process is None and at_s >= part.next_start_s:
                part.process = processes.start(self.command(part.name), self._log(part.name))
                part.started_s = at_s
                part.starts += 1

    def _note_end(self, part: Part, at_s: float) -> None:
        assert part.process is not None
        if at_s - part.started_s >= STEADY_S:
            part.back_off_s = BACK_OFF_S[0]
        line = f"{part.name} ended with status {part.process.returncode}, starts again in {part.back_off_s:g} s"
        print(f"{line}; its log is {self._log(part.name)}", file=sys.stderr)
        part.process = None
        part.next_start_s = at_s + part.back_off_s
        part.back_off_s = min(part.back_off_s * 2, BACK_OFF_S[1])

    def _log(self, name: str) -> Path:
        path = self.directory / "logs" / f"{name}.log"
        if path.exists() and path.stat().st_size > LOG_MAX_BYTES:
            path.replace(path.with_suffix(".log.1"))
        return path

    def pids(self) -> dict[str, int]:
        """Process ids of the parts that run."""
        return {part.name: part.process.pid for part in self.parts if part.process is not None}

    def end(self) -> None:
        """End all parts: asked together, so that each has the whole patience."""
        running = [part.process for part in self.parts if part.process is not None]
        for process in running:
            if process.poll() is None:
                process.terminate()
        for process in running:
            processes.end(process)


def run(directory: Path, stop: threading.Event, *, as_json: bool = False) -> None:
    """Run a gateway until ``stop`` is set. Prints where the pages are once they answer.

    Raises GridwitnessError ``already_running`` when another gateway runs in this folder, ``port_taken`` for the port of the pages.
    """
    load(directory)  # settings that cannot be used are told before anything is touched
    with _alone(directory):
        _run(directory, stop, as_json)


@contextlib.contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Hold the folder's lock. Two gateways would take each other's session at the broker, in turns. The kernel frees it at any end."""
    try:
        lock = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise GridwitnessError("folder_unusable", f"{directory} cannot be written: {error.strerror}", "check owner and rights") from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise GridwitnessError("already_running", f"another gateway runs in {directory}", "end it first") from None
        yield
    finally:
        os.close(lock)


def _run(directory: Path, stop: threading.Event, as_json: bool) -> None:
    settings = prepare(directory)
    ports.require_free(settings.web.host, settings.web.port)
    for sentence in unusable_registers(directory):
        print(sentence, file=sys.stderr, flush=True)
    supervisor = Supervisor(directory, lambda name: [*processes.GRIDWITNESS, name, str(directory)])
    url = f"http://{settings.web.host}:{settings.web.port}/"
    told = False
    try:
        while not stop.is_set():
            supervisor.tend(time.monotonic())
            if not told and answers(settings.web.host, settings.web.port):
                told = True
                print(json.dumps({"pages": url, "pids": supervisor.pids()}) if as_json else f"pages: {url}", flush=True)
            stop.wait(0.2)
    finally:
        supervisor.end()


def answers(host: str, port: int) -> bool:
    """Whether something listens there."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True
