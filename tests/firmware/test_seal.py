"""Chain, recovery and seals without a board: what a seal covers, over boots, and records that come while it is being signed."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from core import p256
from gateway_side import check_history
from gwire import envelope, merkle, records
from link.chain import Chain
from link.nvs import Nvs
from link.outbox import Outbox, Reader
from link.recovery import Recovery
from link.sealer import Sealer

KEY = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
PUBLIC = p256.finish(p256.public_of(KEY)).hex()
NAMES = ("ea_imp_wh", "ea_exp_wh")


class Clock:
    quality = 2
    now: int | None = 1_800_000_000_000

    def utc_ms(self) -> int | None:
        return self.now

    def up_ms(self) -> int:
        return 5


class Point:
    def __init__(self, pt: str) -> None:
        self.pt, self.wh = pt, 0

    def registers(self) -> dict[str, int]:
        return {"ea_imp_wh": self.wh, "ea_exp_wh": 7}


class Bench:
    """One device over many boots; `boot` is a power cut and a start."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock, self.points = folder, Clock(), [Point("m-1"), Point("m-2")]
        self.number = 0
        self.outboxes: list[Outbox] = []
        self.inbox = type("Inbox", (), {"clock_sync": None, "free": lambda self: None})()

    def boot(self, period_ms: int = 300_000) -> Recovery:
        self.number += 1
        self.nvs = Nvs(str(self.folder))
        self.outbox = Outbox(str(self.folder / "outbox"), segment_bytes=3_000)
        self.outboxes.append(self.outbox)
        recovery = Recovery(NAMES, self.nvs.get("seal"), self.nvs.get("reg"))
        self.outbox.load(recovery.visit)
        board = type("Board", (), {"clock": self.clock, "trace": lambda *_: None})()
        end = recovery.last or recovery.seal or (None,)
        self.chain = Chain("gw-1", self.number, envelope.Hmac(b"k"), self.outbox, board, end[-1], recovery.tally)
        hashes = ("c" * 64, "d" * 64)
        members = (("cause", "power_on"), ("fw", "1"), ("fw_date", 1), ("cfg", hashes[0]), ("cal", hashes[1]))
        history = (("last", recovery.last and recovery.last[:2]), ("seal", recovery.seal), ("lost", 0))
        self.chain.add("boot", self.clock.now, members + history)
        self.sealer = Sealer(self.chain, self.nvs, self.inbox, self.clock, self.points, KEY, period_ms, hashes, pause)
        return recovery

    def measure(self, count: int = 1, point: int = 0) -> None:
        for _ in range(count):
            self.points[point].wh += 1
            fields = self.points[point].registers() | {"p_w": -5}
            self.chain.add("data", self.clock.now, (("pt", self.points[point].pt), ("dur", 60), ("g", "power"), ("q", 0), ("m", fields)))

    def seal(self, why: str = "hour") -> dict[str, Any]:
        p256.finish(self.sealer.seal(why))
        return self.newest()

    def newest(self) -> dict[str, Any]:
        return json.loads(self.everything()[max(self.everything())])

    def everything(self) -> dict[tuple[int, int], bytes]:
        reader = Reader(self.outbox)
        reader.seek(0)
        found = {position: payload for _, position, payload in iter(reader.next, None)}
        reader.close()
        return found


async def pause() -> None:
    pass


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    for outbox in bench.outboxes:
        outbox.close()


def test_a_seal_covers_what_came_since_the_last_one_over_boots(bench: Bench) -> None:
    bench.boot()
    assert bench.seal("boot")["first"] == [1, 0]
    bench.measure(3)
    bench.boot()  # cut before the next seal: the three are covered by boot 2's first seal
    bench.measure(2)
    seal = bench.seal("boot")
    assert (seal["n"], seal["first"], seal["why"]) == (3 + 1 + 2, [1, 2], "boot")
    empty = bench.seal()
    assert (empty["n"], empty["first"], empty["lroot"]) == (0, None, merkle.EMPTY.hex())
    bench.measure(5)
    bench.seal("shutdown")
    kept = bench.everything()
    for payload in kept.values():
        records.check(json.loads(payload))
    assert check_history(kept, PUBLIC) == {"records": len(kept), "seals": 4, "boots": 2, "unsealed": 0}
    assert bench.nvs.get("seal") == [2, 10, hashlib.sha256(kept[(2, 10)]).hexdigest()]


