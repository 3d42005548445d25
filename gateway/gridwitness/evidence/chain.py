"""What a device's chain proves: positions, links, seals. Shared by the exporter and the verifier.

A record is PROVEN when a seal covers it: because it is one of the lines under the seal's root, or because a proven record
carries its hash in ``prev``. Only the board holds the seal key, so the gateway's operator cannot make this up. Whatever is not
proven is not thereby forged: it may simply be younger than the newest seal.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gwire import ZERO_HASH, merkle

from gridwitness.evidence.record import Record
from gridwitness.evidence.source import Position

CheckSeal = Callable[[Record], bool]
"""Whether a seal's signature is that of the device's key."""


@dataclass(frozen=True, slots=True)
class Hole:
    """Records missing between two that are there; ``declared_by`` are the boot records in which the device says so."""

    after: Position | None
    before: Position
    missing: int | None
    declared_by: tuple[Position, ...] = ()


@dataclass(slots=True)
class ChainReport:
    """What was found. ``broken`` are contradictions (each a sentence), the rest is what a chain may lawfully show."""

    seals: int = 0
    broken: list[str] = field(default_factory=list)
    holes: list[Hole] = field(default_factory=list)
    unproven: list[Record] = field(default_factory=list)
    after_newest_seal: int = 0
    roots_not_checked: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class DeviceView:
    """One device of a bundle: its records in chain order, their times (UTC ms), and what they prove."""

    dev: str
    chain: Sequence[Record]
    times: Mapping[Position, int]
    report: ChainReport


def examine(chain: Sequence[Record], check_seal: CheckSeal) -> ChainReport:
    """Examine the records of one device, ascending by position, each position once."""
    report = ChainReport()
    links = _links(chain, report)
    _judge_holes(chain, report)
    proven = _seals(chain, check_seal, report)
    for index in range(len(chain) - 1, -1, -1):
        target = links.get(index)
        if index in proven and target is not None:
            proven.add(target)
    _check_declarations(chain, proven, report)
    report.unproven = [record for index, record in enumerate(chain) if index not in proven]
    newest = max((i for i, record in enumerate(chain) if record.t == "seal"), default=-1)
    report.after_newest_seal = len(chain) - 1 - newest
    return report


def _links(chain: Sequence[Record], report: ChainReport) -> dict[int, int]:
    """Index of each record → index of the record whose hash it carries."""
    at = {record.position: index for index, record in enumerate(chain)}
    links: dict[int, int] = {}
    for index, record in enumerate(chain):
        before = chain[index - 1] if index else None
        target = _boot_link(record, before, at, chain, report) if record.position[1] == 0 else _inner_link(record, before, index, report)
        if target is not None:
            links[index] = target
    return links


def _inner_link(record: Record, before: Record | None, index: int, report: ChainReport) -> int | None:
    if before is None:
        return None  # the opening record; whether it may open a bundle is the verifier's question
    boot, seq = record.position
    if before.position != (boot, seq - 1):
        missing = seq - before.position[1] - 1 if before.position[0] == boot else seq
        report.holes.append(Hole(before.position, record.position, missing))
        return None
    if record.prev != before.digest:
        report.broken.append(f"{record.name} does not carry the hash of the record before it, {before.name}: one of the two was changed")
        return None
    return index - 1


def _boot_link(record: Record, before: Record | None, at: dict[Position, int], chain: Sequence[Record], report: ChainReport) -> int | None:
    last, seal = record.doc.get("last"), record.doc.get("seal")
    if before is None:
        return None
    if record.schema_error is not None:  # what it says of itself cannot be read; its hash still binds it to its neighbour
        if record.prev == before.digest:
            return at[before.position]
        report.broken.append(f"{record.name} does not carry the hash of the record before it, {before.name}")
        return None
    if last is None:
        if record.prev != ZERO_HASH:
            report.broken.append(f"{record.name} names no earlier record, but carries a hash of one")
        else:
            report.forgotten.append(f"{record.name} knows of no record before it: the device had lost its memory")
        return None
    position = (last[0], last[1]) if isinstance(last, list) and len(last) == 2 else (-1, -1)
    index = at.get(position)
    if index is not None and chain[index].digest == record.prev:
        return index
    if isinstance(seal, list) and len(seal) == 3:
        sealed = at.get((seal[0], seal[1]))
        if sealed is not None and chain[sealed].digest == record.prev == seal[2]:
            return sealed
    if index is None and position > before.position:
        missing = position[1] - before.position[1] if position[0] == before.position[0] else None
        report.holes.append(Hole(before.position, record.position, missing))
        return None
    report.broken.append(f"{record.name} does not carry the hash of the record {list(position)} that it names as the last before it")
    return None


def _judge_holes(chain: Sequence[Record], report: ChainReport) -> None:
    """A hole is the device's own if later boot records declare at least as many records lost as are missing."""
    budget = {r.position: r.doc["lost"] for r in chain if r.t == "boot" and not r.schema_error and r.doc["lost"]}
    for number, hole in enumerate(report.holes):
        later = [position for position in sorted(budget) if position >= hole.before]
        if hole.missing is not None and sum(budget[p] for p in later) >= hole.missing:
            report.holes[number] = replace(hole, declared_by=_spend(budget, later, hole.missing))
        else:
            count = "records are" if hole.missing is None else f"{hole.missing} record{' is' if hole.missing == 1 else 's are'}"
            report.broken.append(f"{count} missing between {_pos(hole.after)} and {_pos(hole.before)}; the device declared no such loss")


