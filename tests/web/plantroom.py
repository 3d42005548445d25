"""A gateway's folder as ingest and detect would leave it: two measured sites, one silent one, refused payloads, a segment.

Everything goes through the store's API; findings come from the real engine. ``longtan`` has two units, a village, a tie with
revenue meter and, from ``MINE_FROM_MS`` on, a hidden load; ``qinggou`` has two buses with a transfer and is clean.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gridwitness.detect.document import document
from gridwitness.detect.engine import analyse
from gridwitness.domain.moments import HOUR_MS, MINUTE_MS, parse_ms
from gridwitness.service.live import balance
from gridwitness.store import Store
from gridwitness.store.packing import pack
from gridwitness.store.rows import Batch, Contest, CursorRow, DeviceRow, IntervalRow, RawRow, Refused, SegmentRow
from gridwitness.topology.site import parse

START_MS = parse_ms("2026-12-01T00:00:00+08:00")
MINE_FROM_MS = START_MS + 5 * HOUR_MS
MINE_W = 98_000.0

LONGTAN = """\
format: gridwitness-site/1
site: {id: longtan, name: {zh: 龙潭水电站, en: Longtan hydro}, timezone: Asia/Shanghai}
buses: [{id: B1, u_nominal_v: 6300}]
plants:
  - {id: P1, kind: hydro, bus: B1, rated_w: 5000000, losses: {no_load_w: 6500, no_load_u_w: 1500, load_at_rated_w: 38000}}
branches:
  - {id: G1, bus: B1, role: generator, plant: P1, point: m-g1, rated_w: 2500000}
  - {id: G2, bus: B1, role: generator, plant: P1, point: m-g2, rated_w: 2500000}
  - {id: SS, bus: B1, role: station_service, plant: P1, point: m-ss}
  - {id: L1, bus: B1, role: registered_load, customer: C1, point: m-l1}
  - {id: T1, bus: B1, role: grid_tie, point: m-tie, revenue_point: m-rev, tie_loss: {no_load_w: 0, at_rated_w: 9000}}
points:
  - {id: m-g1, kind: verified_meter, meter_class: 0.5S, ct_class: 0.5S, vt_class: 0.5, i_rated_a: 300}
  - {id: m-g2, kind: verified_meter, meter_class: 0.5S, ct_class: 0.5S, vt_class: 0.5, i_rated_a: 300}
  - {id: m-ss, kind: meter, meter_class: 1, ct_class: 0.5, i_rated_a: 20}
  - {id: m-l1, kind: meter, meter_class: 1, ct_class: 0.5, i_rated_a: 40}
  - {id: m-tie, kind: verified_meter, meter_class: 0.5S, ct_class: 0.5S, vt_class: 0.5, i_rated_a: 600}
  - {id: m-rev, kind: verified_meter, meter_class: 0.2S, ct_class: 0.2S, vt_class: 0.2, i_rated_a: 600}
customers:
  - {id: C1, name: {zh: 下坝村, en: Xiaba village}, sector: residential, contract_w: 300000}
monitored_from: "2026-12-01T00:00:00+08:00"
"""

QINGGOU = """\
format: gridwitness-site/1
site: {id: qinggou, name: {zh: 青沟梯级, en: Qinggou cascade}, timezone: Asia/Shanghai}
buses: [{id: B1, u_nominal_v: 10500}, {id: B2, u_nominal_v: 10500}]
plants:
  - {id: P1, kind: hydro, bus: B1, rated_w: 4000000, losses: {no_load_w: 5000, no_load_u_w: 1500, load_at_rated_w: 30000}}
  - {id: P2, kind: hydro, bus: B2, rated_w: 2000000}
