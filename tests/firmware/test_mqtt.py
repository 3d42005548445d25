"""The board's MQTT client against a real broker, and against a scripted one for what a real broker does not do on request."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from gateway_side import Broker, wait_for

TOPIC = "gridwitness/v1/gw-1/data"
OPEN = """
import asyncio, time
from link.mqtt import Client
broker = {{"host": "127.0.0.1", "port": {port}, "keepalive_s": {keepalive_s}}}
client = Client("gw-1", broker, time.ticks_ms, lambda topic, payload: print("got", topic, payload), ("gridwitness/v1/gw-1/ack",))
async def until(condition):
    while not condition():
        client.check()
        await asyncio.sleep_ms(1)
async def work():
{work}
asyncio.run(work())
"""


def code(port: int, work: str, keepalive_s: int = 10) -> str:
    indented = "\n".join("    " + line for line in work.strip().split("\n"))
    return OPEN.format(port=port, keepalive_s=keepalive_s, work=indented)


class ScriptedBroker:
    """Takes connections one after another. ``answer(connection, packet)`` gives the bytes to answer, or None to hang up."""

    def __init__(self, answer: Callable[[int, bytes], bytes | None]) -> None:
        self.packets: list[list[bytes]] = []
        self.split_writes = 0
        self._answer = answer
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._server.accept()
            with connection:
                self.packets.append([])
                try:
                    if not self._talk(connection):
                        return
                except ConnectionError:
                    pass  # the board has left without reading everything

    def _talk(self, connection: socket.socket) -> bool:
        rest = b""
        while chunk := connection.recv(65536):
            if chunk == b"stop":
                return False
            rest += chunk
            while packet := first_packet(rest):
                rest = rest[len(packet) :]
                self.packets[-1].append(packet)
                answer = self._answer(len(self.packets) - 1, packet)
                if answer is None:
                    return True
                connection.sendall(answer)
            self.split_writes += bool(rest)
        return True

    def stop(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port)) as last:
            last.sendall(b"stop")
        self._thread.join()
        self._server.close()


def first_packet(data: bytes) -> bytes:
    """The first complete packet of a stream, nothing if there is none."""
    size = shift = 0
    for i, byte in enumerate(data[1:5], 2):
        size |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return data[: i + size] if len(data) >= i + size else b""
    return b""


def packet_id(packet: bytes) -> int:
    start = 2 if packet[1] < 0x80 else 3
    length = struct.unpack_from("!H", packet, start)[0]
    return int(struct.unpack_from("!H", packet, start + 2 + length)[0])


def polite(packet: bytes) -> bytes:
    """What a broker answers to a packet."""
    kind = packet[0] & 0xF0
    if kind == 0x10:
        return b"\x20\x02\0\0"
    if kind == 0x80:
        return b"\x90\x03" + packet[2:4] + b"\x01"
    if kind == 0x30:
        return b"\x40\x02" + struct.pack("!H", packet_id(packet))
    return b"\xd0\0" if kind == 0xC0 else b""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    yield broker
    broker.stop()


def test_packet_ids_wrap_past_65535(broker: Broker, run_on_board) -> None:
    got: list[bytes] = []
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.on_message = lambda _client, _userdata, message: got.append(message.payload)
    subscribed = threading.Event()
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_connect = lambda client, *_: client.subscribe(TOPIC, 1)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    try:
        assert subscribed.wait(10)
        work = f"""
client.pid = 65530
await client.open()
for i in range(100):
    await until(lambda: len(client.window) < 8)
    client.publish("{TOPIC}", b"%d" % i, i)
    await client.drain()
await until(lambda: not client.window)
print(client.pid)
await client.close(orderly=True)
"""
        assert int(run_on_board(code(broker.port, work))) == 65530 + 2 + 100 - 65535
        wait_for(lambda: len(got) == 100, 10, "100 messages")
        assert got == [b"%d" % i for i in range(100)]
    finally:
        client.disconnect()
        client.loop_stop()


def test_every_packet_is_one_write_and_ids_in_flight_are_passed_over(run_on_board) -> None:
    def answer(_connection: int, packet: bytes) -> bytes:
        return b"" if packet[0] & 0xF0 == 0x30 and packet_id(packet) == 3 else polite(packet)

    broker = ScriptedBroker(answer)
    try:
        work = f"""
await client.open()
for i in range(20):
    client.publish("{TOPIC}", b"x" * 300, i)
    await asyncio.sleep_ms(5)
await until(lambda: len(client.window) == 1)
client.pid = 1
for i in range(3):
    client.publish("{TOPIC}", b"y", i)
