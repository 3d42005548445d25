"""CONNECT and SUBSCRIBE packets, written by umqtt.simple (frozen in the official ESP32 image). Needed once: they never change."""

import umqtt.simple


class _WrittenError(Exception):
    pass


class _Sheet:
    """A socket for umqtt to write one packet on. Its first read ends umqtt's call: our asyncio stream carries the bytes."""

    def __init__(self):
        self.packet = b""

    def write(self, data, size=None):
        data = data if isinstance(data, (bytes, bytearray)) else data.encode()
        self.packet += bytes(data if size is None else data[:size])

    def read(self, _size):
        raise _WrittenError

    def connect(self, _address):
        pass

    setblocking = settimeout = connect


class _Sheets:
    socket = _Sheet

    @staticmethod
    def getaddrinfo(host, port):
        return ((host, port),)


umqtt.simple.socket = _Sheets


def packets(dev, keepalive_s, status, topics):
    """``(CONNECT, [SUBSCRIBE, …])``: a session that the broker keeps, a retained last will, QoS 1. Packet ids are to be filled in."""
    client = umqtt.simple.MQTTClient(dev, "", 1883, keepalive=keepalive_s)
    client.set_last_will(status, "offline", retain=True, qos=1)
    client.set_callback(print)
    return _written(client, client.connect, False), [_written(client, client.subscribe, name, 1) for name in topics]


def _written(client, call, *arguments):
    client.sock = _Sheet()
    try:
        call(*arguments)
    except _WrittenError:
        pass
    return client.sock.packet  # connect has made its own
