"""``gridwitness detect``: analyses every site as time goes on, keeps findings, registers and raw segments in the store.

It holds nothing that a restart would lose: each analysis begins from the store.
"""

import logging
import math
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridwitness.domain.clock import Clock
from gridwitness.domain.errors import GridwitnessError
from gridwitness.domain.moments import DAY_MS, HOUR_MS
from gridwitness.evidence.segments import Segment, close_due
from gridwitness.store import SegmentRow, Store
from gridwitness.topology import site as topology
from gridwitness.topology.model import Site

if TYPE_CHECKING:
    from gridwitness.detect.engine import Analysis, BalanceSeries

log = logging.getLogger("gridwitness.detect")

POLL_S = 0.1
QUIET_S = 1.5
"""Once nothing has come for so long (host time), what came last is analysed, whatever the clock says."""
PATIENCE_MS = 600_000
"""A point that is so far behind the newest one is not waited for."""
BALANCE_MOST = 10_080
"""Intervals of a balance that are kept for the pages: a week of minutes."""
SEGMENTS_EVERY_MS = 600_000
SEGMENTS_BACK_MS = 2 * DAY_MS
"""How far back segments are looked for: records that come later than this stay in the store alone."""


@dataclass(slots=True)
class LiveEngine:
    """The loop over all sites of one gateway."""

    directory: Path
    store: Store
    clock: Clock
    every_ms: int
    segment_close_ms: int
    _registers: dict[Path, tuple[str, Site | None]] = field(default_factory=dict)
    _analysed_ms: int | None = None
    _segmented_ms: int | None = None
    _seen_change: int = -1
    _changed_s: float | None = None

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set. The waits are short: in a simulation site time runs much faster than the host's."""
        while not stop.is_set():
            self.turn(time.monotonic())
            stop.wait(POLL_S)

    def turn(self, at_s: float) -> None:
        """Do what is due at the clock's time; ``at_s`` is the host's monotonic clock."""
        now_ms = self.clock.now_ms()
        if _due(self._analysed_ms, now_ms, self.every_ms) or self._is_quiet(at_s):
            self._analysed_ms = now_ms
            self._changed_s = None
            for site in self._sites(now_ms):
                self._attempt("analysis", site.id, lambda site=site: self._analyse(site, now_ms))
        if _due(self._segmented_ms, now_ms, min(SEGMENTS_EVERY_MS, self.segment_close_ms)):
            self._segmented_ms = now_ms
            for dev in self.store.record_devices():
                self._attempt("segments", dev, lambda dev=dev: self._close_segments(dev, now_ms))

    def _is_quiet(self, at_s: float) -> bool:
        """Whether records came since the newest analysis, and none for a while (a simulation's clock stands still at its end)."""
        change = self.store.changes()
        if change != self._seen_change:
            self._seen_change, self._changed_s = change, at_s
        return self._changed_s is not None and at_s - self._changed_s >= QUIET_S

    def _attempt(self, what: str, of: str, work: Any) -> None:
        """One site's trouble must not keep the others from being watched."""
        try:
            work()
        except Exception:
            log.exception("alarm: %s of %s failed", what, of)

    def _sites(self, now_ms: int) -> list[Site]:
        """Registers of ``sites/`` that can be used. One that became invalid keeps its last valid state in force."""
        for path in sorted((self.directory / "sites").glob("*.yaml")):
            text = path.read_text(encoding="utf-8-sig", errors="replace")
            known = self._registers.get(path)
            if known is None or known[0] != text:
                self._registers[path] = (text, self._read(path, text, now_ms) or (known[1] if known else None))
        return [site for _, site in self._registers.values() if site is not None]

    def _read(self, path: Path, text: str, now_ms: int) -> Site | None:
        try:
            site, warnings = topology.parse(text, f"sites/{path.name}")
        except GridwitnessError as error:
            log.error("alarm: register_invalid: %s", error.sentence)
            return None
        for warning in warnings:
            log.warning("%s", warning)
        if site.id != path.stem:
            log.error("alarm: register_invalid: %s describes site %s; name it %s.yaml", path.name, site.id, site.id)
            return None
        if self.store.put_site(site.id, text, now_ms):
            log.info("register of %s entered", site.id)
        return site

    def _analyse(self, site: Site, now_ms: int) -> None:
        from gridwitness.detect.document import document
        from gridwitness.detect.engine import analyse

        to_ms = frontier(self.store, site.id)
        if to_ms is None:
            return
        analysis = analyse(site, self.store.readings(site.id), to_ms=to_ms)
        doc = document(analysis, site, site.id)
        rest = {"to_ms": to_ms, "cannot_check": doc["cannot_check"], "data_quality": doc["data_quality"], "balance": balance(analysis)}
        before = {f.id: f.status for f in self.store.findings(site.id)}
        self.store.put_findings(site.id, doc["findings"], rest, now_ms)
        for found in self.store.findings(site.id):
            if before.get(found.id) != found.status:
                log.warning("finding %s: %s -> %s", found.id, before.get(found.id, "new"), found.status)

    def _close_segments(self, dev: str, now_ms: int) -> None:
        from_ms = (now_ms - SEGMENTS_BACK_MS) // HOUR_MS * HOUR_MS
        closed = [_segment(row) for row in self.store.segments(dev)]
        rows = self.store.raw(dev, from_ms)
        for made in close_due(dev, rows, closed, self.directory / "segments", now_ms, self.segment_close_ms):
            head = (made.dev, made.hour, made.part, made.file, made.sha256, made.lines, made.lines_root)
            self.store.put_segment(SegmentRow(*head, *made.first, *made.last, made.closed_ms))


