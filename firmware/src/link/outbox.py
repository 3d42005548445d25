"""Every record of the board, durable before it is sent, kept until the gateway has acknowledged it and a seal covers it.

A ring of append-only segments ``outbox/00000001.seg``, whose lines show when they are torn or rotten (see `link.segment`). Each start opens
a new segment, so nothing is ever written behind a torn tail. Damaged bytes are copied to ``<segment>-<offset>.bad`` and stay; damaged
lines inside count as lost records. Only when the ring is full the oldest segment goes unacknowledged, counted in ``lost``.

Positions are (boot, seq). An ordinal numbers the lines that are here, oldest first, from 0 at start.
"""

import os

from link.modules import borrow, give_back
from link.segment import Segment, head, lines, path_of, position_of, read_line


class Outbox:
    """The ring. ``sync(file)`` pushes a file to durable storage; ``on_lost(n)`` is told of ``n`` records that are gone for good."""

    def __init__(self, folder, sync=None, on_lost=None, limit_bytes=1_000_000, segment_bytes=16_384):
        self.folder = folder
        self._sync = sync
        self._on_lost = on_lost
        self._limit = limit_bytes
        self._segment_bytes = segment_bytes
        self._segments = []
        self._file = None
        self._kept = 0  # bytes of quarantined damage
        self._freed = None  # everything up to here is acknowledged
        self.end = 0
        """Ordinal that the next record gets."""

    def load(self, visit=None):
        """Read everything at start; ``visit(position, digest, payload)`` sees each intact record, oldest first."""
        lost, self._kept = borrow("link.recovery").load(self.folder, self._adopt, visit, self._sync)
        give_back("link.recovery")
        if lost and self._on_lost:
            self._on_lost(lost)

    def _adopt(self, segment):
        segment.base = self.end
        self._segments.append(segment)
        self.end += segment.count

    def append(self, position, digest, payload):
        """Add a record; on return it is durable. ``digest`` is the payload's SHA-256 in hex."""
        line_head = head(digest, payload)
        size = len(line_head) + len(payload) + 1
        self._make_room(size)
        if self._file is None:
            self._open_segment()
        self._file.write(line_head)
        self._file.write(payload)
        self._file.write(b"\n")
        self._file.flush()
        if self._sync:
            self._sync(self._file)
        segment = self._segments[-1]
        segment.grow(position, size)
        self.end += 1
        if segment.size >= self._segment_bytes:
            self.close()

    def _open_segment(self):
        number = self._segments[-1].number + 1 if self._segments else 1
        self._segments.append(Segment(number, self.end))
        self._file = open(path_of(self.folder, number), "ab")

    def close(self):
        """Let go of the newest segment's file; the next record opens a new one."""
        if self._file:
            self._file.close()
            self._file = None

    def _make_room(self, size):
        while len(self._segments) > 1 and self.size() + size > self._limit:
            oldest = self._segments[0]
            lost = self._unacknowledged(oldest)
            if lost and self._on_lost:
                self._on_lost(lost)  # declared before it is done: a cut between may count them twice, never not at all
            self._remove(oldest)

    def _unacknowledged(self, segment):
        if self._freed is None or segment.first is None or self._freed < segment.first:
            return segment.count - segment.damaged
        if self._freed >= segment.last:
            return 0
        with self.open(segment) as file:
            payloads = (payload for _, _, _, payload in lines(file) if payload is not None)
            return sum(1 for payload in payloads if position_of(payload) > self._freed)

    def free(self, acked, sealed):
        """Remove the segments that lie wholly at or before both positions; the newest always stays."""
        self._freed = acked
        if acked is None or sealed is None:
            return
        upto = min(acked, sealed)
        while len(self._segments) > 1 and (self._segments[0].last is None or self._segments[0].last <= upto):
            self._remove(self._segments[0])

    def _remove(self, segment):
        if segment is self._segments[-1]:
            self.close()
        os.remove(path_of(self.folder, segment.number))
        self._segments.remove(segment)

    def size(self):
        """Bytes on flash, quarantined damage included."""
        return sum(segment.size for segment in self._segments) + self._kept

    def find(self, position):
        """``(ordinal, digest)`` of a record, or None where it is not here."""
        for segment in self._segments:
            if segment.first is not None and segment.first <= position <= segment.last:
                return self._search(segment, lambda here: here == position)
        return None

    def first_after(self, position):
        """Ordinal of the oldest record behind ``position`` (None: of the oldest record), ``end`` if there is none."""
        if position is None:
            return self.oldest()
        for segment in self._segments:
            if segment.last is not None and segment.last > position:
                return self._search(segment, lambda here: here > position)[0]
        return self.end

    def _search(self, segment, wanted):
        ordinal = segment.base
        with self.open(segment) as file:
            for _, _, digest, payload in lines(file):
                if payload is not None and wanted(position_of(payload)):
                    return ordinal, digest
                ordinal += 1
        return None

    def oldest(self):
        """Ordinal of the oldest line that is here."""
        return self._segments[0].base if self._segments else self.end

    def segment_of(self, ordinal):
        """The segment that holds an ordinal, or the oldest one behind it, or None at the end."""
        for segment in self._segments:
            if ordinal < segment.base + segment.count:
                return segment
        return None

    def open(self, segment):
        """A segment's file for reading."""
        return open(path_of(self.folder, segment.number), "rb")


class Reader:
    """Reads records in order from an ordinal on, also those that are appended meanwhile. ``at`` is the ordinal that comes next."""

    def __init__(self, outbox):
        self._outbox = outbox
        self._file = None
        self._until = 0  # the open segment's end when it was opened
        self._number = None  # its number, and how far it was read
        self._offset = 0
        self.at = 0

    def seek(self, ordinal):
        """Go to a record (to the oldest one if that is gone)."""
        self.close()
        self._number = None
        self.at = max(ordinal, self._outbox.oldest())

    def next(self):
        """``(ordinal, position, payload)``, or None at the end. Damaged lines are passed over."""
        while self.at < self._outbox.end:
            if self.at >= self._until or self._file is None:
                self._enter()  # again for new lines of the same segment: littlefs shows a reader only what was there when it was opened
            size, _, payload = read_line(self._file, self._offset)
            if not size:
                self.seek(self._until)  # the file is shorter than it was: the rest of the segment cannot be read
                continue
            self.at += 1
            self._offset += size
            if payload is not None:
                return self.at - 1, position_of(payload), payload
        return None

    def _enter(self):
        self.close()
        segment = self._outbox.segment_of(self.at)
        self.at = max(self.at, segment.base)
        self._file = self._outbox.open(segment)
        self._until = segment.base + segment.count
        if segment.number != self._number:
            self._number = segment.number
            self._offset = 0
            for _ in range(self.at - segment.base):
                self._offset += read_line(self._file, self._offset)[0]

    def close(self):
        """Let go of the file."""
        if self._file:
            self._file.close()
            self._file = None
