"""Making records: each gets its number, the hash of the one before, its MAC, and a durable place in the outbox, in this order."""

from gwire import ZERO_HASH
from gwire.body import write
from gwire.envelope import sha256, sha256_hex, with_mac, with_signature
from gwire.merkle import Accumulator

_WAITING_MAX = 64
"""Records that may wait for a signature under way (some tenths of a second); more is a programming error."""


class Tally:
    """The records since the last seal, as the next seal declares them."""

    def __init__(self):
        self.first = None
        self.tree = Accumulator()

    def add(self, position, payload):
        """Count a record (not a seal)."""
        if self.first is None:
            self.first = position
        self.tree.add(payload)


class Chain:
    """All records of one boot. ``prev`` is the SHA-256 of the last record before it, ``tally`` the unsealed records before it."""

    def __init__(self, dev, boot, hmac_up, outbox, board, prev=None, tally=None):
        self.dev = dev
        self.boot = boot
        self.seq = 0
        """Number that the next record gets."""
        self._hmac = hmac_up
        self._outbox = outbox
        self._board = board
        self._prev = prev or ZERO_HASH
        self._tally = tally or Tally()
        self._waiting = None  # a list while a seal is being signed: records that come after it

    def add(self, kind, ts_ms, members):
        """A record with these members after the head; durable on return, except while a seal is being signed: then right after it."""
        stamp = (ts_ms, self._board.clock.up_ms(), self._board.clock.quality)
        if self._waiting is not None:
            if len(self._waiting) >= _WAITING_MAX:
                raise OverflowError("%d records wait for a signature" % _WAITING_MAX)
            self._waiting.append((kind, stamp, members))
            return
        self._write(kind, stamp, members)

    def _write(self, kind, stamp, members):
        payload = with_mac(write(self._head(kind, stamp), members), self._hmac)
        self._tally.add((self.boot, self.seq), payload)
        self._store(payload)

    async def seal(self, members, sign):
        """A seal: ``members(n, first, lroot)`` gives what follows the head, ``async sign(digest)`` its signature.

        Returns [boot, seq, sha256].
        """
        tally = self._tally
        stamp = (self._board.clock.utc_ms(), self._board.clock.up_ms(), self._board.clock.quality)
        body = write(self._head("seal", stamp), members(tally.tree.size, tally.first, tally.tree.root()))
        self._waiting = []
        try:
            payload = with_signature(body, await sign(sha256(body)))
            self._tally = Tally()
            ref = [self.boot, self.seq, self._store(payload)]
        finally:
            waiting = self._waiting
            self._waiting = None
            for record in waiting:
                self._write(*record)
        return ref

    def _head(self, kind, stamp):
        ts_ms, up_ms, quality = stamp
        names = ("v", "t", "dev", "boot", "seq", "ts", "up", "cq", "prev")
        return tuple(zip(names, (1, kind, self.dev, self.boot, self.seq, ts_ms, up_ms, quality, self._prev)))

    def _store(self, payload):
        digest = sha256_hex(payload)
        self._outbox.append((self.boot, self.seq), digest, payload)
        self._board.trace(self.boot, self.seq, digest)
        self._prev = digest
        self.seq += 1
        return digest
