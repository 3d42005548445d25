"""The demo's own judgement must be able to fail: each way in which a run can be bad is shown to it."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gridwitness.domain.series import OK, SUSPECT, PointSeries, SiteReadings
from gridwitness.service.demo.outcome import Outcome, strongest
from gridwitness.service.demo.tally import Holes, Tally, count, holes
from gridwitness.sim.boards import Board, Interpreter


def payload(boot: int, seq: int, note: str = "") -> bytes:
    return json.dumps({"boot": boot, "seq": seq, "note": note}).encode()


def row(boot: int, seq: int, note: str = "") -> tuple[str, bytes, str]:
    raw = payload(boot, seq, note)
    return "gw-1", raw, hashlib.sha256(raw).hexdigest()


def promise(*rows: tuple[str, bytes, str]) -> dict[tuple[str, int, int], str]:
    return {(dev, json.loads(raw)["boot"], json.loads(raw)["seq"]): digest for dev, raw, digest in rows}


def test_a_good_run_counts_up() -> None:
    rows = [row(1, 0), row(1, 1), row(2, 0)]
    assert count(promise(*rows), rows, 4).as_json() == {"published": 3, "stored": 3, "lost": 0, "duplicated": 0, "quarantined": 4}


def test_a_lost_record_is_named() -> None:
    rows = [row(1, 0), row(1, 1)]
    assert count(promise(*rows), rows[:1], 0).lost == {("gw-1", 1, 1)}


def test_a_record_filed_twice_is_seen_by_its_content() -> None:
    rows = [row(1, 0), row(1, 1)]
    assert count(promise(*rows), [*rows, rows[1]], 0).duplicated == {("gw-1", 1, 1)}


def test_other_bytes_under_the_same_position_count_as_lost() -> None:
    tally = count(promise(row(1, 0)), [row(1, 0, "edited")], 0)
    assert tally.altered == {("gw-1", 1, 0)}
    assert tally.as_json()["lost"] == 1


def test_a_record_stored_before_the_board_could_say_so_is_published() -> None:
    assert count({}, [row(1, 0)], 0).as_json() == {"published": 1, "stored": 1, "lost": 0, "duplicated": 0, "quarantined": 0}


def test_a_half_written_trace_line_is_no_promise(tmp_path: Path) -> None:
    board = Board(tmp_path, Interpreter(tmp_path / "none", "x64"), tmp_path)
    (tmp_path / "hal.json").write_text('{"trace": "assigned.log"}')
    assert board.assigned() == {}
    (tmp_path / "assigned.log").write_text("1 0 aa\n1 1 bb\n1 2 c")
    assert board.assigned() == {(1, 0): "aa", (1, 1): "bb"}


def series(starts: list[int], quality: list[int]) -> SiteReadings:
    n = len(starts)
    nan = np.full(n, np.nan)
    ts = np.array(starts, np.int64) * 60_000
    points = {"m": PointSeries("m", ts, np.full(n, 60_000), nan, nan, nan, nan, nan, nan, nan, np.array(quality, np.uint8))}
    return SiteReadings(points=points)


def test_partial_and_absent_intervals_are_told_apart() -> None:
    readings = series([1, 2, 4], [OK, SUSPECT, OK])
    assert holes(readings, ["m", "other"], 60_000, 6 * 60_000) == {"m": Holes(2, 1), "other": Holes(5, 0)}
    assert holes(readings, ["m"], 30_000, 2 * 60_000 + 1) == {"m": Holes(0, 0)}


FINDING: dict[str, Any] = {
    "kind": "dedicated_line_supply",
    "subject": {"type": "bus", "id": "B1"},
    "status": "case",
    "confidence": 0.99,
    "detected_at": "2026-12-01T00:40:00+08:00",
    "energy_wh": 100.0,
    "energy_u95_wh": 5.0,
}


def outcome(**changes: Any) -> Outcome:
    values: dict[str, Any] = {
        "broker": "mosquitto",
        "tally": Tally(3, 3, frozenset(), frozenset(), frozenset(), 0),
        "board_kills": 1,
        "gateway_kills": 1,
        "holes": {"m": Holes(1, 1)},
        "mine": True,
        "onset_ms": 1000,
        "true_energy_wh": 99.0,
        "finding": FINDING,
        "detected_ms": 61_000,
        "bundle": "b",
        "verify_exit": 10,
        "simulated_s": 3600.0,
        "wall_s": 60.0,
    }
    return Outcome(**(values | changes))


def test_a_good_outcome() -> None:
    good = outcome()
    assert good.judge() == []
    assert good.as_json()["finding"] == {
        "kind": "dedicated_line_supply",
        "subject": "B1",
        "delay_s": 60.0,
        "energy_wh": 100.0,
        "energy_u95_wh": 5.0,
        "true_energy_wh": 99.0,
    }
    assert good.as_json()["speed"] == 60.0


@pytest.mark.parametrize(
    "changes",
    [
        {"tally": Tally(3, 2, frozenset({("d", 1, 1)}), frozenset(), frozenset(), 0)},
        {"tally": Tally(3, 3, frozenset(), frozenset({("d", 1, 1)}), frozenset(), 0)},
        {"tally": Tally(3, 3, frozenset(), frozenset(), frozenset({("d", 1, 1)}), 0)},
        {"holes": {"m": Holes(2, 0)}},
        {"holes": {"m": Holes(0, 3)}},
        {"finding": None},
        {"finding": FINDING | {"kind": "behind_the_meter_supply"}},
        {"detected_ms": 500},
        {"verify_exit": 21},
        {"mine": False},
        {"complaints": ["the gateway ended by itself"]},
    ],
)
def test_each_thing_that_does_not_hold_is_said(changes: dict[str, Any]) -> None:
    assert len(outcome(**changes).judge()) == 1
    assert outcome(**changes).as_json()["ok"] is False


def test_a_clean_run_has_no_finding() -> None:
    clean = outcome(mine=False, finding=None, detected_ms=None, onset_ms=None, bundle=None, verify_exit=None)
    assert clean.judge() == []
    assert clean.as_json()["finding"] is None


def test_only_a_case_of_supply_counts() -> None:
    watch = FINDING | {"status": "watch", "confidence": 1.0}
    fault = FINDING | {"kind": "bad_data", "confidence": 1.0}
    assert strongest([watch, fault, FINDING]) == FINDING
    assert strongest([watch, fault]) is None
