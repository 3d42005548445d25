"""One raw line, read: its place in the chain, its form, and its members. Nothing here says whether it is true."""

import json
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from gwire import envelope, records
from gwire.dating import derived_ts
from gwire.errors import WireError

from gridwitness.evidence.source import Position


@dataclass(frozen=True, slots=True)
class Record:
    """A payload that can be placed in a chain. ``where`` names file and line for people."""

    position: Position
    t: str
    prev: str
    digest: str
    doc: Mapping[str, Any]
    payload: bytes
    where: str
    schema_error: str | None

    @property
    def name(self) -> str:
        """How messages call it: ``seal 3/17 (2026-12-01T04.jsonl:8)``."""
        return f"{self.t} {self.position[0]}/{self.position[1]} ({self.where})"


class UnreadableError(ValueError):
    """A line that cannot be placed in a chain: bad form, no JSON object, another device, no position."""


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    doubled = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
    if doubled:
        raise ValueError(f"member {doubled[0]} appears twice")
    return dict(pairs)


def parse_json(text: bytes | str) -> Any:
    """JSON with duplicate keys refused (two readers could each take another one) and NaN and infinities refused."""

    def refuse(word: str) -> Any:
        raise ValueError(f"{word} is no JSON number")

    return json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=refuse)


def parse(payload: bytes, dev: str, where: str) -> Record:
    """Read one payload of device ``dev``; raises `UnreadableError` with a sentence."""
    try:
        form, _, _ = envelope.split(payload)
        doc = parse_json(payload)
    except (WireError, ValueError, RecursionError) as error:
        raise UnreadableError(f"{where}: {error}") from None
    if not isinstance(doc, dict):
        raise UnreadableError(f"{where}: a payload is one JSON object")
    if doc.get("dev") != dev:
        raise UnreadableError(f"{where}: the record is of device {doc.get('dev')!r}, its folder of {dev!r}")
    boot, seq, kind, prev = doc.get("boot"), doc.get("seq"), doc.get("t"), doc.get("prev")
    if not (_uint(boot) and _uint(seq) and isinstance(kind, str) and isinstance(prev, str)):
        raise UnreadableError(f"{where}: boot, seq, t or prev is missing or of the wrong kind")
    try:
        envelope.check_form(form, kind)
    except WireError as error:
        raise UnreadableError(f"{where}: {error}") from None
    return Record((boot, seq), kind, prev, envelope.sha256_hex(payload), doc, payload, where, _schema_error(doc))


def _uint(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _schema_error(doc: dict[str, Any]) -> str | None:
    try:
        records.check(doc)
    except (WireError, TypeError, KeyError) as error:
        return str(error)
    return None


def dates(chain: Iterable[Record], excluded: Container[Position] = ()) -> dict[Position, int]:
    """The time of every record that has one, UTC ms: its own, or derived.

    A record with ``ts`` null is dated from the first later record of the same boot that has a time and ``cq`` ≥ 1, by the
    difference of their ``up`` (`gwire.dating`); if none comes it is left out. So is a record that breaks the contract, that claims to
    be older than its firmware (member ``fw_date`` of the boot record), or that the gateway ``excluded`` for its clock.
    """
    found: dict[Position, int] = {}
    waiting: list[Record] = []
    boot, fw_date = -1, 0
    for record in chain:
        if record.position[0] != boot:
            boot, fw_date = record.position[0], 0
            waiting.clear()
        if record.schema_error is not None or record.position in excluded:
            continue
        if record.t == "boot":
            fw_date = record.doc["fw_date"]
        ts = record.doc["ts"]
        if ts is None:
            waiting.append(record)
        elif ts >= fw_date:
            found[record.position] = ts
            if record.doc["cq"]:
                found.update({earlier.position: derived_ts(dict(earlier.doc), dict(record.doc)) for earlier in waiting})
                waiting.clear()
    return found
