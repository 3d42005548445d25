"""The wheel carries all that a gateway needs: pages, scenario, firmware, profiles and the wire contract."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, timeout=300)
    return next(folder.glob("*.whl"))


def test_nothing_is_left_behind(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for root, target in (
        ("gateway/gridwitness", "gridwitness"),
        ("firmware/lib/gwire", "gwire"),
        ("firmware/src", "gridwitness/_firmware/src"),
    ):
        tracked = subprocess.run(["git", "ls-files", root], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
        wanted = {target + path.removeprefix(root) for path in tracked}
        assert wanted
        assert wanted <= names
    assert any(name.startswith("gridwitness/_firmware/profiles/") for name in names)


def test_it_runs_away_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    """Unpacked elsewhere, with the checkout out of reach, the command simulates a plant and analyses the files."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")

    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}

    def run(code: str) -> str:
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert str(tmp_path) in run("import gridwitness; print(gridwitness.__file__)")
    assert "main.py" in run("from gridwitness.domain import paths; print(sorted(p.name for p in paths.firmware_source().iterdir()))")
    assert "iem3000.json" in run("from gridwitness.domain import paths; print([p.name for p in paths.meter_profiles().iterdir()])")
    main = "from gridwitness.cli.main import main; main({})"
    run(main.format(["simulate", "longtan", "--out", "case", "--days", "0.1"]))
    assert '"gridwitness-findings/1"' in run(main.format(["analyse", "case", "--json"]))
