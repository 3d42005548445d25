"""Three-phase waveforms of a point as int16 samples, gapless and continuous in phase.

A block is 640 samples at 3200 S/s (200 ms). Powers hold for a block; the phase runs on through all blocks. The voltage's fundamental is the
reference: a signal is Re Σ A_h · exp(j h θ), so a block of six channels is one product of a (6, 2H) matrix of phasors and a
(2H, 640) matrix of sines that all points share. Harmonic currents stand a quarter period off their voltages and the voltage has
no negative sequence: the mean of Σ u·i is the plant's power, seen through the instrument chain (``instruments.Chain``).
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from gridwitness.sim import instruments
from gridwitness.sim.noise import Array, stream
from gridwitness.sim.plant import Flow, Plant, State

RATE_HZ = 3200
BLOCK = 640
BLOCK_S = BLOCK / RATE_HZ
CHANNELS = ("u_l1", "u_l2", "u_l3", "i_l1", "i_l2", "i_l3")
CHUNK = 300
"""Blocks whose plant state is worked out at once (one minute)."""
FULL_SCALE = 32767
_NOISE_POOL = 1 << 18  # samples of converter noise that blocks are served from, each at a place of its own

Coefficients = NDArray[np.float32]


class Waveforms:
    """The sample blocks of every point of a plant. Cheapest when all points are asked for block k before k + 1."""

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        scenario = plant.scenario
        harmonics = [scenario.grid.harmonics_pct, *(load.harmonics_pct for load in scenario.loads.values())]
        harmonics += [mine.harmonics_pct for mine in scenario.hidden]
        self.orders = (1, *sorted({h for table in harmonics for h in table}))
        self._turn = np.exp(-2j * np.pi / 3 * np.outer(np.arange(3), self.orders))
        self._voltage_angle = np.exp(2j * np.pi * stream(scenario.seed, "voltage harmonics").random(len(self.orders)))
        self._voltage_angle[0] = 1
        share = scenario.instruments.error_share
        self._chains = {name: instruments.chain(point, scenario.seed, share) for name, point in scenario.register.points.items()}
        pool = stream(scenario.seed, "sample noise").standard_normal(_NOISE_POOL, dtype=np.float32)
        self._noise = pool * np.float32(scenario.instruments.sample_noise_counts)
        self._chunk = -1
        self._state: State | None = None
        self._coefficients: dict[str, Coefficients] = {}
        self._basis_block = -1
        self._basis = np.zeros((2 * len(self.orders), BLOCK), np.float32)
        self._phase = np.arange(BLOCK) / BLOCK

    def scales(self, point: str) -> tuple[int, int]:
        """Primary µV and µA that one code stands for."""
        scenario = self.plant.scenario
        u_peak = scenario.register.u_nominal_v * np.sqrt(2 / 3) * scenario.instruments.u_full_scale
        i_peak = scenario.register.points[point].i_rated_a * np.sqrt(2) * scenario.instruments.i_full_scale
        return max(1, round(u_peak * 1e6 / FULL_SCALE)), max(1, round(i_peak * 1e6 / FULL_SCALE))

    def state(self, block: int) -> tuple[State, int]:
        """The plant's state of the chunk that holds a block, and the block's place in it. Powers are taken at the middle of each block."""
        chunk, place = divmod(block, CHUNK)
        if chunk != self._chunk or self._state is None:
            self._state = self.plant.at((np.arange(chunk * CHUNK, (chunk + 1) * CHUNK, dtype=float) + 0.5) * BLOCK_S)
            self._chunk = chunk
            self._coefficients = {}
        return self._state, place

    def chain(self, point: str) -> instruments.Chain:
        """The instrument chain of a point."""
        return self._chains[point]

    def rms(self, point: str, state: State) -> tuple[Array, Array, Array]:
        """What the instrument shows of U and I (rms, mean of the phases) and of THD of I (per cent), at every time of a state."""
        u, i = self._primary(state.flows[point])
        squares = np.abs(i) ** 2
        u_v = np.sqrt((np.abs(u) ** 2).sum(axis=2)).mean(axis=1) * abs(self._chains[point].u)
        i_a = np.sqrt(squares.sum(axis=2)).mean(axis=1) * abs(self._chains[point].i)
        thd_pct = 100 * np.sqrt(squares[:, :, 1:].sum(axis=(1, 2)) / np.maximum(squares[:, :, 0].sum(axis=1), 1e-12))
        return u_v, i_a, thd_pct

    def block(self, point: str, block: int) -> bytes:
        """Block number ``block`` since the start: planar little-endian int16, 640 samples of each of ``CHANNELS``."""
        state, place = self.state(block)
        if point not in self._coefficients:
            self._coefficients[point] = self._phasors(point, state)
        samples = self._coefficients[point][place] @ self._sines(block)
        start = _scatter(point, block) % (_NOISE_POOL - samples.size)
        samples += self._noise[start : start + samples.size].reshape(samples.shape)
        np.rint(samples, out=samples)
        np.clip(samples, -FULL_SCALE, FULL_SCALE, out=samples)
        return bytes(samples.astype("<i2"))

    def _sines(self, block: int) -> NDArray[np.float32]:
        """cos hθ and sin hθ for every order, alternating, over one block: shared by all points."""
        if block != self._basis_block:
            begin, end = self.plant.cycles(np.array([block, block + 1]) * BLOCK_S)
            z = np.exp(2j * np.pi * (begin % 1 + (end - begin) * self._phase))
            power, reached = z, 1
            for row, order in enumerate(self.orders):
                for _ in range(order - reached):
                    power = power * z
                reached = order
                self._basis[2 * row] = power.real
                self._basis[2 * row + 1] = power.imag
            self._basis_block = block
        return self._basis

    def _phasors(self, point: str, state: State) -> Coefficients:
        """Matrix (blocks, 6, 2H) of what each channel has of each cosine and sine, in codes."""
        u, i = self._primary(state.flows[point])
        chain, (u_uv, i_ua) = self._chains[point], self.scales(point)
        both = np.concatenate([u * (chain.u * 1e6 / u_uv), i * (chain.i * 1e6 / i_ua)], axis=1) * np.sqrt(2)
        out = np.empty((*both.shape[:2], 2 * both.shape[2]), np.float32)
        out[..., 0::2] = both.real
        out[..., 1::2] = -both.imag
        return out

    def _primary(self, flow: Flow) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
        """rms phasors (blocks, 3, H) of voltages and currents before the instruments."""
        u = np.zeros((flow.u_v.size, len(self.orders)), complex)
        i = np.zeros_like(u)
        u[:, 0], i[:, 0] = flow.u_v, flow.i1_a()
        for column, order in enumerate(self.orders[1:], start=1):
            u[:, column] = flow.u_v * self.plant.scenario.grid.harmonics_pct.get(order, 0.0) / 100 * self._voltage_angle[column]
            if order in flow.ih_a:
                i[:, column] = -1j * self._voltage_angle[column] * flow.ih_a[order]
        phases_u, phases_i = u[:, None, :] * self._turn, i[:, None, :] * self._turn
        phases_i[:, :, 0] += flow.i2_a[:, None] * self._turn[:, 0].conj()
        return phases_u, phases_i


def _scatter(point: str, block: int) -> int:
    """A number for a point and block, the same on every run (Python's own hash of a text is not)."""
    return zlib.crc32(b"%d %s" % (block, point.encode()))
