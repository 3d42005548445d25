"""The store against its own raw payloads: everything decoded is computed again and compared.

Raw payloads are the evidence, all other tables of the ingest are an index of them; this finds an index that lies.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from gwire import chain
from gwire.dating import derived_ts
from gwire.errors import WireError

from gridwitness.ingest import rules
from gridwitness.ingest.assess import file_content
from gridwitness.store import Batch, Store, StoredRecord


@dataclass(slots=True)
class Recheck:
    """What was compared, and a sentence for everything that differs."""

    records: int = 0
    intervals: int = 0
    problems: list[str] = field(default_factory=list)


def recheck(store: Store) -> Recheck:
    """Check every device of a store. Reads only."""
    report = Recheck(problems=[f"SQLite: {line}" for line in store.integrity() if line != "ok"])
    for dev in store.record_devices():
        _Device(store, dev, report).check()
    return report


class _Device:
    """The check of one device, in one pass over its chain."""

    def __init__(self, store: Store, dev: str, report: Recheck) -> None:
        self._store = store
        self._dev = dev
        self._report = report
        self._progress = chain.Progress()
        self._before: tuple[int, int, str] | None = None
        self._undated: list[rules.Record] = []
        refused = (row for row in store.quarantined_of(dev) if row.code in rules.IN_CHAIN)
        self._refused = {hashlib.sha256(row.payload).digest() for row in refused}
        self._expected = {"interval": 0, "event": 0, "seal": 0}

    def check(self) -> None:
        """Records, links, decoded rows, cursor."""
        for stored in self._store.raw(self._dev):
            self._report.records += 1
            try:
                self._check_record(stored, rules.decode(stored.payload))
            except WireError as error:
                self._wrong(stored, f"the stored payload is {error.code}: {error}")
        for table, expected in self._expected.items():
            there = self._store.rows_of(table, self._dev)
            if there != expected:
                self._report.problems.append(f"{self._dev}: table {table} has {there} rows, the payloads give {expected}")
        self._check_cursor()

    def _check_record(self, stored: StoredRecord, record: rules.Record) -> None:
        digest = hashlib.sha256(stored.payload)
        position = rules.position_of(record, self._dev, stored.t)
        if position != stored[:2]:
            self._wrong(stored, f"the payload says boot {position[0]} seq {position[1]}")
        if self._store.digest(self._dev, *stored[:2]) != digest.digest():
            self._wrong(stored, "its SHA-256 is not that of the payload")
        if self._before and position[1] and chain.follows(self._before, position, str(record.get("prev"))) == "broken":
            self._wrong(stored, "prev is not the hash of the record before")
        self._before = (*position, digest.hexdigest())
        self._progress.add(position, rules.last_before(record) if position[1] == 0 else None)
        if digest.digest() not in self._refused:
            self._check_content(stored, record)

    def _check_content(self, stored: StoredRecord, record: rules.Record) -> None:
        rules.check_content(record)
        if record["ts"] is None:
            self._undated.append(record)
            if record["t"] == "seal":
                self._compare(stored, record, None, derived=False)
            return
        if stored.ts_ms != record["ts"]:
            self._wrong(stored, f"it is filed under ts {stored.ts_ms}, the payload says {record['ts']}")
        self._compare(stored, record, record["ts"], derived=False)
        if rules.is_reference(record):
            self._check_derived(record)

    def _check_derived(self, reference: rules.Record) -> None:
        """Records without time before this one in the same boot must carry what it derives for them."""
        for record in self._undated:
            dated = self._store.raw_record(self._dev, record["boot"], record["seq"])
            if dated is None or record["boot"] != reference["boot"]:
                continue
            ts_ms = derived_ts(record, reference)
            if dated.ts_ms != ts_ms:
                self._wrong(dated, f"it is filed under ts {dated.ts_ms}, derived is {ts_ms}")
            self._compare(dated, record, ts_ms, derived=True)
        self._undated.clear()

    def _compare(self, stored: StoredRecord, record: rules.Record, ts_ms: int | None, *, derived: bool) -> None:
        batch = Batch()
        file_content(batch, self._dev, record, ts_ms, derived=derived)
        for table, rows in (("interval", batch.intervals), ("event", batch.events), ("seal", batch.seals)):
            for row in rows:
                self._expected[table] += 1
                self._report.intervals += table == "interval"
                if not self._store.has_row(table, row):
                    self._wrong(stored, f"table {table} does not hold what the payload says")

    def _check_cursor(self) -> None:
        for gap in self._store.gaps(self._dev):
            self._progress.skip((gap.before_boot, gap.before_seq))
        cursor = self._store.cursor(self._dev)
        if cursor is None or cursor.boot is None or cursor.seq is None:
            return
        at = (cursor.boot, cursor.seq)
        if self._store.digest(self._dev, *at) != cursor.tip:
            self._report.problems.append(f"{self._dev}: the cursor at boot {at[0]} seq {at[1]} has another hash than the record there")
        if self._progress.upto is None or self._progress.upto < at:
            self._report.problems.append(
                f"{self._dev}: the cursor stands at {at}, but the records are whole only up to {self._progress.upto}"
            )

    def _wrong(self, stored: StoredRecord, what: str) -> None:
        self._report.problems.append(f"{self._dev} boot {stored.boot} seq {stored.seq} ({stored.t}): {what}")


def lines(report: Recheck) -> Iterator[str]:
    """The report for people."""
    yield from report.problems
    verdict = "no difference" if not report.problems else f"{len(report.problems)} differences"
    yield f"{report.records} records, {report.intervals} intervals computed again: {verdict}"
