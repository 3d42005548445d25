"""The seal form holds what ECDSA P-256 with deterministic k makes (RFC 6979, A.2.5; the message is "sample")."""

import hashlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from gwire import envelope

PRIVATE = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
R = 0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716
S = 0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8


def test_rfc6979_vector() -> None:
    key = ec.derive_private_key(PRIVATE, ec.SECP256R1())
    assert decode_dss_signature(key.sign(b"sample", ec.ECDSA(hashes.SHA256(), deterministic_signing=True))) == (R, S)


def test_a_seal_is_the_signature_over_the_body() -> None:
    key = ec.derive_private_key(PRIVATE, ec.SECP256R1())
    body = b'{"v":1,"t":"seal","dev":"gw-0001","boot":1,"seq":1' + b" " * 20
    r, s = decode_dss_signature(key.sign(body, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))
    payload = envelope.with_signature(body, r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    form, got, tag = envelope.split(payload)
    assert (form, got) == (envelope.SEAL, body)
    signature = encode_dss_signature(int.from_bytes(tag[:32], "big"), int.from_bytes(tag[32:], "big"))
    key.public_key().verify(signature, got, ec.ECDSA(hashes.SHA256()))
    assert hashlib.sha256(got).digest() == envelope.sha256(body)
