"""The pages' application: routes, live events, errors in plain words."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from gridwitness.domain.clock import Clock
from gridwitness.domain.errors import GridwitnessError
from gridwitness.web import assets
from gridwitness.web.headers import SecurityHeaders
from gridwitness.web.live import Watcher
from gridwitness.web.pages import PAGES, Pages
from gridwitness.web.render import Renderer, json_response
from gridwitness.web.source import Source

HOME_TWIN = "/.json"


def create(directory: Path, clock: Clock, *, language: str = "zh") -> Starlette:
    """The application for one gateway's folder. It reads, and writes nothing. ``language``: for a reader who has not chosen."""
    source, watcher = Source(directory, clock), Watcher(directory)
    renderer = Renderer(language, directory)
    pages = Pages(source, renderer)
    errors = Errors(source, renderer, pages)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        watching = asyncio.create_task(watcher.run())
        yield
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        source.close()

    async def events(_: Request) -> Response:
        return StreamingResponse(watcher.events(), media_type="text/event-stream", headers={"Cache-Control": "no-cache"})

    routes = [Route("/events", events, name="events"), Route("/static/{name}", assets.serve, name="static")]
    for page in PAGES:
        routes.append(Route(page.json_path, pages.json(page), name=f"{page.name}.json"))
        routes.append(Route(page.path, pages.html(page), name=page.name))
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        middleware=[Middleware(SecurityHeaders)],
        exception_handlers={HTTPException: errors.http, GridwitnessError: errors.known, Exception: errors.unknown},
    )
    app.state.watcher = watcher
    return app


class Errors:
    """What went wrong, as a page or as JSON, in words that say what to do next."""

    def __init__(self, source: Source, renderer: Renderer, pages: Pages) -> None:
        self.source, self.renderer, self.pages = source, renderer, pages

    async def http(self, request: Request, error: Exception) -> Response:
        """An unknown address, site or finding, or a request that is not for reading."""
        assert isinstance(error, HTTPException)
        words = self.renderer.words(request)
        status = error.status_code
        if status == 405:
            return await self._answer(request, 405, words("error.405"), words("error.405.sentence"))
        told = error.detail if request.scope.get("endpoint") else words("error.404.page", path=request.url.path)
        hint = words("error.404.hint") if status == 404 else ""
        return await self._answer(request, status, words.known(f"error.{status}", words("error.500")), told, hint)

    async def known(self, request: Request, error: Exception) -> Response:
        """An error of ours: it brings its own sentence and next step."""
        assert isinstance(error, GridwitnessError)
        return await self._answer(request, 503, self.renderer.words(request)("error.503"), error.sentence, error.hint)

    async def unknown(self, request: Request, _: Exception) -> Response:
        """A mistake of the program: the log has it, the reader gets a sentence."""
        words = self.renderer.words(request)
        return await self._answer(request, 500, words("error.500"), words("error.500.sentence"), words("error.500.hint"))

    async def _answer(self, request: Request, status: int, title: str, sentence: str, hint: str = "") -> Response:
        view = {"format": "gridwitness-page-error/1", "status": status, "title": title, "sentence": sentence, "hint": hint}
        if request.url.path.endswith(".json"):
            return json_response(view, status)
        zone = await run_in_threadpool(self._zone)
        return self.renderer.html(request, "error.html", view, now_ms=self.source.now_ms(), zone=zone, status=status)

    def _zone(self) -> str:
        try:
            return self.pages.zone()
        except GridwitnessError:
            return "UTC"
