"""What a payload must be before it is believed, in the order of the wire contract: form, tag, JSON, members, clock. Pure.

Everything here raises `gwire.errors.WireError` whose code becomes the reason of a quarantine entry.
"""

import hmac
import json
from binascii import hexlify
from collections.abc import Mapping
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from gwire import envelope, records
from gwire.errors import WireError

from gridwitness.ingest.keyring import DeviceKeys

Record = dict[str, Any]

AHEAD_MS = 120_000
"""How far a record's time may lie ahead of the gateway's clock."""

LARGEST = (1 << 53) - 1
"""Largest integer of a head: beyond it JSON readers disagree (RFC 8259, section 6), and positions must be unmistakable."""

IN_CHAIN = ("bad_schema", "clock_ahead", "clock_before_firmware", "internal")
"""Reasons of quarantine that leave a record with a right tag in its chain."""

_ECDSA = ec.ECDSA(hashes.SHA256())
_decode = msgspec.json.Decoder().decode


def authenticate(payload: bytes, level: str, keys: DeviceKeys) -> None:
    """Check form and tag of a payload that came in on topic level ``level``.

    Raises ``bad_form``, ``bad_size``, ``bad_mac`` or ``bad_sig``.
    """
    if level not in envelope.SEALED_TYPES and _has_good_mac(payload, keys):
        return
    form, body, tag = envelope.split(payload)
    envelope.check_form(form, level)
    if form == envelope.MAC:
        raise WireError("bad_mac", "the mac does not fit the bytes under the device's key")
    r, s = int.from_bytes(tag[:32], "big"), int.from_bytes(tag[32:], "big")
    try:
        keys.seal_key.verify(encode_dss_signature(r, s), body, _ECDSA)
    except InvalidSignature:
        raise WireError("bad_sig", "the signature does not fit the bytes under the device's seal key") from None


def _has_good_mac(payload: bytes, keys: DeviceKeys) -> bool:
    """Form and tag in one comparison: the suffix that the right payload would have is written and compared."""
    if not envelope.MIN_BYTES <= len(payload) <= envelope.MAX_BYTES or payload[:1] != b"{":
        return False
    suffix = b',"mac":"' + hexlify(keys.up.mac(payload[: -envelope.MAC_SUFFIX])) + b'"}'
    return hmac.compare_digest(suffix, payload[-envelope.MAC_SUFFIX :]) and b"\n" not in payload and b"\r" not in payload


def decode(payload: bytes) -> Record:
    """Strict JSON of one object without duplicate keys; raises ``bad_json``."""
    try:
        record = _decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError("bad_json", f"the payload is no JSON: {error}") from None
    if not isinstance(record, dict):
        raise WireError("bad_json", "the payload is no JSON object")
    # Two readers may each take another one of two equal keys. Without white space and escapes every member has exactly one
    # `":`, so equal counts prove that no key was dropped; only otherwise is the slow way needed.
    plain = b" " not in payload and b"\t" not in payload and b"\\" not in payload
    if not plain or payload.count(b'":') != _count_keys(record):
        _check_doubles(payload)
    return record


def _count_keys(value: object) -> int:
    if isinstance(value, dict):
        return len(value) + sum(_count_keys(v) for v in value.values() if isinstance(v, (dict, list)))
    return sum(_count_keys(v) for v in value if isinstance(v, (dict, list))) if isinstance(value, list) else 0


def _check_doubles(payload: bytes) -> None:
    try:
        json.loads(payload, object_pairs_hook=_refuse_doubles)
    except RecursionError as error:
        raise WireError("bad_json", f"the payload is nested too deeply: {error}") from None


def _refuse_doubles(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise WireError("duplicate_key", f"member {doubled} appears twice")


def position_of(record: Record, dev: str, level: str) -> tuple[int, int]:
    """(boot, seq) of a record that belongs where it came in; raises ``wrong_topic``, ``wrong_device`` or ``bad_schema``."""
    if record.get("t") != level:
        raise WireError("wrong_topic", f"a record of type {record.get('t')!r} came in on topic level {level}")
    if record.get("dev") != dev:
        raise WireError("wrong_device", f"a record of device {record.get('dev')!r} came in on the topic of {dev}")
    for name in ("boot", "seq"):
        value = record.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LARGEST:
            raise WireError("bad_schema", f"member {name} is no number to count with: {value!r}")
    return record["boot"], record["seq"]


def check_content(record: Record) -> None:
    """Check a record's members against the contract; raises ``bad_schema``. The record stays in its chain all the same."""
    records.check(record)
    for name in ("ts", "up", "dur", "n"):
        value = record.get(name)
        if isinstance(value, int) and value > LARGEST:
            raise WireError("bad_schema", f"member {name} is too large: {value}")
    if record["t"] == "data" and record["dur"] == 0:
        raise WireError("bad_schema", "an interval has a length: dur is 0")


def check_clock(ts_ms: int | None, now_ms: int, fw_date_ms: int) -> None:
    """A record is neither from the future nor older than its firmware; raises ``clock_ahead`` or ``clock_before_firmware``."""
    if ts_ms is None:
        return
    if ts_ms > now_ms + AHEAD_MS:
        raise WireError("clock_ahead", f"ts {ts_ms} lies {(ts_ms - now_ms) // 1000} s ahead of the gateway's clock")
    if ts_ms < fw_date_ms:
        raise WireError("clock_before_firmware", f"ts {ts_ms} is earlier than the release of the device's firmware ({fw_date_ms})")


def firmware_date(record: Record) -> int | None:
    """``fw_date`` of a boot record, if it is one that can be used."""
    value = record.get("fw_date")
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST else None


def last_before(record: Record) -> tuple[int, int] | None:
    """``last`` of a boot record. If it cannot be read, a position that nothing before this boot can reach."""
    last = record.get("last", ())
    if last is None:
        return None
    if isinstance(last, list) and len(last) == 2 and all(isinstance(x, int) and not isinstance(x, bool) for x in last):
        return last[0], last[1]
    return record["boot"], -1


def is_reference(record: Mapping[str, Any]) -> bool:
    """Whether other records can be dated from this one."""
    return (
        isinstance(record.get("ts"), int) and isinstance(record.get("cq"), int) and record["cq"] >= 1 and isinstance(record.get("up"), int)
    )