branches:
  - {id: G1, bus: B1, role: generator, plant: P1, point: m-g1, rated_w: 2000000}
  - {id: G2, bus: B1, role: generator, plant: P1, point: m-g2, rated_w: 2000000}
  - {id: G3, bus: B2, role: generator, plant: P2, point: m-g3, rated_w: 2000000}
  - {id: SS1, bus: B1, role: station_service, plant: P1, point: m-ss1}
  - {id: SS2, bus: B2, role: station_service, plant: P2, rated_w: 40000}
  - {id: L1, bus: B1, role: registered_load, customer: C1, point: m-l1}
  - {id: L2, bus: B2, role: registered_load, customer: C2, point: m-l2}
  - {id: K1, bus: B2, role: transfer, to_bus: B1, point: m-k1}
  - {id: T1, bus: B1, role: grid_tie, point: m-tie, revenue_point: m-rev, tie_loss: {no_load_w: 0, at_rated_w: 9000}}
  - {id: L9, bus: null, role: observed_line, point: m-l9, customer: C2}
points:
  - {id: m-g1, kind: verified_meter, meter_class: 0.2S, ct_class: 0.2S, vt_class: 0.2, i_rated_a: 200}
  - {id: m-g2, kind: verified_meter, meter_class: 0.2S, ct_class: 0.2S, vt_class: 0.2, i_rated_a: 200}
  - {id: m-g3, kind: verified_meter, meter_class: 0.2S, ct_class: 0.2S, vt_class: 0.2, i_rated_a: 200}
  - {id: m-ss1, kind: meter, meter_class: 1, ct_class: 0.5, i_rated_a: 10}
  - {id: m-l1, kind: meter, meter_class: 1, ct_class: 0.5, i_rated_a: 20}
  - {id: m-l2, kind: meter, meter_class: 1, ct_class: 0.5, i_rated_a: 20}
  - {id: m-k1, kind: verified_meter, meter_class: 0.2S, ct_class: 0.2S, vt_class: 0.2, i_rated_a: 200}
  - {id: m-tie, kind: verified_meter, meter_class: 0.2S, ct_class: 0.2S, vt_class: 0.2, i_rated_a: 400}
  - {id: m-rev, kind: verified_meter, meter_class: 0.2S, ct_class: 0.2S, vt_class: 0.2, i_rated_a: 400}
  - {id: m-l9, kind: clamp, meter_class: 1, ct_class: 3}
customers:
  - {id: C1, name: {zh: 大坪乡供电所馈线, en: Daping township feeder}, contract_w: 300000}
  - {id: C2, name: {zh: 石灰厂, en: Lime works}, contract_w: 200000}
monitored_from: "2026-12-01T00:00:00+08:00"
"""

SHIMEN = """\
format: gridwitness-site/1
site: {id: shimen, name: {zh: 石门二级, en: Shimen II}, timezone: Asia/Shanghai}
buses: [{id: B1, u_nominal_v: 400}]
plants: [{id: P1, kind: hydro, bus: B1, rated_w: 800000}]
branches:
  - {id: G1, bus: B1, role: generator, plant: P1, rated_w: 800000}
