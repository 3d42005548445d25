"""The store of record (SQLite): raw payloads, decoded intervals, findings.

=========  ==================================================================================
schema     the tables, as numbered migrations
database   opening, one transaction at a time, migrating
packing    values of an interval as one blob of integers
rows       what goes in and comes out
records    raw payloads, cursors, quarantine, conflicts: what ingest writes and evidence reads
series     intervals as arrays
findings   findings with their history
sites      devices, registers of sites, closed segments
=========  ==================================================================================
"""

from gridwitness.store.findings import FindingTables
from gridwitness.store.records import RecordTables
from gridwitness.store.rows import (
    Batch,
    ConflictRow,
    CursorRow,
    DeviceRow,
    EventRow,
    FindingRow,
    GapRow,
    IntervalRow,
    PointLatest,
    QuarantineRow,
    RawRow,
    SealRow,
    SegmentRow,
    SiteRow,
    StoredRecord,
)
from gridwitness.store.series import SeriesTables
from gridwitness.store.sites import SiteTables

__all__ = [
    "Batch",
    "ConflictRow",
    "CursorRow",
    "DeviceRow",
    "EventRow",
    "FindingRow",
    "GapRow",
    "IntervalRow",
    "PointLatest",
    "QuarantineRow",
    "RawRow",
    "SealRow",
    "SegmentRow",
    "SiteRow",
    "Store",
    "StoredRecord",
]


class Store(RecordTables, SeriesTables, FindingTables, SiteTables):
    """One file ``gridwitness.db``: ``Store(path)`` writes, ``Store(path, readonly=True)`` reads beside a writer."""
