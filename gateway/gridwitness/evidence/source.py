"""What a bundle is made from: a small protocol, so that evidence never imports the store.

``gridwitness.service.sources`` implements it over the store and the gateway's directory, and offers
``open_source(directory: Path) -> BundleSource`` to the command line; tests implement it over lists in memory.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

RawRow = tuple[int, int, str, int | None, bytes]
"""``(boot, seq, t, ts_ms, payload)``: exactly what ``store.raw`` yields. ``ts_ms`` is the record's own or derived time (UTC ms),
None where nothing dates it; ``payload`` the exact bytes that the device sent, envelope included, no line feed."""

Position = tuple[int, int]
"""``(boot, seq)``; ordered as a tuple it is chain order."""


@dataclass(frozen=True, slots=True)
class Device:
    """A claimed device of a site.

    ``seal_key`` is the uncompressed P-256 point (65 bytes, ``04…``) of the claim, ``claim`` the claim record as far as it may be
    public (dev, site, spki_sha256, claimed_ms, fw, fw_date where known). The claim's secret K must not be in it.
    """

    dev: str
    site: str
    seal_key: bytes
    claimed_ms: int
    claim: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredFinding:
    """A finding as the gateway keeps it.

    ``doc`` is one element of ``findings`` of the analysis output (``detect.document.finding_document``), ``to_ms`` the end of the
    records that this state of it was computed from (``analysis.to_ms`` of its site).
    """

    id: str
    site: str
    doc: Mapping[str, Any]
    to_ms: int


@dataclass(frozen=True, slots=True)
class Register:
    """The site's register as text: exactly the YAML that the analysis was run with, and since when it holds (UTC ms)."""

    text: str
    from_ms: int


class BundleSource(Protocol):
    """Everything that an export asks for. All calls are made once per export, in one thread."""

    def now_ms(self) -> int:
        """The gateway's clock (site time: the scenario's in a demo), UTC ms. It names and dates the bundle."""
        ...

    def finding(self, finding_id: str) -> StoredFinding:
        """The newest state of a finding; raises ``GridwitnessError`` ``unknown_finding`` for an id that is not stored."""
        ...

    def register(self, site: str) -> Register:
        """The register in force for the site's newest analysis."""
        ...

    def devices(self, site: str) -> Sequence[Device]:
        """Every device that was ever claimed for the site and has at least one raw record, in any order."""
        ...

    def raw(self, dev: str) -> Iterator[RawRow]:
        """ALL raw records of a device that passed the MAC check, ascending by ``(boot, seq)``, each position once.

        Records that are quarantined for schema or clock ARE part of it (they are in the chain and under the seals); records
        with a bad MAC or bad form are not. Of an equivocation the copy that came first is given.
        """
        ...

    def excluded(self, dev: str) -> Mapping[Position, str]:
        """Positions in `raw` that the gateway quarantined for their CLOCK, with the reason's code.

        The verifier cannot decide this itself, since the time of reception is not in a record; these records stay in the
        bundle's raw data, are named in ``params.json``, and take no part in the recomputation.
        """
        ...
