"""A real board process (compiled firmware, chip's heap) against a real broker and a small gateway, with the power cut again and again."""

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from gateway_side import Broker, Gateway, check_history, wait_for
from gridwitness.sim.boards import Board, Interpreter
from gwire.body import write
from gwire.envelope import Hmac, sha256_hex, with_mac

FAKE = Path(__file__).parent / "fake"
START_MS = 1_796_054_400_000  # 2026-12-01T00:00:00+08:00
SPEED = 20


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    yield broker
    broker.stop()


class Link:
    """A claimed board, its broker and its gateway."""

    def __init__(self, folder: Path, broker: Broker, interpreter: Interpreter, **config: object) -> None:
        points = [{"pt": "m-1"}, {"pt": "m-2"}]
        settings = {"dev": "gw-1", "interval_s": 1, "seal_s": 10, "resend_s": 0.5, "inflight": 50}
        settings["mqtt"] = {"host": "127.0.0.1", "port": broker.port}
        self.epoch_ms = time.time_ns() // 1_000_000
        wiring = {"epoch_ms": self.epoch_ms, "start_ms": START_MS, "speed": SPEED, "trace": "assigned.log"}
        self.board = Board.create(folder / "board", settings | {"points": points} | config, wiring, interpreter)
        self.board.overlay = [FAKE]
        self.board.call("import setup.claim as c; c.request('gw-1')")
        self.claim = json.loads((self.board.folder / "claim-request.json").read_text())

    def scenario_ms(self) -> int:
        return START_MS + (time.time_ns() // 1_000_000 - self.epoch_ms) * SPEED

    def end(self) -> int:
        """The scenario ends in an orderly way; returns the exit status."""
        if not self.board.running():
            self.board.start()
        (self.board.folder / "END").touch()
        return self.board.process.wait(40)

    def log(self) -> str:
        return (self.board.folder / "board.log").read_text()


def test_power_cuts_lose_nothing_that_was_assigned(tmp_path: Path, broker: Broker, interpreter: Interpreter) -> None:
    chance = random.Random(3)
    link = Link(tmp_path, broker, interpreter)
    dropped: set[tuple[int, int]] = set()

    def lose(position: tuple[int, int]) -> bool:
        """The broker loses one record in seven, once."""
        if position in dropped or chance.random() > 1 / 7:
            return False
        dropped.add(position)
        return True

    gateway = Gateway(broker.port, link.claim, lose)
    try:
        for _ in range(12):
            link.board.start()
            time.sleep(chance.uniform(0.05, 0.7))
            link.board.kill()
        assert link.end() == 0, link.log()
        assigned = link.board.assigned()
        wait_for(lambda: assigned.keys() <= gateway.kept.keys(), 10, "the last records")
        wait_for(lambda: gateway.status[-1] == b"offline", 10, "offline")
    finally:
        gateway.stop()
        link.board.kill()
    assert gateway.faults == []
    arrived = {position: json.loads(payload) for position, payload in gateway.kept.items()}
    assert {p: sha256_hex(gateway.kept[p]) for p in assigned} == assigned  # everything assigned arrived, with the same bytes
    assert len(gateway.kept) - len(assigned) <= 12  # cut between "durable" and "traced", at most once in each boot
    found = check_history(gateway.kept, link.claim["seal_key"])
    assert found["boots"] >= 8
    assert found["seals"] > found["boots"]
    assert found["unsealed"] == 0
    assert arrived[max(arrived)]["why"] == "shutdown"
    assert all(record["lost"] == 0 for record in arrived.values() if record["t"] == "boot")
    assert len(dropped) > 10
    assert gateway.copies > len(gateway.kept)
    assert gateway.status[0] == b"online"


def test_after_all_is_acknowledged_and_sealed_one_segment_is_left(tmp_path: Path, broker: Broker, interpreter: Interpreter) -> None:
    link = Link(tmp_path, broker, interpreter, segment_bytes=4_000)
    gateway = Gateway(broker.port, link.claim)
    try:
        link.board.start()
        wait_for(lambda: len(gateway.kept) > 60, 20, "records")
        assert link.end() == 0, link.log()
    finally:
        gateway.stop()
        link.board.kill()
    assert gateway.faults == []
    check_history(gateway.kept, link.claim["seal_key"])
    assert len(list((link.board.folder / "flash" / "outbox").glob("*.seg"))) <= 2
    heap = int(link.log().rsplit("heap used", 1)[1].split()[0])
    assert heap < {"x64": 95_000, "x86": 55_000}[interpreter.march]


def test_a_broker_that_dies_and_forgets_everything(tmp_path: Path, broker: Broker, interpreter: Interpreter) -> None:
    link = Link(tmp_path, broker, interpreter)
    gateway = Gateway(broker.port, link.claim)
    try:
        link.board.start()
        for _ in range(3):
            count = len(gateway.kept)
            wait_for(lambda count=count: len(gateway.kept) > count + 8, 20, "records")
            broker.kill()
            time.sleep(0.3)
            broker.start()
        assert link.end() == 0, link.log()
    finally:
        gateway.stop()
        link.board.kill()
    assert gateway.faults == []
    assigned = link.board.assigned()
    assert {p: sha256_hex(payload) for p, payload in gateway.kept.items()} == assigned
    check_history(gateway.kept, link.claim["seal_key"])
    assert "Traceback" not in link.log()


def test_what_a_full_outbox_loses_is_declared_at_the_next_boot(tmp_path: Path, broker: Broker, interpreter: Interpreter) -> None:
    link = Link(tmp_path, broker, interpreter, outbox_bytes=30_000, segment_bytes=4_000)
    link.board.start()  # no gateway: nothing is acknowledged
    wait_for(lambda: len(link.board.assigned()) > 80, 20, "records")
    link.board.kill()
    outbox = link.board.folder / "flash" / "outbox"
    assert sum(p.stat().st_size for p in outbox.iterdir()) <= 30_000
    kept = b"".join(p.read_bytes() for p in outbox.glob("*.seg"))
    gone = {position for position, sha in link.board.assigned().items() if sha.encode() not in kept}
    gateway = Gateway(broker.port, link.claim)
    try:
        assert link.end() == 0, link.log()
    finally:
        gateway.stop()
        link.board.kill()
    assert gateway.faults == []
    boot = json.loads(gateway.kept[(2, 0)])
    assert gone
    assert len(gone) <= boot["lost"] <= len(gone) + 5  # a cut between counting and dropping counts a segment twice, never not at all
    assert link.board.assigned().keys() - gateway.kept.keys() >= gone
    assert max(gateway.kept) == max(link.board.assigned())


def test_a_forged_ack_moves_nothing_and_is_reported_in_the_chain(tmp_path: Path, broker: Broker, interpreter: Interpreter) -> None:
    link = Link(tmp_path, broker, interpreter)
    gateway = Gateway(broker.port, link.claim, lambda position: position[1] > 5)  # the real gateway acknowledges no further than 5
    try:
        link.board.start()
        wait_for(lambda: len(link.board.assigned()) > 12, 20, "records")
        newest, sha = max(link.board.assigned().items())
        gateway.publish("ack", forged(newest, sha))
        wait_for(lambda: b"command_refused" in outbox_bytes(link), 20, "the report")
        nvs = (link.board.folder / "flash" / "nvs.json").read_text()
        assert json.loads(nvs.split("\n")[0])[1]["acked"] <= [1, 5]
    finally:
        gateway.stop()
        link.board.kill()


def forged(position: tuple[int, int], sha: str) -> bytes:
    message = {"v": 1, "t": "ack", "dev": "gw-1", "n": 10**6, "ts": START_MS, "boot": position[0], "seq": position[1], "tip": sha}
    return with_mac(write(tuple(message.items()), ()), Hmac(b"not the key"))


def outbox_bytes(link: Link) -> bytes:
    return b"".join(p.read_bytes() for p in (link.board.folder / "flash" / "outbox").glob("*.seg"))