def _spend(budget: dict[Position, int], positions: list[Position], need: int) -> tuple[Position, ...]:
    used = []
    for position in positions:
        share = min(need, budget[position])
        budget[position] -= share
        need -= share
        if share:
            used.append(position)
    return tuple(used)


def _check_declarations(chain: Sequence[Record], proven: set[int], report: ChainReport) -> None:
    sealed = {chain[index].position for index in proven}
    for hole in report.holes:
        for position in hole.declared_by:
            if position not in sealed:
                report.broken.append(f"boot {_pos(position)} declares records before {_pos(hole.before)} lost, but no seal covers it")


def _seals(chain: Sequence[Record], check_seal: CheckSeal, report: ChainReport) -> set[int]:
    proven: set[int] = set()
    since = 0
    opening = True
    for index, record in enumerate(chain):
        if record.t != "seal":
            continue
        report.seals += 1
        if record.schema_error or not check_seal(record):
            why = record.schema_error or "its signature is not that of the device's key"
            report.broken.append(f"{record.name} is no valid seal: {why}")
        else:
            proven.add(index)
            # what lies under a seal that opens the bundle belongs to the time before it
            if not (opening and index == 0):
                proven.update(_covered(chain, since, index, report))
        since, opening = index + 1, False
    return proven


def _covered(chain: Sequence[Record], since: int, index: int, report: ChainReport) -> range:
    """Indices under the seal at ``index``, once its count, first position and root fit."""
    seal = chain[index]
    count, first, root = seal.doc["n"], seal.doc["first"], seal.doc["lroot"]
    nothing = range(0)
    if count == 0:
        if root != merkle.EMPTY.hex():
            report.broken.append(f"{seal.name} covers nothing, but its root is not that of an empty tree")
        return nothing
    begin = next((i for i in range(since, index) if first is not None and chain[i].position >= (first[0], first[1])), index)
    lines = range(begin, index)
    lost = sum(hole.missing or 0 for hole in report.holes if hole.declared_by and _inside(hole, first, seal.position))
    if lost and len(lines) + lost == count:
        report.roots_not_checked.append(f"{seal.name}: {lost} of its {count} records were declared lost, so its root cannot be computed")
        return nothing
    forgotten = sum(r.doc["lost"] for r in chain[begin:index] if r.t == "boot" and not r.schema_error)
    if count < len(lines) <= count + forgotten:
        report.roots_not_checked.append(
            f"{seal.name}: the device had lost {len(lines) - count} of the records that are here before it sealed"
        )
        return nothing
    if not lines or chain[begin].position != (first[0], first[1]) or len(lines) != count:
        report.broken.append(
            f"{seal.name} covers {count} records from {_pos(first)}, but {len(lines)} are here: records are missing or were added"
        )
        return nothing
    if merkle.root_of([chain[i].payload for i in lines]).hex() != root:
        report.broken.append(f"{seal.name} has another root than the {count} records under it: at least one of them was changed")
        return nothing
    return lines


def _inside(hole: Hole, first: Sequence[int] | None, seal: Position) -> bool:
    return first is not None and hole.before <= seal and hole.before >= (first[0], first[1])


def _pos(position: Sequence[int] | None) -> str:
    return "the beginning" if position is None else f"{position[0]}/{position[1]}"
