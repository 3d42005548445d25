"""From the site page's values to its pictures and its sums: the diagram, a chart for each balance, the terms that add up."""

import json
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from gridwitness.domain.moments import HOUR_MS, MINUTE_MS, parse_ms
from gridwitness.topology.model import Site
from gridwitness.web import figures, times
from gridwitness.web.draw.chart import Onset, chart, spark
from gridwitness.web.draw.diagram import Flow, Live, Unknown, draw
from gridwitness.web.draw.layout import lay_out
from gridwitness.web.draw.trace import Trace, trace
from gridwitness.web.figures import MINUS
from gridwitness.web.text import Words
from gridwitness.web.views.sentences import Doc

WIDE_COLUMNS, NARROW_COLUMNS = 5, 3
NARROW_WIDTH = 350.0
TABLE_ROWS = 24
ENERGY_KINDS = ("dedicated_line_supply", "behind_the_meter_supply")


@dataclass(frozen=True, slots=True)
class ChartPicture:
    """One chart in two widths, its numbers for the read-out under the pointer, and its last rows as a table."""

    title: str
    subtitle: str
    wide: Markup
    narrow: Markup
    data: str
    rows: list[tuple[int, figures.Figure]]


@dataclass(frozen=True, slots=True)
class SitePictures:
    """All pictures of a site page; ``wide``: the diagram takes the whole width."""

    diagram: Markup
    diagram_narrow: Markup
    charts: list[ChartPicture]
    wide: bool


def site_pictures(site: Site, view: Doc, words: Words) -> SitePictures:
    """Everything that is drawn on a site page."""
    live = live_of(view)
    unknown, taps = list(live.unknown), list(live.taps)
    full = lay_out(site, columns=WIDE_COLUMNS, unknown_at=unknown, taps_at=taps)
    lanes = any(b.role == "transfer" for b in site.branches.values())
    narrow = lay_out(site, columns=NARROW_COLUMNS - lanes, unknown_at=unknown, taps_at=taps)
    return SitePictures(
        draw(full, site, live, words),
        draw(narrow, site, live, words),
        [_chart(view, balance, words) for balance in view["balances"]],
        wide=full.width > 720,
    )


def live_of(view: Doc) -> Live:
    """What stands on the diagram's lines."""
    flows = {b["id"]: _flow(b) for b in view["branches"]}
    revenue = {b["id"]: _flow(b["revenue"]) for b in view["branches"] if b["revenue"]}
    live = Live(
        flows=flows,
        revenue=revenue,
        u_v={b["id"]: b["u_v"] for b in view["site"]["buses"] if b["u_v"]},
        loss_w=_losses(view),
        unknown=_odd(view, "bus"),
        taps=_odd(view, "branch"),
        marks={b["id"]: b["state"] for b in view["branches"] if b["state"]},
    )
    return live


def _flow(told: Doc) -> Flow:
    return Flow(told["p_w"], told["u95_w"], told["metered"], told["stale"])


def _losses(view: Doc) -> dict[str, float]:
    """The transformer loss stands at a bus's tie, if the bus has just one."""
    losses = {}
    for balance in view["balances"]:
        ties = [b["id"] for b in view["branches"] if b["bus"] == balance["subject"]["id"] and b["role"] == "grid_tie"]
        if balance["subject"]["type"] == "bus" and len(ties) == 1 and balance["loss_w"] is not None:
            losses[ties[0]] = balance["loss_w"]
    return losses


def _odd(view: Doc, subject_type: str) -> dict[str, Unknown]:
    """Lasting findings that energy leaves a bus (or a tie ahead of its revenue meter), with the newest residual there."""
    found: dict[str, Unknown] = {}
    newest = {b["subject"]["id"]: b for b in view["balances"]}
    wanted = ENERGY_KINDS[0] if subject_type == "bus" else ENERGY_KINDS[1]
    for told in view["findings"]:
        subject = told["subject"]
        if (
            told["kind"] != wanted
            or subject["type"] != subject_type
            or told["status"] == "withdrawn"
            or told["to"]
            or subject["id"] in found
        ):
            continue
        balance = newest.get(subject["id"], {"residual_w": told["mean_power_w"], "residual_u95_w": told["mean_power_u95_w"]})
        found[subject["id"]] = Unknown(told["status"], balance["residual_w"], balance["residual_u95_w"])
    return found


