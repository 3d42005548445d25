"""The pages: for each one a view (plain values, also the JSON twin) and a template. All of them only read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gridwitness.web import pictures
from gridwitness.web.render import Renderer, json_response
from gridwitness.web.source import Source
from gridwitness.web.text import Words
from gridwitness.web.text.phrases import phrase
from gridwitness.web.views.devices import devices_view
from gridwitness.web.views.evidence import evidence_view
from gridwitness.web.views.finding import finding_view
from gridwitness.web.views.overview import SiteState, overview_view
from gridwitness.web.views.quarantine import quarantine_view
from gridwitness.web.views.sentences import Doc, summary
from gridwitness.web.views.site import DEFAULT_RANGE, RANGES, site_view

Handler = Callable[[Request], Response]
View = tuple[Doc, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its path (the JSON twin is at the same path + ``.json``), its name, what it is for."""

    path: str
    name: str
    about: str

    @property
    def json_path(self) -> str:
        """Path of the JSON twin."""
        return f"{self.path}.json"


PAGES = (
    Page(
        "/",
        "overview",
        "All sites, abnormal first: state, fact, residual ± u95, lower bound of the energy, the last 7 days, data completeness, "
        "since when. ?q= searches.",
    ),
    Page(
        "/sites/{id}",
        "site",
        "One site: single-line diagram with live flows, the balance as a sum, the residual over time, findings, what cannot be "
        "checked. ?range=1h|6h|24h|7d|30d.",
    ),
    Page(
        "/findings/{id}",
        "finding",
        "Why a finding was raised: statistics beside thresholds, energy, prior, innocent explanations, what cannot be seen, how to "
        "export it.",
    ),
    Page("/devices", "devices", "Boards: last record, clock quality, newest seal, gaps, refused payloads."),
    Page("/quarantine", "quarantine", "Refused payloads with their reasons, and contested chains."),
    Page("/evidence", "evidence", "Evidence bundles on disk, findings that can be exported, closed raw segments."),
)
"""Every page. ?lang=zh|en, ?theme=auto|light|dark, ?contrast=normal|more work on each and are remembered in a cookie."""


