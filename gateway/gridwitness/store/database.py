"""Opening the store: WAL, every commit on disk before it returns, one transaction at a time."""

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gridwitness.domain.errors import GridwitnessError
from gridwitness.store.packing import ABSENT, LAYOUT, pack, unpack
from gridwitness.store.schema import MIGRATIONS


class Database:
    """A connection to ``gridwitness.db``.

    A reader never blocks the writer (WAL). A connection may be used from several threads: statements take turns.
    Raises GridwitnessError ``no_store`` for a reader without a store, ``store_version`` for a store of a newer software,
    ``store_unusable`` for a file that is no store, a full disk or a folder that cannot be written.
    """

    def __init__(self, path: Path, *, readonly: bool = False) -> None:
        self.path = path
        self.readonly = readonly
        if readonly and not path.exists():
            raise GridwitnessError("no_store", f"there is no store {path}", "start the gateway once, or check the folder's name")
        self._lock = threading.RLock()
        try:
            self._db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
            self._open()
        except sqlite3.Error as error:
            hint = "check the disk's room, the folder's owner and rights; a damaged file can be replaced by its copy"
            raise GridwitnessError("store_unusable", f"{path} cannot be opened: {error}", hint) from error

    def _open(self) -> None:
        """Make the store ready, or leave no connection behind."""
        try:
            self._prepare()
            self.layout = self._layouts()
        except BaseException:
            self._db.close()
            raise

    def _prepare(self) -> None:
        if self.readonly:
            # not mode=ro: a reader must be able to make the WAL's index when it is the first to open it
            self._db.execute("PRAGMA query_only=ON")
            self._check_version()
        else:
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._migrate()

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything inside is durable when this returns, or nothing of it is."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a full disk may have rolled back already
                    self._db.execute("ROLLBACK")
                raise

    def _all(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def _one(self, sql: str, values: Sequence[Any] = ()) -> Any:
        with self._lock:
            return self._db.execute(sql, values).fetchone()

    def _pages(self, sql: str, values: Sequence[Any], size: int = 1000) -> Iterator[Any]:
        """Rows of a long result, without holding the lock between pages."""
        with self._lock:
            cursor = self._db.execute(sql, values)
            rows = cursor.fetchmany(size)
        while rows:
            yield from rows
            with self._lock:
                rows = cursor.fetchmany(size)

    def changes(self) -> int:
        """A number that changes whenever another connection has committed."""
        return int(self._one("PRAGMA data_version")[0])

    @property
    def version(self) -> int:
        """Number of the newest migration in the file."""
        return int(self._one("PRAGMA user_version")[0])

    def _check_version(self) -> None:
        if self.version > len(MIGRATIONS):
            raise GridwitnessError(
                "store_version",
                f"{self.path} has version {self.version}, this software knows up to {len(MIGRATIONS)}",
                "use the software that wrote it, or a newer one",
            )
        if self.readonly and self.version < len(MIGRATIONS):
            sentence = f"{self.path} has version {self.version}, this software reads version {len(MIGRATIONS)}"
            raise GridwitnessError("store_version", sentence, "start the gateway, or run: gridwitness db migrate")

    def _migrate(self) -> None:
        self._check_version()
        with self.transaction() as db:
            # read inside the transaction: two processes may open a new store at the same moment
            for number in range(self.version, len(MIGRATIONS)):
                for statement in _statements(MIGRATIONS[number]):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version={number + 1}")
            self._repack(db)

    def _layouts(self) -> dict[str, list[str]]:
        return {g: json.loads(keys) for g, keys in self._all("SELECT g, keys FROM layout")}

    def _repack(self, db: sqlite3.Connection) -> None:
        """Bring the blobs of older software into this version's order of fields."""
        stored = self._layouts()
        for group, keys in LAYOUT.items():
            old = stored.get(group)
            if old == list(keys):
                continue
            db.execute("INSERT OR REPLACE INTO layout VALUES (?, ?)", (group, json.dumps(keys)))
            if old is None:
                continue
            key_columns = "dev, pt, g, ts_ms, boot, seq"
            for row in db.execute(f"SELECT vals, {key_columns} FROM interval WHERE g = ?", (group,)).fetchall():
                values = {k: v for k, v in unpack(old, row[0]).items() if v != ABSENT}
                db.execute(f"UPDATE interval SET vals = ? WHERE ({key_columns}) = (?, ?, ?, ?, ?, ?)", (pack(group, values), *row[1:]))


def _statements(script: str) -> Iterator[str]:
    """The single statements of a script (``executescript`` would commit the transaction that it stands in)."""
    text = ""
    for piece in "\n".join(line.split("--", 1)[0] for line in script.splitlines()).split(";"):
        text += piece + ";"
        if piece.strip() and sqlite3.complete_statement(text):
            yield text
            text = ""
