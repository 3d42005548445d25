"""Who the scenario's time waits for."""

from gridwitness.sim.pacing import REBOOT_S, RETURN_S, STALL_S, Seat
from gridwitness.sim.waveforms import BLOCK_S

REBOOT_BLOCKS = round(REBOOT_S / BLOCK_S)


def seated(next_block: int = 0, now_s: float = 0.0) -> Seat:
    seat = Seat("gw-g1", "m-g1")
    seat.join(next_block, now_s)
    return seat


def test_two_blocks_may_be_on_the_way() -> None:
    seat = seated()
    for block in (0, 1):
        assert not seat.holds(block, 0.0)
        seat.send(block)
    assert seat.holds(2, 0.0)
    assert seat.credit(0, 0.0)
    assert not seat.holds(2, 0.0)


def test_only_blocks_that_were_sent_can_be_answered_and_each_once() -> None:
    seat = seated(10)
    assert not seat.credit(10, 0.0)
    seat.send(10)
    seat.send(11)
    assert not seat.credit(9, 0.0)
    assert seat.credit(11, 0.0)  # answers 10 as well
    assert not seat.credit(10, 0.0)


def test_a_board_that_is_away_is_waited_for_after_a_reboot_s_time() -> None:
    seat = seated()
    seat.leave(100)
    assert not seat.holds(100, 0.0)
    assert not seat.holds(100 + REBOOT_BLOCKS - 1, 1.0)
    assert seat.holds(100 + REBOOT_BLOCKS, 5.0)
    assert seat.holds(100 + REBOOT_BLOCKS, 5.0 + RETURN_S - 0.1)
    assert not seat.holds(100 + REBOOT_BLOCKS, 5.0 + RETURN_S)
    assert seat.given_up
    assert not seat.holds(10_000, 1000.0)


def test_the_reboot_s_time_begins_anew_with_every_absence() -> None:
    seat = seated()
    seat.leave(100)
    assert seat.holds(100 + REBOOT_BLOCKS, 5.0)
    seat.join(100 + REBOOT_BLOCKS, 6.0)
    assert seat.missed == REBOOT_BLOCKS
    seat.leave(200)
    assert not seat.holds(201, 100.0)
    assert seat.holds(200 + REBOOT_BLOCKS, 101.0)


def test_before_the_last_block_every_board_is_waited_for() -> None:
    seat = seated()
    seat.leave(100)
    assert not seat.holds(101, 0.0)
    assert seat.holds(101, 0.0, last=True)
    assert not seat.holds(101, RETURN_S, last=True)


def test_what_was_sent_before_the_connection_broke_is_not_waited_for_after_it() -> None:
    seat = seated()
    seat.send(0)
    seat.send(1)
    seat.leave(2)
    seat.join(2, 0.0)
    assert not seat.holds(2, 0.0)
    assert seat.joins == 2
    assert seat.missed == 0


def test_a_silent_board_is_stalled_only_if_it_owes_an_answer() -> None:
    seat = seated()
    assert not seat.stalled(10 * STALL_S)
    seat.send(0)
    assert not seat.stalled(STALL_S)
    assert seat.stalled(STALL_S + 0.1)
    seat.credit(0, STALL_S)
    assert not seat.stalled(10 * STALL_S)
