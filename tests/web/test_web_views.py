"""What the pages say, as plain values."""

import json

import numpy as np
import plantroom
import pytest
from gridwitness.domain.moments import HOUR_MS, MINUTE_MS, iso, parse_ms
from gridwitness.domain.series import OK, SUSPECT, PointSeries, SiteReadings
from gridwitness.store import FindingRow
from gridwitness.topology.site import parse
from gridwitness.web import pictures, states
from gridwitness.web.completeness import Completeness, of_readings
from gridwitness.web.text import Words
from gridwitness.web.views.devices import devices_view
from gridwitness.web.views.finding import finding_view, statistic_name
from gridwitness.web.views.overview import SiteState, overview_view
from gridwitness.web.views.quarantine import quarantine_view
from gridwitness.web.views.site import site_view
from gridwitness.web.views.standing import standing

LONGTAN, _ = parse(plantroom.LONGTAN)
QINGGOU, _ = parse(plantroom.QINGGOU)
SHIMEN, _ = parse(plantroom.SHIMEN)
NO_DATA = Completeness(None, 0, 0)


def longtan_view(room: plantroom.Plantroom, words: Words, span: str = "7d", late_ms: int = 0) -> dict:
    store, now_ms = room.store, room.until_ms + late_ms
    return site_view(LONGTAN, store.analysis("longtan"), store.findings("longtan"), store.latest("longtan"), NO_DATA, now_ms, words, span)


def row(status: str, kind: str = "dedicated_line_supply", subject: tuple[str, str] = ("bus", "B1"), **doc: object) -> FindingRow:
    told = {"from": "2026-12-01T05:00:00+08:00", "to": None, **doc}
    return FindingRow(f"s-{kind}-{status}", "longtan", kind, *subject, status, 0, 0, 0, told)


def test_the_sum_under_the_diagram_adds_up(filled: plantroom.Plantroom, words: Words) -> None:
    view = longtan_view(filled, words)
    for balance in view["balances"]:
        terms = sum(t["p_w"] for t in balance["terms"]) - balance["loss_w"] + balance["correction_w"]
        assert terms == pytest.approx(balance["residual_w"], abs=0.11)
    for told in pictures.sums(view, words):
        digits = [float(t["value"].replace("\u202f", "")) * (-1 if t["sign"] == "\u2212" else 1) for t in told["terms"]]
        assert sum(digits) == pytest.approx(told["residual_w"] / 1000, abs=0.5 * len(digits))


def test_the_hidden_load_is_on_the_page_with_its_uncertainty(filled: plantroom.Plantroom, words: Words) -> None:
    view = longtan_view(filled, words)
    assert view["state"] == "case"
    balance = view["balances"][0]
    assert balance["subject"] == {"type": "bus", "id": "B1"}
    assert abs(balance["residual_w"] - plantroom.MINE_W) < balance["residual_u95_w"] + 2_000
    finding = view["findings"][0]
    assert finding["kind"] == "dedicated_line_supply"
    assert abs(parse_ms(finding["from"]) - plantroom.MINE_FROM_MS) <= 10 * MINUTE_MS
    live = pictures.live_of(view)
    assert live.unknown["B1"].state == "case"
    assert live.taps == {}
    assert json.loads(json.dumps(view, allow_nan=False)) == view, "a view is plain JSON"


def test_flows_have_the_registers_sign_and_the_class_uncertainty(filled: plantroom.Plantroom) -> None:
    branches = {b["id"]: b for b in longtan_view(filled, Words("en"))["branches"]}
    assert branches["G1"]["p_w"] > 2e6
    assert 0.005 < branches["G1"]["u95_w"] / branches["G1"]["p_w"] < 0.02, "0.5S with 0.5S and 0.5 transformers, k = 2"
    assert branches["T1"]["revenue"]["u95_w"] < branches["T1"]["u95_w"]
    assert not any(b["stale"] for b in branches.values())
    late = {b["id"]: b for b in longtan_view(filled, Words("en"), late_ms=HOUR_MS)["branches"]}
    assert all(b["stale"] for b in late.values())


