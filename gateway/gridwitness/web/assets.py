"""The pages' own files (style, script, icon), served from the package. Their address carries a hash: they may be cached for ever."""

import hashlib
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

FOLDER = Path(__file__).parent / "static"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


def names() -> list[str]:
    """All files that are served."""
    return sorted(path.name for path in FOLDER.iterdir() if path.suffix in _TYPES)


def address(name: str) -> str:
    """``/static/style.css?v=1f2e3d4c``."""
    return f"/static/{name}?v={hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()[:12]}"


async def serve(request: Request) -> Response:
    """One file by its name; only names of the folder are known, so no path leads out of it."""
    name = request.path_params["name"]
    if name not in names():
        return Response(status_code=404)
    path = FOLDER / name
    return Response(path.read_bytes(), media_type=_TYPES[path.suffix], headers={"Cache-Control": "public, max-age=31536000, immutable"})
