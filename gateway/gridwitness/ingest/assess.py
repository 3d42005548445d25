"""Arrivals in, one batch for the store out: the gateway's rules of the wire contract, without any network.

Nothing here writes. The state in memory runs ahead of the store by at most the batch that is being made; a batch is committed
again and again until it is on disk, or the process ends and rebuilds its state from the store.
"""

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
from gwire import chain as wire_chain
from gwire import topics
from gwire.dating import derived_ts
from gwire.errors import WireError

from gridwitness.ingest import rules
from gridwitness.ingest.chains import DeviceChain, Position, Undated
from gridwitness.ingest.keyring import DeviceKeys, Keyring
from gridwitness.store import Batch, EventRow, GapRow, IntervalRow, RawRow, SealRow, Store
from gridwitness.store.packing import pack
from gridwitness.store.rows import Contest, Dated, Refused

log = logging.getLogger("gridwitness.ingest")

GAP_AFTER_MS = 7_200_000
"""How long a hole in a chain may stay open before it is given up (site time)."""


class Arrival(NamedTuple):
    """One message as the network thread hands it over; ``mid`` and ``session`` are for its acknowledgement to the broker."""

    topic: str
    payload: bytes
    qos: int = 0
    mid: int = 0
    session: int = 0


class Assessor:
    """Applies the rules to arrivals of all devices."""

    def __init__(self, store: Store, keyring: Keyring, now_ms: int, gap_after_ms: int = GAP_AFTER_MS) -> None:
        self._store = store
        self._keyring = keyring
        self._gap_after_ms = gap_after_ms
        self._chains: dict[str, DeviceChain] = {}
        for keys in keyring.all():
            self._chain(keys, now_ms)

    def chain(self, dev: str) -> DeviceChain | None:
        """State of a device that has sent something verified."""
        return self._chains.get(dev)

    def assess(self, arrivals: Sequence[Arrival], now_ms: int) -> Batch:
        """The batch that stores these arrivals. Its cursors are the devices that are to be acknowledged after the commit."""
        batch = Batch()
        touched: set[str] = set()
        self._date(batch)
        for arrival in arrivals:
            try:
                dev = self._assess_one(arrival, now_ms, batch)
            except Exception as error:  # a message must never stop the ingest, whatever it found in our code
                log.exception("internal error on a message of topic %s", arrival.topic)
                self._refuse(batch, arrival, now_ms, "internal", f"{type(error).__name__}: {error}")
            else:
                if dev is not None:
                    touched.add(dev)
        batch.cursors = [self._chains[dev].reserve() for dev in sorted(touched)]
        return batch

    def give_up_gaps(self, now_ms: int) -> Batch:
        """A batch that declares the holes which stayed open too long, and moves the cursors past them."""
        batch = Batch()
        for dev, state in self._chains.items():
            waiting = state.progress.waiting()
            received_ms = self._store.received_ms(dev, *waiting) if waiting else None
            if waiting is None or received_ms is None or now_ms - received_ms < self._gap_after_ms:
                continue
            upto = state.progress.upto
            batch.gaps.append(GapRow(dev, upto[0] if upto else None, upto[1] if upto else None, waiting[0], waiting[1], now_ms))
            batch.count("gap")
            log.error("alarm: gap: records of %s between %s and %s never came", dev, upto, waiting)
            state.progress.skip(waiting)
            batch.cursors.append(state.reserve())
        return batch

    def committed(self) -> None:
        """The newest batch is on disk."""
        for state in self._chains.values():
            state.committed()

    def _chain(self, keys: DeviceKeys, now_ms: int) -> DeviceChain:
        state = self._chains.get(keys.dev)
        if state is None:
            state = self._chains[keys.dev] = DeviceChain(self._store, keys.dev, keys.fw_date_ms, now_ms)
        return state

    def _assess_one(self, arrival: Arrival, now_ms: int, batch: Batch) -> str | None:
        """File one message; returns the device whose cursor may have moved, None for what has no place in a chain."""
        payload = arrival.payload
        try:
            dev: str
            dev, level = topics.parse(arrival.topic)
            keys = self._keyring.get(dev)
            if keys is None:
                raise WireError("unknown_device", f"device {dev} is not claimed")
            rules.authenticate(payload, level, keys)
            record = rules.decode(payload)
            position = rules.position_of(record, dev, level)
        except WireError as error:
            self._refuse(batch, arrival, now_ms, error.code, str(error))
            return None
        state = self._chain(keys, now_ms)
        digest = hashlib.sha256(payload).digest()
        kind = state.classify(position, digest)
        if kind == wire_chain.DUPLICATE:
            batch.count("duplicate")
        elif kind == wire_chain.EQUIVOCATION:
            self._contest(batch, state, position, kind, "another payload is stored at this position", payload, now_ms)
        else:
            if kind == wire_chain.ROLLBACK:
                why = "a boot record below the boot that was acknowledged: the device's memory was set back, or a copy of it runs"
                self._contest(batch, state, position, kind, why, payload, now_ms)
            self._store_record(batch, state, record, digest, arrival, now_ms)
        return dev

    def _store_record(self, batch: Batch, state: DeviceChain, record: rules.Record, digest: bytes, arrival: Arrival, now_ms: int) -> None:
        """File a record that has a place in its chain, good or quarantined."""
        position: Position = (record["boot"], record["seq"])
        is_boot = position[1] == 0
        if is_boot:
            state.note_boot(position[0], record)
        ts_ms = None
        try:
            rules.check_content(record)
            rules.check_clock(record["ts"], now_ms, state.fw_date_ms)
            ts_ms = record["ts"]
        except (WireError, TypeError) as error:
            self._refuse(batch, arrival, now_ms, getattr(error, "code", "bad_schema"), str(error))
        else:
            file_content(batch, state.dev, record, ts_ms)
            if ts_ms is None:
                state.note_undated(position)
        if not state.link_holds(position, record.get("prev")):
            why = "prev is not the hash of the record before"
            self._contest(batch, state, position, "broken_link", why, arrival.payload, now_ms)
        batch.raw.append(RawRow(state.dev, *position, record["t"], ts_ms, now_ms, digest, arrival.payload))
        batch.count("stored")
        state.add(position, digest, rules.last_before(record) if is_boot else None)

    def _refuse(self, batch: Batch, arrival: Arrival, now_ms: int, code: str, reason: str) -> None:
        parts = arrival.topic.split("/")
        dev = parts[2] if len(parts) > 2 else ""
        digest = hashlib.sha256(arrival.payload).digest()
        batch.refused.append(Refused(now_ms, dev, arrival.topic, code, reason, digest, arrival.payload))
        batch.count("quarantined")

    def _contest(self, batch: Batch, state: DeviceChain, position: Position, kind: str, why: str, payload: bytes, now_ms: int) -> None:
        batch.contests.append(Contest(now_ms, state.dev, *position, kind, why, hashlib.sha256(payload).digest(), payload))
        batch.count(kind)
        log.critical("alarm: %s: %s at boot %d seq %d: %s", kind, state.dev, *position, why)

    def _date(self, batch: Batch) -> None:
        """Date stored records without time from the first later record of their boot that has one, now that it is stored."""
        for state in self._chains.values():
            for boot in list(state.undated):
                self._date_boot(batch, state, boot, state.undated[boot])
                if not state.undated[boot].seqs:
                    del state.undated[boot]

    def _date_boot(self, batch: Batch, state: DeviceChain, boot: int, waiting: Undated) -> None:
        # only where the chain is whole: otherwise a record that fills a hole could still be the first
        for seq, reference in self._references(state, boot, waiting):
            for earlier in [s for s in waiting.seqs if s < seq]:
                stored = self._store.raw_record(state.dev, boot, earlier)
                assert stored is not None
                record = msgspec.json.decode(stored.payload)
                ts_ms = derived_ts(record, reference)
                file_content(batch, state.dev, record, ts_ms, derived=True)
                batch.dated.append(Dated(ts_ms, state.dev, boot, earlier))
                batch.count("dated")
                waiting.seqs.remove(earlier)

    def _references(self, state: DeviceChain, boot: int, waiting: Undated) -> Iterator[tuple[int, dict[str, Any]]]:
        upto = state.progress.upto
        if upto is None or upto <= (boot, waiting.searched):
            return
        for stored in self._store.raw_between(state.dev, (boot, waiting.searched + 1), min(upto, (boot, rules.LARGEST))):
            waiting.searched = stored.seq
            if stored.ts_ms is not None:
                record = msgspec.json.decode(stored.payload)
                if rules.is_reference(record):
                    yield stored.seq, record


def file_content(batch: Batch, dev: str, record: rules.Record, ts_ms: int | None, *, derived: bool = False) -> None:
    """Decode a good record into its table. Intervals and events need a time; ``boot`` and ``wave`` records stay raw."""
    at = (record["boot"], record["seq"])
    kind = record["t"]
    if kind == "data" and ts_ms is not None:
        blob = pack(record["g"], record["m"])
        head = (dev, record["pt"], record["g"], ts_ms, *at)
        batch.intervals.append(IntervalRow(*head, record["dur"], record["q"], record["cq"], int(derived), blob))
    elif kind == "event" and ts_ms is not None:
        figures = json.dumps(record.get("x", {}), separators=(",", ":"))
        batch.events.append(EventRow(dev, *at, ts_ms, int(derived), record["pt"], record["k"], figures))
    elif kind == "seal" and not derived:
        first = record["first"] or (None, None)
        batch.seals.append(SealRow(dev, *at, ts_ms, record["n"], first[0], first[1], bytes.fromhex(record["lroot"]), record["why"]))
