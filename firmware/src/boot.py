"""The boot: from what lies in flash to the parts of a running board, wired together. Its code is forgotten afterwards.

The order is the contract's: what survived is read, the boot counter is committed, the boot record is durable, and only then is
anything sent.
"""

from binascii import unhexlify
from collections import namedtuple

from gwire.envelope import Hmac, key_down, key_up, sha256_hex
from gwire.topics import CHECKPOINT, topic
from link.chain import Chain
from link.files import read, read_json
from link.inbox import Inbox
from link.mqtt import Client
from link.nvs import Nvs
from link.outbox import Outbox
from link.recovery import Recovery
from link.sealer import Sealer
from link.uplink import Uplink
from meters.points import open_points
from version import FW, FW_DATE_MS

REGISTERS = ("ea_imp_wh", "ea_exp_wh", "er_imp_varh", "er_exp_varh")


Parts = namedtuple("Parts", ("chain", "uplink", "inbox", "sealer", "points"))
"""What a running board consists of. Not a class of our own, nor anywhere a lambda: it would hold this module in memory."""


def start(board, pause):
    """Boot ``board`` (see `hal`). ``pause`` is an async function that lets others run."""
    config = _whole(board.root + "/config.json", "write the board's configuration")
    identity = _whole(board.root + "/identity.json", "claim the board: import setup.claim as c; c.request('<name>')")
    hashes = tuple(sha256_hex(read(board.root + name)) for name in ("/config.json", "/calibration.json"))
    nvs = Nvs(board.root, board.sync)
    outbox, recovery = _open_outbox(board, config, nvs)
    chain = _open_chain(board, identity, nvs, outbox, recovery, hashes)
    uplink = _open_uplink(board, config, nvs, outbox, chain)
    inbox = Inbox(chain.dev, Hmac(key_down(unhexlify(identity["k"]))), nvs, outbox, uplink, chain, board)
    uplink.client = Client(chain.dev, config["mqtt"], board.ticks_ms, inbox.receive, (topic(chain.dev, "ack"), CHECKPOINT))
    points = _open_points(board, config, recovery.registers())
    period_ms = int(config.get("seal_s", 3600) * 1000)
    sealer = Sealer(chain, nvs, inbox, board.clock, points, int(identity["seal_private"], 16), period_ms, hashes, pause)
    return Parts(chain, uplink, inbox, sealer, points)


def _open_outbox(board, config, nvs):
    sizes = (config.get("outbox_bytes", 1_000_000), config.get("segment_bytes", 16_384))
    outbox = Outbox(board.root + "/outbox", board.sync, nvs.count_lost, *sizes)
    recovery = Recovery(REGISTERS, nvs.get("seal"), nvs.get("reg"))
    outbox.load(recovery.visit)
    outbox.free(_position(nvs.get("acked")), _position(recovery.seal))
    return outbox, recovery


def _open_chain(board, identity, nvs, outbox, recovery, hashes):
    last, seal = recovery.last, recovery.seal
    end = last or seal or (0, 0, None)
    number = max(nvs.get("boot", 0), end[0]) + 1
    nvs.set(boot=number)  # before the first record: a number is never used twice
    hmac_up = Hmac(key_up(unhexlify(identity["k"])))
    chain = Chain(identity["dev"], number, hmac_up, outbox, board, end[2], recovery.tally)
    version = (("cause", board.reset_cause()), ("fw", FW), ("fw_date", FW_DATE_MS), ("cfg", hashes[0]), ("cal", hashes[1]))
    history = (("last", _position(last)), ("seal", seal), ("lost", nvs.get("lost", 0)))
    chain.add("boot", board.clock.utc_ms(), version + history)
    nvs.set(lost=0)
    return chain


def _open_uplink(board, config, nvs, outbox, chain):
    acked, resend_ms = _position(nvs.get("acked")), int(config.get("resend_s", 30) * 1000)
    return Uplink(chain, outbox, board, acked, config.get("inflight", 200), resend_ms)


def _open_points(board, config, registers):
    points = open_points(board, config)
    for point in points:
        if point.pt in registers:
            point.restore(registers[point.pt])
    return points


def _position(reference):
    return tuple(reference[:2]) if reference else None


def _whole(path, hint):
    found = read_json(path)
    if not isinstance(found, dict):
        print("error: %s is missing or no JSON object; %s" % (path, hint))
        raise SystemExit(2)
    return found
