"""One contract, four arithmetics: CPython, MicroPython on 64 and 32 bits, and floats rounded to 32 bits."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
VECTORS = HERE / "vectors"
LEAST = 100


def run(command: list[str], **environment: str) -> int:
    done = subprocess.run(
        [*command, str(HERE / "run_vectors.py"), str(VECTORS), *environment.pop("args", "").split()],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    word, count = done.stdout.split()
    assert word == "ok"
    return int(count)


def test_cpython() -> None:
    assert run([sys.executable], PYTHONPATH=str(ROOT / "firmware/lib")) > LEAST


def test_float32() -> None:
    assert run([sys.executable], PYTHONPATH=str(ROOT / "firmware/lib"), args="float32") > LEAST


@pytest.mark.parametrize("arch", ["amd64", "i386"])
def test_micropython(arch: str) -> None:
    interpreter = ROOT / ".tools" / "micropython" / arch / "micropython"
    assert interpreter.exists(), "MicroPython is missing: run 'make setup'"
    assert (
        run([str(interpreter), "-X", "heapsize=192k" if arch == "amd64" else "heapsize=112k"], MICROPYPATH=str(ROOT / "firmware/lib"))
        > LEAST
    )


def test_a_register_does_not_survive_a_32_bit_float() -> None:
    """Why registers never pass through a float: this is what the board's arithmetic would make of one."""
    sys.path.insert(0, str(HERE))
    try:
        from float32 import F32
    finally:
        sys.path.remove(str(HERE))
    assert int(F32(123456789)) == 123456792
