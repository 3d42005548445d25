"""Polls of a meter aggregated between UTC multiples of ``interval_s``.

A poll taken at a boundary belongs to the interval that ends there, so the registers of a record are those of its end. Powers are means
of the polls, U and I the root of the mean square, registers the last ones read. *coverage* is the share of the polls that gave values;
*partial* below 950 per mille; *stale* when the meter did not answer a poll; *foreign* always: the registers are not ours.
"""

from core.integers import nearest, root
from core.interval import PARTIAL_BELOW_PM, Q_FOREIGN, Q_PARTIAL, Q_STALE

from .decode import is_register


class MeterInterval:
    """Calls ``on_interval(ts_ms, dur_ms, q, m)`` for every interval that had at least one poll, answered or not."""

    def __init__(self, interval_s, period_s, on_interval):
        self.len_ms = interval_s * 1000
        self.expected = max(1, interval_s // period_s)
        self.on_interval = on_interval
        self.start_ms = None
        self.registers = {}

    def add(self, at_ms, values):
        """A poll due at ``at_ms``: its values by field key, or None when the meter gave none."""
        start_ms = (at_ms - 1) // self.len_ms * self.len_ms
        if start_ms != self.start_ms:
            self.close()
            self._open(start_ms)
        if values is None:
            self.missed += 1
        else:
            self._take(values)
        if at_ms == start_ms + self.len_ms:
            self.close()

    def close(self):
        """Report what there is of the running interval, if there is any."""
        if self.start_ms is None:
            return
        start_ms, self.start_ms = self.start_ms, None
        coverage_pm = min(1000, self.answered * 1000 // self.expected)
        q = Q_FOREIGN | (Q_PARTIAL if coverage_pm < PARTIAL_BELOW_PM else 0) | (Q_STALE if self.missed else 0)
        self.on_interval(start_ms, self.len_ms, q, self._fields(coverage_pm))

    def _open(self, start_ms):
        self.start_ms = start_ms
        self.answered = self.missed = 0
        self.sums = {}
        self.counts = {}

    def _take(self, values):
        self.answered += 1
        for key, value in values.items():
            if is_register(key):
                self.registers[key] = value
            else:
                self.sums[key] = self.sums.get(key, 0) + (value * value if _is_rms(key) else value)
                self.counts[key] = self.counts.get(key, 0) + 1

    def _fields(self, coverage_pm):
        m = {"coverage_pm": coverage_pm}
        for key, total in self.sums.items():
            n = self.counts[key]
            m[key] = root(total, n) if _is_rms(key) else nearest(total, n)
        if "pf" not in m and "p_w" in m and m.get("s_va"):
            m["pf"] = max(-10000, min(10000, nearest(m["p_w"] * 10000, m["s_va"])))
        if self.answered:
            m.update(self.registers)
        return m


def _is_rms(key):
    return key[0] in "ui"
