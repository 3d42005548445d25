"""The board model makes what a board makes: a chain that the auditor's own code accepts."""

import json

from gridwitness.evidence.chain import examine
from gridwitness.evidence.record import parse
from gridwitness.evidence.seal import public_key, signature_fits
from gridwitness.sim.device import RecordMaker, every_minute
from gwire import envelope, records


def made() -> RecordMaker:
    maker = RecordMaker("gw-1")
    maker.boot()
    every_minute(maker, "m-1", [1e6] * 130)
    maker.boot(cause="watchdog", lost=0)
    every_minute(maker, "m-1", [-2e5] * 61)
    maker.event("step", "m-1", {"dp_w": 5})
    maker.seal("shutdown")
    return maker


def test_every_record_keeps_the_contract() -> None:
    maker = made()
    key = envelope.Hmac(envelope.key_up(maker.secret))
    for message in maker.messages:
        doc = json.loads(message.payload)
        records.check(doc)
        if doc["t"] != "seal":
            envelope.open_mac(message.payload, key)


def test_the_chain_and_its_seals_hold() -> None:
    maker = made()
    chain = [parse(m.payload, "gw-1", f"line {k}") for k, m in enumerate(maker.messages)]
    report = examine(chain, lambda record: signature_fits(record.payload, public_key(maker.seal_point)))
    assert report.broken == []
    assert report.holes == []
    assert report.seals == 6
    assert report.unproven == []


def test_two_makers_of_one_seed_are_the_same_board() -> None:
    assert RecordMaker("gw-1").seal_point == RecordMaker("gw-1").seal_point
    assert RecordMaker("gw-1").secret != RecordMaker("gw-1", seed="other").secret != RecordMaker("gw-2", seed="other").secret
