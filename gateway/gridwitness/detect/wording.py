"""The words of a finding, in Chinese and English: plain sentences, every number with its unit and uncertainty."""

from __future__ import annotations

from gridwitness.detect.balance import Plan
from gridwitness.detect.suspects import Suspect
from gridwitness.domain.finding import BEHIND_THE_METER_SUPPLY, CALIBRATION_CONFLICT, CASE, Energy, Finding
from gridwitness.domain.moments import spoken


def explanation(finding: Finding, plan: Plan, zone: str) -> tuple[str, str]:
    """(zh, en)."""
    points = "、".join(c.point.id for c in plan.channels), ", ".join(c.point.id for c in plan.channels)
    return " ".join(_zh(finding, points[0], zone)), " ".join(_en(finding, points[1], zone))


def not_observable(plan: Plan) -> tuple[str, ...]:
    """What this balance cannot see."""
    notes = []
    generators = [c.point.id for c in plan.channels if c.role == "generator"]
    if generators:
        notes.append(f"no instrument upstream of {', '.join(generators)}: a tap at the generator terminals would not be seen")
    if plan.kind == BEHIND_THE_METER_SUPPLY:
        plant_side, revenue = (c.point.id for c in plan.channels)
        notes.append(f"only the stretch from {plant_side} to {revenue} is balanced: taps before or after it would not be seen here")
    notes += [f"{b.id} ({b.role}) is not metered: its range was added to the uncertainty" for b in plan.unmetered]
    return tuple(notes)


def instrument(point: str, suspect: Suspect, from_ms: int, zone: str) -> tuple[str, str]:
    """(zh, en) for an instrument at fault."""
    since = spoken(from_ms, zone)
    if suspect.mark == "shifted":
        minutes, way = abs(suspect.shift_ms) / 60_000, ("late", "慢") if suspect.shift_ms > 0 else ("early", "快")
        return (
            f"{point} 的记录只有平移约 {minutes:.0f} 分钟（其时钟偏{way[1]}）才与其余仪表相符；时钟校正之前，不能据此平衡作任何判断。",
            f"The record of {point} fits the other instruments only when it is shifted by about {minutes:.0f} min (its clock is {way[0]}). "
            "Until the clock is right this balance can decide nothing.",
        )
    return (
        f"{since} 起 {point} 的读数减少的量正是平衡残差增加的量，其余仪表没有变化："
        "该表被旁路、反接、短接或取下，或其负荷被移到别处。请现场查看。",
        f"From {since} the reading of {point} fell by just what the balance gained, while every other instrument stood still: "
        "it was bypassed, reversed, shorted or taken off, or its load was moved elsewhere. Look at it on site.",
    )


def _power(w: float) -> str:
    return f"{w / 1000:.1f} kW" if abs(w) < 1e6 else f"{w / 1e6:.3f} MW"


def _mean(e: Energy) -> str:
    """Mean power with the uncertainty that the energy has."""
    u95_w = e.u95_wh / e.energy_wh * e.mean_power_w if e.energy_wh else 0.0
    return f"{_power(e.mean_power_w)} ± {_power(abs(u95_w))}"


def _wh(wh: float) -> str:
    return f"{wh / 1000:.1f} kWh" if abs(wh) < 1e6 else f"{wh / 1e6:.2f} MWh"


def _en(f: Finding, points: str, zone: str) -> list[str]:
    said = _energy_en(f, zone) if f.energy else []
    if f.contributions:
        c = f.contributions[0]
        said.append(
            f"The balance of {points} lies {c.value:.1f} standard deviations beyond instrument errors, losses and noise; "
            f"{c.threshold or 0:.1f} were needed."
        )
    if f.kind == CALIBRATION_CONFLICT:
        said.append(
            "Calibration would need an instrument outside its class, or a load was there before and ended, or was there from the "
            "first day: the records cannot tell which."
        )
    if f.alternatives:
        a = f.alternatives[0]
        verdict = "that is possible, so this stays a watch." if a.inside_limits else "that is outside its limit."
        said.append(f"The cheapest innocent explanation is that {a.what}: it would need {a.needed}, the limit is {a.limit}; {verdict}")
    if f.covered_by:
        said.append(f"It is covered by {f.covered_by}.")
    if f.confidence is not None and f.prior:
        said.append(
            f"Probability {_probability(f.confidence)} with the stated prior ({f.prior.source}); the likelihood ratio (ln {f.llr:.1f}) "
            "is the evidence alone and not the probability of guilt."
        )
    said.append("This is a physical fact, not an offence." if f.status == CASE else "Worth a look; not yet worth an inspector's trip.")
    return said


