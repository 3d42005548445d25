"""The envelope: a body, which is a JSON object without its closing brace, and a suffix that signs exactly those bytes.

MAC form  ``body + ,"mac":"<32 hex>"}``   42 bytes, HMAC-SHA-256 cut to 16 bytes (RFC 2104, RFC 4231)
seal form ``body + ,"sig":"<128 hex>"}`` 138 bytes, ECDSA P-256 over SHA-256(body), r then s big-endian (FIPS 186-4)

Bytes are signed, not values, so nobody ever needs canonical JSON.
"""

import hashlib
from binascii import hexlify, unhexlify

from .errors import WireError

MIN_BYTES = 64
MAX_BYTES = 4096
MAC = "mac"
SEAL = "seal"
_MAC_HEAD = b',"mac":"'
_SIG_HEAD = b',"sig":"'
_TAIL = b'"}'
MAC_SUFFIX = len(_MAC_HEAD) + 32 + len(_TAIL)
SIG_SUFFIX = len(_SIG_HEAD) + 128 + len(_TAIL)
_HEX = b"0123456789abcdef"
SEALED_TYPES = ("seal", "checkpoint")
"""Record types that have the seal form; every other type has the MAC form."""


def sha256(data: bytes) -> bytes:
    """SHA-256, 32 bytes."""
    digest: bytes = hashlib.sha256(data).digest()
    return digest


def sha256_hex(data: bytes) -> str:
    """SHA-256 as 64 lower-case hex digits."""
    return hexlify(hashlib.sha256(data).digest()).decode()


def _xor(key: bytes, pad: int) -> bytes:
    return bytes(b ^ pad for b in key)


class Hmac:
    """HMAC-SHA-256 with its pads made once (MicroPython has no hmac module, and its hashes have no ``copy()``)."""

    def __init__(self, key: bytes):
        if len(key) > 64:
            key = sha256(key)
        key = key + b"\0" * (64 - len(key))
        self._inner = _xor(key, 0x36)
        self._outer = _xor(key, 0x5C)

    def digest(self, data: bytes) -> bytes:
        """The full 32-byte tag of ``data``."""
        inner = hashlib.sha256(self._inner)
        inner.update(data)
        outer = hashlib.sha256(self._outer)
        outer.update(inner.digest())
        tag: bytes = outer.digest()
        return tag

    def mac(self, body: bytes) -> bytes:
        """The first 16 bytes of the tag, as the MAC form carries them."""
        return self.digest(body)[:16]


def key_up(secret: bytes) -> bytes:
    """K_up, for records of the device, from the claim's 32 random bytes K."""
    return Hmac(secret).digest(b"gw-env/1 up")


def key_down(secret: bytes) -> bytes:
    """K_down, for messages of the gateway, from the claim's 32 random bytes K."""
    return Hmac(secret).digest(b"gw-env/1 down")


def with_mac(body: bytes, hmac: Hmac) -> bytes:
    """The complete payload in MAC form."""
    return _fits(b"".join((body, _MAC_HEAD, hexlify(hmac.mac(body)), _TAIL)))  # one allocation: a board has little room


def with_signature(body: bytes, signature: bytes) -> bytes:
    """The complete payload in seal form; ``signature`` is r then s, 64 bytes."""
    if len(signature) != 64:
        raise WireError("bad_form", "a signature has 64 bytes, not %d" % len(signature))
    return _fits(b"".join((body, _SIG_HEAD, hexlify(signature), _TAIL)))


def split(payload: bytes) -> "tuple[str, bytes, bytes]":
    """``(form, body, tag)`` of a payload, by its literal bytes only; raises WireError ``bad_form``.

    ``form`` is MAC or SEAL, ``tag`` the 16 or 64 raw bytes. Whether the tag is right, and whether the form suits the
    record's type, is checked after it: see `same_tag` and `check_form`.
    """
    _fits(payload)
    if payload[:1] != b"{" or b"\n" in payload or b"\r" in payload:
        raise WireError("bad_form", "a payload is one JSON object in one line")
    for form, head, size in ((MAC, _MAC_HEAD, MAC_SUFFIX), (SEAL, _SIG_HEAD, SIG_SUFFIX)):
        suffix = payload[-size:]
        if suffix.startswith(head) and suffix.endswith(_TAIL):
            digits = suffix[len(head) : -len(_TAIL)]
            if all(c in _HEX for c in digits):
                return form, payload[:-size], unhexlify(digits)
    raise WireError("bad_form", "the payload ends neither in a mac nor in a sig of the right length")


def check_form(form: str, record_type: str) -> None:
    """Raise WireError unless ``form`` is the one that the contract gives to this type of record."""
    if (form == SEAL) != (record_type in SEALED_TYPES):
        raise WireError("bad_form", "a %s record has the %s form" % (record_type, SEAL if record_type in SEALED_TYPES else MAC))


def same_tag(a: bytes, b: bytes) -> bool:
    """Compare two tags in a time that does not depend on where they differ."""
    if len(a) != len(b):
        return False
    difference = 0
    for x, y in zip(a, b):
        difference |= x ^ y
    return difference == 0


def open_mac(payload: bytes, hmac: Hmac) -> bytes:
    """The body of a payload in MAC form whose tag is right; raises WireError ``bad_form`` or ``bad_mac``."""
    form, body, tag = split(payload)
    if form != MAC:
        raise WireError("bad_form", "this payload has no mac")
    if not same_tag(tag, hmac.mac(body)):
        raise WireError("bad_mac", "the mac does not fit the bytes")
    return body


def _fits(payload: bytes) -> bytes:
    if not MIN_BYTES <= len(payload) <= MAX_BYTES:
        raise WireError("bad_size", "a payload has %d to %d bytes, not %d" % (MIN_BYTES, MAX_BYTES, len(payload)))
    return payload
