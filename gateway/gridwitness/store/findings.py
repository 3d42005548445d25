"""Findings with their history. A finding keeps its id while data come in and its figures move."""

import json
import re
import sqlite3
from datetime import UTC, datetime
from typing import Any

from gridwitness.domain.moments import parse_ms
from gridwitness.store.database import Database
from gridwitness.store.rows import FindingRow

WITHDRAWN = "withdrawn"
"""Status of a finding that the newest analysis no longer makes."""

_COLUMNS = "id, site, kind, subject_type, subject_id, status, detected_ms, first_seen_ms, updated_ms, doc"


def finding_id(site: str, kind: str, subject_id: str, detected_ms: int) -> str:
    """``<site>-<kind>-<subject>-<yyyymmddThhmm UTC>``, lower-case, only characters that a URL leaves alone."""
    moment = datetime.fromtimestamp(detected_ms / 1000, UTC).strftime("%Y%m%dT%H%M")
    return re.sub(r"[^a-z0-9_-]", "-", f"{site}-{kind}-{subject_id}-{moment}".lower())


class FindingTables(Database):
    """Findings, their history, and the rest of each site's newest analysis."""

    def put_findings(
        self, site: str, docs: list[dict[str, Any]], analysis_doc: dict[str, Any], now_ms: int, *, from_ms: int | None = None
    ) -> None:
        """Replace what is known of a site by the newest analysis, in one transaction.

        A document continues a stored finding of the same kind and subject whose period it overlaps; otherwise it is a new
        one. Stored findings that nothing continues become ``withdrawn``, apart from those that ended before ``from_ms``,
        where the analysis began. Each change of status is kept in the history. ``analysis_doc["to_ms"]``: end of the analysis.
        """
        with self.transaction() as db:
            kept: set[str] = set()
            for doc in docs:
                kept.add(self._put(db, site, doc, now_ms, kept))
            for row in self.findings(site):
                ended = _moment(row.doc.get("to"), None)
                if row.id in kept or row.status == WITHDRAWN or (from_ms is not None and ended is not None and ended < from_ms):
                    continue
                db.execute("UPDATE finding SET status = ?, updated_ms = ? WHERE id = ?", (WITHDRAWN, now_ms, row.id))
                _remember(db, row.id, now_ms, WITHDRAWN, row.doc)
            to_ms = int(analysis_doc.get("to_ms", now_ms))
            db.execute("INSERT OR REPLACE INTO analysis VALUES (?, ?, ?)", (site, to_ms, _text(analysis_doc)))

    def _put(self, db: sqlite3.Connection, site: str, doc: dict[str, Any], now_ms: int, taken: set[str]) -> str:
        subject = doc["subject"]
        from_ms = _moment(doc.get("from"), now_ms)
        to_ms = _moment(doc.get("to"), None)
        detected_ms = _moment(doc.get("detected_at"), from_ms)
        overlapping = db.execute(
            "SELECT id, status FROM finding WHERE (site, kind, subject_type, subject_id) = (?, ?, ?, ?)"
            " AND from_ms <= ? AND (to_ms IS NULL OR to_ms >= ?) ORDER BY first_seen_ms, id",
            (site, doc["kind"], subject["type"], subject["id"], to_ms if to_ms is not None else 1 << 62, from_ms),
        ).fetchall()
        old = next((row for row in overlapping if row[0] not in taken), None)
        identifier = old[0] if old else finding_id(site, doc["kind"], subject["id"], detected_ms)
        db.execute(
            "INSERT INTO finding VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET status = excluded.status,"
            " detected_ms = excluded.detected_ms, from_ms = excluded.from_ms, to_ms = excluded.to_ms, doc = excluded.doc,"
            " updated_ms = excluded.updated_ms",
            (identifier, site, doc["kind"], subject["type"], subject["id"], doc["status"], detected_ms, from_ms, to_ms, _text(doc))
            + (now_ms, now_ms),
        )
        if old is None or old[1] != doc["status"]:
            _remember(db, identifier, now_ms, doc["status"], doc)
        return str(identifier)

    def findings(self, site: str | None = None) -> list[FindingRow]:
        """Findings, newest first."""
        sql = f"SELECT {_COLUMNS} FROM finding WHERE ? IS NULL OR site = ? ORDER BY detected_ms DESC, id"
        return [_finding(row) for row in self._all(sql, (site, site))]

    def finding(self, identifier: str) -> FindingRow | None:
        """One finding, or None."""
        row = self._one(f"SELECT {_COLUMNS} FROM finding WHERE id = ?", (identifier,))
        return _finding(row) if row else None

    def finding_history(self, identifier: str) -> list[tuple[int, str, dict[str, Any]]]:
        """``(seen_ms, status, document)`` at each change of status, oldest first."""
        rows = self._all("SELECT seen_ms, status, doc FROM finding_history WHERE id = ? ORDER BY seen_ms, rowid", (identifier,))
        return [(seen_ms, status, json.loads(doc)) for seen_ms, status, doc in rows]

    def analysis(self, site: str) -> tuple[int, dict[str, Any]] | None:
        """``(to_ms, document)`` of a site's newest analysis, or None before the first."""
        row = self._one("SELECT to_ms, doc FROM analysis WHERE site = ?", (site,))
        return (row[0], json.loads(row[1])) if row else None


def _finding(row: Any) -> FindingRow:
    return FindingRow._make((*row[:-1], json.loads(row[-1])))


def _remember(db: sqlite3.Connection, identifier: str, now_ms: int, status: str, doc: dict[str, Any]) -> None:
    db.execute("INSERT INTO finding_history VALUES (?, ?, ?, ?)", (identifier, now_ms, status, _text(doc)))


def _text(doc: dict[str, Any]) -> str:
    return json.dumps(doc, ensure_ascii=False, separators=(",", ":"))


def _moment(text: str | None, otherwise: Any) -> Any:
    return parse_ms(text) if text else otherwise
