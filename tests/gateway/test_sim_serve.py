"""The live twin: protocol, credits, absence, the revenue meter, the clock, and how it ends."""

import asyncio
import contextlib
import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gridwitness.domain.clock import ScenarioClock
from gridwitness.sim import pacing, scenario
from gridwitness.sim.model import Scenario
from gridwitness.sim.plant import Plant
from gridwitness.sim.serve import Files, Twin
from gridwitness.sim.truth import energy_between
from gridwitness.sim.waveforms import Waveforms
from pymodbus.client import AsyncModbusTcpClient

HEADER = struct.Struct("<4sIqHH")
LONGTAN = scenario.load("longtan")
DEVS = tuple(board.dev for board in LONGTAN.boards)


class Board:
    """A small client that does what a board does."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.blocks: list[tuple[int, int, int]] = []
        self.payload = b""

    async def join(self, dev: str) -> dict[str, Any]:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(json.dumps({"dev": dev}).encode() + b"\n")
        hello: dict[str, Any] = json.loads(await self._reader.readline())
        return hello

    async def receive(self) -> int:
        magic, block, first, n, flags = HEADER.unpack(await self._reader.readexactly(HEADER.size))
        assert (magic, first, n) == (b"GWS1", block * 640, 640)
        self.payload = await self._reader.readexactly(12 * n)
        self.blocks.append((block, first, flags))
        return int(block)

    def credit(self, block: int) -> None:
        self._writer.write(struct.pack("<I", block))

    async def leave(self) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    async def reach(self, blocks: int) -> None:
        """Wait until another task has received so many blocks, and a little longer for one too many."""
        while len(self.blocks) < blocks:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)

    async def cut_off(self) -> bool:
        """Read on until the twin ends the connection."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while not self.blocks[-1][2]:
                await self.receive()
        await self.leave()
        return not self.blocks[-1][2]

    async def play(self, dev: str, *, until: int | None = None) -> None:
        """Join, work blocks off until the last one (or until block ``until``), leave."""
        await self.join(dev)
        while True:
            block = await self.receive()
            self.credit(block)
            if self.blocks[-1][2] & 1 or block == until:
                break
        await self.leave()


def boards_of(count: int, minutes: float) -> Scenario:
    return replace(LONGTAN, boards=LONGTAN.boards[:count]).changed(minutes=minutes)


def run(tmp_path: Path, chosen: Scenario, story: Callable[[dict[str, Any]], Awaitable[None]], speed: float | None = None) -> dict[str, Any]:
    """Serve a scenario in this process while a story of clients plays; the twin's status."""
    files = Files(tmp_path / "clock", tmp_path / "ports.json", tmp_path / "truth.json")

    async def both() -> dict[str, Any]:
        twin = asyncio.create_task(Twin(chosen, files, speed).run())
        while not files.ports.exists():
            await asyncio.sleep(0.01)
            assert not twin.done(), twin
        await asyncio.wait_for(story(json.loads(files.ports.read_text())), 60)
        return await asyncio.wait_for(twin, 60)

    return asyncio.run(both())


def test_every_board_gets_every_block_and_the_end_is_marked(tmp_path: Path) -> None:
    boards: list[Board] = []

    async def story(ports: dict[str, Any]) -> None:
        boards.extend(Board(ports["samples"]) for _ in DEVS)
        await asyncio.gather(*(board.play(dev) for board, dev in zip(boards, DEVS, strict=True)))

    status = run(tmp_path, LONGTAN.changed(minutes=0.5), story)
    for board in boards:
        assert board.blocks == [(b, b * 640, int(b == 149)) for b in range(150)]
    assert status["ok"] is True
    assert (status["blocks"], status["sim_s"]) == (150, 30.0)
    assert status["boards"] == {dev: {"blocks": 150, "missed": 0, "joins": 1} for dev in DEVS}
    assert ScenarioClock(tmp_path / "clock").now_ms() == LONGTAN.start_ms + 30_000


def test_the_announcement_and_the_samples(tmp_path: Path) -> None:
    chosen, seen = boards_of(1, 0.01), {}

    async def story(ports: dict[str, Any]) -> None:
        board = Board(ports["samples"])
        seen.update(await board.join("gw-g1"))
        for block in range(3):
            assert await board.receive() == block
            seen[block] = board.payload
            board.credit(block)
        await board.leave()

    run(tmp_path, chosen, story)
    waveforms = Waveforms(Plant(chosen))
    u_uv, i_ua = waveforms.scales("m-g1")
    assert {key: seen[key] for key in ("rate_hz", "samples", "u_uv_per_code", "i_ua_per_code", "start_ms", "f_nominal_hz")} == {
        "rate_hz": 3200, "samples": 640, "u_uv_per_code": u_uv, "i_ua_per_code": i_ua, "start_ms": LONGTAN.start_ms, "f_nominal_hz": 50,
    }  # fmt: skip
    assert seen["channels"] == ["u_l1", "u_l2", "u_l3", "i_l1", "i_l2", "i_l3"]
    assert [seen[b] for b in range(3)] == [waveforms.block("m-g1", b) for b in range(3)]


