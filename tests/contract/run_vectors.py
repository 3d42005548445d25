"""Runs every contract vector on the interpreter that it is started with (CPython or MicroPython) and prints ``ok <count>``.

Usage: ``python run_vectors.py VECTOR_DIR [float32]``; gwire must be on the module path. With ``float32`` every float goes
through a type that rounds to 32 bits after each operation, as the board's floats do.
"""

import json
import sys
from binascii import hexlify, unhexlify

from gwire import ZERO_HASH, body, chain, envelope, fields, merkle, records, topics
from gwire.errors import WireError

checked = 0


def same(what, got, expected):
    global checked
    checked += 1
    if got != expected:
        raise AssertionError("%s: got %r, expected %r" % (what, got, expected))


def load(folder, name):
    with open(folder + "/" + name + ".json") as file:
        return json.loads(file.read())


def run_envelope(folder):
    v = load(folder, "envelope")
    hmac = envelope.Hmac(unhexlify(v["key"]))
    raw = v["body"].encode()
    payload = envelope.with_mac(raw, hmac)
    same("body length", len(raw), v["body_bytes"])
    same("payload length", len(payload), v["payload_bytes"])
    same("mac", payload[-34:-2].decode(), v["mac"])
    same("opened", envelope.open_mac(payload, hmac), raw)
    for what, how, where, code in v["bad"]:
        same(what, refusal(mutate(payload, how, where), hmac), code)
    signature = bytes(range(64))
    sealed = envelope.with_signature(raw, signature)
    same("seal form", envelope.split(sealed), (envelope.SEAL, raw, signature))
    same("seal suffix", len(sealed) - len(raw), 138)
    for kind, form, good in (
        ("data", envelope.MAC, True),
        ("data", envelope.SEAL, False),
        ("seal", envelope.SEAL, True),
        ("seal", envelope.MAC, False),
        ("checkpoint", envelope.SEAL, True),
    ):
        same("form of " + kind, form_allowed(form, kind), good)
    secret = unhexlify(v["key"])
    same("key up", envelope.key_up(secret), envelope.Hmac(secret).digest(b"gw-env/1 up"))
    same("keys differ", envelope.key_up(secret) == envelope.key_down(secret), False)


def mutate(payload, how, where):
    if how == "swap":
        changed = bytes([payload[where] ^ 1]) if payload[where] not in b"09af" else (b"1" if payload[where] != 49 else b"2")
        return payload[:where] + changed + payload[where + 1 :]
    if how == "upper":
        return payload[:-34] + b"A" + payload[-33:]
    if how == "newline":
        return payload[:where] + b"\n" + payload[where + 1 :]
    if how == "cut":
        return payload[:-where]
    return payload[:10] + b"0" * where + payload[10:]


def refusal(payload, hmac):
    try:
        envelope.open_mac(payload, hmac)
    except WireError as error:
        return error.code
    return "accepted"


def form_allowed(form, kind):
    try:
        envelope.check_form(form, kind)
    except WireError:
        return False
    return True


def run_hmac(folder):
    for v in load(folder, "hmac"):
        same(v["source"], hexlify(envelope.Hmac(unhexlify(v["key"])).digest(unhexlify(v["data"]))).decode(), v["tag"])


def run_records(folder):
    v = load(folder, "records")
    hmac = envelope.Hmac(unhexlify(v["key"]))
    for row in v["records"]:
        raw = body.write(tuple(tuple(p) for p in row["pairs"]), ())
        payload = envelope.with_mac(raw, hmac)
        same("payload", payload.decode(), row["payload"])
        same("sha256", envelope.sha256_hex(payload), row["sha256"])
        record = json.loads(payload.decode())
        records.check(record)
        same("integers come back whole", record.get("m"), dict(row["pairs"]).get("m"))


def run_merkle(folder):
    for v in load(folder, "merkle"):
        same("root of %d" % len(v["leaves"]), hexlify(merkle.root_of([unhexlify(x) for x in v["leaves"]])).decode(), v["root"])


def run_chain(folder):
    v = load(folder, "chain")
    for position, digest, stored, highest, is_boot, expected in v["classify"]:
        same("classify", chain.classify(tuple(position), digest, stored, highest, is_boot), expected)
    for previous, position, prev, expected in v["follows"]:
        same(
            "follows",
            chain.follows(tuple(previous) if previous else None, tuple(position), ZERO_HASH if prev == "zero" else prev),
            expected,
        )
    for case in v["progress"]:
        progress = chain.Progress()
        for step in case["add"]:
            progress.add((step[0], step[1]), tuple(step[2]) if len(step) > 2 and step[2] else None)
        if "skip" in case:
            progress.skip(tuple(case["skip"]))
        same(case["what"], progress.upto, tuple(case["upto"]) if case["upto"] else None)
        same(case["what"] + " (waiting)", progress.waiting(), tuple(case["waiting"]) if case["waiting"] else None)


def run_fields(folder, to_float):
    for key, value, expected in load(folder, "fields"):
        same(key, fields.to_wire(key, to_float(value)), expected)


def run_topics(folder):
    same("topic", topics.topic("gw-0001", "data"), "gridwitness/v1/gw-0001/data")
    same("parsed", topics.parse("gridwitness/v1/gw-0001/data"), ("gw-0001", "data"))
    for bad in ("ab", "GW-1", "a" * 33, "a_b", "", "gw 1"):
        same("name %r" % bad, topics.is_device_name(bad), False)


def main():
    folder = sys.argv[1]
    to_float = float
    if sys.argv[2:] == ["float32"]:
        from float32 import F32

        to_float = F32
    run_envelope(folder)
    run_hmac(folder)
    run_records(folder)
    run_merkle(folder)
    run_chain(folder)
    run_fields(folder, to_float)
    run_topics(folder)
    print("ok", checked)


main()
