"""The broker's side: what was not accepted comes again, what was accepted does not; either version of MQTT."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from gridwitness.ingest.assess import Arrival
from gridwitness.ingest.mqtt import BrokerAddress, Inlet
from gridwitness.service import broker
from gwire import topics
from paho.mqtt.enums import CallbackAPIVersion

TOPIC = "gridwitness/v1/gw-1/data"


class Reader(Inlet):
    """An inlet that keeps what came while it was getting ready: the broker delivers before it confirms the subscription."""

    def __init__(self, running: broker.Broker) -> None:
        super().__init__(BrokerAddress(running.host, running.port))
        self._early: list[Arrival] = []
        self._until(self.ready.is_set)

    def _until(self, condition: Callable[[], bool]) -> None:
        until_s = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < until_s, f"only {[a.payload for a in self._early]} came"
            self._early += self.drain(500, 0.1, 0.02)

    def take(self, count: int) -> list[Arrival]:
        """So many messages; fails when they do not come."""
        self._until(lambda: len(self._early) >= count)
        taken, self._early = self._early, []
        return taken


@contextmanager
def inlet(running: broker.Broker) -> Iterator[Reader]:
    opened = Reader(running)
    try:
        yield opened
    finally:
        opened.close()


def publish(running: broker.Broker, payloads: list[bytes]) -> None:
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect(running.host, running.port)
    client.loop_start()
    for payload in payloads:
        client.publish(TOPIC, payload, qos=1).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


def test_what_was_not_accepted_comes_again_and_what_was_does_not(mosquitto: broker.Broker) -> None:
    with inlet(mosquitto) as opened:
        publish(mosquitto, [b"one", b"two", b"three"])
        got = opened.take(3)
        assert [a.payload for a in got] == [b"one", b"two", b"three"]
        opened.accept(got[:2])
    with inlet(mosquitto) as opened:
        publish(mosquitto, [b"four"])
        assert sorted(a.payload for a in opened.take(2)) == [b"four", b"three"]


def test_what_came_while_the_gateway_was_away_is_waiting(mosquitto: broker.Broker) -> None:
    with inlet(mosquitto):
        pass
    publish(mosquitto, [b"while you were away"])
    with inlet(mosquitto) as opened:
        assert [a.payload for a in opened.take(1)] == [b"while you were away"]


def test_a_broker_without_mqtt_5_is_spoken_to_in_3_1_1(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The embedded broker keeps no queue for a gateway that is away: boards repeat until the gateway's own ack."""
    running = broker.start(tmp_path / "broker", "amqtt")
    try:
        with caplog.at_level(logging.INFO), inlet(running) as opened:
            publish(running, [b"one", b"two"])
            got = opened.take(2)
            opened.accept(got)
            assert [a.payload for a in got] == [b"one", b"two"]
    finally:
        running.stop()
    assert "trying MQTT 3.1.1" in caplog.text


def test_an_identifier_of_an_earlier_connection_is_not_acknowledged(mosquitto: broker.Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    with inlet(mosquitto) as opened:
        publish(mosquitto, [b"one"])
        (arrival,) = opened.take(1)
        acknowledged: list[int] = []
        monkeypatch.setattr(opened._client, "ack", lambda mid, qos: acknowledged.append(mid))
        opened.accept([arrival._replace(session=arrival.session - 1), arrival._replace(qos=0)])
        assert acknowledged == []
        opened.accept([arrival])
        assert acknowledged == [arrival.mid]


def test_the_broker_holds_back_what_is_not_accepted(mosquitto: broker.Broker) -> None:
    """Receive Maximum bounds what lies in memory, however much waits."""
    with inlet(mosquitto) as opened:
        publish(mosquitto, [b"%d" % k for k in range(1200)])
        first = opened.take(1000)
        assert opened.drain(500, 0.5, 0.1) == []
        opened.accept(first)
        assert [a.payload for a in first + opened.take(200)] == [b"%d" % k for k in range(1200)]


def test_only_levels_with_records_are_subscribed(mosquitto: broker.Broker) -> None:
    assert all(name.rpartition("/")[2] in topics.UP for name in topics.subscriptions())
    with inlet(mosquitto) as opened:
        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.connect(mosquitto.host, mosquitto.port)
        client.loop_start()
        for level in ("status", "ack", "cfg", "data"):
            client.publish(f"gridwitness/v1/gw-1/{level}", b"x", qos=1).wait_for_publish(10)
        client.disconnect()
        client.loop_stop()
        assert [a.topic for a in opened.take(1)] == [TOPIC]
        assert opened.drain(500, 0.3, 0.1) == []
