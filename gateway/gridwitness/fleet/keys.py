"""The gateway's own keys, made at its first start and never changed by a program.

=================================  =============================================================================
``checkpoint.pem``                 P-256: signs log checkpoints that boards can check (pinned on them at the claim)
``log.pem``                        Ed25519: signs the log for people's verifiers
``ca.pem``, ``ca.key.pem``         a certificate authority of this gateway's own, for places with no other
``signer.pem``, ``signer.key.pem``  certificate and P-256 key that sign evidence bundles
``devices/<dev>.json``             what the gateway holds of each claimed board
=================================  =============================================================================
"""

from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

from gridwitness.fleet.secrets import private_folder, write_private

NOT_BEFORE = datetime(2026, 1, 1, tzinfo=UTC)
NOT_AFTER = datetime(2036, 1, 1, tzinfo=UTC)
_PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def ensure(directory: Path) -> Path:
    """Make whatever is missing in ``directory/keys``; returns that folder. What is there stays as it is."""
    folder = private_folder(directory / "keys")
    private_folder(folder / "devices")
    _key(folder / "checkpoint.pem", ec.generate_private_key(ec.SECP256R1()))
    _key(folder / "log.pem", ed25519.Ed25519PrivateKey.generate())
    if not (folder / "signer.pem").exists():
        _authority_and_signer(folder)
    return folder


def checkpoint_point(folder: Path) -> bytes:
    """Public half of the checkpoint key: the uncompressed point, 65 bytes, that a board pins."""
    key = _load(folder / "checkpoint.pem").public_key()
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def _key(path: Path, key: _PrivateKey) -> None:
    if not path.exists():
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        write_private(path, pem)


def _load(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{path} holds no elliptic-curve key")
    return key


def _authority_and_signer(folder: Path) -> None:
    _key(folder / "ca.key.pem", ec.generate_private_key(ec.SECP256R1()))
    _key(folder / "signer.key.pem", ec.generate_private_key(ec.SECP256R1()))
    authority_key, signer_key = _load(folder / "ca.key.pem"), _load(folder / "signer.key.pem")
    name = _name("Gridwitness gateway authority")
    authority = _certificate(name, name, authority_key, authority_key, authority=True)
    signer = _certificate(_name("Gridwitness evidence signer"), name, signer_key, authority_key, authority=False)
    # the signer's certificate last: its presence says that all four files are there
    for path, certificate in ((folder / "ca.pem", authority), (folder / "signer.pem", signer)):
        write_private(path, certificate.public_bytes(serialization.Encoding.PEM))


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, issuer_key: ec.EllipticCurvePrivateKey, *, authority: bool
) -> x509.Certificate:
    """A certificate after RFC 5280: an authority that signs only end entities, or a signer of documents."""
    usage = x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number(), NOT_BEFORE, NOT_AFTER)
    builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=0 if authority else None), critical=True)
    builder = builder.add_extension(usage, critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    builder = builder.add_extension(issuer_id, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())
