"""RFC 6979, appendix A.2.5 (P-256, SHA-256), the same on CPython and on the board, and crossed with another implementation."""

import hashlib

import pytest
from core import p256
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

KEY = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
PUBLIC = (
    "0460FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB67903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299"
)
VECTORS = {
    b"sample": "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
    "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
    b"test": "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367"
    "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083",
}


def digest(message: bytes) -> bytes:
    return hashlib.sha256(message).digest()


def test_public_key_of_the_vector() -> None:
    assert p256.finish(p256.public_of(KEY)).hex().upper() == PUBLIC


@pytest.mark.parametrize("message", VECTORS)
def test_vector(message: bytes) -> None:
    assert p256.finish(p256.sign(KEY, digest(message))).hex().upper() == VECTORS[message]


def test_vectors_on_the_board_within_the_chips_heap(run_on_board) -> None:
    code = f"""
from core import p256
import hashlib, binascii, gc
pauses = 0
async def pause():
    global pauses
    pauses += 1
public = p256.finish(p256.public_of({KEY}))
print(binascii.hexlify(public).decode())
for message in ({b"sample"!r}, {b"test"!r}):
    digest = hashlib.sha256(message).digest()
    signature = p256.finish(p256.sign({KEY}, digest, pause))
    print(binascii.hexlify(signature).decode(), p256.finish(p256.verify(public, digest, signature)))
    print(p256.finish(p256.verify(public, digest[1:] + digest[:1], signature)))
print(pauses)
"""
    lines = run_on_board(code).upper().split("\n")
    expected = [PUBLIC]
    for signature in VECTORS.values():
        expected += [f"{signature} TRUE", "FALSE"]
    assert lines[:5] == expected
    assert int(lines[5]) >= 2 * 15  # others get to run many times within one signature


def test_against_another_implementation() -> None:
    for i in range(20):
        private = ec.generate_private_key(ec.SECP256R1())
        key = private.private_numbers().private_value
        public = private.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        message = b"message %d" % i
        assert p256.finish(p256.public_of(key)) == public
        ours = p256.finish(p256.sign(key, digest(message)))
        der = utils.encode_dss_signature(int.from_bytes(ours[:32], "big"), int.from_bytes(ours[32:], "big"))
        private.public_key().verify(der, message, ec.ECDSA(hashes.SHA256()))
        with pytest.raises(InvalidSignature):
            private.public_key().verify(der, message + b"!", ec.ECDSA(hashes.SHA256()))
        r, s = utils.decode_dss_signature(private.sign(message, ec.ECDSA(hashes.SHA256())))
        theirs = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        assert p256.finish(p256.verify(public, digest(message), theirs))
        assert not p256.finish(p256.verify(public, digest(message + b"!"), theirs))


@pytest.mark.parametrize("key", [1, 2, 3, p256.N - 1, p256.N - 2, 1 << 255])
def test_keys_at_the_edges(key: int) -> None:
    numbers = ec.derive_private_key(key, ec.SECP256R1()).public_key().public_numbers()
    assert p256.finish(p256.public_of(key)) == b"\4" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


def test_what_is_no_signature_or_no_key() -> None:
    public, message = bytes.fromhex(PUBLIC), digest(b"sample")
    good = bytes.fromhex(VECTORS[b"sample"])
    zero, order = bytes(32), p256.N.to_bytes(32, "big")
    for bad in (good[:-1], zero + good[32:], good[:32] + zero, order + good[32:], good[:32] + order, b""):
        assert not p256.finish(p256.verify(public, message, bad))
    for key in (public[:-1], b"\2" + public[1:], public[:-1] + b"\0", b"\4" + bytes(64)):
        assert not p256.finish(p256.verify(key, message, good))


def test_new_key_throws_away_what_is_too_large() -> None:
    values = [bytes(32), b"\xff" * 32, p256.N.to_bytes(32, "big"), (7).to_bytes(32, "big")]
    assert p256.new_key(lambda n: values.pop(0)) == 7


def test_spki_is_what_others_read() -> None:
    loaded = serialization.load_der_public_key(p256.spki_der(bytes.fromhex(PUBLIC)))
    assert loaded.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint).hex().upper() == PUBLIC
