"""Building the firmware and running boards."""

from pathlib import Path

import pytest
from gridwitness.domain.errors import GridwitnessError
from gridwitness.domain.paths import firmware_source
from gridwitness.sim import boards


@pytest.mark.parametrize("march", boards.MARCHES)
def test_every_firmware_file_compiles_for_every_architecture(march: str, tmp_path: Path) -> None:
    folder = boards.build(march, tmp_path)
    compiled = {p.relative_to(folder).with_suffix("").as_posix() for p in folder.rglob("*.mpy")}
    sources = {p.relative_to(firmware_source()).with_suffix("").as_posix() for p in firmware_source().rglob("*.py")}
    assert sources <= compiled
    assert {"gwire/envelope", "umqtt/simple", "main"} <= compiled
    assert not list(folder.rglob("*.py"))


def test_a_build_is_made_once_for_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = boards.build("x64", tmp_path)
    made = (first / "main.mpy").stat().st_mtime_ns
    assert boards.build("x64", tmp_path) == first
    assert (first / "main.mpy").stat().st_mtime_ns == made
    changed = tmp_path / "version.py"
    changed.write_text('FW = "9"\nFW_DATE_MS = 0\n')
    real = boards.sources()
    monkeypatch.setattr(boards, "sources", lambda: real | {"version.py": changed})
    assert boards.build("x64", tmp_path) != first
    assert list(tmp_path.glob("*/build")) == []


def test_a_source_that_does_not_compile_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("def f(:\n")
    monkeypatch.setattr(boards, "sources", lambda: {"broken.py": broken})
    with pytest.raises(GridwitnessError, match=r"broken\.py"):
        boards.build("x64", tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_missing_umqtt_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boards, "tools", lambda: tmp_path)
    with pytest.raises(GridwitnessError, match="umqtt") as caught:
        boards.sources()
    assert "make setup" in caught.value.hint


def test_no_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boards, "interpreters", dict)
    with pytest.raises(GridwitnessError, match="no MicroPython"):
        boards.interpreter()


def test_an_unclaimed_board_says_so(tmp_path: Path, interpreter: boards.Interpreter) -> None:
    wiring = {"epoch_ms": 0, "start_ms": 0, "speed": 1, "trace": "assigned.log"}
    board = boards.Board.create(tmp_path / "b", {"dev": "gw-1", "points": []}, wiring, interpreter)
    board.overlay = [Path(__file__).parent / "fake"]
    with pytest.raises(GridwitnessError, match="claim the board"):
        board.call("import main; main.run()")


def test_start_kill_stop(tmp_path: Path, interpreter: boards.Interpreter) -> None:
    board = boards.Board.create(tmp_path / "b", {}, {}, interpreter)
    board.start("import time\nwhile True: time.sleep(1)")
    with pytest.raises(RuntimeError, match="runs already"):
        board.start()
    assert board.running()
    board.kill()
    assert board.process.returncode == -9
    assert not board.running()
    assert board.stop() == -9


def test_a_torn_line_of_the_trace_is_left_out(tmp_path: Path, interpreter: boards.Interpreter) -> None:
    board = boards.Board.create(tmp_path / "b", {}, {"trace": "assigned.log"}, interpreter)
    assert board.assigned() == {}
    (board.folder / "assigned.log").write_text(f"1 0 {'a' * 64}\n1 1 {'b' * 64}\n1 2 cc")
    assert board.assigned() == {(1, 0): "a" * 64, (1, 1): "b" * 64}
