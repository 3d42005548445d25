"""Detached signatures, checked by our own code and by the openssl command."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import pkcs7
from gridwitness.evidence import cms
from gridwitness.fleet import keys

CONTENT = b"0123  bag-info.txt\n"
NOW_MS = 1_796_054_400_000


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> cms.Signer:
    return cms.Signer.load(keys.ensure(tmp_path_factory.mktemp("gateway")))


def test_a_signature_says_who_and_when_and_is_the_same_each_time(signer: cms.Signer) -> None:
    signature = cms.sign(CONTENT, signer, NOW_MS)
    assert signature == cms.sign(CONTENT, signer, NOW_MS)
    signed = cms.check(CONTENT, signature)
    assert signed.certificate == signer.certificate
    assert signed.signed_at == datetime(2026, 11, 30, 16, tzinfo=UTC)
    cms.check_path(signed, [signer.chain[-1]])


def test_the_openssl_command_accepts_it(signer: cms.Signer, tmp_path: Path) -> None:
    (tmp_path / "content").write_bytes(CONTENT)
    (tmp_path / "p7s").write_bytes(cms.sign(CONTENT, signer, NOW_MS))
    (tmp_path / "ca.pem").write_bytes(signer.chain[-1].public_bytes(serialization.Encoding.PEM))
    how = ["-binary", "-inform", "DER", "-in", "p7s", "-content", "content", "-CAfile", "ca.pem", "-purpose", "any", "-out", "/dev/null"]
    when = ["-attime", str(NOW_MS // 1000)]
    assert subprocess.run(["openssl", "cms", "-verify", *how, *when], cwd=tmp_path, capture_output=True).returncode == 0
    (tmp_path / "content").write_bytes(CONTENT + b"\n")
    assert subprocess.run(["openssl", "cms", "-verify", *how, *when], cwd=tmp_path, capture_output=True).returncode != 0


def test_a_signature_made_by_another_library_is_read(signer: cms.Signer) -> None:
    builder = pkcs7.PKCS7SignatureBuilder().set_data(CONTENT).add_signer(signer.certificate, signer.key, SHA256())
    options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary]
    assert cms.check(CONTENT, builder.sign(serialization.Encoding.DER, options)).certificate == signer.certificate


@pytest.mark.parametrize("position", range(0, 1300, 7))
def test_no_changed_byte_passes(signer: cms.Signer, position: int) -> None:
    """Either the signature does not fit, or what was changed is in a certificate that then leads nowhere."""
    signature = bytearray(cms.sign(CONTENT, signer, NOW_MS))
    signature[position % len(signature)] ^= 0x10
    with pytest.raises(cms.SignatureError):
        cms.check_path(cms.check(CONTENT, bytes(signature)), [signer.chain[-1]])


@pytest.mark.parametrize("junk", [b"", b"\x30\x80", b"0" * 5000, b"\x30\x84\xff\xff\xff\xff", bytes(2 << 20)])
def test_junk_is_refused_with_a_sentence(junk: bytes) -> None:
    with pytest.raises(cms.SignatureError, match=r"\w{3,} \w+"):
        cms.check(CONTENT, junk)


@pytest.mark.parametrize("words", [[], ["-keyid"], ["-nosmimecap"]])
def test_a_signature_made_by_the_openssl_command_is_read(words: list[str], signer: cms.Signer, tmp_path: Path) -> None:
    pem = serialization.Encoding.PEM
    (tmp_path / "content").write_bytes(CONTENT)
    (tmp_path / "signer.pem").write_bytes(signer.certificate.public_bytes(pem))
    (tmp_path / "key.pem").write_bytes(signer.key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    how = ["-binary", "-in", "content", "-outform", "DER", "-out", "p7s", "-signer", "signer.pem", "-inkey", "key.pem", *words]
    subprocess.run(["openssl", "cms", "-sign", *how], cwd=tmp_path, check=True)
    signed = cms.check(CONTENT, (tmp_path / "p7s").read_bytes())
    cms.check_path(signed, [signer.chain[-1]])


def test_an_attached_signature_is_refused(signer: cms.Signer) -> None:
    builder = pkcs7.PKCS7SignatureBuilder().set_data(CONTENT).add_signer(signer.certificate, signer.key, SHA256())
    with pytest.raises(cms.SignatureError, match="detached"):
        cms.check(CONTENT, builder.sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary]))


def test_the_authority_itself_may_not_sign_bundles(signer: cms.Signer, tmp_path: Path) -> None:
    folder = keys.ensure(tmp_path)
    key = serialization.load_pem_private_key((folder / "ca.key.pem").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    authority = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    signed = cms.check(CONTENT, cms.sign(CONTENT, cms.Signer(key, authority, ()), NOW_MS))
    with pytest.raises(cms.SignatureError, match="authority"):
        cms.check_path(signed, [authority])


def test_another_gateways_authority_is_not_trusted(signer: cms.Signer, tmp_path: Path) -> None:
    other = x509.load_pem_x509_certificate((keys.ensure(tmp_path) / "ca.pem").read_bytes())
    with pytest.raises(cms.SignatureError, match="no trusted authority"):
        cms.check_path(cms.check(CONTENT, cms.sign(CONTENT, signer, NOW_MS)), [other])
