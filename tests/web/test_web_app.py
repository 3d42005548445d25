"""The pages over HTTP: routes, twins, languages, headers, errors. Served by uvicorn on a free port."""

import json
import re
import urllib.error
import urllib.request
from html.parser import HTMLParser
from http.client import HTTPMessage
from pathlib import Path

import plantroom
import pytest
import shots
from gridwitness.domain.clock import FixedClock
from gridwitness.web import assets, live
from gridwitness.web.app import create
from gridwitness.web.headers import SECURITY
from gridwitness.web.pages import PAGES

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


def get(url: str, **headers: str) -> tuple[int, str, HTTPMessage]:
    """Status, body and headers; an error status is an answer like any other."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), error.headers


def addresses(room: plantroom.Plantroom) -> list[str]:
    """A real address for every page."""
    ids = {"/sites/{id}": ["longtan", "qinggou", "shimen"], "/findings/{id}": [f.id for f in room.store.findings()]}
    return [page.path.replace("{id}", name) for page in PAGES for name in ids.get(page.path, [""])]


class Strict(HTMLParser):
    """Notes what the policy forbids, what a screen reader would miss, and whether elements nest."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.open: list[str] = []
        self.ids: list[str] = []
        self.live: list[str] = []
        self.landmarks: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if "style" in told or any(name.startswith("on") for name in told):
            self.wrong.append(f"<{tag}> carries inline style or script")
        if tag == "script" and "src" not in told:
            self.wrong.append("inline script")
        for name in ("src", "href"):
            if re.match(r"(?:[a-z]+:)?//", told.get(name) or ""):
                self.wrong.append(f"{tag} {name} leaves the machine: {told[name]}")
        if tag == "svg" and not (told.get("aria-label") or told.get("aria-hidden")):
            self.wrong.append("a picture without a label")
        if tag in ("main", "nav", "header", "footer", "h1"):
            self.landmarks.append(tag)
        self.ids += [told["id"] or ""] if "id" in told else []
        self.live += [told["data-live"] or ""] if "data-live" in told else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> closes what is not open")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_is_sound_in_both_languages(pages: str, filled: plantroom.Plantroom, language: str) -> None:
    for path in addresses(filled):
        status, body, headers = get(f"{pages}{path}?lang={language}")
        assert status == 200, path
        assert headers["Content-Type"] == "text/html; charset=utf-8"
        strict = Strict()
        strict.feed(body)
        assert strict.wrong == [], path
        assert strict.open == [], path
        assert len(strict.ids) == len(set(strict.ids)), path
        assert len(strict.live) == len(set(strict.live)), path
        assert strict.landmarks.count("main") == strict.landmarks.count("h1") == 1, path
        assert f'<html lang="{"zh-CN" if language == "zh" else "en"}"' in body
        assert "Undefined" not in body
        assert "nan" not in re.sub(r"<[^>]*>", " ", body).lower().split(), path


def test_every_page_has_a_json_twin_that_says_the_same(pages: str, filled: plantroom.Plantroom) -> None:
    for path in addresses(filled):
        status, body, headers = get(f"{pages}{path}.json")
        assert status == 200, path
        assert headers["Content-Type"] == "application/json"
        assert json.loads(body)["format"].startswith("gridwitness-page-")
        _, page, _ = get(f"{pages}{path}")
        assert f'href="{path}.json"' in page


def test_every_route_is_in_the_table_and_is_described(filled: plantroom.Plantroom) -> None:
    app = create(filled.directory, FixedClock(0))
    paths = {route.path for route in app.routes}  # type: ignore[attr-defined]
    assert paths == {"/events", "/static/{name}"} | {p.path for p in PAGES} | {p.json_path for p in PAGES}
    assert all(len(page.about) > 30 and page.about.endswith(".") for page in PAGES)


def test_security_headers_stand_on_every_answer(pages: str) -> None:
    for path in ("/", "/.json", "/sites/longtan", "/sites/nowhere", "/nothing", assets.address("style.css")):
        _, _, headers = get(pages + path)
        assert {name: headers[name] for name in SECURITY} == SECURITY, path
        assert "server" not in {name.lower() for name in headers}
    assert "'unsafe" not in SECURITY["Content-Security-Policy"]
    assert get(f"{pages}/")[2]["Cache-Control"] == "no-store"
    assert "immutable" in get(pages + assets.address("app.js"))[2]["Cache-Control"]


def test_static_files_are_only_those_of_the_package(pages: str) -> None:
    assert {"style.css", "dark.css", "contrast.css", "app.js", "icon.svg"} == set(assets.names())
    for name in ("../app.py", "%2e%2e%2fapp.py", "nothing.css"):
        assert get(f"{pages}/static/{name}")[0] == 404


