"""Mains zero crossings: a one-cycle filter in integers and the search for its upward crossings.

The filter is the last half cycle's sum less that of the half cycle before (a square-wave correlator): exact in integers, no drift,
nothing of a DC offset passes, even harmonics cancel, the h-th odd harmonic is weakened by h against the fundamental. Its delay is
the same at every crossing, so it moves windows as a whole and does not change their length.

Samples are offset binary (code + 32768, uint16); positions are in 1/65536 of a sample. On 32-bit machines viper integers have
32 bits: the filter stays below 2^23, and a shifted numerator below 2^31.
"""

ONE = 65536
"""One sample, as positions count."""


@micropython.viper
def prime(buf: ptr16, at: int, half: int) -> int:
    """The filter's value once ``2 * half`` samples from ``at`` have gone in."""
    d = 0
    i = 0
    while i < half:
        d += buf[at + half + i] - buf[at + i]
        i += 1
    return d


@micropython.viper
def search(buf: ptr16, first: int, end: int, half: int, state: ptr32, out: ptr32) -> int:
    """Run the filter over samples ``first`` to ``end - 1``; upward crossings go to ``out``, their number is returned.

    ``state`` is [filter, armed, floor]: a crossing counts only after the filter was below ``-floor``, so that noise around zero
    or a dead line makes none. ``out`` must hold one crossing per two samples at worst; in practice one per cycle.
    """
    sign = 1
    sign <<= 31
    d = (state[0] ^ sign) - sign  # a ptr32 load is not sign-extended on 64-bit machines
    armed = state[1]
    floor = state[2]
    n = 0
    i = first
    while i < end:
        before = d
        d += buf[i] - 2 * buf[i - half] + buf[i - 2 * half]
        if armed:
            if d >= 0:
                rise = d - before
                below = 0 - before
                while rise > 0x1FFFF:
                    rise >>= 1
                    below >>= 1
                out[n] = ((i - 1) << 16) + ((below << 13) // rise << 3)
                n += 1
                armed = 0
        elif d + floor < 0:
            armed = 1
        i += 1
    state[0] = d
    state[1] = armed
    return n