def _energy_en(f: Finding, zone: str) -> list[str]:
    e = f.energy
    assert e is not None
    if f.kind == BEHIND_THE_METER_SUPPLY:
        where = f"passes the plant-side instrument of {f.subject.id} and does not arrive at its revenue meter"
    else:
        where = f"leaves the generators of {f.subject.id} and arrives on no registered branch"
    span = f"from {spoken(f.from_ms, zone)}" + (f" to {spoken(f.to_ms, zone)}" if f.to_ms else "")
    said = [
        f"On average {_mean(e)} {where}, {span}.",
        f"That makes {_wh(e.energy_wh)} ± {_wh(e.u95_wh)} (k = 2), at least {_wh(e.low_wh)}.",
    ]
    if e.hours_unmeasured > 0.01:
        said.append(f"{_wh(e.filled_wh)} of it is estimated for {e.hours_unmeasured:.2f} h without complete readings.")
    return said


def _zh(f: Finding, points: str, zone: str) -> list[str]:
    said = _energy_zh(f, zone) if f.energy else []
    if f.contributions:
        c = f.contributions[0]
        said.append(f"{points} 的功率平衡超出仪表误差、损耗和噪声 {c.value:.1f} 个标准差（阈值 {c.threshold or 0:.1f}）。")
    if f.kind == CALIBRATION_CONFLICT:
        said.append("要么某只仪表超出其准确度等级，要么自记录首日起就有（或曾有而已停止）未登记负荷；现有记录无法区分。")
    if f.alternatives:
        a = f.alternatives[0]
        verdict = "有此可能，故仅列为关注。" if a.inside_limits else "已超出其限值。"
        said.append(f"最容易成立的无辜解释：{_translated(a.what)}，需要 {a.needed}，限值 {a.limit}，{verdict}")
    if f.covered_by:
        said.append(f"已有合法依据：{f.covered_by}。")
    if f.confidence is not None and f.prior:
        said.append(f"在先验 1 % 下概率为 {_probability(f.confidence)}；似然比（ln {f.llr:.1f}）只是证据强度，不是有罪概率。")
    said.append("这是物理事实，不是违法认定。" if f.status == CASE else "值得查看，尚不足以派员检查。")
    return said


def _energy_zh(f: Finding, zone: str) -> list[str]:
    e = f.energy
    assert e is not None
    if f.kind == BEHIND_THE_METER_SUPPLY:
        where = f"流过联络线 {f.subject.id} 的电厂侧计量点，却没有到达关口表"
    else:
        where = f"流出 {f.subject.id} 的发电机，却没有到达任何登记支路"
    span = f"自 {spoken(f.from_ms, zone)} " + (f"至 {spoken(f.to_ms, zone)}" if f.to_ms else "起")
    said = [
        f"{span}，平均 {_mean(e)} {where}。",
        f"电量 {_wh(e.energy_wh)} ± {_wh(e.u95_wh)}（k = 2），至少 {_wh(e.low_wh)}。",
    ]
    if e.hours_unmeasured > 0.01:
        said.append(f"其中 {_wh(e.filled_wh)} 为 {e.hours_unmeasured:.2f} 小时无完整读数期间的估计值。")
    return said


_WORDS = {
    "the no-load loss is higher than registered": "空载损耗高于登记值",
    "began to read high": "开始偏高",
    "began to read low": "开始偏低",
    "reads high": "偏高",
    "reads low": "偏低",
}


def _translated(what: str) -> str:
    for english, chinese in _WORDS.items():
        what = what.replace(english, chinese)
    return what


def _probability(p: float) -> str:
    return f"{100 * p:.1f} %"
