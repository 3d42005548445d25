"""Integer arithmetic that floats would spoil. Runs on MicroPython and CPython."""


def nearest(a, b):
    """a / b for b > 0, to the nearest integer, halves away from zero."""
    return (2 * a + b) // (2 * b) if a >= 0 else -((b - 2 * a) // (2 * b))


def isqrt(n):
    """The integer square root (Newton's method; exact at any size, unlike a float's); 0 for n <= 0."""
    if n <= 0:
        return 0
    x = 1
    while x * x <= n:
        x <<= 8
    while True:
        y = (x + n // x) >> 1
        if y >= x:
            return x
        x = y


def root(n, d):
    """sqrt(n / d) to the nearest integer."""
    return (isqrt(4 * n // d) + 1) // 2
