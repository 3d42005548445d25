"""Numbers as people read them: a unit, an uncertainty, no more digits than the uncertainty leaves, groups of three.

The rounding of a value follows its expanded uncertainty (GUM 7.2.6): two digits of the uncertainty when it begins with 1 or
2, else one. A number without an uncertainty is shown to the watt-digit that the caller asks for.
"""

import math
from dataclasses import dataclass

NARROW = "\u202f"
"""Narrow no-break space between groups of three digits (ISO 80000-1)."""
MINUS = "\u2212"
NOTHING = "—"


@dataclass(frozen=True, slots=True)
class Figure:
    """A number ready to be shown: ``98`` ``15`` ``kW`` reads 98 ± 15 kW."""

    value: str
    u95: str | None
    unit: str

    def bare(self) -> str:
        """The number and its unit alone, rounded as it is."""
        return self.value if self.value == NOTHING else f"{self.value} {self.unit}"

    def __str__(self) -> str:
        return self.value + (f" ± {self.u95}" if self.u95 else "") + (f" {self.unit}" if self.unit and self.value != NOTHING else "")


def decimals_for(u: float | None, default: int = 0, most: int = 3) -> int:
    """How many decimals a value with expanded uncertainty ``u`` (same unit) deserves."""
    if u is None or not math.isfinite(u) or u <= 0:
        return default
    exponent = math.floor(math.log10(u))
    digits = 2 if u / 10**exponent < 2.95 else 1
    return min(most, max(0, digits - 1 - exponent))


def grouped(value: float, decimals: int = 0) -> str:
    """A decimal number with groups of three and a true minus sign; no minus before a zero."""
    text = f"{abs(value):,.{decimals}f}".replace(",", NARROW)
    negative = value < 0 and any(c not in f"0.{NARROW}" for c in text)
    return (MINUS if negative else "") + text


def _known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _scaled(value: float | None, u95: float | None, steps: tuple[tuple[float, float, str], ...], default: int) -> Figure:
    size = max(abs(x) for x in (value, u95, 0.0) if x is not None and math.isfinite(x))
    factor, unit = next((f, name) for limit, f, name in steps if size < limit)
    if value is None or not math.isfinite(value):
        return Figure(NOTHING, None, unit)
    spread = u95 / factor if u95 is not None and math.isfinite(u95) else None
    decimals = decimals_for(spread, default)
    return Figure(grouped(value / factor, decimals), grouped(spread, decimals) if spread is not None else None, unit)


_POWER = ((1e8, 1e3, "kW"), (math.inf, 1e6, "MW"))
_ENERGY = ((1e9, 1e3, "kWh"), (math.inf, 1e6, "MWh"))


def power(p_w: float | None, u95_w: float | None = None) -> Figure:
    """Active power in kW (MW from 100 MW on), with its expanded uncertainty where one is known."""
    return _scaled(p_w, u95_w, _POWER, 1)


def energy(e_wh: float | None, u95_wh: float | None = None) -> Figure:
    """Energy in kWh (MWh from 1 GWh on)."""
    small = e_wh is not None and abs(e_wh) < 1e5
    return _scaled(e_wh, u95_wh, _ENERGY, 1 if small else 0)


def percent(share: float | None, decimals: int = 1) -> str:
    """A share as per cent; never rounded up to a hundred that it is not."""
    if not _known(share):
        return NOTHING
    assert share is not None
    value = share * 100
    if value < 100:
        value = min(value, 100 - 10**-decimals)
    return f"{value:.{decimals}f} %" if value < 100 else "100 %"


def number(value: float | None, digits: int = 3) -> str:
    """A dimensionless statistic with a few significant digits."""
    if not _known(value):
        return NOTHING
    assert value is not None
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    if exponent >= 6:
        mantissa = value / 10**exponent
        return f"{grouped(mantissa, 1)} × 10{_superscript(exponent)}"
    return grouped(value, max(0, min(4, digits - 1 - exponent)))


def odds_power(log_odds: float | None) -> str:
    """The power of ten of a likelihood ratio or odds that is given as a natural logarithm: 14.2 gives ``6.2``."""
    return NOTHING if not _known(log_odds) else grouped((log_odds or 0.0) / math.log(10), 1)


def probability(p: float | None) -> str:
    """A probability with the digits that tell it from one: 0.99987 gives ``0.9999``, above that ``> 0.9999``."""
    if not _known(p):
        return NOTHING
    assert p is not None
    if p > 0.9999:
        return "> 0.9999"
    if p < 0.0001:
        return "< 0.0001"
    return f"{p:.4f}" if p > 0.99 or p < 0.01 else f"{p:.2f}"


def count(n: int | None) -> str:
    """A whole number in groups of three."""
    return NOTHING if n is None else grouped(n)


def _superscript(n: int) -> str:
    return str(n).translate(str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"))


def signed(value: float | None, decimals: int = 1) -> str:
    """A figure with its sign, for sums: ``+9.1``, ``−4.6``."""
    if not _known(value):
        return NOTHING
    assert value is not None
    text = grouped(value, decimals)
    return text if text.startswith(MINUS) else f"+{text}"


def from_log_odds(log_odds: float) -> float:
    """The probability of natural log-odds."""
    return 1 / (1 + math.exp(-log_odds))


def size(n_bytes: int) -> str:
    """A file's size."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= factor:
            return f"{n_bytes / factor:.1f} {unit}"
    return f"{n_bytes} B"
