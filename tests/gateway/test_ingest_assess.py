"""The gateway's rules of the wire contract, on arrivals without a network."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from gridwitness.ingest.assess import GAP_AFTER_MS, Arrival, Assessor
from gridwitness.ingest.keyring import Keyring
from gridwitness.ingest.recheck import recheck
from gridwitness.sim.device import FW_DATE_MS, Message, RecordMaker, measured
from gridwitness.store import Store
from gwire import body, envelope

Make = Callable[[str], RecordMaker]


class Gateway:
    """Assess and commit, as the writer does, and be restarted."""

    def __init__(self, directory: Path, store: Store, now_ms: int) -> None:
        self.directory, self.store, self.now_ms = directory, store, now_ms
        self.restart()

    def restart(self) -> None:
        self.assessor = Assessor(self.store, Keyring(self.directory / "keys" / "devices"), self.now_ms)

    def take(self, *messages: Message, topic: str | None = None) -> None:
        self.take_bytes(*[(topic or m.topic, m.payload) for m in messages])

    def take_bytes(self, *arrivals: tuple[str, bytes]) -> None:
        self.store.commit(self.assessor.assess([Arrival(*a) for a in arrivals], self.now_ms))
        self.assessor.committed()

    def cursor(self, dev: str) -> tuple[int | None, int | None]:
        row = self.store.cursor(dev)
        assert row is not None
        return row.boot, row.seq

    def reasons(self) -> list[tuple[str, str]]:
        return [(row.code, row.reason) for row in reversed(self.store.quarantined())]


@pytest.fixture
def board(claimed: Make) -> RecordMaker:
    return claimed("gw-g1")


@pytest.fixture
def gateway(directory: Path, store: Store, board: RecordMaker) -> Gateway:
    return Gateway(directory, store, board.now_ms or 0)


def minutes(board: RecordMaker, gateway: Gateway, count: int) -> list[Message]:
    made = []
    for _ in range(count):
        board.pass_time(60_000)
        made.append(board.data("m-g1", measured(1e6)))
    gateway.now_ms = board.now_ms or 0
    return made


def test_a_chain_is_stored_decoded_and_acknowledged_whole(gateway: Gateway, board: RecordMaker) -> None:
    board.boot()
    minutes(board, gateway, 5)
    board.event("step", "m-g1", {"dp_w": -98200, "dq_var": -4100, "rise_ms": 400, "clock_u_ms": 800})
    board.seal()
    gateway.take(*board.messages)
    assert [r.payload for r in gateway.store.raw("gw-g1")] == [m.payload for m in board.messages]
    assert gateway.cursor("gw-g1") == (0, board.seq)
    row = gateway.store.cursor("gw-g1")
    assert row is not None
    assert row.tip == board.messages[-1].digest
    series = gateway.store.readings("longtan").points["m-g1"]
    assert series.p_w.tolist() == [1e6] * 5
    step = gateway.store.readings("longtan").events[0]
    assert (step.dp_w, step.rise_ms, step.point) == (-98200, 400, "m-g1")
    assert gateway.store.counts()["stored"] == len(board.messages)
    assert recheck(gateway.store).problems == []


def test_the_same_record_again_is_a_duplicate_and_stored_once(gateway: Gateway, board: RecordMaker) -> None:
    first = board.boot()
    gateway.take(*board.messages)
    gateway.take(first, first)
    gateway.restart()
    gateway.take(first)
    assert gateway.store.counts()["duplicate"] == 3
    assert len(list(gateway.store.raw("gw-g1"))) == 2


def test_a_duplicate_inside_one_batch_is_seen(gateway: Gateway, board: RecordMaker) -> None:
    gateway.take(board.boot(), board.messages[0])
    assert gateway.store.counts()["duplicate"] == 1


def refused(gateway: Gateway, code: str) -> str:
    """The one reason with this code."""
    found = [reason for c, reason in gateway.reasons() if c == code]
    assert len(found) == 1, gateway.reasons()
    assert len(found[0]) > 10
    return found[0]


def test_a_wrong_mac_is_quarantined_and_moves_nothing(gateway: Gateway, board: RecordMaker) -> None:
    board.boot()
    gateway.take(*board.messages)
    (good,) = minutes(board, gateway, 1)
    for forged in (good.payload[:-3] + b'0"}', RecordMaker("gw-g1", seed="another").sign("data", good.payload[:-42]).payload):
        if forged == good.payload:
            forged = good.payload[:-3] + b'1"}'
        gateway.take_bytes((good.topic, forged))
    assert [code for code, _ in gateway.reasons()] == ["bad_mac", "bad_mac"]
    assert gateway.cursor("gw-g1") == (0, 1)
    assert gateway.store.digest("gw-g1", 0, good.seq) is None
    gateway.take(good)
    assert gateway.cursor("gw-g1") == (0, 2)


def test_a_seal_under_another_key_is_quarantined(gateway: Gateway, board: RecordMaker) -> None:
    board.boot(seal=False)
    seal = board.seal("boot")
    forged = RecordMaker("gw-g1", seed="another").sign("seal", seal.payload[: -envelope.SIG_SUFFIX])
    gateway.take(board.messages[0])
    gateway.take_bytes((seal.topic, forged.payload))
    assert "seal key" in refused(gateway, "bad_sig")
    assert gateway.cursor("gw-g1") == (0, 0)


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"hello, I am no record of any kind, but I am long enough to be looked at closely", "bad_form"),
        (b"{}", "bad_size"),
        (b"{" + b"x" * 5000 + b"}", "bad_size"),
        (b"\xff\xfe" * 50, "bad_form"),
    ],
)
def test_what_is_no_record_is_quarantined(gateway: Gateway, board: RecordMaker, payload: bytes, code: str) -> None:
    gateway.take_bytes((f"gridwitness/v1/{board.dev}/data", payload))
    refused(gateway, code)
    assert list(gateway.store.raw("gw-g1")) == []
    assert gateway.store.quarantined()[0].payload == payload


def signed(board: RecordMaker, text: bytes) -> Message:
    return board.sign("data", text + b" " * max(0, 64 - 42 - len(text)))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b'{"v":1,"t":"data","dev":"gw-g1","boot":0,"seq":2,"what":not json at all', "bad_json"),
        (b'{"v":1,"t":"data","dev":"gw-g1","boot":0,"seq":2,"seq":3', "duplicate_key"),
        (b'{"v":1,"t":"data","dev":"gw-g1","boot":0,"seq":2,"m":{"p_w":1,"p_w":2}', "duplicate_key"),
        (b'{"v":1,"t":"data","dev":"gw-g1","boot":0,"seq":2, "seq" :3', "duplicate_key"),
        (b'{"v":1,"t":"data","dev":"gw-g1","boot":0,"seq":2,"a":":x","s\\u0065q":3', "duplicate_key"),
        (b'{"v":1,"t":"data","dev":"gw-g1","boot":0,"seq":NaN,"up":1', "bad_json"),
        (b'{"v":1,"t":"data","dev":"gw-g1","boot":0,"seq":2,"x":"\xff\xfe"', "bad_json"),
        (b'{"v":1,"t":"data","dev":"gw-g1","boot":0,"seq":2,"x":' + b"[" * 2000, "bad_json"),
        (b'{"v":1,"t":"event","dev":"gw-g1","boot":0,"seq":2', "wrong_topic"),
        (b'{"v":1,"t":"data","dev":"gw-g2","boot":0,"seq":2', "wrong_device"),
        (b'{"v":1,"t":"data","dev":"gw-g1","boot":0,"seq":-2', "bad_schema"),
        (b'{"v":1,"t":"data","dev":"gw-g1","boot":0,"seq":98765432109876543210', "bad_schema"),
        (b'{"v":1,"t":"data","dev":"gw-g1","boot":true,"seq":1', "bad_schema"),
    ],
)
def test_a_signed_payload_without_a_place_in_the_chain(gateway: Gateway, board: RecordMaker, text: bytes, code: str) -> None:
    board.boot()
    gateway.take(*board.messages)
    gateway.take(signed(board, text))
    refused(gateway, code)
    assert gateway.cursor("gw-g1") == (0, 1)
    assert len(list(gateway.store.raw("gw-g1"))) == 2


def test_a_string_that_looks_like_members_is_no_duplicate_key(gateway: Gateway, board: RecordMaker) -> None:
    board.boot()
    board.record("event", {"pt": None, "k": "step", "x": {}, "note": ':":', "more": ["a", {"b": ":c"}]})
    gateway.take(*board.messages)
    assert gateway.reasons() == []
    assert gateway.cursor("gw-g1") == (0, 2)


def test_wrong_topics(gateway: Gateway, board: RecordMaker) -> None:
    board.boot()
    gateway.take(board.messages[0], topic="gridwitness/v1/gw-g1/data")
    gateway.take(board.messages[1], topic="gridwitness/v1/gw-g1/boot")
    gateway.take(board.messages[0], topic="gridwitness/v1/gw-unknown/boot")
    gateway.take(board.messages[0], topic="gridwitness/v1/NOT A NAME/boot")
    assert [code for code, _ in gateway.reasons()] == ["wrong_topic", "bad_form", "unknown_device", "bad_topic"]
    gateway.take(*board.messages)
    assert gateway.cursor("gw-g1") == (0, 1)
    assert recheck(gateway.store).problems == []


def test_the_same_refused_bytes_count_up_instead_of_filling_the_disk(gateway: Gateway, board: RecordMaker) -> None:
    for _ in range(50):
        gateway.take_bytes(("gridwitness/v1/gw-g1/data", b"{" + b"z" * 100 + b"}"))
    (row,) = gateway.store.quarantined()
    assert row.times == 50
    assert gateway.store.counts()["quarantined"] == 50


@pytest.mark.parametrize(
    ("ts", "code"),
    [(1234, "clock_before_firmware"), (FW_DATE_MS - 1, "clock_before_firmware"), (None, ""), (121_000, "clock_ahead"), (119_000, "")],
)
def test_clock_rules(gateway: Gateway, board: RecordMaker, ts: int | None, code: str) -> None:
    board.boot()
    at = gateway.now_ms + ts if ts in (121_000, 119_000) else ts
    board.record("data", {"pt": "m-g1", "dur": 60_000, "g": "power", "q": 0, "m": {"p_w": 1}}, ts=at)
    minutes(board, gateway, 1)
    gateway.now_ms -= 60_000
    gateway.take(*board.messages)
    assert [c for c, _ in gateway.reasons()] == ([code] if code else [])
    # in the chain and in the raw data all the same, and covered by the ack
    assert gateway.cursor("gw-g1") == (0, 3)
    assert len(list(gateway.store.raw("gw-g1"))) == 4
    gateway.take()
    expected = 1 if code else 2
    assert len(gateway.store.readings("longtan").points["m-g1"].ts_ms) == expected
    assert recheck(gateway.store).problems == []


def test_a_clock_in_1970_from_boot_on(gateway: Gateway, board: RecordMaker) -> None:
    board.now_ms = 5_000
    board.boot()
    board.pass_time(60_000)
    board.data("m-g1", {"p_w": 1})
    gateway.take(*board.messages)
    assert {code for code, _ in gateway.reasons()} == {"clock_before_firmware"}
    assert gateway.cursor("gw-g1") == (0, 2)
    assert gateway.store.readings("longtan").points == {}
    assert [r.ts_ms for r in gateway.store.raw("gw-g1")] == [None, None, None]


@pytest.mark.parametrize(
    "members",
    [
        {"pt": "m-g1", "dur": 60_000, "g": "power", "q": 0, "m": {"no_such_field": 1}},
        {"pt": "m-g1", "dur": 60_000, "g": "power", "q": 0, "m": {"p_w": 1.5}},
        {"pt": "m-g1", "dur": 60_000, "g": "harm", "q": 0, "m": {"p_w": 1}},
        {"pt": "m-g1", "dur": 0, "g": "power", "q": 0, "m": {"p_w": 1}},
        {"pt": "m-g1", "dur": 1 << 70, "g": "power", "q": 0, "m": {"p_w": 1}},
        {"pt": "m-g1", "dur": (1 << 62), "g": "power", "q": 0, "m": {"p_w": 1}},
        {"dur": 60_000, "g": "power", "q": 0, "m": {"p_w": 1}},
    ],
)
def test_a_bad_record_stays_in_its_chain_and_is_covered_by_the_ack(gateway: Gateway, board: RecordMaker, members: dict) -> None:  # type: ignore[type-arg]
    board.boot()
    board.record("data", members)
    minutes(board, gateway, 1)
    gateway.take(*board.messages)
    refused(gateway, "bad_schema")
    assert gateway.cursor("gw-g1") == (0, 3)
    assert len(gateway.store.readings("longtan").points["m-g1"].ts_ms) == 1
    assert recheck(gateway.store).problems == []


def test_equivocation_keeps_both(gateway: Gateway, board: RecordMaker) -> None:
    board.boot()
    (honest,) = minutes(board, gateway, 1)
    gateway.take(*board.messages)
    doc = json.loads(honest.payload)
    other = board.sign("data", body.write((), tuple((doc | {"q": 1, "mac": None}).items())[:-1]))
    gateway.take_bytes((other.topic, other.payload))
    (row,) = gateway.store.conflicts()
    assert (row.kind, row.boot, row.seq, row.payload) == ("equivocation", 0, honest.seq, other.payload)
    assert gateway.store.digest("gw-g1", 0, honest.seq) == honest.digest
    assert gateway.store.counts()["equivocation"] == 1


def test_a_boot_below_the_acknowledged_one_is_a_rollback_and_is_kept(gateway: Gateway, board: RecordMaker) -> None:
    board.boot()
    board.boot_count = 4  # boots 1 to 4 never left the board
    board.boot()
    gateway.take(*board.messages)
    assert gateway.cursor("gw-g1")[0] == 0
    gateway.now_ms += GAP_AFTER_MS
    give_up(gateway)
    assert gateway.cursor("gw-g1") == (5, 1)
    copy = RecordMaker("gw-g1", now_ms=gateway.now_ms)
    copy.boot_count = 2
    copy.boot()
    gateway.take(copy.messages[0])
    (row,) = gateway.store.conflicts()
    assert (row.kind, row.boot, row.seq) == ("rollback", 3, 0)
    assert gateway.store.digest("gw-g1", 3, 0) == copy.messages[0].digest
    assert gateway.cursor("gw-g1") == (5, 1)


def test_a_boot_that_comes_late_into_an_open_hole_is_no_rollback(gateway: Gateway, board: RecordMaker) -> None:
    board.boot()
    first = list(board.messages)
    board.boot()
    second = board.messages[2:]
    board.boot()
    third = board.messages[4:]
    gateway.take(*first, *third)
    assert gateway.cursor("gw-g1") == (0, 1)
    gateway.take(*second)
    assert gateway.cursor("gw-g1") == (2, 1)
    assert gateway.store.conflicts() == []
    assert recheck(gateway.store).problems == []


def give_up(gateway: Gateway) -> None:
    gateway.store.commit(gateway.assessor.give_up_gaps(gateway.now_ms))
    gateway.assessor.committed()


def test_a_hole_holds_the_ack_until_it_is_filled(gateway: Gateway, board: RecordMaker) -> None:
    board.boot()
    made = minutes(board, gateway, 4)
    gateway.take(*board.messages[:2], *made[:1], *made[2:])
    assert gateway.cursor("gw-g1") == (0, 2)
    gateway.restart()
    gateway.take(made[1])
    assert gateway.cursor("gw-g1") == (0, 5)
    assert gateway.store.gaps() == []


def test_a_hole_of_two_hours_becomes_a_gap(gateway: Gateway, board: RecordMaker) -> None:
    board.boot()
    made = minutes(board, gateway, 4)
    gateway.take(*board.messages[:2], *made[:1], *made[2:])
    gateway.now_ms += GAP_AFTER_MS - 1
    give_up(gateway)
    assert gateway.cursor("gw-g1") == (0, 2)
    gateway.restart()  # the hole's age is not forgotten
    gateway.now_ms += 1
    give_up(gateway)
    assert gateway.cursor("gw-g1") == (0, 5)
    (gap,) = gateway.store.gaps("gw-g1")
    assert (gap.after_boot, gap.after_seq, gap.before_boot, gap.before_seq) == (0, 2, 0, 4)
    gateway.take(made[1])  # too late for the ack, in time for the store
    assert gateway.store.digest("gw-g1", 0, 3) == made[1].digest
    assert recheck(gateway.store).problems == []


def test_a_broken_link_is_told(gateway: Gateway, board: RecordMaker) -> None:
    board.boot()
    board._prev = "ab" * 32
    minutes(board, gateway, 1)
    gateway.take(*board.messages)
    (row,) = gateway.store.conflicts()
    assert row.kind == "broken_link"
    assert "prev is not the hash" in recheck(gateway.store).problems[0]


def test_records_before_the_clock_was_set_are_dated_from_the_first_that_knows(gateway: Gateway, board: RecordMaker) -> None:
    start_ms = board.now_ms or 0
    board.now_ms = None
    board.boot()
    for _ in range(3):
        board.pass_time(60_000)
        board.data("m-g1", measured(5e5))
    gateway.take(*board.messages)
    assert "m-g1" not in gateway.store.readings("longtan").points
    sent = len(board.messages)
    board.now_ms = start_ms + board.up_ms
    minutes(board, gateway, 2)
    gateway.restart()
    gateway.take(*board.messages[sent:])
    gateway.take()
    series = gateway.store.readings("longtan").points["m-g1"]
    # a data record's up is that of its end and its ts that of its start, for the reference as for the others
    assert series.ts_ms.tolist() == [start_ms + 60_000 * k for k in range(5)]
    assert gateway.store.counts()["dated"] == 5
    assert gateway.store.undated("gw-g1") == []
    assert recheck(gateway.store).problems == []


def test_a_message_that_upsets_our_own_code_is_quarantined(gateway: Gateway, board: RecordMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    board.boot()
    monkeypatch.setattr("gridwitness.ingest.rules.position_of", lambda *_: 1 / 0)
    gateway.take(board.messages[0])
    assert "ZeroDivisionError" in refused(gateway, "internal")


def test_the_number_of_an_ack_never_goes_back(gateway: Gateway, board: RecordMaker) -> None:
    seen = [0]
    board.boot()
    for message in board.messages:
        gateway.take(message)
        row = gateway.store.cursor("gw-g1")
        assert row is not None
        assert row.ack_n > seen[-1]
        seen.append(row.ack_n)
        chain = gateway.assessor.chain("gw-g1")
        assert chain is not None
        chain.ack_free = False  # the ack was sent
        gateway.restart()
