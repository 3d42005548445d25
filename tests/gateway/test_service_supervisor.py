"""The supervisor: starts the parts, starts again what ends, ends with all of them."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from gridwitness.service import broker, processes
from gridwitness.service.ports import require_free
from gridwitness.service.supervisor import BACK_OFF_S, STEADY_S, Part, Supervisor, answers, prepare, unusable_registers


def until(condition: Callable[[], bool], limit_s: float = 60.0) -> None:
    """Wait for something; fails after a long time."""
    ends_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < ends_s, "it did not happen"
        time.sleep(0.05)


def supervisor(directory: Path, program: str) -> Supervisor:
    return Supervisor(directory, lambda _name: [sys.executable, "-c", program], [Part("one")])


def test_what_ends_is_started_again_later_and_later(tmp_path: Path) -> None:
    boss = supervisor(tmp_path, "print('alive')")
    part = boss.parts[0]
    at_s, delays = 0.0, []
    for _ in range(10):
        boss.tend(at_s)
        assert part.process is not None
        part.process.wait()
        boss.tend(at_s)
        assert part.process is None
        delays.append(part.next_start_s - at_s)
        boss.tend(at_s + delays[-1] - 0.01)
        assert part.process is None
        at_s += delays[-1]
    assert delays[:4] == pytest.approx([0.2, 0.4, 0.8, 1.6])
    assert delays[-1] == BACK_OFF_S[1]
    assert (tmp_path / "logs" / "one.log").read_text() == "alive\n" * 10


def test_a_long_life_forgives(tmp_path: Path) -> None:
    boss = supervisor(tmp_path, "pass")
    part = boss.parts[0]
    part.back_off_s = 25.6
    boss.tend(0.0)
    assert part.process is not None
    part.process.wait()
    boss.tend(STEADY_S)
    assert part.next_start_s == STEADY_S + BACK_OFF_S[0]


def test_the_end_reaches_every_part(tmp_path: Path) -> None:
    boss = supervisor(tmp_path, "import time; time.sleep(600)")
    boss.parts.append(Part("two"))
    boss.tend(0.0)
    running = [part.process for part in boss.parts]
    boss.end()
    assert [process.returncode for process in running if process] == [-signal.SIGTERM] * 2


def test_what_a_folder_needs_is_made_and_kept(directory: Path) -> None:
    prepare(directory)
    for name in ("gateway.yaml", "gridwitness.db", "keys/signer.pem", "segments", "bundles", "logs", "sites"):
        assert (directory / name).exists(), name
    before = {p: p.read_bytes() for p in (directory / "keys").rglob("*") if p.is_file()}
    prepare(directory)
    assert {p: p.read_bytes() for p in (directory / "keys").rglob("*") if p.is_file()} == before


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def start_gateway(directory: Path, running: broker.Broker, port: int) -> "subprocess.Popen[str]":
    settings = {"broker": {"host": running.host, "port": running.port}, "web": {"port": port}}
    (directory / "gateway.yaml").write_text(yaml.safe_dump(settings))
    command = [*processes.GRIDWITNESS, "run", str(directory), "--json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def test_a_whole_gateway_runs_mends_itself_and_ends(directory: Path, mosquitto: broker.Broker) -> None:
    port = broker.free_port()
    with start_gateway(directory, mosquitto, port) as gateway:
        try:
            assert gateway.stdout is not None
            told = json.loads(gateway.stdout.readline())
            assert told["pages"] == f"http://127.0.0.1:{port}/"
            pids = told["pids"]
            assert set(pids) == {"ingest", "detect", "web"}
            os.kill(pids["web"], signal.SIGKILL)
            until(lambda: not alive(pids["web"]))
            until(lambda: answers("127.0.0.1", port))
            assert alive(pids["ingest"])
            assert alive(pids["detect"])
        finally:
            gateway.send_signal(signal.SIGTERM)
            assert gateway.wait(30) == 0
    assert not any(alive(pid) for pid in pids.values())
    assert not answers("127.0.0.1", port)
    assert "ended" in (directory / "logs" / "ingest.log").read_text()


def test_the_parts_die_with_a_killed_supervisor(directory: Path, mosquitto: broker.Broker) -> None:
    with start_gateway(directory, mosquitto, broker.free_port()) as gateway:
        assert gateway.stdout is not None
        pids = json.loads(gateway.stdout.readline())["pids"]
        gateway.kill()
        gateway.wait()
    until(lambda: not any(alive(pid) for pid in pids.values()))


def run_again(directory: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*processes.GRIDWITNESS, "run", str(directory)], capture_output=True, text=True, timeout=60, check=False)


def test_a_second_gateway_in_the_same_folder_is_refused(directory: Path, mosquitto: broker.Broker) -> None:
    """Two would take the broker's session from each other, in turns."""
    with start_gateway(directory, mosquitto, broker.free_port()) as gateway:
        assert gateway.stdout is not None
        gateway.stdout.readline()
        second = run_again(directory)
        assert (second.returncode, second.stdout) == (2, "")
        assert second.stderr.startswith("error[already_running]")
        gateway.kill()
        gateway.wait()
    with start_gateway(directory, mosquitto, broker.free_port()) as gateway:  # what a killed one held is free at once
        assert gateway.stdout is not None
        assert json.loads(gateway.stdout.readline())["pids"]
        gateway.terminate()
        assert gateway.wait(30) == 0


def test_a_port_that_another_program_has_is_told_before_anything_starts(directory: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        (directory / "gateway.yaml").write_text(yaml.safe_dump({"web": {"port": port}}))
        done = run_again(directory)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"error[port_taken]: the pages cannot listen on 127.0.0.1 port {port}: Address already in use" in done.stderr
    assert not (directory / "logs" / "ingest.log").exists()


def test_a_port_that_is_given_up_in_time_is_waited_for() -> None:
    other = socket.socket()
    other.bind(("127.0.0.1", 0))
    other.listen()
    freed = threading.Timer(0.3, other.close)
    freed.start()
    require_free("127.0.0.1", other.getsockname()[1], patience_s=30)
    freed.join()


@pytest.mark.parametrize("content", [b"no database at all, but a text that is long enough to be looked at" * 20])
def test_a_store_that_is_none_is_told_in_words(directory: Path, content: bytes) -> None:
    (directory / "gridwitness.db").write_bytes(content)
    done = run_again(directory)
    assert done.returncode == 2
    assert "error[store_unusable]" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_register_that_cannot_be_used_is_told_with_its_line(directory: Path) -> None:
    good = (directory / "sites" / "longtan.yaml").read_text(encoding="utf-8")
    assert unusable_registers(directory) == []
    (directory / "sites" / "bad.yaml").write_text(good.replace("role: grid_tie", "role: grid_tea"), encoding="utf-8")
    (directory / "sites" / "other.yaml").write_text(good, encoding="utf-8")
    bad, misnamed = unusable_registers(directory)
    assert "bad.yaml:9 [branches[1].role]: 'grid_tea' is not known" in bad
    assert "name it longtan.yaml" in misnamed
