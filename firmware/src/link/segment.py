"""Lines of the outbox's segment files: ``<payload's length, 4 digits> <its SHA-256, hex> <payload>\\n``."""

from gwire.envelope import sha256_hex

_HEAD = 4 + 1 + 64 + 1
_PIECE = 256
"""Bytes read at a time where lengths cannot be trusted: a small heap has no long stretch free."""


def head(digest, payload):
    """What stands before a payload."""
    return b"%04d %s " % (len(payload), digest.encode())


def path_of(folder, number):
    """A segment's file."""
    return "%s/%08d.seg" % (folder, number)


class Segment:
    """What RAM holds of a segment: its lines are ``base`` … ``base + count - 1``; their records lie from ``first`` to ``last``."""

    def __init__(self, number, base=0):
        self.number = number
        self.base = base
        self.count = 0
        self.damaged = 0
        self.size = 0
        self.first = None
        self.last = None

    def grow(self, position, size):
        """Count a line; ``position`` is None for a damaged one."""
        self.count += 1
        self.size += size
        if position is None:
            self.damaged += 1
            return
        if self.first is None:
            self.first = position
        self.last = position


def position_of(payload):
    """(boot, seq) from the bytes of a record; the head's order is fixed, so no JSON has to be parsed."""
    boot = payload.index(b',"boot":') + 8
    seq = payload.index(b',"seq":', boot)
    return int(payload[boot:seq]), int(payload[seq + 7 : payload.index(b",", seq + 7)])


def type_of(payload):
    """The member ``t`` of a record, which follows ``v``."""
    start = payload.index(b',"t":"') + 6
    return payload[start : payload.index(b'"', start)].decode()


def lines(file):
    """``(offset, size, digest, payload)`` of each line; digest and payload are None for a damaged one."""
    offset = 0
    while True:
        size, digest, payload = read_line(file, offset)
        if not size:
            return
        yield offset, size, digest, payload
        offset += size


def read_line(file, offset):
    """``(size, digest, payload)`` of the line at ``offset``, ``(size, None, None)`` if it is damaged, size 0 at the end of the file."""
    file.seek(offset)
    head = file.read(_HEAD)
    if len(head) == _HEAD and head[:4].isdigit():
        length = int(head[:4])
        payload = file.read(length)
        if len(payload) == length and file.read(1) == b"\n" and sha256_hex(payload).encode() == head[5:-1]:
            return _HEAD + length + 1, head[5:-1].decode(), payload
    return _damage(file, offset), None, None


def _damage(file, offset):
    """Size of the damaged line at ``offset``: up to the next line end, or to the end of the file."""
    size = 0
    for piece in pieces(file, offset):
        end = piece.find(b"\n")
        if end >= 0:
            return size + end + 1
        size += len(piece)
    return size


def pieces(file, offset, size=None):
    """The bytes from ``offset`` on, ``size`` of them or all, in small pieces."""
    file.seek(offset)
    while size is None or size > 0:
        piece = file.read(_PIECE if size is None else min(size, _PIECE))
        if not piece:
            return
        if size is not None:
            size -= len(piece)
        yield piece
