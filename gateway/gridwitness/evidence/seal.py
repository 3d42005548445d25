"""Device seal keys: P-256 points, their public form and fingerprint, and checking a seal's signature."""

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from gwire import envelope
from gwire.envelope import sha256_hex
from gwire.errors import WireError


def public_key(point: bytes) -> ec.EllipticCurvePublicKey:
    """From the uncompressed point (65 bytes); ValueError for bytes that are no point of the curve."""
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)


def spki_der(point: bytes) -> bytes:
    """SubjectPublicKeyInfo, DER."""
    return public_key(point).public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def spki_sha256(point: bytes) -> str:
    """The fingerprint that a regulator notes at the claim: SHA-256 of the SPKI DER, lower-case hex."""
    return sha256_hex(spki_der(point))


def pem(point: bytes) -> bytes:
    """``data/keys/<dev>.pem``."""
    return public_key(point).public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def load_pem(text: bytes) -> tuple[ec.EllipticCurvePublicKey, str]:
    """A P-256 public key in PEM and its fingerprint; ValueError for anything else."""
    try:
        key = serialization.load_pem_public_key(text)
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("not a P-256 public key")
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return key, sha256_hex(der)


def signature_fits(payload: bytes, key: ec.EllipticCurvePublicKey) -> bool:
    """Whether a payload in seal form carries a signature of ``key`` over its body (ECDSA over SHA-256)."""
    try:
        form, body, tag = envelope.split(payload)
        if form != envelope.SEAL:
            return False
        der = encode_dss_signature(int.from_bytes(tag[:32], "big"), int.from_bytes(tag[32:], "big"))
        key.verify(der, body, ec.ECDSA(hashes.SHA256()))
    except (WireError, InvalidSignature):
        return False
    return True
