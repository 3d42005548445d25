"""A point read from a meter: polls on a grid of scenario time, intervals out of them."""

import asyncio
import time

from core.interval import Q_CLOCK

from .meter_interval import MeterInterval
from .modbus import ModbusError, ModbusTcp
from .sample_point import SYNCHRONISED

_BACK_OFF_MS = 250
_BACK_OFF_MOST_MS = 8000


class MeterPoint:
    """``entry`` of the configuration: ``pt``, ``host``, ``port``, ``unit``, ``period_s``, maybe ``timeout_ms``; ``plan``: the meter's."""

    def __init__(self, board, entry, plan, interval_s):
        self.pt = entry["pt"]
        self.keep_time = False
        self._board = board
        self._period_ms = entry["period_s"] * 1000
        self._plan = plan
        self._meter = ModbusTcp(entry["host"], entry["port"], entry["unit"], entry.get("timeout_ms", 1000))
        self._interval = MeterInterval(interval_s, entry["period_s"], self._report)
        self._believed = False
        self._failures = 0
        self._not_before = None

    def registers(self):
        """The meter's own registers as last read."""
        return dict(self._interval.registers)

    def restore(self, totals):
        """Registers of the last record that survived; they stand until the meter is read again."""
        self._interval.registers.update(totals)

    async def run(self, emit):
        """Poll until the source of time ends."""
        self._emit = emit
        if self.keep_time:
            asyncio.create_task(self._pass_time())
        due_ms = None
        while not self._board.ended():
            now_ms = self._board.clock.utc_ms()
            if due_ms is None and now_ms is not None:
                due_ms = self._after(now_ms)
            if due_ms is None or now_ms < due_ms:
                await self._board.clock.tick()
                continue
            self._board.clock.hold()
            try:
                values = await self._poll()
            finally:
                self._board.clock.let_go()
            self._interval.add(due_ms, values)
            due_ms = self._next_due(due_ms, values is not None)
        self._interval.close()
        self._meter.close()

    def _after(self, now_ms):
        """The first multiple of the period after ``now_ms``."""
        return (now_ms // self._period_ms + 1) * self._period_ms

    def _next_due(self, due_ms, answered):
        """The next poll that is still to come. Those that a silent meter cost count as unanswered, those that a slow one cost only
        lower the coverage."""
        due_ms += self._period_ms
        latest_ms = self._board.clock.utc_ms() - self._period_ms
        while due_ms <= latest_ms:
            if not answered:
                self._interval.add(due_ms, None)
            due_ms += self._period_ms
        return due_ms

    async def _poll(self):
        """All fields of the profile, or None. After a failure the meter is left alone for a while, twice as long each time."""
        if self._not_before is not None and time.ticks_diff(self._board.ticks_ms(), self._not_before) < 0:
            await asyncio.sleep(0)
            return None
        try:
            values = {}
            for request in self._plan.requests:
                values.update(self._plan.decode(request, await self._meter.read(*request[:3])))
            self._believe(values)
        except (OSError, ModbusError) as error:
            self._fail(error)
            return None
        self._failures = 0
        self._not_before = None
        return values

    def _believe(self, values):
        """Apply the probe until it has held once since the last failure."""
        if not self._believed:
            doubt = self._plan.doubt(values)
            if doubt:
                raise ModbusError("this is not a %s: %s" % (self._plan.name, doubt))
            self._believed = True

    def _fail(self, error):
        if not self._failures:
            print("%s: %s" % (self.pt, error))
        wait_ms = min(_BACK_OFF_MS << min(self._failures, 8), _BACK_OFF_MOST_MS)
        self._failures += 1
        self._believed = False
        self._not_before = time.ticks_add(self._board.ticks_ms(), wait_ms)

    async def _pass_time(self):
        """Work off the port's blocks only for their time."""
        while await self._board.samples.next():
            await self._board.samples.done()

    def _report(self, ts_ms, dur_ms, q, m):
        if self._board.clock.quality < SYNCHRONISED:
            q |= Q_CLOCK
        self._emit(self.pt, ts_ms, dur_ms, "power", q, m)