def test_records_that_come_while_a_seal_is_signed_follow_it(bench: Bench) -> None:
    bench.boot()
    bench.measure(2)
    signing: list[int] = []

    async def interrupting() -> None:
        if len(signing) < 5:
            signing.append(len(bench.everything()))
            bench.measure()

    bench.sealer._pause = interrupting
    p256.finish(bench.sealer.seal("hour"))
    bench.measure()
    kept = bench.everything()
    types = [json.loads(kept[p])["t"] for p in sorted(kept)]
    assert types == ["boot", "data", "data", "seal"] + ["data"] * 6
    assert signing == [3] * 5
    assert check_history(kept, PUBLIC)["unsealed"] == 6


def test_a_signature_that_fails_loses_no_record(bench: Bench) -> None:
    bench.boot()

    async def failing(digest: bytes) -> bytes:
        bench.measure()
        raise RuntimeError

    bench.sealer._sign = failing
    with pytest.raises(RuntimeError):
        p256.finish(bench.sealer.seal("hour"))
    bench.sealer._sign = Sealer._sign.__get__(bench.sealer)
    bench.seal()
    assert check_history(bench.everything(), PUBLIC) == {"records": 3, "seals": 1, "boots": 1, "unsealed": 0}


def test_registers_come_from_the_newest_record_that_tells_them(bench: Bench) -> None:
    bench.boot()
    bench.measure(4)
    bench.measure(2, point=1)
    bench.seal()
    assert bench.boot().registers() == {"m-1": {"ea_imp_wh": 4, "ea_exp_wh": 7}, "m-2": {"ea_imp_wh": 2, "ea_exp_wh": 7}}
    bench.measure(3)
    assert bench.boot().registers() == {"m-1": {"ea_imp_wh": 7, "ea_exp_wh": 7}, "m-2": {"ea_imp_wh": 2, "ea_exp_wh": 7}}


def test_registers_and_prev_survive_the_loss_of_the_whole_outbox(bench: Bench) -> None:
    bench.boot()
    bench.measure(4)
    bench.seal()
    bench.outbox.close()
    for path in (bench.folder / "outbox").iterdir():
        path.unlink()
    recovery = bench.boot()
    assert recovery.registers()["m-1"]["ea_imp_wh"] == 4
    boot = bench.newest()
    assert boot["last"] is None
    assert boot["seal"] == bench.nvs.get("seal")
    assert boot["prev"] == boot["seal"][2]
    assert bench.seal()["n"] == 1


def test_records_before_a_seal_whose_line_rotted_are_not_sealed_twice(bench: Bench) -> None:
    bench.boot()
    bench.measure(2)
    bench.seal()
    bench.measure(1)
    bench.outbox.close()
    path = next((bench.folder / "outbox").glob("*.seg"))
    path.write_bytes(path.read_bytes().replace(b'"t":"seal"', b'"t":"sea1"'))
    recovery = bench.boot()
    assert recovery.seal == tuple(bench.nvs.get("seal"))
    seal = bench.seal()
    assert (seal["n"], seal["first"]) == (2, [1, 4])


def test_seals_fall_on_multiples_of_the_period(bench: Bench) -> None:
    bench.clock.now = None
    bench.boot(period_ms=300_000)
    sealed: list[int | None] = []

    async def work(step: Callable[[], Awaitable[None]]) -> None:
        before = bench.chain.seq
        await step()
        if bench.chain.seq > before:
            sealed.append(bench.clock.now)

    start = 1_800_000_000_000
    for now in (None, start + 10, start + 299_999, start + 300_000, start + 300_050, start + 599_000, start + 605_000, start + 1_900_000):
        bench.clock.now = now
        asyncio.run(work(bench.sealer.seal_if_due))
    assert sealed == [start + 300_000, start + 605_000, start + 1_900_000]


def test_clock_and_checkpoint_stand_in_the_seal(bench: Bench) -> None:
    bench.boot()
    bench.inbox.clock_sync = (-40, -9_995)
    bench.nvs.set(cp=[12, "a" * 64])
    seal = bench.seal()
    assert (seal["clk"], seal["cp"], seal["tamper"]) == ([-40, 10], [12, "a" * 64], 0)
    assert seal["reg"] == {"m-1": {"ea_imp_wh": 0, "ea_exp_wh": 7}, "m-2": {"ea_imp_wh": 0, "ea_exp_wh": 7}}
