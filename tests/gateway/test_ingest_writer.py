"""The writer's order: commit, then the broker's acknowledgement, then the device's; and what a full disk does."""

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from gridwitness.domain.clock import FixedClock
from gridwitness.ingest.acks import AckSchedule
from gridwitness.ingest.assess import Arrival
from gridwitness.ingest.keyring import Keyring
from gridwitness.ingest.writer import Writer
from gridwitness.sim.device import RecordMaker, measured
from gridwitness.store import CursorRow, Store
from gwire import envelope, records

Make = Callable[[str], RecordMaker]


class Ends:
    """Both ends of the writer; notes what was durable at the moment of every acknowledgement."""

    def __init__(self, directory: Path) -> None:
        self._reader = directory / "gridwitness.db"
        self.accepted: list[Arrival] = []
        self.published: list[tuple[str, bytes]] = []
        self.durable_at_accept: list[int] = []
        self.durable_at_publish: list[int] = []

    def _durable(self) -> int:
        store = Store(self._reader, readonly=True)  # another connection sees only what was committed
        try:
            return store.counts()["stored"]
        finally:
            store.close()

    def drain(self, most: int, first_s: float, rest_s: float) -> list[Arrival]:
        raise NotImplementedError

    def accept(self, arrivals: Sequence[Arrival]) -> None:
        self.accepted += arrivals
        self.durable_at_accept.append(self._durable())

    def publish(self, topic: str, payload: bytes) -> None:
        self.published.append((topic, payload))
        self.durable_at_publish.append(self._durable())


@pytest.fixture
def board(claimed: Make) -> RecordMaker:
    maker = claimed("gw-g1")
    maker.boot()
    for _ in range(20):
        maker.pass_time(60_000)
        maker.data("m-g1", measured(1e6))
    return maker


@pytest.fixture
def ends(directory: Path) -> Ends:
    return Ends(directory)


@pytest.fixture
def writer(directory: Path, store: Store, board: RecordMaker, ends: Ends) -> Writer:
    keyring = Keyring(directory / "keys" / "devices")
    return Writer(store, keyring, ends, FixedClock(board.now_ms or 0), ack_every_s=1.0, gap_after_ms=7_200_000)


def arrivals(board: RecordMaker, first: int = 0, last: int | None = None) -> list[Arrival]:
    return [Arrival(m.topic, m.payload, 1, k) for k, m in enumerate(board.messages[first:last])]


def never(_seconds: float) -> bool:
    raise AssertionError("the store could not be written")


def test_acknowledged_only_after_the_commit(writer: Writer, board: RecordMaker, ends: Ends) -> None:
    writer.step(arrivals(board), never, 10.0)
    assert ends.durable_at_accept == [22]
    assert ends.durable_at_publish == [22]
    assert len(ends.accepted) == 22


def test_the_ack_is_authentic_and_covers_the_newest_record(writer: Writer, board: RecordMaker, ends: Ends) -> None:
    writer.step(arrivals(board), never, 10.0)
    ((topic, payload),) = ends.published
    assert topic == "gridwitness/v1/gw-g1/ack"
    doc = json.loads(envelope.open_mac(payload, envelope.Hmac(envelope.key_down(board.secret))) + b"}")
    records.check_down(doc)
    newest = board.messages[-1]
    assert (doc["boot"], doc["seq"], doc["tip"], doc["ts"]) == (newest.boot, newest.seq, newest.digest.hex(), board.now_ms)


def test_at_most_one_ack_a_second_and_the_last_one_comes(writer: Writer, board: RecordMaker, ends: Ends) -> None:
    for k in range(10):
        writer.step(arrivals(board, k, k + 1), never, 10.0 + k / 10)
    assert len(ends.published) == 1
    writer.step([], never, 10.99)
    assert len(ends.published) == 1
    writer.step([], never, 11.0)
    docs = [json.loads(payload) for _, payload in ends.published]
    assert [doc["seq"] for doc in docs] == [0, 9]
    assert docs[1]["n"] > docs[0]["n"]


def test_a_repeated_record_is_acknowledged_again(writer: Writer, board: RecordMaker, ends: Ends) -> None:
    writer.step(arrivals(board), never, 10.0)
    writer.step(arrivals(board, 3, 4), never, 20.0)
    first, second = (json.loads(payload) for _, payload in ends.published)
    assert second["seq"] == first["seq"]
    assert second["n"] > first["n"]


def test_poison_is_accepted_from_the_broker_but_not_acknowledged_to_anyone(writer: Writer, ends: Ends) -> None:
    writer.step([Arrival("gridwitness/v1/gw-g1/data", b"x" * 100, 1, 7)], never, 10.0)
    assert [a.mid for a in ends.accepted] == [7]
    assert ends.published == []


def limit_pages(store: Store, more: int) -> None:
    """SQLite itself then answers as on a full disk."""
    used = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count={used + more}")


def test_a_full_disk_stops_acknowledging_and_loses_nothing(
    writer: Writer, store: Store, board: RecordMaker, ends: Ends, caplog: pytest.LogCaptureFixture
) -> None:
    writer.step(arrivals(board, 0, 2), never, 10.0)
    limit_pages(store, 0)
    pauses: list[float] = []

    def pause(seconds: float) -> bool:
        assert len(ends.accepted) == 2
        assert len(ends.published) == 1
        pauses.append(seconds)
        if len(pauses) == 4:
            limit_pages(store, 10_000)  # somebody made room
        return False

    with caplog.at_level(logging.CRITICAL):
        writer.step(arrivals(board, 2), pause, 20.0)
    assert pauses == [0.5, 1.0, 2.0, 4.0]
    assert "store_unwritable: database or disk is full" in caplog.text
    assert "alarm ended" in caplog.text
    assert [r.payload for r in store.raw("gw-g1")] == [m.payload for m in board.messages]
    assert ends.durable_at_accept[-1] == 22
    assert json.loads(ends.published[-1][1])["seq"] == board.seq


def test_ending_while_the_disk_is_full_acknowledges_nothing(writer: Writer, store: Store, board: RecordMaker, ends: Ends) -> None:
    writer.step(arrivals(board, 0, 2), never, 10.0)
    limit_pages(store, 0)
    writer.step(arrivals(board, 2), lambda _seconds: True, 20.0)
    assert len(ends.accepted) == 2
    assert len(ends.published) == 1


def test_the_table_of_devices_is_rebuilt_from_the_keys(writer: Writer, store: Store) -> None:
    (device,) = store.devices()
    assert (device.dev, device.site, len(device.seal_key)) == ("gw-g1", "longtan", 65)


def test_the_schedule_keeps_devices_apart() -> None:
    schedule = AckSchedule(1.0)
    schedule.note([CursorRow("gw-1", 0, 5, b"", 1), CursorRow("gw-2", None, None, None, 1)])
    assert [c.dev for c in schedule.due(0.0)] == ["gw-1"]
    schedule.note([CursorRow("gw-1", 0, 6, b"", 2), CursorRow("gw-2", 0, 0, b"", 2)])
    schedule.note([CursorRow("gw-1", 0, 9, b"", 2)])
    assert [c.dev for c in schedule.due(0.5)] == ["gw-2"]
    assert [(c.dev, c.seq) for c in schedule.due(1.0)] == [("gw-1", 9)]
    assert len(schedule) == 0
