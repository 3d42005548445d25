"""The viper kernel against the same integers done in Python, at the ends of their ranges; the reference against what it claims."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gridwitness.signal import power, resample, windows
from numpy.typing import NDArray

_ROOM = 200
_SCRIPT = """
import json
from array import array
from core import resample
buf = array("H", bytes(%d))
with open("codes.bin", "rb") as file:
    file.readinto(buf)
out = array("i", bytes(8 * resample.WORDS))
for start, length, shift, times in json.loads(%r):
    resample.wipe(out, 2 * resample.WORDS)
    table = resample.table(shift)
    for k in range(times):
        resample.add_cycle(buf, 0, %d, array("i", [start, length, shift, resample.WORDS]), table, out)
    print(json.dumps(list(out)))
"""


def exact_sums(u: NDArray[np.int64], i: NDArray[np.int64], start: int, length: int, shift: int, times: int) -> list[int]:
    """What the kernel says it does, in integers without bounds: [Σu Σi Σuu Σii Σui ΣUc ΣUs ΣIc ΣIs]."""
    k = np.arange(1 << shift)
    at = start + (k * length >> shift)
    f = (at & 0xFFFF) >> 2
    f2 = f * f >> 14
    f3 = f2 * f >> 14
    w0 = (3 * f2 - f3 - 2 * f) * 10923 >> 16
    w3 = (f3 - f) * 10923 >> 16
    w2 = f + w0 - 2 * w3
    w1 = 16384 - w0 - w2 - w3
    j = at >> 16
    x, y = ((w0 * s[j - 1] + w1 * s[j] + w2 * s[j + 1] + w3 * s[j + 2] + 8192 >> 14) - 32768 for s in (u, i))
    angle = 2 * np.pi * k / (1 << shift)
    waves = [np.round(4096 * t(angle)).astype(np.int64) for t in (np.cos, np.sin)]
    plain = [x, y, x * x, y * y, x * y] + [s * wave + 128 >> 8 for s in (x, y) for wave in waves]
    return [times * int(v.sum()) for v in plain]


def signals() -> dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Offset binary codes that drive the sums to their ends."""
    rng = np.random.default_rng(7)
    t = np.arange(_ROOM)
    square = np.where(np.sin(2 * np.pi * t / 64.37) >= 0, 65535, 0)
    cosine = np.where(np.cos(2 * np.pi * (t - 2) / 64) >= 0, 65535, 0)
    alternating = np.where(t // 2 % 2 == 0, 65535, 0)
    return {
        "top": (np.full(_ROOM, 65535), np.full(_ROOM, 65535)),
        "bottom": (np.zeros(_ROOM, np.int64), np.zeros(_ROOM, np.int64)),
        "opposite": (np.full(_ROOM, 65535), np.zeros(_ROOM, np.int64)),
        "square": (square, 65535 - square),
        "cosine": (cosine, 65535 - cosine),
        "overshoot": (alternating, 65535 - alternating),
        "noise": (rng.integers(0, 65536, _ROOM), rng.integers(0, 65536, _ROOM)),
    }


@pytest.mark.parametrize("name", signals())
def test_sums_are_exact(run_on_board: Callable[..., str], tmp_path: Path, name: str) -> None:
    u, i = signals()[name]
    np.concatenate([u, i]).astype("<u2").tofile(tmp_path / "codes.bin")
    cycles = [(2 << 16, 64 << 16, 7, 12), (5 * 65536 + 12345, 4_218_591, 6, 10), (3 << 16, 113 << 16, 7, 12), (99_999, 3_813_003, 6, 1)]
    out = run_on_board(_SCRIPT % (4 * _ROOM, json.dumps(cycles), _ROOM))
    for line, cycle in zip(out.splitlines(), cycles, strict=True):
        words = json.loads(line)
        assert words[:12] == [0] * 12
        squares = [(high << 16) + low for low, high in zip(words[14:20:2], words[15:20:2], strict=True)]
        assert words[12:14] + squares + words[20:] == exact_sums(u, i, *cycle)


def test_reference_is_exact_for_cubics() -> None:
    x = np.arange(40.0)
    wave = 3 + 2 * x - 0.1 * x**2 + 0.01 * x**3
    at = 7.3 + (30.9 - 7.3) * np.arange(50) / 50
    assert resample.cubic(wave, 7.3, 30.9, 50) == pytest.approx(3 + 2 * at - 0.1 * at**2 + 0.01 * at**3, rel=1e-12)


def test_reference_keeps_its_error_bound() -> None:
    x = np.arange(800.0)
    for order in (1, 5, 11):
        wave = np.sin(2 * np.pi * order * x / 64 + 0.1)
        at = 5.37 + 640 * np.arange(1280) / 1280
        error = np.abs(resample.cubic(wave, 5.37, 645.37, 1280) - np.sin(2 * np.pi * order * at / 64 + 0.1)).max()
        assert error < 0.024 * (2 * np.pi * order / 64) ** 4


def test_reference_refuses_a_window_without_neighbours() -> None:
    with pytest.raises(IndexError, match="needs a sample before"):
        resample.cubic(np.zeros(100), 0.5, 50.0, 10)
    with pytest.raises(IndexError):
        resample.cubic(np.zeros(100), 2.0, 99.9, 100)


def test_reference_measures_known_powers() -> None:
    """U 230 V, I 5 A lagging by 60 degrees, a 5th harmonic in both: P = U1 I1 / 2 + U5 I5 cos(0.3)."""
    rate_hz, f_hz = 3200.0, 49.7
    turn = 2 * np.pi * f_hz * np.arange(3200) / rate_hz
    u = np.sqrt(2) * (230 * np.sin(turn) + 10 * np.sin(5 * turn + 0.5)) + 12
    i = np.sqrt(2) * (5 * np.sin(turn - np.pi / 3) + 1 * np.sin(5 * turn + 0.2)) - 0.3
    found = windows.tile(windows.zero_crossings(windows.one_cycle_filter(u, rate_hz, 50)))
    assert found.shape == (4, 2)
    for start, end in found:
        points = resample.cubic(np.array([u, i]), start, end, 1280)
        w = power.window_powers(points[:1], points[1:])
        assert windows.frequency_hz(np.array([start, end]), rate_hz) == pytest.approx(f_hz, abs=1e-3)
        assert w.u_v[0] == pytest.approx(np.hypot(230, 10), rel=1e-4)
        assert w.i_a[0] == pytest.approx(np.hypot(5, 1), rel=2e-4)
        assert w.p_w[0] == pytest.approx(575 + 10 * np.cos(0.3), rel=1e-4)
        assert w.q_var[0] == pytest.approx(1150 * np.sin(np.pi / 3), rel=1e-4)
        assert w.total_pf == pytest.approx(w.p_w[0] / w.s_va[0])
        assert w.pf[0] == w.total_pf


def test_reference_crossings_need_the_floor() -> None:
    """Noise on a dead line has crossings, but none that counts."""
    noise = np.random.default_rng(3).normal(0, 1, 3200)
    filtered = windows.one_cycle_filter(noise, 3200, 50)
    assert len(windows.zero_crossings(filtered)) > 5
    assert len(windows.zero_crossings(filtered, 500.0)) == 0