def test_time_stands_still_until_all_have_come_and_waits_for_the_slowest(tmp_path: Path) -> None:
    async def story(ports: dict[str, Any]) -> None:
        clock = ScenarioClock(tmp_path / "clock")
        quick, slow = Board(ports["samples"]), Board(ports["samples"])
        task = asyncio.create_task(quick.play("gw-g1"))
        await asyncio.sleep(0.3)
        assert quick.blocks == []
        assert clock.now_ms() == LONGTAN.start_ms
        await slow.join("gw-g2")
        assert [await slow.receive(), await slow.receive()] == [0, 1]
        await quick.reach(2)
        assert len(quick.blocks) == 2  # two blocks are on the way to the slow board, so nobody gets a third
        assert clock.now_ms() == LONGTAN.start_ms + 400
        slow.credit(0)
        assert await slow.receive() == 2
        await quick.reach(3)
        assert len(quick.blocks) == 3
        slow.credit(2)
        while not slow.blocks[-1][2]:
            slow.credit(await slow.receive())
        await slow.leave()
        await task

    assert run(tmp_path, boards_of(2, 0.05), story)["ok"] is True


def test_a_board_that_reboots_misses_its_samples_and_is_then_waited_for(tmp_path: Path) -> None:
    rebooted = []

    async def story(ports: dict[str, Any]) -> None:
        steady, first, second = Board(ports["samples"]), Board(ports["samples"]), Board(ports["samples"])
        task = asyncio.create_task(steady.play("gw-g1"))
        await first.play("gw-g2", until=50)
        await steady.reach(90)
        away_from = steady.blocks[-1][0] + 1
        assert 50 + 40 <= away_from <= 50 + 43  # eight simulated seconds went by without it, then time waits
        await second.play("gw-g2")
        assert second.blocks[0][0] == away_from
        assert [b for b, _, _ in steady.blocks] == list(range(300))
        rebooted.append(second.blocks[0][0])
        await task

    status = run(tmp_path, boards_of(2, 1), story)
    assert status["ok"] is True
    assert status["boards"]["gw-g2"]["joins"] == 2
    assert 40 <= status["boards"]["gw-g2"]["missed"] <= 41
    assert status["boards"]["gw-g1"] == {"blocks": 300, "missed": 0, "joins": 1}


def test_a_second_connection_of_a_board_replaces_the_first(tmp_path: Path) -> None:
    async def story(ports: dict[str, Any]) -> None:
        old, new = Board(ports["samples"]), Board(ports["samples"])
        await old.join("gw-g1")
        await old.receive()
        await new.play("gw-g1")
        assert await old.cut_off()

    status = run(tmp_path, boards_of(1, 0.1), story)
    assert status["boards"]["gw-g1"]["joins"] == 2


def test_after_its_patience_the_scenario_goes_on_alone_and_a_late_board_gets_the_last_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacing, "RETURN_S", 0.3)

    async def story(ports: dict[str, Any]) -> None:
        steady, lost, late = Board(ports["samples"]), Board(ports["samples"]), Board(ports["samples"])

        async def stay() -> None:
            await steady.join("gw-g1")
            while not (steady.blocks and steady.blocks[-1][2]):
                steady.credit(await steady.receive())

        await asyncio.gather(stay(), lost.play("gw-g2", until=10))
        await late.play("gw-g2")
        assert late.blocks == [(149, 149 * 640, 1)]
        await steady.leave()

    status = run(tmp_path, boards_of(2, 0.5), story)
    assert status["ok"] is True
    assert status["boards"]["gw-g2"]["missed"] > 130


def test_if_all_boards_go_away_the_run_ends_as_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "RETURN_S", 0.3)

    async def story(ports: dict[str, Any]) -> None:
        await Board(ports["samples"]).play("gw-g1", until=10)

    status = run(tmp_path, boards_of(1, 10), story)
    assert (status["ok"], status["ended"]) == (False, "all boards went away")


