"""Boards: when each was last heard, how good its clock is, its seals, and what of it was refused."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from gridwitness.domain.moments import HOUR_MS, MINUTE_MS, iso
from gridwitness.store import DeviceRow, Store, StoredRecord
from gridwitness.web import states
from gridwitness.web.views.sentences import Doc

SILENT_AFTER_MS = 10 * MINUTE_MS
SEAL_LOOKBACK_MS = 2 * HOUR_MS
MOST_REFUSALS = 1000


def devices_view(store: Store | None, zones: Mapping[str, str], now_ms: int) -> Doc:
    """All claimed boards, silent ones first. ``zones``: time zone of each site."""
    refused = Counter(row.dev for row in store.quarantined(MOST_REFUSALS)) if store else Counter[str]()
    contested = Counter(row.dev for row in store.conflicts(MOST_REFUSALS)) if store else Counter[str]()
    rows = [_row(store, device, zones.get(device.site, "UTC"), now_ms) for device in store.devices()] if store else []
    for row in rows:
        row["quarantined"], row["contested"] = refused[row["dev"]], contested[row["dev"]]
        row["state"] = states.CASE if row["contested"] else states.WATCH if row["silent"] else states.NORMAL
    rows.sort(key=lambda r: (states.rank(r["state"]), r["site"], r["dev"]))
    return {
        "format": "gridwitness-page-devices/1",
        "now_ms": now_ms,
        "devices": rows,
        "counters": store.counts() if store else {},
    }


def _row(store: Store, device: DeviceRow, zone: str, now_ms: int) -> Doc:
    newest = store.newest(device.dev)
    at_ms = newest.ts_ms if newest else None
    boot = _document(store.raw_record(device.dev, newest.boot, 0)) if newest else {}
    cursor = store.cursor(device.dev)
    return {
        "dev": device.dev,
        "site": device.site,
        "timezone": zone,
        "fingerprint": device.spki_sha256,
        "claimed_ms": device.claimed_ms,
        "last_record": _record(newest, zone),
        "silent": at_ms is None or now_ms - at_ms > SILENT_AFTER_MS,
        "clock_quality": _document(newest).get("cq") if newest else None,
        "firmware": boot.get("fw"),
        "restart_cause": boot.get("cause"),
        "last_seal": _seal(store, device.dev, at_ms, zone),
        "acknowledged": [cursor.boot, cursor.seq] if cursor else None,
        "gaps": len(store.gaps(device.dev)),
    }


def _record(record: StoredRecord | None, zone: str) -> Doc | None:
    if record is None:
        return None
    at = iso(record.ts_ms, zone) if record.ts_ms is not None else None
    return {"boot": record.boot, "seq": record.seq, "type": record.t, "at": at, "at_ms": record.ts_ms}


def _seal(store: Store, dev: str, until_ms: int | None, zone: str) -> Doc | None:
    """The newest seal of the last two hours before the newest record."""
    if until_ms is None:
        return None
    found = None
    for record in store.raw(dev, until_ms - SEAL_LOOKBACK_MS, until_ms + 1):
        found = record if record.t == "seal" else found
    doc = _document(found)
    return {**(_record(found, zone) or {}), "records": doc.get("n"), "why": doc.get("why")} if found else None


def _document(record: StoredRecord | None) -> dict[str, Any]:
    """The JSON object of a record whose form the ingest has checked."""
    if record is None:
        return {}
    doc = json.loads(record.payload)
    return doc if isinstance(doc, dict) else {}
