"""What the pages read: the store (read-only), the registers in force, the bundles on disk. Nothing here writes."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gridwitness.domain.clock import Clock
from gridwitness.domain.errors import GridwitnessError, InputError, Problem
from gridwitness.store import PointLatest, Store
from gridwitness.topology.model import Site
from gridwitness.topology.site import parse
from gridwitness.web.completeness import Completeness, completeness

STORE = "gridwitness.db"


@dataclass(frozen=True, slots=True)
class Register:
    """A register in force: the site, or the problems that keep it from being used."""

    id: str
    site: Site | None
    warnings: tuple[Problem, ...] = ()
    errors: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class BundleFile:
    """An evidence bundle in ``bundles/``: a folder or a zip."""

    name: str
    size_bytes: int
    changed_ms: int


class Source:
    """The gateway's folder, seen by the pages. May be used from several threads."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self.directory, self.clock = directory, clock
        self._lock = threading.Lock()
        self._store: Store | None = None
        self._inode = 0
        self._registers: dict[str, tuple[str, Register]] = {}
        self._complete: dict[str, tuple[int, Completeness]] = {}

    def now_ms(self) -> int:
        """The gateway's time."""
        return self.clock.now_ms()

    def store(self) -> Store | None:
        """The store, or None while the ingest has not made one. Opened anew when the file was replaced."""
        path = self.directory / STORE
        with self._lock:
            try:
                inode = path.stat().st_ino
            except FileNotFoundError:
                inode = 0
            if inode != self._inode:
                self._close()
                self._store, self._inode = (Store(path, readonly=True) if inode else None), inode
            return self._store

    def close(self) -> None:
        """Let go of the store."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
        self._store, self._inode = None, 0

    def registers(self) -> Mapping[str, Register]:
        """Registers by site id: those that the store holds in force, and files of ``sites/`` that it does not know yet."""
        store = self.store()
        texts = {row.id: row.yaml for row in store.sites()} if store else {}
        for path in sorted((self.directory / "sites").glob("*.yaml")):
            if path.stem not in texts:
                with suppress(OSError, UnicodeDecodeError):
                    texts[path.stem] = path.read_text(encoding="utf-8-sig")
        return {name: self._register(name, text) for name, text in texts.items()}

    def _register(self, name: str, text: str) -> Register:
        known = self._registers.get(name)
        if known is None or known[0] != text:
            known = (text, _read(name, text))
            self._registers[name] = known
        return known[1]

    def latest(self, site: str) -> dict[str, PointLatest]:
        """The newest interval of every point."""
        store = self.store()
        return store.latest(site) if store else {}

    def completeness(self, site: Site, to_ms: int) -> Completeness:
        """How much of the last day was measured; worked out once for each analysis."""
        known = self._complete.get(site.id)
        if known is None or known[0] != to_ms:
            store = self.store()
            known = (to_ms, completeness(site, store, to_ms) if store else Completeness(None, to_ms, to_ms))
            self._complete[site.id] = known
        return known[1]

    def bundles(self) -> list[BundleFile]:
        """Bundles on disk, newest first."""
        return sorted(_bundles(self.directory / "bundles"), key=lambda b: (-b.changed_ms, b.name))


def _read(name: str, text: str) -> Register:
    try:
        site, warnings = parse(text, f"sites/{name}.yaml")
    except InputError as error:
        return Register(name, None, errors=tuple(error.problems))
    except GridwitnessError as error:
        return Register(name, None, errors=(Problem(f"sites/{name}.yaml", None, None, error.sentence, error.hint),))
    return Register(name, site, tuple(warnings))


def _bundles(folder: Path) -> Iterator[BundleFile]:
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        files = [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
        with suppress(FileNotFoundError):  # an export may be renaming its folder just now
            yield BundleFile(path.name, sum(p.stat().st_size for p in files), int(path.stat().st_mtime * 1000))
