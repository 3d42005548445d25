"""Bags after RFC 8493 (BagIt 1.0), stricter than it: SHA-256 only, ASCII names, nothing unlisted, no links, limits on sizes.

The manifests have the form that ``sha256sum -c`` accepts: digest, two spaces, path.
"""

import hashlib
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from gridwitness.domain.errors import GridwitnessError

DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
PROFILE = "gridwitness-evidence-1"
MANIFEST = "manifest-sha256.txt"
TAG_MANIFEST = "tagmanifest-sha256.txt"
SIGNATURE = "signature/tagmanifest-sha256.p7s"
SIGNATURE_FILES = (SIGNATURE, SIGNATURE + ".tsr", "signature/tagmanifest-sha256.sm2.sig")
"""Files that sign the tag manifest, or sign that: they cannot be listed in it."""
REQUIRED = ("bagit.txt", "bag-info.txt", MANIFEST, TAG_MANIFEST, SIGNATURE)

MAX_FILES = 50_000
MAX_FILE_BYTES = 1 << 30
MAX_BYTES = 8 << 30
MAX_RATIO = 200
_NAME = re.compile(r"[A-Za-z0-9_+=@-][A-Za-z0-9._+=@-]*")
_LINE = re.compile(r"([0-9a-f]{64})  (\S+)")


@dataclass(slots=True)
class Bag:
    """A bag opened for reading.

    ``sizes`` are the files that can be read, ``damaged`` those that a zip holds but cannot be unpacked, ``problems`` faults of the
    structure, found before any content is read; ``excessive`` says that nothing of it should be read.
    """

    name: str
    sizes: dict[str, int] = field(default_factory=dict)
    damaged: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    excessive: bool = False
    _folder: Path | None = None
    _archive: zipfile.ZipFile | None = None
    _prefix: str = ""

    def read(self, path: str) -> bytes:
        """The bytes of one file that is in ``sizes``; OSError when it is not as long as its directory says."""
        with self._open(path) as file:
            data = file.read(self.sizes[path] + 1)
        if len(data) != self.sizes[path]:
            raise OSError(f"{path} has another size than its directory says")
        return data

    def digest(self, path: str) -> str:
        """SHA-256 of one file, lower-case hex, read in pieces."""
        digest = hashlib.sha256()
        with self._open(path) as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
        return digest.hexdigest()

    def _open(self, path: str) -> IO[bytes]:
        if self._archive is not None:
            return self._archive.open(self._prefix + path)
        assert self._folder is not None
        # O_NOFOLLOW: a link put in place since the listing is an error, not followed
        return os.fdopen(os.open(self._folder / path, os.O_RDONLY | os.O_NOFOLLOW), "rb")

    def under(self, folder: str) -> list[str]:
        """Paths below ``folder/``, sorted."""
        return sorted(path for path in self.sizes if path.startswith(folder + "/"))


def open_bag(path: Path) -> Bag:
    """Open a bundle: a folder, or a zip that holds one folder; raises GridwitnessError when there is nothing to read."""
    if path.is_dir():
        return _open_folder(path)
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        hint = "give the bundle's folder or its zip file"
        raise GridwitnessError("bundle_unreadable", f"{path} is no bundle: {error}", hint) from None
    return _open_zip(path, archive)


def _open_folder(path: Path) -> Bag:
    bag = Bag(path.resolve().name, _folder=path)
    for where, folders, files in os.walk(path, followlinks=False):
        for name in sorted([*folders, *files]):
            full = Path(where) / name
            relative = full.relative_to(path).as_posix()
            status = full.lstat()
            if stat.S_ISDIR(status.st_mode):
                continue
            if not stat.S_ISREG(status.st_mode):
                bag.problems.append(f"{_shown(relative)} is {'a symbolic link' if stat.S_ISLNK(status.st_mode) else 'no plain file'}")
                continue
            _add(bag, relative, status.st_size)
        folders[:] = [name for name in folders if not (Path(where) / name).is_symlink()]
        if len(bag.sizes) > MAX_FILES:
            break
    return _limited(bag)


