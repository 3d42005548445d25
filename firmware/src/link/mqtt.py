"""MQTT 3.1.1 over asyncio. umqtt.simple (frozen in the official ESP32 image) writes CONNECT and SUBSCRIBE; the rest is ours, because

* umqtt writes a publish in four small pieces, which Nagle's algorithm holds back for 40 ms; here every packet is one write;
* its packet id never wraps, and a broker hangs up on id 0 (the 65,536th publish); here ids run 1 … 65535 and pass over those in flight;
* it blocks, and waits for an answer without limit; here nothing blocks and silence ends the connection.
"""

import asyncio
from struct import pack
from time import ticks_diff

from gwire.topics import topic
from link.modules import borrow, give_back

_CONNECT_MS = 10_000
_GOODBYE_MS = 1_000
_LONGEST = 8192
"""Bytes of the longest packet that is let into the heap."""
_PUBACK, _PINGREQ, _DISCONNECT = b"\x40\x02", b"\xc0\0", b"\xe0\0"


class Client:
    """One broker connection at a time, in a session that the broker keeps.

    ``broker`` has ``host``, ``port`` and, if wanted, ``keepalive_s``; ``receive(topic, payload)`` gets what arrives on ``topics``.
    """

    def __init__(self, dev, broker, ticks_ms, receive, topics):
        keepalive_s = broker.get("keepalive_s", 30)
        self._address = (broker["host"], broker["port"])
        self._ticks_ms = ticks_ms
        self._receive = receive
        self._keepalive_ms = keepalive_s * 1000
        self._status = topic(dev, "status")
        self._connect, self._subscribe = borrow("link.handshake").packets(dev, keepalive_s, self._status, topics)
        give_back("link.handshake", "umqtt.simple", "umqtt")
        self._reader = self._writer = self._listener = self._broken = None
        self._heard = 0
        self._pinged = False
        self.pid = 0
        """Packet id used last."""
        self.window = {}
        """Packet id of each publish without PUBACK: what its sender wants to know it by. Outlives a connection, as the session does."""

    async def open(self):
        """Connect, subscribe, say online. Raises OSError, EOFError or asyncio.TimeoutError."""
        self._broken = None
        self._pinged = False
        self._reader, self._writer = await asyncio.wait_for_ms(asyncio.open_connection(*self._address), _CONNECT_MS)
        _no_delay(self._writer)
        self._writer.write(self._connect)
        answer = await asyncio.wait_for_ms(self._reader.readexactly(4), _CONNECT_MS)
        if answer[:2] != b"\x20\x02" or answer[3]:
            raise OSError("the broker refuses the connection, code %d" % answer[3])
        if not answer[2] & 1:
            self.window.clear()  # the broker has forgotten the session, and with it the ids in flight
        self._heard = self._ticks_ms()
        self._listener = asyncio.create_task(self._listen())
        for packet in self._subscribe:
            self._writer.write(packet[:2] + pack("!H", self._next_pid()) + packet[4:])
        self.publish(self._status, b"online", None, retain=True)
        await self.drain()

    def publish(self, name, payload, tag, retain=False, pid=None):
        """Send at QoS 1; returns the packet id, under which `window` keeps ``tag``. It is given to repeat what lacks its PUBACK (DUP)."""
        first = 0x32 | retain | (8 if pid else 0)
        pid = pid or self._next_pid()
        self.window[pid] = tag
        size = 2 + len(name) + 2 + len(payload)
        self._writer.write(bytes([first]) + _length(size) + pack("!H", len(name)) + name.encode() + pack("!H", pid) + payload)
        return pid

    def _next_pid(self):
        self.pid = self.pid % 65535 + 1
        while self.pid in self.window:
            self.pid = self.pid % 65535 + 1
        return self.pid

    def pid_of(self, tag):
        """Packet id of the publish with this tag that still lacks its PUBACK, or None."""
        for pid, held in self.window.items():
            if held == tag:
                return pid
        return None

    async def drain(self):
        """Wait until the network has taken what was written; a broker that takes nothing ends the connection."""
        if self._writer.out_buf:
            await asyncio.wait_for_ms(self._writer.drain(), self._keepalive_ms)

    def check(self):
        """Raise OSError when the connection has ended or is silent for too long; ask for a sign of life before that."""
        if self._broken:
            raise OSError("connection lost: %r" % (self._broken,))
        silent = ticks_diff(self._ticks_ms(), self._heard)
        if silent > self._keepalive_ms:
            raise OSError("nothing heard from the broker for %d ms" % silent)
        if silent > self._keepalive_ms // 3 and not self._pinged:
            self._pinged = True
            self._writer.write(_PINGREQ)

    async def _listen(self):
        try:
            while True:
                head = (await self._reader.readexactly(1))[0]
                body = await self._reader.readexactly(await self._read_length())
                self._heard = self._ticks_ms()
                self._pinged = False
                self._take(head, body)
        except Exception as error:  # a packet that cannot be read or taken ends the connection, never the board
            self._broken = error

    async def _read_length(self):
        size = shift = 0
        while True:
            byte = (await self._reader.readexactly(1))[0]
            size |= (byte & 0x7F) << shift
            shift += 7
            if size > _LONGEST or shift > 28:
                raise OSError("a packet of more than %d bytes" % _LONGEST)
            if not byte & 0x80:
                return size

    def _take(self, head, body):
        kind = head & 0xF0
        if kind == 0x40:
            self.window.pop(body[0] << 8 | body[1], None)
        elif kind == 0x30:
            self._take_publish(head >> 1 & 3, body)
        elif kind == 0x90 and body[2] == 0x80:
            raise OSError("the broker refuses a subscription")

    def _take_publish(self, qos, body):
        end = 2 + (body[0] << 8 | body[1])
        start = end + 2 if qos else end
        self._receive(body[2:end].decode(), body[start:])
        if qos:
            self._writer.write(_PUBACK + body[end:start])  # only now: what the message changed is durable

    async def _say_offline(self):
        pid = self.publish(self._status, b"offline", None, retain=True)
        since = self._ticks_ms()
        while pid in self.window and not self._broken and ticks_diff(self._ticks_ms(), since) < _GOODBYE_MS:
            await asyncio.sleep_ms(10)
        self._writer.write(_DISCONNECT)
        await self.drain()

    async def close(self, orderly=False):
        """Leave. ``orderly`` says offline ourselves, because a broker drops the last will after a DISCONNECT."""
        try:
            if self._listener and orderly:
                await self._say_offline()
        except (OSError, asyncio.TimeoutError):
            pass  # gone already
        if self._listener:
            self._listener.cancel()
        if self._writer:
            self._writer.close()
            await self._writer.wait_closed()
        self._reader = self._writer = self._listener = None


def _no_delay(writer):
    """TCP_NODELAY: records must not wait for each other's TCP acknowledgement."""
    try:
        writer.s.setsockopt(6, 1, 1)
    except (OSError, AttributeError):
        pass  # only slower


def _length(size):
    out = b""
    while size > 0x7F:
        out += bytes([size & 0x7F | 0x80])
        size >>= 7
    return out + bytes([size])
