"""Four-point cubic resampling of one mains cycle of a phase's voltage and current to whole points, and the sums over them.

Points: ``2**shift`` a cycle, point k at ``start + (k * length >> shift)`` (1/65536 samples). A window that is not a whole number of
sampled cycles leaks (an unsynchronised 10-cycle DFT is 1.3 % wrong at 49.5 Hz); on these points every sum is over whole cycles.
Interpolation is Lagrange's cubic through the four neighbours, weights in 1/16384: w0 = -f(f-1)(f-2)/6 and w3 = (f^3-f)/6, the inner two
from "constants and straight lines are reproduced exactly".

No sum may pass 31 bits on a 32-bit machine, where overflow is silent. Bounds: |u| <= 1.25 * 32768 (overshoot), so u*u < 2^30.7: squares
are added as low 16 bits and the rest, in two words. u*cos < 2^27.4, added in steps of 256 (rounded): 12 cycles of 128 stay below 2^30.
"""

from array import array
from math import cos, pi, sin

WORDS = 12
"""Words of one phase's sums: Σu Σi, low and high words of Σuu Σii Σui, then ΣUc ΣUs ΣIc ΣIs in steps of 256."""

TABLE_ONE = 4096
"""Amplitude of the cosine table."""

PHASOR_ONE = TABLE_ONE // 256
"""What the last four sums are multiplied by."""


def table(shift):
    """Cosine, then sine, of 2**shift points a cycle, offset by 32768."""
    points = 1 << shift
    waves = array("H", bytes(4 * points))
    for k in range(points):
        angle = 2 * pi * k / points
        waves[k] = 32768 + round(TABLE_ONE * cos(angle))
        waves[points + k] = 32768 + round(TABLE_ONE * sin(angle))
    return waves


@micropython.viper
def wipe(out: ptr32, n: int):
    """Set ``n`` words to zero."""
    k = 0
    while k < n:
        out[k] = 0
        k += 1


@micropython.viper
def add_cycle(buf: ptr16, at_u: int, at_i: int, cycle: ptr32, table: ptr16, out: ptr32):
    """Add one cycle of one phase to its sums; ``cycle`` is [start, length, shift, first word of ``out``]."""
    start = cycle[0]
    length = cycle[1]
    shift = cycle[2]
    points = 1 << shift
    su = 0
    si = 0
    uu0 = 0
    uu1 = 0
    ii0 = 0
    ii1 = 0
    ui0 = 0
    ui1 = 0
    uc = 0
    us = 0
    ic = 0
    is_ = 0
    k = 0
    while k < points:
        pos = start + (k * length >> shift)
        f = (pos & 0xFFFF) >> 2
        f2 = f * f >> 14
        f3 = f2 * f >> 14
        w0 = (3 * f2 - f3 - 2 * f) * 10923 >> 16
        w3 = (f3 - f) * 10923 >> 16
        w2 = f + w0 - 2 * w3
        w1 = 16384 - w0 - w2 - w3
        j = at_u + (pos >> 16)
        u = (w0 * buf[j - 1] + w1 * buf[j] + w2 * buf[j + 1] + w3 * buf[j + 2] + 8192 >> 14) - 32768
        j = at_i + (pos >> 16)
        i = (w0 * buf[j - 1] + w1 * buf[j] + w2 * buf[j + 1] + w3 * buf[j + 2] + 8192 >> 14) - 32768
        su += u
        si += i
        x = u * u
        uu0 += x & 0xFFFF
        uu1 += x >> 16
        x = i * i
        ii0 += x & 0xFFFF
        ii1 += x >> 16
        x = u * i
        ui0 += x & 0xFFFF
        ui1 += x >> 16
        x = table[k] - 32768
        uc += u * x + 128 >> 8
        ic += i * x + 128 >> 8
        x = table[points + k] - 32768
        us += u * x + 128 >> 8
        is_ += i * x + 128 >> 8
        k += 1
    k = cycle[3]
    out[k] += su
    out[k + 1] += si
    out[k + 2] += uu0
    out[k + 3] += uu1
    out[k + 4] += ii0
    out[k + 5] += ii1
    out[k + 6] += ui0
    out[k + 7] += ui1
    out[k + 8] += uc
    out[k + 9] += us
    out[k + 10] += ic
    out[k + 11] += is_