def _chart(view: Doc, balance: Doc, words: Words) -> ChartPicture:
    zone, span = view["site"]["timezone"], view["range"]
    series = balance["series"]
    first = balance is view["balances"][0]
    drawn = trace(series["ts_ms"], series["residual_w"], series["u95_w"], span["from_ms"], span["to_ms"])
    narrow = trace(series["ts_ms"], series["residual_w"], series["u95_w"], span["from_ms"], span["to_ms"], most=150)
    title = words("site.chart_bus" if balance["subject"]["type"] == "bus" else "site.chart_tie", id=balance["subject"]["id"])
    label = words("site.chart_label", title=title, power=figures.power(balance["residual_w"], balance["residual_u95_w"]))
    onsets = [
        _onset(f, zone, words) for f in view["findings"] if f["subject"] == balance["subject"] and f["status"] != "withdrawn" and f["from"]
    ]
    ends = span["from_ms"], span["to_ms"]
    return ChartPicture(
        title,
        _subtitle(series["ts_ms"], drawn, words),
        chart(drawn, onsets, *ends, zone, label, height=264.0 if first else 190.0),
        chart(narrow, onsets, *ends, zone, label, NARROW_WIDTH, 230.0 if first else 180.0),
        _numbers(drawn),
        _rows(drawn),
    )


def _subtitle(ts_ms: list[int], drawn: Trace, words: Words) -> str:
    own = ts_ms[1] - ts_ms[0] if len(ts_ms) > 1 else drawn.step_ms
    return words("site.chart_more" if drawn.step_ms > own else "site.chart_raw", step=span_words(drawn.step_ms, words))


def span_words(span_ms: int, words: Words) -> str:
    """``5 min``, ``1 h``."""
    for unit, size in (("h", HOUR_MS), ("m", MINUTE_MS), ("s", 1000)):
        if span_ms >= size and span_ms % size == 0:
            return words("span", n=span_ms // size, unit=words(f"unit.{unit}"))
    return words("span", n=span_ms / 1000, unit=words("unit.s"))


def _onset(told: Doc, zone: str, words: Words) -> Onset:
    at_ms = parse_ms(told["from"])
    return Onset(
        at_ms, told["status"], words("site.onset", at=times.short(at_ms, zone)), to_ms=parse_ms(told["to"]) if told["to"] else None
    )


def _numbers(drawn: Trace) -> str:
    """For the read-out under the pointer: start, step, values and uncertainties in kW, null in a gap."""
    there = [v == v for v in drawn.value_w]
    return json.dumps(
        {
            "from": int(drawn.ts_ms[0]),
            "step": drawn.step_ms,
            "v": [round(float(v) / 1000, 3) if ok else None for v, ok in zip(drawn.value_w, there, strict=True)],
            "u": [round(float(u) / 1000, 3) if ok else None for u, ok in zip(drawn.u95_w, there, strict=True)],
        },
        separators=(",", ":"),
    )


def _rows(drawn: Trace) -> list[tuple[int, figures.Figure]]:
    told = [
        (int(at), figures.power(float(v), float(u))) for at, v, u in zip(drawn.ts_ms, drawn.value_w, drawn.u95_w, strict=True) if v == v
    ]
    return told[-TABLE_ROWS:][::-1]


def spark_of(row: Doc, now_ms: int, words: Words) -> Markup:
    """The small line of a row of the overview."""
    series = row["series"]
    if not series or not series["ts_ms"]:
        return Markup("")
    first, last = series["ts_ms"][0], series["ts_ms"][-1] + MINUTE_MS
    label = words("site.chart_label", title=words("site.residual"), power=figures.power(row["residual_w"], row["residual_u95_w"]))
    return spark(trace(series["ts_ms"], series["residual_w"], series["u95_w"], first, min(last, now_ms) + 1, most=110), row["state"], label)


def sums(view: Doc, words: Words) -> list[dict[str, Any]]:
    """The balance of each subject as a line that adds up, every term with the decimals that the residual deserves."""
    return [_sum(balance, words) for balance in view["balances"] if balance["residual_w"] is not None]


def _sum(balance: Doc, words: Words) -> dict[str, Any]:
    tie = balance["subject"]["type"] == "branch"
    grouped: dict[str, float] = {}
    for term in balance["terms"]:
        name = "tie_side" if tie and term["role"] == "grid_tie" else term["role"]
        grouped[name] = grouped.get(name, 0.0) + term["p_w"]
    spread = balance["residual_u95_w"]
    digits = figures.decimals_for(spread / 1000 if spread else None, 1)
    terms = [(words(f"term.{role}"), p_w) for role, p_w in grouped.items()]
    if balance["loss_w"]:
        terms.append((words("site.loss"), -balance["loss_w"]))
    correction = balance["correction_w"]
    if correction is not None and abs(correction) >= 0.5 * 10 ** (3 - digits):
        terms.append((words("site.correction"), correction))
    return {
        **balance,
        "at": balance["at_ms"],
        "name": words("subject.branch" if tie else "subject.bus", id=balance["subject"]["id"], name=balance["subject"]["id"]).strip(),
        "terms": [
            {"words": name, "sign": ("" if i == 0 else "+") if p_w >= 0 else MINUS, "value": figures.grouped(abs(p_w) / 1000, digits)}
            for i, (name, p_w) in enumerate(terms)
        ],
    }
