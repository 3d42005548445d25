"""Scenario files: what is read, and how mistakes are named."""

from pathlib import Path

import pytest
import yaml
from gridwitness.domain.errors import GridwitnessError, InputError
from gridwitness.sim import scenario
from gridwitness.sim.yamlfields import Document
from gridwitness.topology import site

ROOT = Path(__file__).resolve().parents[2]
LONGTAN = scenario.locate("longtan")


def broken(tmp_path: Path, *changes: tuple[str, str]) -> InputError:
    """The error that longtan gives with some of its text replaced."""
    text = LONGTAN.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    file = tmp_path / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        scenario.load(file)
    return caught.value


def line_of(text: str) -> int:
    return next(i for i, line in enumerate(LONGTAN.read_text(encoding="utf-8").splitlines(), 1) if text in line)


def test_longtan_is_the_plant_of_the_demo() -> None:
    longtan = scenario.load("longtan")
    assert longtan.start_ms == 1_796_054_400_000  # 2026-12-01T00:00:00+08:00
    assert longtan.local_start_s == 0
    assert [board.dev for board in longtan.boards] == ["gw-g1", "gw-g2", "gw-ss", "gw-l1", "gw-tie"]
    assert longtan.boards[4].meters[0].point == "m-rev"
    assert longtan.register.generators == {"G1": "m-g1", "G2": "m-g2"}
    mine = longtan.hidden[0]
    assert mine.rigs * mine.rig_w / longtan.register.rated_w == pytest.approx(0.02, rel=0.05)
    assert scenario.builtin()["longtan"] == longtan.title["en"]


def test_the_register_is_a_site_file_without_warnings(tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    longtan = scenario.load("longtan")
    file.write_text(scenario.site_yaml(longtan), encoding="utf-8")
    read, problems = site.load(file)
    assert problems == []
    assert set(read.points) == set(longtan.register.points)
    assert yaml.safe_load(file.read_text(encoding="utf-8")) == longtan.register.raw


@pytest.mark.parametrize(
    ("old", "new", "field", "text"),
    [
        ("flow_m3s: 11.2 ", "flow_m3s: many ", "river.flow_m3s", "'many' is no number"),
        ("rig_w: 3250", "rig_kw: 3.25", "hidden.0.rig_kw", "is not a key"),
        ("where: bus ", "where: roof ", "hidden.0.where", "bus, tie"),
        ("samples: m-g1", "samples: m-g9", "boards.0.samples", "'m-g9' is no point"),
        ("dev: gw-g1", "dev: GW1", "boards.0.dev", "no device name"),
        ("point: m-ss}", "point: m-s9}", "register.branches.2.point", "'m-s9' is not among the points"),
        ("m-g1, kind: verified_meter, meter_class: 0.5S", "m-g1, meter_class: 7", "register.points.0.meter_class", "7 is no class"),
        ("timezone: Asia/Shanghai", "timezone: Asia/Nowhere", "register.site.timezone", "no time zone"),
        ("role: station_service", "role: storage", "register.branches.2.role", "not simulated yet"),
        ("{5: 1.2, 7", "{4: 1.2, 7", "grid.harmonics_pct", "odd orders"),
        ('start: "2026-12-01T00:00:00+08:00"', 'start: "2026-12-01T00:00:00"', "start", "has no offset"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_and_field(tmp_path: Path, old: str, new: str, field: str, text: str) -> None:
    error = broken(tmp_path, (old, new))
    problem = next(p for p in error.problems if p.column == field)
    assert text in problem.text
    assert problem.line == line_of(old)
    assert problem.file.endswith("mine.yaml")


def test_a_missing_field_is_reported_where_it_should_stand(tmp_path: Path) -> None:
    error = broken(tmp_path, ("  head_sd_m: 0.5\n", ""))
    assert [(p.column, p.line, p.text) for p in error.problems] == [("river.head_sd_m", line_of("river:"), "is missing")]


def test_all_mistakes_are_listed_at_once(tmp_path: Path) -> None:
    error = broken(tmp_path, ("error_share: 0.5", "error_share: half"), ("rigs: 30", "rigs: 2.5"), ("unit: 1,", "unit: 0,"))
    assert {p.column for p in error.problems} == {"instruments.error_share", "hidden.0.rigs", "boards.4.meters.0.unit"}


def test_a_key_that_stands_twice_is_a_mistake(tmp_path: Path) -> None:
    error = broken(tmp_path, ("seed: 1\n", "seed: 1\nseed: 2\n"))
    assert [(p.column, p.text) for p in error.problems] == [("seed", "stands here twice")]


def test_no_yaml_is_named_with_its_line(tmp_path: Path) -> None:
    error = broken(tmp_path, ("grid:\n", "grid: [\n"))
    assert error.problems[0].line is not None
    assert "no YAML" in error.problems[0].text


def test_an_unknown_scenario_is_no_traceback() -> None:
    with pytest.raises(GridwitnessError, match="there is no scenario 'atlantis'"):
        scenario.load("atlantis")
    with pytest.raises(InputError, match="cannot be read"):
        scenario.load("no/such/file.yaml")


def test_what_can_be_changed_from_outside() -> None:
    longtan = scenario.load("longtan")
    other = longtan.changed(seed=7, minutes=3, onset_min=1)
    assert (other.seed, other.duration_s, other.hidden[0].from_s) == (7, 180, 60)
    assert longtan.changed(mine=False).hidden == ()
    for wrong in ({"minutes": 0}, {"minutes": float("nan")}, {"seed": -1}):
        with pytest.raises(GridwitnessError):
            longtan.changed(**wrong)  # type: ignore[arg-type]


def test_every_key_is_documented() -> None:
    document = Document(LONGTAN)
    scenario.read(document)
    page = (ROOT / "docs" / "scenario.md").read_text(encoding="utf-8")
    asked = {path for path in document.asked if not path.startswith("register.")}
    keys = {path.rsplit(".", 1)[-1] for path in asked} - {"G1", "G2", "SS", "L1"}
    assert len(keys) > 50
    assert [key for key in sorted(keys) if f"`{key}`" not in page] == []
