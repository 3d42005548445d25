"""What a record contains: one table of members per type, and a check against it.

The table is the contract: `check` says what is wrong with a parsed record, and `schema` turns the same table into JSON
Schema and documentation. A board writes bodies with `body` and needs none of this in its heap.
"""

from . import VERSION
from .errors import WireError
from .fields import BY_KEY, GROUPS, QUALITY
from .topics import is_device_name

HEAD = (
    ("v", "version", True, "always 1"),
    ("t", "type", True, "record type; the last level of the topic"),
    ("dev", "device", True, "device name"),
    ("boot", "uint", True, "boot counter, committed to flash before the first publish"),
    ("seq", "uint", True, "0 is the boot record; +1 each record over all topics, no gaps"),
    ("ts", "time", True, "UTC in ms: start of the interval, or the moment of the event; null before the clock is set"),
    ("up", "uint", True, "ms since boot, monotonic"),
    ("cq", "clock_quality", True, "0 none, 1 RTC, 2 SNTP, 3 gateway-authenticated"),
    ("prev", "hash", True, "SHA-256 of the complete previous payload of this device"),
)
"""Members of every record of a device: ``(name, kind, required, meaning)``."""

TYPES = {
    "boot": (
        ("cause", "word", True, "reset cause: power_on, watchdog, software, crash, update"),
        ("fw", "word", True, "firmware version"),
        ("fw_date", "time_set", True, "release time of the firmware, UTC ms: no clock can be earlier"),
        ("cfg", "hash", True, "SHA-256 of the configuration in force"),
        ("cal", "hash", True, "SHA-256 of the calibration in force"),
        ("last", "ref_or_null", True, "[boot, seq] of the last record before this boot that survived"),
        ("seal", "seal_ref", True, "[boot, seq, sha256] of the last seal before this boot"),
        ("lost", "uint", True, "records known to be lost"),
    ),
    "data": (
        ("pt", "point", True, "metering point"),
        ("dur", "uint", True, "length of the interval, ms"),
        ("g", "group", True, "group of fields"),
        ("q", "quality", True, "quality word, see the table of bits"),
        ("m", "fields", True, "field key to integer"),
    ),
    "event": (
        ("pt", "point_or_null", True, "metering point, or null for the board itself"),
        ("k", "word", True, "kind: step, sag, swell, interruption, ct_open, cover_open, clock_step, config, command_refused, …"),
        ("x", "integers", False, "figures of the event, each an integer with its unit in the name"),
    ),
    "wave": (
        ("pt", "point", True, "metering point"),
        ("ch", "word", True, "channel"),
        ("i", "uint", True, "fragment"),
        ("n", "uint", True, "number of fragments"),
        ("rate", "uint", True, "samples per second"),
        ("scale", "uint", True, "nanovolts or nanoamperes per code"),
        ("b", "base64", True, "little-endian int16 samples"),
    ),
    "seal": (
        ("n", "uint", True, "records since the last seal, this one not counted"),
        ("first", "ref_or_null", True, "[boot, seq] of the first of them"),
        ("lroot", "hash", True, "RFC 6962 root over their complete payloads"),
        ("reg", "registers", True, "energy registers by point"),
        ("clk", "clock", True, "[offset in ms at the last synchronisation, its age in s], or null"),
        ("fw", "word", True, "firmware version"),
        ("cfg", "hash", True, "SHA-256 of the configuration in force"),
        ("cal", "hash", True, "SHA-256 of the calibration in force"),
        ("tamper", "uint", True, "tamper bits: 1 cover, 2 magnet, 4 CT open, 8 configuration changed"),
        ("cp", "checkpoint_ref", True, "[size, root] of the newest gateway checkpoint seen, or null"),
        ("why", "word", True, "hour, boot, config, calibration, tamper, update, shutdown"),
    ),
}
"""Members of each type after the head."""

DOWN_HEAD = (
    ("v", "version", True, "always 1"),
    ("t", "type", True, "ack, cmd or cfg"),
    ("dev", "device", True, "device name"),
    ("n", "uint", True, "strictly above the last one that the device holds: replay and rollback are refused"),
    ("ts", "time_set", True, "the gateway's UTC, ms"),
)
DOWN_TYPES = {
    "ack": (
        ("boot", "uint", True, "boot of the newest durable record"),
        ("seq", "uint", True, "its seq: everything up to and including it is durable"),
        ("tip", "hash", True, "SHA-256 of its payload"),
    ),
    "cmd": (("c", "word", True, "interval, wave, reboot, update, identify"), ("a", "integers", False, "arguments")),
    "cfg": (("c", "object", True, "configuration"),),
}
CHECKPOINT = (
    ("v", "version", True, "always 1"),
    ("t", "type", True, "checkpoint"),
    ("ts", "time_set", True, "UTC, ms"),
    ("size", "uint", True, "leaves of the log"),
    ("root", "hash", True, "its root"),
)

