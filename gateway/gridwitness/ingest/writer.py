"""The loop of the ingest: drain, assess, ONE commit, then acknowledge to the broker, then to the devices. Never before."""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from gwire import topics

from gridwitness.domain.clock import Clock
from gridwitness.ingest import acks
from gridwitness.ingest.assess import Arrival, Assessor
from gridwitness.ingest.keyring import Keyring
from gridwitness.store import Batch, DeviceRow, Store

log = logging.getLogger("gridwitness.ingest")

BATCH_MAX = 500
BATCH_S = 0.020
TICK_S = 1.0
RETRY_S = (0.5, 10.0)
"""First and longest pause while the store cannot be written."""


class Source(Protocol):
    """Where messages come from and acknowledgements go: `mqtt.Inlet`, or a list in a test."""

    def drain(self, most: int, first_s: float, rest_s: float) -> list[Arrival]: ...

    def accept(self, arrivals: Sequence[Arrival]) -> None: ...

    def publish(self, topic: str, payload: bytes) -> None: ...


class Writer:
    """The store's only writer of records."""

    def __init__(self, store: Store, keyring: Keyring, source: Source, clock: Clock, *, ack_every_s: float, gap_after_ms: int) -> None:
        self._store = store
        self._keyring = keyring
        self._source = source
        self._clock = clock
        self._assessor = Assessor(store, keyring, clock.now_ms(), gap_after_ms)
        self._acks = acks.AckSchedule(ack_every_s)
        self._ticked_s = -TICK_S
        self._devices_due = True
        self._enter_devices()

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set; what was drained by then is stored."""
        while not stop.is_set():
            self.step(self._source.drain(BATCH_MAX, 0.05, BATCH_S), stop.wait)

    def step(self, arrivals: list[Arrival], pause: Callable[[float], bool], monotonic_s: float | None = None) -> None:
        """One turn. ``pause(seconds)`` waits between tries to write and returns True to end without having written."""
        at_s = time.monotonic() if monotonic_s is None else monotonic_s
        if self._keyring.refresh() or self._devices_due:
            self._enter_devices()
        tick = at_s - self._ticked_s >= TICK_S
        if arrivals or tick:
            if not self._commit(self._assessor.assess(arrivals, self._clock.now_ms()), pause):
                return
            self._source.accept(arrivals)
        if tick:
            self._ticked_s = at_s
            self._commit(self._assessor.give_up_gaps(self._clock.now_ms()), pause)
        self._acknowledge(at_s)

    def _commit(self, batch: Batch, pause: Callable[[float], bool]) -> bool:
        """Write until it is on disk. While the store cannot be written nobody is told anything, so nothing is lost."""
        wait_s = RETRY_S[0]
        while batch != _NOTHING:
            try:
                self._store.commit(batch)
                break
            except sqlite3.OperationalError as error:
                log.critical("alarm: store_unwritable: %s; %d records wait, nothing is acknowledged", error, len(batch.raw))
            if pause(wait_s):
                return False
            wait_s = min(wait_s * 2, RETRY_S[1])
        if wait_s != RETRY_S[0]:
            log.critical("alarm ended: store_unwritable: the store is written again")
        self._assessor.committed()
        self._acks.note(batch.cursors)
        return True

    def _acknowledge(self, at_s: float) -> None:
        for cursor in self._acks.due(at_s):
            keys, chain = self._keyring.get(cursor.dev), self._assessor.chain(cursor.dev)
            if keys is not None and chain is not None:
                chain.ack_free = False
                self._source.publish(topics.topic(cursor.dev, "ack"), acks.payload(cursor, keys, self._clock.now_ms()))

    def _enter_devices(self) -> None:
        """Bring the store's table of devices up to the keyring, now or (on a full disk) at a later turn."""
        known = {row.dev: row for row in self._store.devices()}
        rows = [DeviceRow(k.dev, k.site, k.spki_sha256, k.seal_point, k.claimed_ms) for k in self._keyring.all()]
        try:
            for row in rows:
                if known.get(row.dev) != row:
                    self._store.put_device(row)
            self._devices_due = False
        except sqlite3.OperationalError as error:
            self._devices_due = True
            log.critical("alarm: store_unwritable: %s; devices are entered later", error)


_NOTHING = Batch()
