"""What a device's records prove: links, seals, holes, boots; lawful oddities apart from contradictions."""

import pytest
from gridwitness.evidence import chain, seal
from gridwitness.evidence.record import Record, UnreadableError, dates, parse
from gridwitness.sim.device import RecordMaker, measured
from gwire import ZERO_HASH

DEV = "gw-g1"


def board(*, records: int = 3, sealed: bool = True) -> RecordMaker:
    maker = RecordMaker(DEV)
    maker.boot()
    fill(maker, records, sealed=sealed)
    return maker


def fill(maker: RecordMaker, records: int, *, sealed: bool = True) -> None:
    for number in range(records):
        maker.pass_time(60_000)
        maker.data("m-g1", measured(1000.0 * number))
    if sealed:
        maker.seal()


def records_of(maker: RecordMaker, without: tuple[tuple[int, int], ...] = ()) -> list[Record]:
    read = [parse(message.payload, DEV, "test") for message in maker.messages]
    return [record for record in sorted(read, key=lambda r: r.position) if record.position not in without]


def examine(records: list[Record], maker: RecordMaker) -> chain.ChainReport:
    key = seal.public_key(maker.seal_point)
    return chain.examine(records, lambda record: seal.signature_fits(record.payload, key))


def test_a_whole_chain_is_proven_to_its_last_seal() -> None:
    maker = board()
    found = examine(records_of(maker), maker)
    assert (found.broken, found.holes, found.unproven, found.seals) == ([], [], [], 2)


def test_what_is_younger_than_the_newest_seal_is_not_proven_and_not_broken() -> None:
    maker = board()
    fill(maker, 4, sealed=False)
    found = examine(records_of(maker), maker)
    assert (found.broken, len(found.unproven), found.after_newest_seal) == ([], 4, 4)


def test_a_reboot_continues_the_chain() -> None:
    maker = board(sealed=False)
    maker.boot(cause="watchdog")
    fill(maker, 2)
    found = examine(records_of(maker), maker)
    assert (found.broken, found.holes, found.unproven) == ([], [], [])


@pytest.mark.parametrize("position", [(0, 2), (0, 3), (0, 4), (1, 1), (1, 2)])
def test_a_missing_record_is_a_contradiction(position: tuple[int, int]) -> None:
    maker = board(sealed=False)
    maker.boot()
    fill(maker, 2)
    assert examine(records_of(maker, (position,)), maker).broken


def test_a_missing_boot_is_a_contradiction() -> None:
    maker = board()
    maker.boot()
    fill(maker, 2)
    maker.boot()
    fill(maker, 2)
    middle = tuple(r.position for r in records_of(maker) if r.position[0] == 1)
    assert any("missing" in text for text in examine(records_of(maker, middle), maker).broken)


def test_a_loss_that_the_device_declared_is_a_warning() -> None:
    """The root over the lost records cannot be computed; the links still prove what is there."""
    maker = board(records=5, sealed=False)
    maker.boot(cause="watchdog", lost=2)
    fill(maker, 3)
    found = examine(records_of(maker, ((0, 3), (0, 4))), maker)
    assert found.broken == []
    assert [(hole.before, hole.missing, hole.declared_by) for hole in found.holes] == [((0, 5), 2, ((1, 0),))]
    assert len(found.roots_not_checked) == 1


def test_more_missing_than_declared_is_a_contradiction() -> None:
    maker = board(records=5, sealed=False)
    maker.boot(cause="watchdog", lost=1)
    fill(maker, 3)
    assert examine(records_of(maker, ((0, 3), (0, 4))), maker).broken


def test_a_declaration_is_spent_only_once() -> None:
    maker = board(records=6, sealed=False)
    maker.boot(lost=1)
    fill(maker, 3)
    assert examine(records_of(maker, ((0, 3), (0, 5))), maker).broken


def test_a_declaration_that_no_seal_covers_excuses_nothing() -> None:
    """The gateway's operator knows the MAC key: he could write such a boot record himself."""
    maker = board(records=5, sealed=True)
    maker.boot(lost=2, seal=False)
    found = examine(records_of(maker, ((0, 3), (0, 4))), maker)
    assert any("no seal covers it" in text for text in found.broken)


