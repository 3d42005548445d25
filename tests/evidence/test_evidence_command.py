"""``gridwitness evidence``: exit codes and outputs as a user meets them."""

import json
from pathlib import Path

import plant as plants
import pytest
from gridwitness.cli.main import main
from gridwitness.evidence import verify as verifier
from gridwitness.service import sources


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["evidence", *map(str, words)])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_verify_prints_every_check_and_the_verdict(gateway: plants.Gateway, trust_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "verify", gateway.bundle, "--trust", trust_file)
    assert (code, err) == (10, "")
    assert out.splitlines()[-1].startswith("10: valid with warnings")
    assert "not proven" in out
    code, out, _ = run(capsys, "verify", gateway.bundle, "--trust", trust_file, "--lang", "zh")
    assert (code, "并不表示伪造" in out) == (10, True)


def test_verify_as_json_is_one_document(gateway: plants.Gateway, trust_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "verify", gateway.bundle, "--trust", trust_file, "--json")
    doc = json.loads(out)
    assert (code, doc["exit_code"], err) == (10, 10, "")
    assert {check["code"] for check in doc["checks"]} >= {20, 21, 22, 23, 24, 25, 26}


def test_verify_without_trust_is_3_and_of_nothing_is_2(gateway: plants.Gateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "verify", gateway.bundle)[0] == 3
    code, _, err = run(capsys, "verify", tmp_path / "none")
    assert (code, "bundle_unreadable" in err) == (2, True)
    assert run(capsys, "verify")[0] == 2
    assert run(capsys, "verify", gateway.bundle, "--trust", tmp_path / "none")[0] == 2


def test_an_unexpected_error_is_70(gateway: plants.Gateway, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(verifier, "verify", broken)
    assert run(capsys, "verify", gateway.bundle)[0] == 70


def test_trust_writes_what_verify_reads(gateway: plants.Gateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "trust.json"
    assert run(capsys, "trust", gateway.directory, "--out", path)[0] == 0
    assert run(capsys, "verify", gateway.bundle, "--trust", path)[0] == 10
    _, out, _ = run(capsys, "trust", gateway.directory)
    assert out == path.read_text()


def test_export_writes_into_the_gateways_folder(
    gateway: plants.Gateway, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sources, "open_source", lambda directory: gateway.plant)
    code, out, _ = run(capsys, "export", gateway.directory, plants.FINDING, "--out", tmp_path, "--json")
    doc = json.loads(out)
    assert (code, doc["finding"], Path(doc["bundle"]).parent) == (0, plants.FINDING, tmp_path)
    code, out, _ = run(capsys, "export", gateway.directory, plants.FINDING, "--out", tmp_path, "--zip")
    assert (code, Path(out.strip()).suffix) == (0, ".zip")
    code, _, err = run(capsys, "export", gateway.directory, "no-such", "--out", tmp_path)
    assert (code, "unknown_finding" in err) == (2, True)
