"""The MQTT broker of a demo or a small place: mosquitto where it is installed, otherwise the embedded amqtt."""

import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from gridwitness.domain.errors import GridwitnessError
from gridwitness.service import processes

KINDS = ("auto", "mosquitto", "amqtt")
READY_S = 15.0

# MQTT 3.1.1 CONNECT, clean session, keepalive 60 s, client id "gw-probe"; its CONNACK begins with 0x20
_CONNECT = b"\x10\x14\x00\x04MQTT\x04\x02\x00\x3c\x00\x08gw-probe"
_DISCONNECT = b"\xe0\x00"

_MOSQUITTO = """\
user {user}
listener {port} {host}
allow_anonymous true
persistence true
persistence_location {folder}/
persistence_file mosquitto.db
autosave_interval 30
log_dest stderr
log_type error
log_type warning
log_type notice
# the default of 1,000 drops what comes while the gateway is away, and has acknowledged it before
max_queued_messages 100000
max_inflight_messages 1000
"""


@dataclass(slots=True)
class Broker:
    """A running broker."""

    host: str
    port: int
    name: str
    process: "subprocess.Popen[bytes]"
    command: list[str]
    log: Path

    def stop(self) -> None:
        """End it in order: mosquitto writes its persistence file."""
        processes.end(self.process)

    def restart(self) -> None:
        """Start it again on the same port after it ended or was killed."""
        self.process = processes.start(self.command, self.log)
        _wait(self)


def mosquitto_path() -> str | None:
    """Where mosquitto is, if anywhere; Debian keeps it out of a user's search path."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def start(folder: Path, kind: str = "auto", *, host: str = "127.0.0.1", port: int = 0) -> Broker:
    """Start a broker that keeps its files in ``folder``; port 0 takes a free one.

    Raises GridwitnessError ``no_broker`` when the kind asked for is not installed, ``broker_silent`` when it does not answer.
    """
    if kind not in KINDS:
        raise GridwitnessError("unknown_broker", f"there is no broker {kind!r}", f"choose one of {', '.join(KINDS)}")
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port(host)
    path = mosquitto_path() if kind in ("auto", "mosquitto") else None
    if path:
        name, command = _mosquitto(path, folder, host, port)
    elif kind == "mosquitto":
        raise GridwitnessError("no_broker", "mosquitto is not installed", "apt-get install mosquitto, or use the embedded broker: amqtt")
    else:
        name, command = _amqtt(host, port)
    log = folder / "broker.log"
    broker = Broker(host, port, name, processes.start(command, log), command, log)
    _wait(broker)
    return broker


def _mosquitto(path: str, folder: Path, host: str, port: int) -> tuple[str, list[str]]:
    told = subprocess.run([path, "-h"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"version (\S+)", told)
    config = folder / "mosquitto.conf"
    # started as root it would become another user, who may not write into this folder
    user = pwd.getpwuid(os.getuid()).pw_name
    config.write_text(_MOSQUITTO.format(user=user, host=host, port=port, folder=folder.resolve()), encoding="utf-8")
    return f"mosquitto {version.group(1) if version else '?'}", [path, "-c", str(config)]


def _amqtt(host: str, port: int) -> tuple[str, list[str]]:
    try:
        version = metadata.version("amqtt")
    except metadata.PackageNotFoundError:
        hint = "install mosquitto, or the embedded broker with: pip install 'gridwitness[broker]'"
        raise GridwitnessError("no_broker", "neither mosquitto nor amqtt is installed", hint) from None
    return f"amqtt {'.'.join(version.split('.')[:2])}", [sys.executable, "-m", "gridwitness.service.embedded", host, str(port)]


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as s:
        s.bind((host, 0))
        return int(s.getsockname()[1])


def _wait(broker: Broker) -> None:
    """Until a CONNECT is answered: a port can be open before the broker is ready."""
    until_s = time.monotonic() + READY_S
    while time.monotonic() < until_s and broker.process.poll() is None:
        if _answers(broker.host, broker.port):
            return
        time.sleep(0.05)
    broker.stop()
    raise GridwitnessError("broker_silent", f"{broker.name} does not answer on port {broker.port}", f"its log is {broker.log}")


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=2) as s:
            s.sendall(_CONNECT)
            greeting = s.recv(4)
            s.sendall(_DISCONNECT)
    except OSError:
        return False
    return greeting[:1] == b"\x20" and greeting[3:4] == b"\x00"
