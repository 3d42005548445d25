"""The words of an output drop, in Chinese and English."""

from __future__ import annotations

from gridwitness.detect.output.expected import TURBINE
from gridwitness.detect.output.reasons import Reason
from gridwitness.domain.finding import CASE, Alternative, Finding
from gridwitness.domain.moments import spoken

WATER = {TURBINE: ("水轮机流量", "turbine flow"), "inflow_m3s": ("入库流量", "inflow")}
ZH = {
    "the flow gauge reads high since the onset": "流量计自起始时刻起偏大",
    "a dispatch order, limit or line work that holds the output down": "调度指令、限额或线路检修",
    "a trash rack that clogs": "拦污栅堵塞",
    "tailwater in flood, or a reservoir drawn down": "尾水顶托或库水位下降",
    "pondage or ecological flow": "调蓄或生态流量",
    "gauge and water model scatter too widely from day to day for anything but a watch": "流量计与水能模型日间离散过大，只能列为关注",
    "part load or a vibration zone, where this plant's efficiency was never learnt": "低负荷或振动区，该区效率未曾学得",
    "an outage of a unit, or line work": "机组或线路停运",
}


def alternatives(reasons: tuple[Reason, ...]) -> tuple[Alternative, ...]:
    """What was tested, the reasons that could carry the drop first."""
    tested = [Alternative(r.what, r.needed, r.limit, r.inside) for r in reasons if r.tested or r.inside]
    return tuple(sorted(tested, key=lambda a: not a.inside_limits))


def not_observable(reasons: tuple[Reason, ...], source: str) -> tuple[str, ...]:
    """What these records cannot show."""
    notes = [f"not testable: {r.what} ({r.limit})" for r in reasons if not r.tested]
    notes += ["a decline over weeks, or a tap that was there from the first day: both are learnt as the plant's own efficiency"]
    if source != TURBINE:
        notes += ["inflow is no turbine flow: water that is stored, spilled or let past cannot be told from energy that is taken"]
    return tuple(notes)


def explanation(f: Finding, drop: float, source: str, points: tuple[str, ...], reasons: tuple[Reason, ...], zone: str) -> tuple[str, str]:
    """(zh, en)."""
    return " ".join(_zh(f, drop, source, points, reasons, zone)), " ".join(_en(f, drop, source, points, reasons, zone))


def _en(f: Finding, drop: float, source: str, points: tuple[str, ...], reasons: tuple[Reason, ...], zone: str) -> list[str]:
    e = f.energy
    assert e is not None
    span = f"from {spoken(f.from_ms, zone)}" + (f" to {spoken(f.to_ms, zone)}" if f.to_ms else "")
    said = [
        f"The output of {f.subject.id} ({', '.join(points)}) lies {100 * drop:.1f} % below what its {WATER[source][1]} made before, "
        f"{span}: on average {_power(e.mean_power_w)} are missing.",
        f"That makes {_wh(e.energy_wh)} ± {_wh(e.u95_wh)} (k = 2, with the gauge's uncertainty), at least {_wh(e.low_wh)}.",
        f"It is unexplained; ask for the outage log. The drop is {f.contributions[0].value:.1f} standard deviations; "
        f"{f.contributions[0].threshold or 0:.1f} were needed on this plant's own past.",
    ]
    if source != TURBINE:
        said.append("Only the inflow is known, so confidence is low and this is never more than a watch.")
    said += [f"It could still be innocent: {r.what} (needed: {r.needed}; limit: {r.limit})." for r in reasons if r.inside]
    if tested := [r.what for r in reasons if r.tested and not r.inside]:
        said.append(f"Tested and not enough: {'; '.join(tested)}.")
    if untested := [r.what for r in reasons if not r.tested and not r.inside]:
        said.append(f"Not testable with these records: {'; '.join(untested)}.")
    if f.covered_by:
        said.append(f"It is covered by {f.covered_by}.")
    if f.confidence is not None and f.prior:
        said.append(
            f"Probability {f.confidence:.3f} with the stated prior ({f.prior.source}); the likelihood ratio (ln {f.llr:.1f}) "
            "is the evidence alone and not the probability of guilt."
        )
    said.append("This is a physical fact, not an offence." if f.status == CASE else "Worth a look; not yet worth an inspector's trip.")
    return said


def _zh(f: Finding, drop: float, source: str, points: tuple[str, ...], reasons: tuple[Reason, ...], zone: str) -> list[str]:
    e = f.energy
    assert e is not None
    span = f"{spoken(f.from_ms, zone)} 起" + (f"至 {spoken(f.to_ms, zone)}" if f.to_ms else "")
    said = [
        f"{span}，{f.subject.id} 的出力（{'、'.join(points)}）比其{WATER[source][0]}以往所发低 {100 * drop:.1f}%，"
        f"平均缺少 {_power(e.mean_power_w)}。",
        f"合计 {_wh(e.energy_wh)} ± {_wh(e.u95_wh)}（k = 2，含流量计不确定度），至少 {_wh(e.low_wh)}。",
        f"原因不明，请调取停运记录。偏离 {f.contributions[0].value:.1f} 个标准差；按本站历史需 {f.contributions[0].threshold or 0:.1f}。",
    ]
    if source != TURBINE:
        said.append("仅知入库流量，置信度低，至多列为关注。")
    said += [f"仍可能无辜：{_named(r)}。" for r in reasons if r.inside]
    if tested := [_named(r) for r in reasons if r.tested and not r.inside]:
        said.append(f"已检验、不足以解释：{'；'.join(tested)}。")
    if untested := [_named(r) for r in reasons if not r.tested and not r.inside]:
        said.append(f"现有记录无法检验：{'；'.join(untested)}。")
    if f.covered_by:
        said.append(f"该供电有依据：{f.covered_by}。")
    if f.confidence is not None:
        said.append(f"按所列先验概率为 {f.confidence:.3f}；似然比（ln {f.llr:.1f}）只是证据强度，不是有罪的概率。")
    said.append("这是物理事实，不是违法认定。" if f.status == CASE else "值得留意，尚不足以派员检查。")
    return said


def _named(reason: Reason) -> str:
    return ZH[reason.what]


def _power(w: float) -> str:
    return f"{w / 1000:.1f} kW" if abs(w) < 1e6 else f"{w / 1e6:.3f} MW"


def _wh(wh: float) -> str:
    return f"{wh / 1000:.1f} kWh" if abs(wh) < 1e6 else f"{wh / 1e6:.2f} MWh"
