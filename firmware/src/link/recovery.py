"""Reading the outbox at start, in one pass: the chain's end, the unsealed records, the registers; damage goes into quarantine."""

import json
import os

from link.chain import Tally
from link.files import exists, make_folder
from link.segment import Segment, lines, path_of, pieces, position_of, type_of


class Recovery:
    """What the records tell. Hand `visit` to `Outbox.load`, then read the attributes.

    ``names`` are the registers' field keys; ``seal`` and ``registers`` are what nvs knows.
    """

    def __init__(self, names, seal=None, registers=None):
        self._names = names
        self._told = b'"%s":' % names[0].encode()
        self.last = None
        """(boot, seq, sha256 hex) of the newest record, or None."""
        self.seal = tuple(seal) if seal else None
        """(boot, seq, sha256 hex) of the newest seal, or None."""
        self.tally = Tally()
        self._registers = registers or {}
        self._sealed = None  # payload of the newest seal
        self._newest = {}  # point: payload of its newest record behind that seal that tells registers

    def visit(self, position, digest, payload):
        """One record, in order."""
        self.last = position + (digest,)
        if self.seal and position < self.seal[:2]:
            return  # covered: nvs knows of a later seal
        if type_of(payload) == "seal":
            self.seal = self.last
            self.tally = Tally()
            self._sealed = payload
            self._newest = {}
            return
        self.tally.add(position, payload)
        if self._told in payload:
            self._newest[_point_of(payload)] = payload

    def registers(self):
        """Energy registers by point, as they stood in the newest record that tells them."""
        known = dict(self._registers)
        if self._sealed:
            known.update(json.loads(self._sealed)["reg"])
        for point, payload in self._newest.items():
            fields = json.loads(payload)["m"]
            known[point] = {name: fields[name] for name in self._names if name in fields}
        return known


def _point_of(payload):
    start = payload.index(b'"pt":"') + 6
    return payload[start : payload.index(b'"', start)].decode()


def load(folder, adopt, visit, sync=None):
    """Hand each segment to ``adopt(segment)`` and each intact record to ``visit``, oldest first.

    Returns the number of records found lost, and the bytes that lie in quarantine.
    """
    make_folder(folder)
    names = sorted(os.listdir(folder))
    lost = sum(_load_segment(folder, int(name[:-4]), adopt, visit, sync) for name in names if name.endswith(".seg"))
    return lost, sum(os.stat(folder + "/" + name)[6] for name in os.listdir(folder) if name.endswith(".bad"))


def _load_segment(folder, number, adopt, visit, sync):
    segment = Segment(number)
    lost = 0
    with open(path_of(folder, number), "rb") as file:
        for offset, size, digest, payload in lines(file):
            if payload is None:
                lost += _quarantine(folder, number, file, offset, size, sync)
                segment.grow(None, size)
                continue
            position = position_of(payload)
            segment.grow(position, size)
            if visit:
                visit(position, digest, payload)
    if segment.size:
        adopt(segment)
    else:
        os.remove(path_of(folder, number))  # the power went between opening it and its first record
    return lost


def _quarantine(folder, number, file, offset, size, sync):
    """Keep damaged bytes; returns the number of records that this makes lost (a torn tail never was one)."""
    path = "%s/%08d-%d.bad" % (folder, number, offset)
    if exists(path):
        return 0
    piece = b""
    with open(path + ".new", "wb") as copy:
        for piece in pieces(file, offset, size):
            copy.write(piece)
        if sync:
            sync(copy)
    os.rename(path + ".new", path)
    return 1 if piece.endswith(b"\n") else 0
