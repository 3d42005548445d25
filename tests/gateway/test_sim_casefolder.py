"""Case folders: the fixed formats, the same plant as the live twin, nothing half-written."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from gridwitness.cli.main import main
from gridwitness.domain.errors import GridwitnessError
from gridwitness.sim import casefolder, scenario
from gridwitness.sim.plant import Plant
from gridwitness.sim.waveforms import Waveforms
from gridwitness.topology import site

LONGTAN = scenario.load("longtan")
FILES = {"site.yaml", "readings.csv", "context.csv", "truth.json"}


def column(folder: Path, point: str, name: str) -> np.ndarray:
    with (folder / "readings.csv").open(encoding="utf-8", newline="") as file:
        return np.array([float(row[name]) for row in csv.DictReader(file) if row["point"] == point])


def test_a_case_has_its_files_and_every_interval_of_every_point(tmp_path: Path) -> None:
    made = casefolder.write(LONGTAN, tmp_path / "case")
    assert {file.name for file in made.folder.iterdir()} == FILES
    assert (made.rows, made.supplies) == (65 * 6, 1)
    assert site.load(made.folder / "site.yaml")[1] == []
    with (made.folder / "readings.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["ts", "point", "p_w", "q_var", "u_v", "i_a", "pf", "f_hz", "thd_i_pct", "quality"]
    starts = sorted({row["ts"] for row in rows})
    assert (starts[0], starts[-1], len(starts)) == ("2026-11-30T16:00:00Z", "2026-11-30T17:04:00Z", 65)
    assert {(row["ts"], row["point"]) for row in rows} == {(ts, point) for ts in starts for point in LONGTAN.register.points}
    assert {row["quality"] for row in rows} == {"ok"}


def test_the_context_is_what_gauges_read(tmp_path: Path) -> None:
    casefolder.write(LONGTAN.changed(minutes=180), tmp_path / "case")
    with (tmp_path / "case" / "context.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["quantity"] == "turbine_flow_m3s"]
    assert [row["ts"] for row in rows] == ["2026-11-30T16:00:00Z", "2026-11-30T17:00:00Z", "2026-11-30T18:00:00Z"]
    true_m3s = Plant(LONGTAN).at(np.arange(0, 3600, 10.0) + 5).turbine_flow_m3s.mean()
    assert abs(float(rows[0]["value"]) / true_m3s - 1) == pytest.approx(0.015, abs=1e-4)


def test_values_are_means_of_what_the_boards_would_see(tmp_path: Path) -> None:
    casefolder.write(LONGTAN, tmp_path / "case")
    plant = Plant(LONGTAN)
    state, chain = plant.at((np.arange(65 * 300) + 0.5) * 0.2), Waveforms(plant).chain("m-tie")
    fine_w = chain.power(state.flows["m-tie"].p_w, state.flows["m-tie"].q_var)[0].reshape(65, 300).mean(axis=1)
    off = np.abs(column(tmp_path / "case", "m-tie", "p_w") / fine_w - 1)
    assert np.quantile(off, 0.85) < 2e-5
    assert off.max() < 5e-4  # minutes in which a pump or a machine switches: files look every 10 s


def test_the_onset_shows_at_the_tie(tmp_path: Path) -> None:
    for name, mine in (("mine", True), ("control", False)):
        casefolder.write(LONGTAN.changed(mine=mine), tmp_path / name)
    missing_w = column(tmp_path / "control", "m-tie", "p_w") - column(tmp_path / "mine", "m-tie", "p_w")
    assert np.all(missing_w[:36] == 0)
    assert missing_w[38:].mean() == pytest.approx(97_500, rel=0.03)
    assert json.loads((tmp_path / "control" / "truth.json").read_text())["cases"]["control"]["group"] == "negative"


def test_the_truth_is_the_energy_of_the_mine(tmp_path: Path) -> None:
    casefolder.write(LONGTAN, tmp_path / "case")
    (supply,) = json.loads((tmp_path / "case" / "truth.json").read_text())["cases"]["case"]["supplies"]
    fine_w = Plant(LONGTAN).halls[0].at((np.arange(65 * 300) + 0.5) * 0.2)
    assert supply["energy_wh"] == pytest.approx(fine_w.sum() * 0.2 / 3600, rel=1e-3)
    assert sum(supply["profile"]["wh"]) == pytest.approx(supply["energy_wh"], abs=0.1)
    assert supply["kinds"][0] == "dedicated_line_supply"
    assert supply["best_subjects"] == ["B1"]
    assert supply["fraction_of_rated"] == pytest.approx(0.0195, abs=0.001)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 4), ("b", 4), ("c", 5)):
        casefolder.write(LONGTAN.changed(seed=seed, minutes=2000), tmp_path / name / "case", interval_s=300)
    one, same, other = ({f: (tmp_path / name / "case" / f).read_bytes() for f in sorted(FILES)} for name in "abc")
    assert one == same
    assert {f for f in FILES if one[f] != other[f]} == FILES - {"site.yaml"}


def test_a_folder_that_is_there_is_not_touched(tmp_path: Path) -> None:
    casefolder.write(LONGTAN, tmp_path / "case")
    before = (tmp_path / "case" / "readings.csv").read_bytes()
    with pytest.raises(GridwitnessError, match="exists already"):
        casefolder.write(LONGTAN.changed(seed=2), tmp_path / "case")
    assert (tmp_path / "case" / "readings.csv").read_bytes() == before
    casefolder.write(LONGTAN.changed(seed=2), tmp_path / "case", force=True)
    assert (tmp_path / "case" / "readings.csv").read_bytes() != before
    assert [entry.name for entry in tmp_path.iterdir()] == ["case"]


def test_force_replaces_simulated_cases_only(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.txt").write_text("years of work")
    with pytest.raises(GridwitnessError, match="no simulated case"):
        casefolder.write(LONGTAN, tmp_path / "precious", force=True)
    assert (tmp_path / "precious" / "thesis.txt").exists()


def test_a_run_that_breaks_leaves_nothing(tmp_path: Path) -> None:
    def break_off(_share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        casefolder.write(LONGTAN, tmp_path / "case", progress=break_off)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("interval_s", [0, 7, 7200])
def test_intervals_divide_an_hour(tmp_path: Path, interval_s: int) -> None:
    with pytest.raises(GridwitnessError, match="does not divide an hour"):
        casefolder.write(LONGTAN, tmp_path / "case", interval_s=interval_s)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = tmp_path / "case"
    with pytest.raises(SystemExit) as ended:
        main(["simulate", "longtan", "--out", str(case), "--days", "0.5", "--interval", "900", "--seed", "9", "--json"])
    assert ended.value.code == 0
    assert json.loads(capsys.readouterr().out) == {"case": str(case), "rows": 48 * 6, "supplies": 1, "seed": 9}
    with pytest.raises(SystemExit) as ended:
        main(["simulate", "longtan", "--out", str(case)])
    assert ended.value.code == 2
    assert "error[exists]" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["simulate", "--list"])
    assert capsys.readouterr().out.startswith("longtan  ")
    with pytest.raises(SystemExit) as ended:
        main(["simulate", "longtan"])
    assert ended.value.code == 2
