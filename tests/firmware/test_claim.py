"""The offline claim, on the board as a technician does it."""

import hashlib
import json
from pathlib import Path

import pytest
from core import p256
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from gridwitness.domain.errors import GridwitnessError

REQUEST = "import setup.claim as c; c.request('gw-g1')"
ACCEPT = "import setup.claim as c; c.accept('claim-answer.json')"


def answer(folder: Path, **changes: object) -> None:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint).hex()
    good = {"format": "gridwitness-claim-answer/1", "dev": "gw-g1", "checkpoint_key": point, "site": "site-1"}
    (folder / "claim-answer.json").write_text(json.dumps(good | changes))


def nvs_values(folder: Path) -> dict:
    return json.loads((folder / "flash" / "nvs.json").read_text().split("\n")[0])[1]


def test_request_and_answer(run_on_board, tmp_path: Path) -> None:
    printed = run_on_board(REQUEST)
    request = json.loads((tmp_path / "claim-request.json").read_text())
    assert set(request) == {"format", "dev", "k", "seal_key", "fw", "fw_date", "fingerprint"}
    assert (request["format"], request["dev"], request["fw"]) == ("gridwitness-claim/1", "gw-g1", "0.1.0")
    assert len(bytes.fromhex(request["k"])) == 32
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes.fromhex(request["seal_key"]))
    spki = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert request["fingerprint"] == hashlib.sha256(spki).hexdigest()
    assert request["fingerprint"] in printed
    identity = json.loads((tmp_path / "flash" / "identity.json").read_text())
    assert p256.finish(p256.public_of(int(identity["seal_private"], 16))).hex() == request["seal_key"]
    assert identity["seal_private"] not in (tmp_path / "claim-request.json").read_text()

    answer(tmp_path)
    run_on_board(ACCEPT)
    values = nvs_values(tmp_path)
    assert values["checkpoint_key"] == json.loads((tmp_path / "claim-answer.json").read_text())["checkpoint_key"]
    assert values["site"] == "site-1"
    assert not (tmp_path / "claim-request.json").exists()  # it held K


def test_asking_again_keeps_the_identity_and_two_boards_differ(run_on_board, tmp_path: Path) -> None:
    run_on_board(REQUEST)
    first = (tmp_path / "claim-request.json").read_bytes()
    run_on_board(REQUEST)
    assert json.loads((tmp_path / "claim-request.json").read_bytes()) == json.loads(first)
    (tmp_path / "flash" / "identity.json").unlink()
    run_on_board(REQUEST)
    second = json.loads((tmp_path / "claim-request.json").read_bytes())
    assert second["k"] != json.loads(first)["k"]
    assert second["seal_key"] != json.loads(first)["seal_key"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dev": "gw-g2"}, "answers gw-g2, but this board is gw-g1"),
        ({"format": "x"}, "is no claim answer"),
        ({"checkpoint_key": "04" + "11" * 64}, "is no point of P-256"),
        ({"checkpoint_key": None}, "is no point of P-256"),
    ],
)
def test_a_wrong_answer_changes_nothing(run_on_board, tmp_path: Path, changes: dict[str, object], said: str) -> None:
    run_on_board(REQUEST)
    answer(tmp_path, **changes)
    with pytest.raises(GridwitnessError, match=said):
        run_on_board(ACCEPT)
    assert (tmp_path / "claim-request.json").exists()
    assert not (tmp_path / "flash" / "nvs.json").exists()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import setup.claim as c; c.request('GW 1')", "3 to 32 of a-z"),
        (ACCEPT, "no identity yet"),
        (REQUEST + "; c.request('gw-other')", "this board is already gw-g1"),
    ],
)
def test_what_a_technician_can_get_wrong(run_on_board, code: str, said: str) -> None:
    with pytest.raises(GridwitnessError, match=said):
        run_on_board(code)
