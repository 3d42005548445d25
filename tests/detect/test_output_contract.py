"""The output of `analyse` on practice cases against the fixed contract (design page "Analysis files"): every member, type and rule.

The checker knows nothing of the engine: it is what another program, written against the contract, may rely on.
"""

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gridwitness.detect.document import document, dumps
from gridwitness.detect.engine import analyse
from gridwitness.domain.moments import parse_ms
from gridwitness.ingest import casefiles
from jsonschema import Draft202012Validator

SUBJECTS = {
    "dedicated_line_supply": {"bus", "branch"},
    "behind_the_meter_supply": {"branch"},
    "unexplained_output_drop": {"plant"},
    "captive_supply": {"plant"},
    "unregistered_load": {"branch"},
    "mining_load": {"branch"},
    "restart_after_cutoff": {"branch"},
    "calibration_conflict": {"bus", "branch"},
    "bad_data": {"point"},
}
ENERGY = (
    "energy_wh", "energy_u95_wh", "energy_low_wh", "energy_measured_wh", "energy_measured_u95_wh", "energy_filled_wh",
    "hours_unmeasured", "energy_penalty_wh",
)  # fmt: skip
GROUPS = {"positive": 4, "negative": 2, "bad_data": 2, "abstain": 1}
"""How many practice cases of each group are tried."""


def mapping(required: Mapping[str, Any]) -> dict[str, Any]:
    """A closed object: these members, all of them, and no other."""
    return {"type": "object", "properties": dict(required), "required": list(required), "additionalProperties": False}


TIME: dict[str, Any] = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?([+-]\d\d:\d\d|Z)$"}
TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
NUMBER, WHOLE = {"type": "number"}, {"type": "integer", "minimum": 0}
PROBABILITY = {"type": "number", "minimum": 0, "maximum": 1}


def maybe(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [dict(schema), {"type": "null"}]}


