"""Seals: what the board signs with its own key, so that nobody else can have written its records afterwards."""

from binascii import hexlify

from link.modules import borrow, give_back
from version import FW


class Sealer:
    """``key`` is the seal key's private integer, ``hashes`` those of configuration and calibration.

    Seals fall on multiples of ``period_ms`` of UTC, and where `seal` is called.
    """

    def __init__(self, chain, nvs, inbox, clock, points, key, period_ms, hashes, pause):
        self._chain = chain
        self._nvs = nvs
        self._inbox = inbox
        self._clock = clock
        self._points = points
        self._key = key
        self._period_ms = period_ms
        self._hashes = (("fw", FW), ("cfg", hashes[0]), ("cal", hashes[1]))
        self._pause = pause
        self._slot = None  # number of the period that the last seal closed

    async def seal(self, why):
        """Seal all records since the last seal."""
        registers = {point.pt: point.registers() for point in self._points}
        ref = await self._chain.seal(lambda *tally: self._members(why, registers, *tally), self._sign)
        self._nvs.set(seal=ref, reg=registers)
        self._inbox.free()

    def _members(self, why, registers, count, first, root):
        sync, seen = self._inbox.clock_sync, self._nvs.get("cp")
        age = (sync[0], (self._clock.up_ms() - sync[1]) // 1000) if sync else None
        head = (("n", count), ("first", first), ("lroot", hexlify(root).decode()), ("reg", registers), ("clk", age))
        return head + self._hashes + (("tamper", 0), ("cp", seen), ("why", why))

    async def _sign(self, digest):
        try:
            return await borrow("core.p256").sign(self._key, digest, self._pause)
        finally:
            give_back("core.p256")

    async def seal_if_due(self):
        """Seal when a multiple of the period has passed since the last look."""
        now_ms = self._clock.utc_ms()
        if now_ms is None:
            return
        slot = now_ms // self._period_ms
        if self._slot is not None and slot > self._slot:
            await self.seal("hour")
        self._slot = slot
