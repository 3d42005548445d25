"""ECDSA on P-256 (FIPS 186-4) with deterministic nonces (RFC 6979, HMAC-SHA-256), in plain MicroPython integers.

Points are Jacobian: (X, Y, Z) stands for x = X/Z², y = Y/Z³; None is the point at infinity. Formulas: dbl-2001-b for a = -3, and
addition of a point in affine coordinates (Hankerson, Menezes, Vanstone: Guide to Elliptic Curve Cryptography, 3.2). Scalars run in
non-adjacent form.

A signature takes some tenths of a second on the chip, so whoever asks for one passes ``pause``, an async function that lets others run.
The running time depends on the key: someone who can measure the board's current at the bench could learn it (a secure element cannot).
"""

from gwire.envelope import Hmac

P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
GX = 0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296
GY = 0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5
_STEPS = 16
"""Doublings between two pauses."""


def _int(data):
    return int.from_bytes(data, "big")


def _bytes(x):
    return x.to_bytes(32, "big")


def _double(point):
    if point is None:
        return None
    x, y, z = point
    delta = z * z % P
    gamma = y * y % P
    beta = x * gamma % P
    alpha = 3 * (x - delta) * (x + delta) % P
    x3 = (alpha * alpha - 8 * beta) % P
    z3 = ((y + z) * (y + z) - gamma - delta) % P
    return x3, (alpha * (4 * beta - x3) - 8 * gamma * gamma) % P, z3


def _add(point, x2, y2):
    """``point`` plus the affine point (x2, y2)."""
    if point is None:
        return x2, y2, 1
    x1, y1, z1 = point
    zz = z1 * z1 % P
    h = (x2 * zz - x1) % P
    r = (y2 * zz * z1 - y1) % P
    if h == 0:
        return _double(point) if r == 0 else None
    hh = h * h % P
    hhh = h * hh % P
    v = x1 * hh % P
    x3 = (r * r - hhh - 2 * v) % P
    return x3, (r * (v - x3) - y1 * hhh) % P, z1 * h % P


def _affine(point):
    x, y, z = point
    inverse = pow(z, P - 2, P)
    square = inverse * inverse % P
    return x * square % P, y * square * inverse % P


async def _combine(terms, pause):
    """The sum of ``k · (x, y)`` over ``terms`` of ``(k, x, y)``, in affine coordinates, or None at infinity.

    Digit i of the non-adjacent form of k is bit i+1 of 3k minus bit i+1 of k (Reitwiesner).
    """
    point = None
    for i in range(257, 0, -1):
        point = _double(point)
        for k, x, y in terms:
            digit = (3 * k >> i & 1) - (k >> i & 1)
            if digit:
                point = _add(point, x, y if digit > 0 else P - y)
        if i % _STEPS == 0:
            await pause()
    return None if point is None else _affine(point)


def _nonces(key, digest):
    """Candidates for k after RFC 6979, 3.2; hash and order both have 256 bits, so bits2octets is one reduction."""
    seed = _bytes(key) + _bytes(_int(digest) % N)
    v = b"\1" * 32
    k = b"\0" * 32
    for mark in (b"\0", b"\1"):
        k = Hmac(k).digest(v + mark + seed)
        v = Hmac(k).digest(v)
    while True:
        v = Hmac(k).digest(v)
        candidate = _int(v)
        if 0 < candidate < N:
            yield candidate
        k = Hmac(k).digest(v + b"\0")
        v = Hmac(k).digest(v)


async def _no_pause():
    pass


async def sign(key, digest, pause=_no_pause):
    """Signature (r then s, 64 bytes) over a 32-byte SHA-256 ``digest`` under the private integer ``key``."""
    for k in _nonces(key, digest):
        x, _ = await _combine(((k, GX, GY),), pause)
        r = x % N
        s = pow(k, N - 2, N) * (_int(digest) + r * key) % N
        if r and s:
            return _bytes(r) + _bytes(s)


async def verify(public, digest, signature, pause=_no_pause):
    """Whether ``signature`` (64 bytes) over ``digest`` was made with the private half of ``public`` (65 bytes, 04 x y)."""
    if len(signature) != 64 or not is_public(public):
        return False
    r = _int(signature[:32])
    s = _int(signature[32:])
    if not (0 < r < N and 0 < s < N):
        return False
    w = pow(s, N - 2, N)
    terms = ((_int(digest) * w % N, GX, GY), (r * w % N, _int(public[1:33]), _int(public[33:])))
    point = await _combine(terms, pause)
    return point is not None and point[0] % N == r


def is_public(public):
    """Whether 65 bytes are an uncompressed point of the curve."""
    if len(public) != 65 or public[0] != 4:
        return False
    x = _int(public[1:33])
    y = _int(public[33:])
    return x < P and y < P and (y * y - x * x * x + 3 * x - B) % P == 0


def new_key(random):
    """A private key from ``random(n) -> bytes``; values outside 1 … N-1 are thrown away, not folded, so that all are equally likely."""
    while True:
        key = _int(random(32))
        if 0 < key < N:
            return key


async def public_of(key, pause=_no_pause):
    """The public point of a private key, uncompressed: 65 bytes."""
    x, y = await _combine(((key, GX, GY),), pause)
    return b"\4" + _bytes(x) + _bytes(y)


def finish(work):
    """Run an async function of this module to its end where nothing else waits (setup, tests)."""
    try:
        while True:
            work.send(None)
    except StopIteration as end:
        return end.value


_SPKI_HEAD = b"0Y0\x13\x06\x07*\x86H\xce=\x02\x01\x06\x08*\x86H\xce=\x03\x01\x07\x03B\0"


def spki_der(public):
    """SubjectPublicKeyInfo of an uncompressed P-256 point (RFC 5480): 91 bytes, what fingerprints are made over."""
    return _SPKI_HEAD + public
