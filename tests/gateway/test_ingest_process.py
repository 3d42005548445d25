"""The ingest as a process, on a real broker, killed while records pour in."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from boardlink import BoardLink, deliver
from gridwitness.domain.clock import ScenarioClock
from gridwitness.ingest.recheck import recheck
from gridwitness.service import broker, processes
from gridwitness.sim.device import RecordMaker, measured
from gridwitness.store import Store

BOARDS = 4
MINUTES = 600


@contextmanager
def ingest(directory: Path) -> Iterator[Callable[[], None]]:
    """The running process; what is yielded kills it with SIGKILL and starts it again."""
    command = [*processes.GRIDWITNESS, "ingest", str(directory)]
    running = [processes.start(command, directory / "logs" / "ingest.log")]

    def kill() -> None:
        running[0].kill()
        running[0].wait()
        running[0] = processes.start(command, directory / "logs" / "ingest.log")

    try:
        yield kill
    finally:
        status = processes.end(running[0])
        assert status == 0, (directory / "logs" / "ingest.log").read_text()


def configure(directory: Path, running: broker.Broker, now_ms: int) -> None:
    """Settings with a scenario clock that stands still after the newest record."""
    ScenarioClock(directory / "clock", create_at_ms=now_ms)
    settings = {
        "broker": {"host": running.host, "port": running.port},
        "clock": f"scenario:{directory / 'clock'}",
        "ingest": {"ack_every_s": 0.1},
    }
    (directory / "gateway.yaml").write_text(yaml.safe_dump(settings))


def stored(directory: Path) -> int:
    """How many records are on disk just now."""
    try:
        store = Store(directory / "gridwitness.db", readonly=True)
    except Exception:  # the first start is still making it
        return 0
    try:
        return store.counts()["stored"]
    except sqlite3.OperationalError:
        return 0
    finally:
        store.close()


def boards(claimed: Callable[[str], RecordMaker], count: int, minutes: int) -> list[RecordMaker]:
    made = []
    for number in range(count):
        maker = claimed(f"gw-{number}")
        maker.boot()
        for minute in range(minutes):
            maker.pass_time(60_000)
            maker.data(f"m-{number}", measured(1e6 + minute, energy_wh=minute))
            if minute % 60 == 59:
                maker.seal()
        made.append(maker)
    return made


def check_whole(directory: Path, makers: list[RecordMaker]) -> None:
    """Lost 0, doubled 0, altered 0, and the index agrees with the payloads."""
    store = Store(directory / "gridwitness.db", readonly=True)
    for maker in makers:
        there = [(r.boot, r.seq, r.payload) for r in store.raw(maker.dev)]
        assert there == [(m.boot, m.seq, m.payload) for m in maker.messages]
        cursor = store.cursor(maker.dev)
        assert cursor is not None
        assert (cursor.boot, cursor.seq) == there[-1][:2]
    assert store.quarantined() == []
    assert store.conflicts() == []
    report = recheck(store)
    assert report.problems == []
    assert report.records == sum(len(m.messages) for m in makers)
    store.close()


@pytest.mark.parametrize("kind", ["mosquitto", "amqtt"])
def test_nothing_is_lost_or_doubled_when_the_ingest_is_killed(
    kind: str, directory: Path, tmp_path: Path, claimed: Callable[[str], RecordMaker]
) -> None:
    if kind == "mosquitto" and broker.mosquitto_path() is None:
        pytest.skip("mosquitto is not installed")
    makers = boards(claimed, BOARDS, MINUTES)
    running = broker.start(tmp_path / "broker", kind)
    configure(directory, running, makers[0].now_ms or 0)
    total = sum(len(m.messages) for m in makers)
    kills = [total // 5, total // 2, total * 4 // 5]
    links = [BoardLink(maker, running.host, running.port) for maker in makers]
    try:
        with ingest(directory) as kill:
            for link, maker in zip(links, makers, strict=True):
                link.offer(maker.messages)

            def kill_when_due() -> None:
                if kills and stored(directory) >= kills[0]:
                    kills.pop(0)
                    kill()

            deliver(links, kill_when_due)
        assert kills == []
    finally:
        for link in links:
            link.close()
        running.stop()
    check_whole(directory, makers)
    for link in links:
        numbers = [ack["n"] for ack in link.acks]
        assert numbers == sorted(set(numbers)), "an ack's number went back or came twice"
        assert link.bad_acks == 0


def test_nothing_is_lost_when_the_broker_is_killed(
    directory: Path, mosquitto: broker.Broker, claimed: Callable[[str], RecordMaker]
) -> None:
    makers = boards(claimed, 2, MINUTES)
    configure(directory, mosquitto, makers[0].now_ms or 0)
    total = sum(len(m.messages) for m in makers)
    kills = [total // 4, total * 3 // 4]
    links = [BoardLink(maker, mosquitto.host, mosquitto.port) for maker in makers]
    with ingest(directory):
        for link, maker in zip(links, makers, strict=True):
            link.offer(maker.messages)

        def kill_when_due() -> None:
            if kills and stored(directory) >= kills[0]:
                kills.pop(0)
                mosquitto.process.kill()
                mosquitto.process.wait()
                mosquitto.restart()

        deliver(links, kill_when_due)
    assert kills == []
    for link in links:
        link.close()
    check_whole(directory, makers)


def test_poison_between_good_records_stops_nothing(
    directory: Path, mosquitto: broker.Broker, claimed: Callable[[str], RecordMaker]
) -> None:
    (maker,) = boards(claimed, 1, 200)
    configure(directory, mosquitto, maker.now_ms or 0)
    link = BoardLink(maker, mosquitto.host, mosquitto.port)
    good = maker.messages
    poison = [(m.topic, m.payload[:-10] + b"0000000" + b'0"}') for m in good[2::10]]
    with ingest(directory):
        link.offer(good[:2])
        deliver([link])  # from here on the ingest is subscribed
        for topic, payload in poison:
            link.publish(topic, payload)
        link.publish("gridwitness/v1/gw-0/data", b"not a record at all")
        link.offer(good[2:])
        deliver([link])
    link.close()
    store = Store(directory / "gridwitness.db", readonly=True)
    assert [r.payload for r in store.raw("gw-0")] == [m.payload for m in good]
    reasons = store.quarantined(1000)
    assert sorted({row.code for row in reasons}) == ["bad_mac", "bad_sig", "bad_size"]
    assert len(reasons) == len(poison) + 1
    assert all(row.reason for row in reasons)
    store.close()


def test_a_board_that_is_claimed_while_the_ingest_runs_is_known(
    directory: Path, mosquitto: broker.Broker, claimed: Callable[[str], RecordMaker]
) -> None:
    (first,) = boards(claimed, 1, 3)
    configure(directory, mosquitto, first.now_ms or 0)
    links = [BoardLink(first, mosquitto.host, mosquitto.port)]
    with ingest(directory):
        links[0].offer(first.messages)
        deliver(links)
        later = claimed("gw-later")
        later.boot()
        links.append(BoardLink(later, mosquitto.host, mosquitto.port))
        links[1].offer(later.messages)
        deliver(links)
    assert json.loads(later.messages[0].payload)["t"] == "boot"
    for link in links:
        link.close()
    check_whole(directory, [first, later])
