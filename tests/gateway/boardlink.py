"""A board's link for tests: QoS 1, a window of records on the way, resend until the gateway's own ack covers them."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
from gridwitness.sim.device import Message, RecordMaker
from gwire import envelope, topics
from paho.mqtt.enums import CallbackAPIVersion


class BoardLink:
    """Sends the records of one board and forgets each only when an authentic ack covers it."""

    def __init__(self, maker: RecordMaker, host: str, port: int, *, window: int = 200, resend_s: float = 1.0) -> None:
        self.dev = maker.dev
        self.maker = maker
        self._down = envelope.Hmac(envelope.key_down(maker.secret))
        self._window, self._resend_s = window, resend_s
        self._lock = threading.Lock()
        self.outbox: list[Message] = []
        self._sent = 0
        self._moved_s = time.monotonic()
        self.acks: list[dict[str, Any]] = []
        self.bad_acks = 0
        self.resends = 0
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=maker.dev)
        self._client.on_connect = lambda client, *_: client.subscribe(topics.topic(maker.dev, "ack"), 1)
        self._client.on_message = self._on_ack
        self._client.connect(host, port)
        self._client.loop_start()

    def offer(self, messages: list[Message]) -> None:
        """Put records into the outbox."""
        with self._lock:
            self.outbox += messages

    def _on_ack(self, _client: Any, _userdata: Any, message: paho.MQTTMessage) -> None:
        try:
            doc = json.loads(envelope.open_mac(bytes(message.payload), self._down) + b"}")
        except ValueError:
            self.bad_acks += 1
            return
        with self._lock:
            self.acks.append(doc)
            covered = next((i for i, m in enumerate(self.outbox) if (m.boot, m.seq) == (doc["boot"], doc["seq"])), None)
            if covered is not None and self.outbox[covered].digest.hex() == doc["tip"]:
                del self.outbox[: covered + 1]
                self._sent = max(0, self._sent - covered - 1)
                self._moved_s = time.monotonic()

    def tend(self) -> bool:
        """Send what may be sent; returns whether everything is acknowledged."""
        with self._lock:
            if not self.outbox:
                return True
            if self._sent and time.monotonic() - self._moved_s > self._resend_s:
                self._sent, self._moved_s = 0, time.monotonic()
                self.resends += 1
            due = self.outbox[self._sent : self._window]
            self._sent += len(due)
        for message in due:
            self.publish(message.topic, message.payload)
        return False

    def publish(self, topic: str, payload: bytes) -> None:
        """Send any bytes."""
        self._client.publish(topic, payload, qos=1)

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()


def deliver(links: list[BoardLink], meanwhile: Callable[[], None] = lambda: None, limit_s: float = 90.0) -> None:
    """Work until every record of every link is acknowledged; fails after ``limit_s``."""
    until_s = time.monotonic() + limit_s
    while sum(not link.tend() for link in links):
        meanwhile()
        waiting = {link.dev: len(link.outbox) for link in links}
        assert time.monotonic() < until_s, f"not acknowledged: {waiting}"
        time.sleep(0.02)