def _open_zip(path: Path, archive: zipfile.ZipFile) -> Bag:
    entries = archive.infolist()
    roots = {entry.filename.split("/", 1)[0] for entry in entries}
    bag = Bag(path.stem, _archive=archive)
    if len(roots) != 1:
        bag.problems.append("the zip does not hold exactly one folder")
        return bag
    bag.name = roots.pop()
    bag._prefix = bag.name + "/"
    for entry in entries[: MAX_FILES + 1]:
        relative = entry.filename.removeprefix(bag._prefix)
        mode = entry.external_attr >> 16
        if entry.is_dir():
            continue
        if mode and not stat.S_ISREG(mode) and stat.S_IFMT(mode):
            bag.problems.append(f"{_shown(relative)} is no plain file")
        elif relative in bag.sizes:
            bag.problems.append(f"{_shown(relative)} is in the zip twice")
        elif entry.flag_bits & 1:
            bag.problems.append(f"{_shown(relative)} is encrypted")
        elif entry.file_size > MAX_RATIO * max(entry.compress_size, 1024):
            bag.problems.append(f"{_shown(relative)} unpacks to more than {MAX_RATIO} times its size")
        else:
            _add(bag, relative, entry.file_size)
    return _find_damage(_limited(bag))


def _shown(path: str) -> str:
    return path.encode("ascii", "backslashreplace").decode()[:200]


def _add(bag: Bag, path: str, size: int) -> None:
    if not is_plain(path):
        bag.problems.append(f"{_shown(path)} is no allowed name: ASCII letters, digits, . _ + = @ - only, no leading dot")
    elif size > MAX_FILE_BYTES:
        bag.problems.append(f"{path} is larger than {MAX_FILE_BYTES} bytes")
    else:
        bag.sizes[path] = size


def _limited(bag: Bag) -> Bag:
    if len(bag.sizes) > MAX_FILES:
        bag.problems.append(f"more than {MAX_FILES} files")
        bag.excessive = True
    if sum(bag.sizes.values()) > MAX_BYTES:
        bag.problems.append(f"more than {MAX_BYTES} bytes in all")
        bag.excessive = True
    if len({path.lower() for path in bag.sizes}) != len(bag.sizes):
        bag.problems.append("two names differ only in upper and lower case")
    return bag


def _find_damage(bag: Bag) -> Bag:
    """Unpack everything once: what a zip cannot give back is set apart."""
    for path in () if bag.excessive else sorted(bag.sizes):
        try:
            bag.digest(path)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError):
            bag.damaged.add(path)
    for path in bag.damaged:
        del bag.sizes[path]
    return bag


def is_plain(path: str) -> bool:
    """Whether a path is relative, below the bag, and of harmless characters."""
    return len(path) <= 255 and all(_NAME.fullmatch(part) for part in path.split("/")) and str(PurePosixPath(path)) == path


@dataclass(slots=True)
class Manifest:
    """Digest by path, and the lines that could not be read."""

    digests: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def parse_manifest(name: str, content: bytes) -> Manifest:
    """Read a manifest strictly: 64 lower-case hex digits, two spaces, a plain path, LF."""
    manifest = Manifest()
    try:
        text = content.decode("ascii")
    except UnicodeDecodeError:
        manifest.problems.append(f"{name} is not ASCII")
        return manifest
    if not text.endswith("\n"):
        manifest.problems.append(f"{name} does not end with a line feed")
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        match = _LINE.fullmatch(line)
        if match is None or not is_plain(match[2]):
            manifest.problems.append(f"{name}:{number}: not a digest, two spaces and a path inside the bundle")
        elif match[2] in manifest.digests:
            manifest.problems.append(f"{name}:{number}: {match[2]} is listed twice")
        else:
            manifest.digests[match[2]] = match[1]
    return manifest


def manifest_text(files: Mapping[str, bytes]) -> bytes:
    """A manifest over files by path, sorted."""
    return "".join(f"{hashlib.sha256(files[path]).hexdigest()}  {path}\n" for path in sorted(files)).encode("ascii")


def oxum(sizes: Mapping[str, int]) -> str:
    """Payload-Oxum: bytes and number of the files below ``data/``."""
    payload = [size for path, size in sizes.items() if path.startswith("data/")]
    return f"{sum(payload)}.{len(payload)}"


def write_zip(files: Mapping[str, bytes], name: str, path: Path) -> None:
    """A zip with sorted names, one fixed date and plain modes, so that the same bundle gives the same bytes."""
    with zipfile.ZipFile(path, "w") as archive:
        for relative in sorted(files):
            entry = zipfile.ZipInfo(f"{name}/{relative}", (1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[relative], compresslevel=9)
