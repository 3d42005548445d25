"""Modbus TCP master for asyncio (Modbus Messaging on TCP/IP 1.0b). Reads registers, nothing else; never blocks the loop."""

import asyncio
import struct

_MBAP = ">HHHB"  # transaction, protocol (0), length of what follows, unit
_EXCEPTIONS = {
    1: "illegal function", 2: "illegal data address", 3: "illegal data value", 4: "device failure", 5: "acknowledge", 6: "device busy",
    8: "memory parity error", 10: "gateway path unavailable", 11: "gateway target did not respond",
}  # fmt: skip


class ModbusError(Exception):
    """An answer that is an exception (``code`` 1 to 11) or breaks the protocol (``code`` 0)."""

    def __init__(self, text, code=0):
        super().__init__(text)
        self.code = code


class ModbusTcp:
    """One meter behind a TCP port. The connection is made when needed, and dropped after anything that leaves it in doubt, so that a
    late answer can never be taken for the next one's."""

    def __init__(self, host, port, unit, timeout_ms=1000):
        self._address = (host, port)
        self._unit = unit
        self._timeout_ms = timeout_ms
        self._stream = None
        self._transaction = 0

    async def read(self, function, address, count):
        """``2 * count`` bytes of registers. OSError when the meter cannot be reached or is silent, ModbusError for what it answers."""
        try:
            return await asyncio.wait_for_ms(self._ask(function, address, count), self._timeout_ms)
        except asyncio.TimeoutError:
            self.close()
            raise OSError("no answer within %d ms" % self._timeout_ms)
        except ModbusError as error:
            if not error.code:
                self.close()
            raise
        except OSError:
            self.close()
            raise

    def close(self):
        """Drop the connection."""
        if self._stream is not None:
            self._stream.s.close()  # a stream's own close() does nothing in MicroPython
            self._stream = None

    async def _ask(self, function, address, count):
        if self._stream is None:
            self._stream, _ = await asyncio.open_connection(*self._address)
        self._transaction = self._transaction + 1 & 0xFFFF
        self._stream.write(struct.pack(_MBAP + "BHH", self._transaction, 0, 6, self._unit, function, address, count))
        await self._stream.drain()
        while True:
            transaction, unit, pdu = await self._frame()
            if transaction == self._transaction:
                break  # anything else answers a question that nobody waits for any more
        if unit != self._unit:
            raise ModbusError("unit %d answered a question to unit %d" % (unit, self._unit))
        return _registers(pdu, function, count)

    async def _frame(self):
        try:
            head = await self._stream.readexactly(7)
            transaction, protocol, length, unit = struct.unpack(_MBAP, head)
            if protocol or not 3 <= length <= 254:
                raise ModbusError("this is no Modbus TCP frame: %r" % head)
            return transaction, unit, await self._stream.readexactly(length - 1)
        except EOFError:
            raise OSError("the meter closed the connection")


def _registers(pdu, function, count):
    if pdu[0] == function | 0x80:
        raise ModbusError("exception %d (%s)" % (pdu[1], _EXCEPTIONS.get(pdu[1], "unknown")), pdu[1])
    if pdu[0] != function or pdu[1] != 2 * count or len(pdu) != 2 + 2 * count:
        raise ModbusError("answer %r does not fit function %d with %d registers" % (pdu[:2], function, count))
    return pdu[2:]
