"""The unix port's hardware layer against a real socket."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gridwitness.domain.errors import GridwitnessError
from gridwitness.sim import boards
from plant_server import START_MS, Plant, PlantServer, plant, run_points
from waves import BLOCK, RATE_HZ, Wave

__all__ = ["plant"]  # the fixture

SAMPLES = [{"pt": "m-t1", "source": "samples"}]


def test_the_clock_is_the_plants(interpreter: boards.Interpreter, tmp_path: Path, plant: Plant) -> None:
    first = 1000 * BLOCK
    server = plant(Wave().codes(3), first=first)
    records, end, _ = run_points(interpreter, tmp_path, server, SAMPLES, interval_s=1)
    for record in records:
        utc_ms, up_ms, quality = record["stamp"]
        assert quality == 2
        assert (utc_ms - START_MS) % 200 == 0
        assert up_ms == utc_ms - START_MS - (1000 + 1) * 200
        assert record["ts"] + 1000 <= utc_ms + 1000
    assert end["ended"] is True
    assert server.hellos == [{"dev": "gw-t1"}]
    assert server.credits == list(range(15))


def test_a_lost_connection_is_made_again_and_the_hole_is_not_filled(interpreter: boards.Interpreter, tmp_path: Path, plant: Plant) -> None:
    server = plant(Wave(i=10000).codes(10), cut=(20,))
    records, end, log = run_points(interpreter, tmp_path, server, SAMPLES, interval_s=10)
    assert len(server.hellos) == 2
    assert any("connecting again" in line for line in log)
    assert 20 not in server.credits
    assert end["ended"] is True
    ((ts, q, m),) = [(r["ts"], r["q"], r["m"]) for r in records]
    assert ts == START_MS
    assert q == 1
    assert 900 <= m["coverage_pm"] < 950
    assert m["p_w"] == pytest.approx(3 * 20000 * 10000 / 2 * 15e-3 * 1e-3 * 10, rel=1e-3)


def test_a_plant_that_refuses_says_why(interpreter: boards.Interpreter, tmp_path: Path, plant: Plant) -> None:
    """The board tries again, and prints the plant's words; the second time it is let in."""
    server = plant(np.concatenate([Wave().codes(1)] * 2, axis=1), cut=(0,))
    good = dict(server.header)
    server.header.clear()
    server.header["error"] = "no board 'gw-t1' in this scenario"

    def mend(block: int) -> None:
        raise AssertionError("a refused board gets no block")

    server.between = mend
    server.hellos = _Mending(server, good)
    records, end, log = run_points(interpreter, tmp_path, server, SAMPLES, interval_s=1)
    assert any("no board 'gw-t1'" in line for line in log)
    assert end["ended"]
    assert records


class _Mending(list[dict[str, object]]):
    """The second greeting mends the server."""

    def __init__(self, server: PlantServer, good: dict[str, object]) -> None:
        super().__init__()
        self._server, self._good = server, good

    def append(self, hello: dict[str, object]) -> None:
        super().append(hello)
        if len(self) == 2:
            self._server.header.clear()
            self._server.header.update(self._good)
            self._server.between = lambda block: None


def test_wrong_channels_are_an_error(interpreter: boards.Interpreter, tmp_path: Path, plant: Plant) -> None:
    server = plant(Wave().codes(1), channels=["u_l1", "i_l1"], samples=3 * BLOCK)
    with pytest.raises(GridwitnessError, match="point m-t1 needs the channels"):
        run_points(interpreter, tmp_path, server, SAMPLES)


def test_trace_sync_random(run_on_board: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "hal.json").write_text('{"samples": ["127.0.0.1", 1], "trace": "assigned.log"}')
    code = (
        "import hal, os\n"
        "b = hal.open()\n"
        "b.trace(3, 0, 'ab' * 32)\n"
        "b.trace(3, 1, 'cd' * 32)\n"
        "print(open('assigned.log').read(), end='')\n"
        "f = open('x', 'wb')\n"
        "f.write(b'kept')\n"
        "b.sync(f)\n"
        "print(len(b.random(16)), b.random(16) != b.random(16), b.root, b.reset_cause(), b.ended())\n"
        "print(b.clock.utc_ms(), b.clock.up_ms(), b.clock.quality)\n"
    )
    lines = run_on_board(code).splitlines()
    assert lines[:2] == [f"3 0 {'ab' * 32}", f"3 1 {'cd' * 32}"]
    assert lines[2:] == ["16 True flash power_on False", "None 0 0"]


def test_clock_never_goes_back_and_quality_only_rises(run_on_board: Callable[..., str]) -> None:
    code = (
        "from hal.clock import Clock\n"
        "c = Clock()\n"
        "c.advance(5000); c.raise_to(2); c.advance(5200); c.advance(4000); c.raise_to(1)\n"
        "print(c.utc_ms(), c.up_ms(), c.quality)\n"
        "c.raise_to(3); print(c.quality)"
    )
    assert run_on_board(code).split() == ["5200", "200", "2", "3"]


def test_rate_is_what_the_waves_assume() -> None:
    assert RATE_HZ % 50 == 0
    assert BLOCK * 1000 % RATE_HZ == 0
