"""A point measured by the board itself: samples to windows to intervals."""

from core.energy import Energy
from core.interval import Q_CLOCK, Q_GAPPED, Interval
from core.power import Powers
from core.window import ONE, SHIFT, Windower

USUAL_RATE_HZ = 3200
USUAL_F_HZ = 50
CHANNELS = ["u_l1", "u_l2", "u_l3", "i_l1", "i_l2", "i_l3"]
SYNCHRONISED = 2
"""Clock quality from which a record's time counts as synchronised."""


class SamplePoint:
    """Three voltages and three currents, sampled simultaneously (``board.samples``)."""

    def __init__(self, board, pt, interval_s):
        self.pt = pt
        self._board = board
        self._interval_s = interval_s
        self._energy = Energy()
        self._windower = Windower(USUAL_RATE_HZ, USUAL_F_HZ, self._window)  # now, while memory is in one piece

    def registers(self):
        """Energy registers by field key."""
        return self._energy.registers()

    def restore(self, totals):
        """Go on from the registers of the last record that survived."""
        self._energy.restore(totals)

    async def run(self, emit):
        """Measure until the source ends."""
        samples = self._board.samples
        self._begin(await samples.open(), emit)
        while await samples.next():
            self._windower.feed(samples.block, samples.at, samples.first, samples.n)
            await samples.done()
        self._interval.close()

    def _begin(self, header, emit):
        if header["channels"] != CHANNELS:
            raise ValueError("point %s needs the channels %s, the source has %s" % (self.pt, CHANNELS, header["channels"]))
        self._emit = emit
        self._origin_us = header["start_ms"] * 1000
        self._positions_per_s = header["rate_hz"] * ONE
        rate_hz, f_nominal_hz = header["rate_hz"], header["f_nominal_hz"]
        if (rate_hz, f_nominal_hz) != (self._windower.rate_hz, self._windower.f_nominal_hz):
            self._windower = None
            self._windower = Windower(rate_hz, f_nominal_hz, self._window)
        self._powers = Powers(header["u_uv_per_code"], header["i_ua_per_code"], self._windower.cycles << SHIFT)
        self._interval = Interval(self._interval_s, self._powers, self._energy, self._report)

    def _window(self, w):
        base = w.base * ONE
        self._powers.take(w.sums)
        self._interval.add(self._utc_us(base + w.start), self._utc_us(base + w.end), w.cycles, w.locked, w.clipped)

    def _utc_us(self, position):
        return self._origin_us + position * 1_000_000 // self._positions_per_s

    def _report(self, ts_ms, dur_ms, q, m):
        if self._board.samples.gapped:
            q |= Q_GAPPED
        if self._board.clock.quality < SYNCHRONISED:
            q |= Q_CLOCK
        self._emit(self.pt, ts_ms, dur_ms, "power", q, m)
