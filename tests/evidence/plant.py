"""A small plant in memory: four boards with real keys, and what an export asks of a gateway. No store, no network."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from gridwitness.detect.document import finding_document
from gridwitness.detect.engine import analyse
from gridwitness.domain.errors import GridwitnessError
from gridwitness.evidence import bundle, decode, record
from gridwitness.evidence.cms import Signer
from gridwitness.evidence.source import Device, Position, RawRow, Register, StoredFinding
from gridwitness.fleet import keys
from gridwitness.sim.device import RecordMaker, measured
from gridwitness.topology.site import parse

START_MS = 1_796_054_400_000  # 2026-12-01T00:00:00+08:00
MINUTE_MS = 60_000
HIDDEN_W = 150_000.0
FINDING = "testing-dedicated_line_supply-b1"

REGISTER = """format: gridwitness-site/1
site: {id: testing, name: {zh: 试验水电站, en: Test hydro}, timezone: Asia/Shanghai}
buses:
  - {id: B1, u_nominal_v: 6300}
plants:
  - id: P1
    kind: hydro
    bus: B1
    rated_w: 5000000
    losses: {no_load_w: 6500, no_load_u_w: 3000, load_at_rated_w: 38000}
branches:
  - {id: G1, bus: B1, role: generator, plant: P1, point: m-g1, rated_w: 2500000}
  - {id: G2, bus: B1, role: generator, plant: P1, point: m-g2, rated_w: 2500000}
  - {id: SS, bus: B1, role: station_service, plant: P1, point: m-ss}
  - {id: L1, bus: B1, role: registered_load, customer: C1, point: m-l1}
  - {id: T1, bus: B1, role: grid_tie, point: m-tie, revenue_point: m-rev, tie_loss: {no_load_w: 0, at_rated_w: 9000}}
points:
  - {id: m-g1, kind: verified_meter, meter_class: 0.2S, ct_class: 0.2S, vt_class: 0.2, i_rated_a: 400, sign: 1, clock_u_s: 2}
  - {id: m-g2, kind: verified_meter, meter_class: 0.2S, ct_class: 0.2S, vt_class: 0.2, i_rated_a: 400, sign: 1, clock_u_s: 2}
  - {id: m-ss, kind: verified_meter, meter_class: 0.5S, ct_class: 0.5S, i_rated_a: 100, sign: 1}
  - {id: m-l1, kind: verified_meter, meter_class: 0.5S, ct_class: 0.5S, i_rated_a: 100, sign: 1}
  - {id: m-tie, kind: verified_meter, meter_class: 0.2S, ct_class: 0.2S, vt_class: 0.2, i_rated_a: 800, sign: 1, clock_u_s: 2}
  - {id: m-rev, kind: verified_meter, meter_class: 0.2S, ct_class: 0.2S, vt_class: 0.2, i_rated_a: 800, sign: 1, clock_u_s: 2}
customers:
  - {id: C1, name: {zh: 下坝村, en: Xiaba village}, sector: residential, contract_w: 300000}
