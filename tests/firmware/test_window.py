"""Windows of the compiled firmware: tiling, locking, and accuracy against analytic truth and the float64 reference."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from gridwitness.signal import power, resample, windows
from gridwitness.sim import boards
from waves import BLOCK, RATE_HZ, DeviceWindow, Wave, device_windows

Run = Callable[..., str]

LAG_HALF = np.pi / 3
LEAD_08 = -np.arccos(0.8)
HARMONICS = {5: (0.20, 0.4), 7: (0.14, 1.0), 11: (0.09, 2.0)}


def assert_tiled(found: list[DeviceWindow]) -> None:
    assert all(before.end == after.start for before, after in pairwise(found))


@pytest.mark.parametrize("f_hz", [45, 49.5, 50, 50.3, 55])
@pytest.mark.parametrize(("phi", "limit"), [(0.0, 0.001), (LAG_HALF, 0.0015), (LEAD_08, 0.001)])
def test_powers_reach_their_numbers(run_on_board: Run, tmp_path: Path, f_hz: float, phi: float, limit: float) -> None:
    """Noise of 4 counts; the mean of 3 s is held to the limits, each window to its share of the noise besides."""
    for share, floor in ((1.2, limit), (0.05, limit), (0.01, 0.002)):
        wave = Wave(f_hz=f_hz, i=16000 * share, phi=phi, i_harmonics=HARMONICS, u_harmonics={5: (0.03, 0.2)}, noise=4)
        found = [w for w in device_windows(run_on_board, tmp_path, wave.codes(3.4)) if w.locked]
        assert len(found) >= 14
        assert np.mean([w.p for w in found]) == pytest.approx(wave.p, rel=floor)
        assert np.mean([w.q for w in found]) == pytest.approx(wave.q1, abs=floor * wave.s)
        assert np.mean([w.u for w in found]) == pytest.approx(wave.u_rms, rel=0.0005)
        i_noise = wave.i_rms * np.sqrt(1 + (4 / wave.i_rms) ** 2)  # uncorrelated noise is part of a true rms value
        assert np.mean([w.i for w in found]) == pytest.approx(i_noise, rel=0.001)
        assert all(w.f_hz == pytest.approx(f_hz, abs=0.001) for w in found)


@pytest.mark.parametrize("f_hz", [45.0, 49.5, 50.0, 55.0])
@pytest.mark.parametrize("points_shift", [6, 7])
def test_device_and_reference_agree(run_on_board: Run, tmp_path: Path, f_hz: float, points_shift: int) -> None:
    wave = Wave(f_hz=f_hz, i=15000, phi=0.5, i_harmonics=HARMONICS, u_harmonics={5: (0.05, 1.0), 3: (0.02, 0.0)}, noise=4, u_offset=300)
    codes = wave.codes(2.4)
    x = codes.astype(np.float64)
    crossings = windows.zero_crossings(windows.one_cycle_filter(x[0], RATE_HZ, 50), 1000.0)
    found = [w for w in device_windows(run_on_board, tmp_path, codes, shift=points_shift) if w.locked]
    assert len(found) >= 9
    for w in found:
        assert np.abs(crossings - w.start).min() < 0.001
        assert np.abs(crossings - w.end).min() < 0.001
        points = resample.cubic(x, w.start, w.end, 10 << points_shift)
        truth = power.window_powers(points[:3], points[3:])
        for mine, theirs in ((w.u, truth.u_v), (w.i, truth.i_a)):
            assert mine == pytest.approx(theirs, rel=2e-5)
        for mine, theirs in ((w.p, truth.p_w), (w.q, truth.q_var), (w.s, truth.s_va)):
            assert mine == pytest.approx(theirs, abs=1e-4 * wave.s)


def test_sixty_hertz_has_twelve_cycles(run_on_board: Run, tmp_path: Path) -> None:
    wave = Wave(f_hz=59.8, phi=0.4)
    found = [w for w in device_windows(run_on_board, tmp_path, wave.codes(2), f_nominal=60) if w.locked]
    assert len(found) >= 7
    for w in found:
        assert w.end - w.start == pytest.approx(12 * RATE_HZ / 59.8, abs=0.01)
        assert w.p == pytest.approx([wave.p] * 3, rel=1e-4)


def test_windows_tile_and_lock_at_once(run_on_board: Run, tmp_path: Path) -> None:
    for f_hz in (45, 48.7, 55):
        found = device_windows(run_on_board, tmp_path, Wave(f_hz=f_hz, noise=4).codes(4))
        assert_tiled(found)
        assert all(w.locked for w in found)
        assert found[0].start < 64 + RATE_HZ / f_hz
        assert found[-1].end > 4 * RATE_HZ - 11.5 * RATE_HZ / f_hz


def test_an_interruption_is_measured_unlocked(run_on_board: Run, tmp_path: Path) -> None:
    """All voltages vanish for a second: windows go on without a gap, unlocked, and lock again behind it."""
    codes = Wave(noise=2).codes(5)
    dead = slice(2 * RATE_HZ, 3 * RATE_HZ)
    codes[:3, dead] //= 1000
    found = device_windows(run_on_board, tmp_path, codes)
    assert_tiled(found)
    inside = [w for w in found if w.start > dead.start + BLOCK and w.end < dead.stop]
    assert inside
    assert not any(w.locked for w in inside)
    assert all(w.u.max() < 30 and w.i == pytest.approx([20000 / 2**0.5] * 3, rel=0.02) for w in inside)
    assert all(w.locked for w in found if w.start > dead.stop + 3 * BLOCK)


def test_a_dead_first_phase_is_replaced(run_on_board: Run, tmp_path: Path) -> None:
    codes = Wave(f_hz=49.2, noise=2).codes(4)
    codes[0] //= 1000
    found = device_windows(run_on_board, tmp_path, codes)
    assert_tiled(found)
    assert all(w.locked and w.f_hz == pytest.approx(49.2, abs=0.001) for w in found[4:])


def test_a_dead_line_is_still_measured(run_on_board: Run, tmp_path: Path) -> None:
    codes = Wave(noise=2).codes(3)
    codes //= 2000
    found = device_windows(run_on_board, tmp_path, codes)
    assert_tiled(found)
    assert len(found) >= 13
    assert not any(w.locked for w in found)
    assert max(float(np.abs(w.p).max()) for w in found) < 50


def test_frequency_that_moves_keeps_the_lock(run_on_board: Run, tmp_path: Path) -> None:
    """Half a hertz a second: an islanded machine after a load step."""
    t = np.arange(10 * BLOCK * 3) / RATE_HZ
    turn = 2 * np.pi * (50 * t + 0.25 * t**2)
    codes = np.array([20000 * np.sin(turn - k * 2 * np.pi / 3) for k in (0, 1, 2, 0, 1, 2)]).astype("<i2")
    found = device_windows(run_on_board, tmp_path, codes)
    assert_tiled(found)
    for w in found[1:]:
        assert w.locked
        middle_s = (w.start + w.end) / 2 / RATE_HZ - 0.01  # the filter's delay is half a cycle
        assert w.f_hz == pytest.approx(50 + 0.5 * middle_s, abs=0.02)
        assert w.p == pytest.approx([2e8] * 3, rel=0.001)


def test_no_window_spans_a_hole(run_on_board: Run, tmp_path: Path) -> None:
    codes = Wave(noise=2).codes(4)
    found = device_windows(run_on_board, tmp_path, codes, missing=(7, 8))
    hole = (7 * BLOCK, 9 * BLOCK)
    assert all(w.end <= hole[0] or w.start >= hole[1] for w in found)
    assert sum(w.start >= hole[1] for w in found) >= 8
    assert all(w.locked for w in found if w.start > hole[1] + 2 * BLOCK)


def test_clipped_samples_are_counted(run_on_board: Run, tmp_path: Path) -> None:
    wave = Wave(i=20000)
    codes = wave.codes(3)
    codes[4, 7 * BLOCK + 5] = 32767
    codes[4, 7 * BLOCK + 6] = -32768
    found = device_windows(run_on_board, tmp_path, codes)
    assert sum(w.clipped for w in found) == 2
    assert all(w.start > 6 * BLOCK and w.end < 9 * BLOCK for w in found if w.clipped)


def test_both_machines_compute_the_same_bits(interpreters: dict[str, boards.Interpreter], tmp_path: Path) -> None:
    """64-bit words hide an overflow that the chip's 32 bits would show. Full scale in every channel."""
    if len(interpreters) < 2:
        pytest.skip("no MicroPython for one of x64, x86 on this machine (make setup)")
    codes = Wave(u=32767, i=32767, phi=0.2, i_harmonics={3: (0.4, 0.0)}, u_harmonics={3: (0.4, 0.0)}, noise=20).codes(2)
    results = []
    for march, interpreter in sorted(interpreters.items()):
        board = boards.Board(tmp_path, interpreter, boards.build(march), boards.HEAP[march])
        results.append([[w.start, w.end, *w.u, *w.i, *w.p, *w.q] for w in device_windows(board.call, tmp_path, codes)])
    assert len(results[0]) >= 8
    assert results[0] == results[1]


