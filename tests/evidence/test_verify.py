"""The verifier on good bundles and on every way of tampering that must be caught."""

import random
from pathlib import Path
from typing import Any

import mutations
import plant as plants
import pytest
from gridwitness.evidence import bag, contents, trust
from gridwitness.evidence.verify import verify
from mutations import CASES, Case


def test_a_good_bundle_is_valid_with_the_warnings_that_this_version_cannot_avoid(bundle: Path, trust_file: Path) -> None:
    report = verify(bundle, trust.load(trust_file))
    assert report.exit_code == 10
    assert {check.id for check in report.checks if check.outcome != "ok"} == {"time_stamp", "log", "grade"}
    assert {check.subject for check in report.checks if check.id == "chain"} == set(plants.BOARDS)


def test_a_zip_verifies_like_its_folder(gateway: plants.Gateway, trust_file: Path, tmp_path: Path) -> None:
    path = plants.export(tmp_path, gateway.plant, gateway.signer, as_zip=True)
    report = verify(path, trust.load(trust_file))
    assert (report.exit_code, report.bundle) == (10, gateway.bundle.name)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_tampering_is_caught_with_its_code(case: Case, gateway: plants.Gateway, bundle: Path, trust_file: Path) -> None:
    case.change(bundle, gateway)
    report = verify(bundle, trust.load(trust_file))
    failed = {check.id: check.details for check in report.checks if check.outcome == "failed"}
    assert report.exit_code == case.code, failed
    assert all(details for details in failed.values())
    assert report.as_json()["exit_code"] == case.code


WRONG_PARAMETERS = (
    {"from_ms": "0"},
    {"to_ms": None},
    {"to_ms": 0},
    {"to_ms": 1 << 60},
    {"from_ms": 0},
    {"devices": {"gw-g1": 1}},
    {"devices": [1]},
    {"excluded": 5},
    {"excluded": [{"dev": "gw-g1", "position": [[], {}], "why": "x"}]},
    {"excluded": [{"dev": "gw-g1", "position": [0], "why": "x"}]},
    {"format": "other"},
    {"case": ["x"]},
    {"case": "other"},
    {"software": "gridwitness 99"},
    {"register_sha256": None},
)


@pytest.mark.parametrize("members", WRONG_PARAMETERS, ids=str)
def test_no_parameter_can_be_another(members: dict[str, Any], gateway: plants.Gateway, bundle: Path, trust_file: Path) -> None:
    """Hostile types end in a verdict too, never in an internal error."""
    mutations.edit_json(bundle / contents.PARAMS, lambda doc: doc.update(members))
    mutations.resign(bundle, gateway)
    assert verify(bundle, trust.load(trust_file)).exit_code in (24, 26)


@pytest.mark.parametrize(
    "name", [contents.PARAMS, contents.FINDING, contents.OUTPUTS, "data/continuity/gw-g1.json", "data/keys/gw-g1.json"]
)
@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"[" * 100_000, b'{"a":1,"a":2}', b"\xff\xfe", b'{"kind":1,"id":"x"}'])
def test_junk_in_a_derived_file_is_26(content: bytes, name: str, gateway: plants.Gateway, bundle: Path, trust_file: Path) -> None:
    (bundle / name).write_bytes(content)
    mutations.resign(bundle, gateway)
    assert verify(bundle, trust.load(trust_file)).exit_code == 26


@pytest.mark.parametrize("content", [b"", b"\n", b"{}\n", b"\x00" * 5000 + b"\n", b"[" * 4000 + b"\n"])
def test_junk_in_raw_data_is_24(content: bytes, gateway: plants.Gateway, bundle: Path, trust_file: Path) -> None:
    (bundle / mutations.RAW).write_bytes(content)
    mutations.resign(bundle, gateway)
    assert verify(bundle, trust.load(trust_file)).exit_code == 24


def test_every_byte_counts(gateway: plants.Gateway, bundle: Path, trust_file: Path) -> None:
    """One changed byte in each file, wherever it lies: 20 where it is a name in a manifest, 21 or 22 otherwise."""
    anchors = trust.load(trust_file)
    rng = random.Random(1)
    for path in sorted(path for path in bundle.rglob("*") if path.is_file()):
        before = path.read_bytes()
        content = bytearray(before)
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(content)
        name = path.relative_to(bundle).as_posix()
        expected = {bag.SIGNATURE: (22,), bag.MANIFEST: (20, 21), bag.TAG_MANIFEST: (20, 21)}.get(name, (21,))
        assert verify(bundle, anchors).exit_code in expected, name
        path.write_bytes(before)
    assert verify(bundle, anchors).exit_code == 10