def test_records_that_a_device_forgot_are_not_proven() -> None:
    """Its newest lines on flash were damaged: it goes on from an earlier record. What the gateway had got is left, unproven."""
    maker = board(records=4, sealed=True)
    fill(maker, 3, sealed=False)
    kept = maker.messages[-3]
    forgotten = [maker.messages.pop() for _ in range(2)]
    maker.seq -= 2
    maker._prev = kept.digest.hex()
    maker._since_seal = maker._since_seal[:-2]
    maker.boot(cause="power_on", lost=2)
    fill(maker, 2)
    maker.messages += forgotten
    found = examine(records_of(maker), maker)
    assert found.broken == []
    assert [record.position for record in found.unproven] == [(0, 8), (0, 9)]


def test_a_device_without_memory_starts_again_and_that_is_said() -> None:
    maker = board()
    maker._prev, maker._last_seal = ZERO_HASH, None
    earlier, maker.messages = maker.messages, []
    maker.boot()
    fill(maker, 2)
    maker.messages = earlier + maker.messages
    found = examine(records_of(maker), maker)
    assert (found.broken, len(found.forgotten)) == ([], 1)


def test_a_seal_of_another_key_proves_nothing() -> None:
    maker, other = board(), RecordMaker(DEV, seed="other")
    found = examine(records_of(maker), other)
    assert len(found.broken) == 2
    assert len(found.unproven) == len(maker.messages)


def test_an_edited_record_is_named() -> None:
    maker = board()
    records = records_of(maker)
    edited = parse(records[3].payload.replace(b'"dur":60000', b'"dur":60001'), DEV, "test")
    found = examine([*records[:3], edited, *records[4:]], maker)
    assert sum("0/3" in text for text in found.broken) >= 1


def test_a_chain_may_open_with_a_seal() -> None:
    maker = board()
    fill(maker, 2)
    records = records_of(maker)
    opening = next(i for i, r in enumerate(records) if r.t == "seal" and i > 1)
    found = examine(records[opening:], maker)
    assert (found.broken, found.unproven) == ([], [])


def test_dates_are_derived_from_the_first_record_with_a_clock() -> None:
    maker = RecordMaker(DEV, now_ms=None)
    maker.boot()
    fill(maker, 2, sealed=False)
    maker.now_ms = 1_796_054_400_000
    maker.seal()
    times = dates(records_of(maker))
    assert times[(0, 0)] == 1_796_054_400_000 - 120_000
    assert times[(0, 3)] == 1_796_054_340_000  # the start of its interval


def test_a_record_older_than_its_firmware_has_no_date() -> None:
    maker = RecordMaker(DEV, now_ms=1000)
    maker.boot()
    assert dates(records_of(maker)) == {}


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b"[" * 3000,
        b'{"dev":"gw-g1","dev":"gw-g1","boot":0,"seq":0,"t":"data","prev":"","mac":"' + b"0" * 32 + b'"}',
        b'{"dev":"gw-g1","boot":0,"seq":0,"t":"seal","prev":"0000000000","mac":"' + b"0" * 32 + b'"}',
        b'{"dev":"gw-g2","boot":0,"seq":0,"t":"data","prev":"0000000000","mac":"' + b"0" * 32 + b'"}',
        b'{"dev":"gw-g1","boot":true,"seq":0,"t":"data","prev":"000000000","mac":"' + b"0" * 32 + b'"}',
        b'{"dev":"gw-g1","boot":NaN,"seq":0,"t":"data","prev":"0000000000","mac":"' + b"0" * 32 + b'"}',
    ],
)
def test_a_line_that_cannot_be_placed_is_refused(payload: bytes) -> None:
    with pytest.raises(UnreadableError, match="file:7"):
        parse(payload, DEV, "file:7")


@pytest.mark.parametrize("last", ["x", [], [[], []], {"a": 1}, [1e300, 2]])
def test_a_boot_record_that_breaks_the_contract_is_bound_by_its_hash_alone(last: object) -> None:
    maker = board()
    maker.boot_count, maker.seq = 1, -1
    maker.record("boot", {"cause": "power_on", "last": last, "seal": last, "lost": last})
    fill(maker, 2)
    records = records_of(maker)
    found = examine(records, maker)
    assert (found.broken, found.unproven) == ([], [])
    assert dates(records)