def test_a_range_cuts_the_chart_and_nothing_else(filled: plantroom.Plantroom) -> None:
    week, hour = longtan_view(filled, Words("en")), longtan_view(filled, Words("en"), "1h")
    assert len(hour["balances"][0]["series"]["ts_ms"]) == 60
    assert hour["balances"][0]["residual_w"] == week["balances"][0]["residual_w"]
    assert hour["range"]["to_ms"] - hour["range"]["from_ms"] == HOUR_MS


def test_a_withdrawn_finding_is_listed_and_does_not_colour_the_site(filled: plantroom.Plantroom, words: Words) -> None:
    view = site_view(LONGTAN, filled.store.analysis("longtan"), [row("withdrawn")], {}, NO_DATA, filled.until_ms, words)
    assert view["state"] == "normal"
    assert [f["status"] for f in view["findings"]] == ["withdrawn"]
    assert pictures.live_of(view).unknown == {}


def test_findings_on_branches_points_and_plants_mark_their_branch() -> None:
    found = [
        row("watch", "unregistered_load", ("branch", "L1")),
        row("case", "bad_data", ("point", "m-tie")),
        row("cannot_tell", "unexplained_output_drop", ("plant", "P1")),
    ]
    view = site_view(LONGTAN, None, found, {}, NO_DATA, plantroom.START_MS, Words("en"))
    marks = {b["id"]: b["state"] for b in view["branches"]}
    assert marks == {"G1": "cannot_tell", "G2": "cannot_tell", "SS": None, "L1": "watch", "T1": "case"}


def test_a_tap_ahead_of_the_revenue_meter_is_shown_on_the_tie() -> None:
    found = [row("case", "behind_the_meter_supply", ("branch", "T1"), mean_power_w=31e3, energy_wh=1e6, energy_u95_wh=1e5)]
    view = site_view(LONGTAN, None, found, {}, NO_DATA, plantroom.START_MS, Words("zh"))
    live = pictures.live_of(view)
    assert live.taps["T1"].p_w == 31e3
    assert live.taps["T1"].u95_w == pytest.approx(3.1e3)
    assert pictures.site_pictures(LONGTAN, view, Words("zh")).charts == []


def test_normal_is_only_said_of_what_was_really_balanced(filled: plantroom.Plantroom) -> None:
    analysis, now_ms = filled.store.analysis("qinggou"), filled.until_ms
    assert analysis is not None
    assert standing(QINGGOU, analysis, [], now_ms) == "normal"
    assert standing(QINGGOU, None, [], now_ms) == "waiting"
    assert standing(QINGGOU, analysis, [], now_ms + HOUR_MS + 1) == "waiting"
    one_bus = (analysis[0], {**analysis[1], "balance": {"B1": analysis[1]["balance"]["B1"]}})
    assert standing(QINGGOU, one_bus, [], now_ms) == "cannot_tell"
    assert standing(QINGGOU, None, [row("watch"), row("withdrawn")], now_ms) == "watch"


def test_the_overview_puts_what_is_abnormal_first(filled: plantroom.Plantroom, words: Words) -> None:
    store = filled.store
    known = [
        SiteState(SHIMEN, None, [], NO_DATA),
        SiteState(QINGGOU, store.analysis("qinggou"), store.findings("qinggou"), Completeness(0.996, 0, 1)),
        SiteState(LONGTAN, store.analysis("longtan"), store.findings("longtan"), Completeness(0.993, 0, 1)),
    ]
    view = overview_view(known, {}, 5, filled.until_ms, words)
    assert [(r["id"], r["state"]) for r in view["sites"]] == [("longtan", "case"), ("shimen", "waiting"), ("qinggou", "normal")]
    assert view["counts"]["case"] == 1
    first = view["sites"][0]
    assert first["energy_low_wh"] == first["finding"]["energy_low_wh"] > 0
    assert first["since"] == first["finding"]["from"]
    assert overview_view(known, {}, 5, filled.until_ms, words, "青沟")["sites"][0]["id"] == "qinggou"
    assert overview_view(known, {}, 5, filled.until_ms, words, "QINGGOU cas")["sites"][0]["id"] == "qinggou"
    assert overview_view(known, {}, 5, filled.until_ms, words, "nowhere")["sites"] == []


