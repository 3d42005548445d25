"""The generated schema and page equal the tables, and schema and `records.check` refuse the same records."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from gwire import records, schema
from gwire.errors import WireError
from gwire.fields import BY_KEY, FIELDS, GROUPS, QUALITY

ROOT = Path(__file__).parent.parent.parent
VALID = [json.loads(row["payload"]) for row in json.loads((Path(__file__).parent / "vectors" / "records.json").read_text())["records"]]
VALIDATOR = jsonschema.Draft202012Validator(schema.json_schema())


@pytest.mark.parametrize(("name", "make"), schema.GENERATED)
def test_generated_files_are_current(name: str, make: Any) -> None:
    assert (ROOT / "docs" / "contract" / name).read_text() == make(), "run 'make contract'"


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema.json_schema())


@pytest.mark.parametrize("record", VALID, ids=lambda r: f"{r['t']}-{r['seq']}")
def test_valid_records_pass_both(record: dict[str, Any]) -> None:
    records.check(record)
    VALIDATOR.validate(record)


def change(index: int, **members: Any) -> dict[str, Any]:
    record = copy.deepcopy(VALID[index])
    for key, value in members.items():
        if value is ...:
            del record[key]
        else:
            record[key] = value
    return record


BAD = {
    "no version": change(1, v=...),
    "another version": change(1, v=2),
    "version true": change(1, v=True),
    "unknown type": change(1, t="dat"),
    "upper-case device": change(1, dev="GW-1"),
    "negative boot": change(1, boot=-1),
    "seq as text": change(1, seq="1"),
    "seq as float": change(1, seq=1.5),
    "data at seq 0": change(1, seq=0),
    "boot at seq 1": change(0, seq=1),
    "ts negative": change(1, ts=-5),
    "cq 4": change(1, cq=4),
    "short prev": change(1, prev="00"),
    "upper-case prev": change(1, prev="A" * 64),
    "no fields": change(1, m={}),
    "unknown field": change(1, m={"p_kw": 1}),
    "field of another group": change(1, m={"thd_u_l1_pct": 1}),
    "field as float": change(1, m={"p_w": 1.5}),
    "field as bool": change(1, m={"p_w": True}),
    "field out of range": change(1, m={"pf": 10001}),
    "group unknown": change(1, g="powers"),
    "quality too large": change(1, q=1 << 20),
    "point with a space": change(1, pt="m g1"),
    "last of three": change(0, last=[1, 2, 3]),
    "seal without hash": change(0, seal=[1, 2]),
}


@pytest.mark.parametrize("record", BAD.values(), ids=BAD.keys())
def test_bad_records_are_refused_by_both(record: dict[str, Any]) -> None:
    with pytest.raises(WireError) as error:
        records.check(record)
    assert error.value.code == "bad_schema"
    assert not VALIDATOR.is_valid(record)


def test_unknown_members_are_let_through() -> None:
    record = change(1, later_addition=[1])
    records.check(record)
    VALIDATOR.validate(record)


def test_keys_name_their_unit_and_are_unique() -> None:
    assert len(BY_KEY) == len(FIELDS)
    units = {"w", "var", "va", "v", "a", "hz", "wh", "varh", "pct", "pm"}
    for key, *_ in FIELDS:
        assert key.rsplit("_", 1)[-1] in units or key in ("pf", "windows"), key
    assert {row[5] for row in FIELDS} <= set(GROUPS)


def test_quality_bits_are_single_and_dense() -> None:
    assert [row[0] for row in QUALITY] == [1 << n for n in range(len(QUALITY))]
