"""Twin of a Schneider iEM3000 revenue meter on Modbus TCP (a real pymodbus server).

Register addresses are PDU addresses of the manufacturer's list, as far as ``facts`` of public drivers confirm them (mbmd
``iem3000.go``): float32 in kW, kvar, kVA, V, A, Hz, energies int64 in Wh, big-endian words. A register of the list that this
twin does not measure reads as the meter's own "not available" (a NaN); any other address is an illegal one.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from pymodbus.constants import ExcCodes
from pymodbus.simulator import DataType, SimData, SimDevice

CURRENTS, CURRENT_MEAN = (0x0BB7, 0x0BB9, 0x0BBB), 0x0BC1
LINE_VOLTAGES, LINE_VOLTAGE_MEAN = (0x0BCB, 0x0BCD, 0x0BCF), 0x0BD1
VOLTAGES, VOLTAGE_MEAN = (0x0BD3, 0x0BD5, 0x0BD7), 0x0BDB
POWERS, POWER_TOTAL = (0x0BED, 0x0BEF, 0x0BF1), 0x0BF3
REACTIVE_TOTAL, APPARENT_TOTAL, POWER_FACTOR, FREQUENCY = 0x0BFB, 0x0C03, 0x0C0B, 0x0C25
ENERGY_IMPORT, ENERGY_EXPORT, REACTIVE_IMPORT, REACTIVE_EXPORT = 0x0C83, 0x0C87, 0x0C93, 0x0C97
NAME, MODEL, MAKER, SERIAL = 0x001D, 0x0031, 0x0045, 0x0081

_NAN = struct.unpack(">HH", struct.pack(">f", float("nan")))
_MILLI = 1000


@dataclass(frozen=True, slots=True)
class Reading:
    """What the meter shows: three phases with one voltage and balanced powers, primary values."""

    p_w: float
    q_var: float
    u_v: float
    i_a: float
    f_hz: float


class Iem3000:
    """The meter's memory. Energies count in thousandths of a watt second, so nothing is lost between two readings."""

    def __init__(self, unit: int, ea_imp_wh: int, ea_exp_wh: int, serial: int) -> None:
        self.unit = unit
        self._serial = serial
        self._counters = {ENERGY_IMPORT: ea_imp_wh, ENERGY_EXPORT: ea_exp_wh, REACTIVE_IMPORT: 0, REACTIVE_EXPORT: 0}
        self._counters = {address: wh * 3600 * _MILLI for address, wh in self._counters.items()}
        self._reading: Reading | None = None

    def measure(self, reading: Reading, seconds: float) -> None:
        """Show a reading, and count its energy over the time that it stands for."""
        self._reading = reading
        self._count(ENERGY_IMPORT, ENERGY_EXPORT, reading.p_w * seconds)
        self._count(REACTIVE_IMPORT, REACTIVE_EXPORT, reading.q_var * seconds)

    def _count(self, positive: int, negative: int, watt_seconds: float) -> None:
        self._counters[positive if watt_seconds >= 0 else negative] += round(abs(watt_seconds) * _MILLI)

    def register_wh(self, address: int) -> int:
        """An energy register in whole Wh (varh)."""
        return self._counters[address] // (3600 * _MILLI)

    def device(self) -> SimDevice:
        """The meter as pymodbus serves it."""
        blank = [_NAN[0], _NAN[1]]
        instant = SimData(CURRENTS[0], count=(FREQUENCY + 2 - CURRENTS[0]) // 2, values=blank, datatype=DataType.REGISTERS, readonly=True)
        energy = SimData(ENERGY_IMPORT, count=24, values=0, datatype=DataType.REGISTERS, readonly=True)
        identity = [
            SimData(NAME, values=_text("Energy Meter", 20), datatype=DataType.REGISTERS, readonly=True),
            SimData(MODEL, values=_text("iEM3155", 20), datatype=DataType.REGISTERS, readonly=True),
            SimData(MAKER, values=_text("Schneider Electric", 20), datatype=DataType.REGISTERS, readonly=True),
            SimData(SERIAL, values=_words(">I", self._serial), datatype=DataType.REGISTERS, readonly=True),
        ]
        return SimDevice(self.unit, [*identity, instant, energy], action=self._answer)

    async def _answer(
        self, function: int, start: int, _address: int, _count: int, registers: list[int], written: list[int] | list[bool] | None
    ) -> ExcCodes | None:
        """Put the newest values under a read; this meter takes no writes and knows function 3 only."""
        if function != 3 or written is not None:
            return ExcCodes.ILLEGAL_FUNCTION
        for address, words in self._words().items():
            registers[address - start : address - start + len(words)] = words
        return None

    def _words(self) -> dict[int, list[int]]:
        words = {address: _words(">q", self.register_wh(address)) for address in self._counters}
        r = self._reading
        if r is None:
            return words
        apparent_va = (r.p_w**2 + r.q_var**2) ** 0.5
        floats = dict.fromkeys((*CURRENTS, CURRENT_MEAN), r.i_a)
        floats |= dict.fromkeys((*LINE_VOLTAGES, LINE_VOLTAGE_MEAN), r.u_v * 3**0.5)
        floats |= dict.fromkeys((*VOLTAGES, VOLTAGE_MEAN), r.u_v)
        floats |= dict.fromkeys(POWERS, r.p_w / 3000)
        floats |= {POWER_TOTAL: r.p_w / 1000, REACTIVE_TOTAL: r.q_var / 1000, APPARENT_TOTAL: apparent_va / 1000}
        floats |= {POWER_FACTOR: r.p_w / apparent_va if apparent_va else 1.0, FREQUENCY: r.f_hz}
        return words | {address: _words(">f", value) for address, value in floats.items()}


def _words(form: str, value: float) -> list[int]:
    data = struct.pack(form, value)
    return list(struct.unpack(f">{len(data) // 2}H", data))


def _text(text: str, registers: int) -> list[int]:
    data = text.encode().ljust(2 * registers, b"\0")
    return list(struct.unpack(f">{registers}H", data))
