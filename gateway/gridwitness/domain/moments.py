"""Points in time: integers of UTC milliseconds inside, ISO 8601 with the site's offset outside."""

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000


def parse_ms(text: str) -> int:
    """UTC ms of an ISO 8601 time that carries an offset or ``Z``; ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset; write for instance 2025-01-01T00:00:00+08:00")
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000


def iso(ms: int, zone: tzinfo | str = UTC) -> str:
    """ISO 8601 in a time zone, with milliseconds only where there are any."""
    at = datetime.fromtimestamp(ms / 1000, ZoneInfo(zone) if isinstance(zone, str) else zone)
    return at.isoformat(timespec="milliseconds" if ms % 1000 else "seconds")


def spoken(ms: int, zone: str) -> str:
    """A time in a sentence: ``2026-12-01 00:37 (+08:00)``, in the site's zone."""
    at = datetime.fromtimestamp(ms / 1000, ZoneInfo(zone))
    offset = at.strftime("%z")
    return f"{at:%Y-%m-%d %H:%M} ({offset[:3]}:{offset[3:5]})"


def hour_key(ms: int) -> str:
    """The UTC hour as it names a raw segment, for instance ``2026-12-01T04``."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H")


def local_offset_ms(ms: int, zone: tzinfo) -> int:
    """What a zone's clocks are ahead of UTC at a moment."""
    offset = datetime.fromtimestamp(ms / 1000, zone).utcoffset()
    return 0 if offset is None else round(offset.total_seconds() * 1000)
