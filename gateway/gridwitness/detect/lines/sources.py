"""D4: what could feed an observed line, and by which instruments one would know.

* a **bus**: what leaves its generators and arrives nowhere else, R = ΣG − SS − ΣL − E over its metered branches, moves as the line moves;
  the export of its ties falls as the line rises (past the grid's meters: `dedicated_line_supply`);
* a **tie**'s stretch to its revenue meter: their difference moves as the line moves (`behind_the_meter_supply`);
* a **registered branch**: the line is a part of what its meter already counts: both rise together. That explains the line.

The grid is the source that leaves none of these marks.
"""

from __future__ import annotations

from dataclasses import dataclass

from gridwitness.domain.series import PointSeries
from gridwitness.topology.model import Branch, Plant, Site

BUS, TIE, BRANCH = "bus", "tie", "branch"
SINKS = ("registered_load", "near_area_supply", "station_service", "excitation", "backup_supply", "storage", "compensator")
SERVICE_SHARE = 0.03
"""An unmetered station service, excitation or backup supply may draw so much of the plants' rating."""


@dataclass(frozen=True, slots=True)
class Term:
    """One instrument of a residual; ``sign`` includes the register's. Without readings of a ``needed`` one there is no residual."""

    point: str
    sign: int
    generator: bool = False
    needed: bool = True


@dataclass(frozen=True, slots=True)
class Source:
    """One candidate. ``terms`` sum to what would move with the line; ``outflow`` points whose power falls as the line rises.

    ``upstream`` points whose steps would say that it comes from further up. ``complete``: all generators and ties of the bus are
    metered, so the residual does not depend on how the plant is run.
    """

    kind: str
    id: str
    plants: tuple[Plant, ...]
    terms: tuple[Term, ...]
    outflow: tuple[Term, ...]
    complete: bool
    upstream: tuple[Term, ...] = ()

    @property
    def expected(self) -> int:
        """Sign of the outflow's steps against the line's."""
        return 1 if self.kind == BRANCH else -1


def candidates(site: Site, points: dict[str, PointSeries]) -> list[Source]:
    """Every source that the instruments which have readings or steps could speak of."""
    found = [s for bus in site.buses if (s := _bus(site, bus, points)) is not None]
    for branch in site.branches.values():
        if branch.role == "grid_tie" and branch.point in points and branch.revenue_point in points:
            found.append(_tie(site, branch))
        if branch.role in SINKS and branch.point in points:
            term = Term(branch.point, site.points[branch.point].sign)
            found.append(Source(BRANCH, branch.id, (), (term,), (term,), True))
    return found


def _bus(site: Site, bus: str, points: dict[str, PointSeries]) -> Source | None:
    terms: list[Term] = []
    outflow: list[Term] = []
    complete, outlets = True, 0
    for branch in site.branches_at(bus):
        point = branch.point if branch.point in points else (branch.revenue_point if branch.revenue_point in points else None)
        if branch.role == "observed_line":
            continue
        if point is None:
            complete &= branch.role not in ("generator", "grid_tie", "transfer")
            continue
        sign = site.points[point].sign * (-branch.sign_at_bus if branch.to_bus == bus else branch.sign_at_bus)
        terms.append(Term(point, sign, branch.role == "generator", branch.role not in SINKS))
        outlets += branch.role in ("grid_tie", "transfer")
        if branch.role == "grid_tie" or (branch.role == "transfer" and branch.bus == bus):
            outflow.append(Term(point, site.points[point].sign))
    metered = {b.role for b in site.branches_at(bus) if b.point in points}
    if not outlets and "generator" not in metered:
        return None
    return Source(BUS, bus, site.plants_at(bus), tuple(terms), tuple(outflow), complete and "generator" in metered)


def _tie(site: Site, branch: Branch) -> Source:
    assert branch.point is not None
    assert branch.revenue_point is not None
    near, far = (Term(p, site.points[p].sign) for p in (branch.point, branch.revenue_point))
    plants = site.plants_at(branch.bus) if branch.bus else ()
    return Source(TIE, branch.id, plants, (near, Term(far.point, -far.sign)), (far,), True, (near,))


def unmetered(site: Site, source: Source) -> list[tuple[Branch, float | None]]:
    """Branches of a bus that nothing measures and that the line might be, with what each may draw (W; None: nothing says)."""
    if source.kind != BUS:
        return []
    found: list[tuple[Branch, float | None]] = []
    for branch in site.branches_at(source.id):
        if branch.role in SINKS and branch.point is None:
            customer = site.customers.get(branch.customer or "")
            most = branch.rated_w or (customer.contract_w if customer else None)
            if most is None and branch.role in ("station_service", "excitation", "backup_supply"):
                most = SERVICE_SHARE * site.rated_at(source.id)
            found.append((branch, most))
    return found
