"""Metering points on a running board: from a socket's samples, or a real Modbus server's registers, to intervals."""

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gridwitness.domain.errors import GridwitnessError
from gridwitness.sim.boards import Interpreter
from gwire.fields import BY_KEY, QUALITY, from_wire
from meter_server import Iem3000Server
from plant_server import START_MS, Plant, plant, run_points
from waves import I_UA, U_UV, Wave

__all__ = ["plant"]  # the fixture

SAMPLES = {"pt": "m-t1", "source": "samples"}


def names(q: int) -> set[str]:
    return {name for bit, name, _, _ in QUALITY if q & bit}


@pytest.fixture
def meter() -> Iterator[Iem3000Server]:
    server = Iem3000Server()
    yield server
    server.close()


def meter_point(server: Iem3000Server, **more: Any) -> dict[str, Any]:
    wiring = {"source": "modbus", "host": "127.0.0.1", "port": server.port, "unit": 1, "profile": "iem3000"}
    return {"pt": "m-rev", "period_s": 2, **wiring, **more}


def test_a_sampled_point_measures_minutes(interpreter: Interpreter, tmp_path: Path, plant: Plant) -> None:
    wave = Wave(f_hz=50.05, i=12000, phi=0.6, noise=4, i_harmonics={5: (0.05, 0.2)})
    server = plant(wave.codes(150), first=30 * 3200)
    records, end, _ = run_points(interpreter, tmp_path, server, [SAMPLES])
    assert [(r["pt"], r["ts"] - START_MS, r["dur"], r["g"]) for r in records] == [("m-t1", k * 60_000, 60_000, "power") for k in range(3)]
    assert [names(r["q"]) for r in records] == [{"partial"}, set(), set()]
    watt = U_UV * I_UA * 1e-12
    for record in records:
        m = record["m"]
        assert all(BY_KEY[key][3] <= value <= BY_KEY[key][4] for key, value in m.items())
        assert from_wire("p_w", m["p_w"]) == pytest.approx(3 * wave.p * watt, rel=3e-4)
        assert from_wire("q_var", m["q_var"]) == pytest.approx(3 * wave.q1 * watt, rel=3e-4)
        assert from_wire("u_l2_v", m["u_l2_v"]) == pytest.approx(wave.u_rms * U_UV * 1e-6, rel=3e-4)
        assert from_wire("i_l3_a", m["i_l3_a"]) == pytest.approx(wave.i_rms * I_UA * 1e-6, rel=3e-4)
        assert from_wire("f_hz", m["f_hz"]) == pytest.approx(50.05, abs=0.001)
        assert from_wire("pf", m["pf"]) == pytest.approx(wave.p / (wave.u_rms * wave.i_rms), abs=5e-4)
        assert 0 < m["p_min_w"] <= m["p_w"] <= m["p_max_w"]
    assert [r["m"]["coverage_pm"] for r in records[:2]] == [499, 1000]
    last = records[-1]["m"]
    assert last["ea_imp_wh"] == pytest.approx(3 * wave.p * watt * 150 / 3600, abs=1.5)
    assert end["registers"] == [{key: last[key] for key in ("ea_imp_wh", "ea_exp_wh", "er_imp_varh", "er_exp_varh")}]


def test_registers_go_on_from_what_is_restored(interpreter: Interpreter, tmp_path: Path, plant: Plant) -> None:
    server = plant(Wave().codes(12))
    before = 'points[0].restore({"ea_imp_wh": 300000000, "ea_exp_wh": 12})'
    records, _, _ = run_points(interpreter, tmp_path, server, [SAMPLES], interval_s=10, before=before)
    added = int(3 * 2e8 * U_UV * I_UA * 1e-12 * 10 / 3600)
    assert added >= 20
    assert abs(records[0]["m"]["ea_imp_wh"] - 300_000_000 - added) <= 1
    assert records[0]["m"]["ea_exp_wh"] == 12


def test_memory_stays_where_it_was(interpreter: Interpreter, tmp_path: Path, plant: Plant) -> None:
    """Twenty minutes on a board's heap: what is allocated at the end is what was allocated after two."""
    heaps = []
    for minutes in (2, 20):
        codes = np.tile(Wave(noise=4).codes(60), (1, minutes))
        server = plant(codes)
        _, end, _ = run_points(interpreter, tmp_path, server, [SAMPLES])
        heaps.append(end["heap"])
    assert abs(heaps[1] - heaps[0]) <= 512
    assert heaps[1] < 80_000


def test_an_unknown_source_is_named(interpreter: Interpreter, tmp_path: Path, plant: Plant) -> None:
    server = plant(Wave().codes(1))
    with pytest.raises(GridwitnessError, match=r"point 'm-x' has source 'abacus'; known are samples and modbus"):
        run_points(interpreter, tmp_path, server, [{"pt": "m-x", "source": "abacus"}])


