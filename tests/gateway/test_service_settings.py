"""Settings: one table is configuration, help and documentation."""

from pathlib import Path

import pytest
from gridwitness.domain.clock import ScenarioClock, SystemClock
from gridwitness.domain.errors import GridwitnessError, InputError
from gridwitness.service.settings import Settings, clock_of, default_text, load, markdown, table


def write(directory: Path, text: str) -> Path:
    (directory / "gateway.yaml").write_text(text, encoding="utf-8")
    return directory


def test_the_default_file_says_the_defaults(tmp_path: Path) -> None:
    assert load(write(tmp_path, default_text())) == Settings()
    assert load(write(tmp_path, "")) == Settings()


def test_a_folder_without_a_file_has_the_defaults(tmp_path: Path) -> None:
    assert load(tmp_path) == Settings()


def test_every_setting_has_a_meaning_and_is_documented() -> None:
    rows = list(table())
    assert len({row.key for row in rows}) == len(rows) >= 14
    for row in rows:
        assert len(row.meaning) > 5
        assert f"| `{row.key}` |" in markdown()
        assert f"{row.key.rpartition('.')[2]}: " in default_text()


def test_values_are_read(tmp_path: Path) -> None:
    text = "broker: {host: mq, port: 99}\nlanguage: en\ningest: {ack_every_s: 2}\nclock: scenario:/x\n"
    settings = load(write(tmp_path, text))
    assert (settings.broker.host, settings.broker.port, settings.language) == ("mq", 99, "en")
    assert (settings.ingest.ack_every_s, settings.clock) == (2, "scenario:/x")
    assert settings.web == Settings().web


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("broker: {hots: mq}", "gateway.yaml:1 [broker.hots]: there is no such setting"),
        ("clock: system\n\nlangauge: en", "gateway.yaml:3 [langauge]: there is no such setting"),
        ("broker:\n  port: '1883'", "gateway.yaml:2 [broker.port]: a whole number is expected"),
        ("broker:\n  port: true", "gateway.yaml:2 [broker.port]: a whole number is expected"),
        ("broker:\n  port: 70000", "gateway.yaml:2 [broker.port]: 70000 is outside 1 to 65535"),
        ("broker: [1]", "gateway.yaml:1 [broker]: a table of settings is expected"),
        ("language: fr", "'fr' is none of zh, en"),
        ("clock: system\nclock: system", "gateway.yaml:2 [clock]: this setting appears twice"),
        ("a: [", "gateway.yaml:1: not YAML"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError) as error:
        load(write(tmp_path, text))
    assert told in str(error.value)


def test_every_problem_is_listed_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        load(write(tmp_path, "x: 1\nbroker: {port: no, y: 2}\n"))
    assert len(error.value.problems) == 3


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(GridwitnessError, match="there is no folder"):
        load(tmp_path / "none")


def test_the_clock(tmp_path: Path) -> None:
    assert isinstance(clock_of(Settings()), SystemClock)
    with pytest.raises(GridwitnessError, match="No such file"):
        clock_of(Settings(clock=f"scenario:{tmp_path / 'clock'}"))
    ScenarioClock(tmp_path / "clock", create_at_ms=77)
    assert clock_of(Settings(clock=f"scenario:{tmp_path / 'clock'}")).now_ms() == 77
