"""The process ``gridwitness ingest``: opens store, keys and broker, and runs the writer until it is told to end."""

import logging
import threading
from pathlib import Path

from gridwitness.domain.clock import Clock
from gridwitness.ingest.keyring import Keyring
from gridwitness.ingest.mqtt import BrokerAddress, Inlet
from gridwitness.ingest.writer import Writer
from gridwitness.store import Store

log = logging.getLogger("gridwitness.ingest")


def run(directory: Path, address: BrokerAddress, clock: Clock, stop: threading.Event, *, ack_every_s: float, gap_after_ms: int) -> None:
    """Take records from the broker into ``directory/gridwitness.db`` until ``stop`` is set."""
    store = Store(directory / "gridwitness.db")
    keyring = Keyring(directory / "keys" / "devices")
    log.info("store version %d, %d claimed devices", store.version, len(keyring.all()))
    inlet = Inlet(address)
    try:
        Writer(store, keyring, inlet, clock, ack_every_s=ack_every_s, gap_after_ms=gap_after_ms).run(stop)
    finally:
        inlet.close()
        store.close()
    log.info("ended")
