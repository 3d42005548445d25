"""Windows of 10 cycles (12 at 60 Hz), synchronised to the mains, that tile time without gap or overlap (IEC 61000-4-30 style).

Blocks of samples go in, windows come out, cycle by cycle: a cycle ends where the next begins, at the first upward zero crossing that
is later than half a period. When none has come after one and a half periods it ends after one, so energy goes on being counted through an
interruption; the next crossing pulls it back. A window is ten cycles in a row and *locked* if each of them ran from crossing to crossing
within the range of frequencies. Crossings are taken from one voltage: L1, or the next phase when there were none for a whole window. Only
a hole in the sample numbers breaks the tiling: after one, as at the start, the first window begins at the first crossing (or after
two cycles without any).
"""

from array import array

from . import blocks, crossing, resample

ONE = crossing.ONE
CHANNELS = 6
SHIFT = 7
"""128 points per cycle."""
CHUNK = 160
"""Samples that are taken at a time: a longer block is taken in pieces, so that memory has to hold little more than a cycle."""

_GUARD = 4  # samples that interpolation and the search need beyond a cycle's end
_FLOOR_PERCENT = 1  # of full scale: below this a voltage has no crossings


class Windower:
    """Cuts a stream of blocks into windows. All memory is taken here (5 KB at 3200 samples a second); `feed` takes none.

    ``on_window(self)`` is called for each window with these set: ``start`` and ``end`` (1/65536 samples from sample number ``base``),
    ``sums`` (`resample.WORDS` words for each of 3 phases), ``locked``, and ``clipped`` (samples at an end of the range).
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
        room = 4 * self.half + 3 * self.longest // (2 * ONE) + CHUNK + 4 * _GUARD
        self.room = (room + 1) & ~1
        self.buf = bytearray(2 * CHANNELS * self.room)  # uint16; an array would be made from a second block of this size
        self.table = resample.table(shift)
        self.cycle = array("i", [0, 0, shift, 0])
        self.sums = array("i", bytes(4 * 3 * resample.WORDS))
        self.crossings = array("i", bytes(4 * (CHUNK // 2 + 1)))
        floor = 32768 * _FLOOR_PERCENT // 100 * self.half * 14 // 11  # a sine comes out of the filter 4 / pi * half times as large
        self.filter = array("i", [0, 0, floor])
        self.sync = 0
        self.base = 0
        self.reset()

    def reset(self):
        """Forget all samples: after a hole in them, or at the start."""
        self.fill = self.searched = 0
        self.start = self.end = 0
        self.mark = -1  # where the running cycle began
        self.period = self.nominal
        self.count = self.silent = 0
        self.regular = self.on_crossing = self.locked = False
        self.clipped = self._clips = 0

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
        if self.mark >= 0:
            needed = min(needed, self.mark // ONE - 2)
        cut = needed & ~1
        blocks.slide(self.buf, CHANNELS, self.room // 2, cut // 2, (self.fill - cut + 1) // 2)
        self.base += cut
        self.fill -= cut
        self.searched -= cut
        self.start -= cut * ONE
        self.mark -= cut * ONE

    def _search(self):
        """Find the crossings among what is new and end cycles at them."""
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
        self.silent = 0
        if self.mark < 0:
            self._open(pos, True)
        elif pos - self.mark > self.period // 2:
            self._end_cycle(pos, True)
        else:
            self.regular = False  # one too many, or one found again on another voltage

    def _free_run(self, now):
        """End cycles that no crossing ended; after a window's worth of them try the next voltage."""
        if self.mark < 0 and now > 4 * self.half * ONE + self.nominal:
            self._open(2 * self.half * ONE, False)
        while self.mark >= 0 and now - self.mark > self.period + self.period // 2:
            self._end_cycle(self.mark + self.period, False)
            self.silent += 1
            if self.silent == self.cycles:
                self.silent = 0
                self.sync = (self.sync + 1) % 3
                self.searched = 0  # start the filter anew

    def _open(self, pos, on_crossing):
        """Begin a window, and its first cycle, at ``pos``."""
        self.start = self.mark = pos
        self.on_crossing = on_crossing
        self.regular = True
        self.count = 0
        resample.wipe(self.sums, 3 * resample.WORDS)

    def _end_cycle(self, end, on_crossing):
        cycle = self.cycle
        cycle[0] = self.mark
        cycle[1] = length = end - self.mark
        for phase in range(3):
            cycle[3] = phase * resample.WORDS
            resample.add_cycle(self.buf, phase * self.room, (phase + 3) * self.room, cycle, self.table, self.sums)
        if on_crossing and self.on_crossing and self.shortest <= length <= self.longest:
            self.period = length
        else:
            self.regular = False
        self.on_crossing = on_crossing
        self.mark = end
        self.count += 1
        if self.count == self.cycles:
            self._close(end, on_crossing)

    def _close(self, end, on_crossing):
        self.end = end
        self.locked = self.regular
        self.clipped = self._clips
        self._clips = 0
        self.on_window(self)
        self._open(end, on_crossing)
