"""Live detection over the store: findings appear, survive a restart, and segments are closed."""

import logging
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from gridwitness.domain.clock import FixedClock
from gridwitness.ingest.assess import Arrival, Assessor
from gridwitness.ingest.keyring import Keyring
from gridwitness.service.live import LiveEngine, frontier
from gridwitness.service.sources import StoreSource, open_source
from gridwitness.sim.device import RecordMaker, measured
from gridwitness.store import Batch, Store

MINUTES = 600
ONSET = 360
HIDDEN_W = 300_000.0


@pytest.fixture
def boards(claimed: Callable[[str], RecordMaker]) -> list[RecordMaker]:
    """A generator and a tie; from minute 360 on 300 kW leave the bus on no branch."""
    rng = np.random.default_rng(7)
    generator, tie = claimed("gw-g1"), claimed("gw-tie")
    for board in (generator, tie):
        board.boot()
    for minute in range(MINUTES):
        made_w = 1.8e6 + rng.normal(0, 2e3)
        for board, point, p_w in ((generator, "m-g1", made_w), (tie, "m-tie", made_w - (HIDDEN_W if minute >= ONSET else 0))):
            board.pass_time(60_000)
            board.data(point, measured(p_w + rng.normal(0, 300)))
            if minute % 60 == 59:
                board.seal()
    return [generator, tie]


class Bench:
    """A gateway's ingest and detection without processes; the clock is set by hand."""

    def __init__(self, directory: Path, store: Store, boards: list[RecordMaker]) -> None:
        self.directory, self.store = directory, store
        self.clock = FixedClock(boards[0].now_ms or 0)
        self.assessor = Assessor(store, Keyring(directory / "keys" / "devices"), self.clock.now_ms())
        self.restart()

    def restart(self) -> None:
        self.engine = LiveEngine(self.directory, self.store, self.clock, 60_000, 900_000)

    def take(self, board: RecordMaker, last: int | None = None) -> None:
        arrivals = [Arrival(m.topic, m.payload) for m in board.messages[:last]]
        self.store.commit(self.assessor.assess(arrivals, self.clock.now_ms()))
        self.assessor.committed()


@pytest.fixture
def bench(directory: Path, store: Store, boards: list[RecordMaker]) -> Bench:
    return Bench(directory, store, boards)


def test_a_hidden_load_becomes_a_finding_and_stays_the_same_after_a_restart(bench: Bench, boards: list[RecordMaker]) -> None:
    bench.engine.turn(0.0)
    assert bench.store.analysis("longtan") is None  # nothing to analyse yet
    for board in boards:
        bench.take(board)
    bench.restart()
    bench.engine.turn(0.0)
    cases = [row for row in bench.store.findings("longtan") if row.status == "case"]
    assert [row.kind for row in cases] == ["dedicated_line_supply"]
    assert cases[0].doc["mean_power_w"] == pytest.approx(HIDDEN_W, rel=0.05)
    bench.restart()
    bench.engine.turn(0.0)
    again = [row for row in bench.store.findings("longtan") if row.status == "case"]
    assert (again[0].id, again[0].doc) == (cases[0].id, cases[0].doc)
    assert len(bench.store.finding_history(cases[0].id)) == 1


def test_the_analysis_is_kept_for_the_pages(bench: Bench, boards: list[RecordMaker]) -> None:
    for board in boards:
        bench.take(board)
    bench.engine.turn(0.0)
    found = bench.store.analysis("longtan")
    assert found is not None
    to_ms, doc = found
    assert to_ms == bench.clock.now_ms()
    series = doc["balance"]["B1"]
    assert len(series["ts_ms"]) == len(series["residual_w"]) == len(series["u95_w"]) >= MINUTES - 1
    assert series["residual_w"][-1] == pytest.approx(HIDDEN_W, rel=0.1)
    assert set(series["terms"]) == {"G1", "T1"}


def test_detection_runs_at_its_own_pace(bench: Bench, boards: list[RecordMaker], monkeypatch: pytest.MonkeyPatch) -> None:
    for board in boards:
        bench.take(board)
    done: list[int] = []
    monkeypatch.setattr(LiveEngine, "_analyse", lambda self, site, now_ms: done.append(now_ms))
    start = bench.clock.ms
    for step_ms in (0, 30_000, 59_999, 60_000, 119_999, 120_000):
        bench.clock.ms = start + step_ms
        bench.engine.turn(0.0)
    assert [ms - start for ms in done] == [0, 60_000, 120_000]


