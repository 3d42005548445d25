"""The regulator's trust file: read strictly; empty means not required, absent means undecided."""

import json
import shutil
from pathlib import Path
from typing import Any

import plant as plants
import pytest
from gridwitness.domain.errors import GridwitnessError, InputError
from gridwitness.evidence import trust
from gridwitness.evidence.verify import verify


def with_members(path: Path, **members: Any) -> Path:
    """The trust file with some members set, or removed with None."""
    doc = {**json.loads(path.read_text()), **members}
    path.write_text(json.dumps({key: value for key, value in doc.items() if value is not None}))
    return path


def outcomes(bundle: Path, trust_file: Path) -> tuple[int, dict[str, str]]:
    report = verify(bundle, trust.load(trust_file))
    worst: dict[str, str] = {}
    for check in report.checks:
        if worst.get(check.id) in (None, "ok"):
            worst[check.id] = check.outcome
    return report.exit_code, worst


def test_what_is_collected_are_fingerprints_and_the_authority(gateway: plants.Gateway) -> None:
    doc = trust.collect(gateway.directory)
    assert set(doc["devices"]) == set(plants.BOARDS)
    assert doc["devices"]["gw-g1"] == gateway.plant.boards["gw-g1"].claim_request()["fingerprint"]
    assert (doc["log_keys"], doc["witness_keys"], doc["tsa_ca"]) == ([], [], [])
    assert "PRIVATE" not in trust.text(doc)


def test_no_trust_file_leaves_it_undecided(gateway: plants.Gateway) -> None:
    report = verify(gateway.bundle)
    assert report.exit_code == 3
    assert {c.id for c in report.checks if c.outcome == "undecided"} == {"authority", "enrolment", "time_stamp", "log"}


@pytest.mark.parametrize(
    ("member", "check"),
    [("signer_ca", "authority"), ("devices", "enrolment"), ("tsa_ca", "time_stamp"), ("log_keys", "log"), ("witness_keys", "log")],
)
def test_an_absent_member_leaves_its_check_undecided(member: str, check: str, gateway: plants.Gateway, trust_file: Path) -> None:
    code, worst = outcomes(gateway.bundle, with_members(trust_file, **{member: None}))
    assert (code, worst[check]) == (3, "undecided")


@pytest.mark.parametrize(("member", "empty", "check"), [("signer_ca", [], "authority"), ("devices", {}, "enrolment")])
def test_an_empty_member_is_not_required_and_warns(member: str, empty: Any, check: str, gateway: plants.Gateway, trust_file: Path) -> None:
    code, worst = outcomes(gateway.bundle, with_members(trust_file, **{member: empty}))
    assert (code, worst[check]) == (10, "warning")


def test_an_absent_device_authority_is_no_question_where_fingerprints_are_given(gateway: plants.Gateway, trust_file: Path) -> None:
    assert outcomes(gateway.bundle, with_members(trust_file, device_ca=None))[0] == 10


def test_what_is_required_and_not_in_the_bundle_fails(gateway: plants.Gateway, trust_file: Path) -> None:
    ca = json.loads(trust_file.read_text())["signer_ca"]
    assert outcomes(gateway.bundle, with_members(trust_file, tsa_ca=ca))[0] == 23
    assert outcomes(gateway.bundle, with_members(trust_file, tsa_ca=[], log_keys=["log+0+key"]))[0] == 25
    assert outcomes(gateway.bundle, with_members(trust_file, log_keys=[], witness_keys=["w+0+key"]))[0] == 25


def test_a_device_that_is_not_enrolled_fails(gateway: plants.Gateway, trust_file: Path) -> None:
    devices = json.loads(trust_file.read_text())["devices"]
    devices.pop("gw-tie")
    assert outcomes(gateway.bundle, with_members(trust_file, devices=devices))[0] == 24


def test_a_failure_outranks_an_undecided_check(gateway: plants.Gateway, tmp_path: Path, trust_file: Path) -> None:
    copy = Path(shutil.copytree(gateway.bundle, tmp_path / "copy"))
    (copy / "data/README.md").write_bytes(b"other")
    assert outcomes(copy, with_members(trust_file, signer_ca=None))[0] == 21


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "not JSON"),
        ("[]", "format"),
        ('{"format":"gridwitness-trust/2"}', "format"),
        ('{"format":"gridwitness-trust/1","devices":[]}', "devices"),
        ('{"format":"gridwitness-trust/1","devices":{"gw-1":"ABC"}}', "devices"),
        ('{"format":"gridwitness-trust/1","signer_ca":["no certificate"]}', "signer_ca"),
        ('{"format":"gridwitness-trust/1","signer_ca":"x"}', "signer_ca"),
        ('{"format":"gridwitness-trust/1","log_keys":[1]}', "log_keys"),
        ('{"format":"gridwitness-trust/1","signer_cas":[]}', "signer_cas"),
        ('{"format":"gridwitness-trust/1","devices":{},"devices":{}}', "twice"),
    ],
)
def test_a_bad_trust_file_names_what_is_wrong(text: str, named: str, tmp_path: Path) -> None:
    path = tmp_path / "trust.json"
    path.write_text(text)
    with pytest.raises(InputError, match=named):
        trust.load(path)


def test_a_missing_file_or_folder_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(GridwitnessError, match="trust"):
        trust.load(tmp_path / "none.json")
    with pytest.raises(GridwitnessError, match=r"ca\.pem"):
        trust.collect(tmp_path)
