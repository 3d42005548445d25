"""The keys of claimed boards: one file each in ``keys/devices``, written by the claim and read here."""

import json
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from gwire.envelope import Hmac, key_down, key_up

from gridwitness.domain.errors import InputError, Problem

DEVICE_FILE = "gridwitness-device/1"


@dataclass(frozen=True, slots=True)
class DeviceKeys:
    """What the gateway holds of one board. ``seal_point`` is the uncompressed P-256 point (65 bytes)."""

    dev: str
    site: str
    up: Hmac
    down: Hmac
    seal_key: ec.EllipticCurvePublicKey
    seal_point: bytes
    spki_sha256: str
    claimed_ms: int
    fw_date_ms: int


def read_device(path: Path) -> DeviceKeys:
    """One file of a claimed board; raises InputError that names file and member."""
    try:
        doc = json.loads(path.read_bytes())
        secret, point = bytes.fromhex(doc["k"]), bytes.fromhex(doc["seal_key"])
        return DeviceKeys(
            dev=doc["dev"],
            site=doc["site"],
            up=Hmac(key_up(secret)),
            down=Hmac(key_down(secret)),
            seal_key=ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point),
            seal_point=point,
            spki_sha256=doc["spki_sha256"],
            claimed_ms=int(doc["claimed_ms"]),
            fw_date_ms=int(doc.get("fw_date") or 0),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = Problem(path.name, None, None, f"unreadable: {error!r}", "claim the device again")
        raise InputError(f"key file {path}", [problem]) from None


class Keyring:
    """All claimed boards; a claim made while the gateway runs is seen at the next `refresh`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen_ns: int | None = None
        self._keys: dict[str, DeviceKeys] = {}
        self.refresh()

    def refresh(self) -> bool:
        """Read the folder again if a file came, went or was replaced; returns whether it did."""
        try:
            changed_ns = self._folder.stat().st_mtime_ns
        except FileNotFoundError:
            changed_ns = -1
        if changed_ns == self._seen_ns:
            return False
        self._seen_ns = changed_ns
        files = sorted(self._folder.glob("*.json")) if changed_ns >= 0 else []
        self._keys = {keys.dev: keys for keys in map(read_device, files)}
        return True

    def get(self, dev: str) -> DeviceKeys | None:
        """The keys of a board, or None."""
        return self._keys.get(dev)

    def all(self) -> list[DeviceKeys]:
        """Every claimed board, by name."""
        return [self._keys[dev] for dev in sorted(self._keys)]