await until(lambda: len(client.window) == 1)
print(sorted(client.window))
await client.close(orderly=True)
"""
        assert run_on_board(code(broker.port, work)).strip() == "[3]"
    finally:
        broker.stop()
    assert broker.split_writes == 0
    published = [p for p in broker.packets[0] if p[0] & 0xF0 == 0x30 and b"data" in p]
    assert [packet_id(p) for p in published] == [*range(3, 23), 2, 4, 5]  # 1 and 2: subscribe, status; 3 never got its PUBACK
    assert broker.packets[0][-1] == b"\xe0\0"


def test_connect_carries_will_and_session(run_on_board) -> None:
    broker = ScriptedBroker(lambda _connection, packet: polite(packet))
    try:
        run_on_board(code(broker.port, "await client.open()\nawait until(lambda: not client.window)\nawait client.close(orderly=True)"))
    finally:
        broker.stop()
    connect, subscribe, online, offline, bye = broker.packets[0]
    flags = connect[9]
    assert flags == 0b00101100  # retained will at QoS 1, clean session false
    assert connect.endswith(b"\0\x04gw-1\0\x1agridwitness/v1/gw-1/status\0\x07offline")
    assert subscribe.endswith(b"gridwitness/v1/gw-1/ack\x01")
    assert (online[0], offline[0]) == (0x33, 0x33)  # QoS 1, retained
    assert online.endswith(b"online")
    assert offline.endswith(b"offline")
    assert bye == b"\xe0\0"


def test_what_lacks_its_puback_is_repeated_with_its_id_and_dup(run_on_board) -> None:
    def answer(connection: int, packet: bytes) -> bytes | None:
        if packet[0] & 0xF0 == 0x10:
            return b"\x20\x02\x01\0"  # the broker still has the session
        if b"data" in packet and connection == 0:
            return None
        return polite(packet)

    broker = ScriptedBroker(answer)
    try:
        work = f"""
await client.open()
client.publish("{TOPIC}", b"once", 7)
try:
    await until(lambda: False)
except OSError:
    pass
await client.close()
await client.open()
client.publish("{TOPIC}", b"once", 7, pid=client.pid_of(7))
await until(lambda: client.pid_of(7) is None)
await client.close(orderly=True)
"""
        run_on_board(code(broker.port, work))
    finally:
        broker.stop()
    first, second = ([p for p in packets if b"data" in p] for packets in broker.packets[:2])
    assert first[0][0] == 0x32
    assert second[0][0] == 0x3A
    assert second[0][1:] == first[0][1:]


def test_a_message_is_acknowledged_after_it_was_taken(run_on_board) -> None:
    ack = b"gridwitness/v1/gw-1/ack"
    message = b"\x32" + bytes([2 + len(ack) + 2 + 5]) + struct.pack("!H", len(ack)) + ack + struct.pack("!H", 4711) + b"hello"
    broker = ScriptedBroker(lambda _c, packet: polite(packet) + (message if packet[0] & 0xF0 == 0x80 else b""))
    try:
        printed = run_on_board(code(broker.port, "await client.open()\nawait asyncio.sleep_ms(100)\nawait client.close(orderly=True)"))
    finally:
        broker.stop()
    assert "got gridwitness/v1/gw-1/ack b'hello'" in printed
    assert b"\x40\x02" + struct.pack("!H", 4711) in broker.packets[0]


SILENT = """
try:
    await client.open()
    await until(lambda: False)
except (OSError, asyncio.TimeoutError) as error:
    print("ended", error)
await client.close()
"""


def test_a_silent_broker_is_asked_and_then_left(run_on_board) -> None:
    broker = ScriptedBroker(lambda _c, packet: polite(packet) if packet[0] & 0xF0 in (0x10, 0x80) else b"")
    try:
        printed = run_on_board(code(broker.port, SILENT, keepalive_s=1))
    finally:
        broker.stop()
    assert "nothing heard" in printed
    assert b"\xc0\0" in broker.packets[0]


def test_ping_answers_keep_the_connection(run_on_board) -> None:
    broker = ScriptedBroker(lambda _c, packet: polite(packet))
    try:
        work = """
await client.open()
for _ in range(250):
    client.check()
    await asyncio.sleep_ms(10)
await client.close(orderly=True)
"""
        run_on_board(code(broker.port, work, keepalive_s=1))
    finally:
        broker.stop()
    assert broker.packets[0].count(b"\xc0\0") >= 2


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"\x20\x02\0\x05", "refuses the connection, code 5"),
        (b"\x20\x02\0\0\x30\xff\xff\xff\x7f", "a packet of more than"),
        (None, "ended"),
    ],
)
def test_a_broker_that_refuses_or_floods_or_hangs_up(answer: bytes | None, said: str, run_on_board) -> None:
    broker = ScriptedBroker(lambda _c, packet: answer if packet[0] & 0xF0 == 0x10 else b"")
    try:
        work = SILENT.replace("(OSError,", "(OSError, EOFError,")
        assert said in run_on_board(code(broker.port, work))
    finally:
        broker.stop()
