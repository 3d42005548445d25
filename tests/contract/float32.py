"""A float that rounds to 32 bits after every operation, as MicroPython's floats on the ESP32 do."""

import struct


def rounded(value: float) -> float:
    """The nearest 32-bit float."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


class F32(float):
    """Arithmetic with 32-bit results."""

    def __new__(cls, value: float) -> "F32":
        return super().__new__(cls, rounded(value))

    def __mul__(self, other: float) -> "F32":
        return F32(float(self) * rounded(other))

    def __add__(self, other: float) -> "F32":
        return F32(float(self) + rounded(other))

    def __rsub__(self, other: float) -> "F32":
        return F32(rounded(other) - float(self))
