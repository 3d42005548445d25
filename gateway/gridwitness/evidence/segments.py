"""Raw segments: the payloads of one device and hour, exact bytes, one file, never touched again.

``segments/<dev>/<hour>.jsonl`` holds the payloads in chain order, each followed by one LF; the hour is the UTC hour of the
record's own or derived time. A segment closes some time (2 h) after the seal over its last record; what comes later goes into
``<hour>.1.jsonl``, ``<hour>.2.jsonl`` … so that a closed file and its hash stay what they were.
"""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gwire import merkle
from gwire.envelope import sha256_hex

from gridwitness.domain.moments import hour_key
from gridwitness.evidence.source import Position, RawRow

UNDATED = "undated"
"""Name of the hour of records that nothing dates, not even a neighbour in the chain."""

CLOSE_AFTER_MS = 7_200_000
"""Default of the setting ``evidence.segment_close_s``."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A closed segment: one row of the store's ``segment`` table.

    ``file`` is relative to the segments' folder, ``sha256`` that of the whole file, ``lines_root`` the RFC 6962 root over the
    payloads (without LF) in the file's order; both lower-case hex. ``first`` and ``last`` are positions ``(boot, seq)``.
    """

    dev: str
    hour: str
    part: int
    file: str
    sha256: str
    lines: int
    lines_root: str
    first: Position
    last: Position
    closed_ms: int


def file_name(hour: str, part: int) -> str:
    """``<hour>.jsonl``, and ``<hour>.<part>.jsonl`` for late records."""
    return f"{hour}.jsonl" if part == 0 else f"{hour}.{part}.jsonl"


def by_hour(rows: Iterable[RawRow]) -> dict[str, list[RawRow]]:
    """Rows grouped by UTC hour, the chain's order kept within each.

    A record without any time goes with the record before it in the chain (at the very beginning: with the first that has a
    time), so that the chain can be read hour by hour.
    """
    groups: dict[str, list[RawRow]] = {}
    waiting: list[RawRow] = []
    hour: str | None = None
    for row in rows:
        if row[3] is not None:
            hour = hour_key(row[3])
        if hour is None:
            waiting.append(row)
            continue
        groups.setdefault(hour, []).extend([*waiting, row])
        waiting.clear()
    if waiting:
        groups[UNDATED] = waiting
    return groups


def lines(payloads: Iterable[bytes]) -> bytes:
    """The content of a segment: each payload followed by LF."""
    return b"".join(payload + b"\n" for payload in payloads)


def close_due(
    dev: str,
    rows: Iterable[RawRow],
    closed: Sequence[Segment],
    folder: Path,
    now_ms: int,
    close_after_ms: int = CLOSE_AFTER_MS,
) -> list[Segment]:
    """Write the segments of one device that are due; returns their rows, which the caller stores afterwards.

    ``rows``: raw records in chain order, all of the device or all from some position on; what older segments hold already is
    left out. ``closed``: the device's segments so far. An hour is due when a seal follows its last record and that seal's time
    lies ``close_after_ms`` back. Running it twice before the rows are stored writes the same files again: nothing is doubled.
    """
    ordered = list(rows)
    seals = [(row[0], row[1], row[3]) for row in ordered if row[2] == "seal" and row[3] is not None]
    made = []
    for hour, group in by_hour(ordered).items():
        parts = [s for s in closed if s.dev == dev and s.hour == hour]
        fresh = _not_in(group, parts, folder)
        if fresh and _sealed_before(fresh[-1][:2], seals, now_ms - close_after_ms):
            made.append(_write(dev, hour, len(parts), fresh, folder, now_ms))
    return made


def _not_in(group: list[RawRow], parts: Sequence[Segment], folder: Path) -> list[RawRow]:
    if sum(part.lines for part in parts) == len(group):
        return []
    held = {position for part in parts for position in _positions(folder / part.file)}
    return [row for row in group if row[:2] not in held]


def _positions(path: Path) -> list[Position]:
    records = (json.loads(line) for line in path.read_bytes().splitlines())
    return [(record["boot"], record["seq"]) for record in records]


def _sealed_before(position: Position, seals: list[tuple[int, int, int]], limit_ms: int) -> bool:
    seal_ms = next((ts for boot, seq, ts in seals if (boot, seq) >= position), None)
    return seal_ms is not None and seal_ms <= limit_ms


def _write(dev: str, hour: str, part: int, rows: list[RawRow], folder: Path, now_ms: int) -> Segment:
    payloads = [row[4] for row in rows]
    content = lines(payloads)
    name = f"{dev}/{file_name(hour, part)}"
    write_durably(folder / name, content)
    root = merkle.root_of(payloads).hex()
    return Segment(dev, hour, part, name, sha256_hex(content), len(rows), root, rows[0][:2], rows[-1][:2], now_ms)


def write_durably(path: Path, content: bytes) -> None:
    """Temporary file, fsync, rename, fsync of the folder: after a power cut the file is whole or absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
