"""What the demo refuses before it starts anything, and how the command line tells it."""

import socket
import subprocess
from pathlib import Path

import pytest
from gridwitness.service import processes


def demo(*words: str) -> "subprocess.CompletedProcess[str]":
    command = [*processes.GRIDWITNESS, "demo", "--headless", "--json", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def refused(done: "subprocess.CompletedProcess[str]", code: str) -> None:
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error[{code}]")
    assert "Traceback" not in done.stderr


def test_a_folder_in_use_stays_as_it_is(tmp_path: Path) -> None:
    """Records of an earlier run would be counted as this one's."""
    (tmp_path / "note.txt").write_text("mine")
    done = demo("--out", str(tmp_path))
    refused(done, "folder_not_empty")
    assert "note.txt" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_what_cannot_be_a_folder_is_told_in_words(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    refused(demo("--out", str(tmp_path / place)), "no_folder")


def test_a_port_in_use_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        refused(demo("--out", str(tmp_path / "run"), "--port", str(other.getsockname()[1])), "port_taken")


def test_a_place_that_cannot_be_written_is_told_by_every_command(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    command = [*processes.GRIDWITNESS, "simulate", "longtan", "--days", "0.01", "--out", str(tmp_path / "file" / "case")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error[file]")
    assert f"{tmp_path / 'file'}: File exists" in done.stderr