"""

DEVICES = {
    "longtan": {"gw-g": ("m-g1", "m-g2"), "gw-s": ("m-ss", "m-l1"), "gw-t": ("m-tie", "m-rev")},
    "qinggou": {"gw-q1": ("m-g1", "m-g2", "m-g3", "m-ss1", "m-l1"), "gw-q2": ("m-l2", "m-k1", "m-tie", "m-rev", "m-l9")},
}
REGISTERS = {"longtan": LONGTAN, "qinggou": QINGGOU, "shimen": SHIMEN}
U_V = {"longtan": 6310.0, "qinggou": 10_480.0}


@dataclass(slots=True)
class Plantroom:
    """A filled folder and the store in it (the writer's side)."""

    directory: Path
    store: Store
    until_ms: int

    def close(self) -> None:
        """Let go of the store."""
        self.store.close()

    def records(self, hours: float, mine: bool = True) -> None:
        """Let so much time pass: every point's intervals, and a boot record and seals for each device."""
        n = round(hours * 60)
        ts = self.until_ms + MINUTE_MS * np.arange(n, dtype=np.int64)
        for site, devices in DEVICES.items():
            powers = longtan(ts, mine) if site == "longtan" else qinggou(ts)
            for dev, points in devices.items():
                self._device(site, dev, points, ts, powers)
        self.until_ms += n * MINUTE_MS

    def analyse(self) -> None:
        """One analysis of every measured site, as the live engine stores it."""
        for name in DEVICES:
            site, _ = parse(REGISTERS[name])
            analysis = analyse(site, self.store.readings(name), to_ms=self.until_ms)
            doc = document(analysis, site, name)
            rest = {"to_ms": self.until_ms, "cannot_check": doc["cannot_check"], "data_quality": doc["data_quality"]}
            self.store.put_findings(name, doc["findings"], rest | {"balance": balance(analysis)}, self.until_ms)

    def _device(self, site: str, dev: str, points: tuple[str, ...], ts: np.ndarray, powers: dict[str, np.ndarray]) -> None:
        batch, newest = Batch(), self.store.newest(dev)
        boot, seq = (newest.boot, newest.seq + 1) if newest else (1, 0)
        if newest is None:
            head = {"cause": "power_on", "fw": "0.1.0", "fw_date": START_MS, "lost": 0}
            batch.raw.append(_raw(dev, boot, seq, "boot", int(ts[0]), head))
            seq += 1
        for k, at in enumerate(ts):
            for point in points:
                if point == "m-l1" and START_MS + 2 * HOUR_MS <= at < START_MS + 2 * HOUR_MS + 20 * MINUTE_MS:
                    continue  # twenty minutes that never came
                p_w = float(powers[point][k])
                vals = pack("power", _fields(p_w, U_V[site]))
                batch.intervals.append(IntervalRow(dev, point, "power", int(at), boot, seq, MINUTE_MS, 0, 3, 0, vals))
                seq += 1
            if k % 60 == 59 or k == len(ts) - 1:
                batch.raw.append(_raw(dev, boot, seq, "seal", int(at) + MINUTE_MS, {"n": 60 * len(points), "why": "hour"}))
                seq += 1
        batch.cursors.append(CursorRow(dev, boot, seq - 1, b"\0" * 32, 1))
        batch.count("stored", len(ts) * len(points))
        self.store.commit(batch)


def make(directory: Path, hours: float = 8.0, *, mine: bool = True, oddities: bool = True) -> Plantroom:
    """Fill a folder with ``hours`` of records and analyse them."""
    (directory / "sites").mkdir(parents=True)
    (directory / "bundles").mkdir()
    for name, text in REGISTERS.items():
        (directory / "sites" / f"{name}.yaml").write_text(text, encoding="utf-8")
    room = Plantroom(directory, Store(directory / "gridwitness.db"), START_MS)
    for name, text in REGISTERS.items():
        room.store.put_site(name, text, START_MS)
        for dev in DEVICES.get(name, {}):
            key = hashlib.sha256(dev.encode()).hexdigest()
            room.store.put_device(DeviceRow(dev, name, key, b"\x04" + b"\0" * 64, START_MS))
    if hours:
        room.records(hours, mine)
        room.analyse()
    if oddities:
        _oddities(room)
    return room


def longtan(ts: np.ndarray, mine: bool) -> dict[str, np.ndarray]:
    """Powers that the instruments show: a plant that follows its river, with errors of a third of the class."""
    rng, hour = np.random.default_rng(int(ts[0]) % 2**32), (ts - START_MS) / HOUR_MS
    g1, g2 = 2.214e6 + 9e4 * np.sin(hour / 3), 2.187e6 + 7e4 * np.sin(hour / 4 + 1)
    ss, l1 = 24_600 + 900 * np.sin(hour), 187_000 + 21_000 * np.sin(hour / 2 - 1)
    hidden = np.where(mine & (ts >= MINE_FROM_MS), MINE_W, 0.0)
    into = g1 + g2 - ss - l1 - hidden
    tie = into - 6500 - 38_000 * (into / 5e6) ** 2
    rev = tie - 9000 * (tie / 5e6) ** 2
    true = {"m-g1": g1, "m-g2": g2, "m-ss": ss, "m-l1": l1, "m-tie": tie, "m-rev": rev}
    return _shown(true, {"m-g1": 0.0012, "m-g2": -0.0009, "m-ss": 0.002, "m-l1": -0.002, "m-tie": 0.0006, "m-rev": -0.0003}, rng)


def qinggou(ts: np.ndarray) -> dict[str, np.ndarray]:
    """A clean cascade: plant 2 feeds plant 1's bus over the transfer."""
    rng, hour = np.random.default_rng(int(ts[0]) % 2**32 + 1), (ts - START_MS) / HOUR_MS
    g1, g2, g3 = (1.62e6 + 5e4 * np.sin(hour / k) for k in (3, 4, 5))
    ss1, l1, l2 = 19_000 + 0 * hour, 142_000 + 9000 * np.sin(hour), 96_000 + 5000 * np.sin(hour / 2)
    k1 = g3 - l2 - 8000
    into = g1 + g2 + k1 - ss1 - l1
    tie = into - 5000 - 30_000 * (into / 4e6) ** 2
    rev = tie - 9000 * (tie / 4e6) ** 2
    true = {"m-g1": g1, "m-g2": g2, "m-g3": g3, "m-ss1": ss1, "m-l1": l1, "m-l2": l2, "m-k1": k1, "m-tie": tie, "m-rev": rev}
    return _shown(true, {"m-g1": 0.0003, "m-tie": -0.0002}, rng) | {"m-l9": 44_000 + 300 * np.sin(hour * 5)}


def _shown(true: dict[str, np.ndarray], error: dict[str, float], rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {name: p_w * (1 + error.get(name, 0.0)) * (1 + 3e-4 * rng.standard_normal(len(p_w))) for name, p_w in true.items()}


def _fields(p_w: float, u_v: float) -> dict[str, int]:
    phase_v = u_v / np.sqrt(3)
    i_a = abs(p_w) / (3 * phase_v * 0.96)
    volts = {f"u_l{k}_v": round(phase_v * 100) for k in (1, 2, 3)}
    amperes = {f"i_l{k}_a": round(i_a * 1000) for k in (1, 2, 3)}
    return {"p_w": round(p_w * 10), "pf": 9600 if p_w >= 0 else -9600, "f_hz": 50_010, **volts, **amperes}


def _raw(dev: str, boot: int, seq: int, kind: str, ts_ms: int, members: dict[str, object]) -> RawRow:
    payload = json.dumps({"v": 1, "t": kind, "dev": dev, "boot": boot, "seq": seq, "ts": ts_ms, "cq": 3, **members}).encode()
    return RawRow(dev, boot, seq, kind, ts_ms, ts_ms, hashlib.sha256(payload).digest(), payload)


def _oddities(room: Plantroom) -> None:
    """What an honest gateway refuses, a contested chain, a closed segment, a bundle."""
    topic = "gridwitness/v1/gw-g/data"
    bad = (
        ("bad_mac", "the mac does not fit the bytes under the device's key", b'{"v":1,"t":"data","dev":"gw-g","mac":"00"}'),
        ("bad_json", "the payload is no JSON: malformed", b"\xff\x00<script>alert(1)</script>"),
        ("clock_before_firmware", "ts 4000 is earlier than the release of the device's firmware", b'{"ts":4000}'),
    )
    batch = Batch()
    for i, (code, reason, payload) in enumerate(bad):
        sha = hashlib.sha256(payload).digest()
        batch.refused.append(Refused(START_MS + (i + 1) * HOUR_MS, "gw-g", topic, code, reason, sha, payload))
    payload = b'{"v":1,"t":"data","dev":"gw-s","boot":1,"seq":17}'
    reason = "two different payloads at 1/17: both are kept"
    batch.contests.append(Contest(START_MS + HOUR_MS, "gw-s", 1, 17, "equivocation", reason, hashlib.sha256(payload).digest(), payload))
    batch.count("quarantined", 3)
    batch.count("equivocation")
    room.store.commit(batch)
    for dev in ("gw-g", "gw-s", "gw-t"):
        for hour in ("2026-11-30T16", "2026-11-30T17"):
            sha = hashlib.sha256(f"{dev}{hour}".encode()).hexdigest()
            row = SegmentRow(dev, hour, 0, f"{dev}/{hour}.jsonl", sha, 121, sha[::-1], 1, 0, 1, 120, START_MS + 3 * HOUR_MS)
            room.store.put_segment(row)
    bundle = room.directory / "bundles" / "longtan-b1-20261201T070000Z"
    bundle.mkdir()
    (bundle / "bagit.txt").write_text("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n", encoding="ascii")
