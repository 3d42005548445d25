"""The detection engine: one pure function from register and readings to findings, for files and live data alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gridwitness.detect import instruments, lines, live, records
from gridwitness.detect.balance import Plan, bus_plan, fill, tie_plan
from gridwitness.detect.monitor import follow
from gridwitness.detect.output import drop
from gridwitness.detect.report import findings
from gridwitness.domain.finding import BAD_DATA, CASE, Finding, Subject, Unchecked
from gridwitness.domain.series import DataProblem, PointSeries, SiteReadings
from gridwitness.topology.model import Site


@dataclass(slots=True)
class BalanceSeries:
    """Balance of one bus or tie segment, for the live pages. Arrays of shape (n,), one entry for each complete interval.

    ``ts_ms`` start of the interval; ``residual_w`` what leaves generators and arrives nowhere registered (known instrument
    errors are taken out as far as calibration had learnt them by then); ``u95_w`` its expanded uncertainty (k = 2);
    ``terms`` each branch's latest power in the balance's own sign (generators positive, everything that takes energy
    negative; keys: branch ids, for a tie also its revenue point's id); ``loss_w`` the latest computed loss.
    """

    ts_ms: NDArray[np.int64]
    residual_w: NDArray[np.float64]
    u95_w: NDArray[np.float64]
    terms: dict[str, float]
    loss_w: float


@dataclass(slots=True)
class Analysis:
    """What an analysis says. ``balance`` is keyed by bus id and, for tie segments, by the tie's branch id."""

    findings: list[Finding] = field(default_factory=list)
    cannot_check: list[Unchecked] = field(default_factory=list)
    data_quality: list[DataProblem] = field(default_factory=list)
    balance: dict[str, BalanceSeries] = field(default_factory=dict)
    from_ms: int | None = None
    to_ms: int | None = None


def analyse(site: Site, readings: SiteReadings, *, to_ms: int | None = None, from_ms: int | None = None) -> Analysis:
    """Findings of a site. Pure: the same input gives the same result.

    ``to_ms``: only intervals that ended by then exist. ``from_ms``: earlier intervals still calibrate, findings that end
    before are left out. Default: everything. ``Analysis.from_ms``/``to_ms`` tell the period that was really covered.
    """
    points = {name: _until(series, to_ms) for name, series in readings.points.items()}
    points = {name: series for name, series in points.items() if series.ts_ms.size}
    frozen = {name: instruments.freezes(series) for name, series in points.items()}
    faulty, spoilt, usable = records.find(site, points)
    analysis = Analysis(cannot_check=_without_instruments(site, readings) + records.unchecked(site), findings=faulty)
    _period(analysis, points, from_ms)
    for plan in _plans(site, analysis):
        _one(site, plan, points, usable, analysis)
    for name, stretches in frozen.items():
        analysis.findings += [_frozen(points[name], f) for f in stretches if name in site.points]
    _add(analysis, *lines.find(site, readings, points, to_ms))
    _add(analysis, *drop.find(site, readings, points, to_ms, usable))
    analysis.findings = records.once(analysis.findings)
    analysis.data_quality = _quality(site, readings, points, frozen, to_ms, spoilt)
    if from_ms is not None:
        analysis.findings = [f for f in analysis.findings if f.to_ms is None or f.to_ms >= from_ms]
    analysis.findings.sort(key=lambda f: (f.detected_ms, f.kind, f.subject.id, f.status))
    return analysis


def _add(analysis: Analysis, found: list[Finding], unchecked: list[Unchecked]) -> None:
    """What a detector found and what it could not check."""
    analysis.findings += found
    analysis.cannot_check += unchecked


def _plans(site: Site, analysis: Analysis) -> list[Plan]:
    """Every balance that the register allows; what it does not allow is listed as unchecked."""
    plans: list[Plan] = []
    for bus in site.buses:
        if any(b.role != "observed_line" for b in site.branches_at(bus)):
            _keep(plans, analysis, Subject("bus", bus), bus_plan(site, bus))
    for branch in site.branches.values():
        if branch.role == "grid_tie":
            _keep(plans, analysis, Subject("branch", branch.id), tie_plan(site, branch))
    return plans


def _keep(plans: list[Plan], analysis: Analysis, subject: Subject, plan: Plan | str) -> None:
    if isinstance(plan, str):
        analysis.cannot_check.append(Unchecked(subject, plan))
    else:
        plans.append(plan)


def _one(site: Site, plan: Plan, points: Mapping[str, PointSeries], usable: Mapping[str, NDArray[np.bool_]], analysis: Analysis) -> None:
    """One balance: its findings and its live series, or why there is none."""
    segment = fill(plan, points, usable)
    if segment is None:
        silent = [c.point.id for c in plan.channels if c.point.id not in points or not usable[c.point.id].any()]
        why = f"no usable readings of {', '.join(silent)}" if silent else "its instruments share less than two complete intervals"
        analysis.cannot_check.append(Unchecked(plan.subject, why))
        return
    watch = follow(segment)
    analysis.findings += findings(segment, watch, site.timezone)
    left, spread = live.balance(segment, watch)
    latest = {c.branch: float(w) for c, w in zip(plan.channels, segment.x_w[-1], strict=True)}
    analysis.balance[plan.subject.id] = BalanceSeries(segment.ts_ms, left, spread, latest, float(segment.loss_w[-1]))


def _without_instruments(site: Site, readings: SiteReadings) -> list[Unchecked]:
    """Plants whose output nothing can be held against: a tap before the generators' instruments would never be seen."""
    water = {c.plant for c in readings.context if c.quantity in ("turbine_flow_m3s", "inflow_m3s")}
    found = []
    for plant in site.plants.values():
        if plant.id in water:
            continue
        metered = [b.point for b in site.branches.values() if b.plant == plant.id and b.role == "generator" and b.point]
        if not metered:
            found.append(Unchecked(Subject("plant", plant.id), "no turbine flow and no generator meter"))
        elif plant.kind == "hydro":
            why = f"no turbine flow or inflow: energy taken before {', '.join(metered)} would not be seen"
            found.append(Unchecked(Subject("plant", plant.id), why))
    return found


def _until(series: PointSeries, to_ms: int | None) -> PointSeries:
    """The intervals that ended by ``to_ms``."""
    if to_ms is None or series.ts_ms.size == 0:
        return series
    keep = series.ts_ms + series.dur_ms <= to_ms
    columns = ("ts_ms", "dur_ms", "p_w", "q_var", "u_v", "i_a", "pf", "f_hz", "thd_i_pct", "quality")
    return PointSeries(series.point, *(getattr(series, name)[keep] for name in columns))


def _period(analysis: Analysis, points: Mapping[str, PointSeries], from_ms: int | None) -> None:
    if points:
        first = min(int(s.ts_ms[0]) for s in points.values())
        analysis.from_ms = first if from_ms is None else max(first, from_ms)
        analysis.to_ms = max(int((s.ts_ms + s.dur_ms).max()) for s in points.values())


def _frozen(series: PointSeries, freeze: instruments.Freeze) -> Finding:
    """A reading that stands still is bad data, never a mine."""
    begins, stops = int(series.ts_ms[freeze.first]), series.ts_ms + series.dur_ms
    ends = int(stops[freeze.end - 1])
    value = float(series.p_w[freeze.first])
    return Finding(
        kind=BAD_DATA,
        subject=Subject("point", series.point),
        status=CASE,
        from_ms=begins,
        to_ms=ends if freeze.end < series.ts_ms.size else None,
        detected_ms=int(stops[freeze.known]),
        confidence=None,
        llr=None,
        prior=None,
        explanation_zh=(
            f"{series.point} 的功率读数连续 {freeze.end - freeze.first} 个时段停在 {value:.0f} W：仪表或通信冻结，这些读数不参与平衡。"
        ),
        explanation_en=(
            f"The power of {series.point} stood at {value:.0f} W for {freeze.end - freeze.first} intervals: the instrument or its "
            "telemetry is frozen, and these readings take no part in a balance."
        ),
    )


def _quality(
    site: Site,
    readings: SiteReadings,
    points: Mapping[str, PointSeries],
    frozen: Mapping[str, list[instruments.Freeze]],
    to_ms: int | None,
    spoilt: list[DataProblem],
) -> list[DataProblem]:
    """What the file or store already counted, and what the readings show."""
    found = spoilt + [p for p in readings.problems if to_ms is None or p.from_ms is None or p.from_ms < to_ms]
    for name, series in points.items():
        found += instruments.problems(series, frozen[name])
        if name not in site.points:
            last = int(series.ts_ms[-1] + series.dur_ms[-1])
            found.append(DataProblem(name, "not in the register", int(series.ts_ms[0]), last, int(series.ts_ms.size)))
    return sorted(found, key=lambda p: (p.point, p.problem, p.from_ms or 0))
