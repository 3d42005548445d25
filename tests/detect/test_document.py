"""The fixed output: fields, order, sums, times, and words in both languages."""

import json
import re

import pytest
from gridwitness.detect.document import document, dumps
from gridwitness.detect.engine import analyse
from toyplant import Scenario, register, run

TOP = ["format", "case", "site", "software", "period", "findings", "cannot_check", "data_quality"]
FINDING = [
    "kind", "subject", "status", "from", "to", "detected_at", "confidence", "mean_power_w", "energy_wh", "energy_u95_wh",
    "energy_low_wh", "energy_measured_wh", "energy_measured_u95_wh", "energy_filled_wh", "hours_unmeasured", "energy_penalty_wh",
    "llr", "prior", "covered_by", "alternatives", "contributions", "class_probabilities", "not_observable", "explanation",
]  # fmt: skip


@pytest.fixture(scope="module")
def said() -> dict:  # type: ignore[type-arg]
    readings, _ = run(Scenario(1, mine_w=100e3))
    return json.loads(dumps(document(analyse(register(), readings), register(), "longtan-1")))


def test_fields_are_those_of_the_contract_in_their_order(said: dict) -> None:  # type: ignore[type-arg]
    assert list(said) == TOP
    assert said["format"] == "gridwitness-findings/1"
    assert re.fullmatch(r"gridwitness \d+\.\d+\.\d+.*", said["software"])
    assert said["period"] == {"from": "2026-12-01T00:00:00+08:00", "to": "2026-12-01T02:00:00+08:00"}
    assert list(said["findings"][0]) == FINDING
    assert list(said["findings"][0]["alternatives"][0]) == ["what", "needed", "limit", "inside_limits"]
    assert list(said["findings"][0]["contributions"][0]) == ["detector", "statistic", "value", "threshold", "llr"]


def test_contributions_sum_to_the_likelihood_ratio(said: dict) -> None:  # type: ignore[type-arg]
    found = said["findings"][0]
    assert sum(c["llr"] for c in found["contributions"]) == pytest.approx(found["llr"], abs=1e-6)
    odds = found["prior"]["log_odds"] + found["llr"]
    assert found["confidence"] == pytest.approx(1 / (1 + 2.718281828459045**-odds), abs=1e-6)
    assert found["prior"] == {"log_odds": pytest.approx(-4.595, abs=1e-3), "source": "default 1 %"}


def test_energies_agree_with_each_other(said: dict) -> None:  # type: ignore[type-arg]
    f = said["findings"][0]
    assert f["energy_wh"] == pytest.approx(f["energy_measured_wh"] + f["energy_filled_wh"])
    assert f["energy_low_wh"] == pytest.approx(f["energy_wh"] - f["energy_u95_wh"])
    assert 0 < f["energy_penalty_wh"] <= f["energy_measured_wh"] - 0.9 * f["energy_measured_u95_wh"]
    assert f["status"] == "case"
    assert not any(a["inside_limits"] for a in f["alternatives"])


def test_explanations_carry_the_numbers_and_the_caution(said: dict) -> None:  # type: ignore[type-arg]
    f = said["findings"][0]
    for text in f["explanation"].values():
        assert f"{f['mean_power_w'] / 1000:.1f} kW" in text
        assert "±" in text
        assert "k = 2" in text
        assert "{" not in text
    assert "not the probability of guilt" in f["explanation"]["en"]
    assert "不是有罪概率" in f["explanation"]["zh"]
    assert any("upstream of m-g1, m-g2" in note for note in f["not_observable"])


def test_one_line_without_nan() -> None:
    readings, _ = run(Scenario(1))
    text = dumps(document(analyse(register(), readings), register(), "c"))
    assert "\n" not in text
    assert "NaN" not in text
