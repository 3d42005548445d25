"""Single cells of a table: which kind of value a column holds, and what of it can be used."""

import re
from collections.abc import Callable
from typing import Any

from gridwitness.domain.moments import parse_ms

TIMES, STAMPS = frozenset({"ts"}), frozenset({"ts_ms"})
TEXTS, NAMES = frozenset({"point", "plant", "quantity", "quality"}), frozenset({"point", "plant", "quantity"})

EARLIEST_MS, LATEST_MS = 978_307_200_000, 4_102_444_800_000
"""2001 and 2100: clocks that were never set begin in 1970, 1980 or 2000, and their readings cannot be placed."""
LARGEST = 1e12
"""In SI units. What lies beyond was not measured, and one such number would drown every other in a sum of squares."""
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|nan", re.ASCII | re.IGNORECASE)


def reader(name: str) -> Callable[[str], Any]:
    """What turns the text of a cell in this column into its value; the reader raises ValueError with a sentence."""
    if name in TIMES:
        return _time
    if name in STAMPS:
        return _stamp
    return _name if name in NAMES else str.strip if name in TEXTS else _number


def _name(text: str) -> str:
    if not (text := text.strip()):
        raise ValueError("is empty")
    return text


def _time(text: str) -> float:
    try:
        ms = parse_ms(text.strip())
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time with offset (for instance 2025-01-01T00:00:00Z)") from None
    return _placed(ms, text)


def _stamp(text: str) -> float:
    value = _number(text, LATEST_MS)
    if value != value:
        raise ValueError("is empty")
    return _placed(value, text)


def _placed(ms: float, text: str) -> float:
    if not EARLIEST_MS <= ms < LATEST_MS:
        raise ValueError(f"{text!r} is no time at which anything was measured (2001 to 2100): the clock was not set")
    return ms


def _number(text: str, largest: float = LARGEST) -> float:
    text = text.strip()
    if not text:
        return float("nan")
    if not _DECIMAL.fullmatch(text):
        finite = text.lower().lstrip("+-") not in ("inf", "infinity")
        raise ValueError(f"{text[:40]!r} is not {'a number' if finite else 'finite'}")
    value = float(text)
    if abs(value) > largest:
        raise ValueError(f"{text[:40]!r} is {'beyond anything measured' if abs(value) < float('inf') else 'not finite'}")
    return value
