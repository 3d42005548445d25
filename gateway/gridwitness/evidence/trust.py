"""``trust.json``: what the regulator knows beforehand. It comes from the regulator, never from a bundle.

A member that is an empty list (or table) says "not required": the check then warns. A member that is absent leaves the check
undecided. What stands in it is required.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from cryptography import x509
from gwire.topics import is_device_name

from gridwitness.domain.errors import GridwitnessError, InputError, Problem
from gridwitness.evidence.record import parse_json
from gridwitness.evidence.seal import spki_sha256

FORMAT = "gridwitness-trust/1"
MAX_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Trust:
    """Trust anchors; None where the file does not say."""

    signer_ca: tuple[x509.Certificate, ...] | None = None
    tsa_ca: tuple[x509.Certificate, ...] | None = None
    log_keys: tuple[str, ...] | None = None
    witness_keys: tuple[str, ...] | None = None
    device_ca: tuple[x509.Certificate, ...] | None = None
    devices: Mapping[str, str] | None = None


MEMBERS = tuple(field.name for field in fields(Trust))


def load(path: Path) -> Trust:
    """Read a trust file; raises InputError that names what is wrong in it."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("the file is too large")
        doc = parse_json(path.read_bytes())
    except OSError as error:
        raise GridwitnessError(
            "trust_unreadable", f"the trust file {path} cannot be read: {error.strerror}", "give the regulator's trust file with --trust"
        ) from None
    except ValueError as error:
        raise _problem(path, None, f"not JSON: {error}") from None
    if not isinstance(doc, dict) or doc.get("format") != FORMAT:
        raise _problem(path, "format", f'a trust file says "format": "{FORMAT}"')
    unknown = sorted(set(doc) - {"format", *MEMBERS})
    if unknown:
        raise _problem(path, unknown[0], f"unknown member; known are {', '.join(MEMBERS)}")
    return Trust(**{name: _read(path, name, doc[name]) for name in MEMBERS if name in doc})


def _read(path: Path, name: str, value: Any) -> Any:
    if name == "devices":
        good = isinstance(value, dict) and all(is_device_name(dev) and _is_hash(digest) for dev, digest in value.items())
        if not good:
            raise _problem(path, name, "devices is a table of device name to SHA-256 (64 lower-case hex digits) of its public key")
        return dict(value)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _problem(path, name, f"{name} is a list of texts")
    if not name.endswith("_ca"):
        return tuple(value)
    try:
        return tuple(certificate for item in value for certificate in x509.load_pem_x509_certificates(item.encode()))
    except ValueError as error:
        raise _problem(path, name, f"not a PEM certificate: {error}") from None


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")


def _problem(path: Path, column: str | None, text: str) -> InputError:
    return InputError("the trust file", [Problem(str(path), None, column, text)])


def collect(directory: Path) -> dict[str, Any]:
    """What a regulator would note down when devices are claimed, from a gateway's directory: CA and device fingerprints."""
    keys = directory / "keys"
    if not (keys / "ca.pem").is_file():
        raise GridwitnessError("no_keys", f"{keys}/ca.pem is missing", "this is no gateway directory, or `gridwitness run` never ran in it")
    devices = {}
    for path in sorted((keys / "devices").glob("*.json")):
        claim = json.loads(path.read_bytes())
        devices[claim["dev"]] = spki_sha256(bytes.fromhex(claim["seal_key"]))
    return {
        "format": FORMAT,
        "signer_ca": [(keys / "ca.pem").read_text("ascii")],
        "tsa_ca": [],
        "log_keys": [],
        "witness_keys": [],
        "device_ca": [],
        "devices": devices,
    }


def text(doc: Mapping[str, Any]) -> str:
    """The file's text."""
    return json.dumps(doc, indent=1) + "\n"
