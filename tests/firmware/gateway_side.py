"""The other end of a board's link, for tests: a broker process, and a small gateway that keeps, checks and acknowledges."""

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from gwire import ZERO_HASH, body, chain, envelope, merkle, records, topics


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Wait until something is so; the test fails when it is not within a generous time."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"waited {seconds} s in vain for {what}"
        time.sleep(0.01)


class Broker:
    """A mosquitto with nothing but a port."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
        if program is None:
            pytest.skip("mosquitto is not on this machine (make setup)")
        self.port = free_port()
        self._program, self._folder = program, folder
        config = folder / "mosquitto.conf"
        config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 0\n")
        self.start()

    def start(self) -> None:
        with (self._folder / "mosquitto.log").open("ab") as log:
            self.process = subprocess.Popen([self._program, "-c", str(self._folder / "mosquitto.conf")], stdout=log, stderr=log)
        wait_for(self._accepts, 10, "the broker")

    def kill(self) -> None:
        """SIGKILL: everything that it held and had acknowledged is gone."""
        self.process.kill()
        self.process.wait()

    def _accepts(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


class Gateway:
    """Keeps every record of one device, acknowledges in order. ``lose(position)`` may pretend that the broker lost a first copy."""

    def __init__(self, port: int, claim: dict, lose: Callable[[tuple[int, int]], bool] | None = None) -> None:
        secret = bytes.fromhex(claim["k"])
        self.dev = claim["dev"]
        self.up = envelope.Hmac(envelope.key_up(secret))
        self.down = envelope.Hmac(envelope.key_down(secret))
        self.kept: dict[tuple[int, int], bytes] = {}
        self.faults: list[str] = []
        self.status: list[bytes] = []
        self.copies = 0
        self.n = 0
        self.now_ms: Callable[[], int] = lambda: 1_800_000_000_000
        self._lose = lose
        self._progress = chain.Progress()
        self._acked: tuple[int, int] | None = None
        self._ended = threading.Event()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, f"gateway-{port}")
        self.client.on_message = self._message
        self.client.on_connect = lambda client, *_: client.subscribe([(name, 1) for name in self._names()])
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self._acker = threading.Thread(target=self._acknowledge)
        self._acker.start()

    def _names(self) -> list[str]:
        return [*topics.subscriptions(), topics.topic(self.dev, "status")]

    def stop(self) -> None:
        self._ended.set()
        self._acker.join()
        self.client.disconnect()
        self.client.loop_stop()

    def _message(self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        try:
            level = topics.parse(message.topic)[1]
            if level == "status":
                self.status.append(message.payload)
            else:
                self._record(level, message.payload)
        except Exception as error:
            self.faults.append(f"{message.topic}: {error!r}: {message.payload[:200]!r}")

    def _record(self, level: str, payload: bytes) -> None:
        if level == "seal":
            assert envelope.split(payload)[0] == envelope.SEAL
        else:
            envelope.open_mac(payload, self.up)
        record = json.loads(payload)
        records.check(record)
        assert (record["t"], record["dev"]) == (level, self.dev)
        position = (record["boot"], record["seq"])
        self.copies += 1
        if position in self.kept:
            assert self.kept[position] == payload, f"two records at {position}"
        elif self._lose is None or not self._lose(position):
            self.kept[position] = payload
            last = record.get("last")
            self._progress.add(position, tuple(last) if last else None)
            if record.get("lost") and self._progress.waiting():
                self._progress.skip(self._progress.waiting())

    def _acknowledge(self) -> None:
        while not self._ended.wait(0.05):
            upto = self._progress.upto
            if upto and upto != self._acked:
                self._acked = upto
                self.send("ack", boot=upto[0], seq=upto[1], tip=envelope.sha256_hex(self.kept[upto]))

    def send(self, level: str, **members: object) -> None:
        """A message to the board, authentic unless ``members`` say otherwise."""
        self.n += 1
        head = {"v": 1, "t": level, "dev": self.dev, "n": self.n, "ts": self.now_ms()}
        self.publish(level, envelope.with_mac(body.write(tuple((head | members).items()), ()), self.down))

    def publish(self, level: str, payload: bytes) -> None:
        self.client.publish(topics.topic(self.dev, level), payload, qos=1)


def check_history(kept: dict[tuple[int, int], bytes], seal_key_hex: str, largest_step: int = 1) -> dict[str, int]:
    """Check a device's whole history as an auditor would: the chain over all boots, every seal, every Merkle root, the registers."""
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes.fromhex(seal_key_hex))
    prev = ZERO_HASH
    unsealed: list[tuple[tuple[int, int], bytes]] = []
    registers: dict[str, int] = {}
    seals = boots = 0
    expected: tuple[int, int] | None = None
    for position in sorted(kept):
        payload = kept[position]
        record = json.loads(payload)
        assert record["prev"] == prev, f"the chain breaks at {position}"
        assert position == expected or position[1] == 0, f"a hole before {position}"
        if record["t"] == "boot":
            boots += 1
            assert record["last"] == (list(expected[:1]) + [expected[1] - 1] if expected else None)
        if record["t"] == "seal":
            seals += 1
            body_bytes, tag = envelope.split(payload)[1:]
            der = utils.encode_dss_signature(int.from_bytes(tag[:32], "big"), int.from_bytes(tag[32:], "big"))
            public.verify(der, body_bytes, ec.ECDSA(hashes.SHA256()))
            assert record["n"] == len(unsealed)
            assert record["first"] == (list(unsealed[0][0]) if unsealed else None)
            assert record["lroot"] == merkle.root_of([leaf for _, leaf in unsealed]).hex()
            unsealed = []
            counted = record["reg"]
        else:
            unsealed.append((position, payload))
            counted = {record["pt"]: record["m"]} if record["t"] == "data" else {}
        for point, values in counted.items():
            value = values.get("ea_imp_wh", registers.get(point, 0))
            assert registers.get(point, value) <= value <= registers.get(point, value) + largest_step, f"register at {position}"
            registers[point] = value
        prev = envelope.sha256_hex(payload)
        expected = (position[0], position[1] + 1)
    return {"records": len(kept), "seals": seals, "boots": boots, "unsealed": len(unsealed)}
