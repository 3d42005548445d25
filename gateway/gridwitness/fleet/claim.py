"""Entering a board by the file that it made (the technician's cable carries it), and the answer that it pins."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from gwire.topics import is_device_name

from gridwitness.domain.errors import GridwitnessError, InputError, Problem
from gridwitness.fleet import keys
from gridwitness.fleet.secrets import write_private
from gridwitness.ingest.keyring import DEVICE_FILE
from gridwitness.store import DeviceRow, Store

REQUEST_FORMAT = "gridwitness-claim/1"
ANSWER_FORMAT = "gridwitness-claim-answer/1"
ANSWER_FILE = "claim-answer.json"


@dataclass(frozen=True, slots=True)
class Request:
    """A claim request that was checked; ``seal_point`` is the uncompressed P-256 point."""

    dev: str
    secret: bytes
    seal_point: bytes
    spki_sha256: str
    fw: str
    fw_date_ms: int


def read_request(path: Path) -> Request:
    """Read and check a request; raises InputError that names every member with something wrong."""
    doc = _document(path)
    problems: list[Problem] = []

    def wrong(member: str, text: str) -> None:
        problems.append(Problem(str(path), None, member, text))

    dev = doc.get("dev")
    if not isinstance(dev, str) or not is_device_name(dev):
        wrong("dev", f"a device name has 3 to 32 of a-z, 0-9 and -, not {dev!r}")
    secret, point = _hex(doc.get("k")), _hex(doc.get("seal_key"))
    if len(secret) != 32:
        wrong("k", "K is 64 hex digits")
    spki = _spki_sha256(point)
    if spki is None:
        wrong("seal_key", "the seal key is the uncompressed point of a P-256 key, 130 hex digits")
    elif doc.get("fingerprint") != spki:
        wrong("fingerprint", f"it is not that of the seal key, which is {spki}")
    if not isinstance(doc.get("fw_date"), int) or not isinstance(doc.get("fw"), str):
        wrong("fw_date", "fw (text) and fw_date (UTC ms) say which firmware asks")
    if problems:
        raise InputError(f"claim request {path}", problems, "let the board make the request again")
    return Request(str(dev), secret, point, str(spki), doc["fw"], doc["fw_date"])


def _document(path: Path) -> dict[str, Any]:
    try:
        doc = json.loads(path.read_bytes())
    except OSError as error:
        raise GridwitnessError("no_request", f"{path}: {error.strerror}", "give the file that the board's claim wrote") from None
    except ValueError as error:
        raise InputError(f"claim request {path}", [Problem(str(path), None, None, f"not JSON: {error}")]) from None
    if not isinstance(doc, dict) or doc.get("format") != REQUEST_FORMAT:
        raise InputError(
            f"claim request {path}", [Problem(str(path), None, "format", f'a claim request says "format": "{REQUEST_FORMAT}"')]
        )
    return doc


def _hex(value: object) -> bytes:
    try:
        return bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        return b""


def _spki_sha256(point: bytes) -> str | None:
    """SHA-256 (hex) of the key's SubjectPublicKeyInfo in DER, or None for what is no uncompressed point of P-256."""
    if len(point) != 65:
        return None
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        return None
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def claim(directory: Path, request_path: Path, site: str, now_ms: int, *, replace: bool = False) -> Path:
    """Enter a board; returns the path of the answer, beside the request.

    Claiming the same board for the same site again changes nothing. Another board under a known name is refused unless ``replace``.
    Raises InputError for a bad request, GridwitnessError ``unknown_site`` or ``already_claimed``.
    """
    if not (directory / "sites" / f"{site}.yaml").is_file():
        known = ", ".join(sorted(path.stem for path in (directory / "sites").glob("*.yaml"))) or "none yet"
        raise GridwitnessError("unknown_site", f"there is no register {directory}/sites/{site}.yaml", f"sites of this gateway: {known}")
    request = read_request(request_path)
    folder = keys.ensure(directory)
    path = folder / "devices" / f"{request.dev}.json"
    old = json.loads(path.read_bytes()) if path.exists() else None
    if old and not replace and not _is_same(old, request, site):
        hint = "a board that replaces another one is claimed with --replace"
        raise GridwitnessError(
            "already_claimed", f"{request.dev} is claimed for site {old['site']} with seal key {old['spki_sha256']}", hint
        )
    if old is None or not _is_same(old, request, site):
        if old:  # what was signed under the old keys stays verifiable
            write_private(path.with_suffix(f".{old['claimed_ms']}.replaced"), json.dumps(old).encode())
        write_private(path, json.dumps(_device_file(request, site, now_ms), indent=1).encode() + b"\n")
        _enter(directory, DeviceRow(request.dev, site, request.spki_sha256, request.seal_point, now_ms))
    answer = request_path.with_name(ANSWER_FILE)
    checkpoint = keys.checkpoint_point(folder).hex()
    doc = {"format": ANSWER_FORMAT, "dev": request.dev, "checkpoint_key": checkpoint, "site": site}
    answer.write_text(json.dumps(doc) + "\n")
    return answer


def _is_same(old: dict[str, Any], request: Request, site: str) -> bool:
    return bool(old["site"] == site and old["k"] == request.secret.hex() and old["spki_sha256"] == request.spki_sha256)


def _device_file(request: Request, site: str, now_ms: int) -> dict[str, Any]:
    return {
        "format": DEVICE_FILE,
        "dev": request.dev,
        "site": site,
        "k": request.secret.hex(),
        "seal_key": request.seal_point.hex(),
        "spki_sha256": request.spki_sha256,
        "claimed_ms": now_ms,
        "fw": request.fw,
        "fw_date": request.fw_date_ms,
    }


def _enter(directory: Path, device: DeviceRow) -> None:
    store = Store(directory / "gridwitness.db")
    try:
        store.put_device(device)
    finally:
        store.close()
