"""Waveforms carry the plant's power through the instrument chain, without gap or jump."""

import numpy as np
import pytest
from gridwitness.sim import scenario
from gridwitness.sim.plant import Plant
from gridwitness.sim.waveforms import BLOCK, BLOCK_S, RATE_HZ, Waveforms

LONGTAN = scenario.load("longtan")
POINTS = tuple(LONGTAN.register.points)
AFTER_ONSET = 38 * 60 * 5


def samples(waveforms: Waveforms, point: str, blocks: range) -> np.ndarray:
    """Volts and amperes (6, n) as float64."""
    scale = np.repeat(waveforms.scales(point), 3)[:, None] * 1e-6
    return np.concatenate([np.frombuffer(waveforms.block(point, b), "<i2").reshape(6, BLOCK) * scale for b in blocks], axis=1)


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("first", [0, AFTER_ONSET])
def test_mean_power_is_the_plant_s_seen_through_the_instrument(point: str, first: int) -> None:
    waveforms, blocks = Waveforms(Plant(LONGTAN)), range(first, first + 300)
    waves = samples(waveforms, point, blocks)
    got_w = (waves[:3] * waves[3:]).sum(axis=0).mean()
    state, place = waveforms.state(first)
    assert place == 0
    flow = state.flows[point]
    want_w = waveforms.chain(point).power(flow.p_w, flow.q_var)[0].mean()
    assert got_w == pytest.approx(want_w, rel=2e-4)
    assert want_w != pytest.approx(flow.p_w.mean(), rel=2e-4)  # the instruments do err


def test_rms_and_distortion_are_what_files_say() -> None:
    waveforms = Waveforms(Plant(LONGTAN))
    waves = samples(waveforms, "m-l1", range(300))
    state, _ = waveforms.state(0)
    u_v, i_a, thd_pct = waveforms.rms("m-l1", state)
    rms = np.sqrt((waves**2).mean(axis=1))
    assert rms[:3].mean() == pytest.approx(u_v.mean(), rel=2e-4)
    assert rms[3:].mean() == pytest.approx(i_a.mean(), rel=1e-3)
    assert thd_pct.mean() == pytest.approx(100 * np.sqrt(0.04**2 + 0.025**2 + 0.01**2 + 0.008**2), rel=0.01)


def test_harmonics_are_where_the_scenario_puts_them() -> None:
    waveforms = Waveforms(Plant(LONGTAN))
    spectrum = np.abs(np.fft.rfft(samples(waveforms, "m-l1", range(50)) * np.hanning(50 * BLOCK), axis=1))
    bin_hz = RATE_HZ / (50 * BLOCK)

    def level(channel: int, order: int) -> float:
        near = round(order * 50 / bin_hz)
        return float(np.sqrt((spectrum[channel, near - 12 : near + 13] ** 2).sum()))

    for order, per_cent in {5: 4, 7: 2.5, 11: 1, 13: 0.8}.items():
        assert level(3, order) / level(3, 1) == pytest.approx(per_cent / 100, rel=0.08)
    for order, per_cent in {5: 1.2, 7: 0.8, 11: 0.4, 13: 0.3}.items():
        assert level(0, order) / level(0, 1) == pytest.approx(per_cent / 100, rel=0.02)


@pytest.mark.parametrize("boundary", [1, 7, 300])
def test_blocks_join_without_a_jump(boundary: int) -> None:
    """A pure sine's second difference is small everywhere; a jump of phase at a block's edge would stand out."""
    waveforms = Waveforms(Plant(LONGTAN))
    u = samples(waveforms, "m-g1", range(boundary - 1, boundary + 1))[0]
    curvature = np.abs(np.diff(u, 2))
    edge = curvature[BLOCK - 3 : BLOCK + 2].max()
    assert edge < 1.2 * curvature[: BLOCK - 4].max()


def test_zero_crossings_follow_the_frequency() -> None:
    waveforms = Waveforms(Plant(LONGTAN))
    u = samples(waveforms, "m-tie", range(300))[0]
    up = np.nonzero((u[:-1] < 0) & (u[1:] >= 0))[0]
    at = up + u[up] / (u[up] - u[up + 1])
    seen_hz = (len(at) - 1) / (at[-1] - at[0]) * RATE_HZ
    cycles = waveforms.plant.cycles(np.array([at[0], at[-1]]) / RATE_HZ)
    assert seen_hz == pytest.approx(np.diff(cycles)[0] / ((at[-1] - at[0]) / RATE_HZ), abs=2e-4)


def test_currents_have_no_neutral_and_phases_follow_in_order() -> None:
    waveforms = Waveforms(Plant(LONGTAN))
    waves = samples(waveforms, "m-g1", range(100))
    assert np.abs(waves[3:].sum(axis=0)).max() < 0.01 * waves[3].max()
    third = round(RATE_HZ / 50 / 3)  # L2 follows L1 by a third of a period
    assert np.corrcoef(waves[0, :-third], waves[1, third:])[0, 1] > 0.99


def test_the_same_bytes_in_any_order_and_other_bytes_for_another_seed() -> None:
    one, two = Waveforms(Plant(LONGTAN)), Waveforms(Plant(LONGTAN))
    forward = [one.block("m-g1", b) for b in (3, 400, 900)]
    assert forward == [two.block("m-g1", b) for b in (900, 400, 3)][::-1]
    assert Waveforms(Plant(LONGTAN.changed(seed=2))).block("m-g1", 3) != forward[0]


def test_nothing_clips_in_the_whole_scenario() -> None:
    waveforms = Waveforms(Plant(LONGTAN))
    for block in range(0, round(LONGTAN.duration_s / BLOCK_S), 457):
        for point in POINTS:
            assert np.abs(np.frombuffer(waveforms.block(point, block), "<i2")).max() < 32_000
