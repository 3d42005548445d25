"""A board's records without a board: the same contract, written in a few lines for tests and load tools.

`RecordMaker` makes valid, chained payloads and remembers them; it knows nothing of waveforms, flash or networks.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from gwire import ZERO_HASH, body, envelope, merkle, topics

FW_DATE_MS = 1_795_219_200_000
"""2026-11-21T00:00:00Z."""

_CURVE_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_NO_CONFIG = "c" * 64


@dataclass(frozen=True, slots=True)
class Message:
    """One record as it goes out."""

    topic: str
    payload: bytes
    boot: int
    seq: int

    @property
    def digest(self) -> bytes:
        """SHA-256 of the payload."""
        return hashlib.sha256(self.payload).digest()


@dataclass(slots=True)
class RecordMaker:
    """Records of one device, in chain order.

    ``seed`` decides all keys: two makers of one seed are the same board. ``now_ms`` is the board's clock (None: not set), ``up_ms`` the
    time since its newest boot; `pass_time` moves both.
    """

    dev: str
    seed: str = "seed"
    now_ms: int | None = 1_796_054_400_000  # 2026-12-01T00:00:00+08:00
    cq: int = 2
    boot_count: int = -1
    up_ms: int = 0
    seq: int = -1
    messages: list[Message] = field(default_factory=list)
    _prev: str = ZERO_HASH
    _since_seal: list[Message] = field(default_factory=list)
    _last_seal: list[Any] | None = None
    registers: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def secret(self) -> bytes:
        """K of the claim, 32 bytes."""
        return hashlib.sha256(f"{self.seed} k {self.dev}".encode()).digest()

    @property
    def seal_key(self) -> ec.EllipticCurvePrivateKey:
        """The P-256 key that never leaves a board."""
        number = int.from_bytes(hashlib.sha256(f"{self.seed} seal {self.dev}".encode()).digest(), "big")
        return ec.derive_private_key(number % (_CURVE_ORDER - 1) + 1, ec.SECP256R1())

    @property
    def seal_point(self) -> bytes:
        """The seal key's uncompressed public point, 65 bytes."""
        public = self.seal_key.public_key()
        return public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)

    def claim_request(self) -> dict[str, Any]:
        """What the board's claim would write."""
        spki = self.seal_key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return {
            "format": "gridwitness-claim/1",
            "dev": self.dev,
            "k": self.secret.hex(),
            "seal_key": self.seal_point.hex(),
            "fw": "0.1.0",
            "fw_date": FW_DATE_MS,
            "fingerprint": hashlib.sha256(spki).hexdigest(),
        }

    def pass_time(self, ms: int) -> None:
        """Let the board's clocks run on."""
        self.up_ms += ms
        if self.now_ms is not None:
            self.now_ms += ms

    def boot(self, *, cause: str = "power_on", lost: int = 0, seal: bool = True) -> Message:
        """Start (again): the boot record and, with ``seal``, the seal that follows it at once."""
        last = [self.boot_count, self.seq] if self.messages else None
        self.boot_count += 1
        self.seq, self.up_ms = -1, 0
        members = {"cause": cause, "fw": "0.1.0", "fw_date": FW_DATE_MS, "cfg": _NO_CONFIG, "cal": _NO_CONFIG}
        message = self.record("boot", members | {"last": last, "seal": self._last_seal, "lost": lost})
        if seal:
            self.seal("boot")
        return message

    def data(self, pt: str, values: Mapping[str, int], *, dur_ms: int = 60_000, q: int = 0, group: str = "power") -> Message:
        """An interval that ends now; ``values`` are integers of the field table."""
        registers = {key: value for key, value in values.items() if key.startswith(("ea_", "er_"))}
        if registers:
            self.registers[pt] = registers
        start_ms = None if self.now_ms is None else self.now_ms - dur_ms
        return self.record("data", {"pt": pt, "dur": dur_ms, "g": group, "q": q, "m": dict(values)}, ts=start_ms)

    def event(self, kind: str, pt: str | None = None, figures: Mapping[str, int] | None = None) -> Message:
        """An event of now."""
        return self.record("event", {"pt": pt, "k": kind, "x": dict(figures or {})})

    def seal(self, why: str = "hour") -> Message:
        """A seal over everything since the last one."""
        covered = self._since_seal
        first = [covered[0].boot, covered[0].seq] if covered else None
        root = merkle.root_of([message.payload for message in covered]).hex()
        members = {"n": len(covered), "first": first, "lroot": root, "reg": self.registers, "clk": [0, 0], "fw": "0.1.0"}
        members |= {"cfg": _NO_CONFIG, "cal": _NO_CONFIG, "tamper": 0, "cp": None, "why": why}
        message = self.record("seal", members)
        self._since_seal = []
        self._last_seal = [message.boot, message.seq, message.digest.hex()]
        return message

    def record(self, kind: str, members: Mapping[str, Any], *, ts: int | None = -1, **head: Any) -> Message:
        """Any record: the next of the chain. ``ts`` -1 means now; ``head`` overrides members of the head (to make bad records)."""
        self.seq += 1
        values: dict[str, Any] = {"v": 1, "t": kind, "dev": self.dev, "boot": self.boot_count, "seq": self.seq}
        values |= {"ts": self.now_ms if ts == -1 else ts, "up": self.up_ms, "cq": 0 if self.now_ms is None else self.cq}
        values |= {"prev": self._prev} | head
        message = self.sign(kind, body.write(tuple(values.items()), tuple(members.items())))
        self.messages.append(message)
        self._prev = message.digest.hex()
        self._since_seal.append(message)
        return message

    def sign(self, kind: str, text: bytes) -> Message:
        """Any body under this board's keys, at the maker's position, without a place in its chain."""
        if kind in envelope.SEALED_TYPES:
            r, s = decode_dss_signature(self.seal_key.sign(text, ec.ECDSA(hashes.SHA256())))
            payload = envelope.with_signature(text, r.to_bytes(32, "big") + s.to_bytes(32, "big"))
        else:
            payload = envelope.with_mac(text, envelope.Hmac(envelope.key_up(self.secret)))
        return Message(topics.topic(self.dev, kind), payload, self.boot_count, self.seq)


def measured(p_w: float, *, energy_wh: int = 0) -> dict[str, int]:
    """Plausible values of a ``power`` interval of a 6.3 kV point, for load tools: all phases equal, cos φ 0.97."""
    u_v, pf = 3637.3, 0.97
    s_va = abs(p_w) / pf
    i_a = s_va / (3 * u_v)
    values = {"p_w": round(p_w * 10), "q_var": round(s_va * 2.431), "s_va": round(s_va * 10), "pf": 9700, "f_hz": 50_000}
    for phase in ("l1", "l2", "l3"):
        values |= {f"u_{phase}_v": round(u_v * 100), f"i_{phase}_a": round(i_a * 1000), f"p_{phase}_w": round(p_w * 10 / 3)}
    values |= {"ea_imp_wh": energy_wh if p_w >= 0 else 0, "ea_exp_wh": energy_wh if p_w < 0 else 0, "windows": 300, "coverage_pm": 1000}
    return values


def every_minute(maker: RecordMaker, pt: str, powers_w: Iterable[float], *, seal_every: int = 60) -> None:
    """One interval a minute at the given mean powers, with hourly seals."""
    energy_wh = 0.0
    for index, p_w in enumerate(powers_w):
        maker.pass_time(60_000)
        energy_wh += abs(p_w) / 60
        maker.data(pt, measured(p_w, energy_wh=int(energy_wh)))
        if (index + 1) % seal_every == 0:
            maker.seal()
