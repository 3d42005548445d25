"""In CI a skipped test turns the run red, whether it skips itself or its whole file does, unless the reason is a permitted one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

RULES = (Path(__file__).resolve().parent.parent / "conftest.py").read_text(encoding="utf-8")
PASSES = "def test_one():\n    assert 1\n"
IN_TEST = "import pytest\ndef test_one():\n    pytest.skip('{}')\n"
WHOLE_FILE = "import pytest\npytest.skip('{}', allow_module_level=True)\n"


@pytest.mark.parametrize(
    ("text", "strict", "code"),
    [
        (PASSES, True, 0),
        (IN_TEST.format("no broker here"), True, 1),
        (WHOLE_FILE.format("no broker here"), True, 1),
        (IN_TEST.format("the folder ../shared/data is missing"), True, 0),
        (IN_TEST.format("no broker here"), False, 0),
    ],
)
def test_a_skip_is_a_failure_in_ci(tmp_path: Path, text: str, strict: bool, code: int) -> None:
    (tmp_path / "conftest.py").write_text(RULES, encoding="utf-8")
    (tmp_path / "test_passes.py").write_text(PASSES, encoding="utf-8")
    (tmp_path / "test_sample.py").write_text(text, encoding="utf-8")
    environment = {**os.environ, "GRIDWITNESS_NO_SKIPS": "1" if strict else ""}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stdout
