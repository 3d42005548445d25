"""The revenue meter's twin, read by a real Modbus client."""

import asyncio
import math
from collections.abc import Awaitable, Callable

import pytest
from gridwitness.sim.iem3000 import Iem3000, Reading
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.server import ModbusTcpServer

READING = Reading(p_w=3_512_345.6, q_var=-801_234.5, u_v=3661.25, i_a=328.75, f_hz=50.0125)


def with_client(meter: Iem3000, ask: Callable[[AsyncModbusTcpClient], Awaitable[None]]) -> None:
    async def session() -> None:
        server = ModbusTcpServer([meter.device()], address=("127.0.0.1", 0))
        await server.serve_forever(background=True)
        client = AsyncModbusTcpClient("127.0.0.1", port=server.transport.sockets[0].getsockname()[1])
        try:
            assert await client.connect()
            await ask(client)
        finally:
            client.close()
            await server.shutdown()

    asyncio.run(session())


async def read(client: AsyncModbusTcpClient, address: int, kind: str) -> float | int | str:
    """One value of the manufacturer's register list, at its PDU address."""
    data_type = getattr(client.DATATYPE, kind)
    answer = await client.read_holding_registers(address, count=data_type.value[1] or 20, device_id=3)
    assert not answer.isError(), answer
    return client.convert_from_registers(answer.registers, data_type)


def test_instantaneous_values_are_float32_in_the_meter_s_units() -> None:
    async def ask(client: AsyncModbusTcpClient) -> None:
        apparent_kva = math.hypot(3512.3456, 801.2345)
        wanted = {
            0x0BF3: 3512.3456,
            0x0BED: 3512.3456 / 3,
            0x0BFB: -801.2345,
            0x0C03: apparent_kva,
            0x0C0B: 3512.3456 / apparent_kva,
            0x0BDB: 3661.25,
            0x0BD7: 3661.25,
            0x0BCB: 3661.25 * 3**0.5,
            0x0BB7: 328.75,
            0x0BC1: 328.75,
            0x0C25: 50.0125,
        }
        for address, value in wanted.items():
            assert await read(client, address, "FLOAT32") == pytest.approx(value, rel=1e-6), hex(address)
        assert math.isnan(await read(client, 0x0BC3, "FLOAT32"))  # in the meter's list, not measured here

    meter = Iem3000(3, 0, 0, serial=20_000_003)
    meter.measure(READING, 0.2)
    with_client(meter, ask)


def test_energies_are_int64_in_wh_and_count_each_direction_apart() -> None:
    async def ask(client: AsyncModbusTcpClient) -> None:
        assert await read(client, 0x0C83, "INT64") == 12_345_678_901 + 3_512_345
        assert await read(client, 0x0C87, "INT64") == 77 + 1000
        assert await read(client, 0x0C93, "INT64") == 0
        assert await read(client, 0x0C97, "INT64") == 801_234

    meter = Iem3000(3, 12_345_678_901, 77, serial=1)
    for _ in range(5 * 3600):
        meter.measure(READING, 0.2)
    meter.measure(Reading(-1000.0, 0.0, 3600, 1, 50), 3600)
    with_client(meter, ask)


def test_identity() -> None:
    async def ask(client: AsyncModbusTcpClient) -> None:
        assert await read(client, 0x0031, "STRING") == "iEM3155"
        assert await read(client, 0x0045, "STRING") == "Schneider Electric"
        assert await read(client, 0x0081, "UINT32") == 20_000_003

    with_client(Iem3000(3, 0, 0, serial=20_000_003), ask)


def test_other_addresses_functions_and_writes_are_refused() -> None:
    async def ask(client: AsyncModbusTcpClient) -> None:
        illegal_function, illegal_address = 1, 2
        assert (await client.read_holding_registers(0x0F00, count=2, device_id=3)).exception_code == illegal_address
        assert (await client.read_holding_registers(0x0C27, count=4, device_id=3)).exception_code == illegal_address
        assert (await client.read_input_registers(0x0BF3, count=2, device_id=3)).exception_code == illegal_function
        assert (await client.write_register(0x0C83, 1, device_id=3)).isError()
        assert await read(client, 0x0C83, "INT64") == 9

    with_client(Iem3000(3, 9, 0, serial=1), ask)


def test_before_the_first_reading_only_registers_answer() -> None:
    async def ask(client: AsyncModbusTcpClient) -> None:
        assert math.isnan(await read(client, 0x0BF3, "FLOAT32"))
        assert await read(client, 0x0C83, "INT64") == 9

    with_client(Iem3000(3, 9, 0, serial=1), ask)
