"""Synthetic three-phase waveforms as int16 codes with their analytic truth, and the compiled firmware run over them."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 3200
BLOCK = 640
U_UV = 15_000  # 15 mV per code: 20,000 codes are 300 V
I_UA = 1_000  # 1 mA per code


@dataclass(frozen=True)
class Wave:
    """Three equal phases, 120 degrees apart. Amplitudes in codes, ``phi`` > 0: the current lags; harmonics as order: (share, angle)."""

    f_hz: float = 50.0
    u: float = 20000.0
    i: float = 20000.0
    phi: float = 0.0
    u_harmonics: dict[int, tuple[float, float]] = field(default_factory=dict)
    i_harmonics: dict[int, tuple[float, float]] = field(default_factory=dict)
    noise: float = 0.0
    u_offset: float = 0.0
    i_offset: float = 0.0

    def codes(self, seconds: float, seed: int = 1) -> NDArray[np.int16]:
        """Shape (6, n): u_l1 u_l2 u_l3 i_l1 i_l2 i_l3; n is a whole number of blocks."""
        blocks = int(seconds * RATE_HZ / BLOCK)
        t = np.arange(blocks * BLOCK) / RATE_HZ
        turn = [2 * np.pi * (self.f_hz * t - k / 3) + 0.3 for k in range(3)]
        u = [self._sum(x, self.u, 0.0, self.u_harmonics) + self.u_offset for x in turn]
        i = [self._sum(x, self.i, self.phi, self.i_harmonics) + self.i_offset for x in turn]
        analogue = np.array(u + i) + np.random.default_rng(seed).normal(0, self.noise, (6, len(t)))
        return np.clip(np.round(analogue), -32767, 32767).astype("<i2")

    @staticmethod
    def _sum(turn: NDArray[np.float64], amplitude: float, phi: float, harmonics: dict[int, tuple[float, float]]) -> NDArray[np.float64]:
        wave = np.sin(turn - phi)
        for order, (share, angle) in harmonics.items():
            wave = wave + share * np.sin(order * turn + angle)
        return amplitude * wave

    @property
    def p(self) -> float:
        """Active power of a phase, codes squared."""
        fundamental = self.u * self.i / 2 * np.cos(self.phi)
        both = self.u_harmonics.keys() & self.i_harmonics.keys()
        shares = [self.u_harmonics[h][0] * self.i_harmonics[h][0] * np.cos(self.u_harmonics[h][1] - self.i_harmonics[h][1]) for h in both]
        return float(fundamental + self.u * self.i / 2 * sum(shares))

    @property
    def q1(self) -> float:
        """Fundamental reactive power of a phase, codes squared."""
        return float(self.u * self.i / 2 * np.sin(self.phi))

    @property
    def u_rms(self) -> float:
        return float(self.u / np.sqrt(2) * np.sqrt(1 + sum(share**2 for share, _ in self.u_harmonics.values())))

    @property
    def i_rms(self) -> float:
        """Noise is not part of the truth."""
        return float(self.i / np.sqrt(2) * np.sqrt(1 + sum(share**2 for share, _ in self.i_harmonics.values())))

    @property
    def s(self) -> float:
        """Apparent power of the fundamental, codes squared: what errors of P and Q are measured against."""
        return self.u * self.i / 2


@dataclass(frozen=True)
class DeviceWindow:
    """One window as the firmware computed it; powers in codes squared, shape (3,)."""

    start: float
    end: float
    locked: bool
    clipped: int
    u: NDArray[np.float64]
    i: NDArray[np.float64]
    p: NDArray[np.float64]
    q: NDArray[np.float64]
    s: NDArray[np.float64]

    @property
    def f_hz(self) -> float:
        return 10 * RATE_HZ / (self.end - self.start)


_SCRIPT = """
import gc, json, micropython
from core.window import Windower, ONE
from core.power import Powers
def on_window(w):
    powers.take(w.sums)
    head = [w.base * ONE + w.start, w.base * ONE + w.end, int(w.locked), w.clipped]
    print(json.dumps([head, powers.uu, powers.ii, powers.p_mw, powers.q_mvar, powers.s_mva]))
windower = Windower(%d, %d, on_window, %d)
powers = Powers(%d, %d, windower.cycles << %d)
block = bytearray(%d)
first = 0
with open("blocks.bin", "rb") as file:
    while file.readinto(block):
        skip = json.loads(%r).get(str(first // %d), 0)
        if not skip:
            windower.feed(block, 0, first, %d)
        first += %d
"""

BIG = 1_000_000  # scales that make the milliwatts of `Powers` fine enough to compare


def device_windows(
    run: Callable[..., str], folder: Path, codes: NDArray[np.int16], shift: int = 7, f_nominal: int = 50, missing: tuple[int, ...] = ()
) -> list[DeviceWindow]:
    """Windows of the compiled firmware over the blocks of ``codes``; ``missing`` blocks (by number) are not fed."""
    blocks = codes.reshape(6, -1, BLOCK).swapaxes(0, 1)
    (folder / "blocks.bin").write_bytes(np.ascontiguousarray(blocks).tobytes())
    skip = json.dumps({str(k): 1 for k in missing})
    out = run(_SCRIPT % (RATE_HZ, f_nominal, shift, BIG, BIG, shift, 12 * BLOCK, skip, BLOCK, BLOCK, BLOCK))
    points = (12 if f_nominal == 60 else 10) << shift
    watt = BIG * BIG / 1e9  # milliwatts of one code squared
    windows = []
    for line in out.splitlines():
        head, uu, ii, *powers = json.loads(line)
        p, q, s = (np.array(x) / watt for x in powers)
        rms = [np.sqrt(np.array(x, dtype=float)) / points for x in (uu, ii)]
        windows.append(DeviceWindow(head[0] / 65536, head[1] / 65536, bool(head[2]), head[3], *rms, p, q, s))
    return windows
