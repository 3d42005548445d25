"""Computing a finding again: raw records → series → the detection engine → the output document, and comparing.

The exporter uses the same function to make the bundle, so a bundle never carries a figure that does not follow from its own
raw data. The only module of ``evidence`` that knows the detection engine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gwire.envelope import sha256_hex

from gridwitness import __version__
from gridwitness.evidence.decode import csv_text, readings
from gridwitness.evidence.record import Record
from gridwitness.evidence.source import Position

SOFTWARE = f"gridwitness {__version__}"
PARAMS_FORMAT = "gridwitness-analysis-params/1"
RELATIVE, ABSOLUTE = 1e-9, 2e-9
"""Numbers may differ by this much: other processors, other versions of the linear algebra; the document has nine decimals."""


@dataclass(frozen=True, slots=True)
class Recomputed:
    """``document`` is the analysis output, ``inputs`` the series it was made from (``readings.csv``)."""

    inputs: str
    document: dict[str, Any]


def run(register: str, chains: Mapping[str, Sequence[Record]], params: Mapping[str, Any]) -> Recomputed:
    """Analyse the raw records of a bundle with its register; raises InputError for a register that is none.

    Of ``params`` the members ``case``, ``from_ms``, ``to_ms`` and ``excluded`` steer the computation.
    """
    from gridwitness.detect.document import document  # the engine loads NumPy: only here, where it is needed
    from gridwitness.detect.engine import analyse
    from gridwitness.topology.site import parse

    site, _ = parse(register, "data/context/site.yaml")
    left_out: set[tuple[str, Position]] = {(e["dev"], (e["position"][0], e["position"][1])) for e in params["excluded"]}
    series = readings(chains, params["from_ms"], params["to_ms"], left_out)
    analysis = analyse(site, series, to_ms=params["to_ms"])
    return Recomputed(csv_text(series), document(analysis, site, params["case"]))


def parameters(
    site: str, devices: Sequence[str], from_ms: int, to_ms: int, register: str, excluded: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """``params.json`` but for the digest of the inputs, which are computed from it. Every member is checked by the verifier."""
    return {
        "format": PARAMS_FORMAT,
        "software": SOFTWARE,
        "case": site,
        "from_ms": from_ms,
        "to_ms": to_ms,
        "devices": sorted(devices),
        "register_sha256": sha256_hex(register.encode()),
        "excluded": list(excluded),
    }


def same_finding(findings: Sequence[Mapping[str, Any]], wanted: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The finding of the same kind and subject, if possible detected at the same time; else the earliest; None without one."""
    candidates = [f for f in findings if f["kind"] == wanted["kind"] and f["subject"] == wanted["subject"]]
    exact = [f for f in candidates if f["detected_at"] == wanted["detected_at"]]
    return next(iter(exact or sorted(candidates, key=lambda f: str(f["detected_at"]))), None)


def differences(computed: Any, stated: Any, where: str = "") -> list[str]:
    """Where two JSON values differ: a sentence each, at most some twenty. Numbers count as equal within 1e-9 of their size."""
    if _is_number(computed) and _is_number(stated):
        close = abs(computed - stated) <= max(ABSOLUTE, RELATIVE * max(abs(computed), abs(stated)))
        return [] if close else [f"{where or 'the value'} is {stated!r}, computed {computed!r}"]
    if isinstance(computed, dict) and isinstance(stated, dict):
        out = [
            f"{where}/{key} is {'missing' if key in computed else 'not in the computed result'}"
            for key in sorted(computed.keys() ^ stated.keys())
        ]
        for key in sorted(computed.keys() & stated.keys()):
            out += differences(computed[key], stated[key], f"{where}/{key}")
        return out[:20]
    if isinstance(computed, list) and isinstance(stated, list):
        if len(computed) != len(stated):
            return [f"{where} has {len(stated)} entries, computed {len(computed)}"]
        return [text for i, (a, b) in enumerate(zip(computed, stated, strict=True)) for text in differences(a, b, f"{where}/{i}")][:20]
    return [] if computed == stated and type(computed) is type(stated) else [f"{where or 'the value'} is {stated!r}, computed {computed!r}"]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
