"""Messages of the gateway: what is not authentic, not new or not fitting changes nothing and is reported; live acks raise the clock."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from core import p256
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from gwire import body, envelope
from link.inbox import REASONS, Inbox
from link.nvs import Nvs
from link.outbox import Outbox

DEV = "gw-1"
ACK = "gridwitness/v1/gw-1/ack"
KEY = envelope.Hmac(b"k" * 32)
NOW_MS = 1_800_000_000_000


class Clock:
    quality = 2

    def __init__(self) -> None:
        self.up = 1_000_000

    def utc_ms(self) -> int:
        return NOW_MS

    def up_ms(self) -> int:
        return self.up

    def raise_to(self, quality: int) -> None:
        self.quality = quality


class Uplink:
    def __init__(self) -> None:
        self.acked: list[int] = []
        self.sent: dict[tuple[int, int], int] = {}

    def acknowledged(self, ordinal: int) -> None:
        self.acked.append(ordinal)

    def first_sent_up_ms(self, position: tuple[int, int]) -> int | None:
        return self.sent.get(position)


class Chain:
    def __init__(self) -> None:
        self.events: list[dict[str, int]] = []

    def add(self, kind: str, ts_ms: int, members: tuple) -> None:
        assert (kind, dict(members)["k"], dict(members)["pt"]) == ("event", "command_refused", None)
        self.events.append(dict(members)["x"])


class Bench:
    """An inbox over a real outbox with ten records of boot 1."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.outbox = Outbox(str(folder / "outbox"), segment_bytes=500)
        self.outbox.load()
        self.tips = []
        for seq in range(10):
            payload = f'{{"v":1,"t":"data","dev":"gw-1","boot":1,"seq":{seq},"ts":null,"x":"{"x" * 100}"}}'.encode()
            self.tips.append(hashlib.sha256(payload).hexdigest())
            self.outbox.append((1, seq), self.tips[-1], payload)
        self.clock = Clock()
        self.restart()

    def restart(self) -> None:
        self.nvs, self.uplink, self.chain = Nvs(str(self.folder)), Uplink(), Chain()
        board = type("Board", (), {"clock": self.clock})()
        self.inbox = Inbox(DEV, KEY, self.nvs, self.outbox, self.uplink, self.chain, board)

    def ack(self, seq: int, n: int, key: envelope.Hmac = KEY, **changes: Any) -> None:
        message = {
            "v": 1,
            "t": "ack",
            "dev": DEV,
            "n": n,
            "ts": NOW_MS + 100,
            "boot": 1,
            "seq": seq,
            "tip": self.tips[int(seq) % 10],
        } | changes
        self.inbox.receive(ACK, envelope.with_mac(body.write(tuple(message.items()), ()), key))

    def work(self) -> list[dict[str, int]]:
        async def verify(public: bytes, digest: bytes, signature: bytes) -> bool:
            return bool(await p256.verify(public, digest, signature))

        p256.finish(self.inbox.work(verify))
        return self.chain.events


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.outbox.close()


def test_an_ack_moves_the_cursor_durably(bench: Bench) -> None:
    bench.ack(4, n=1)
    assert bench.uplink.acked == [4]
    assert Nvs(str(bench.folder)).get("acked") == [1, 4]
    assert bench.outbox.oldest() == 0  # nothing is sealed yet
    bench.nvs.set(seal=[1, 8, bench.tips[8]])
    bench.ack(8, n=2)
    assert bench.outbox.oldest() == 9  # whole segments only: three records each
    assert bench.work() == []


def test_an_older_ack_moves_nothing_back(bench: Bench) -> None:
    bench.ack(5, n=1)
    bench.ack(3, n=2)
    assert bench.nvs.get("acked") == [1, 5]
    assert bench.uplink.acked == [5]
    assert bench.work() == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"key": envelope.Hmac(b"wrong")}, "bad_mac"),
        ({"dev": "gw-2"}, "other_device"),
        ({"n": 0}, "replay"),
        ({"n": 1}, "replay"),
        ({"t": "cmd"}, "bad_schema"),
        ({"v": 2}, "bad_schema"),
        ({"seq": "5"}, "bad_schema"),
        ({"tip": "0" * 64}, "unmatched_ack"),
        ({"tip": None}, "unmatched_ack"),
        ({"seq": 10}, "unmatched_ack"),
        ({"boot": 2}, "unmatched_ack"),
    ],
)
def test_what_is_refused_changes_nothing_and_is_reported(bench: Bench, changes: dict[str, Any], reason: str) -> None:
    bench.ack(2, n=1)
    bench.ack(**({"seq": 5, "n": 2} | changes))
    assert bench.nvs.get("acked") == [1, 2]
    assert bench.uplink.acked == [2]
    assert bench.work() == [{"reason": REASONS[reason], "count": 1}]


