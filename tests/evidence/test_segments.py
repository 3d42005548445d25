"""Raw segments: exact bytes, closed once, late records in a part of their own."""

from pathlib import Path

import plant as plants
import pytest
from gridwitness.domain.moments import HOUR_MS
from gridwitness.evidence.segments import UNDATED, Segment, by_hour, close_due, write_durably
from gridwitness.evidence.source import RawRow
from gridwitness.sim.device import RecordMaker, measured
from gwire import merkle
from gwire.envelope import sha256_hex

DEV = "gw-g1"


def rows_of(maker: RecordMaker) -> list[RawRow]:
    return list(plants.Plant({maker.dev: maker}).raw(maker.dev))


@pytest.fixture(scope="module")
def three_hours() -> list[RawRow]:
    """A boot, three hours of minutes, a seal each hour: at 17:00, 18:00, 19:00 UTC."""
    maker = RecordMaker(DEV)
    maker.boot()
    for minute in range(180):
        maker.pass_time(60_000)
        maker.data("m-g1", measured(1000.0 + minute))
        if minute % 60 == 59:
            maker.seal()
    return rows_of(maker)


def at(hours: float) -> int:
    return plants.START_MS + int(hours * HOUR_MS)


def test_an_hour_closes_two_hours_after_its_seal_and_not_before(three_hours: list[RawRow], tmp_path: Path) -> None:
    assert close_due(DEV, three_hours, [], tmp_path, at(3) - 1) == []
    made = close_due(DEV, three_hours, [], tmp_path, at(3))
    assert [(s.hour, s.part, s.lines) for s in made] == [("2026-11-30T16", 0, 62)]


def test_a_segment_holds_the_exact_payloads_and_its_row_describes_it(three_hours: list[RawRow], tmp_path: Path) -> None:
    [segment] = close_due(DEV, three_hours, [], tmp_path, at(3))
    content = (tmp_path / segment.file).read_bytes()
    payloads = [row[4] for row in three_hours[:62]]
    assert content == b"".join(payload + b"\n" for payload in payloads)
    assert segment.sha256 == sha256_hex(content)
    assert segment.lines_root == merkle.root_of(payloads).hex()
    assert (segment.first, segment.last, segment.closed_ms) == ((0, 0), (0, 61), at(3))


def test_closed_segments_are_not_made_again(three_hours: list[RawRow], tmp_path: Path) -> None:
    closed = close_due(DEV, three_hours, [], tmp_path, at(9))
    assert [s.hour[-2:] for s in closed] == ["16", "17", "18", "19"]  # in hour 19 lies the last seal itself
    assert {s.hour for s in close_due(DEV, three_hours, closed, tmp_path, at(99))} == set()


def test_the_last_hour_waits_for_a_seal(three_hours: list[RawRow], tmp_path: Path) -> None:
    without_seal = three_hours[:-1]
    assert [s.hour[-2:] for s in close_due(DEV, without_seal, [], tmp_path, at(99))] == ["16", "17"]


def test_late_records_make_a_part_of_their_own_and_leave_the_first_untouched(three_hours: list[RawRow], tmp_path: Path) -> None:
    late = three_hours[20:25]
    early = three_hours[:20] + three_hours[25:]
    [first, *_] = close_due(DEV, early, [], tmp_path, at(3))
    before = (tmp_path / first.file).read_bytes()
    [second] = close_due(DEV, three_hours, [first], tmp_path, at(3))
    assert (second.file, second.part, second.lines) == (f"{DEV}/2026-11-30T16.1.jsonl", 1, 5)
    assert (tmp_path / second.file).read_bytes().splitlines() == [row[4] for row in late]
    assert (tmp_path / first.file).read_bytes() == before
    assert close_due(DEV, three_hours, [first, second], tmp_path, at(3)) == []


def test_rows_from_some_position_on_are_enough(three_hours: list[RawRow], tmp_path: Path) -> None:
    """What the caller does not hand in is neither lost nor written again."""
    closed = close_due(DEV, three_hours, [], tmp_path, at(3))
    made: list[Segment] = close_due(DEV, three_hours[30:], closed, tmp_path, at(4))
    assert [s.hour[-2:] for s in made] == ["17"]


def test_records_without_time_go_with_their_neighbour_in_the_chain() -> None:
    rows: list[RawRow] = [(0, i, "data", ts, b"%d" % i) for i, ts in enumerate([None, at(0), None, at(1), None])]
    assert {hour[-2:]: [row[1] for row in group] for hour, group in by_hour(rows).items()} == {"16": [0, 1, 2], "17": [3, 4]}
    assert by_hour([(0, 0, "boot", None, b"")]) == {UNDATED: [(0, 0, "boot", None, b"")]}


def test_a_write_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a" / "b.jsonl"
    write_durably(path, b"old\n")

    def cut(self: Path, target: Path) -> Path:
        raise OSError("the power went")

    monkeypatch.setattr(Path, "replace", cut)
    with pytest.raises(OSError, match="power"):
        write_durably(path, b"new\n")
    assert path.read_bytes() == b"old\n"