_LOCKED_HEAP = """
import micropython
from core.window import Windower
seen = 0
def on_window(w):
    global seen
    seen += 1
    %s
windower = Windower(3200, 50, on_window)
blocks = []
with open("blocks.bin", "rb") as file:
    for k in range(4):
        blocks.append(file.read(7680))
def measure(first):
    for k in range(20):
        windower.feed(blocks[k & 3], 0, first, 640)
        first += 640
micropython.heap_lock()
try:
    measure(0)
finally:
    micropython.heap_unlock()
print(seen)
"""


def test_the_hot_path_allocates_nothing(run_on_board: Run, tmp_path: Path) -> None:
    codes = Wave().codes(0.8).reshape(6, -1, BLOCK).swapaxes(0, 1)
    (tmp_path / "blocks.bin").write_bytes(np.ascontiguousarray(codes).tobytes())
    assert int(run_on_board(_LOCKED_HEAP % "pass")) >= 18


def test_the_lock_would_notice_an_allocation(run_on_board: Run, tmp_path: Path) -> None:
    codes = Wave().codes(0.8).reshape(6, -1, BLOCK).swapaxes(0, 1)
    (tmp_path / "blocks.bin").write_bytes(np.ascontiguousarray(codes).tobytes())
    guarded = _LOCKED_HEAP % "w.mean = 1.5 * seen"
    caught = guarded.replace("finally:", "except MemoryError:\n    seen = -1\nfinally:")
    assert int(run_on_board(caught)) == -1
