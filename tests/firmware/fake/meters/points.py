"""Points without a measurement: registers that count up, one record each interval of the scenario's time."""

import asyncio
import gc


class Point:
    def __init__(self, board, pt, interval_s):
        self.pt = pt
        self._board = board
        self._interval_ms = interval_s * 1000
        self._registers = {"ea_imp_wh": 0, "ea_exp_wh": 300_000_000}

    def registers(self):
        return dict(self._registers)

    def restore(self, registers):
        self._registers.update(registers)

    async def run(self, emit):
        clock = self._board.clock
        slot = clock.utc_ms() // self._interval_ms
        while not self._board.ended():
            await asyncio.sleep_ms(3)
            now = clock.utc_ms() // self._interval_ms
            if now > slot:
                emit(self.pt, slot * self._interval_ms, self._interval_ms, "power", 0, self._fields())
                slot = now
        emit(self.pt, slot * self._interval_ms, clock.utc_ms() - slot * self._interval_ms, "power", 1, self._fields())
        gc.collect()
        print("heap used", gc.mem_alloc())

    def _fields(self):
        self._registers["ea_imp_wh"] += 1
        self._registers["ea_exp_wh"] += 2
        phases = {key % n: 23_000_000 + n for n in (1, 2, 3) for key in ("u_l%d_v", "i_l%d_a", "p_l%d_w", "q_l%d_var", "s_l%d_va")}
        phases.update(self._registers)
        phases.update({"p_w": -123_456_789, "q_var": 5, "s_va": 6, "pf": -9_999, "f_hz": 50_001, "windows": 300, "coverage_pm": 1000})
        return phases


def open_points(board, config):
    return [Point(board, entry["pt"], config["interval_s"]) for entry in config["points"]]
