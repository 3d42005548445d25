"""The store against its own raw payloads: an index that lies is found."""

from collections.abc import Callable
from pathlib import Path

import pytest
from gridwitness.cli.main import main
from gridwitness.ingest.assess import Arrival, Assessor
from gridwitness.ingest.keyring import Keyring
from gridwitness.ingest.recheck import recheck
from gridwitness.sim.device import RecordMaker, measured
from gridwitness.store import Store


@pytest.fixture
def filled(directory: Path, store: Store, claimed: Callable[[str], RecordMaker]) -> Store:
    """Half an hour of one board, the first three records without a clock, one record quarantined."""
    board = claimed("gw-g1")
    start_ms, board.now_ms = board.now_ms or 0, None
    board.boot()
    board.pass_time(60_000)
    board.data("m-g1", measured(1e6))
    board.now_ms = start_ms + board.up_ms
    for minute in range(30):
        board.pass_time(60_000)
        board.data("m-g1", measured(1e6 + minute))
    board.record("data", {"pt": "m-g1", "dur": 60_000, "g": "power", "q": 0, "m": {"p_w": 1}}, ts=77)
    board.event("step", "m-g1", {"dp_w": 5})
    board.seal()
    assessor = Assessor(store, Keyring(directory / "keys" / "devices"), board.now_ms or 0)
    for batch in ([Arrival(m.topic, m.payload) for m in board.messages], []):
        store.commit(assessor.assess(batch, board.now_ms or 0))
        assessor.committed()
    return store


def test_an_honest_store_has_no_difference(filled: Store) -> None:
    report = recheck(filled)
    assert report.problems == []
    assert (report.records, report.intervals) == (36, 31)


@pytest.mark.parametrize(
    ("lie", "told"),
    [
        ("UPDATE interval SET ts_ms = ts_ms + 1 WHERE seq = 10", "table interval does not hold"),
        ("UPDATE interval SET q = 1 WHERE seq = 10", "table interval does not hold"),
        ("UPDATE interval SET vals = zeroblob(length(vals)) WHERE seq = 10", "table interval does not hold"),
        ("UPDATE interval SET dur_ms = 1 WHERE ts_derived = 1", "table interval does not hold"),
        ("DELETE FROM interval WHERE seq = 10", "table interval has 30 rows, the payloads give 31"),
        ("INSERT INTO interval SELECT dev, pt, g, ts_ms + 9, boot, seq, dur_ms, q, cq, 0, vals FROM interval LIMIT 1", "has 32 rows"),
        ("UPDATE event SET x = '{}'", "table event does not hold"),
        ("UPDATE seal SET n = n + 1", "table seal does not hold"),
        ("UPDATE raw SET payload = CAST(replace(CAST(payload AS TEXT), '10000050', '10000060') AS BLOB)", "SHA-256"),
        ("DELETE FROM raw WHERE seq = 12", "the cursor stands at"),
        ("UPDATE raw SET ts_ms = ts_ms + 1 WHERE seq = 12", "it is filed under ts"),
        ("UPDATE raw SET ts_ms = ts_ms + 1 WHERE seq = 1", "derived is"),
        ("UPDATE raw SET seq = 99 WHERE seq = 35", "the payload says boot 0 seq 35"),
        ("UPDATE cursor SET tip = zeroblob(32)", "has another hash"),
        ("UPDATE cursor SET seq = 1000", "the cursor"),
    ],
)
def test_a_lie_is_found(filled: Store, lie: str, told: str) -> None:
    with filled.transaction() as db:
        assert db.execute(lie).rowcount > 0
    problems = recheck(filled).problems
    assert any(told in problem for problem in problems), problems


def test_the_command(filled: Store, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["db", "check", str(directory)])
    assert ended.value.code == 0
    assert "36 records, 31 intervals computed again: no difference" in capsys.readouterr().out
    with filled.transaction() as db:
        db.execute("DELETE FROM interval WHERE seq = 10")
    with pytest.raises(SystemExit) as ended:
        main(["db", "check", str(directory), "--json"])
    assert ended.value.code == 3


def test_a_folder_without_a_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["db", "check", str(tmp_path)])
    assert ended.value.code == 2
    assert "error[no_store]" in capsys.readouterr().err
    assert not (tmp_path / "gridwitness.db").exists()