def frontier(store: Store, site: str) -> int | None:
    """Up to when everything is there, UTC ms: the earliest end of the newest intervals, so that what is analysed is final.

    A device with a hole in its chain counts up to the hole; a point that fell far behind is not waited for. None without records.
    """
    ends = []
    for latest in store.latest(site).values():
        end_ms = latest.ts_ms + latest.dur_ms
        cursor, newest = store.cursor(latest.dev), store.newest(latest.dev)
        if cursor and newest and cursor.boot is not None and cursor.seq is not None and (cursor.boot, cursor.seq) < newest[:2]:
            whole = store.raw_record(latest.dev, cursor.boot, cursor.seq)
            end_ms = min(end_ms, whole.ts_ms) if whole and whole.ts_ms is not None else end_ms
        ends.append(end_ms)
    return min((end for end in ends if max(ends) - end <= PATIENCE_MS), default=None)


def balance(analysis: "Analysis") -> dict[str, Any]:
    """The balances as the pages read them: lists of numbers, null for what is not known."""
    return {subject: _series(series) for subject, series in analysis.balance.items()}


def _series(series: "BalanceSeries") -> dict[str, Any]:
    return {
        "ts_ms": [int(ms) for ms in series.ts_ms[-BALANCE_MOST:]],
        "residual_w": [_number(w) for w in series.residual_w[-BALANCE_MOST:].tolist()],
        "u95_w": [_number(w) for w in series.u95_w[-BALANCE_MOST:].tolist()],
        "terms": {name: _number(w) for name, w in series.terms.items()},
        "loss_w": _number(series.loss_w),
    }


def _number(value: float) -> float | None:
    return round(float(value), 1) if math.isfinite(value) else None


def _due(last_ms: int | None, now_ms: int, every_ms: int) -> bool:
    return last_ms is None or now_ms >= last_ms + every_ms or now_ms < last_ms


def _segment(row: SegmentRow) -> Segment:
    first, last = (row.first_boot, row.first_seq), (row.last_boot, row.last_seq)
    return Segment(row.dev, row.hour, row.part, row.file, row.sha256, row.lines, row.lines_root, first, last, row.closed_ms)
