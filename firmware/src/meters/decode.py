"""Register words to integers in the scales of the field table. No float on the way: float32 values are taken apart bit by bit, so that
a chip with 32-bit floats publishes what the meter sent (and an energy of 123456789 Wh does not become 123456792)."""

from core.integers import nearest


def is_register(key):
    """Whether a key is a counter: read as it stands, never averaged."""
    return key[0] == "e"


def words(data, at, count, low_first):
    """The unsigned integer of ``count`` 16-bit words from byte ``at``; ``low_first`` for meters that send the low word first."""
    n = 0
    for k in range(count):
        j = at + 2 * (count - 1 - k if low_first else k)
        n = n << 16 | data[j] << 8 | data[j + 1]
    return n


def scaled(raw, count, kind, num, den):
    """``raw`` (from `words`) times num/den, to the nearest integer; None for a float that is no number. ``kind``: u, i or f."""
    if kind == "f":
        return _float32(raw, num, den)
    if kind == "i" and raw >> (16 * count - 1):
        raw -= 1 << (16 * count)
    return nearest(raw * num, den)


def _float32(bits, num, den):
    exponent = bits >> 23 & 0xFF
    if exponent == 0xFF:  # NaN or infinity: not available
        return None
    mantissa = bits & 0x7FFFFF
    if exponent:
        mantissa |= 0x800000
    else:
        exponent = 1
    if bits >> 31:
        mantissa = -mantissa
    if exponent >= 150:
        return nearest((mantissa << (exponent - 150)) * num, den)
    return nearest(mantissa * num, den << (150 - exponent))
