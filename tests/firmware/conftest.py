"""What all tests of the firmware share: the interpreters of this machine, the compiled firmware, and the sources on CPython's path."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from gridwitness.domain.paths import firmware_source
from gridwitness.sim import boards

sys.path.append(str(firmware_source()))  # core, link and setup also run on CPython


@pytest.fixture(scope="session")
def interpreters() -> dict[str, boards.Interpreter]:
    found = boards.interpreters()
    if not found:
        pytest.skip("no MicroPython 1.25 on this machine (make setup)")
    return found


@pytest.fixture(params=["x64", "x86"])
def interpreter(request: pytest.FixtureRequest, interpreters: dict[str, boards.Interpreter]) -> boards.Interpreter:
    """Each architecture in turn."""
    if request.param not in interpreters:
        pytest.skip(f"no MicroPython for {request.param} on this machine (make setup)")
    return interpreters[request.param]


@pytest.fixture
def run_on_board(interpreter: boards.Interpreter, tmp_path: Path) -> Callable[..., str]:
    """Run code on the compiled firmware in an empty folder and return what it printed; errors fail the test."""

    def run(code: str, heap: str | None = None) -> str:
        board = boards.Board(tmp_path, interpreter, boards.build(interpreter.march), heap or boards.HEAP[interpreter.march])
        return board.call(code)

    return run
