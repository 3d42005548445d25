"""A hall of mining machines: constant power whatever the voltage, started one after another, restarted now and then."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gridwitness.domain.moments import DAY_MS
from gridwitness.sim.model import Mine
from gridwitness.sim.noise import Array, Jitter, stream, uniform

DAY_S = DAY_MS / 1000


class RigHall:
    """The true power of one hidden load as a function of time."""

    def __init__(self, mine: Mine, seed: int) -> None:
        rng = stream(seed, f"hidden {mine.id}")
        self.mine = mine
        self._noise = Jitter(rng)
        self._restart_key = int(rng.integers(1 << 62))

    def at(self, t_s: Array, over_s: float = 0.0) -> Array:
        """Watts at times ``t_s``, the noise averaged over ``over_s`` seconds around each."""
        mine = self.mine
        running = np.zeros(t_s.shape)
        if t_s.size == 0 or t_s.max() < mine.from_s:
            return running
        for rig in range(mine.rigs):
            running += self._running(rig, t_s)
        if mine.to_s is not None:
            running[t_s >= mine.to_s] = 0
        out: Array = running * mine.rig_w * (1 + mine.noise_pct / 100 * self._noise(t_s, over_s))
        return out

    def _running(self, rig: int, t_s: Array) -> NDArray[np.bool_]:
        """Whether a machine runs. Its time is cut into slots, in each of which it restarts once."""
        mine = self.mine
        since = t_s - (mine.from_s + mine.start_s * rig / mine.rigs)
        if mine.restarts_per_day == 0:
            return since >= 0
        slot_s = DAY_S / mine.restarts_per_day
        slot = np.floor(since / slot_s)
        restart_s = (1 + uniform(self._restart_key + rig, slot.astype(np.int64))) / 2 * (slot_s - mine.restart_s)
        into = since - slot * slot_s - restart_s
        return (since >= 0) & ~((into >= 0) & (into < mine.restart_s))