def test_language_and_theme_come_from_address_then_cookie_then_setting(pages: str) -> None:
    assert "<h1>总览" in get(f"{pages}/")[1]
    _, body, headers = get(f"{pages}/?lang=en&theme=dark&contrast=more")
    assert "<h1>Overview" in body
    assert 'data-theme="dark"' in body
    assert re.search(r'contrast\.css[^"]*" media="all"', body)
    cookies = [c.split(";")[0] for c in headers.get_all("Set-Cookie")]
    assert sorted(cookies) == ["gw_contrast=more", "gw_lang=en", "gw_theme=dark"]
    assert "<h1>Overview" in get(f"{pages}/", Cookie="gw_lang=en")[1]
    assert "<h1>总览" in get(f"{pages}/?lang=zh", Cookie="gw_lang=en")[1]
    assert "<h1>总览" in get(f"{pages}/?lang=xx", Cookie="gw_lang=yy")[1]


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/sites/nowhere", 404, "没有名为“nowhere”的厂站"),
        ("/findings/none", 404, "没有编号为“none”的发现"),
        ("/nothing/here", 404, "/nothing/here"),
        ("/sites/longtan?range=9y", 400, "1h, 6h, 24h, 7d, 30d"),
    ],
)
def test_errors_are_told_in_plain_words_on_pages_and_in_json(pages: str, path: str, status: int, words: str) -> None:
    told, body, _ = get(pages + path)
    assert told == status
    assert words in body
    bare, _, query = path.partition("?")
    told, body, headers = get(f"{pages}{bare}.json{'?' + query if query else ''}")
    assert told == status
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body)["status"] == status


def test_pages_take_no_writes(pages: str) -> None:
    for method in ("POST", "PUT", "DELETE"):
        request = urllib.request.Request(f"{pages}/", method=method, data=b"x=1")
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=20)
        assert refused.value.code == 405
        refused.value.close()


def test_what_comes_from_outside_is_escaped(pages: str) -> None:
    evil = "%3Cscript%3Ealert(1)%3C%2Fscript%3E"
    for path in (f"/?q={evil}", f"/sites/{evil}", f"/{evil}", f"/sites/longtan?range={evil}", "/quarantine"):
        assert "<script>alert" not in get(pages + path)[1], path


def test_a_folder_without_a_store_says_what_to_wait_for(tmp_path: Path) -> None:
    with shots.served(tmp_path, plantroom.START_MS) as url:
        assert "site.yaml" in get(f"{url}/")[1]
        assert [get(f"{url}{path}")[0] for path in ("/", "/devices", "/quarantine", "/evidence")] == [200] * 4
        (tmp_path / "sites").mkdir()
        (tmp_path / "sites" / "shimen.yaml").write_text(plantroom.SHIMEN, encoding="utf-8")
        (tmp_path / "sites" / "broken.yaml").write_text("format: gridwitness-site/1\nbuses: 7\n", encoding="utf-8")
        _, body, _ = get(f"{url}/?lang=en")
        assert "Shimen II" in body
        assert "sites/broken.yaml:2" in body
        status, body, _ = get(f"{url}/sites/broken?lang=en")
        assert (status, "broken" in body) == (503, True)
        status, body, _ = get(f"{url}/sites/shimen")
        assert (status, "主变" in body) == (200, False)


def test_a_store_of_a_newer_software_is_an_error_with_a_next_step(tmp_path: Path) -> None:
    import sqlite3

    room = plantroom.make(tmp_path / "gateway", 0.0, oddities=False)
    room.close()
    db = sqlite3.connect(tmp_path / "gateway" / "gridwitness.db")
    db.execute("PRAGMA user_version=99")
    db.close()
    with shots.served(tmp_path / "gateway", plantroom.START_MS) as url:
        status, body, _ = get(f"{url}/?lang=en")
        assert status == 503
        assert "use the software that wrote it" in body


def test_the_event_stream_tells_the_version_at_once_and_after_each_change(clean: plantroom.Plantroom) -> None:
    with shots.served(clean.directory, clean.until_ms) as url, urllib.request.urlopen(f"{url}/events", timeout=20) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        assert next_version(stream) == 0
        clean.analyse()
        assert next_version(stream) == 1
        (clean.directory / "bundles" / "new").mkdir()
        assert next_version(stream) == 2


def next_version(stream: object) -> int:
    for line in stream:  # type: ignore[attr-defined]
        if line.startswith(b"data: "):
            return int(json.loads(line[6:])["version"])
    raise AssertionError("the stream ended")


def test_reading_pages_never_holds_up_the_writer(clean: plantroom.Plantroom) -> None:
    with shots.served(clean.directory, clean.until_ms) as url:
        for _ in range(5):
            assert get(f"{url}/sites/longtan")[0] == 200
            with clean.store.transaction() as db:  # an open write transaction does not keep readers out either
                db.execute("UPDATE counters SET value = value + 1")
                assert get(f"{url}/sites/longtan.json")[0] == 200
    assert live.LEAST_BETWEEN_S >= 3 * live.POLL_S
