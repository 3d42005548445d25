"""Which raw records a bundle takes from each device, and which period it covers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gwire import ZERO_HASH

from gridwitness.domain.errors import GridwitnessError
from gridwitness.domain.moments import iso, parse_ms
from gridwitness.evidence.record import Record, UnreadableError, dates, parse
from gridwitness.evidence.source import BundleSource, Device, Position, RawRow, StoredFinding


@dataclass(frozen=True, slots=True)
class Extent:
    """All records of a device in chain order, their times (UTC ms), and those that the gateway left out for their clock."""

    device: Device
    rows: Sequence[RawRow]
    records: Sequence[Record]
    times: Mapping[Position, int]
    excluded: Mapping[Position, str]

    def seals(self) -> list[tuple[int, int]]:
        """``(index, ts_ms)`` of the seals that have a time."""
        return [(i, self.times[r.position]) for i, r in enumerate(self.records) if r.t == "seal" and r.position in self.times]

    @property
    def has_beginning(self) -> bool:
        """Whether the first record is the first that the device ever made."""
        first = self.records[0]
        return first.t == "boot" and first.prev == ZERO_HASH and first.doc.get("last") is None

    def cut(self, from_ms: int, to_ms: int) -> range:
        """From the last seal before the period (or the beginning) to the first seal at or after its end, or to the last record.

        A board may seal at the very end of an interval and store that interval a moment later: the closing seal has to cover it.
        """
        seals = self.seals()
        openings = [index for index, ts in seals if ts <= from_ms]
        begin = openings[-1] if openings and not (self.has_beginning and len(openings) == 1) else 0
        inside = (i for i, r in enumerate(self.records) if r.t == "data" and from_ms <= self.times.get(r.position, -1) < to_ms)
        newest = max(inside, default=-1)
        closings = [index for index, ts in seals if ts >= to_ms and index > newest]
        younger = closings and closings[0] != seals[-1][0]
        return range(begin, closings[0] + 1 if younger else len(self.records))


def read(source: BundleSource, device: Device) -> Extent | None:
    """Everything of one device; None when there is nothing."""
    rows, records = [], []
    excluded = source.excluded(device.dev)
    for row in source.raw(device.dev):
        try:
            records.append(parse(row[4], device.dev, f"record {row[0]}/{row[1]}"))
            rows.append(row)
        except UnreadableError as error:
            raise GridwitnessError("unreadable_record", f"{device.dev}, {error}", "the store holds a record that breaks gw-env/1") from None
    return Extent(device, rows, records, dates(records, excluded), excluded) if records else None


def period(extents: Sequence[Extent], stored: StoredFinding) -> tuple[int, int]:
    """UTC ms: from the first interval that is under seals, to the newest moment that all devices have sealed.

    Raises GridwitnessError ``no_records`` or ``not_sealed``.
    """
    starts = [ts for e in extents for r in e.records if r.t == "data" and (ts := e.times.get(r.position)) is not None]
    if not starts:
        raise GridwitnessError("no_records", f"there is no dated interval of site {stored.site}", "the finding comes from another store")
    openings = [e.seals()[0][1] for e in extents if e.seals() and not e.has_beginning]
    newest = {e.device.dev: e.seals()[-1][1] if e.seals() else None for e in extents}
    detected_ms = parse_ms(stored.doc["detected_at"])
    late = sorted(dev for dev, ts in newest.items() if ts is None or ts < detected_ms)
    if late:
        why = f"{', '.join(late)} has no seal since the finding was made ({iso(detected_ms)})"
        hint = "a device seals every hour and on orderly shutdown: export again after its next seal"
        raise GridwitnessError("not_sealed", why, hint)
    return max([min(starts), *openings]), min([stored.to_ms, *(ts for ts in newest.values() if ts is not None)])
