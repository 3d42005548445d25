"""How fast the scenario's time runs: no faster than the slowest board that counts.

Pure bookkeeping; block numbers and the host's seconds are handed in.
"""

from __future__ import annotations

from dataclasses import dataclass

from gridwitness.sim.waveforms import BLOCK_S

IN_FLIGHT = 2
"""Blocks that a board may have without having answered them."""

REBOOT_S = 8.0
"""Simulated time that a board may be away without being waited for."""

RETURN_S = 20.0
"""Wall time that the scenario then waits for it."""

STALL_S = 60.0
"""Wall time after which a connected board that answers nothing counts as gone."""


@dataclass(slots=True)
class Seat:
    """One board's place in the scenario.

    ``credited`` and ``sent`` are the newest answered and newest sent block of this connection (−1: none). ``left_block`` is the block
    that the board missed first; ``waiting_since_s`` when the scenario began to wait for it.
    """

    dev: str
    point: str
    connected: bool = False
    sent: int = -1
    credited: int = -1
    heard_s: float = 0.0
    left_block: int = 0
    waiting_since_s: float | None = None
    given_up: bool = False
    blocks: int = 0
    missed: int = 0
    joins: int = 0

    def join(self, next_block: int, now_s: float) -> None:
        """The board connected; it gets blocks from ``next_block`` on."""
        if self.joins:
            self.missed += next_block - self.left_block
        self.connected, self.given_up, self.waiting_since_s, self.heard_s = True, False, None, now_s
        self.sent = self.credited = next_block - 1
        self.joins += 1

    def leave(self, next_block: int) -> None:
        """The connection ended. Whatever was sent and not answered is lost."""
        self.connected = False
        self.left_block = next_block

    def credit(self, block: int, now_s: float) -> bool:
        """The board answered a block; False if it cannot have been this one."""
        if not self.credited < block <= self.sent:
            return False
        self.credited, self.heard_s = block, now_s
        return True

    def send(self, block: int) -> None:
        """A block went out."""
        self.sent = block
        self.blocks += 1

    def holds(self, block: int, now_s: float, *, last: bool = False) -> bool:
        """Whether the scenario has to wait for this board before block ``block``.

        The last one tells a board that the end is orderly: before it a board that is away is waited for at once.
        """
        if self.connected:
            return self.sent - self.credited >= IN_FLIGHT
        if self.given_up or (not last and (block - self.left_block) * BLOCK_S < REBOOT_S):
            return False
        if self.waiting_since_s is None:
            self.waiting_since_s = now_s
        self.given_up = now_s - self.waiting_since_s >= RETURN_S
        return not self.given_up

    def stalled(self, now_s: float) -> bool:
        """Whether a connected board has answered nothing for too long."""
        return self.connected and self.sent > self.credited and now_s - self.heard_s > STALL_S
