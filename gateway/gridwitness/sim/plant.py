"""The simulated plant: true powers, voltages and frequency as a pure function of time.

Kirchhoff holds exactly. With ``s = S²/S_rated²`` of what passes the tie's own instrument (on the grid side of the transformer),

    ΣG − Σloads − hidden at the bus = E + no_load + load_at_rated · s          (active power)
    E = revenue meter + tie no_load + tie at_rated · s + hidden at the tie

which are the loss formulas of the analysis files, so a truth without instrument errors balances to zero. The tie's quantities
are referred to the bus's nominal voltage, as the register knows only that one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridwitness.sim.mine import RigHall
from gridwitness.sim.model import Generator, Load, Scenario
from gridwitness.sim.noise import Array, Jitter, Wander, stream

F_NOMINAL_HZ = 50
WATER_KG_M3 = 1000.0
GRAVITY_M_S2 = 9.81
HOUR_S, DAY_S = 3600.0, 86400.0


@dataclass(frozen=True, slots=True)
class Flow:
    """What flows through one point, all arrays (n,): into the bus for a generator, off it for every other branch.

    ``i2_a`` is the negative-sequence current (complex, the bus voltage's angle is 0); ``ih_a`` the harmonic currents by order,
    a quarter period behind the voltage's harmonic of that order, so that they carry no active power.
    """

    p_w: Array
    q_var: Array
    u_v: Array
    i2_a: NDArray[np.complex128]
    ih_a: dict[int, Array]

    def i1_a(self) -> NDArray[np.complex128]:
        """Positive-sequence current of one phase against its voltage."""
        out = np.empty(self.p_w.shape, np.complex128)
        out.real, out.imag = self.p_w, -self.q_var
        return out / (3 * self.u_v)


@dataclass(frozen=True, slots=True)
class State:
    """The plant at times ``t_s``. ``cycles`` counts the bus voltage's periods since the start (a real number)."""

    t_s: Array
    cycles: Array
    f_hz: Array
    flows: dict[str, Flow]
    hidden_w: dict[str, Array]
    transformer_loss_w: Array
    tie_loss_w: Array
    turbine_flow_m3s: Array
    inflow_m3s: Array
    head_m: Array


class Plant:
    """A scenario's plant. ``at`` may be asked for any times in any order."""

    def __init__(self, scenario: Scenario) -> None:
        seed, register = scenario.seed, scenario.register
        self.scenario = scenario
        self.halls = [RigHall(mine, seed) for mine in scenario.hidden]
        self._f = Wander(stream(seed, "frequency"), 20, HOUR_S)
        self._u = Wander(stream(seed, "voltage"), 120, DAY_S / 2)
        self._u_noise = Jitter(stream(seed, "voltage noise"))
        self._season = Wander(stream(seed, "inflow"), DAY_S, 20 * DAY_S)
        self._pondage = Wander(stream(seed, "pondage"), 600, 8 * HOUR_S)
        self._turbulence = Jitter(stream(seed, "turbulence"))
        self._head = Wander(stream(seed, "head"), 2 * HOUR_S, 5 * DAY_S)
        self._branch = {name: _BranchNoise(seed, name) for name in (*register.generators, *register.loads)}
        self._angle = {
            name: complex(np.exp(2j * np.pi * stream(seed, f"unbalance {name}").random()))
            for name in (*register.loads, *(mine.id for mine in scenario.hidden))
        }
        sign = 1.0 if stream(seed, "transformer").random() < 0.5 else -1.0
        self.no_load_w = register.transformer.no_load_w + sign * scenario.instruments.error_share * register.transformer.no_load_u_w

    def at(self, t_s: Array, over_s: float = 0.0) -> State:
        """The state at times ``t_s`` (n,), seconds since the scenario's start; fast noise is averaged over ``over_s`` around each."""
        scenario, register = self.scenario, self.scenario.register
        u_grid = self._grid_voltage(t_s, over_s)
        flow, inflow, head = self._water(t_s, over_s)
        units = self._units(t_s, over_s, flow, head)
        loads = {name: self._load(name, load, t_s, over_s) for name, load in scenario.loads.items()}
        hidden = {hall.mine.id: hall.at(t_s, over_s) for hall in self.halls}
        at_bus = [(hidden[h.mine.id], h.mine) for h in self.halls if h.mine.where == "bus"]
        at_tie = [(hidden[h.mine.id], h.mine) for h in self.halls if h.mine.where == "tie"]
        p = sum(unit[0] for unit in units.values()) - sum(load[0] for load in loads.values()) - sum(w for w, _ in at_bus)
        q = sum(unit[1] for unit in units.values()) - sum(load[1] for load in loads.values()) - sum(w * _tan(m.pf) for w, m in at_bus)
        s = self._through(np.asarray(p), np.asarray(q))
        loss_w = self.no_load_w + register.transformer.at_rated_w * s
        tie_p, tie_q = p - loss_w, q - scenario.reactive_at_rated_var * s
        tie_loss_w = register.tie_loss.no_load_w + register.tie_loss.at_rated_w * s
        rev_p = tie_p - tie_loss_w - sum(w for w, _ in at_tie)
        rev_q = tie_q - sum(w * _tan(m.pf) for w, m in at_tie)
        u_bus = u_grid * (1 + (register.transformer.at_rated_w * tie_p + scenario.reactive_at_rated_var * tie_q) / register.rated_w**2)

        flows: dict[str, Flow] = {}
        for name, point in register.generators.items():
            flows[point] = Flow(*units[name], u_bus, np.zeros(t_s.shape, complex), {})
        inside = []
        for name, point in register.loads.items():
            load = scenario.loads[name]
            flows[point] = self._dress(*loads[name], u_bus, name, load.unbalance_pct, load.harmonics_pct)
            inside.append(flows[point])
        inside += [self._dress(w, w * _tan(m.pf), u_bus, m.id, m.unbalance_pct, m.harmonics_pct) for w, m in at_bus]
        flows[register.tie_point] = _from_grid(tie_p, tie_q, u_grid, inside)
        inside += [self._dress(w, w * _tan(m.pf), u_grid, m.id, m.unbalance_pct, m.harmonics_pct) for w, m in at_tie]
        flows[register.revenue_point] = _from_grid(rev_p, rev_q, u_grid, inside)
        f_hz = F_NOMINAL_HZ + scenario.grid.f_sd_hz * self._f(t_s)
        return State(t_s, self.cycles(t_s), f_hz, flows, hidden, loss_w, tie_loss_w, flow, inflow, head)

    def cycles(self, t_s: Array) -> Array:
        """Periods of the bus voltage since the start: the exact integral of the frequency."""
        return F_NOMINAL_HZ * t_s + self.scenario.grid.f_sd_hz * self._f.integral(t_s)

    def _grid_voltage(self, t_s: Array, over_s: float) -> Array:
        """Phase-to-neutral rms of the fundamental at the tie."""
        grid = self.scenario.grid
        per_cent = grid.u_offset_pct + grid.u_sd_pct * self._u(t_s) + grid.u_noise_pct * self._u_noise(t_s, over_s)
        out: Array = self.scenario.register.u_nominal_v / np.sqrt(3) * (1 + per_cent / 100)
        return out

    def _water(self, t_s: Array, over_s: float) -> tuple[Array, Array, Array]:
        """Turbine flow, inflow (m³/s) and net head (m). Storage above the weir is what the two flows differ by."""
        river, register = self.scenario.river, self.scenario.register
        inflow = river.flow_m3s * np.maximum(0.0, 1 + river.season_sd_pct / 100 * self._season(t_s))
        flow = inflow * (1 + river.pondage_sd_pct / 100 * self._pondage(t_s) + river.turbulence_pct / 100 * self._turbulence(t_s, over_s))
        flow = np.clip(flow, 0, register.rated_flow_m3s)
        head = register.head_m + river.head_sd_m * self._head(t_s) - river.tailwater_m_per_m3s * (flow - river.flow_m3s)
        return flow, inflow, np.maximum(head, 0.1)

    def _units(self, t_s: Array, over_s: float, flow: Array, head: Array) -> dict[str, tuple[Array, Array]]:
        """P and Q of each generator: ρ g Q H η, shared; each has its own slow drift of share and fast noise."""
        register, river = self.scenario.register, self.scenario.river
        efficiency = register.efficiency * (1 - river.part_load_droop * (1 - flow / register.rated_flow_m3s) ** 2)
        total_w = WATER_KG_M3 * GRAVITY_M_S2 * flow * head * efficiency
        shares = {name: self._share(g, self._branch[name], t_s) for name, g in self.scenario.generators.items()}
        whole = sum(shares.values())
        out = {}
        for name, g in self.scenario.generators.items():
            noise = self._branch[name]
            p = total_w * shares[name] / whole * (1 + g.noise_pct / 100 * noise.fast(t_s, over_s))
            p = np.minimum(p, 1.05 * register.unit_rated_w[name])
            pf = np.clip(g.pf + g.pf_sd * noise.other(t_s), 0.5, 1)
            out[name] = (p, p * np.sqrt(1 / pf**2 - 1))
        return out

    @staticmethod
    def _share(generator: Generator, noise: _BranchNoise, t_s: Array) -> Array:
        return generator.share * (1 + generator.share_sd_pct / 100 * noise.slow(t_s))

    def _load(self, name: str, load: Load, t_s: Array, over_s: float) -> tuple[Array, Array]:
        noise = self._branch[name]
        hour = (self.scenario.local_start_s + t_s) / HOUR_S
        shape = np.interp(hour, np.arange(24), load.by_hour, period=24)
        p = load.base_w * shape * (1 + load.sd_pct / 100 * noise.slow(t_s) + load.noise_pct / 100 * noise.fast(t_s, over_s))
        if load.pump is not None:
            p = p + load.pump.power_w * ((t_s + noise.offset * load.pump.every_s) % load.pump.every_s < load.pump.on_s)
        return p, p * _tan(load.pf)

    def _through(self, p: Array, q: Array) -> Array:
        """s = S²/S_rated² at the tie's instrument, from P and Q on the bus's side.

        ``S_rated² s = (a − l s)² + (q − x s)²`` with a = p − no_load: the smaller root, in the form that does not cancel.
        """
        a, load, x = p - self.no_load_w, self.scenario.register.transformer.at_rated_w, self.scenario.reactive_at_rated_var
        b = self.scenario.register.rated_w**2 + 2 * (a * load + q * x)
        c = a * a + q * q
        out: Array = 2 * c / (b + np.sqrt(b * b - 4 * (load * load + x * x) * c))
        return out

    def _dress(self, p: Array, q: Array, u: Array, name: str, unbalance_pct: float, harmonics_pct: dict[int, float]) -> Flow:
        """A load's flow with its unbalance and harmonics, both in per cent of its fundamental current."""
        i1 = np.hypot(p, q) / (3 * u)
        i2 = (unbalance_pct / 100 * self._angle[name] * i1).astype(np.complex128)
        return Flow(p, q, u, i2, {h: pct / 100 * i1 for h, pct in harmonics_pct.items()})


class _BranchNoise:
    """The processes of one branch."""

    def __init__(self, seed: int, name: str) -> None:
        rng = stream(seed, f"branch {name}")
        self.slow = Wander(rng, 300, 6 * HOUR_S)
        self.other = Wander(rng, 600, 12 * HOUR_S)
        self.fast = Jitter(rng)
        self.offset = float(rng.random())


def _tan(pf: float) -> float:
    return float(np.sqrt(1 / pf**2 - 1))


def _from_grid(p: Array, q: Array, u: Array, inside: list[Flow]) -> Flow:
    """A tie's flow: what is unbalanced or distorted in the plant's loads comes in from the grid."""
    i2 = -sum((flow.i2_a for flow in inside), np.zeros(p.shape, complex))
    orders = sorted({h for flow in inside for h in flow.ih_a})
    return Flow(p, q, u, i2, {h: -sum((flow.ih_a[h] for flow in inside if h in flow.ih_a), np.zeros(p.shape)) for h in orders})