monitored_from: "2026-12-01T00:00:00+08:00"
"""

BOARDS = {"gw-g1": ("m-g1",), "gw-g2": ("m-g2",), "gw-loads": ("m-ss", "m-l1"), "gw-tie": ("m-tie", "m-rev")}


def powers(minutes: int, hidden_from: int, hidden_w: float = HIDDEN_W) -> dict[str, np.ndarray]:
    """Mean power of every point and minute, W, consistent with the register but for the hidden load."""
    rng = np.random.default_rng(7)
    ramp = 1_500_000 + 300_000 * np.sin(np.arange(minutes) / 37)
    g1, g2 = ramp + rng.normal(0, 2000, minutes), ramp * 1.05 + rng.normal(0, 2000, minutes)
    ss, l1 = 42_000 + rng.normal(0, 800, minutes), 175_000 + rng.normal(0, 4000, minutes)
    hidden = np.where(np.arange(minutes) >= hidden_from, hidden_w, 0.0)
    through = g1 + g2 - ss - l1 - hidden
    tie = through - 6500 - 38_000 * (through / 0.97 / 5e6) ** 2
    return {"m-g1": g1, "m-g2": g2, "m-ss": ss, "m-l1": l1, "m-tie": tie, "m-rev": tie - 9000 * (tie / 5e6) ** 2}


@dataclass
class Plant:
    """The boards and the gateway's knowledge of them; a `BundleSource`. Tests may change any of it before an export."""

    boards: dict[str, RecordMaker]
    register_text: str = REGISTER
    now: int = START_MS
    analysed_to_ms: int = START_MS
    quarantined: dict[str, dict[Position, str]] = field(default_factory=dict)
    stored: StoredFinding | None = None

    def close(self) -> None:
        """Nothing is open: all records lie in memory."""

    def now_ms(self) -> int:
        return self.now

    def finding(self, finding_id: str) -> StoredFinding:
        if self.stored is None or finding_id != self.stored.id:
            raise GridwitnessError("unknown_finding", f"there is no finding {finding_id}")
        return self.stored

    def register(self, site: str) -> Register:
        return Register(self.register_text, START_MS)

    def devices(self, site: str) -> Sequence[Device]:
        return [Device(dev, "testing", maker.seal_point, START_MS, {"fw": "0.1.0"}) for dev, maker in self.boards.items()]

    def raw(self, dev: str) -> Iterator[RawRow]:
        parsed = [record.parse(m.payload, dev, dev) for m in self.boards[dev].messages]
        times = record.dates(parsed)
        for r in parsed:
            yield (*r.position, r.t, times.get(r.position), r.payload)

    def excluded(self, dev: str) -> Mapping[Position, str]:
        return self.quarantined.get(dev, {})

    def analyse(self) -> "Plant":
        """What the live gateway does: analyse everything so far and keep the finding."""
        chains = {dev: [record.parse(m.payload, dev, dev) for m in maker.messages] for dev, maker in self.boards.items()}
        site, _ = parse(self.register_text)
        found = analyse(site, decode.readings(chains, 0, self.analysed_to_ms, set()), to_ms=self.analysed_to_ms)
        supplies = [f for f in found.findings if f.kind == "dedicated_line_supply"]
        assert supplies, "the engine does not find the hidden load"
        self.stored = StoredFinding(FINDING, "testing", finding_document(supplies[0], site.timezone), self.analysed_to_ms)
        return self


def run(
    minutes: int = 150,
    hidden_from: int = 60,
    *,
    seal_every: int = 30,
    reboot_at: int = 75,
    board_seeds: Mapping[str, str] | None = None,
    happens: Mapping[int, Callable[[dict[str, RecordMaker]], object]] | None = None,
) -> Plant:
    """Let the boards run; ``gw-loads`` reboots once; the last minute ends with everybody's shutdown seal.

    ``happens``: what else happens at the start of a minute.
    """
    boards = {dev: RecordMaker(dev, seed=(board_seeds or {}).get(dev, "seed"), now_ms=START_MS) for dev in BOARDS}
    series = powers(minutes, hidden_from, HIDDEN_W)
    for maker in boards.values():
        maker.boot()
    for minute in range(minutes):
        (happens or {}).get(minute, lambda _: None)(boards)
        for dev, maker in boards.items():
            if dev == "gw-loads" and minute == reboot_at:
                maker.boot(cause="watchdog")
            maker.pass_time(MINUTE_MS)
            for pt in BOARDS[dev]:
                maker.data(pt, measured(float(series[pt][minute])))
            if (minute + 1) % seal_every == 0:
                maker.seal("hour" if minute + 1 < minutes else "shutdown")
    end_ms = START_MS + minutes * MINUTE_MS
    return Plant(boards, now=end_ms + 5_000, analysed_to_ms=end_ms).analyse()


@dataclass
class Gateway:
    """A gateway's directory with keys, claims, and one exported bundle."""

    directory: Path
    plant: Plant
    bundle: Path

    @property
    def signer(self) -> Signer:
        return Signer.load(self.directory / "keys")


def claim_all(directory: Path, plant: Plant) -> None:
    """Write the claim records that `evidence trust` reads."""
    folder = keys.ensure(directory)
    for dev, maker in plant.boards.items():
        claim = maker.claim_request() | {"site": "testing", "claimed_ms": START_MS}
        (folder / "devices" / f"{dev}.json").write_text(json.dumps(claim))


def export(directory: Path, plant: Plant, signer: Signer, **how: bool) -> Path:
    """The bundle of the plant's finding."""
    return bundle.export(plant, FINDING, directory / "bundles", signer, **how)


Mutation = Callable[[Path, Gateway], None]
