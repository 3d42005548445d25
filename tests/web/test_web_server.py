"""``gridwitness web`` as a process: it says where it listens, serves the scenario's time, and ends when told to."""

import re
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import plantroom
import pytest
from gridwitness.domain.clock import ScenarioClock
from gridwitness.domain.errors import GridwitnessError
from gridwitness.web.server import listen


def test_the_command_serves_a_folder_and_ends_with_open_streams(tmp_path: Path) -> None:
    room = plantroom.make(tmp_path / "gateway", 1.0, oddities=False)
    ScenarioClock(tmp_path / "clock", create_at_ms=room.until_ms)
    (room.directory / "gateway.yaml").write_text(f"clock: scenario:{tmp_path / 'clock'}\nlanguage: en\n", encoding="utf-8")
    command = [sys.executable, "-m", "gridwitness", "web", str(room.directory), "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        told = re.search(r"pages: (http://127\.0\.0\.1:\d+)/", process.stderr.readline())
        assert told
        with urllib.request.urlopen(told[1], timeout=20) as answer:
            body = answer.read().decode()
        assert "<h1>Overview" in body
        assert "2026-12-01 01:00" in body
        with urllib.request.urlopen(f"{told[1]}/events", timeout=20) as stream:
            assert stream.readline().startswith(b"retry:")
            process.terminate()
            _, errors = process.communicate(timeout=30)
        assert "Traceback" not in errors
    finally:
        process.kill()
        process.wait()
        room.close()


def test_a_taken_port_is_an_error_with_a_next_step() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(GridwitnessError) as error:
            listen("127.0.0.1", other.getsockname()[1])
    assert error.value.code == "port_taken"
    assert "--port" in error.value.hint