@pytest.mark.parametrize("hello", [b'{"dev":"gw-x9"}\n', b"\x16\x03\x01\n", b'{"dev":["gw-g1"]}\n', b"[1]\n", b"x" * 300])
def test_strangers_are_told_why_and_disturb_nobody(tmp_path: Path, hello: bytes) -> None:
    async def story(ports: dict[str, Any]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", ports["samples"])
        writer.write(hello)
        assert "error" in json.loads(await reader.readline())
        assert await reader.read() == b""
        writer.close()
        await Board(ports["samples"]).play("gw-g1")

    assert run(tmp_path, boards_of(1, 0.05), story)["ok"] is True


def test_an_answer_to_a_block_that_was_never_sent_ends_the_connection(tmp_path: Path) -> None:
    async def story(ports: dict[str, Any]) -> None:
        liar = Board(ports["samples"])
        await liar.join("gw-g1")
        await liar.receive()
        liar.credit(99)
        assert await liar.cut_off()
        await Board(ports["samples"]).play("gw-g1")

    assert run(tmp_path, boards_of(1, 0.05), story)["boards"]["gw-g1"]["joins"] == 2


def test_the_revenue_meter_shows_the_plant_at_the_clock_s_time(tmp_path: Path) -> None:
    chosen = replace(LONGTAN, boards=(LONGTAN.boards[4],)).changed(minutes=0.2)
    seen: dict[str, float] = {}

    async def story(ports: dict[str, Any]) -> None:
        board, client = Board(ports["samples"]), AsyncModbusTcpClient("127.0.0.1", port=ports["modbus"])
        await board.join("gw-tie")
        while not (board.blocks and board.blocks[-1][2]):
            board.credit(await board.receive())
        assert await client.connect()  # it stays up until the boards have gone
        for name, address, kind in (("p_kw", 0x0BF3, "FLOAT32"), ("imp_wh", 0x0C83, "INT64"), ("exp_wh", 0x0C87, "INT64")):
            data_type = getattr(client.DATATYPE, kind)
            answer = await client.read_holding_registers(address, count=data_type.value[1], device_id=1)
            seen[name] = client.convert_from_registers(answer.registers, data_type)
        client.close()
        await board.leave()

    run(tmp_path, chosen, story)
    waveforms = Waveforms(Plant(chosen))
    state, _ = waveforms.state(0)
    flow = state.flows["m-rev"]
    shown_w = waveforms.chain("m-rev").power(flow.p_w, flow.q_var)[0][:60]
    assert seen["p_kw"] * 1000 == pytest.approx(shown_w[-1], rel=1e-6)
    assert seen["imp_wh"] == 1_284_560_000 + int(shown_w.sum() * 0.2 / 3600)
    assert seen["exp_wh"] == 2_310_000


def test_the_truth_of_what_was_played(tmp_path: Path) -> None:
    chosen = boards_of(1, 3).changed(onset_min=1)

    async def story(ports: dict[str, Any]) -> None:
        await Board(ports["samples"]).play("gw-g1")

    run(tmp_path, chosen, story)
    case = json.loads((tmp_path / "truth.json").read_text())["cases"]["longtan"]
    (supply,) = case["supplies"]
    hidden_w = Plant(chosen).at((np.arange(900) + 0.5) * 0.2).hidden_w["mine"]
    assert supply["energy_wh"] == pytest.approx(hidden_w.sum() * 0.2 / 3600, abs=0.01)
    assert len(supply["profile"]["wh"]) == 3
    assert supply["profile"]["wh"][0] == 0
    assert (case["from"], supply["from"], supply["to"]) == ("2026-11-30T16:00:00Z", "2026-11-30T16:01:00Z", "2026-11-30T16:03:00Z")
    half = energy_between(supply, LONGTAN.start_ms, LONGTAN.start_ms + 150_000)
    assert half == pytest.approx(supply["profile"]["wh"][1] + supply["profile"]["wh"][2] / 2)


def test_a_given_speed_is_kept(tmp_path: Path) -> None:
    async def story(ports: dict[str, Any]) -> None:
        await Board(ports["samples"]).play("gw-g1")

    assert run(tmp_path, boards_of(1, 0.1), story, speed=20)["speed"] <= 21


class TestProcess:
    """The module as it is started in the demo."""

    def start(self, tmp_path: Path, *options: str) -> subprocess.Popen[str]:
        files = ["--clock", str(tmp_path / "clock"), "--ports-file", str(tmp_path / "ports.json")]
        command = [sys.executable, "-m", "gridwitness.sim.serve", "--scenario", "longtan", *files, *options]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def ports(self, tmp_path: Path, process: subprocess.Popen[str]) -> dict[str, Any]:
        while not (tmp_path / "ports.json").exists():
            assert process.poll() is None, process.stderr and process.stderr.read()
            time.sleep(0.02)
        found: dict[str, Any] = json.loads((tmp_path / "ports.json").read_text())
        return found

    def test_a_whole_run(self, tmp_path: Path) -> None:
        process = self.start(tmp_path, "--minutes", "0.2", "--no-mine", "--seed", "3")
        ports = self.ports(tmp_path, process)
        assert ports["pid"] == process.pid

        async def all_boards() -> None:
            await asyncio.gather(*(Board(ports["samples"]).play(dev) for dev in DEVS))

        asyncio.run(all_boards())
        out, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, "")
        assert json.loads(out)["ok"] is True
        case = json.loads((tmp_path / "truth.json").read_text())["cases"]["longtan"]
        assert (case["group"], case["supplies"], case["seed"]) == ("negative", [], 3)

    def test_sigterm_ends_it_with_a_status(self, tmp_path: Path) -> None:
        process = self.start(tmp_path)
        os.kill(self.ports(tmp_path, process)["pid"], signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, "")
        assert json.loads(out)["ended"] == "terminated"

    def test_bad_input_is_a_sentence(self, tmp_path: Path) -> None:
        process = self.start(tmp_path, "--minutes", "-1")
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (2, "")
        assert err.startswith("error[bad_duration]")