@pytest.mark.parametrize("payload", [b"", b"x", b"{}" * 40, b"\xff" * 100, b"{" + b"a" * 5000, b'{"v":1\n' + b" " * 80])
def test_garbage(bench: Bench, payload: bytes) -> None:
    bench.inbox.receive(ACK, payload)
    bench.inbox.receive("gridwitness/v1/gw-1", payload)
    bench.inbox.receive("gridwitness/v1/checkpoint", payload)
    assert sum(event["count"] for event in bench.work()) == (3 if payload else 2)
    assert all(event["reason"] in REASONS.values() for event in bench.chain.events)


def test_authentic_bytes_that_are_no_json(bench: Bench) -> None:
    bench.inbox.receive(ACK, envelope.with_mac(b'{"v":1,"t":"ack",' + b"x" * 60, KEY))
    assert bench.work() == [{"reason": REASONS["bad_schema"], "count": 1}]


def test_a_replay_after_a_restart_is_refused(bench: Bench) -> None:
    bench.ack(2, n=7)
    bench.restart()
    bench.ack(9, n=7)
    assert bench.nvs.get("acked") == [1, 2]
    assert bench.work() == [{"reason": REASONS["replay"], "count": 1}]


def test_a_flood_becomes_one_event_a_minute(bench: Bench) -> None:
    for _ in range(50):
        bench.ack(5, n=1, key=envelope.Hmac(b"wrong"))
        bench.work()
        bench.clock.up += 1_000
    assert bench.chain.events == [{"reason": REASONS["bad_mac"], "count": 1}]
    bench.clock.up += 60_000
    assert bench.work()[1:] == [{"reason": REASONS["bad_mac"], "count": 49}]


@pytest.mark.parametrize(
    ("sent_ms_ago", "gateway_ms", "quality"),
    [
        (100, NOW_MS + 40, 3),
        (1_999, NOW_MS - 40, 3),
        (2_000, NOW_MS, 2),  # too long ago: the ack may have been held back
        (None, NOW_MS, 2),  # sent before, or in an earlier boot: an old ack could name it too
        (100, NOW_MS + 60_000, 2),  # one of the two clocks is wrong
    ],
)
def test_only_a_live_ack_raises_the_clock(bench: Bench, sent_ms_ago: int | None, gateway_ms: int, quality: int) -> None:
    if sent_ms_ago is not None:
        bench.uplink.sent[(1, 5)] = bench.clock.up - sent_ms_ago
    bench.ack(5, n=1, ts=gateway_ms)
    assert bench.clock.quality == quality
    assert bench.inbox.clock_sync == ((gateway_ms - NOW_MS, bench.clock.up) if quality == 3 else None)
    assert bench.uplink.acked == [5]
    assert [event["reason"] for event in bench.work()] == ([REASONS["clock_apart"]] if gateway_ms > NOW_MS + 5_000 else [])


class Notary:
    """The gateway's checkpoint key."""

    def __init__(self) -> None:
        self.private = ec.generate_private_key(ec.SECP256R1())
        point = self.private.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        self.public = point.hex()

    def checkpoint(self, size: int, root: str) -> bytes:
        text = body.write((("v", 1), ("t", "checkpoint"), ("ts", NOW_MS), ("size", size), ("root", root)), ())
        r, s = utils.decode_dss_signature(self.private.sign(text, ec.ECDSA(hashes.SHA256())))
        return envelope.with_signature(text, r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def test_checkpoints_only_grow_and_only_from_the_pinned_key(bench: Bench) -> None:
    notary, other = Notary(), Notary()
    bench.nvs.set(checkpoint_key=notary.public)

    def offer(payload: bytes) -> list[int]:
        before = len(bench.chain.events)
        bench.clock.up += 100_000
        bench.inbox.receive("gridwitness/v1/checkpoint", payload)
        return [event["reason"] for event in bench.work()[before:]]

    a, b = "a" * 64, "b" * 64
    assert offer(notary.checkpoint(10, a)) == []
    assert offer(notary.checkpoint(10, a)) == []  # retained: it comes again with every connection
    assert offer(notary.checkpoint(12, b)) == []
    assert offer(other.checkpoint(13, a)) == [REASONS["bad_signature"]]
    assert offer(notary.checkpoint(11, a)) == [REASONS["checkpoint_back"]]
    assert offer(notary.checkpoint(12, a)) == [REASONS["checkpoint_back"]]  # same size, other root: two histories
    assert bench.nvs.get("cp") == [12, b]
    assert bench.clock.quality == 2  # a retained message never sets a clock


def test_a_flood_of_checkpoints_costs_one_check_in_five_seconds(bench: Bench) -> None:
    notary = Notary()
    bench.nvs.set(checkpoint_key=notary.public)
    for size in range(1, 20):
        bench.inbox.receive("gridwitness/v1/checkpoint", notary.checkpoint(size, "a" * 64))
        bench.work()
        bench.clock.up += 1_000
    assert bench.nvs.get("cp")[0] == 16
    assert json.loads((bench.folder / "nvs.json").read_text().split("\n")[0])[0] <= 6
