"""Reading ``site.yaml``: strict, and every problem at once.

An undefined or doubly defined id, a wrong role or class, a missing or malformed field is an error; an unknown field is a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from gridwitness.domain.errors import InputError, Problem
from gridwitness.topology import model
from gridwitness.topology.model import (
    Branch,
    Bus,
    Customer,
    Hydro,
    LawfulBasis,
    Line,
    Losses,
    Order,
    Outage,
    Plant,
    Point,
    Site,
    TieLoss,
)
from gridwitness.topology.nodes import Findings, Record, compose

__all__ = ["Branch", "Bus", "Customer", "LawfulBasis", "Line", "Losses", "Order", "Outage", "Plant", "Point", "Site", "load", "parse"]

FORMAT = "gridwitness-site/1"
T = TypeVar("T")


def load(path: Path) -> tuple[Site, list[Problem]]:
    """Site and warnings of a register file; InputError with every error (file, line, field) otherwise."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(str(path), [Problem(str(path), None, None, f"cannot be read: {error}")]) from error
    return parse(text, str(path))


def parse(text: str, file: str = "site.yaml") -> tuple[Site, list[Problem]]:
    """The same for a text that came from elsewhere (``file`` names it in messages)."""
    findings = Findings(file)
    site = _Reader(Record(compose(text, findings), "", findings), findings).site()
    if findings.errors:
        raise InputError(file, sorted(findings.errors, key=lambda p: p.line or 0), "nothing was analysed; correct the register first")
    return site, findings.warnings


