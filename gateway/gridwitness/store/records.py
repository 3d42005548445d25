"""Raw payloads, cursors, quarantine and conflicts: what ingest writes and evidence reads."""

from collections.abc import Iterator

from gridwitness.store.database import Database
from gridwitness.store.rows import Batch, ConflictRow, CursorRow, GapRow, QuarantineRow, StoredRecord

# OR IGNORE: a batch whose COMMIT failed half-way may be written again
_INSERTS = (
    ("raw", "INSERT OR IGNORE INTO raw VALUES (?, ?, ?, ?, ?, ?, ?, ?)"),
    ("intervals", "INSERT OR IGNORE INTO interval VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
    ("events", "INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?)"),
    ("seals", "INSERT OR IGNORE INTO seal VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"),
    ("contests", "INSERT OR IGNORE INTO conflict (recv_ms, dev, boot, seq, kind, reason, sha, payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"),
    (
        "refused",
        "INSERT INTO quarantine (recv_ms, dev, topic, code, reason, sha, payload) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (topic, code, sha) DO UPDATE SET times = times + 1",
    ),
    ("dated", "UPDATE raw SET ts_ms = ? WHERE dev = ? AND boot = ? AND seq = ?"),
    ("cursors", "INSERT OR REPLACE INTO cursor VALUES (?, ?, ?, ?, ?)"),
    ("gaps", "INSERT OR IGNORE INTO gap VALUES (?, ?, ?, ?, ?, ?)"),
)

COUNTERS = ("stored", "duplicate", "quarantined", "equivocation", "rollback", "broken_link", "gap", "dated")
"""Counters that the ingest keeps, each in the transaction of what it counts."""


class RecordTables(Database):
    """The chain of every device, and everything that was refused."""

    def commit(self, batch: Batch) -> None:
        """Write all of a batch in one transaction; when this returns it is on disk."""
        known = self._points
        new = {(row.dev, row.pt, row.g) for row in batch.intervals} - known
        with self.transaction() as db:
            for name, sql in _INSERTS:
                rows = getattr(batch, name)
                if rows:
                    db.executemany(sql, rows)
            if new:
                db.executemany("INSERT OR IGNORE INTO point VALUES (?, ?, ?)", sorted(new))
            if batch.counters:
                db.executemany(
                    "INSERT INTO counters VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
                    sorted(batch.counters.items()),
                )
        known |= new

    @property
    def _points(self) -> set[tuple[str, str, str]]:
        if not hasattr(self, "_known_points"):
            self._known_points = {tuple(row) for row in self._all("SELECT dev, pt, g FROM point")}
        return self._known_points

    def counts(self) -> dict[str, int]:
        """The ingest's counters; every name of COUNTERS is there."""
        return dict.fromkeys(COUNTERS, 0) | dict(self._all("SELECT name, value FROM counters"))

    def quarantined(self, limit: int = 100) -> list[QuarantineRow]:
        """What was refused, newest first."""
        columns = "id, recv_ms, dev, topic, code, reason, payload, times"
        return [QuarantineRow(*row) for row in self._all(f"SELECT {columns} FROM quarantine ORDER BY id DESC LIMIT ?", (limit,))]

    def quarantined_of(self, dev: str, code_prefix: str = "") -> list[QuarantineRow]:
        """What was refused of one device, oldest first, where the code begins with ``code_prefix``."""
        columns = "id, recv_ms, dev, topic, code, reason, payload, times"
        sql = f"SELECT {columns} FROM quarantine WHERE dev = ? AND substr(code, 1, ?) = ? ORDER BY id"
        return [QuarantineRow(*row) for row in self._all(sql, (dev, len(code_prefix), code_prefix))]

    def conflicts(self, limit: int = 100) -> list[ConflictRow]:
        """What contests a chain, newest first."""
        columns = "id, recv_ms, dev, boot, seq, kind, reason, payload"
        return [ConflictRow(*row) for row in self._all(f"SELECT {columns} FROM conflict ORDER BY id DESC LIMIT ?", (limit,))]

    def raw(self, dev: str, from_ms: int | None = None, to_ms: int | None = None) -> Iterator[StoredRecord]:
        """Records with ``from_ms`` ≤ ts < ``to_ms`` in chain order, and those without a time that lie between them."""
        low = -(1 << 62) if from_ms is None else from_ms
        high = 1 << 62 if to_ms is None else to_ms
        if from_ms is None and to_ms is None:
            yield from map(StoredRecord._make, self._pages(f"{_RAW} WHERE dev = ? ORDER BY boot, seq", (dev,)))
            return
        span = "SELECT boot, seq FROM raw INDEXED BY raw_time WHERE dev = ? AND ts_ms >= ? AND ts_ms < ? ORDER BY boot"
        first = self._one(f"{span}, seq LIMIT 1", (dev, low, high))
        last = self._one(f"{span} DESC, seq DESC LIMIT 1", (dev, low, high))
        if first:
            sql = (
                f"{_RAW} WHERE dev = ? AND (boot, seq) >= (?, ?) AND (boot, seq) <= (?, ?) AND (ts_ms IS NULL OR ts_ms >= ? AND ts_ms < ?)"
            )
            rows = self._pages(sql + " ORDER BY boot, seq", (dev, *first, *last, low, high))
            yield from map(StoredRecord._make, rows)

    def raw_between(self, dev: str, first: tuple[int, int], last: tuple[int, int]) -> Iterator[StoredRecord]:
        """Records from position ``first`` to ``last``, both included, in chain order."""
        sql = f"{_RAW} WHERE dev = ? AND (boot, seq) >= (?, ?) AND (boot, seq) <= (?, ?) ORDER BY boot, seq"
        yield from map(StoredRecord._make, self._pages(sql, (dev, *first, *last)))

    def raw_record(self, dev: str, boot: int, seq: int) -> StoredRecord | None:
        """One record, or None."""
        row = self._one(f"{_RAW} WHERE dev = ? AND boot = ? AND seq = ?", (dev, boot, seq))
        return StoredRecord(*row) if row else None

    def digest(self, dev: str, boot: int, seq: int) -> bytes | None:
        """SHA-256 of the payload that is stored at a position, or None."""
        row = self._one("SELECT sha FROM raw WHERE dev = ? AND boot = ? AND seq = ?", (dev, boot, seq))
        return row[0] if row else None

    def positions(self, dev: str, after: tuple[int, int] | None = None) -> list[tuple[int, int]]:
        """Stored positions of a device in chain order, beyond ``after``."""
        boot, seq = after if after is not None else (-1, -1)
        return [tuple(row) for row in self._all(f"SELECT boot, seq {_BEYOND}", (dev, boot, seq))]

    def received_ms(self, dev: str, boot: int, seq: int) -> int | None:
        """When a record came in, by the gateway's clock."""
        row = self._one("SELECT recv_ms FROM raw WHERE dev = ? AND boot = ? AND seq = ?", (dev, boot, seq))
        return row[0] if row else None

    def undated(self, dev: str) -> list[tuple[int, int]]:
        """Positions of records that still have no time."""
        return [tuple(row) for row in self._all("SELECT boot, seq FROM raw WHERE dev = ? AND ts_ms IS NULL ORDER BY boot, seq", (dev,))]

    def record_devices(self) -> list[str]:
        """Devices that have sent anything verified."""
        return [row[0] for row in self._all("SELECT DISTINCT dev FROM raw ORDER BY dev")]

    def newest(self, dev: str) -> StoredRecord | None:
        """The record of a device that is furthest in its chain."""
        row = self._one(f"{_RAW} WHERE dev = ? ORDER BY boot DESC, seq DESC LIMIT 1", (dev,))
        return StoredRecord(*row) if row else None

    def cursor(self, dev: str) -> CursorRow | None:
        """How far a device is acknowledged."""
        row = self._one("SELECT dev, boot, seq, tip, ack_n FROM cursor WHERE dev = ?", (dev,))
        return CursorRow(*row) if row else None

    def has_row(self, table: str, row: tuple[object, ...]) -> bool:
        """Whether exactly this row stands in ``interval``, ``event`` or ``seal``."""
        # IS and not =: absent members are NULL on both sides
        same = " AND ".join(f"{column} IS ?" for column in type(row)._fields)  # type: ignore[attr-defined]
        return self._one(f"SELECT 1 FROM {table} WHERE {same}", row) is not None

    def rows_of(self, table: str, dev: str) -> int:
        """Number of a device's rows in ``interval``, ``event`` or ``seal``."""
        return int(self._one(f"SELECT count(*) FROM {table} WHERE dev = ?", (dev,))[0])

    def integrity(self) -> list[str]:
        """SQLite's own check of the file: ``ok``, or what is wrong."""
        return [row[0] for row in self._all("PRAGMA integrity_check(20)")]

    def gaps(self, dev: str | None = None) -> list[GapRow]:
        """Holes that were given up."""
        rows = self._all("SELECT * FROM gap WHERE ? IS NULL OR dev = ? ORDER BY dev, before_boot, before_seq", (dev, dev))
        return [GapRow(*row) for row in rows]


_RAW = "SELECT boot, seq, t, ts_ms, payload FROM raw"
_BEYOND = "FROM raw WHERE dev = ? AND (boot, seq) > (?, ?) ORDER BY boot, seq"
