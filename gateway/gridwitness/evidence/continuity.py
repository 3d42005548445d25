"""What a device's records say about their own completeness, hour by hour: ``data/continuity/<dev>.json``.

Computed from the raw records alone, so that the verifier computes it again.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from gridwitness.domain.moments import HOUR_MS, hour_key, iso
from gridwitness.evidence.chain import DeviceView
from gridwitness.evidence.record import Record
from gridwitness.evidence.source import Position

FORMAT = "gridwitness-continuity/1"


def document(view: DeviceView, from_ms: int, to_ms: int) -> dict[str, Any]:
    """Every hour of the period: intervals expected, received, missing; reboots with their causes, clock steps, holes."""
    chain, times, report = view.chain, view.times, view.report
    usual = _usual_intervals(chain)
    by_hour: dict[int, list[Record]] = {}
    for record in chain:
        if from_ms <= times.get(record.position, -1) < to_ms:
            by_hour.setdefault(times[record.position] // HOUR_MS, []).append(record)
    hours = []
    for start in range(from_ms - from_ms % HOUR_MS, to_ms, HOUR_MS):
        covered_ms = min(start + HOUR_MS, to_ms) - max(start, from_ms)
        hours.append(_hour(start, covered_ms, by_hour.get(start // HOUR_MS, []), times, usual))
    return {
        "format": FORMAT,
        "dev": view.dev,
        "period": {"from": iso(from_ms), "to": iso(to_ms)},
        "records": len(chain),
        "seals": report.seals,
        "not_sealed": len(report.unproven),
        "undated": len(chain) - len(times),
        "interval_ms": dict(sorted(usual.items())),
        "totals": {key: sum(h[key] for h in hours) for key in ("expected", "received", "missing")},
        "hours": hours,
        "reboots": [_reboot(r, times) for r in chain if r.t == "boot"],
        "clock_steps": [_event(r, times) for r in chain if r.t == "event" and r.doc.get("k") == "clock_step"],
        "changes": [_event(r, times) for r in chain if r.t == "event" and r.doc.get("k") in ("config", "calibration", "cover_open")],
        "holes": [
            {"after": _list(h.after), "before": list(h.before), "missing": h.missing, "declared_in": [list(p) for p in h.declared_by]}
            for h in report.holes
        ],
        "memory_lost": list(report.forgotten),
    }


def _usual_intervals(chain: Sequence[Record]) -> dict[str, int]:
    """Each point's most frequent interval length, ms."""
    seen: dict[str, Counter[int]] = {}
    for record in chain:
        if _is_interval(record):
            seen.setdefault(record.doc["pt"], Counter())[record.doc["dur"]] += 1
    return {point: max(lengths.items(), key=lambda item: (item[1], -item[0]))[0] for point, lengths in seen.items()}


def _is_interval(record: Record) -> bool:
    return record.t == "data" and record.schema_error is None and record.doc["g"] == "power" and record.doc["dur"] > 0


def _hour(start: int, covered_ms: int, inside: Sequence[Record], times: Mapping[Position, int], usual: dict[str, int]) -> dict[str, Any]:
    starts = {(r.doc["pt"], times[r.position]) for r in inside if _is_interval(r)}
    # an interval belongs to the hour in which it starts; only whole ones are expected
    expected = sum(covered_ms // dur for dur in usual.values())
    received = len(starts)
    return {
        "hour": hour_key(start) + "Z",
        "records": len(inside),
        "expected": expected,
        "received": received,
        "missing": max(0, expected - received),
        "seals": sum(r.t == "seal" for r in inside),
        "clock_quality_min": min((int(r.doc.get("cq", 0)) for r in inside), default=None),
    }


def _reboot(record: Record, times: Mapping[Position, int]) -> dict[str, Any]:
    doc = record.doc
    return {
        "boot": record.position[0],
        "at": _when(record, times),
        "cause": doc.get("cause"),
        "fw": doc.get("fw"),
        "last": doc.get("last"),
        "lost": doc.get("lost"),
    }


def _event(record: Record, times: Mapping[Position, int]) -> dict[str, Any]:
    return {"position": list(record.position), "at": _when(record, times), "kind": record.doc.get("k"), "figures": record.doc.get("x", {})}


def _when(record: Record, times: Mapping[Position, int]) -> str | None:
    moment = times.get(record.position)
    return None if moment is None else iso(moment)


def _list(position: Position | None) -> list[int] | None:
    return None if position is None else list(position)
