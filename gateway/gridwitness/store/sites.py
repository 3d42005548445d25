"""Devices, registers of sites with their history, closed segments."""

from gridwitness.store.database import Database
from gridwitness.store.rows import DeviceRow, SegmentRow, SiteRow


class SiteTables(Database):
    """What is installed where."""

    def put_device(self, device: DeviceRow) -> None:
        """Enter a claimed board, or its newer claim."""
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO device VALUES (?, ?, ?, ?, ?)", device)

    def devices(self, site: str | None = None) -> list[DeviceRow]:
        """Claimed boards."""
        sql = "SELECT dev, site, spki_sha256, seal_key, claimed_ms FROM device WHERE ? IS NULL OR site = ? ORDER BY dev"
        return [DeviceRow(*row) for row in self._all(sql, (site, site))]

    def put_site(self, identifier: str, yaml: str, now_ms: int) -> bool:
        """Enter a register if it differs from the newest; returns whether it did. The first one holds from ever."""
        with self.transaction() as db:
            old = db.execute("SELECT yaml FROM site WHERE id = ? ORDER BY from_ms DESC LIMIT 1", (identifier,)).fetchone()
            if old and old[0] == yaml:
                return False
            db.execute("INSERT OR REPLACE INTO site VALUES (?, ?, ?)", (identifier, now_ms if old else 0, yaml))
            return True

    def sites(self) -> list[SiteRow]:
        """The register in force of every site."""
        sql = "SELECT id, yaml, from_ms FROM site s WHERE from_ms = (SELECT max(from_ms) FROM site WHERE id = s.id) ORDER BY id"
        return [SiteRow(*row) for row in self._all(sql)]

    def site_at(self, identifier: str, at_ms: int) -> SiteRow | None:
        """The register that held at a time: old findings are explained with the register of their time."""
        sql = "SELECT id, yaml, from_ms FROM site WHERE id = ? AND from_ms <= ? ORDER BY from_ms DESC LIMIT 1"
        row = self._one(sql, (identifier, at_ms))
        return SiteRow(*row) if row else None

    def put_segment(self, segment: SegmentRow) -> None:
        """Enter a closed segment; a segment is never closed twice."""
        with self.transaction() as db:
            db.execute("INSERT INTO segment VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", segment)

    def segments(self, dev: str | None = None) -> list[SegmentRow]:
        """Closed segments by device, hour and part."""
        sql = "SELECT * FROM segment WHERE ? IS NULL OR dev = ? ORDER BY dev, hour, part"
        return [SegmentRow(*row) for row in self._all(sql, (dev, dev))]
