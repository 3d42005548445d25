"""Chain rules: which record follows which, and how far a gateway may acknowledge.

Positions are ``(boot, seq)`` and are ordered as tuples. Records of one device form ONE chain over all topics and boots.
"""

from . import ZERO_HASH

NEW = "new"
DUPLICATE = "duplicate"
EQUIVOCATION = "equivocation"
ROLLBACK = "rollback"


def classify(position: tuple, digest: str, stored_digest: "str | None", highest_boot: int, is_boot_record: bool) -> str:
    """What a verified record is to a gateway.

    ``stored_digest`` is the SHA-256 (hex) of the payload that is already stored at this position, or None;
    ``highest_boot`` the highest boot stored for the device, -1 for none. Older records that fit a hole are NEW.
    """
    if stored_digest is not None:
        return DUPLICATE if stored_digest == digest else EQUIVOCATION
    if is_boot_record and position[0] < highest_boot:
        return ROLLBACK
    return NEW


def follows(previous: "tuple | None", position: tuple, prev: str) -> "str | None":
    """Check one link. ``previous`` is ``(boot, seq, sha256 hex)`` of the record stored before, or None for the first.

    Returns None when the link holds, otherwise a short word: ``hole`` (records are missing between), ``broken`` (the
    hash does not fit although nothing is missing).
    """
    if previous is None:
        return None if prev == ZERO_HASH else "hole"
    boot, seq, digest = previous
    if position[0] == boot and position[1] != seq + 1:
        return "hole"
    if prev == digest:
        return None
    return "broken" if position[0] == boot else "hole"


class Progress:
    """How far the records of one device are durable without a hole.

    Invariant: every position up to and including ``upto`` is durable, was declared lost by the device, or lies in a gap
    that was given up; ``upto`` is None before the first boot record.
    """

    def __init__(self, upto: "tuple | None" = None):
        self.upto = upto
        self._ahead: dict = {}
        self._boots: dict = {}

    def add(self, position: tuple, last_before: "tuple | None" = None) -> None:
        """A record is durable. ``last_before`` is the boot record's ``last`` as a tuple (only for seq 0)."""
        boot, seq = position
        if self.upto is not None and position <= self.upto:
            return
        self._ahead.setdefault(boot, set()).add(seq)
        if seq == 0:
            self._boots[boot] = last_before
        self._advance()

    def skip(self, position: tuple) -> None:
        """Give up everything before ``position``, which is durable (after a GAP, or declared lost)."""
        if self.upto is None or self.upto < position:
            self.upto = position
            for boot in [b for b in self._ahead if b < position[0]]:
                del self._ahead[boot]
            self._advance()

    def waiting(self) -> "tuple | None":
        """The lowest durable position behind the first hole, or None where nothing waits."""
        self._forget()
        lowest = [(boot, min(seqs)) for boot, seqs in self._ahead.items() if seqs]
        return min(lowest) if lowest else None

    def _advance(self) -> None:
        while self._step():
            pass
        self._forget()

    def _step(self) -> bool:
        if self.upto is not None:
            boot, seq = self.upto
            if seq + 1 in self._ahead.get(boot, ()):
                self._ahead[boot].discard(seq)
                self.upto = (boot, seq + 1)
                return True
        for boot in sorted(self._boots):
            if self.upto is not None and boot <= self.upto[0]:
                continue
            last = self._boots[boot]
            # the boot record itself says what the device still had before it: nothing beyond that can ever come
            if last is None or (self.upto is not None and self.upto >= last):
                self.upto = (boot, 0)
                return True
            break
        return False

    def _forget(self) -> None:
        if self.upto is None:
            return
        for boot in [b for b in self._ahead if b < self.upto[0]]:
            del self._ahead[boot]
        seqs = self._ahead.get(self.upto[0])
        if seqs:
            self._ahead[self.upto[0]] = {s for s in seqs if s > self.upto[1]}
        for boot in [b for b in self._boots if b <= self.upto[0]]:
            del self._boots[boot]