def test_a_meter_is_polled_into_intervals(interpreter: Interpreter, tmp_path: Path, plant: Plant, meter: Iem3000Server) -> None:
    """The meter's power changes every 20 s; its register runs with it. Records carry mean and register of the interval."""

    def between(block: int) -> None:
        seconds = block / 5
        meter.set(p_kw=1000.0 + 10 * int(seconds // 20), ea_imp_wh=2_500_000_000_000 + int(seconds))

    meter.set(p_kw=1000.0, ea_imp_wh=2_500_000_000_000)
    server = plant(Wave().codes(125), between=between)
    records, end, _ = run_points(interpreter, tmp_path, server, [SAMPLES, meter_point(meter)])
    mine = [r for r in records if r["pt"] == "m-rev"]
    assert [r["ts"] - START_MS for r in mine] == [0, 60_000, 120_000]
    assert [names(r["q"]) for r in mine] == [{"foreign"}, {"foreign"}, {"foreign", "partial"}]
    for k, record in enumerate(mine[:2]):
        m = record["m"]
        assert from_wire("p_w", m["p_w"]) == pytest.approx((1_010 + 30 * k) * 1000, abs=1000)
        assert abs(m["ea_imp_wh"] - 2_500_000_000_000 - 60 * (k + 1)) <= 1
        assert m["coverage_pm"] >= 950
        assert from_wire("f_hz", m["f_hz"]) == 50
        assert from_wire("u_l1_v", m["u_l1_v"]) == pytest.approx(5773.5, abs=0.01)
    assert end["registers"][1]["ea_imp_wh"] == mine[-1]["m"]["ea_imp_wh"]


def test_a_board_with_meters_only_keeps_time_too(interpreter: Interpreter, tmp_path: Path, plant: Plant, meter: Iem3000Server) -> None:
    meter.set(p_kw=-250.0, ea_imp_wh=7)
    server = plant(Wave().codes(70))
    records, end, _ = run_points(interpreter, tmp_path, server, [meter_point(meter)])
    assert end["ended"] is True
    assert from_wire("p_w", records[0]["m"]["p_w"]) == -250_000
    assert records[0]["stamp"][2] == 2


def test_a_silent_meter_delays_nobody(interpreter: Interpreter, tmp_path: Path, plant: Plant, meter: Iem3000Server) -> None:
    """A port that accepts and never answers: the sampled point's minutes are all there and whole."""
    meter.set(p_kw=500.0, ea_imp_wh=1)
    with socket.create_server(("127.0.0.1", 0)) as dead:
        silent = meter_point(meter, pt="m-dead", port=dead.getsockname()[1], timeout_ms=50)
        server = plant(Wave().codes(130))
        records, _, log = run_points(interpreter, tmp_path, server, [SAMPLES, silent, meter_point(meter)])
    by_point = {pt: [r for r in records if r["pt"] == pt] for pt in ("m-t1", "m-dead", "m-rev")}
    assert [names(r["q"]) for r in by_point["m-t1"][:2]] == [set(), set()]
    assert all(names(r["q"]) >= {"stale", "partial", "foreign"} and r["m"] == {"coverage_pm": 0} for r in by_point["m-dead"])
    assert len(by_point["m-dead"]) >= 2
    assert [names(r["q"]) for r in by_point["m-rev"][:2]] == [{"foreign"}, {"foreign"}]
    assert sum("m-dead: no answer within 50 ms" in line for line in log) == 1


def test_a_meter_that_comes_back_is_read_again(interpreter: Interpreter, tmp_path: Path, plant: Plant, meter: Iem3000Server) -> None:
    def between(block: int) -> None:
        meter.hush(100 <= block < 150)  # 20 s to 30 s
        threading.Event().wait(0.002)

    meter.set(p_kw=500.0, ea_imp_wh=1)
    server = plant(Wave().codes(185), between=between)
    records, _, _ = run_points(interpreter, tmp_path, server, [SAMPLES, meter_point(meter, timeout_ms=20)])
    mine = [r for r in records if r["pt"] == "m-rev"]
    assert names(mine[0]["q"]) == {"stale", "partial", "foreign"}
    assert 0 < mine[0]["m"]["coverage_pm"] < 950
    assert from_wire("p_w", mine[0]["m"]["p_w"]) == 500_000
    assert names(mine[-2]["q"]) == {"foreign"}


def test_a_wrong_model_is_never_believed(interpreter: Interpreter, tmp_path: Path, plant: Plant, meter: Iem3000Server) -> None:
    """Low word first: the frequency is nonsense, the probe refuses, no value gets out."""
    meter.set(p_kw=500.0, ea_imp_wh=1)
    meter.swap_words()
    server = plant(Wave().codes(65))
    records, _, log = run_points(interpreter, tmp_path, server, [SAMPLES, meter_point(meter)])
    mine = [r for r in records if r["pt"] == "m-rev"]
    assert all(r["m"] == {"coverage_pm": 0} and "stale" in names(r["q"]) for r in mine)
    assert any("this is not a iem3000: f_hz is" in line for line in log)


def test_the_meter_server_is_a_real_one(meter: Iem3000Server) -> None:
    """What the fixture serves can be read by pymodbus' own client."""
    from pymodbus.client import AsyncModbusTcpClient

    meter.set(p_kw=123.5, ea_imp_wh=9)

    async def read() -> list[int]:
        client = AsyncModbusTcpClient("127.0.0.1", port=meter.port)
        await client.connect()
        answer = await client.read_holding_registers(0x0BF3, count=2, device_id=1)
        client.close()
        return answer.registers

    assert struct.unpack(">f", struct.pack(">HH", *asyncio.run(read())))[0] == 123.5