class _Reader:
    """Builds the records, then checks what they refer to."""

    def __init__(self, root: Record, findings: Findings) -> None:
        self.root, self.findings, self.zone = root, findings, "UTC"
        self._measures: dict[str, str] = {}

    def site(self) -> Site:
        root = self.root
        if (told := root.text("format", required=True)) not in (None, FORMAT):
            root.wrong("format", f"{told!r} cannot be read", f"this version reads {FORMAT}")
        head = root.record("site", required=True)
        ident, name = (head.identifier() or "", self._name(head)) if head else ("", {})
        if head:
            self.zone = self._timezone(head)
            head.done()
        buses = self._all("buses", self._bus, required=True)
        points = self._all("points", self._point)
        customers = self._all("customers", self._customer)
        plants = self._all("plants", lambda r: self._plant(r, buses))
        branches = self._all("branches", lambda r: self._branch(r, buses, plants, points, customers))
        orders = self._all("orders", lambda r: self._order(r, branches))
        lines = self._all("lines", lambda r: self._line(r, branches, points))
        outages = tuple(self._outage(r, plants) for r in root.records("outages"))
        monitored = root.time("monitored_from", self.zone)
        root.done()
        name = name or {"zh": ident, "en": ident}
        return Site(ident, name, self.zone, buses, plants, branches, points, customers, orders, outages, lines, monitored)

    def _all(self, name: str, read: Callable[[Record], T], required: bool = False) -> dict[str, T]:
        found: dict[str, T] = {}
        for record in self.root.records(name, required):
            ident = record.identifier()
            item = read(record)
            record.done()
            if ident is None:
                continue
            if ident in found:
                record.wrong("id", f"{ident!r} is given twice in {name}")
            found[ident] = item
        return found

    def _timezone(self, head: Record) -> str:
        zone = head.text("timezone", required=True) or "UTC"
        try:
            ZoneInfo(zone)
        except (ValueError, OSError, KeyError):
            head.wrong("timezone", f"{zone!r} is no time zone", "an IANA name, for instance Asia/Shanghai")
            return "UTC"
        return zone

    def _name(self, record: Record) -> dict[str, str]:
        names = record.record("name")
        if names is None:
            return {}
        read = {code: text for code in ("zh", "en") if (text := names.text(code))}
        names.done()
        some = next(iter(read.values()), "")
        return {code: read.get(code, some) for code in ("zh", "en")} if some else {}

    def _ref(self, record: Record, name: str, among: Mapping[str, object], required: bool = False) -> str | None:
        value = record.text(name, required)
        if value is not None and value not in among:
            record.wrong(name, f"{value!r} is not defined", f"defined: {', '.join(among) or 'none'}")
            return None
        return value

    def _instrument(self, record: Record, name: str, points: Mapping[str, Point]) -> str | None:
        """A point is one instrument on one branch: energy that is counted twice would balance a hidden load away."""
        point = self._ref(record, name, points)
        if point is None:
            return None
        if point in self._measures:
            record.wrong(name, f"{point!r} already measures {self._measures[point]}", "one instrument measures one branch")
        self._measures[point] = f"{record.text('id')} ({name})"
        return point

    def _basis(self, record: Record) -> LawfulBasis | None:
        basis = record.record("lawful_basis")
        if basis is None:
            return None
        read = LawfulBasis(
            basis.text("type", required=True, among=model.LAWFUL_BASES) or "",
            basis.text("ref"),
            basis.time("from", self.zone),
            basis.time("to", self.zone, end=True),
            basis.number("limit_w", least=0),
        )
        basis.done()
        return read

    def _bus(self, r: Record) -> Bus:
        return Bus(r.text("id") or "", r.number("u_nominal_v", above=0))

    def _plant(self, r: Record, buses: Mapping[str, Bus]) -> Plant:
        hydro = losses = None
        if (h := r.record("hydro")) is not None:
            hydro = Hydro(h.number("head_m", above=0), h.number("efficiency", above=0), h.number("rated_flow_m3s", above=0))
            h.done()
        if (x := r.record("losses")) is not None:
            names = ("no_load_w", "no_load_u_w", "load_at_rated_w")
            losses = Losses(*(x.number(name, least=0) or 0.0 for name in names))
            x.done()
        return Plant(
            r.text("id") or "",
            r.text("kind", required=True, among=model.PLANT_KINDS) or "",
            self._ref(r, "bus", buses, required=True) or "",
            r.number("rated_w", required=True, above=0) or 0.0,
            hydro,
            losses or Losses(),
            self._basis(r),
        )

    def _branch(
        self,
        r: Record,
        buses: Mapping[str, Bus],
        plants: Mapping[str, Plant],
        points: Mapping[str, Point],
        customers: Mapping[str, Customer],
    ) -> Branch:
        role = r.text("role", required=True, among=model.ROLES) or ""
        loss = TieLoss()
        if (x := r.record("tie_loss")) is not None:
            loss = TieLoss(x.number("no_load_w", least=0) or 0.0, x.number("at_rated_w", least=0) or 0.0)
            x.done()
        return Branch(
            r.text("id") or "",
            self._ref(r, "bus", buses, required=role != "observed_line"),
            role,
            self._ref(r, "plant", plants),
            self._instrument(r, "point", points),
            self._instrument(r, "revenue_point", points),
            self._ref(r, "to_bus", buses, required=role == "transfer"),
            self._ref(r, "customer", customers),
            r.text("licence"),
            r.number("rated_w", above=0),
            loss,
            self._basis(r),
        )

    def _point(self, r: Record) -> Point:
        sign = r.number("sign")
        if sign not in (None, 1.0, -1.0):
            r.wrong("sign", f"{sign:g} is out of range", "1, or -1 for an instrument mounted the other way round")
        clock_u_s = r.number("clock_u_s", least=0)
        return Point(
            r.text("id") or "",
            r.text("kind", required=True, among=model.POINT_KINDS) or "",
            r.text("meter_class", required=True, among=model.METER_CLASSES) or "",
            r.text("ct_class", among=model.CT_CLASSES),
            r.text("vt_class", among=model.VT_CLASSES),
            r.number("i_rated_a", above=0),
            -1 if sign == -1 else 1,
            2.0 if clock_u_s is None else clock_u_s,
            r.text("ct_position", among=model.CT_POSITIONS),
        )

    def _customer(self, r: Record) -> Customer:
        ident = r.text("id") or ""
        name = self._name(r) or {"zh": ident, "en": ident}
        return Customer(ident, name, r.text("sector"), r.number("contract_w", least=0), self._basis(r))

    def _order(self, r: Record, branches: Mapping[str, Branch]) -> Order:
        branch = self._ref(r, "branch", branches, required=True) or ""
        return Order(r.text("id") or "", branch, r.time("from", self.zone, required=True) or 0)

    def _outage(self, r: Record, plants: Mapping[str, Plant]) -> Outage:
        read = Outage(
            self._ref(r, "plant", plants, required=True) or "",
            r.time("from", self.zone, required=True) or 0,
            r.time("to", self.zone, end=True),
            r.text("reason") or "",
            r.number("limit_w", least=0),
        )
        r.done()
        return read

    def _line(self, r: Record, branches: Mapping[str, Branch], points: Mapping[str, Point]) -> Line:
        ties = r.texts("ties", required=True)
        for tie in ties:
            if tie not in branches:
                r.wrong("ties", f"{tie!r} is not defined", f"defined: {', '.join(branches) or 'none'}")
        return Line(
            r.text("id") or "",
            ties,
            self._ref(r, "revenue_point", points, required=True) or "",
            r.number("length_km", least=0),
            r.number("r_ohm", least=0),
            r.text("loss_owner"),
        )
