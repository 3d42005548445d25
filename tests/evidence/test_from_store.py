"""From a gateway's real folder: claimed boards, the real ingest and store, the live engine, then the commands of the command line."""

import json
from pathlib import Path

import plant as plants
import pytest
from gridwitness.cli.main import main
from gridwitness.domain.clock import ScenarioClock
from gridwitness.evidence import contents
from gridwitness.fleet.claim import claim
from gridwitness.ingest.assess import Arrival, Assessor
from gridwitness.ingest.keyring import Keyring
from gridwitness.service.live import LiveEngine
from gridwitness.sim.device import RecordMaker
from gridwitness.store import Store


def clock_runs_ahead(boards: dict[str, RecordMaker]) -> None:
    boards["gw-tie"].record("event", {"pt": None, "k": "config", "x": {}}, ts=plants.START_MS + 86_400_000)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that a gateway has after two and a half hours; ``gw-tie`` sent one record with a clock that ran ahead."""
    root = tmp_path_factory.mktemp("gateway")
    directory = root / "dir"
    (directory / "sites").mkdir(parents=True)
    (directory / "sites/testing.yaml").write_text(plants.REGISTER, encoding="utf-8")
    plant = plants.run(happens={100: clock_runs_ahead})
    clock = ScenarioClock(directory / "clock", create_at_ms=plant.now)
    (directory / "gateway.yaml").write_text(f"clock: scenario:{directory / 'clock'}\n")
    for dev, maker in plant.boards.items():
        request = root / dev / "claim-request.json"
        request.parent.mkdir()
        request.write_text(json.dumps(maker.claim_request()))
        claim(directory, request, "testing", plants.START_MS)
    store = Store(directory / "gridwitness.db")
    assessor = Assessor(store, Keyring(directory / "keys" / "devices"), plant.now)
    store.commit(assessor.assess([Arrival(m.topic, m.payload) for maker in plant.boards.values() for m in maker.messages], plant.now))
    assessor.committed()
    engine = LiveEngine(directory, store, clock, 60_000, 900_000)
    engine.turn(0.0)
    store.close()
    return directory


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    try:
        main(["evidence", *map(str, words)])
    except SystemExit as ended:
        return int(ended.code or 0), *capsys.readouterr()
    return 0, *capsys.readouterr()


def test_a_stored_finding_is_exported_and_verifies(directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_store = Store(directory / "gridwitness.db", readonly=True)
    [finding] = [row for row in with_store.findings("testing") if row.kind == "dedicated_line_supply"]
    with_store.close()
    assert run(capsys, "trust", directory, "--out", tmp_path / "trust.json")[0] == 0
    code, out, err = run(capsys, "export", directory, finding.id, "--out", tmp_path, "--json")
    assert (code, err) == (0, "")
    bundle = Path(json.loads(out)["bundle"])
    code, out, _ = run(capsys, "verify", bundle, "--trust", tmp_path / "trust.json")
    assert code == 10, out
    params = json.loads((bundle / contents.PARAMS).read_text())
    assert [(entry["dev"], entry["why"]) for entry in params["excluded"]] == [("gw-tie", "clock_ahead")]
    case = json.loads((bundle / contents.FINDING).read_text())
    assert {key: value for key, value in case.items() if key not in ("id", "site")} == finding.doc


def test_raw_segments_of_the_engine_hold_the_bundles_bytes(directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(directory / "gridwitness.db", readonly=True)
    closed = store.segments("gw-g1")
    [finding] = store.findings("testing")
    store.close()
    _, out, _ = run(capsys, "export", directory, finding.id, "--out", tmp_path)
    bundle = Path(out.strip())
    assert closed
    for row in closed:
        assert (directory / "segments" / row.file).read_bytes() == (bundle / "data/raw" / row.file).read_bytes()


def test_an_unknown_finding_names_the_known_ones(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "export", directory, "no-such-finding")
    assert code == 2
    assert "testing-dedicated_line_supply-b1" in err
