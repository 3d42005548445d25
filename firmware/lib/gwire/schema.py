"""JSON Schema and documentation of the contract, generated from the same tables that both sides check with.

``make contract`` writes both into ``docs/contract/``; a test fails when they differ. Not needed on the board.
"""

import json

from .fields import FIELDS, GROUPS, QUALITY
from .records import CHECKPOINT, DOWN_HEAD, DOWN_TYPES, HEAD, TYPES

_UINT = {"type": "integer", "minimum": 0}
_HASH = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_WORD = {"type": "string", "pattern": "^[A-Za-z0-9_.+-]{1,32}$"}
_REF = {"type": "array", "prefixItems": [_UINT, _UINT], "items": False, "minItems": 2}
_INTEGERS = {"type": "object", "additionalProperties": {"type": "integer"}, "propertyNames": _WORD}


def _or_null(schema: dict) -> dict:
    return {"anyOf": [schema, {"type": "null"}]}


def _pair(first: dict, second: dict) -> dict:
    return {"type": "array", "prefixItems": [first, second], "items": False, "minItems": 2}


KIND_SCHEMAS: dict = {
    "version": {"const": 1},
    "type": {"type": "string"},
    "device": {"type": "string", "pattern": "^[a-z0-9-]{3,32}$"},
    "uint": _UINT,
    "time": _or_null(_UINT),
    "time_set": _UINT,
    "clock_quality": {"type": "integer", "minimum": 0, "maximum": 3},
    "hash": _HASH,
    "word": _WORD,
    "point": _WORD,
    "point_or_null": _or_null(_WORD),
    "group": {"enum": list(GROUPS)},
    "quality": {"type": "integer", "minimum": 0, "exclusiveMaximum": 2 << len(QUALITY)},
    "fields": {"type": "object", "minProperties": 1},
    "integers": _INTEGERS,
    "registers": {"type": "object", "additionalProperties": _INTEGERS, "propertyNames": _WORD},
    "ref_or_null": _or_null(_REF),
    "seal_ref": _or_null({"type": "array", "prefixItems": [_UINT, _UINT, _HASH], "items": False, "minItems": 3}),
    "clock": _or_null(_pair({"type": "integer"}, _UINT)),
    "checkpoint_ref": _or_null(_pair(_UINT, _HASH)),
    "base64": {"type": "string", "contentEncoding": "base64", "pattern": "^([^=]{4})*([^=]{4}|[^=]{3}=|[^=]{2}==)?$"},
    "object": {"type": "object"},
}


def _object(members: tuple, name: str, tag: str) -> dict:
    properties = {key: dict(KIND_SCHEMAS[kind], description=text) for key, kind, _, text in members}
    properties["t"] = {"const": name}
    digits = 128 if tag == "sig" else 32
    properties[tag] = {"type": "string", "pattern": "^[0-9a-f]{%d}$" % digits}
    if name == "data":
        properties["m"] = {"type": "object", "minProperties": 1}
    required = [key for key, _, needed, _ in members if needed] + [tag]
    schema = {"type": "object", "title": name, "properties": properties, "required": required}
    if name == "data":
        schema["allOf"] = [_fields_of(group) for group in GROUPS]
    if "seq" in properties and "prev" in properties:
        properties["seq"] = {"const": 0} if name == "boot" else {"type": "integer", "minimum": 1}
    return schema


def _fields_of(group: str) -> dict:
    keys = {row[0]: {"type": "integer", "minimum": row[3], "maximum": row[4]} for row in FIELDS if row[5] == group}
    return {
        "if": {"properties": {"g": {"const": group}}},
        "then": {"properties": {"m": {"properties": keys, "additionalProperties": False}}},
    }


def json_schema() -> dict:
    """JSON Schema (2020-12) of every payload, device to gateway and back."""
    options = [_object(HEAD + rest, name, "sig" if name == "seal" else "mac") for name, rest in sorted(TYPES.items())]
    options += [_object(DOWN_HEAD + rest, name, "mac") for name, rest in sorted(DOWN_TYPES.items())]
    options.append(_object(CHECKPOINT, "checkpoint", "sig"))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "gw-env/1", "oneOf": options}


def schema_text() -> str:
    """The schema as it stands in ``docs/contract/gw-env-1.schema.json``."""
    return json.dumps(json_schema(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _table(head: tuple, rows: list) -> list:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(str(cell).replace("|", "/") for cell in row) + " |" for row in rows] + [""]


def markdown() -> str:
    """The documentation page ``docs/contract/fields.md``."""
    out = ["# gw-env/1: fields and records", "", "Generated from `firmware/lib/gwire` by `make contract`; do not edit."]
    out += ["", "## Fields", ""]
    out.append("A value on the wire is an integer; the quantity is integer × step in the stated unit.")
    out.append("")
    rows = [("`%s`" % r[0], r[1], "1e%d" % r[2] if r[2] else "1", r[5], r[6] or "—", r[7], r[8]) for r in FIELDS]
    out += _table(("key", "unit", "step", "group", "OBIS", "meaning", "中文"), rows)
    out += ["## Quality word `q`", ""]
    out += _table(("bit", "name", "meaning", "中文"), [(r[0], "`%s`" % r[1], r[2], r[3]) for r in QUALITY])
    out += ["## Members of every record of a device", ""] + _members(HEAD)
    for name, members in TYPES.items():
        out += ["## `%s`" % name, ""] + _members(members)
    out += ["## Members of every message of the gateway", ""] + _members(DOWN_HEAD)
    for name, members in DOWN_TYPES.items():
        out += ["## `%s`" % name, ""] + _members(members)
    out += ["## `checkpoint`", ""] + _members(CHECKPOINT)
    return "\n".join(out).rstrip("\n") + "\n"


def _members(members: tuple) -> list:
    rows = [("`%s`" % name, kind.replace("_", " "), "yes" if needed else "no", text) for name, kind, needed, text in members]
    return _table(("member", "kind", "required", "meaning"), rows)


GENERATED = (("gw-env-1.schema.json", schema_text), ("fields.md", markdown))
"""Files of ``docs/contract/`` and what makes them."""

if __name__ == "__main__":
    import sys

    for file_name, make in GENERATED:
        with open(sys.argv[1] + "/" + file_name, "w") as file:
            file.write(make())
