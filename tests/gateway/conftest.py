"""A gateway's folder with claimed boards, and a real broker."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gridwitness.fleet.claim import claim
from gridwitness.service import broker
from gridwitness.sim.device import RecordMaker
from gridwitness.store import Store

START_MS = 1_796_054_400_000
"""2026-12-01T00:00:00+08:00, where `RecordMaker` begins."""

SITE_YAML = """\
format: gridwitness-site/1
site: {id: longtan, name: {zh: 龙潭水电站, en: Longtan hydro}, timezone: Asia/Shanghai}
buses:
  - {id: B1, u_nominal_v: 6300}
plants:
  - {id: P1, kind: hydro, bus: B1, rated_w: 2500000}
branches:
  - {id: G1, bus: B1, role: generator, plant: P1, point: m-g1, rated_w: 2500000}
  - {id: T1, bus: B1, role: grid_tie, point: m-tie}
points:
  - {id: m-g1, kind: verified_meter, meter_class: 0.5S, ct_class: 0.5S, vt_class: 0.5, i_rated_a: 400, sign: 1}
  - {id: m-tie, kind: verified_meter, meter_class: 0.5S, ct_class: 0.5S, vt_class: 0.5, i_rated_a: 400, sign: 1}
monitored_from: "2026-11-30T00:00:00+08:00"
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A gateway's folder with one register."""
    folder = tmp_path / "gateway"
    (folder / "sites").mkdir(parents=True)
    (folder / "sites" / "longtan.yaml").write_text(SITE_YAML, encoding="utf-8")
    return folder


@pytest.fixture
def claimed(directory: Path, tmp_path: Path) -> Callable[[str], RecordMaker]:
    """Makes a board and claims it as a technician would."""

    def make(dev: str) -> RecordMaker:
        maker = RecordMaker(dev)
        request = tmp_path / f"cable-{dev}" / "claim-request.json"
        request.parent.mkdir()
        request.write_text(json.dumps(maker.claim_request()))
        claim(directory, request, "longtan", START_MS)
        return maker

    return make


@pytest.fixture
def store(directory: Path) -> Iterator[Store]:
    """The gateway's store, to write."""
    opened = Store(directory / "gridwitness.db")
    yield opened
    opened.close()


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[broker.Broker]:
    """A real mosquitto on a free port."""
    if broker.mosquitto_path() is None:
        pytest.skip("mosquitto is not installed")
    running = broker.start(tmp_path / "mosquitto", "mosquitto")
    yield running
    running.stop()
