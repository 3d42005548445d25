"""Four-quadrant energy registers: integers with an integer remainder.

A float32 register cannot count: 100 kWh in 1 Wh steps on top of 20,000 kWh come out as 195.3 kWh. Here nothing is ever rounded away: what
is below 1 Wh stays in the remainder, of each direction by itself.
"""

PER_WH = 3_600_000_000_000
"""Milliwatt-microseconds in a watt-hour."""

KEYS = ("ea_imp_wh", "ea_exp_wh", "er_imp_varh", "er_exp_varh")


class Register:
    """A counter in Wh (or varh) that only goes up."""

    def __init__(self):
        self.total = 0
        self.rest = 0

    def add(self, amount):
        """Add ``amount`` >= 0 milliwatt-microseconds."""
        self.rest += amount
        if self.rest >= PER_WH:
            self.total += self.rest // PER_WH
            self.rest %= PER_WH


class Energy:
    """Import and export of active and reactive energy, by the sign of each window's power (sum of phases)."""

    def __init__(self):
        self._registers = [Register() for _ in KEYS]

    def add(self, p_mw, q_mvar, dt_us):
        """Count a power that held for ``dt_us`` microseconds."""
        self._registers[0 if p_mw >= 0 else 1].add(abs(p_mw) * dt_us)
        self._registers[2 if q_mvar >= 0 else 3].add(abs(q_mvar) * dt_us)

    def registers(self):
        """Totals by field key, whole Wh and varh."""
        return {key: register.total for key, register in zip(KEYS, self._registers)}

    def restore(self, totals):
        """Go on from stored totals. A register never goes back: a lower one than what is counted already is not taken."""
        for key, register in zip(KEYS, self._registers):
            register.total = max(register.total, totals.get(key, 0))
