"""What was refused at the door, and why. Nothing is thrown away: the payload is kept as it came."""

from gridwitness.store import Store
from gridwitness.web.text import Words
from gridwitness.web.views.sentences import Doc

MOST = 500
PREVIEW = 400


def quarantine_view(store: Store | None, now_ms: int, words: Words) -> Doc:
    """Refused payloads, newest first, and what contests a chain."""
    refused = store.quarantined(MOST) if store else []
    contested = store.conflicts(MOST) if store else []
    return {
        "format": "gridwitness-page-quarantine/1",
        "now_ms": now_ms,
        "counters": store.counts() if store else {},
        "entries": [
            {
                "id": row.id,
                "received_ms": row.recv_ms,
                "dev": row.dev,
                "topic": row.topic,
                "code": row.code,
                "what": words.known(f"refused.{row.code}", row.code),
                "reason": row.reason,
                "times": row.times,
                "bytes": len(row.payload),
                "payload": _preview(row.payload),
            }
            for row in refused
        ],
        "conflicts": [
            {
                "id": row.id,
                "received_ms": row.recv_ms,
                "dev": row.dev,
                "boot": row.boot,
                "seq": row.seq,
                "kind": row.kind,
                "what": words.known(f"conflict.{row.kind}", row.kind),
                "reason": row.reason,
                "payload": _preview(row.payload),
            }
            for row in contested
        ],
    }


def _preview(payload: bytes) -> str:
    """The beginning of a payload that anybody may have sent: as text, what is no printable character replaced."""
    text = payload[:PREVIEW].decode("utf-8", "replace")
    return "".join(c if c.isprintable() else "\ufffd" for c in text) + ("…" if len(payload) > PREVIEW else "")
