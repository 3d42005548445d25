"""What a reader chose: language, light or dark, contrast. In the address for one page, in a cookie from then on."""

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from gridwitness.web.text import LANGUAGES

THEMES = ("auto", "light", "dark")
CONTRASTS = ("normal", "more")
_YEAR_S = 365 * 86_400
_COOKIES = {"lang": LANGUAGES, "theme": THEMES, "contrast": CONTRASTS}


@dataclass(frozen=True, slots=True)
class Look:
    """Language and appearance of one answer."""

    language: str
    theme: str
    contrast: bool


def look_of(request: Request, default_language: str) -> Look:
    """From the address, else the cookie, else the gateway's setting; anything unknown is passed over."""
    return Look(
        _choice(request, "lang", LANGUAGES, default_language),
        _choice(request, "theme", THEMES, "auto"),
        _choice(request, "contrast", CONTRASTS, "normal") == "more",
    )


def _choice(request: Request, name: str, among: tuple[str, ...], default: str) -> str:
    for told in (request.query_params.get(name), request.cookies.get(f"gw_{name}")):
        if told in among:
            return told
    return default


def remember(request: Request, response: Response) -> None:
    """Keep in a cookie what the address chose."""
    for name, among in _COOKIES.items():
        told = request.query_params.get(name)
        if told in among:
            response.set_cookie(f"gw_{name}", told, max_age=_YEAR_S, path="/", samesite="lax", httponly=True)


def with_query(request: Request, **changes: str) -> str:
    """The same page with other choices: the state of a page is its address."""
    kept = {k: v for k, v in request.query_params.items() if k not in changes}
    return f"{request.url.path}?{urlencode(kept | changes)}"
