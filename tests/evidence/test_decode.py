"""Decoding raw records by the verifier's own code gives what the gateway's store gives."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import plant as plants
import pytest
from gridwitness.domain.moments import iso
from gridwitness.domain.series import OK, SUSPECT
from gridwitness.evidence import decode, record
from gridwitness.fleet.claim import claim
from gridwitness.ingest.assess import Arrival, Assessor
from gridwitness.ingest.keyring import Keyring
from gridwitness.sim.device import RecordMaker, measured
from gridwitness.store import Store

COLUMNS = ("ts_ms", "dur_ms", "quality", *decode.COLUMNS)
FOREVER = 1 << 52


def board() -> RecordMaker:
    """A board with everything odd: no clock at first, doubtful intervals, a start measured twice, harmonics, steps, a bad record."""
    maker = RecordMaker("gw-g1", now_ms=None)
    maker.boot()
    maker.pass_time(60_000)
    maker.data("m-g1", measured(900_000.0), q=4)
    maker.now_ms = plants.START_MS + 120_000
    maker.up_ms = 120_000
    for minute in range(6):
        maker.pass_time(60_000)
        maker.data("m-g1", measured(1_000_000.0 + minute / 7), q=(0, 1, 2, 8, 256, 0)[minute])
    maker.data("m-g1", {"thd_i_l1_pct": 431, "thd_i_l2_pct": 440}, group="harm")
    maker.data("m-g1", measured(5.0), q=0)
    maker.event("step", "m-g1", {"dp_w": -98_200, "dq_var": 4, "rise_ms": 400, "clock_u_ms": 800})
    maker.event("step", None)
    maker.pass_time(60_000)
    maker.data("m-g1", {key: value for key, value in measured(1.0).items() if key != "p_w"})
    maker.data("m-g2", {"p_w": 12345})
    maker.record("data", {"pt": "m-g2", "dur": 60_000, "g": "power", "q": 0, "m": {"unknown": 1}})
    maker.boot(cause="watchdog")
    maker.data("m-g2", {"p_w": 99999}, q=1)
    maker.seal()
    return maker


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """The same records through the gateway's own ingest."""
    import json

    maker = board()
    request = tmp_path / "claim-request.json"
    request.write_text(json.dumps(maker.claim_request()))
    directory = tmp_path / "gateway"
    (directory / "sites").mkdir(parents=True)
    (directory / "sites/testing.yaml").write_text(plants.REGISTER)
    claim(directory, request, "testing", plants.START_MS)
    store = Store(directory / "gridwitness.db")
    now_ms = plants.START_MS + 3_600_000
    assessor = Assessor(store, Keyring(directory / "keys" / "devices"), now_ms)
    for arrivals in ([Arrival(m.topic, m.payload) for m in maker.messages], []):
        store.commit(assessor.assess(arrivals, now_ms))
        assessor.committed()
    yield store
    store.close()


def test_the_verifiers_series_are_the_stores(store: Store) -> None:
    theirs = store.readings("testing")
    chain = [record.parse(row[4], "gw-g1", "store") for row in store.raw("gw-g1")]
    ours = decode.readings({"gw-g1": chain}, 0, FOREVER, set())
    assert ours.points.keys() == theirs.points.keys() == {"m-g1", "m-g2"}
    for name, series in ours.points.items():
        for column in COLUMNS:
            np.testing.assert_array_equal(getattr(series, column), getattr(theirs.points[name], column), err_msg=f"{name} {column}")
    assert ours.events == theirs.events


def test_doubtful_intervals_are_suspect_and_the_better_of_two_counts() -> None:
    chain = [record.parse(m.payload, "gw-g1", "board") for m in board().messages]
    series = decode.readings({"gw-g1": chain}, 0, FOREVER, set()).points["m-g2"]
    assert series.quality.tolist() == [OK]
    assert series.p_w.tolist() == [1234.5]
    doubtful = decode.readings({"gw-g1": chain}, 0, FOREVER, set()).points["m-g1"].quality.tolist()
    assert doubtful.count(SUSPECT) == 4


def test_the_period_cuts_whole_intervals() -> None:
    chain = [record.parse(m.payload, "gw-g1", "board") for m in board().messages]
    from_ms, to_ms = plants.START_MS + 180_000, plants.START_MS + 300_000
    series = decode.readings({"gw-g1": chain}, from_ms, to_ms, set()).points["m-g1"]
    assert series.ts_ms.tolist() == [from_ms, from_ms + 60_000]


def test_excluded_records_take_no_part() -> None:
    chain = [record.parse(m.payload, "gw-g1", "board") for m in board().messages]
    whole = decode.readings({"gw-g1": chain}, 0, FOREVER, set()).points["m-g1"]
    position = next(r.position for r in chain if r.t == "data" and r.doc["q"] == 0)
    less = decode.readings({"gw-g1": chain}, 0, FOREVER, {("gw-g1", position)}).points["m-g1"]
    assert len(less.ts_ms) == len(whole.ts_ms) - 1


def test_a_point_of_two_devices_is_taken_from_the_first() -> None:
    chains = {}
    for dev, power in (("gw-b", 2.0), ("gw-a", 1.0)):
        maker = RecordMaker(dev)
        maker.boot()
        maker.data("m-1", measured(power))
        chains[dev] = [record.parse(m.payload, dev, dev) for m in maker.messages]
    found = decode.readings(chains, 0, FOREVER, set())
    assert found.points["m-1"].p_w.tolist() == [1.0]
    assert [p.point for p in found.problems] == ["m-1"]


def test_the_csv_gives_the_same_doubles_back() -> None:
    chain = [record.parse(m.payload, "gw-g1", "board") for m in board().messages]
    found = decode.readings({"gw-g1": chain}, 0, FOREVER, set())
    lines = decode.csv_text(found).splitlines()
    assert lines[0] == "ts,point,p_w,q_var,u_v,i_a,pf,f_hz,thd_i_pct,quality"
    series = found.points["m-g1"]
    cells = next(line for line in lines if line.startswith(f"{iso(int(series.ts_ms[1]))},m-g1")).split(",")
    values = [getattr(series, column)[1] for column in decode.COLUMNS]
    np.testing.assert_array_equal([float(cell or "nan") for cell in cells[2:9]], values)
