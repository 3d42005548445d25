"""Detached CMS signatures (RFC 5652), CAdES-BES style: signed at export, checked offline.

Signed attributes: content type, digest, signing time (site clock, a claim until a time stamp proves it), and the signer's
certificate by its SHA-256 (RFC 5035), so that no other certificate of the same key can be put in its place.
cryptography 50 can write a detached CMS (with the computer's clock, which is not always ours) but not check one, so both
directions are here, over asn1crypto's structures and cryptography's primitives and path validation.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store, VerificationError
from gwire.envelope import sha256

MAX_BYTES = 1 << 20
_HASHES: dict[str, Callable[[], hashes.HashAlgorithm]] = {"sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512}


class SignatureError(ValueError):
    """The signature is not what it has to be; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs bundles: private key, certificate, and the certificates between it and the CA (CA included)."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]

    @classmethod
    def load(cls, keys: Path) -> "Signer":
        """From a gateway's ``keys`` folder: ``signer.key.pem``, ``signer.pem``, ``ca.pem``."""
        key = serialization.load_pem_private_key((keys / "signer.key.pem").read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise SignatureError("signer.key.pem is no elliptic-curve key")
        first, *between = x509.load_pem_x509_certificates((keys / "signer.pem").read_bytes())
        return cls(key, first, (*between, *x509.load_pem_x509_certificates((keys / "ca.pem").read_bytes())))

    def chain_pem(self) -> str:
        """Signer's certificate first, CA last."""
        return "".join(c.public_bytes(serialization.Encoding.PEM).decode() for c in (self.certificate, *self.chain))


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that fits the content: by whom and when, both as the signature itself says."""

    certificate: x509.Certificate
    others: tuple[x509.Certificate, ...]
    signed_at: datetime


def _certificate(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))


def sign(content: bytes, signer: Signer, now_ms: int) -> bytes:
    """DER of the detached signature over ``content``; the same input gives the same bytes (RFC 6979)."""
    own = _certificate(signer.certificate)
    moment = datetime.fromtimestamp(now_ms // 1000, UTC)
    attributes = cms.CMSAttributes(
        [
            {"type": "content_type", "values": ["data"]},
            {"type": "message_digest", "values": [sha256(content)]},
            {"type": "signing_time", "values": [cms.Time({"utc_time": moment} if moment.year < 2050 else {"general_time": moment})]},
            {"type": "signing_certificate_v2", "values": [tsp.SigningCertificateV2({"certs": [{"cert_hash": sha256(own.dump())}]})]},
        ]
    )
    algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    info = cms.SignerInfo(
        {
            "version": "v1",
            "sid": cms.SignerIdentifier({"issuer_and_serial_number": {"issuer": own.issuer, "serial_number": own.serial_number}}),
            "digest_algorithm": {"algorithm": "sha256"},
            "signed_attrs": attributes,
            "signature_algorithm": {"algorithm": "sha256_ecdsa"},
            "signature": signer.key.sign(attributes.dump(), algorithm),
        }
    )
    data = cms.SignedData(
        {
            "version": "v1",
            "digest_algorithms": [algos.DigestAlgorithm({"algorithm": "sha256"})],
            "encap_content_info": {"content_type": "data"},
            "certificates": [own, *(_certificate(c) for c in signer.chain)],
            "signer_infos": [info],
        }
    )
    der: bytes = cms.ContentInfo({"content_type": "signed_data", "content": data}).dump()
    return der


def check(content: bytes, signature: bytes) -> Signed:
    """Check a detached signature against the content, not yet against any authority; raises `SignatureError`."""
    if len(signature) > MAX_BYTES:
        raise SignatureError("the signature file is too large")
    try:
        return _check(content, signature)
    except SignatureError:
        raise
    except (ValueError, TypeError, KeyError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise SignatureError(f"the signature file cannot be read as CMS: {error}") from None


def _check(content: bytes, signature: bytes) -> Signed:
    info = cms.ContentInfo.load(signature, strict=True)
    if info["content_type"].native != "signed_data":
        raise SignatureError("the signature file holds no CMS SignedData")
    data = info["content"]
    if data["encap_content_info"]["content"].native is not None:
        raise SignatureError("the signature carries a content of its own; it has to be detached")
    if len(data["signer_infos"]) != 1:
        raise SignatureError(f"the file carries {len(data['signer_infos'])} signatures instead of one")
    certificates = [x509.load_der_x509_certificate(c.chosen.dump()) for c in data["certificates"]]
    signer = data["signer_infos"][0]
    own = _find(certificates, signer["sid"])
    attributes = {a["type"].native: a["values"] for a in signer["signed_attrs"]}
    algorithm = _HASHES.get(signer["digest_algorithm"]["algorithm"].native)
    if algorithm is None:
        raise SignatureError(f"digest {signer['digest_algorithm']['algorithm'].native} is not accepted")
    _check_frame(data, signer)
    _check_attributes(attributes, content, algorithm(), own)
    # RFC 5652, 5.4: signed is the SET OF, not the [0] that stands in the structure
    signed = signer["signed_attrs"].untag().dump()
    _check_key(own, signer, signed, algorithm())
    moment = attributes["signing_time"][0].native
    return Signed(own, tuple(c for c in certificates if c != own), moment)


def _find(certificates: Sequence[x509.Certificate], sid: cms.SignerIdentifier) -> x509.Certificate:
    for certificate in certificates:
        form = _certificate(certificate)
        if sid.name == "issuer_and_serial_number":
            if form.issuer.dump() == sid.chosen["issuer"].dump() and form.serial_number == sid.chosen["serial_number"].native:
                return certificate
        elif form.key_identifier == sid.chosen.native:
            return certificate
    raise SignatureError("the signer's certificate is not in the signature file")


def _check_frame(data: cms.SignedData, signer: cms.SignerInfo) -> None:
    """What no signature covers has to say the one thing that fits, so that no byte of the file can be another unseen."""
    wanted = "v1" if signer["sid"].name == "issuer_and_serial_number" else "v3"
    if data["version"].native != wanted or signer["version"].native != wanted:
        raise SignatureError("the signature file is of a version that does not fit its content")
    if data["encap_content_info"]["content_type"].native != "data":
        raise SignatureError("the signature is over another type of content")
    used = [algorithm.native for algorithm in (*data["digest_algorithms"], signer["digest_algorithm"])]
    if len(used) != 2 or used[0] != used[1] or used[0]["parameters"] is not None:
        raise SignatureError("the signature file names other digests than the signature uses")
    if signer["unsigned_attrs"].native:
        raise SignatureError("the signature carries attributes that nobody signed")


def _check_attributes(attributes: dict[str, core.SetOf], content: bytes, algorithm: hashes.HashAlgorithm, own: x509.Certificate) -> None:
    for name in ("content_type", "message_digest", "signing_time"):
        if name not in attributes or len(attributes[name]) != 1:
            raise SignatureError(f"the signed attribute {name.replace('_', ' ')} is missing")
    if attributes["content_type"][0].native != "data":
        raise SignatureError("the signature is over another type of content")
    digest = hashes.Hash(algorithm)
    digest.update(content)
    if attributes["message_digest"][0].native != digest.finalize():
        raise SignatureError("the signature is over another content: tagmanifest-sha256.txt was changed after it was signed")
    if "signing_certificate_v2" in attributes:
        named = attributes["signing_certificate_v2"][0]["certs"][0]
        if named["hash_algorithm"]["algorithm"].native != "sha256" or named["cert_hash"].native != own.fingerprint(hashes.SHA256()):
            raise SignatureError("the signature names another certificate than the one that it is checked with")


def _check_key(own: x509.Certificate, signer: cms.SignerInfo, signed: bytes, algorithm: hashes.HashAlgorithm) -> None:
    key = own.public_key()
    raw = signer["signature"].native
    try:
        stated = signer["signature_algorithm"]
        if isinstance(key, ec.EllipticCurvePublicKey) and stated.signature_algo == "ecdsa" and stated.hash_algo == algorithm.name:
            key.verify(raw, signed, ec.ECDSA(algorithm))
        elif isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048 and stated.signature_algo == "rsassa_pkcs1v15":
            key.verify(raw, signed, padding.PKCS1v15(), algorithm)
        else:
            raise SignatureError("the signature is of a kind that is not accepted")
    except InvalidSignature:
        raise SignatureError("the signature does not fit the signer's certificate") from None


def check_path(signed: Signed, authorities: Sequence[x509.Certificate]) -> None:
    """Check that the signer's certificate was issued under one of ``authorities`` and valid when it says it signed.

    RFC 5280 path validation by cryptography; raises `SignatureError`.
    """
    ca_policy = ExtensionPolicy.permit_all().require_present(x509.BasicConstraints, Criticality.AGNOSTIC, None)
    builder = PolicyBuilder().store(Store(list(authorities))).time(signed.signed_at.replace(tzinfo=None)).max_chain_depth(3)
    policy = builder.extension_policies(ca_policy=ca_policy, ee_policy=ExtensionPolicy.permit_all())
    if signed.certificate in authorities:
        raise SignatureError("the bundle is signed with the authority's own certificate, not with a signer's")
    try:
        path = policy.build_client_verifier().verify(signed.certificate, list(signed.others)).chain
    except VerificationError as error:
        raise SignatureError(f"no trusted authority stands behind the signer's certificate: {error}") from None
    if any(other not in path for other in signed.others):
        raise SignatureError("the signature file carries a certificate that has no part in the signer's chain, or was changed")
    usage = _key_usage(signed.certificate)
    if usage is not None and not (usage.digital_signature or usage.content_commitment):
        raise SignatureError("the signer's certificate may not be used for signatures")


def _key_usage(certificate: x509.Certificate) -> x509.KeyUsage | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None
