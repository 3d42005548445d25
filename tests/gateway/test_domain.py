"""Clocks, moments and errors."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from gridwitness.domain.clock import FixedClock, ScenarioClock, SystemClock, open_clock
from gridwitness.domain.errors import InputError, Problem
from gridwitness.domain.moments import hour_key, iso, parse_ms, spoken
from hypothesis import given
from hypothesis import strategies as st


def test_a_scenario_clock_is_seen_by_every_reader(tmp_path: Path) -> None:
    plant = ScenarioClock(tmp_path / "clock", create_at_ms=1_796_054_400_000)
    reader = open_clock(f"scenario:{tmp_path / 'clock'}")
    assert reader.now_ms() == 1_796_054_400_000
    plant.set_ms(1_796_054_460_000)
    assert reader.now_ms() == 1_796_054_460_000


def test_a_reader_cannot_move_the_scenario(tmp_path: Path) -> None:
    ScenarioClock(tmp_path / "clock", create_at_ms=5)
    reader = ScenarioClock(tmp_path / "clock")
    with pytest.raises(TypeError):
        reader.set_ms(6)


def test_a_reader_never_sees_a_torn_time(tmp_path: Path) -> None:
    """Half a million reads beside a process that writes as fast as it can: only times that were written."""
    path = tmp_path / "clock"
    base = 1_796_054_400_000
    ScenarioClock(path, create_at_ms=base)
    code = f"""
from pathlib import Path
from gridwitness.domain.clock import ScenarioClock
clock = ScenarioClock(Path({str(path)!r}), create_at_ms={base})
print(flush=True)
while True:
    for n in range(1000):
        clock.set_ms({base} + n)
"""
    writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert writer.stdout is not None
        writer.stdout.readline()
        reader = ScenarioClock(path)
        seen = {reader.now_ms() for _ in range(500_000)}
    finally:
        writer.kill()
        writer.communicate()
    assert len(seen) > 1
    assert min(seen) >= base
    assert max(seen) < base + 1000


def test_the_system_clock_is_the_default() -> None:
    assert isinstance(open_clock("system"), SystemClock)
    assert open_clock("system").now_ms() > parse_ms("2025-01-01T00:00:00Z")
    assert FixedClock(7).now_ms() == 7


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2100, 1, 1)))
def test_iso_and_back(moment: datetime) -> None:
    ms = int(moment.replace(tzinfo=UTC, microsecond=0).timestamp()) * 1000 + moment.microsecond // 1000
    assert parse_ms(iso(ms)) == ms
    assert parse_ms(iso(ms, "Asia/Shanghai")) == ms


def test_moments_carry_an_offset() -> None:
    assert parse_ms("2025-01-01T08:00:00+08:00") == parse_ms("2025-01-01T00:00:00Z")
    assert iso(parse_ms("2025-01-01T00:00:00Z"), "Asia/Shanghai") == "2025-01-01T08:00:00+08:00"
    assert spoken(parse_ms("2025-01-01T00:00:59Z"), "Asia/Shanghai") == "2025-01-01 08:00 (+08:00)"
    assert hour_key(parse_ms("2025-01-01T08:30:00+08:00")) == "2025-01-01T00"
    with pytest.raises(ValueError, match="no offset"):
        parse_ms("2025-01-01T00:00:00")


def test_an_input_error_lists_every_problem() -> None:
    error = InputError("site.yaml", [Problem("site.yaml", 3, "role", "no such role"), Problem("site.yaml", None, None, "no points")])
    assert "site.yaml:3 [role]: no such role" in str(error)
    assert "site.yaml: no points" in str(error)
    assert "2 problems" in str(error)
