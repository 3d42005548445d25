"""Pages in a real browser: they move by themselves, ask nobody else, complain of nothing, and obey the keyboard."""

import re
from collections.abc import Iterator

import plantroom
import pytest
import shots
from gridwitness.web.text import Words
from playwright.sync_api import Browser, Page, expect

WAIT_MS = 20_000


class Watched:
    """A page with everything it asked for and complained of."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def check(self) -> None:
        """Nothing went to another host, nothing was complained of."""
        assert self.requests
        assert [r for r in self.requests if not r.startswith(self.url + "/")] == []
        assert self.complaints == []


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A browser page of its own, whose own zone is not the site's."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, timezone_id="America/New_York", locale="de-DE")
    yield context.new_page()
    context.close()


def test_a_new_finding_appears_without_reload(page: Page, clean: plantroom.Plantroom, words: Words) -> None:
    with shots.served(clean.directory, clean.until_ms + 60 * 60_000) as url:
        watched = Watched(page, url)
        page.goto(f"{url}/sites/longtan?lang={words.language}")
        expect(page.locator("#pulse.on")).to_be_visible(timeout=WAIT_MS)
        expect(page.locator("main .chip.case")).to_have_count(0)
        expect(page.locator("[data-live=findings]")).to_contain_text(words("site.no_findings.normal"))
        page.evaluate("window.stillTheSamePage = true")

        clean.records(1.0)
        clean.analyse()

        expect(page.locator("tr[data-finding]")).to_have_count(1, timeout=WAIT_MS)
        expect(page.locator("tr[data-finding]")).to_contain_text(words("state.case"))
        expect(page.locator("main .chip.case")).to_contain_text(words("kind.dedicated_line_supply"))
        expect(page.locator(".full svg.sld g.case")).to_contain_text(words("diagram.no_branch"))
        expect(page.locator(".full svg.chart .onset-line")).to_have_count(1)
        expect(page.locator("#announcer")).to_contain_text(words("state.case"))
        assert page.evaluate("window.stillTheSamePage") is True
        assert sum(r == f"{url}/events" for r in watched.requests) == 1
        watched.check()

        page.locator("tr[data-finding] a").click()
        expect(page.locator("h1")).to_contain_text("B1")
        expect(page.locator("[data-live=why]")).to_contain_text(words("detector.bus_balance"))
        watched.check()


def test_every_page_asks_nobody_else_and_complains_of_nothing(page: Page, pages: str, filled: plantroom.Plantroom, words: Words) -> None:
    watched = Watched(page, pages)
    finding = filled.store.findings()[0].id
    for path in ("/", "/sites/longtan", "/sites/qinggou", f"/findings/{finding}", "/devices", "/quarantine", "/evidence"):
        for theme in ("light", "dark"):
            page.goto(f"{pages}{path}?lang={words.language}&theme={theme}")
            expect(page.locator("#pulse.on")).to_be_visible(timeout=WAIT_MS)
    watched.check()


@pytest.mark.parametrize("width", [390, 768, 1440, 2560])
def test_no_page_is_wider_than_the_screen(page: Page, pages: str, filled: plantroom.Plantroom, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    finding = filled.store.findings()[0].id
    for path in ("/", "/sites/longtan", "/sites/qinggou", f"/findings/{finding}", "/devices", "/quarantine", "/evidence"):
        page.goto(f"{pages}{path}?lang=en")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        small = page.evaluate(
            "[...document.querySelectorAll('svg.sld text, svg.chart text')].filter(t => t.getBoundingClientRect().width > 0)"
            ".map(t => parseFloat(getComputedStyle(t).fontSize) * t.ownerSVGElement.getBoundingClientRect().width"
            " / t.ownerSVGElement.viewBox.baseVal.width).filter(size => size < 8)"
        )
        assert small == [], f"{path}: writing of {min(small, default=0):.1f} px in a picture"


def test_times_are_the_sites_whatever_zone_the_browser_has(page: Page, pages: str) -> None:
    page.goto(f"{pages}/sites/longtan?lang=en")
    expect(page.locator(".clock")).to_contain_text("2026-12-01 08:00 +08:00")
    expect(page.locator("[data-live=findings] time").first).to_contain_text("12-01 0")
    chart = page.locator(".full svg.chart").first
    box = chart.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.85, box["y"] + box["height"] / 2)
    readout = page.locator("figure .readout").first
    expect(readout).to_contain_text(re.compile(r"^12-01 0[67]:\d\d\s+9\d(\.\d)? ± \d+(\.\d)? kW$"))


def test_the_keyboard_reaches_everything(page: Page, pages: str) -> None:
    watched = Watched(page, pages)
    page.goto(f"{pages}/?lang=en")
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("qinggou")
    page.keyboard.press("Enter")
    expect(page.locator("tr[data-row]")).to_have_count(1)
    page.goto(f"{pages}/?lang=en")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("Longtan hydro")
    page.keyboard.press("?")
    expect(page.locator("dialog#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog#help")).to_be_hidden()
    for key, heading in (("d", "Devices"), ("q", "Quarantine"), ("e", "Evidence"), ("o", "Overview")):
        page.keyboard.press("g")
        page.keyboard.press(key)
        expect(page.locator("h1")).to_contain_text(heading)
    watched.check()


@pytest.mark.parametrize("look", ["theme=light", "theme=dark", "theme=light&contrast=more", "theme=dark&contrast=more"])
def test_words_stand_out_from_their_ground(page: Page, pages: str, filled: plantroom.Plantroom, look: str) -> None:
    """WCAG 2.2, 1.4.3: a contrast of 4.5 for all words."""
    finding = filled.store.findings()[0].id
    for path in ("/", "/sites/longtan", f"/findings/{finding}", "/devices", "/quarantine"):
        page.goto(f"{pages}{path}?lang=en&{look}")
        assert page.evaluate(CONTRAST) == [], path


CONTRAST = """() => {
  const parse = c => (c.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length === 3 || c[3] > 0) return c; } return [255, 255, 255]; };
  const poor = [];
  for (const e of document.querySelectorAll('main *, header *, footer *')) {
    const said = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    const box = e.getBoundingClientRect();
    if (!said || !box.width || e.closest('[aria-hidden], title, .stale')) continue;
    const style = getComputedStyle(e), ink = parse(e instanceof SVGElement ? style.fill : style.color);
    const [a, b] = [light(ink), light(ground(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const name = `${e.localName}.${e.className.baseVal ?? e.className}`;
    if (ratio < 4.5) poor.push(`${name}: ${e.textContent.trim().slice(0, 20)} ${ratio.toFixed(2)}`);
  }
  return poor;
}"""


def test_a_part_that_is_swapped_keeps_focus_and_open_details(page: Page, clean: plantroom.Plantroom) -> None:
    with shots.served(clean.directory, clean.until_ms) as url:
        page.goto(f"{url}/sites/longtan?lang=en")
        expect(page.locator("#pulse.on")).to_be_visible(timeout=WAIT_MS)
        page.locator("details.numbers summary").first.click()
        page.locator(".ranges a").first.focus()
        before = page.locator("[data-live=live] .result").first.inner_text()
        clean.records(0.5)
        clean.analyse()
        expect(page.locator("[data-live=live] .result").first).not_to_have_text(before, timeout=WAIT_MS)
        expect(page.locator("details.numbers").first).to_have_attribute("open", "")
        expect(page.locator(".ranges a").first).to_be_focused()


def test_without_a_server_the_page_says_that_it_stands_still(page: Page, clean: plantroom.Plantroom) -> None:
    with shots.served(clean.directory, clean.until_ms) as url:
        page.goto(f"{url}/?lang=en")
        expect(page.locator("#pulse.on")).to_be_visible(timeout=WAIT_MS)
    expect(page.locator("#pulse")).to_have_attribute("title", Words("en")("live.off"), timeout=WAIT_MS)
