"""The whole firmware on the chip's heap: samples and a real Modbus meter in, sealed and acknowledged records out."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from gateway_side import Broker, Gateway, check_history
from gridwitness.sim.boards import Board, Interpreter
from meter_server import Iem3000Server
from plant_server import START_MS, PlantServer
from waves import Wave

MINUTES = 12
RUN = """
import gc, main
work = main._work
async def measured(parts):
    print("heap after boot", gc.mem_alloc())
    await work(parts)
    gc.collect()
    print("heap at the end", gc.mem_alloc())
main._work = measured
main.run()
"""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    yield broker
    broker.stop()


@pytest.mark.parametrize(("march", "sources"), [("x64", 2), ("x86", 1)])  # 112 KB hold the sampled point, not yet a meter besides
def test_measures_seals_and_delivers_within_the_chips_heap(
    tmp_path: Path, broker: Broker, interpreters: dict[str, Interpreter], march: str, sources: int
) -> None:
    if march not in interpreters:
        pytest.skip(f"no MicroPython for {march} on this machine (make setup)")
    interpreter = interpreters[march]
    meter = Iem3000Server()
    meter.set(1234.0, 5_000_000)
    plant = PlantServer(np.tile(Wave(noise=4).codes(60), (1, MINUTES)))
    where = {"host": "127.0.0.1", "port": meter.port, "unit": 1, "profile": "iem3000", "period_s": 2}
    points = [{"pt": "m-g1", "source": "samples"}, {"pt": "m-rev", "source": "modbus", **where}][:sources]
    config = {"dev": "gw-t1", "mqtt": {"host": "127.0.0.1", "port": broker.port}, "interval_s": 60, "seal_s": 300, "points": points}
    board = Board.create(tmp_path / "board", config, {"samples": ["127.0.0.1", plant.port], "trace": "assigned.log"}, interpreter)
    board.call("import setup.claim as c; c.request('gw-t1')")
    claim = json.loads((board.folder / "claim-request.json").read_text())
    gateway = Gateway(broker.port, claim)
    try:
        board.start(RUN)
        assert board.process.wait(60) == 0, (board.folder / "board.log").read_text()
    finally:
        gateway.stop()
        board.kill()
        plant.close()
        meter.close()
    log = (board.folder / "board.log").read_text()
    print(march, log)
    assert "Error" not in log
    assert gateway.faults == []
    assert gateway.kept.keys() == board.assigned().keys()
    check_history(gateway.kept, claim["seal_key"], largest_step=10**9)
    data = [r for r in map(json.loads, gateway.kept.values()) if r["t"] == "data"]
    for pt in [point["pt"] for point in points]:
        assert sorted(r["ts"] - START_MS for r in data if r["pt"] == pt)[:MINUTES] == [60_000 * i for i in range(MINUTES)]
    assert all(r["cq"] >= 2 for r in data)
