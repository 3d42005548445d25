"""Live pages: a counter that goes up when the store changes, sent to browsers as server-sent events.

The watcher asks SQLite a few times a second whether any other connection has committed (``PRAGMA data_version``, which reads
no table and blocks nobody), and tells the pages at most once a second. A page then fetches itself and swaps what differs.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from gridwitness.web.source import STORE

POLL_S = 0.25
LEAST_BETWEEN_S = 1.0
HEARTBEAT_S = 15.0


class Watcher:
    """Watches a gateway's folder; ``version`` goes up with each change that was told."""

    def __init__(self, directory: Path) -> None:
        self.version = 0
        self._directory = directory
        self._changed = asyncio.Condition()
        self._ended = False
        self._db: sqlite3.Connection | None = None
        self._inode = 0

    async def run(self) -> None:
        """Poll until cancelled."""
        loop = asyncio.get_running_loop()
        seen, told_at = self._signature(), -LEAST_BETWEEN_S
        try:
            while True:
                await asyncio.sleep(POLL_S)
                now = self._signature()
                if now != seen and loop.time() - told_at >= LEAST_BETWEEN_S:
                    seen, told_at = now, loop.time()
                    await self._tell()
        finally:
            self._close()

    async def events(self) -> AsyncIterator[str]:
        """The stream of one browser: the version at once, each new one, and a comment now and then to keep the way open."""
        told = -1
        yield "retry: 1000\n\n"
        while not self._ended:
            if await self._newer_than(told):
                told = self.version
                yield f'event: change\ndata: {{"version":{told}}}\n\n'
            else:
                yield ": still here\n\n"

    async def _newer_than(self, told: int) -> bool:
        """Wait for another version, at most a heartbeat long; whether there is one."""
        with suppress(TimeoutError):
            async with asyncio.timeout(HEARTBEAT_S), self._changed:
                await self._changed.wait_for(lambda: self._ended or told != self.version)
        return told != self.version

    async def end(self) -> None:
        """End every stream, so that the server can end."""
        async with self._changed:
            self._ended = True
            self._changed.notify_all()

    async def _tell(self) -> None:
        async with self._changed:
            self.version += 1
            self._changed.notify_all()

    def _signature(self) -> tuple[int, ...]:
        """Differs from the one before if anything that pages show may have changed."""
        bundles, sites = (self._mtime(self._directory / name) for name in ("bundles", "sites"))
        inode = self._inode_of(self._directory / STORE)
        if inode != self._inode:
            self._close()
            self._inode = inode
        return inode, self._data_version(), bundles, sites

    def _data_version(self) -> int:
        if not self._inode:
            return 0
        try:
            if self._db is None:
                self._db = sqlite3.connect(self._directory / STORE, timeout=0.1, isolation_level=None)
                self._db.execute("PRAGMA query_only=ON")
            return int(self._db.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.OperationalError:  # being made or migrated just now
            return -1

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
        self._db = None

    @staticmethod
    def _mtime(path: Path) -> int:
        try:
            return path.stat().st_mtime_ns
        except OSError:
            return 0

    @staticmethod
    def _inode_of(path: Path) -> int:
        try:
            return path.stat().st_ino
        except OSError:
            return 0
