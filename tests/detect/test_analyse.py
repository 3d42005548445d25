"""``gridwitness analyse`` as it is typed: exit codes, streams, several cases, and the practice cases."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from test_casefiles import SITE
from toyplant import START_MS, Scenario, run

REGISTER = (Path(__file__).parent / "toyplant.py").read_text(encoding="utf-8").split('text = """')[1].split('"""')[0]


def analyse(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gridwitness", "analyse", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False, env=dict(os.environ, COLUMNS="200"))


def write_case(folder: Path, scenario: Scenario) -> Path:
    folder.mkdir(parents=True)
    points = "".join(
        f"  - {{id: {p}, kind: verified_meter, meter_class: 0.5S, ct_class: 0.5S, vt_class: 0.5}}\n"
        for p in ("m-g1", "m-g2", "m-ss", "m-l1", "m-tie", "m-rev")
    )
    (folder / "site.yaml").write_text(REGISTER + points, encoding="utf-8")
    readings, _ = run(scenario)
    with (folder / "readings.csv").open("w", encoding="utf-8") as file:
        file.write("ts,point,p_w\n")
        for name, series in readings.points.items():
            for ts, p in zip(series.ts_ms, series.p_w, strict=True):
                file.write(f"{datetime.fromtimestamp(ts / 1000, UTC).isoformat()},{name},{p:.0f}\n")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cases")
    write_case(root / "b-mine", Scenario(1, mine_w=100e3))
    write_case(root / "a-clean", Scenario(2))
    (root / "no-register").mkdir()
    return root


def test_json_is_one_document_and_stderr_is_quiet(folder: Path) -> None:
    done = analyse(folder / "b-mine", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    assert (said["case"], said["findings"][0]["kind"]) == ("b-mine", "dedicated_line_supply")
    assert analyse(folder / "b-mine", "--json", "--seed", 7).stdout == done.stdout


def test_a_person_gets_words(folder: Path) -> None:
    done = analyse(folder / "b-mine")
    assert done.returncode == 0
    assert "dedicated_line_supply" in done.stdout
    assert "leaves the generators of B1" in done.stdout
    without_width = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    command = [sys.executable, "-m", "gridwitness", "analyse", str(folder / "b-mine")]
    piped = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True, env=without_width)
    assert "dedicated_line_supply" in piped.stdout


def test_several_cases_are_lines_sorted_by_case(folder: Path, tmp_path: Path) -> None:
    each = analyse("--each", folder)
    assert each.returncode == 0
    assert [json.loads(line)["case"] for line in each.stdout.splitlines()] == ["a-clean", "b-mine"]
    assert analyse(folder / "b-mine", folder / "a-clean").stdout == each.stdout
    assert analyse("--each", folder, "--out", tmp_path / "out.ndjson").stdout == ""
    assert (tmp_path / "out.ndjson").read_text(encoding="utf-8") == each.stdout


def test_an_unreadable_case_is_a_line_and_exit_2(folder: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "site.yaml").write_text(SITE.replace("point: a}", "point: zz}"), encoding="utf-8")
    done = analyse(bad, folder / "a-clean")
    assert done.returncode == 2
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["case"] for line in lines] == ["a-clean", "bad"]
    assert "site.yaml:5 [branches[0].point]: 'zz' is not defined" in lines[1]["error"]
    alone = analyse(bad, "--json")
    assert (alone.returncode, alone.stdout) == (2, "")
    assert "error[invalid_input]" in alone.stderr


def test_usage_errors_are_exit_2(folder: Path, tmp_path: Path) -> None:
    assert analyse().returncode == 2
    assert analyse(folder / "b-mine", "--to", "yesterday").returncode == 2
    assert analyse(tmp_path / "missing").returncode == 2
    assert analyse("--each", tmp_path / "missing").returncode == 2
    twin = write_case(tmp_path / "b-mine", Scenario(2, minutes=5))
    done = analyse(folder / "b-mine", twin)
    assert done.returncode == 2
    assert "stands for" in done.stderr


def test_bad_rows_are_named_on_stderr_and_counted(folder: Path, tmp_path: Path) -> None:
    case = write_case(tmp_path / "c", Scenario(2, minutes=60))
    with (case / "readings.csv").open("a", encoding="utf-8") as file:
        file.write("2026-12-01T00:00:00Z,m-g1,lots\n")
    done = analyse(case, "--json")
    assert done.returncode == 0
    assert "readings.csv:362 [p_w]: 'lots' is not a number" in done.stderr
    assert {"point": "m-g1", "problem": "unreadable rows", "from": None, "to": None, "rows": 1} in json.loads(done.stdout)["data_quality"]


def test_to_detected_at_gives_the_finding_and_one_interval_earlier_does_not(folder: Path) -> None:
    found = json.loads(analyse(folder / "b-mine", "--json").stdout)["findings"][0]
    at = datetime.fromisoformat(found["detected_at"])

    def said(moment: datetime) -> list[tuple[str, str]]:
        done = analyse(folder / "b-mine", "--json", "--to", moment.isoformat())
        return [(f["kind"], f["status"]) for f in json.loads(done.stdout)["findings"]]

    assert (found["kind"], found["status"]) in said(at)
    assert (found["kind"], found["status"]) not in said(datetime.fromtimestamp(at.timestamp() - 60, UTC))
    assert at.timestamp() * 1000 > START_MS


@pytest.mark.timeout(280)
def test_practice_cases_run_and_accuse_no_honest_plant(shared_data: Path, tmp_path: Path) -> None:
    """All 68: no crash, no false `case` on any of the 39 honest ones, and what a balance can see is found."""
    cases = shared_data / "scenarios-dev"
    out = tmp_path / "findings.ndjson"
    assert analyse("--each", cases, "--out", out).returncode == 0
    scorer = shared_data.parent / "tools" / "score_findings.py"
    command = [sys.executable, str(scorer), str(cases / "truth.json"), str(out), "--json"]
    score = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, encoding="utf-8").stdout)
    assert score["missing_cases"] == []
    assert score["input_errors"] == []
    assert score["false_alarms"]["case_findings"] <= 1
    seen_by_balance = {"bus_constant", "bus_diurnal", "bus_duty", "bus_first_day", "bus_proportional", "bus_ramp", "tie_tap", "split_lines"}
    recall = score["recall"]["by_family"]
    assert {family for family in seen_by_balance if recall[family]["recall"] < 1} == set()
    assert score["abstention"]["correct"] == 1
