"""The broker's side of the ingest. The network thread only appends to a bounded queue; the writer takes from it.

MQTT 5 with a session that the broker keeps for a week and at most 1,000 messages unacknowledged; MQTT 3.1.1 where the broker
speaks no 5. A message is acknowledged to the broker by `Inlet.accept`, which the writer calls after its commit.
"""

import logging
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from gwire import topics
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gridwitness.ingest.assess import Arrival

log = logging.getLogger("gridwitness.ingest")

SESSION_EXPIRY_S = 7 * 86_400
RECEIVE_MAXIMUM = 1_000
QUEUE_MAX = 20_000
GREETING_S = 2.0
"""A broker that says nothing for so long after a CONNECT does not speak this version (amqtt falls silent on MQTT 5)."""
_REFUSED_VERSION = (1, 132)  # CONNACK "unacceptable protocol version" of 3.1.1 and of 5


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where the broker is, and who we are to it. ``ca_file`` turns TLS on."""

    host: str = "127.0.0.1"
    port: int = 1883
    client_id: str = "gridwitness-ingest"
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None


class Inlet:
    """A subscription to the records of all devices."""

    def __init__(self, address: BrokerAddress) -> None:
        self._address = address
        self._queue: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
        self._version = MQTTProtocolVersion.MQTTv5
        self._session = 0
        self._closing = False
        self._other_version = threading.Event()
        self._greeted = False
        self._opened_s: float | None = None
        self.ready = threading.Event()
        """Set while the broker has confirmed the subscription."""
        self._client = self._open()

    def drain(self, most: int, first_s: float, rest_s: float) -> list[Arrival]:
        """Up to ``most`` messages: waits ``first_s`` for one, then ``rest_s`` for more. Empty when nothing came."""
        silent = self._opened_s is not None and time.monotonic() - self._opened_s > GREETING_S
        if self._other_version.is_set() or silent:
            self._change_version()
        try:
            arrivals = [self._queue.get(timeout=first_s)]
        except queue.Empty:
            return []
        until_s = time.monotonic() + rest_s
        while len(arrivals) < most:
            try:
                arrivals.append(self._queue.get(timeout=max(0.0, until_s - time.monotonic())))
            except queue.Empty:
                break
        return arrivals

    def accept(self, arrivals: Sequence[Arrival]) -> None:
        """Acknowledge messages to the broker: their records are on disk."""
        for arrival in arrivals:
            # an identifier of an earlier connection may by now name another message
            if arrival.qos and arrival.session == self._session:
                self._client.ack(arrival.mid, arrival.qos)

    def publish(self, topic: str, payload: bytes) -> None:
        """Send to a device, once: what is lost on the way is sent again when the device repeats its records."""
        self._client.publish(topic, payload, qos=0)

    def close(self) -> None:
        """Disconnect; the broker keeps the session and what comes for it."""
        self._closing = True
        self._client.disconnect()
        self._client.loop_stop()

    def _open(self) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._address.client_id,
            protocol=self._version,
            manual_ack=True,
            **self._session_options(),
        )
        client.on_socket_open = self._on_socket_open
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.reconnect_delay_set(1, 15)
        if self._address.username:
            secret = self._address.password_file.read_text().strip() if self._address.password_file else None
            client.username_pw_set(self._address.username, secret)
        if self._address.ca_file:
            client.tls_set(ca_certs=str(self._address.ca_file))
        client.connect_async(self._address.host, self._address.port, keepalive=30, **self._connect_options())
        client.loop_start()
        return client

    def _session_options(self) -> dict[str, Any]:
        return {} if self._version == MQTTProtocolVersion.MQTTv5 else {"clean_session": False}

    def _connect_options(self) -> dict[str, Any]:
        if self._version != MQTTProtocolVersion.MQTTv5:
            return {}
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = SESSION_EXPIRY_S
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        return {"clean_start": False, "properties": properties}

    def _on_socket_open(self, _client: paho.Client, _userdata: Any, _socket: Any) -> None:
        if not self._greeted:
            self._opened_s = time.monotonic()

    def _on_connect(self, client: paho.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            log.error("alarm: broker refused the connection: %s", reason)
            self._opened_s = None
            if reason.value in _REFUSED_VERSION:
                self._other_version.set()
            return
        self._greeted, self._opened_s = True, None
        self._session += 1
        client.subscribe([(name, 1) for name in topics.subscriptions()])

    def _on_subscribe(self, _client: paho.Client, _userdata: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        if refused:
            log.error("alarm: broker refused a subscription: %s", refused[0])
            return
        log.info("subscribed at broker %s:%d, MQTT %s", self._address.host, self._address.port, self._version.name.removeprefix("MQTTv"))
        self.ready.set()

    def _on_disconnect(self, _client: paho.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self.ready.clear()
        if self._closing:
            return
        log.warning("broker connection lost: %s", reason)
        if not self._greeted:  # some brokers drop a version that they do not speak without a word
            self._other_version.set()

    def _on_message(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        while self._queue.qsize() >= QUEUE_MAX and not self._closing:
            time.sleep(0.005)  # the socket fills, and the broker waits
        self._queue.put(Arrival(message.topic, bytes(message.payload), message.qos, message.mid, self._session))

    def _change_version(self) -> None:
        old, self._opened_s = self._client, None
        old.on_connect = old.on_disconnect = old.on_subscribe = old.on_socket_open = None
        old.disconnect()
        old.loop_stop()
        self._other_version.clear()
        five = self._version == MQTTProtocolVersion.MQTTv5
        self._version = MQTTProtocolVersion.MQTTv311 if five else MQTTProtocolVersion.MQTTv5
        log.info("trying MQTT %s", "3.1.1" if five else "5")
        self._client = self._open()
