"""Claim and keys: a board comes in by its file, secrets stay private."""

import hashlib
import json
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from gridwitness.cli.main import main
from gridwitness.domain.errors import GridwitnessError, InputError
from gridwitness.evidence import cms
from gridwitness.fleet import keys
from gridwitness.fleet.claim import claim, read_request
from gridwitness.ingest.keyring import Keyring, read_device
from gridwitness.sim.device import RecordMaker
from gridwitness.store import Store
from gwire import envelope

NOW_MS = 1_796_054_400_000


@pytest.fixture
def request_file(tmp_path: Path) -> Path:
    path = tmp_path / "cable" / "claim-request.json"
    path.parent.mkdir()
    path.write_text(json.dumps(RecordMaker("gw-g1").claim_request()))
    return path


def test_a_claim_enters_the_board_and_answers_it(directory: Path, request_file: Path) -> None:
    answer = json.loads(claim(directory, request_file, "longtan", NOW_MS).read_bytes())
    assert answer["format"] == "gridwitness-claim-answer/1"
    assert (answer["dev"], answer["site"]) == ("gw-g1", "longtan")
    pinned = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes.fromhex(answer["checkpoint_key"]))
    own = serialization.load_pem_private_key((directory / "keys" / "checkpoint.pem").read_bytes(), None)
    assert isinstance(own, ec.EllipticCurvePrivateKey)
    assert own.public_key() == pinned
    held = read_device(directory / "keys" / "devices" / "gw-g1.json")
    maker = RecordMaker("gw-g1")
    assert held.up.mac(b"x") == envelope.Hmac(envelope.key_up(maker.secret)).mac(b"x")
    assert held.seal_point == maker.seal_point
    store = Store(directory / "gridwitness.db", readonly=True)
    (device,) = store.devices("longtan")
    assert device.spki_sha256 == maker.claim_request()["fingerprint"]
    store.close()


def test_secrets_are_private(directory: Path, request_file: Path) -> None:
    claim(directory, request_file, "longtan", NOW_MS)
    for path in [directory / "keys", *(directory / "keys").rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_claiming_again_changes_nothing(directory: Path, request_file: Path) -> None:
    answer = claim(directory, request_file, "longtan", NOW_MS).read_bytes()
    before = {p: p.read_bytes() for p in (directory / "keys").rglob("*") if p.is_file()}
    assert claim(directory, request_file, "longtan", NOW_MS + 1).read_bytes() == answer
    assert {p: p.read_bytes() for p in (directory / "keys").rglob("*") if p.is_file()} == before


def test_another_board_of_the_same_name_needs_replace(directory: Path, request_file: Path) -> None:
    claim(directory, request_file, "longtan", NOW_MS)
    request_file.write_text(json.dumps(RecordMaker("gw-g1", seed="new board").claim_request()))
    with pytest.raises(GridwitnessError, match="is claimed for site longtan") as refused:
        claim(directory, request_file, "longtan", NOW_MS + 1)
    assert "--replace" in refused.value.hint
    claim(directory, request_file, "longtan", NOW_MS + 1, replace=True)
    held = Keyring(directory / "keys" / "devices").get("gw-g1")
    assert held is not None
    assert held.seal_point == RecordMaker("gw-g1", seed="new board").seal_point
    old = json.loads((directory / "keys" / "devices" / f"gw-g1.{NOW_MS}.replaced").read_bytes())
    assert old["seal_key"] == RecordMaker("gw-g1").seal_point.hex()


@pytest.mark.parametrize(
    ("change", "member"),
    [
        ({"dev": "GW 1"}, "[dev]"),
        ({"k": "12"}, "[k]"),
        ({"k": None}, "[k]"),
        ({"seal_key": "04" + "00" * 64}, "[seal_key]"),
        ({"seal_key": "zz"}, "[seal_key]"),
        ({"fingerprint": "0" * 64}, "[fingerprint]"),
        ({"fw_date": "today"}, "[fw_date]"),
        ({"format": "gridwitness-claim/9"}, "[format]"),
    ],
)
def test_a_bad_request_is_told_by_its_member(request_file: Path, change: dict[str, object], member: str) -> None:
    request_file.write_text(json.dumps(RecordMaker("gw-g1").claim_request() | change))
    with pytest.raises(InputError) as told:
        read_request(request_file)
    assert member in str(told.value)
    assert str(request_file) in str(told.value)


def test_an_unknown_site_names_the_known_ones(directory: Path, request_file: Path) -> None:
    with pytest.raises(GridwitnessError) as told:
        claim(directory, request_file, "longtang", NOW_MS)
    assert told.value.code == "unknown_site"
    assert "longtan" in told.value.hint


def test_the_command_and_the_list(directory: Path, request_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["fleet", "claim", str(directory), str(request_file), "--site", "longtan", "--json"])
    assert ended.value.code == 0
    told = json.loads(capsys.readouterr().out)
    assert Path(told["answer"]).name == "claim-answer.json"
    with pytest.raises(SystemExit):
        main(["fleet", "list", str(directory), "--json"])
    row = json.loads(capsys.readouterr().out)
    assert (row["dev"], row["site"], row["acknowledged"]) == ("gw-g1", "longtan", None)


def test_the_gateways_keys_are_made_once(tmp_path: Path) -> None:
    folder = keys.ensure(tmp_path)
    first = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    assert set(first) == {"checkpoint.pem", "log.pem", "ca.pem", "ca.key.pem", "signer.pem", "signer.key.pem"}
    keys.ensure(tmp_path)
    assert {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()} == first
    assert isinstance(serialization.load_pem_private_key(first["log.pem"], None), ed25519.Ed25519PrivateKey)


def test_the_signers_certificate_stands_under_the_gateways_authority(tmp_path: Path) -> None:
    folder = keys.ensure(tmp_path)
    signer = cms.Signer.load(folder)
    authority = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    signed = cms.check(b"content", cms.sign(b"content", signer, NOW_MS))
    cms.check_path(signed, [authority])
    other = x509.load_pem_x509_certificate((keys.ensure(tmp_path / "other") / "ca.pem").read_bytes())
    with pytest.raises(cms.SignatureError):
        cms.check_path(signed, [other])
    moment = datetime.fromtimestamp(NOW_MS / 1000, UTC)
    assert signer.certificate.not_valid_before_utc < moment < signer.certificate.not_valid_after_utc


def test_a_keyring_sees_a_claim_made_meanwhile(directory: Path, claimed: Callable[[str], RecordMaker]) -> None:
    claimed("gw-a")
    ring = Keyring(directory / "keys" / "devices")
    assert not ring.refresh()
    claimed("gw-b")
    assert ring.refresh()
    assert [k.dev for k in ring.all()] == ["gw-a", "gw-b"]


def test_a_spoilt_key_file_is_named(directory: Path, claimed: Callable[[str], RecordMaker]) -> None:
    claimed("gw-a")
    path = directory / "keys" / "devices" / "gw-a.json"
    path.write_text(path.read_text().replace('"k"', '"kk"'))
    with pytest.raises(InputError, match=r"gw-a\.json"):
        Keyring(directory / "keys" / "devices")


def test_fingerprints_are_those_of_the_key(request_file: Path) -> None:
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), RecordMaker("gw-g1").seal_point)
    der = point.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert read_request(request_file).spki_sha256 == hashlib.sha256(der).hexdigest()
