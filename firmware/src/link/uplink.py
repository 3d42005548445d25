"""What to send next, and when to send it again. A PUBACK frees a place in the window and nothing else: only the gateway's ack lets go.

Sending starts at the first record without an ack after each connect, and again whenever the ack has not moved for ``resend_ms``. No more
than ``inflight`` records wait for the gateway, no more than ``_WINDOW`` for the broker.
"""

import asyncio
from time import ticks_diff

from gwire.topics import topic
from link.outbox import Reader
from link.segment import type_of

_WINDOW = 20
_BACKOFF_MS = (250, 30_000)
_IDLE_MS = 10
_RECENT = 16
"""First sends that are remembered, to tell a live ack."""


class Uplink:
    """Sends the outbox of one board through an `mqtt.Client`. ``acked`` is the position that nvs holds, or None."""

    def __init__(self, chain, outbox, board, acked, inflight, resend_ms):
        self.client = None
        self._dev = chain.dev
        self._boot = chain.boot
        self._outbox = outbox
        self._board = board
        self._inflight = inflight
        self._resend_ms = resend_ms
        self._reader = Reader(outbox)
        self._unacked = outbox.first_after(acked)
        self._untried = self._unacked  # ordinal of the first record that was never sent in this boot
        self._moved = board.ticks_ms()
        self._recent = []
        self._ended = False
        self.connects = 0
        self.resends = 0

    def acknowledged(self, ordinal):
        """The gateway has everything up to ``ordinal``."""
        self._unacked = max(self._unacked, ordinal + 1)
        self._moved = self._board.ticks_ms()
        if self._reader.at < self._unacked:
            self._reader.seek(self._unacked)

    def waiting(self):
        """Records that the gateway has not acknowledged."""
        return self._outbox.end - self._unacked

    def first_sent_up_ms(self, position):
        """When (ms since boot) a record of this boot was sent for the first time; None if that is long ago, or before this boot."""
        for sent, up_ms in self._recent:
            if sent == position:
                return up_ms
        return None

    async def run(self):
        """Keep connected and send, until `finish`."""
        delay = _BACKOFF_MS[0]
        while not self._ended:
            try:
                await self.client.open()
                self.connects += 1
                delay = _BACKOFF_MS[0]
                self._rewind()
                await self._pump()
            except (OSError, EOFError, asyncio.TimeoutError, MemoryError) as error:
                print("link: %r; connecting again" % (error,))  # the outbox keeps everything
            await self.client.close(orderly=self._ended)
            if not self._ended:
                await asyncio.sleep_ms(delay + self._board.random(1)[0])
                delay = min(delay * 2, _BACKOFF_MS[1])

    async def _pump(self):
        while not self._ended:
            self.client.check()
            if self._unacked < self._reader.at and ticks_diff(self._board.ticks_ms(), self._moved) > self._resend_ms:
                self.resends += 1
                self._rewind()
            sent = self._may_send() and self._send_next()
            await self.client.drain()
            await asyncio.sleep_ms(0 if sent else _IDLE_MS)

    def _rewind(self):
        self._reader.seek(self._unacked)
        self._moved = self._board.ticks_ms()

    def _may_send(self):
        return self._reader.at - self._unacked < self._inflight and len(self.client.window) < _WINDOW

    def _send_next(self):
        record = self._reader.next()
        if record is None:
            return False
        ordinal, position, payload = record
        if self._reader.at == self._unacked + 1:
            self._moved = self._board.ticks_ms()  # nothing was on the way: the gateway's time starts now
        if ordinal >= self._untried:
            self._untried = ordinal + 1
            self._remember(position)
        self.client.publish(topic(self._dev, type_of(payload)), payload, ordinal, pid=self.client.pid_of(ordinal))
        return True

    def _remember(self, position):
        if position[0] == self._boot:
            self._recent.append((position, self._board.clock.up_ms()))
            if len(self._recent) > _RECENT:
                self._recent.pop(0)

    async def finish(self, patience_ms):
        """Wait until everything is acknowledged, at most ``patience_ms``, then leave the broker; whether it was."""
        since = self._board.ticks_ms()
        while self.waiting() and ticks_diff(self._board.ticks_ms(), since) < patience_ms:
            await asyncio.sleep_ms(_IDLE_MS)
        self._ended = True
        return not self.waiting()
