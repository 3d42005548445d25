"""Raw segments and bundles: what can be handed over, and how it is checked offline."""

from collections.abc import Sequence

from gridwitness.store import Store
from gridwitness.web.source import BundleFile
from gridwitness.web.views.sentences import Doc

MOST_SEGMENTS = 500


def evidence_view(store: Store | None, bundles: Sequence[BundleFile], cases: Sequence[Doc], now_ms: int) -> Doc:
    """Bundles on disk, findings that one can be made for, closed segments (newest first)."""
    segments = sorted(store.segments(), key=lambda s: (s.hour, s.dev, s.part), reverse=True) if store else []
    return {
        "format": "gridwitness-page-evidence/1",
        "now_ms": now_ms,
        "bundles": [{"name": b.name, "size_bytes": b.size_bytes, "changed_ms": b.changed_ms} for b in bundles],
        "exportable": list(cases),
        "segments_total": len(segments),
        "segments": [
            {
                "dev": s.dev,
                "hour": s.hour,
                "part": s.part,
                "file": s.file,
                "lines": s.lines,
                "sha256": s.sha256,
                "lines_root": s.lines_root,
                "first": [s.first_boot, s.first_seq],
                "last": [s.last_boot, s.last_seq],
                "closed_ms": s.closed_ms,
            }
            for s in segments[:MOST_SEGMENTS]
        ],
    }