def test_what_came_last_is_analysed_although_the_clock_stands_still(
    bench: Bench, boards: list[RecordMaker], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[float] = []
    monkeypatch.setattr(LiveEngine, "_analyse", lambda self, site, now_ms: done.append(at_s))
    ingest = Store(bench.directory / "gridwitness.db")
    for at_s, comes in ((0.0, False), (10.0, True), (11.0, True), (12.4, False), (12.6, False), (20.0, False), (30.0, True), (31.6, False)):
        if comes:
            ingest.commit(Batch(counters={"stored": 1}))
        bench.engine.turn(at_s)
    ingest.close()
    assert done == [0.0, 12.6, 31.6]


def test_the_frontier_is_what_every_live_point_has(bench: Bench, boards: list[RecordMaker]) -> None:
    generator, tie = boards
    assert frontier(bench.store, "longtan") is None
    bench.take(generator)
    end_ms = bench.clock.now_ms()
    assert frontier(bench.store, "longtan") == end_ms
    bench.take(tie, -3)  # two intervals and a seal are still on the way
    assert frontier(bench.store, "longtan") == end_ms - 120_000
    bench.take(tie)
    assert frontier(bench.store, "longtan") == end_ms


def test_a_hole_holds_the_frontier(bench: Bench, boards: list[RecordMaker]) -> None:
    generator, tie = boards
    end_ms = bench.clock.now_ms()
    bench.take(generator)
    hole = [m for m in tie.messages if m.seq != tie.seq - 3]
    bench.store.commit(bench.assessor.assess([Arrival(m.topic, m.payload) for m in hole], end_ms))
    bench.assessor.committed()
    frontier_ms = frontier(bench.store, "longtan")
    assert frontier_ms is not None
    assert end_ms - 300_000 < frontier_ms < end_ms


def test_a_silent_point_is_not_waited_for(bench: Bench, boards: list[RecordMaker]) -> None:
    bench.take(boards[0])
    bench.take(boards[1], 100)
    assert frontier(bench.store, "longtan") == bench.clock.now_ms()


def test_a_register_that_became_invalid_is_told_and_the_last_one_stays(
    bench: Bench, boards: list[RecordMaker], caplog: pytest.LogCaptureFixture
) -> None:
    for board in boards:
        bench.take(board)
    bench.engine.turn(0.0)
    path = bench.directory / "sites" / "longtan.yaml"
    good = path.read_text(encoding="utf-8")
    path.write_text(good.replace("bus: B1, role: generator", "bus: B7, role: generator"), encoding="utf-8")
    bench.clock.ms += 60_000
    with caplog.at_level(logging.ERROR):
        bench.engine.turn(0.0)
    assert "register_invalid" in caplog.text
    assert "longtan.yaml:" in caplog.text
    assert [row.yaml for row in bench.store.sites()] == [good]
    newer = good.replace("rated_w: 2500000}", "rated_w: 2600000}")
    path.write_text(newer, encoding="utf-8")
    bench.clock.ms += 60_000
    bench.engine.turn(0.0)
    assert [row.yaml for row in bench.store.sites()] == [newer]
    before = bench.store.site_at("longtan", bench.clock.ms - 1)
    assert before is not None
    assert before.yaml == good


def test_trouble_with_one_site_is_logged_and_the_next_is_watched(
    bench: Bench, boards: list[RecordMaker], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(LiveEngine, "_analyse", lambda *_: 1 / 0)
    with caplog.at_level(logging.ERROR):
        bench.engine.turn(0.0)
    assert "analysis of longtan failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_hours_are_closed_into_segments_once(bench: Bench, boards: list[RecordMaker]) -> None:
    for board in boards:
        bench.take(board)
    bench.clock.ms += 900_000
    bench.engine.turn(0.0)
    rows = bench.store.segments("gw-g1")
    lines = b"".join((bench.directory / "segments" / row.file).read_bytes() for row in rows)
    assert lines == b"".join(m.payload + b"\n" for m in boards[0].messages)
    assert len({row.hour for row in rows}) == len(rows) >= 10
    bench.restart()
    bench.engine.turn(0.0)
    assert bench.store.segments("gw-g1") == rows


def test_a_bundle_finds_everything_it_asks_for(bench: Bench, boards: list[RecordMaker]) -> None:
    boards[1].record("data", {"pt": "m-tie", "dur": 60_000, "g": "power", "q": 0, "m": {"p_w": 1}}, ts=1234)
    for board in boards:
        bench.take(board)
    bench.engine.turn(0.0)
    source = StoreSource(bench.directory, bench.store, bench.clock)
    row = bench.store.findings("longtan")[0]
    finding = source.finding(row.id)
    assert (finding.site, finding.doc) == ("longtan", row.doc)
    assert finding.to_ms == boards[0].now_ms
    assert source.register("longtan").text == (bench.directory / "sites" / "longtan.yaml").read_text(encoding="utf-8")
    devices = {device.dev: device for device in source.devices("longtan")}
    assert set(devices) == {"gw-g1", "gw-tie"}
    assert devices["gw-g1"].seal_key == boards[0].seal_point
    assert "k" not in devices["gw-g1"].claim
    assert boards[0].secret.hex() not in repr(devices)
    assert [payload for *_, payload in source.raw("gw-g1")] == [m.payload for m in boards[0].messages]
    assert source.excluded("gw-g1") == {}
    assert source.excluded("gw-tie") == {(0, boards[1].seq): "clock_before_firmware"}
    with closing(open_source(bench.directory)) as reopened:
        assert reopened.finding(row.id).doc == row.doc
