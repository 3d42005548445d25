"""verify.sh: bash, coreutils and openssl alone come to the same codes as the verifier, apart from 26."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import mutations
import plant as plants
import pytest
from gridwitness.evidence import contents, verify

SCRIPT = Path(verify.__file__).parent / "static/verify.sh"

TRIED = [
    "remove_file",
    "add_file",
    "hidden_file",
    "flip_byte_raw",
    "edit_and_remanifest",
    "self_signed",
    "expired",
    "insider_reading_relinked",
    "insider_drops_tail",
    "insider_drops_boot",
    "insider_new_seal",
    "swap_device_key",
    "null_byte",
    "changed_energy",
]
"""One change of each sort: each run costs some seconds."""


def run(bundle: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """The script of the package (a verifier never runs the bundle's), with nothing but the three tools' own folder in PATH."""
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    command = ["bash", str(SCRIPT), *map(str, words), str(bundle)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_a_good_bundle_holds_as_far_as_the_script_can_tell(bundle: Path, trust_file: Path) -> None:
    done = run(bundle, "--trust", trust_file)
    assert (done.returncode, done.stderr) == (3, "")
    assert "26 NOT CHECKED" in done.stdout
    assert "FAIL" not in done.stdout
    assert done.stdout.count("records in one chain") == len(plants.BOARDS)


def test_the_copy_in_the_bundle_checks_the_bundle_that_it_lies_in(bundle: Path, trust_file: Path, tmp_path: Path) -> None:
    assert (bundle / "data/verify.sh").read_bytes() == contents.static_file("verify.sh") == SCRIPT.read_bytes()
    command = ["bash", str(bundle / "data/verify.sh"), "--trust", str(trust_file)]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 3


@pytest.mark.parametrize("case", [case for case in mutations.CASES if case.name in TRIED], ids=lambda case: case.name)
def test_tampering_has_the_verifiers_code(case: mutations.Case, gateway: plants.Gateway, bundle: Path, trust_file: Path) -> None:
    case.change(bundle, gateway)
    done = run(bundle, "--trust", trust_file)
    assert (done.returncode, done.stderr) == (case.code if case.script is None else case.script, ""), done.stdout


def test_every_tried_name_is_a_change() -> None:
    assert set(TRIED) <= {case.name for case in mutations.CASES}


def test_only_the_three_tools_are_called(bundle: Path, trust_file: Path, tmp_path: Path) -> None:
    """With a PATH that holds only what Debian's packages bash, coreutils and openssl bring, the outcome is the same."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ["basenc", "cat", "date", "dirname", "mkdir", "mktemp", "rm", "sha256sum", "sort", "split", "tr", "wc"]:
        (tools / name).symlink_to(shutil.which(name) or pytest.fail(f"coreutils has no {name}"))
    (tools / "openssl").symlink_to(shutil.which("openssl") or pytest.fail("openssl is not installed"))
    command = [shutil.which("bash") or "bash", str(SCRIPT), "--trust", str(trust_file), str(bundle)]
    done = subprocess.run(command, capture_output=True, text=True, env={"PATH": str(tools)}, check=False)
    assert (done.returncode, done.stderr) == (3, ""), done.stdout


def test_without_anchors_it_says_what_it_cannot_decide(bundle: Path) -> None:
    done = run(bundle)
    assert done.returncode == 3
    assert "nobody says whose it is" in done.stdout
    assert "cannot be decided" in done.stdout


def test_a_device_that_is_not_enrolled_fails(bundle: Path, trust_file: Path) -> None:
    doc = json.loads(trust_file.read_text())
    doc["devices"].pop("gw-tie")
    trust_file.write_text(json.dumps(doc, indent=2))
    assert run(bundle, "--trust", trust_file).returncode == 24


@pytest.mark.parametrize("words", [["--trust", "/none"], ["--what"]])
def test_wrong_usage_is_2(words: list[str], bundle: Path) -> None:
    assert run(bundle, *words).returncode == 2


def test_something_that_is_no_bundle_is_2_or_20(tmp_path: Path) -> None:
    assert run(tmp_path / "none").returncode == 2
    assert run(tmp_path).returncode == 20


@pytest.mark.parametrize("text", ["", "[]", '{"format":"gridwitness-trust/2"}', "\0\0"])
def test_what_is_no_trust_file_is_a_usage_error(bundle: Path, tmp_path: Path, text: str) -> None:
    """Otherwise a mistyped file name would read as "no anchors", which is another statement."""
    (tmp_path / "other.json").write_text(text)
    done = run(bundle, "--trust", tmp_path / "other.json")
    assert done.returncode == 2
    assert "no trust file" in done.stderr