def test_completeness_counts_missing_points_and_bad_intervals() -> None:
    ts = plantroom.START_MS + MINUTE_MS * np.arange(60, dtype=np.int64)
    blank = np.full(60, np.nan)

    def series(name: str, quality: np.ndarray) -> PointSeries:
        return PointSeries(name, ts, np.full(60, MINUTE_MS), np.ones(60), blank, blank, blank, blank, blank, blank, quality)

    half = np.where(np.arange(60) % 2, OK, SUSPECT).astype(np.uint8)
    readings = SiteReadings({name: series(name, np.full(60, OK, np.uint8)) for name in ("m-g1", "m-g2", "m-ss", "m-tie")})
    readings.points["m-l1"] = series("m-l1", half)
    found = of_readings(LONGTAN, readings, plantroom.START_MS + HOUR_MS)
    assert found.share == pytest.approx((4 + 0.5 + 0) / 6), "m-rev is registered and never came"
    assert of_readings(LONGTAN, SiteReadings(), plantroom.START_MS).share is None


def test_a_finding_says_why(filled: plantroom.Plantroom, words: Words) -> None:
    store = filled.store
    told = next(f for f in store.findings("longtan"))
    view = finding_view(LONGTAN, "Asia/Shanghai", told, store.finding_history(told.id), filled.until_ms, words)
    assert view["odds"]["posterior"] == pytest.approx(sum(s["llr"] for s in view["statistics"]) + view["odds"]["prior"])
    first = view["statistics"][0]
    assert first["over"] is True
    assert 0 < first["mark"] < first["bar"] <= 1
    assert view["share_of_rated"] == pytest.approx(told.doc["mean_power_w"] / 5e6)
    assert view["explanation"] == told.doc["explanation"][words.language]
    assert view["alternatives"]
    assert view["not_observable"]
    assert view["finding"] == told.doc, "the fixed document stands unchanged beside the words"


@pytest.mark.parametrize(
    ("key", "said"), [("glr_3d", "GLR, 3 d"), ("glr_5min", "GLR, 5 min"), ("first_day", "load from the first day"), ("odd_x9", "odd_x9")]
)
def test_statistics_have_names(key: str, said: str) -> None:
    assert statistic_name(key, Words("en")) == said


def test_a_lawful_basis_is_told_in_words() -> None:
    told = row("watch", covered_by="supply_licence DL-2019-044")
    view = finding_view(LONGTAN, "Asia/Shanghai", told, [], plantroom.START_MS, Words("zh"))
    assert view["covered_by"] == "供电许可 DL-2019-044"


def test_devices_tell_who_is_silent_and_whose_chain_is_contested(filled: plantroom.Plantroom) -> None:
    zones = {"longtan": "Asia/Shanghai", "qinggou": "Asia/Shanghai"}
    rows = {r["dev"]: r for r in devices_view(filled.store, zones, filled.until_ms)["devices"]}
    assert rows["gw-s"]["state"] == states.CASE
    assert rows["gw-g"]["quarantined"] == 3
    assert rows["gw-g"]["clock_quality"] == 3
    assert rows["gw-g"]["last_seal"]["records"] == 120
    assert rows["gw-g"]["restart_cause"] == "power_on"
    assert rows["gw-t"]["last_record"]["at"] == iso(filled.until_ms, "Asia/Shanghai")
    late = devices_view(filled.store, zones, filled.until_ms + HOUR_MS)["devices"]
    assert {r["state"] for r in late} == {states.CASE, states.WATCH}


def test_quarantine_shows_payloads_as_harmless_text(filled: plantroom.Plantroom, words: Words) -> None:
    view = quarantine_view(filled.store, filled.until_ms, words)
    entry = next(e for e in view["entries"] if e["code"] == "bad_json")
    assert entry["payload"] == "\ufffd\ufffd<script>alert(1)</script>"
    assert entry["what"] == words("refused.bad_json")
    assert view["conflicts"][0]["kind"] == "equivocation"
