"""The demo as a child process, started as a user would start it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LIMIT_S = 900
"""Far above the demo's own time: only a run that hangs meets it."""


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@dataclass
class DemoRun:
    """A demo as a child process."""

    folder: Path
    port: int
    process: subprocess.Popen[str]
    log: Path
    outcome: dict[str, Any] = field(default_factory=dict)
    exit_code: int | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait(self) -> None:
        """Until it ends by itself."""
        if self.exit_code is None:
            stdout, _ = self.process.communicate(timeout=LIMIT_S)
            self.exit_code = self.process.returncode
            assert stdout.strip(), self.log.read_text()[-4000:]
            self.outcome = json.loads(stdout)

    def wait_for_pages(self) -> None:
        """Until the web process answers."""
        deadline = time.monotonic() + 120
        while True:
            try:
                with urllib.request.urlopen(self.url + "/", timeout=5) as answer:
                    answer.read()
                return
            except OSError:
                assert time.monotonic() < deadline, self.log.read_text()[-4000:]
                assert self.process.poll() is None, self.log.read_text()[-4000:]
                time.sleep(0.3)


def start_demo(folder: Path, *arguments: str) -> DemoRun:
    """``gridwitness demo --headless --json`` as a user would start it."""
    port = free_port()
    log = folder.with_suffix(".log")
    command = [sys.executable, "-m", "gridwitness", "demo", "--headless", "--json", "--port", str(port), "--out", str(folder), *arguments]
    with log.open("w") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True)
    return DemoRun(folder, port, process, log)


def end(run: DemoRun) -> None:
    """Kill whatever is left of a run."""
    if run.process.poll() is None:
        os.killpg(run.process.pid, signal.SIGTERM)
        try:
            run.process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(run.process.pid, signal.SIGKILL)
            run.process.wait()
    if run.process.stdout is not None:
        run.process.stdout.close()
