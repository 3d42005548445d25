"""A real pymodbus server with an iEM3000's registers, on its own thread."""

import asyncio
import struct
import threading

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

FIRST, LAST = 0x0BB7, 0x0C9A


def words(form: str, value: float) -> list[int]:
    """Big-endian register words of a value."""
    data = struct.pack(form, value)
    return list(struct.unpack(f">{len(data) // 2}H", data))


class Iem3000Server:
    """Registers by the maker's list. `set` changes what is shown, `hush` keeps answers back, `swap_words` breaks the word order."""

    def __init__(self) -> None:
        self._registers: dict[int, list[int]] = {}
        self._hushed = False
        self._swapped = False
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait(10)

    def set(self, p_kw: float, ea_imp_wh: int) -> None:
        """Show a balanced power at 50 Hz and 5,773.5 V, and a register."""
        floats = {0x0BB7: 30.0, 0x0BB9: 31.0, 0x0BBB: 32.0, 0x0BD3: 5773.5, 0x0BD5: 5773.5, 0x0BD7: 5773.5, 0x0BED: p_kw / 3}
        floats |= {0x0BEF: p_kw / 3, 0x0BF1: p_kw / 3, 0x0BF3: p_kw, 0x0BFB: 12.5, 0x0C03: abs(p_kw) * 1.25, 0x0C25: 50.0}
        registers = {address: words(">f", value) for address, value in floats.items()}
        self._registers = registers | {0x0C83: words(">q", ea_imp_wh), 0x0C87: words(">q", 0)}

    def hush(self, silent: bool) -> None:
        """Answer nothing for as long as it is true."""
        self._hushed = silent

    def swap_words(self) -> None:
        """Answer with the low word first."""
        self._swapped = True

    def close(self) -> None:
        """End the server."""
        self._hushed = False
        asyncio.run_coroutine_threadsafe(self._server.shutdown(), self._loop).result(5)
        self._thread.join(5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        memory = SimData(FIRST, count=LAST - FIRST + 1, values=0, datatype=DataType.REGISTERS, readonly=True)
        self._server = ModbusTcpServer(SimDevice(1, [memory], action=self._answer), address=("127.0.0.1", 0))
        serving = asyncio.ensure_future(self._server.serve_forever(background=False))
        while self._server.transport is None:
            await asyncio.sleep(0.01)
        self.port = int(self._server.transport.sockets[0].getsockname()[1])
        self._ready.set()
        await asyncio.gather(serving, return_exceptions=True)

    async def _answer(
        self, _function: int, start: int, _address: int, _count: int, registers: list[int], _written: list[int] | list[bool] | None
    ) -> ExcCodes | None:
        while self._hushed:
            await asyncio.sleep(0.005)
        for address, value in self._registers.items():
            registers[address - start : address - start + len(value)] = value[::-1] if self._swapped else value
        return None
