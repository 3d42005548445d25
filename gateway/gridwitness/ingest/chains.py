"""The chain of one device in memory: what is stored, how far it is whole, what still has no time.

Rebuilt from the store at start; afterwards every record that the store is given is noted here too.
"""

from dataclasses import dataclass

import msgspec
from gwire import chain
from gwire.errors import WireError

from gridwitness.ingest import rules
from gridwitness.store import CursorRow, Store

Position = tuple[int, int]


@dataclass(slots=True)
class Undated:
    """Records of one boot without time: sequence numbers, and how far the chain was searched for one that dates them."""

    seqs: list[int]
    searched: int


class DeviceChain:
    """State of one device. ``ack_n`` is the last number reserved (durably) for an ack; ``ack_free`` whether it is unused."""

    def __init__(self, store: Store, dev: str, fw_date_ms: int, now_ms: int) -> None:
        self.dev = dev
        self._store = store
        self._fresh: dict[Position, bytes] = {}
        self._boot_fw = (-1, fw_date_ms)
        self.undated: dict[int, Undated] = {}
        cursor = store.cursor(dev)
        # never below the clock's seconds: the device refuses numbers that it has seen, and a restored backup has older ones
        self.ack_n = max(cursor.ack_n if cursor else 0, now_ms // 1000)
        self.ack_free = False
        upto = (cursor.boot, cursor.seq) if cursor and cursor.boot is not None and cursor.seq is not None else None
        self.progress = chain.Progress(upto)
        self._newest: Position | None = None
        self._rebuild(upto)

    def _rebuild(self, upto: Position | None) -> None:
        for boot, seq in self._store.positions(self.dev, after=upto):
            self.progress.add((boot, seq), self._last_before(boot) if seq == 0 else None)
        newest = self._store.newest(self.dev)
        if newest:
            self._newest = (newest.boot, newest.seq)
            boot_record = self._record(newest.boot, 0)
            if boot_record:
                self.note_boot(newest.boot, boot_record)
        for boot, seq in self._store.undated(self.dev):
            if self._waits_for_time(self._record(boot, seq)):
                self.note_undated((boot, seq))

    @staticmethod
    def _waits_for_time(record: rules.Record | None) -> bool:
        """Whether a stored record without trusted time can be dated: quarantined ones stay as they are."""
        if record is None or record.get("ts") is not None:
            return False
        try:
            rules.check_content(record)
        except (WireError, TypeError):
            return False
        return True

    def _record(self, boot: int, seq: int) -> rules.Record | None:
        stored = self._store.raw_record(self.dev, boot, seq)
        return msgspec.json.decode(stored.payload) if stored else None

    def _last_before(self, boot: int) -> Position | None:
        record = self._record(boot, 0)
        return rules.last_before(record) if record else None

    def digest(self, position: Position) -> bytes | None:
        """SHA-256 of what is stored (or about to be) at a position."""
        if position in self._fresh:
            return self._fresh[position]
        if self._newest is None or position > self._newest:
            return None
        return self._store.digest(self.dev, *position)

    def classify(self, position: Position, digest: bytes) -> str:
        """What a verified record is: see `gwire.chain.classify`.

        A boot record counts as a rollback only below the boot that the cursor has passed: in front of the cursor it fills a hole.
        """
        stored = self.digest(position)
        passed = self.progress.upto[0] if self.progress.upto else -1
        return chain.classify(position, digest.hex(), stored.hex() if stored else None, passed, position[1] == 0)

    def link_holds(self, position: Position, prev: object) -> bool:
        """Whether ``prev`` fits the record before, as far as that one is stored."""
        boot, seq = position
        before = self.digest((boot, seq - 1)) if seq else None
        return before is None or chain.follows((boot, seq - 1, before.hex()), position, str(prev)) is None

    def add(self, position: Position, digest: bytes, last_before: Position | None) -> None:
        """Note a record that the coming commit stores."""
        self._fresh[position] = digest
        if self._newest is None or position > self._newest:
            self._newest = position
        self.progress.add(position, last_before)

    def note_boot(self, boot: int, record: rules.Record) -> None:
        """Keep the firmware's date of the newest boot."""
        date = rules.firmware_date(record)
        if date is not None and boot >= self._boot_fw[0]:
            self._boot_fw = (boot, date)

    @property
    def fw_date_ms(self) -> int:
        """Release of the device's firmware: its clock cannot be earlier."""
        return self._boot_fw[1]

    def note_undated(self, position: Position) -> None:
        """Note a record without time."""
        boot, seq = position
        waiting = self.undated.setdefault(boot, Undated([], seq))
        waiting.seqs.append(seq)
        waiting.searched = min(waiting.searched, seq)

    def reserve(self) -> CursorRow:
        """The cursor's row for the coming commit, with a number for an ack that may follow it."""
        if not self.ack_free:
            self.ack_n += 1
            self.ack_free = True
        upto = self.progress.upto
        if upto is None:
            return CursorRow(self.dev, None, None, None, self.ack_n)
        return CursorRow(self.dev, upto[0], upto[1], self.digest(upto), self.ack_n)

    def committed(self) -> None:
        """The noted records are on disk."""
        self._fresh.clear()
