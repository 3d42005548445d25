"""The store and the gateway's folder as `evidence.source.BundleSource` asks for them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gridwitness.domain.clock import Clock
from gridwitness.domain.errors import GridwitnessError
from gridwitness.evidence.source import Device, Position, RawRow, Register, StoredFinding
from gridwitness.service.settings import clock_of, load
from gridwitness.store import Store

_PUBLIC = ("dev", "site", "spki_sha256", "claimed_ms", "fw", "fw_date")
"""Members of a claimed board's file that may leave the gateway; its secret K never does."""


class StoreSource:
    """A bundle's source over one gateway's folder."""

    def __init__(self, directory: Path, store: Store, clock: Clock) -> None:
        self._directory = directory
        self._store = store
        self._clock = clock

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def now_ms(self) -> int:
        """The gateway's clock."""
        return self._clock.now_ms()

    def finding(self, finding_id: str) -> StoredFinding:
        """The newest state of a finding, with the end of the records that it was computed from."""
        while True:  # a running detection may replace both between two reads
            row = self._store.finding(finding_id)
            if row is None:
                known = ", ".join(f.id for f in self._store.findings()[:5]) or "none yet"
                raise GridwitnessError("unknown_finding", f"there is no finding {finding_id}", f"stored findings: {known}")
            analysis = self._store.analysis(row.site)
            if analysis is not None and self._store.finding(finding_id) == row:
                return StoredFinding(row.id, row.site, row.doc, analysis[0])

    def register(self, site: str) -> Register:
        """The register in force."""
        row = next((row for row in self._store.sites() if row.id == site), None)
        if row is None:
            raise GridwitnessError("unknown_site", f"the store holds no register of site {site}", "let the detection run once")
        return Register(row.yaml, row.from_ms)

    def devices(self, site: str) -> Sequence[Device]:
        """Claimed boards of a site that have sent something."""
        rows = [row for row in self._store.devices(site) if self._store.newest(row.dev)]
        return [Device(row.dev, row.site, row.seal_key, row.claimed_ms, self._claim(row.dev)) for row in rows]

    def _claim(self, dev: str) -> Mapping[str, object]:
        path = self._directory / "keys" / "devices" / f"{dev}.json"
        doc = json.loads(path.read_bytes()) if path.exists() else {}
        return {name: doc[name] for name in _PUBLIC if name in doc}

    def raw(self, dev: str) -> Iterator[RawRow]:
        """All verified records of a device in chain order."""
        return self._store.raw(dev)

    def excluded(self, dev: str) -> Mapping[Position, str]:
        """Positions that were quarantined for their clock."""
        out = {}
        for row in self._store.quarantined_of(dev, "clock_"):
            record = json.loads(row.payload)
            out[(record["boot"], record["seq"])] = row.code
        return out


def open_source(directory: Path) -> StoreSource:
    """The source over a gateway's folder, to be closed; raises GridwitnessError when there is no store in it."""
    settings = load(directory)
    return StoreSource(directory, Store(directory / "gridwitness.db", readonly=True), clock_of(settings))