_NAME = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-+"


def _is_int(x: object) -> bool:
    return isinstance(x, int) and not isinstance(x, bool)


def _is_uint(x: object) -> bool:
    return isinstance(x, int) and not isinstance(x, bool) and x >= 0


def _is_hash(x: object) -> bool:
    return isinstance(x, str) and len(x) == 64 and all(c in "0123456789abcdef" for c in x)


def _is_word(x: object) -> bool:
    return isinstance(x, str) and 1 <= len(x) <= 32 and all(c in _NAME for c in x)


def _is_ref(x: object) -> bool:
    return isinstance(x, list) and len(x) == 2 and _is_uint(x[0]) and _is_uint(x[1])


def _all_ints(x: object) -> bool:
    return isinstance(x, dict) and all(_is_word(k) and _is_int(v) for k, v in x.items())


def _is_registers(x: object) -> bool:
    return isinstance(x, dict) and all(_is_word(k) and _all_ints(v) for k, v in x.items())


KINDS: dict = {
    "version": lambda x: x == VERSION and _is_int(x),
    "type": lambda x: isinstance(x, str),
    "device": lambda x: isinstance(x, str) and is_device_name(x),
    "uint": _is_uint,
    "time": lambda x: x is None or _is_uint(x),
    "time_set": _is_uint,
    "clock_quality": lambda x: _is_int(x) and 0 <= x <= 3,
    "hash": _is_hash,
    "word": _is_word,
    "point": _is_word,
    "point_or_null": lambda x: x is None or _is_word(x),
    "group": lambda x: x in GROUPS,
    "quality": lambda x: _is_uint(x) and x < 2 << len(QUALITY),
    "fields": lambda x: isinstance(x, dict) and len(x) > 0,
    "integers": _all_ints,
    "registers": _is_registers,
    "ref_or_null": lambda x: x is None or _is_ref(x),
    "seal_ref": lambda x: x is None or (isinstance(x, list) and len(x) == 3 and _is_ref(x[:2]) and _is_hash(x[2])),
    "clock": lambda x: x is None or (isinstance(x, list) and len(x) == 2 and _is_int(x[0]) and _is_uint(x[1])),
    "checkpoint_ref": lambda x: x is None or (isinstance(x, list) and len(x) == 2 and _is_uint(x[0]) and _is_hash(x[1])),
    "base64": lambda x: isinstance(x, str) and len(x) % 4 == 0,
    "object": lambda x: isinstance(x, dict),
}
"""A check for each kind of member."""


def members_of(record_type: object) -> tuple:
    """All members of a device's record type; raises WireError for a type that the contract does not know."""
    if not isinstance(record_type, str) or record_type not in TYPES:
        raise WireError("bad_schema", "there is no record type %r" % (record_type,))
    return HEAD + TYPES[record_type]


def check(record: dict) -> None:
    """Raise WireError ``bad_schema`` that names the first member with something wrong. Unknown members are let through."""
    _check_members(record, members_of(_type_of(record)))
    if record["t"] == "data":
        _check_fields(record["m"], record["g"])
    if (record["t"] == "boot") != (record["seq"] == 0):
        raise WireError("bad_schema", "seq 0 is the boot record, and only it")


def check_down(message: dict) -> None:
    """The same for a message of the gateway (ack, cmd, cfg, checkpoint)."""
    kind = _type_of(message)
    if kind == "checkpoint":
        _check_members(message, CHECKPOINT)
    elif kind in DOWN_TYPES:
        _check_members(message, DOWN_HEAD + DOWN_TYPES[kind])
    else:
        raise WireError("bad_schema", "there is no message type %r" % (kind,))


def _type_of(record: dict) -> object:
    if not isinstance(record, dict):
        raise WireError("bad_schema", "a payload is one JSON object")
    return record.get("t")


def _check_members(record: dict, members: tuple) -> None:
    for name, kind, required, _ in members:
        if name not in record:
            if required:
                raise WireError("bad_schema", "member %s is missing" % name)
        elif not KINDS[kind](record[name]):
            raise WireError("bad_schema", "member %s is no %s: %r" % (name, kind.replace("_", " "), record[name]))


def _check_fields(values: dict, group: str) -> None:
    for key, value in values.items():
        row = BY_KEY.get(key)
        if row is None:
            raise WireError("bad_schema", "field %s is not in the field table" % key)
        if row[5] != group:
            raise WireError("bad_schema", "field %s belongs to group %s, not %s" % (key, row[5], group))
        if not _is_int(value):
            raise WireError("bad_schema", "field %s is no integer: %r" % (key, value))
        if not row[3] <= value <= row[4]:
            raise WireError("bad_schema", "field %s is outside its range: %d" % (key, value))
