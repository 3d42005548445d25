"""Intervals: windows aggregated between UTC multiples of ``interval_s``, in integers.

A window that straddles a boundary is divided there in proportion to time, so that every interval has its exact length and the
energy registers are those of the boundary. Means are weighted with time; rms values are the square root of the mean square
(IEC 61000-4-30); apparent power is the mean of the windows' U I; PF = P / S with the sign of P.

Quality: *partial* below 950 per mille of coverage (a board that starts or ends inside an interval reports it so), *clipped* for any
sample at the end of the range, *unlocked* when more than 1 % of the time was in windows that the mains did not close.
"""

from .integers import nearest, root

# Bits of the quality word that measuring sets (gwire.fields.QUALITY; a test holds the two together).
Q_PARTIAL = 1
Q_GAPPED = 2
Q_CLOCK = 4
Q_CLIPPED = 16
Q_UNLOCKED = 64
Q_FOREIGN = 128
Q_STALE = 256

PARTIAL_BELOW_PM = 950
UNLOCKED_ABOVE_PM = 10

PHASES = ("l1", "l2", "l3")


class Interval:
    """Adds windows up; calls ``on_interval(ts_ms, dur_ms, q, m)`` when one is complete. ``energy`` is counted along."""

    def __init__(self, interval_s, powers, energy, on_interval):
        self.len_us = interval_s * 1_000_000
        self.powers = powers
        self.energy = energy
        self.on_interval = on_interval
        self.start_us = None

    def add(self, start_us, end_us, cycles, locked, clipped):
        """Add the window that ``powers`` holds, from ``start_us`` to ``end_us`` (UTC microseconds)."""
        if self.start_us is not None and start_us >= self.start_us + self.len_us:
            self.close()
        at = start_us
        while True:
            if self.start_us is None:
                self._open(at)
            until = min(end_us, self.start_us + self.len_us)
            self._count(until - at, locked, clipped)
            if until == end_us:
                break
            self.close()
            at = until
        self.windows += 1
        if locked:
            self.cycles += cycles
            self.cycles_us += end_us - start_us
        if end_us == self.start_us + self.len_us:
            self.close()

    def close(self):
        """Report what there is of the running interval, if there is any."""
        if self.start_us is None:
            return
        start_us, self.start_us = self.start_us, None
        if self.covered_us:
            self.on_interval(start_us // 1000, self.len_us // 1000, self._quality(), self._fields())

    def _open(self, at_us):
        self.start_us = at_us - at_us % self.len_us
        self.covered_us = self.unlocked_us = self.cycles_us = 0
        self.windows = self.cycles = self.clipped = 0
        self.p = [0, 0, 0]
        self.q = [0, 0, 0]
        self.s = [0, 0, 0]
        self.uu = [0, 0, 0]
        self.ii = [0, 0, 0]
        self.p_min = self.p_max = None

    def _count(self, dt_us, locked, clipped):
        w = self.powers
        for k in range(3):
            self.p[k] += w.p_mw[k] * dt_us
            self.q[k] += w.q_mvar[k] * dt_us
            self.s[k] += w.s_mva[k] * dt_us
            self.uu[k] += w.uu[k] * dt_us
            self.ii[k] += w.ii[k] * dt_us
        p_mw = sum(w.p_mw)
        if self.p_min is None or p_mw < self.p_min:
            self.p_min = p_mw
        if self.p_max is None or p_mw > self.p_max:
            self.p_max = p_mw
        self.covered_us += dt_us
        self.clipped += clipped
        if not locked:
            self.unlocked_us += dt_us
        self.energy.add(p_mw, sum(w.q_mvar), dt_us)

    def _coverage_pm(self):
        return self.covered_us * 1000 // self.len_us

    def _quality(self):
        q = Q_PARTIAL if self._coverage_pm() < PARTIAL_BELOW_PM else 0
        if self.clipped:
            q |= Q_CLIPPED
        if self.unlocked_us * 1000 > UNLOCKED_ABOVE_PM * self.covered_us:
            q |= Q_UNLOCKED
        return q

    def _fields(self):
        """The members of group ``power``, integers in the scales of the field table."""
        tenth = 100 * self.covered_us  # from milliwatt-microseconds to a mean in tenths of a watt
        p = sum(self.p)
        s = sum(self.s)
        m = {
            "p_w": nearest(p, tenth),
            "q_var": nearest(sum(self.q), tenth),
            "s_va": nearest(s, tenth),
            "p_min_w": nearest(self.p_min, 100),
            "p_max_w": nearest(self.p_max, 100),
            "windows": self.windows,
            "coverage_pm": self._coverage_pm(),
        }
        if s:
            m["pf"] = max(-10000, min(10000, nearest(p * 10000, s)))
        if self.cycles_us:
            m["f_hz"] = nearest(self.cycles * 1_000_000_000, self.cycles_us)
        for k, phase in enumerate(PHASES):
            m["p_%s_w" % phase] = nearest(self.p[k], tenth)
            m["q_%s_var" % phase] = nearest(self.q[k], tenth)
            m["s_%s_va" % phase] = nearest(self.s[k], tenth)
            m["u_%s_v" % phase] = self._rms(self.uu[k], self.powers.u_uv, 10_000)
            m["i_%s_a" % phase] = self._rms(self.ii[k], self.powers.i_ua, 1000)
        m.update(self.energy.registers())
        return m

    def _rms(self, squares, per_code, step):
        """The root of the mean square, in steps of ``step`` micro-units."""
        n = self.powers.points
        return root(squares * per_code * per_code, self.covered_us * n * n * step * step)
