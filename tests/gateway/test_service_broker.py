"""A broker of our own: mosquitto, or the embedded amqtt."""

import os
import socket
from pathlib import Path

import pytest
from gridwitness.domain.errors import GridwitnessError
from gridwitness.service import broker


@pytest.mark.parametrize("kind", ["mosquitto", "amqtt"])
def test_it_answers_tells_its_name_and_ends(kind: str, tmp_path: Path) -> None:
    if kind == "mosquitto" and broker.mosquitto_path() is None:
        pytest.skip("mosquitto is not installed")
    running = broker.start(tmp_path, kind)
    pid = running.process.pid
    try:
        assert running.name.split()[0] == kind
        assert running.name.split()[1][0].isdigit()
        running.process.kill()
        running.process.wait()
        running.restart()
        with socket.create_connection((running.host, running.port), timeout=5):
            pass
        assert running.process.pid != pid
    finally:
        running.stop()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((running.host, running.port), timeout=5)


def test_without_mosquitto_the_embedded_one_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "mosquitto_path", lambda: None)
    running = broker.start(tmp_path)
    running.stop()
    assert running.name.startswith("amqtt ")
    with pytest.raises(GridwitnessError, match="mosquitto is not installed"):
        broker.start(tmp_path, "mosquitto")


def test_a_taken_port_is_told_with_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "READY_S", 3.0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(0)
        with pytest.raises(GridwitnessError, match="does not answer") as told:
            broker.start(tmp_path, "amqtt", port=taken.getsockname()[1])
    assert str(tmp_path) in told.value.hint


def test_an_unknown_kind(tmp_path: Path) -> None:
    with pytest.raises(GridwitnessError, match="there is no broker"):
        broker.start(tmp_path, "hive")


def test_the_broker_dies_with_its_parent(tmp_path: Path) -> None:
    """A parent that is killed cannot clean up; the kernel does."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover
        try:
            os.close(read)
            running = broker.start(tmp_path, "amqtt")
            os.write(write, f"{running.process.pid} {running.port}".encode())
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    port = int(os.read(read, 100).split()[1])
    os.close(read)
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            break
    else:
        pytest.fail("the broker outlived its parent")
