"""From a window's integer sums to powers in integers.

DC is taken out by using covariances: over whole cycles mean(x) is the offset of converter and amplifier exactly, P = mean(u i) -
mean(u) mean(i), and no filter has to settle. (A current transformer passes no DC, so nothing real is lost.)

Q1 is the fundamental reactive power after IEEE 1459: U1 I1 sin(phi_u - phi_i), positive when the current lags. S of a window is U I
of its rms values. Everything that will be summed is an integer; S alone passes through a square root in the board's float, whose
2^-24 stays in that one window.
"""

from math import sqrt

from .resample import PHASOR_ONE, WORDS

PER_MILLI = 1_000_000_000
"""1 uV * 1 uA is 1e-12 VA: so many make a milli-voltampere."""


class Powers:
    """Three phases of one window: ``p_mw``, ``q_mvar``, ``s_mva`` (primary milliwatts …), ``uu``, ``ii`` (mean squares, codes squared
    times ``points`` squared). ``u_uv``, ``i_ua``: primary microvolts and microamperes per code; ``points``: points of a window."""

    def __init__(self, u_uv, i_ua, points):
        self.points = points
        self.u_uv = u_uv
        self.i_ua = i_ua
        self.p_mw = [0, 0, 0]
        self.q_mvar = [0, 0, 0]
        self.s_mva = [0, 0, 0]
        self.uu = [0, 0, 0]
        self.ii = [0, 0, 0]
        self._per_code = u_uv * i_ua
        self._codes = points * points * PER_MILLI

    def take(self, sums):
        """Replace the values by those of a window's sums (`window.Windower.sums`)."""
        n = self.points
        for phase in range(3):
            at = phase * WORDS
            su = sums[at]
            si = sums[at + 1]
            uu = n * _word(sums, at + 2) - su * su
            ii = n * _word(sums, at + 4) - si * si
            ui = n * _word(sums, at + 6) - su * si
            quadrature = sums[at + 8] * sums[at + 11] - sums[at + 9] * sums[at + 10]
            self.uu[phase] = uu
            self.ii[phase] = ii
            self.p_mw[phase] = self._milli(ui)
            self.q_mvar[phase] = self._milli(2 * quadrature // (PHASOR_ONE * PHASOR_ONE))
            self.s_mva[phase] = self._milli(int(sqrt(uu) * sqrt(ii)))

    def _milli(self, product):
        return (product * self._per_code + self._codes // 2) // self._codes


def _word(sums, at):
    """A sum kept as two words."""
    return (sums[at + 1] << 16) + sums[at]
