"""Reading bags strictly, from folders and zips that may be hostile."""

import os
import stat
import zipfile
from pathlib import Path

import pytest
from gridwitness.domain.errors import GridwitnessError
from gridwitness.evidence import bag
from hypothesis import given
from hypothesis import strategies as st

FILES = {"bagit.txt": bag.DECLARATION, "data/a.txt": b"a", "data/b/c.txt": b"bc"}


def zip_with(path: Path, entries: list[tuple[str, bytes]], **attributes: int) -> bag.Bag:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries:
            info = zipfile.ZipInfo(name)
            info.external_attr = attributes.get("mode", stat.S_IFREG | 0o644) << 16
            archive.writestr(info, content, compress_type=zipfile.ZIP_DEFLATED)
    return bag.open_bag(path)


def test_manifests_have_the_form_of_sha256sum() -> None:
    text = bag.manifest_text({"data/b": b"", "data/a": b"a"})
    assert text.startswith(b"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb  data/a\n")
    assert bag.parse_manifest("m", text).digests.keys() == {"data/a", "data/b"}


@pytest.mark.parametrize(
    "line",
    [
        b"0" * 64 + b" data/a\n",
        b"0" * 64 + b"   data/a\n",
        b"0" * 64 + b" *data/a\n",
        b"A" * 64 + b"  data/a\n",
        b"0" * 64 + b"  /etc/passwd\n",
        b"0" * 64 + b"  data/../x\n",
        b"0" * 64 + b"  data//x\n",
        b"0" * 64 + b"  data/./x\n",
        b"0" * 64 + b"  data/a\r\n",
        b"0" * 64 + b"  data/a%0Ab\n",
        b"0" * 64 + b"  data/a",
        b"0" * 64 + b"  data/a\n" + b"0" * 64 + b"  data/a\n",
        b"0" * 64 + b"  data/\xc3\xa4\n",
        b"\n",
        b"",
    ],
)
def test_any_other_line_is_a_problem(line: bytes) -> None:
    assert bag.parse_manifest("m", line).problems


@given(st.text(max_size=40))
def test_plain_paths_never_leave_the_bag(path: str) -> None:
    if bag.is_plain(path):
        assert path.isascii()
        assert not os.path.isabs(path)
        assert os.path.normpath(path) == path
        assert not path.startswith("..")


def test_a_zip_of_the_same_files_has_the_same_bytes(tmp_path: Path) -> None:
    bag.write_zip(FILES, "case", tmp_path / "one.zip")
    bag.write_zip(dict(reversed(FILES.items())), "case", tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    opened = bag.open_bag(tmp_path / "one.zip")
    assert (opened.name, opened.problems) == ("case", [])
    assert {path: opened.read(path) for path in opened.sizes} == FILES


@pytest.mark.parametrize("name", ["case/../../x", "case//x", "case/./x", "case/a\\b", "case/ä", "case/.x", "case/a b"])
def test_a_zip_with_a_dangerous_name_is_a_problem(name: str, tmp_path: Path) -> None:
    assert zip_with(tmp_path / "z.zip", [(name, b"")]).problems


def test_a_zip_with_two_roots_a_link_or_a_double_entry_is_a_problem(tmp_path: Path) -> None:
    assert zip_with(tmp_path / "roots.zip", [("a/x", b""), ("b/x", b"")]).problems
    assert zip_with(tmp_path / "link.zip", [("a/x", b"/etc/passwd")], mode=stat.S_IFLNK | 0o777).problems
    with pytest.warns(UserWarning, match="Duplicate"):
        assert zip_with(tmp_path / "double.zip", [("a/x", b"1"), ("a/x", b"2")]).problems


def test_a_bomb_is_recognised_without_unpacking_it(tmp_path: Path) -> None:
    opened = zip_with(tmp_path / "bomb.zip", [("a/data/x", bytes(64 << 20))])
    assert "unpacks to more than" in opened.problems[0]
    assert not opened.sizes


def test_limits_on_files_and_bytes_stop_the_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(12):
        (tmp_path / f"f{number}").write_bytes(bytes(10))
    monkeypatch.setattr(bag, "MAX_FILES", 10)
    assert bag.open_bag(tmp_path).excessive
    monkeypatch.setattr(bag, "MAX_FILES", 100)
    monkeypatch.setattr(bag, "MAX_BYTES", 100)
    assert bag.open_bag(tmp_path).excessive


def test_a_damaged_zip_entry_is_set_apart(tmp_path: Path) -> None:
    path = tmp_path / "z.zip"
    bag.write_zip({"data/x": os.urandom(5000), "data/y": b"y" * 100}, "case", path)
    content = bytearray(path.read_bytes())
    content[2000] ^= 1
    path.write_bytes(content)
    opened = bag.open_bag(path)
    assert (opened.damaged, set(opened.sizes)) == ({"data/x"}, {"data/y"})


def test_links_and_pipes_in_a_folder_are_problems_and_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_bytes(b"s")
    folder = tmp_path / "bag"
    (folder / "data").mkdir(parents=True)
    (folder / "data/link").symlink_to(tmp_path / "outside")
    (folder / "data/file").symlink_to(tmp_path / "outside/secret")
    os.mkfifo(folder / "data/pipe")
    opened = bag.open_bag(folder)
    assert (len(opened.problems), opened.sizes) == (3, {})


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 cut off"])
def test_something_else_is_no_bundle(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(GridwitnessError, match="no bundle"):
        bag.open_bag(tmp_path / "x.zip")
    with pytest.raises(GridwitnessError, match="no bundle"):
        bag.open_bag(tmp_path / "missing")
