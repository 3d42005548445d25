"""The outbox under power cuts at every byte, rot, and a full ring: what was durable comes back, in order, with the same bytes."""

import hashlib
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from link.outbox import Outbox, Reader
from link.segment import position_of, type_of


def record(boot: int, seq: int, size: int = 120) -> bytes:
    body = f'{{"v":1,"t":"data","dev":"gw-1","boot":{boot},"seq":{seq},"ts":null,"x":"'
    return (body + "x" * (size - len(body)) + '"}').encode()


def add(outbox: Outbox, boot: int, seq: int, size: int = 120) -> bytes:
    payload = record(boot, seq, size)
    outbox.append((boot, seq), hashlib.sha256(payload).hexdigest(), payload)
    return payload


@pytest.fixture(autouse=True)
def close_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A power cut closes every file; here they are closed for CPython's sake."""
    used: list[Outbox | Reader] = []
    for kind in (Outbox, Reader):
        real = kind.__init__
        monkeypatch.setattr(kind, "__init__", lambda self, *a, _real=real, **k: (_real(self, *a, **k), used.append(self))[0])
    yield
    for one in used:
        one.close()


def opened(folder: Path, **options) -> tuple[Outbox, list[tuple[int, int]], list[int]]:
    lost: list[int] = []
    seen: list[tuple[int, int]] = []
    outbox = Outbox(str(folder), on_lost=lost.append, **options)
    outbox.load(lambda position, digest, payload: seen.append(position))
    return outbox, seen, lost


def read_all(outbox: Outbox, start: int = 0) -> list[tuple[int, int]]:
    reader = Reader(outbox)
    reader.seek(start)
    return [item[1] for item in iter(reader.next, None)]


def test_head_of_a_record_without_json() -> None:
    payload = record(12, 3456)
    assert position_of(payload) == (12, 3456)
    assert type_of(payload) == "data"
    assert json.loads(payload)["seq"] == 3456


def test_records_come_back_in_order_over_boots_and_segments(tmp_path: Path) -> None:
    expected = []
    for boot in range(1, 5):
        outbox, seen, lost = opened(tmp_path, segment_bytes=700)
        assert (seen, lost) == (expected, [])
        for seq in range(11):
            add(outbox, boot, seq)
            expected.append((boot, seq))
        assert read_all(outbox) == expected
        assert outbox.end == len(expected)
    assert len(list(tmp_path.glob("*.seg"))) == 4 * 3


def test_find_and_first_after(tmp_path: Path) -> None:
    outbox, _, _ = opened(tmp_path, segment_bytes=700)
    payloads = {(1, seq): add(outbox, 1, seq) for seq in range(9)}
    for (boot, seq), payload in payloads.items():
        assert outbox.find((boot, seq)) == (seq, hashlib.sha256(payload).hexdigest())
        assert outbox.first_after((boot, seq)) == seq + 1
    assert outbox.find((1, 9)) is None
    assert outbox.find((2, 0)) is None
    assert outbox.first_after(None) == 0
    assert outbox.first_after((0, 5)) == 0


def test_a_reader_sees_what_is_appended_while_it_reads(tmp_path: Path) -> None:
    outbox, _, _ = opened(tmp_path, segment_bytes=500)
    reader = Reader(outbox)
    for seq in range(30):
        add(outbox, 1, seq)
        if seq % 3:
            while item := reader.next():
                assert item[0] == item[1][1]
            assert reader.at == seq + 1
    reader.seek(4)
    assert reader.next()[1] == (1, 4)


