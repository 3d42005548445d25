"""When a device is told that its records are durable: after the commit, cumulative, at most once per device and interval."""

from gwire import body, envelope

from gridwitness.ingest.keyring import DeviceKeys
from gridwitness.store import CursorRow


class AckSchedule:
    """Acks that are due. ``monotonic_s`` is the host's monotonic clock: a transport timer, not site time."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._sent_s: dict[str, float] = {}
        self._pending: dict[str, CursorRow] = {}

    def note(self, cursors: list[CursorRow]) -> None:
        """Cursors that a commit has made durable; a newer one of the same device replaces an older."""
        for cursor in cursors:
            if cursor.boot is not None:
                self._pending[cursor.dev] = cursor

    def due(self, monotonic_s: float) -> list[CursorRow]:
        """Take the acks that may be sent now."""
        ready = [dev for dev in self._pending if monotonic_s - self._sent_s.get(dev, -self._every_s) >= self._every_s]
        for dev in ready:
            self._sent_s[dev] = monotonic_s
        return [self._pending.pop(dev) for dev in ready]

    def __len__(self) -> int:
        return len(self._pending)


def payload(cursor: CursorRow, keys: DeviceKeys, now_ms: int) -> bytes:
    """The ack in MAC form under K_down. ``cursor`` has a position and a number that was reserved for this ack."""
    assert cursor.tip is not None
    head = (("v", 1), ("t", "ack"), ("dev", cursor.dev), ("n", cursor.ack_n), ("ts", now_ms))
    members = (("boot", cursor.boot), ("seq", cursor.seq), ("tip", cursor.tip.hex()))
    return envelope.with_mac(body.write(head, members), keys.down)
