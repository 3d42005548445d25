"""Messages of the gateway. Only what is authentic, new and fitting has an effect; everything else is counted and reported."""

import json

from gwire.envelope import SEAL, open_mac, sha256, split
from gwire.errors import WireError
from gwire.topics import CHECKPOINT, parse

REASONS = {
    "bad_size": 1,
    "bad_form": 2,
    "bad_mac": 3,
    "bad_schema": 4,
    "other_device": 5,
    "replay": 6,
    "unmatched_ack": 7,
    "clock_apart": 8,
    "bad_signature": 9,
    "checkpoint_back": 10,
    "bad_topic": 11,
}
"""Figure ``reason`` of the event ``command_refused``."""
_REPORT_MS = 60_000
_LIVE_MS = 2_000
_APART_MS = 5_000
"""A live ack further from the board's clock than this raises nothing: one of the two is wrong."""
_CHECK_MS = 5_000
"""A forged checkpoint costs a signature check: at most one in this time."""


class Inbox:
    """Takes acks (MAC under K_down) and checkpoints (signed by the gateway). ``uplink`` and ``chain`` are those of this boot."""

    def __init__(self, dev, hmac_down, nvs, outbox, uplink, chain, board):
        self._dev = dev
        self._hmac = hmac_down
        self._nvs = nvs
        self._outbox = outbox
        self._uplink = uplink
        self._chain = chain
        self._board = board
        self._refused = {}
        self._reported_up_ms = -_REPORT_MS
        self._checkpoint = None
        self._checked_up_ms = -_CHECK_MS
        self.clock_sync = None
        """(offset in ms, ms since boot) of the last live ack, or None."""

    def receive(self, topic_name, payload):
        """Take one message; what it changes is durable on return (a checkpoint's signature is checked later, by `work`)."""
        try:
            if topic_name == CHECKPOINT:
                self._checkpoint = payload
                return
            message = self._open(parse(topic_name)[1], payload)
            self._take_ack(message)
        except WireError as error:
            self._refuse(error.code)

    def _open(self, level, payload):
        message = _object(open_mac(payload, self._hmac) + b"}")
        if message.get("t") != level or level != "ack" or message.get("v") != 1:
            raise WireError("bad_schema", "no ack")
        if message.get("dev") != self._dev:
            raise WireError("other_device", "for %r" % message.get("dev"))
        if not all(isinstance(message.get(name), int) for name in ("n", "ts", "boot", "seq")):
            raise WireError("bad_schema", "n, ts, boot and seq are integers")
        if message["n"] <= self._nvs.get("n", -1):
            raise WireError("replay", "n is not above the last one")
        return message

    def _take_ack(self, message):
        position = (message["boot"], message["seq"])
        acked = self._nvs.get("acked")
        if acked and position <= tuple(acked):
            self._nvs.set(n=message["n"])
            return
        found = self._outbox.find(position)
        if found is None or found[1] != message.get("tip"):
            self._nvs.set(n=message["n"])
            raise WireError("unmatched_ack", "no such record here")
        self._nvs.set(n=message["n"], acked=list(position))
        self._uplink.acknowledged(found[0])
        self.free()
        self._take_time(position, message["ts"])

    def free(self):
        """Let go of what is both acknowledged and sealed."""
        acked, seal = self._nvs.get("acked"), self._nvs.get("seal")
        if acked and seal:
            self._outbox.free(tuple(acked), tuple(seal[:2]))

    def _take_time(self, position, gateway_ms):
        """Clock quality 3, if the ack is live: an ack that names a record was made after that record's FIRST send, so it is no older."""
        clock = self._board.clock
        sent_up_ms = self._uplink.first_sent_up_ms(position)
        now_ms = clock.utc_ms()
        if sent_up_ms is None or now_ms is None or clock.up_ms() - sent_up_ms >= _LIVE_MS:
            return
        if abs(gateway_ms - now_ms) > _APART_MS:
            raise WireError("clock_apart", "by %d ms" % (gateway_ms - now_ms))
        clock.raise_to(3)
        self.clock_sync = (gateway_ms - now_ms, clock.up_ms())

    async def work(self, verify):
        """What may take time: check the newest checkpoint with ``async verify(public key, digest, signature)``; report refusals."""
        now = self._board.clock.up_ms()
        if self._checkpoint and now - self._checked_up_ms >= _CHECK_MS:
            payload, self._checkpoint, self._checked_up_ms = self._checkpoint, None, now
            try:
                await self._take_checkpoint(payload, verify)
            except WireError as error:
                self._refuse(error.code)
        self._report(now)

    async def _take_checkpoint(self, payload, verify):
        form, body, signature = split(payload)
        message = _object(body + b"}")
        size, root = message.get("size"), message.get("root")
        if form != SEAL or message.get("t") != "checkpoint" or not isinstance(size, int) or not _is_hash(root):
            raise WireError("bad_schema", "no checkpoint")
        seen = self._nvs.get("cp") or [0, None]
        if [size, root] == seen:
            return
        key = self._nvs.get("checkpoint_key")
        if key is None or not await verify(bytes.fromhex(key), sha256(body), signature):
            raise WireError("bad_signature", "not the gateway's")
        if size <= seen[0]:
            raise WireError("checkpoint_back", "size %d after %d" % (size, seen[0]))
        self._nvs.set(cp=[size, root])

    def _refuse(self, code):
        self._refused[code] = self._refused.get(code, 0) + 1

    def _report(self, now):
        """One event for each reason, at most once in a minute: a flood of forged messages must not fill the outbox."""
        if not self._refused or now - self._reported_up_ms < _REPORT_MS:
            return
        self._reported_up_ms = now
        refused, self._refused = self._refused, {}
        for code, count in refused.items():
            figures = {"reason": REASONS.get(code, 0), "count": count}
            self._chain.add("event", self._board.clock.utc_ms(), (("pt", None), ("k", "command_refused"), ("x", figures)))


def _object(text):
    try:
        message = json.loads(text)
    except ValueError:
        message = None
    if not isinstance(message, dict):
        raise WireError("bad_schema", "no JSON object")
    return message


def _is_hash(text):
    return isinstance(text, str) and len(text) == 64 and all(c in "0123456789abcdef" for c in text)
