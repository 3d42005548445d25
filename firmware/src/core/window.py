"""Windows of 10 cycles (12 at 60 Hz), synchronised to the mains, that tile time without gap or overlap (IEC 61000-4-30 style).

Blocks of samples go in, windows come out. A window ends where the next begins: at the tenth upward zero crossing after its start.
Crossings are taken from one voltage (L1; the next phase when it has none). When they fail to come, the window ends after ten of the
last known periods and is unlocked, so energy goes on being counted through an interruption; the next one is pulled back onto a
crossing (9.5 to 10.5 periods long, unlocked too). Only a hole in the sample numbers breaks the tiling: after one, as at the start,
the first window begins at the first crossing (or after two cycles without any).
"""

from array import array

from . import blocks, crossing, resample

ONE = crossing.ONE
CHANNELS = 6
SHIFT = 7
"""128 points per cycle."""
CHUNK = 80
"""Samples that are taken at a time: what a board's memory has room for beside a window (a longer block is taken in pieces)."""

_GUARD = 4  # samples that interpolation and the search need beyond a window's end
_FLOOR_PERCENT = 1  # of full scale: below this a voltage has no crossings


class Windower:
    """Cuts a stream of blocks into windows. All memory is taken here (13 KB at 3200 samples a second); `feed` takes none.

    ``on_window(self)`` is called for each window with these set: ``geometry`` ([start, cycle, cycles, shift], positions in 1/65536
    samples from sample number ``base``), ``end``, ``sums`` (`resample.WORDS` words for each of 3 phases), ``locked``, ``clipped``.
    """

    def __init__(self, rate_hz, f_nominal_hz, on_window, shift=SHIFT):
        self.on_window = on_window
        self.rate_hz = rate_hz
        self.f_nominal_hz = f_nominal_hz
        self.cycles = 12 if f_nominal_hz == 60 else 10
        self.half = (rate_hz + f_nominal_hz) // (2 * f_nominal_hz)
        self.nominal = rate_hz * ONE // f_nominal_hz
        self.shortest = self.nominal * 20 // 23  # 57.5 Hz, and
        self.longest = self.nominal * 20 // 17  # 42.5 Hz where 50 Hz is nominal: the range of IEC 61000-4-30
        room = (self.cycles + 1) * self.longest // ONE + 2 * self.half + CHUNK + 4 * _GUARD
        self.room = (room + 1) & ~1
        self.buf = bytearray(2 * CHANNELS * self.room)  # uint16; an array would be made from a second block of this size
        self.table = resample.table(shift)
        self.geometry = array("i", [0, 0, self.cycles, shift])
        self.sums = array("i", bytes(4 * 3 * resample.WORDS))
        self.crossings = array("i", bytes(4 * (CHUNK // 2 + 1)))
        floor = 32768 * _FLOOR_PERCENT // 100 * self.half * 14 // 11  # a sine comes out of the filter 4 / pi * half times as large
        self.filter = array("i", [0, 0, floor])
        self.sync = 0
        self.base = 0
        self.reset()

    def reset(self):
        """Forget all samples: after a hole in them, or at the start."""
        self.fill = 0
        self.searched = 0
        self.start = self.last = self.end = -1
        self.period = self.nominal
        self.count = 0
        self.regular = self.on_crossing = self.locked = self.settled = False
        self.clipped = 0
        self._clips = 0

    def feed(self, block, at, first, n):
        """Take ``n`` samples a channel (planar from word ``at`` of ``block``), the first with the stream's number ``first``."""
        if first != self.base + self.fill:
            self.reset()
            self.base = first
        taken = 0
        while taken < n:
            m = min(CHUNK, n - taken)
            self._make_room(m)
            for channel in range(CHANNELS):
                self._clips += blocks.take(block, at + channel * n + taken, m, self.buf, channel * self.room + self.fill)
            self.fill += m
            taken += m
            self._search()

    def _make_room(self, n):
        if self.fill + n <= self.room:
            return
        needed = self.fill - 2 * self.half - _GUARD
        if self.start >= 0:
            needed = min(needed, self.start // ONE - 2)
        cut = needed & ~1
        blocks.slide(self.buf, CHANNELS, self.room // 2, cut // 2, (self.fill - cut + 1) // 2)
        self.base += cut
        self.fill -= cut
        self.searched -= cut
        self.last -= cut * ONE
        self.start -= cut * ONE

    def _search(self):
        """Find the crossings among what is new and close windows at them."""
        if self.searched == 0 and not self._prime():
            return
        at = self.sync * self.room
        end = self.fill - _GUARD
        n = crossing.search(self.buf, at + self.searched, at + end, self.half, self.filter, self.crossings)
        self.searched = end
        for k in range(n):
            self._cross(self.crossings[k] - at * ONE)
        self._free_run(end * ONE)

    def _prime(self):
        """Start the filter at the buffer's front; False while there is too little for it."""
        if self.fill < 2 * self.half + 2 * _GUARD:
            return False
        self.filter[0] = crossing.prime(self.buf, self.sync * self.room, self.half)
        self.filter[1] = 0
        self.searched = 2 * self.half
        return True

    def _cross(self, pos):
        gap = pos - self.last
        steady = self.last >= 0 and self.shortest <= gap <= self.longest
        self.last = pos
        if self.start < 0:
            self._begin(pos, True)
        if pos <= self.start:  # also when searched again on another voltage
            return
        self.count += 1
        self.regular = self.regular and steady
        if steady and not self.settled:
            self.period = gap
        if pos - self.start < self.cycles * self.period - self.period // 2:
            return
        self.settled = self.regular and self.on_crossing and self.count == self.cycles
        if self.settled:
            self.period = (pos - self.start) // self.cycles
        self._close(pos, self.settled)
        self._begin(pos, True)

    def _free_run(self, now):
        """Close windows that no crossing closed; after one without any crossing try the next voltage."""
        if self.start < 0 and now > 4 * self.half * ONE + self.nominal:
            self._begin(2 * self.half * ONE, False)
        while self.start >= 0 and now - self.start > (self.cycles + 1) * self.period:
            end = self.start + self.cycles * self.period
            silent = self.count == 0
            self.settled = False
            self._close(end, False)
            self._begin(end, False)
            if silent:
                self._next_voltage()

    def _next_voltage(self):
        self.sync = (self.sync + 1) % 3
        self.last = -1
        self.searched = 0  # start the filter anew

    def _begin(self, pos, on_crossing):
        self.start = pos
        self.count = 0
        self.on_crossing = on_crossing
        self.regular = True

    def _close(self, end, locked):
        self.end = end
        self.locked = locked
        self.clipped = self._clips
        self._clips = 0
        geometry = self.geometry
        geometry[0] = self.start
        geometry[1] = (end - self.start) // self.cycles
        for phase in range(3):
            resample.sums(
                self.buf, phase * self.room, (phase + 3) * self.room, geometry, self.table, self.sums, phase * resample.WORDS
            )
        self.on_window(self)
