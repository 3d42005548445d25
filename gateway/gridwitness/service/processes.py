"""Processes of a gateway: children that end with their parent, an orderly end on a signal, log lines with the time in UTC."""

import ctypes
import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

_PR_SET_PDEATHSIG = 1  # linux/prctl.h

GRIDWITNESS = (sys.executable, "-m", "gridwitness")
"""The command line of this very installation."""


def end_with_parent() -> Callable[[], None] | None:
    """For ``preexec_fn``: the kernel kills the child when the thread that started it ends. None where the system cannot."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # loaded before the fork: the child must not take the loader's lock

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    return ask


def start(command: Sequence[str], log: Path | None = None, **options: Any) -> "subprocess.Popen[bytes]":
    """Start a child whose output is appended to ``log``. It ignores the terminal's Ctrl-C: its parent ends it in order."""
    output: IO[bytes] | int = subprocess.DEVNULL
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        output = log.open("ab")
    try:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=end_with_parent(),  # one prctl call, which takes no lock
            start_new_session=True,
            **options,
        )
    finally:
        if not isinstance(output, int):
            output.close()


def end(process: "subprocess.Popen[bytes]", patience_s: float = 10.0) -> int:
    """Ask a child to end, and kill it if it does not; returns its exit status."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def log_to_stderr() -> None:
    """Log lines of a service: UTC, level, where from, what."""
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