class Pages:
    """Makes the pages from a source."""

    def __init__(self, source: Source, renderer: Renderer) -> None:
        self.source, self.renderer = source, renderer

    def html(self, page: Page) -> Handler:
        """The handler that answers with HTML."""

        def handler(request: Request) -> Response:
            view, more = self._make(page, request)
            zone = more.pop("zone", None) or self.zone()
            return self.renderer.html(request, f"{page.name}.html", view, now_ms=self.source.now_ms(), zone=zone, **more)

        return handler

    def json(self, page: Page) -> Handler:
        """The handler of the JSON twin."""

        def handler(request: Request) -> Response:
            return json_response(self._make(page, request)[0])

        return handler

    def _make(self, page: Page, request: Request) -> View:
        maker: Callable[[Request, Words], View] = getattr(self, page.name)
        return maker(request, self.renderer.words(request))

    def zone(self) -> str:
        """Zone of the clock on pages that belong to no site: that of the first site."""
        return next((r.site.timezone for r in self.source.registers().values() if r.site), "UTC")

    def overview(self, request: Request, words: Words) -> View:
        """All sites."""
        store, now_ms = self.source.store(), self.source.now_ms()
        registers = self.source.registers()
        known = []
        for register in registers.values():
            if register.site:
                analysis = store.analysis(register.id) if store else None
                complete = self.source.completeness(register.site, analysis[0] if analysis else now_ms)
                known.append(SiteState(register.site, analysis, store.findings(register.id) if store else [], complete))
        broken = {r.id: r.errors for r in registers.values() if r.errors}
        view = overview_view(known, broken, len(store.devices()) if store else 0, now_ms, words, request.query_params.get("q", ""))
        return view, {
            "sparks": {row["id"]: pictures.spark_of(row, now_ms, words) for row in view["sites"]},
            "zones": _zones(registers.values()),
        }

    def site(self, request: Request, words: Words) -> View:
        """One site; 404 for an unknown one."""
        site_id = request.path_params["id"]
        register = self.source.registers().get(site_id)
        if register is None:
            raise HTTPException(404, words("error.404.site", id=site_id))
        if register.site is None:
            raise HTTPException(503, words("overview.broken", site=site_id) + ": " + "; ".join(map(str, register.errors)))
        span = request.query_params.get("range", DEFAULT_RANGE)
        if span not in RANGES:
            raise HTTPException(400, words("error.400.range", range=span, choices=", ".join(RANGES)))
        store, site, now_ms = self.source.store(), register.site, self.source.now_ms()
        analysis = store.analysis(site_id) if store else None
        complete = self.source.completeness(site, analysis[0] if analysis else now_ms)
        found = store.findings(site_id) if store else []
        view = site_view(site, analysis, found, self.source.latest(site_id), complete, now_ms, words, span)
        worst = next((f for f in view["findings"] if f["status"] != "withdrawn"), None)
        return view, {
            "zone": site.timezone,
            "pictures": pictures.site_pictures(site, view, words),
            "sums": pictures.sums(view, words),
            "description": _description(view, words),
            "headline": _headline(view, words),
            "lead": next(
                (f.doc | {"prior": _prior(f.doc, words)} for f in found if worst and f.id == worst["id"] and f.doc.get("energy_wh")), None
            ),
        }

    def finding(self, request: Request, words: Words) -> View:
        """One finding; 404 for an unknown one."""
        store, finding_id = self.source.store(), request.path_params["id"]
        row = store.finding(finding_id) if store else None
        if store is None or row is None:
            raise HTTPException(404, words("error.404.finding", id=finding_id))
        register = self.source.registers().get(row.site)
        site = register.site if register else None
        zone = site.timezone if site else "UTC"
        view = finding_view(site, zone, row, store.finding_history(row.id), self.source.now_ms(), words)
        return view, {"zone": zone, "directory": self.source.directory}

    def devices(self, _: Request, words: Words) -> View:
        """All boards."""
        registers = self.source.registers()
        zones = {r.id: r.site.timezone for r in registers.values() if r.site}
        view = devices_view(self.source.store(), zones, self.source.now_ms())
        return view, {"names": _names(registers.values(), words), "zones": _zones(registers.values())}

    def quarantine(self, _: Request, words: Words) -> View:
        """What was refused."""
        return quarantine_view(self.source.store(), self.source.now_ms(), words), {}

    def evidence(self, _: Request, words: Words) -> View:
        """Bundles and segments."""
        store, registers = self.source.store(), self.source.registers()
        found = [f for f in store.findings() if f.status != "withdrawn"] if store else []
        told = [summary(r.site if (r := registers.get(f.site)) else None, f, words) for f in found]
        view = evidence_view(store, self.source.bundles(), told, self.source.now_ms())
        return view, {"names": _names(registers.values(), words), "directory": self.source.directory}


def _names(registers: Any, words: Words) -> dict[str, str]:
    return {r.id: words.of(r.site.name) for r in registers if r.site}


def _zones(registers: Any) -> str:
    return ", ".join(sorted({r.site.timezone for r in registers if r.site})) or "UTC"


def _description(view: Doc, words: Words) -> str:
    """``水电 · 5.0 MW · 6.3 kV 母线 B1``."""
    plants = [f"{words('plant.' + p['kind'])} {p['rated_w'] / 1e6:.1f} MW" for p in view["site"]["plants"]]
    buses = [words("site.bus_word", kv=f"{b['u_nominal_v'] / 1000:g} kV", id=b["id"]) for b in view["site"]["buses"] if b["u_nominal_v"]]
    return " · ".join([*plants, *buses])


def _headline(view: Doc, words: Words) -> str:
    """The worst kind and how many findings of it there are."""
    alike = [f["kind"] for f in view["findings"] if f["status"] == view["state"]]
    return words("site.headline", kind=words.known(f"kind.{alike[0]}", alike[0]), n=alike.count(alike[0])) if alike else ""


def _prior(doc: Doc, words: Words) -> str:
    return phrase(str((doc.get("prior") or {}).get("source", "—")), words.language)
