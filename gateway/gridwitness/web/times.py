"""Times in the site's own zone. A page never uses the browser's zone, and always says which zone it uses."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from gridwitness.domain.moments import DAY_MS, HOUR_MS, MINUTE_MS
from gridwitness.web.figures import NOTHING

_TICKS_MS = (
    5 * MINUTE_MS, 10 * MINUTE_MS, 15 * MINUTE_MS, 30 * MINUTE_MS, HOUR_MS, 2 * HOUR_MS, 3 * HOUR_MS, 6 * HOUR_MS, 12 * HOUR_MS,
    DAY_MS, 2 * DAY_MS, 7 * DAY_MS, 14 * DAY_MS, 30 * DAY_MS, 90 * DAY_MS, 365 * DAY_MS,
)  # fmt: skip


def local(ms: int, zone: str) -> datetime:
    """The wall clock at the site."""
    return datetime.fromtimestamp(ms / 1000, ZoneInfo(zone))


def full(ms: int | None, zone: str) -> str:
    """``2026-12-01 02:14 +08:00``: a time that stands alone."""
    if ms is None:
        return NOTHING
    at = local(ms, zone)
    return at.strftime("%Y-%m-%d %H:%M ") + offset(at)


def second(ms: int | None, zone: str) -> str:
    """``2026-12-01 02:14:05 +08:00``: where seconds matter."""
    if ms is None:
        return NOTHING
    at = local(ms, zone)
    return at.strftime("%Y-%m-%d %H:%M:%S ") + offset(at)


def short(ms: int | None, zone: str) -> str:
    """``12-01 02:14``: inside a table or chart that says its zone."""
    return NOTHING if ms is None else local(ms, zone).strftime("%m-%d %H:%M")


def offset(at: datetime) -> str:
    """``+08:00``."""
    total = int((at.utcoffset() or timedelta(0)).total_seconds()) // 60
    return f"{'-' if total < 0 else '+'}{abs(total) // 60:02d}:{abs(total) % 60:02d}"


def ticks(from_ms: int, to_ms: int, zone: str, most: int = 7) -> list[tuple[int, str]]:
    """Round local times between two moments, at most ``most``, with their labels (the date where a day begins)."""
    span = max(1, to_ms - from_ms)
    step = next((s for s in _TICKS_MS if span / s <= most), _TICKS_MS[-1])
    shift = int((local(from_ms, zone).utcoffset() or timedelta(0)).total_seconds()) * 1000
    first = -(-(from_ms + shift) // step) * step - shift
    marks = []
    for at in range(first, to_ms + 1, step):
        wall = local(at, zone)
        midnight = wall.hour == 0 and wall.minute == 0
        marks.append((at, wall.strftime("%m-%d" if midnight or step >= DAY_MS else "%H:%M")))
    if marks and not any(len(words) == 5 and words[2] == "-" for _, words in marks):
        marks[0] = (marks[0][0], short(marks[0][0], zone))  # no midnight in sight: the first mark tells the date
    return marks
