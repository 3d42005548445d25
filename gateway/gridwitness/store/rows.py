"""What goes into the store and comes out of it."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple


class RawRow(NamedTuple):
    """One verified payload."""

    dev: str
    boot: int
    seq: int
    t: str
    ts_ms: int | None
    recv_ms: int
    sha: bytes
    payload: bytes


class IntervalRow(NamedTuple):
    """One decoded ``data`` record; ``vals`` after `packing.pack`."""

    dev: str
    pt: str
    g: str
    ts_ms: int
    boot: int
    seq: int
    dur_ms: int
    q: int
    cq: int
    ts_derived: int
    vals: bytes


class EventRow(NamedTuple):
    """One decoded ``event`` record; ``x`` is its JSON object of integers."""

    dev: str
    boot: int
    seq: int
    ts_ms: int
    ts_derived: int
    pt: str | None
    k: str
    x: str


class SealRow(NamedTuple):
    """One seal whose signature was right."""

    dev: str
    boot: int
    seq: int
    ts_ms: int | None
    n: int
    first_boot: int | None
    first_seq: int | None
    lroot: bytes
    why: str


class CursorRow(NamedTuple):
    """Acknowledged progress of a device: everything up to (boot, seq), whose payload hashes to ``tip``, is durable."""

    dev: str
    boot: int | None
    seq: int | None
    tip: bytes | None
    ack_n: int


class GapRow(NamedTuple):
    """Records strictly between the two positions that never came; ``after_*`` is None at the start of a chain."""

    dev: str
    after_boot: int | None
    after_seq: int | None
    before_boot: int
    before_seq: int
    declared_ms: int


class Refused(NamedTuple):
    """An entry for the quarantine."""

    recv_ms: int
    dev: str
    topic: str
    code: str
    reason: str
    sha: bytes
    payload: bytes


class Contest(NamedTuple):
    """An entry for the conflict table."""

    recv_ms: int
    dev: str
    boot: int
    seq: int
    kind: str
    reason: str
    sha: bytes
    payload: bytes


class Dated(NamedTuple):
    """A record without time that a later one dates."""

    ts_ms: int
    dev: str
    boot: int
    seq: int


@dataclass(slots=True)
class Batch:
    """Everything that one commit of the ingest writes."""

    raw: list[RawRow] = field(default_factory=list)
    intervals: list[IntervalRow] = field(default_factory=list)
    events: list[EventRow] = field(default_factory=list)
    seals: list[SealRow] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    contests: list[Contest] = field(default_factory=list)
    dated: list[Dated] = field(default_factory=list)
    cursors: list[CursorRow] = field(default_factory=list)
    gaps: list[GapRow] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter of the store."""
        self.counters[name] = self.counters.get(name, 0) + by


class StoredRecord(NamedTuple):
    """One raw record as it comes back."""

    boot: int
    seq: int
    t: str
    ts_ms: int | None
    payload: bytes


class QuarantineRow(NamedTuple):
    """One quarantined payload; ``times`` counts how often the same bytes came."""

    id: int
    recv_ms: int
    dev: str
    topic: str
    code: str
    reason: str
    payload: bytes
    times: int


class ConflictRow(NamedTuple):
    """One payload that contests the chain of its device."""

    id: int
    recv_ms: int
    dev: str
    boot: int
    seq: int
    kind: str
    reason: str
    payload: bytes


class DeviceRow(NamedTuple):
    """A claimed board; ``seal_key`` is the uncompressed point (65 bytes)."""

    dev: str
    site: str
    spki_sha256: str
    seal_key: bytes
    claimed_ms: int


class SiteRow(NamedTuple):
    """A register as it holds from ``from_ms`` on."""

    id: str
    yaml: str
    from_ms: int


class SegmentRow(NamedTuple):
    """A closed raw segment; hashes are hex."""

    dev: str
    hour: str
    part: int
    file: str
    sha256: str
    lines: int
    lines_root: str
    first_boot: int
    first_seq: int
    last_boot: int
    last_seq: int
    closed_ms: int


class FindingRow(NamedTuple):
    """A finding with its document (an element of ``findings`` in the output of ``gridwitness analyse``)."""

    id: str
    site: str
    kind: str
    subject_type: str
    subject_id: str
    status: str
    detected_ms: int
    first_seen_ms: int
    updated_ms: int
    doc: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PointLatest:
    """The newest interval of a point; ``values`` in the units of the field table, absent fields left out."""

    point: str
    dev: str
    ts_ms: int
    dur_ms: int
    q: int
    cq: int
    values: dict[str, float]
