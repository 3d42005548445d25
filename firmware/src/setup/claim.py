"""The offline claim: the board makes its secrets, a file carries them over the technician's cable, a file brings the answer.

    import setup.claim as c; c.request("gw-g1")          writes claim-request.json and flash/identity.json
    import setup.claim as c; c.accept("claim-answer.json")   pins the gateway's checkpoint key, removes the request

The request holds K, which the gateway must know to check MACs; the seal key's private half stays in ``identity.json``. Asking again before
the answer came writes the same request again: a board has one identity.
"""

import json
import os
from binascii import hexlify, unhexlify

from core import p256
from gwire.envelope import sha256_hex
from gwire.topics import is_device_name
from link.files import make_folder, read_json, write_whole
from link.nvs import Nvs
from version import FW, FW_DATE_MS

REQUEST = "claim-request.json"


class ClaimError(ValueError):
    """Something about the claim that the technician has to put right."""


def request(dev, flash="flash", random=os.urandom):
    """Make the identity (unless there is one) and the request file for the gateway."""
    if not is_device_name(dev):
        raise ClaimError("a device name has 3 to 32 of a-z, 0-9 and -, not %r" % dev)
    identity = _identity(dev, flash, random)
    public = unhexlify(identity["seal_public"])
    answer = {
        "format": "gridwitness-claim/1",
        "dev": dev,
        "k": identity["k"],
        "seal_key": identity["seal_public"],
        "fw": FW,
        "fw_date": FW_DATE_MS,
        "fingerprint": sha256_hex(p256.spki_der(public)),
    }
    write_whole(REQUEST, json.dumps(answer).encode() + b"\n")
    print("wrote %s; fingerprint of the seal key: %s" % (REQUEST, answer["fingerprint"]))


def _identity(dev, flash, random):
    path = flash + "/identity.json"
    identity = read_json(path)
    if identity is None:
        identity = _new_identity(dev, random)
        make_folder(flash)
        write_whole(path, json.dumps(identity).encode() + b"\n")
    if identity["dev"] != dev:
        raise ClaimError("this board is already %s; erase its flash to give it another name" % identity["dev"])
    return identity


def _new_identity(dev, random):
    secret = random(32)
    key = p256.new_key(random)
    public = p256.finish(p256.public_of(key))
    return {"dev": dev, "k": _hex(secret), "seal_private": _hex(key.to_bytes(32, "big")), "seal_public": _hex(public)}


def accept(path, flash="flash"):
    """Pin the gateway's checkpoint key from its answer, and remove the request (it holds K)."""
    answer = read_json(path)
    identity = read_json(flash + "/identity.json")
    if identity is None:
        raise ClaimError("this board has no identity yet: make a request first")
    if not isinstance(answer, dict) or answer.get("format") != "gridwitness-claim-answer/1":
        raise ClaimError("%s is no claim answer: take the file that 'gridwitness fleet claim' wrote" % path)
    if answer.get("dev") != identity["dev"]:
        raise ClaimError("%s answers %s, but this board is %s" % (path, answer.get("dev"), identity["dev"]))
    if not _is_point(answer.get("checkpoint_key")):
        raise ClaimError("checkpoint_key in %s is no point of P-256" % path)
    Nvs(flash).set(checkpoint_key=answer["checkpoint_key"], site=answer.get("site"))
    try:
        os.remove(REQUEST)
    except OSError:
        pass
    print("claimed by site %s" % answer.get("site"))


def _is_point(text):
    try:
        return p256.is_public(unhexlify(text))
    except (ValueError, TypeError):
        return False


def _hex(data):
    return hexlify(data).decode()