def test_a_tail_torn_at_every_byte_costs_only_that_record(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    outbox, _, _ = opened(whole)
    for seq in range(3):
        add(outbox, 1, seq)
    content = (whole / "00000001.seg").read_bytes()
    start = content.rindex(b"\n", 0, -1) + 1
    for cut in range(start + 1, len(content)):
        folder = tmp_path / str(cut)
        folder.mkdir()
        (folder / "00000001.seg").write_bytes(content[:cut])
        outbox, seen, lost = opened(folder)
        assert (seen, lost) == ([(1, 0), (1, 1)], [])  # the torn one was never durable, so it is not lost
        add(outbox, 2, 0)
        assert read_all(outbox) == [(1, 0), (1, 1), (2, 0)]
        assert (folder / f"00000001-{start}.bad").read_bytes() == content[start:cut]  # quarantined, not deleted
        assert opened(folder)[1] == [(1, 0), (1, 1), (2, 0)]


def test_rot_inside_is_quarantined_counted_once_and_passed_over(tmp_path: Path) -> None:
    outbox, _, _ = opened(tmp_path)
    for seq in range(5):
        add(outbox, 1, seq)
    path = tmp_path / "00000001.seg"
    content = bytearray(path.read_bytes())
    line = len(content) // 5
    content[2 * line + 100] ^= 1
    path.write_bytes(content)
    outbox, seen, lost = opened(tmp_path)
    assert seen == [(1, 0), (1, 1), (1, 3), (1, 4)]
    assert lost == [1]
    assert read_all(outbox) == seen
    assert outbox.find((1, 3))[0] == 3
    assert (tmp_path / f"00000001-{2 * line}.bad").read_bytes() == content[2 * line : 3 * line]
    _, again, lost = opened(tmp_path)
    assert (again, lost) == (seen, [])


def test_garbage_without_line_ends(tmp_path: Path) -> None:
    outbox, _, _ = opened(tmp_path)
    add(outbox, 1, 0)
    with (tmp_path / "00000001.seg").open("ab") as file:
        file.write(random.Random(1).randbytes(20_000).replace(b"\n", b" "))
    outbox, seen, lost = opened(tmp_path)
    add(outbox, 2, 0)
    assert (seen, lost) == ([(1, 0)], [])
    assert read_all(outbox) == [(1, 0), (2, 0)]
    assert sum(p.stat().st_size for p in tmp_path.glob("*.bad")) == 20_000


def test_a_segment_goes_only_when_acknowledged_and_sealed_and_not_the_newest(tmp_path: Path) -> None:
    outbox, _, _ = opened(tmp_path, segment_bytes=500)  # 3 records of 191 bytes a segment
    for seq in range(9):
        add(outbox, 1, seq)
    names = lambda: sorted(p.name for p in tmp_path.glob("*.seg"))  # noqa: E731
    outbox.free((1, 8), None)
    outbox.free((1, 1), (1, 8))
    outbox.free((1, 8), (1, 1))
    assert names() == ["00000001.seg", "00000002.seg", "00000003.seg"]
    outbox.free((1, 2), (1, 5))
    assert names() == ["00000002.seg", "00000003.seg"]
    outbox.free((1, 8), (1, 8))
    assert names() == ["00000003.seg"]
    assert read_all(outbox) == [(1, 6), (1, 7), (1, 8)]
    assert outbox.find((1, 7))[0] == 7


@pytest.mark.parametrize("acked", [None, (1, 4), (1, 29)])
def test_a_full_ring_drops_the_oldest_and_counts_what_nobody_has(tmp_path: Path, acked: tuple[int, int] | None) -> None:
    outbox, _, lost = opened(tmp_path, segment_bytes=1_000, limit_bytes=5_000)
    for seq in range(30):
        add(outbox, 1, seq)
        if acked and seq == acked[1]:
            outbox.free(acked, None)
    left = read_all(outbox)
    assert left == [(1, seq) for seq in range(left[0][1], 30)]
    assert outbox.size() <= 5_000
    assert sum(p.stat().st_size for p in tmp_path.glob("*")) == outbox.size()
    unacked_gone = [seq for seq in range(left[0][1]) if acked is None or seq > acked[1]]
    expected = len(unacked_gone) if acked != (1, 29) else left[0][1]  # an ack that came after the drop undoes nothing
    assert sum(lost) == expected


def test_the_reader_goes_on_where_the_ring_dropped_its_segment(tmp_path: Path) -> None:
    outbox, _, _ = opened(tmp_path, segment_bytes=500, limit_bytes=2_000)
    reader = Reader(outbox)
    for seq in range(4):
        add(outbox, 1, seq)
    assert reader.next()[1] == (1, 0)
    for seq in range(4, 40):
        add(outbox, 1, seq)
    reader.seek(1)
    rest = [item[1] for item in iter(reader.next, None)]
    assert rest[-1] == (1, 39)
    assert rest == sorted(set(rest))


def test_a_thousand_power_cuts(tmp_path: Path) -> None:
    """Random appends, frees and cuts within the last write: whatever `append` returned for and was not freed comes back, once."""
    chance = random.Random(7)
    durable: list[tuple[int, int]] = []
    freed: tuple[int, int] | None = None
    for boot in range(1, 1001):
        outbox, seen, _ = opened(tmp_path, segment_bytes=2_000)
        assert seen == [p for p in durable if p in set(seen)]
        assert [p for p in durable if freed is None or p > freed] == [p for p in seen if freed is None or p > freed], boot
        if seen:
            durable = seen
        for seq in range(chance.randrange(1, 6)):
            add(outbox, boot, seq, chance.randrange(90, 400))
            durable.append((boot, seq))
        if chance.random() < 0.3:
            freed = chance.choice(durable)
            outbox.free(freed, freed)
        newest = sorted(tmp_path.glob("*.seg"))[-1]
        if chance.random() < 0.7:  # the next record is cut off while it is written
            payload = record(boot, 99, 200)
            line = f"{len(payload):04} {hashlib.sha256(payload).hexdigest()} ".encode() + payload + b"\n"
            with newest.open("ab") as file:
                file.write(line[: chance.randrange(1, len(line))])
    assert len(list(tmp_path.glob("*.bad"))) > 500
    assert os.path.getsize(newest) > 0


def test_on_the_board(run_on_board) -> None:
    code = """
from link.outbox import Outbox, Reader
from gwire.envelope import sha256_hex
import gc
box = Outbox("outbox", segment_bytes=4000)
box.load()
for seq in range(60):
    p = ('{"v":1,"t":"data","dev":"gw-1","boot":1,"seq":%d,"ts":null,"x":"' % seq + "y" * 600 + '"}').encode()
    box.append((1, seq), sha256_hex(p), p)
seen = []
again = Outbox("outbox")
again.load(lambda position, digest, payload: seen.append(position))
reader = Reader(again)
count = 0
while reader.next():
    count += 1
again.free((1, 30), (1, 40))
print(len(seen), seen[-1], count, again.find((1, 59))[0], again.oldest())
"""
    assert run_on_board(code).split("\n")[0] == "60 (1, 59) 60 59 30"