def array(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": dict(items)}


def subject(*types: str) -> dict[str, Any]:
    return mapping({"type": {"enum": list(types)}, "id": TEXT})


FINDING = mapping(
    {
        "kind": {"enum": list(SUBJECTS)},
        "subject": subject("bus", "plant", "branch", "point", "order"),
        "status": {"enum": ["watch", "case", "cannot_tell"]},
        "from": TIME,
        "to": maybe(TIME),
        "detected_at": TIME,
        "confidence": maybe(PROBABILITY),
        "mean_power_w": maybe(NUMBER),
        **{name: maybe({"type": "number", "minimum": 0}) for name in ENERGY if name != "energy_filled_wh"},
        "energy_filled_wh": maybe(NUMBER),
        "llr": maybe(NUMBER),
        "prior": maybe(mapping({"log_odds": NUMBER, "source": TEXT})),
        "covered_by": maybe({}),
        "alternatives": array(mapping({"what": TEXT, "needed": TEXT, "limit": TEXT, "inside_limits": {"type": "boolean"}})),
        "contributions": array(mapping({"detector": TEXT, "statistic": TEXT, "value": NUMBER, "threshold": maybe(NUMBER), "llr": NUMBER})),
        "class_probabilities": maybe({"type": "object", "additionalProperties": PROBABILITY}),
        "not_observable": array(TEXT),
        "explanation": mapping({"zh": TEXT, "en": TEXT}),
    }
)
DOCUMENT = mapping(
    {
        "format": {"const": "gridwitness-findings/1"},
        "case": TEXT,
        "site": TEXT,
        "software": {"type": "string", "pattern": r"^gridwitness \d+\.\d+\.\d+"},
        "period": mapping({"from": maybe(TIME), "to": maybe(TIME)}),
        "findings": array(FINDING),
        "cannot_check": array(mapping({"subject": subject("bus", "plant", "branch", "point", "order"), "why": TEXT})),
        "data_quality": array(
            mapping({"point": {"type": "string"}, "problem": TEXT, "from": maybe(TIME), "to": maybe(TIME), "rows": WHOLE})
        ),
    }
)
SCHEMA = Draft202012Validator(DOCUMENT)


def check(text: str, case: str) -> dict[str, Any]:
    """Everything that the contract says about one line of output."""
    assert "\n" not in text
    said: dict[str, Any] = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    SCHEMA.validate(said)
    assert said["case"] == case
    for finding in said["findings"]:
        check_finding(finding, said)
    return said


def check_finding(f: Mapping[str, Any], said: Mapping[str, Any]) -> None:
    begins, detected = moment(f["from"]), moment(f["detected_at"])
    ends = moment(f["to"] or said["period"]["to"])
    assert f["subject"]["type"] in SUBJECTS[f["kind"]], f["kind"]
    assert moment(said["period"]["from"]) <= begins < ends <= moment(said["period"]["to"])
    assert begins < detected <= moment(said["period"]["to"])
    assert re.search(r"[\u4e00-\u9fff]", f["explanation"]["zh"])
    if f["status"] == "case":
        assert f["covered_by"] is None
        assert not any(a["inside_limits"] for a in f["alternatives"])
    if f["status"] == "case" and f["kind"] != "bad_data":
        assert f["confidence"] is not None
        assert f["energy_wh"] is not None
        assert f["energy_u95_wh"] is not None
    if f["energy_wh"] is not None:
        check_energy(f, (ends - begins).total_seconds() / 3600)
    if f["llr"] is not None:
        check_odds(f)


def check_energy(f: Mapping[str, Any], hours: float) -> None:
    assert all(f[name] is not None for name in (*ENERGY, "mean_power_w"))
    assert f["energy_low_wh"] == pytest.approx(max(0, f["energy_wh"] - f["energy_u95_wh"]), rel=1e-6, abs=1e-3)
    assert f["energy_wh"] == pytest.approx(f["energy_measured_wh"] + f["energy_filled_wh"], rel=1e-6, abs=1e-3)
    assert f["energy_penalty_wh"] <= max(0, f["energy_measured_wh"] - f["energy_measured_u95_wh"]) * (1 + 1e-6) + 1e-3
    assert f["energy_measured_u95_wh"] <= f["energy_u95_wh"] * (1 + 1e-6)
    assert f["hours_unmeasured"] <= hours + 1e-6
    if f["status"] == "case":  # a conflict that comes and goes states its mean while it is there
        assert f["mean_power_w"] == pytest.approx(f["energy_wh"] / hours, rel=0.05)


def check_odds(f: Mapping[str, Any]) -> None:
    """The contributions add up to the likelihood ratio, and that with the prior to the confidence."""
    assert sum(c["llr"] for c in f["contributions"]) == pytest.approx(f["llr"], abs=1e-6)
    assert f["prior"] is not None
    assert f["confidence"] == pytest.approx(1 / (1 + math.exp(-f["prior"]["log_odds"] - f["llr"])), abs=1e-6)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def said_of(folder: Path, to_ms: int | None = None) -> str:
    site, readings, _ = casefiles.read(folder)
    return dumps(document(analyse(site, readings, to_ms=to_ms), site, folder.name))


def chosen(shared_data: Path) -> list[Path]:
    """The first practice cases of each group, by the answer sheet's order."""
    root = shared_data / "scenarios-dev"
    truth = json.loads((root / "truth.json").read_text(encoding="utf-8"))["cases"]
    names = [name for group, most in GROUPS.items() for name in [n for n in sorted(truth) if truth[n]["group"] == group][:most]]
    assert len(names) == sum(GROUPS.values())
    return [root / name for name in names]


@pytest.mark.timeout(280)
def test_practice_cases_keep_the_contract(shared_data: Path) -> None:
    documents = [check(said_of(folder), folder.name) for folder in chosen(shared_data)]
    assert any(f["status"] == "case" for said in documents for f in said["findings"])
    assert any(said["cannot_check"] for said in documents)
    assert any(said["data_quality"] for said in documents)


@pytest.mark.timeout(280)
def test_a_case_is_raised_at_detected_at_and_not_one_interval_earlier(shared_data: Path) -> None:
    """``--to`` gives what an analysis at that time would have said."""
    tried = 0
    for folder in chosen(shared_data)[: GROUPS["positive"]]:
        step_ms = interval_ms(folder)
        for found in (f for f in json.loads(said_of(folder))["findings"] if f["status"] == "case"):
            at_ms = parse_ms(found["detected_at"])
            wanted = (found["kind"], found["subject"], found["status"])
            # of two findings of one kind and subject the older one is there already
            assert statuses(said_of(folder, at_ms)).count(wanted) == statuses(said_of(folder, at_ms - step_ms)).count(wanted) + 1, folder
            tried += 1
    assert tried >= 2


def statuses(text: str) -> list[tuple[str, dict[str, str], str]]:
    return [(f["kind"], f["subject"], f["status"]) for f in json.loads(text)["findings"]]


def interval_ms(folder: Path) -> int:
    _, readings, _ = casefiles.read(folder)
    return max(int(series.dur_ms.max()) for series in readings.points.values() if series.dur_ms.size)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["findings", 0, "kind"], "theft"),
        (["findings", 0, "confidence"], None),
        (["findings", 0, "energy_low_wh"], 1e12),
        (["findings", 0, "from"], "2025-01-01"),
        (["findings", 0, "detected_at"], "2000-01-01T00:00:00Z"),
        (["findings", 0, "explanation"], {"en": "only"}),
        (["findings", 0, "covered_by"], "a licence"),
        (["findings", 0, "extra"], 1),
        (["format"], "gridwitness-findings/2"),
    ],
)
def test_the_checker_itself_sees_what_is_wrong(path: list[Any], value: Any) -> None:
    from toyplant import Scenario, register, run

    readings, _ = run(Scenario(1, mine_w=100e3))
    said = document(analyse(register(), readings), register(), "toy")
    check(dumps(said), "toy")
    place: Any = said
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(Exception):  # noqa: B017, PT011 - a wrong schema and a broken rule raise different things
        check(dumps(said), "toy")


def test_times_carry_the_sites_offset() -> None:
    from toyplant import Scenario, register, run

    readings, _ = run(Scenario(1, mine_w=100e3))
    said = check(dumps(document(analyse(register(), readings), register(), "toy")), "toy")
    assert moment(said["period"]["from"]).utcoffset() == timedelta(hours=8)
