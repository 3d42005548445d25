"""From a page's plain values to HTML or JSON."""

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from gridwitness import __version__
from gridwitness.domain.moments import iso, parse_ms
from gridwitness.web import assets, figures, states, times
from gridwitness.web.look import Look, look_of, remember, with_query
from gridwitness.web.text import HTML_LANGUAGE, Words

OTHER = {"zh": "en", "en": "zh"}


class Renderer:
    """Templates with everything that all pages share."""

    def __init__(self, default_language: str, directory: Path) -> None:
        self.default_language, self.directory = default_language, directory
        self._templates = Environment(
            loader=PackageLoader("gridwitness.web"), autoescape=True, undefined=_Missing, trim_blocks=True, lstrip_blocks=True
        )
        self._templates.globals.update(
            static={name: assets.address(name) for name in assets.names()}.__getitem__,
            power=figures.power,
            energy=figures.energy,
            percent=figures.percent,
            number=figures.number,
            count=figures.count,
            size=figures.size,
            signed=figures.signed,
            odds=figures.odds_power,
            probability=figures.probability,
            from_log_odds=figures.from_log_odds,
            full=times.full,
            short=times.short,
            second=times.second,
            iso=iso,
            parse=lambda text: parse_ms(text) if text else None,
            shapes=states.SHAPES,
            software=__version__,
        )

    def look(self, request: Request) -> Look:
        """Language and appearance for a request."""
        return look_of(request, self.default_language)

    def words(self, request: Request) -> Words:
        """The words for a request."""
        return Words(self.look(request).language)

    def html(
        self, request: Request, template: str, view: dict[str, Any], *, now_ms: int, zone: str, status: int = 200, **more: Any
    ) -> Response:
        """A page; ``view`` is what its JSON twin shows, ``more`` are pictures and words made of it."""
        look = self.look(request)
        shared = {
            "v": view,
            "t": Words(look.language),
            "look": look,
            "html_language": HTML_LANGUAGE[look.language],
            "other_language": OTHER[look.language],
            "with_query": lambda **changes: with_query(request, **changes),
            "json_url": json_url(request),
            "clock": {"iso": iso(now_ms, zone), "text": times.full(now_ms, zone)[:16], "zone": times.full(now_ms, zone)[17:]},
            "version": request.app.state.watcher.version,
            "directory": self.directory,
            "query": request.query_params.get("q", ""),
            "section": template.removesuffix(".html"),
            "zone": zone,
        }
        page = self._templates.get_template(template).render(shared | more)
        response = HTMLResponse(page, status_code=status)
        remember(request, response)
        return response


class _Missing(StrictUndefined):
    """A name that a template misspells is an error; ``is defined`` still works for members that a document may lack."""


def json_response(view: dict[str, Any], status: int = 200) -> Response:
    """The JSON twin: UTF-8, no NaN."""
    body = json.dumps(view, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    return Response(body, status_code=status, media_type="application/json")


def json_url(request: Request) -> str:
    """Address of the page's twin, with the same range and language."""
    path = request.url.path
    query = f"?{request.url.query}" if request.url.query else ""
    return (path if path.endswith(".json") else f"{path}.json") + query
