"""Power cuts at every step of a write: what was set before is never lost, and a value is never half there."""

import builtins
import os
from pathlib import Path

import pytest
from link.nvs import Nvs


class PowerCutError(Exception):
    """The power went."""


class FailingFile:
    """A file that takes ``left`` more bytes and then the power goes."""

    def __init__(self, file, left: int) -> None:
        self.file, self.left = file, left

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, data: bytes) -> int:
        if len(data) > self.left:
            self.file.write(data[: self.left])
            raise PowerCutError
        self.left -= len(data)
        return self.file.write(data)


def set_with_cut(nvs: Nvs, monkeypatch: pytest.MonkeyPatch, step: int, **values) -> bool:
    """Set values with the power going at ``step`` (bytes written, then renames); whether there was such a step."""
    renames = [0]
    real_open, real_rename = builtins.open, os.rename

    def rename(a, b):
        renames[0] += 1
        if step == 1_000 + renames[0]:
            raise PowerCutError
        real_rename(a, b)

    def opener(path, mode="r"):
        file = real_open(path, mode)
        return FailingFile(file, step) if "w" in mode else file

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", rename)
        patch.setattr(
            builtins, "open", lambda path, mode="r": FailingFile(real_open(path, mode), step) if "w" in mode else real_open(path, mode)
        )
        try:
            nvs.set(**values)
        except PowerCutError:
            return True
    return False


def test_values_survive(tmp_path: Path) -> None:
    nvs = Nvs(str(tmp_path))
    nvs.set(boot=1)
    nvs.set(acked=[1, 7], n=12)
    again = Nvs(str(tmp_path))
    assert (again.get("boot"), again.get("acked"), again.get("n"), again.get("none", 5)) == (1, [1, 7], 12, 5)


def test_a_cut_anywhere_leaves_old_or_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cuts = 0
    value = 0
    Nvs(str(tmp_path)).set(boot=0)
    for step in [*range(140), 1_001, 1_002] * 3:
        nvs = Nvs(str(tmp_path))
        cut = set_with_cut(nvs, monkeypatch, step, boot=value + 1)
        found = Nvs(str(tmp_path)).get("boot")
        assert found in ((value, value + 1) if cut else (value + 1,)), step
        value = found
        cuts += cut
    assert cuts > 250


def test_a_cut_between_the_renames_followed_by_a_torn_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nvs = Nvs(str(tmp_path))
    nvs.set(boot=4)
    assert set_with_cut(nvs, monkeypatch, 1_002, boot=5)
    again = Nvs(str(tmp_path))
    assert again.get("boot") == 5
    assert set_with_cut(again, monkeypatch, 9, boot=6)
    assert Nvs(str(tmp_path)).get("boot") == 5  # were it 4, the board would use boot 5 twice


@pytest.mark.parametrize("rot", [b"", b"\0" * 30, b"[3,{}]\nnot a hash\n", b"\xff\xfe\n\n"])
def test_rot_of_the_newest_copy_costs_one_generation(tmp_path: Path, rot: bytes) -> None:
    nvs = Nvs(str(tmp_path))
    nvs.set(boot=1)
    nvs.set(boot=2)
    (tmp_path / "nvs.json").write_bytes(rot)
    again = Nvs(str(tmp_path))
    assert again.get("boot") == 1
    again.set(boot=3)
    assert Nvs(str(tmp_path)).get("boot") == 3


def test_equal_values_cost_no_write(tmp_path: Path) -> None:
    nvs = Nvs(str(tmp_path))
    nvs.set(n=3, lost=0)
    before = (tmp_path / "nvs.json").read_bytes()
    nvs.set(n=3)
    assert (tmp_path / "nvs.json").read_bytes() == before


def test_on_the_board(run_on_board) -> None:
    code = "from link.nvs import Nvs; n = Nvs('.'); n.set(boot=1, seal=[1, 2]); n.set(boot=2); print(Nvs('.').get('boot'), n.get('seal'))"
    assert run_on_board(code).split("\n")[0] == "2 [1, 2]"
