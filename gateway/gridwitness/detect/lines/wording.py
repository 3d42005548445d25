"""The words of findings about lines and orders, in Chinese and English."""

from __future__ import annotations

from collections.abc import Sequence

from gridwitness.detect.lines.attribution import Belief
from gridwitness.detect.lines.island import Island
from gridwitness.detect.lines.meter import Load
from gridwitness.domain.finding import CASE, Alternative, Energy
from gridwitness.domain.moments import spoken
from gridwitness.topology.model import Order

_LIKELY, _SPEAKS = 0.95, 2.3
_FACT = "这是物理事实，不是违法认定。", "This is a physical fact, not an offence."
_LOOK = "值得查看，尚不足以派员检查。", "Worth a look; not yet worth an inspector's trip."


def power(w: float) -> str:
    """A power with a fitting unit."""
    return f"{w / 1000:.1f} kW" if abs(w) < 1e6 else f"{w / 1e6:.3f} MW"


def _wh(wh: float) -> str:
    return f"{wh / 1000:.1f} kWh" if abs(wh) < 1e6 else f"{wh / 1e6:.2f} MWh"


def _amount(e: Energy | None) -> tuple[str, str]:
    if e is None:
        return "", ""
    zh = f"电量 {_wh(e.energy_wh)} ± {_wh(e.u95_wh)}（k = 2），至少 {_wh(e.low_wh)}。"
    en = f"That makes {_wh(e.energy_wh)} ± {_wh(e.u95_wh)} (k = 2), at least {_wh(e.low_wh)}."
    if e.hours_unmeasured > 0.01:
        zh += f"其中 {_wh(e.filled_wh)} 为 {e.hours_unmeasured:.2f} 小时无读数期间的估计值。"
        en += f" {_wh(e.filled_wh)} of it is estimated for {e.hours_unmeasured:.2f} h without readings."
    return zh, en


def _closing(status: str, lawful: str | None) -> tuple[str, str]:
    zh, en = _FACT if status == CASE else _LOOK
    return (f"已有合法依据：{lawful}。{zh}", f"It is covered by {lawful}. {en}") if lawful else (zh, en)


def _odds(llr: float, confidence: float) -> tuple[str, str]:
    return (
        f"在先验 1 % 下概率为 {100 * confidence:.1f} %；似然比（ln {llr:.1f}）只是证据强度，不是有罪概率。",
        f"Probability {100 * confidence:.1f} % with the stated prior (default 1 %); the likelihood ratio (ln {llr:.1f}) is the evidence "
        "alone and not the probability of guilt.",
    )


def restart(
    one: Load,
    order: Order,
    amount: Energy | None,
    mean_on_w: float,
    returned: bool,
    status: str,
    from_ms: int,
    lawful: str | None,
    zone: str,
) -> tuple[str, str]:
    """(zh, en) of load on a branch under a cut-off order."""
    since, ordered = spoken(from_ms, zone), spoken(order.from_ms, zone)
    how = ("停用后负荷重新出现", "it carries load again") if returned else ("负荷一直没有停下", "its load never went")
    return _joined(
        (
            f"{one.branch.id} 自 {ordered} 起受停电令 {order.id} 约束，{how[0]}：自 {since} 起，有负荷时平均 {power(mean_on_w)}"
            f"（{one.point.id} 的读数；低于 {power(one.floor_w)} 不计）。",
            f"{one.branch.id} is under cut-off order {order.id} since {ordered}, and {how[1]}: from {since}, on average {power(mean_on_w)} "
            f"while it runs (by {one.point.id}; less than {power(one.floor_w)} does not count).",
        ),
        _amount(amount),
        (
            "似然比只说明负荷存在，不说明由谁送电。",
            "The likelihood ratio says that there is load, not who switched it on, and is not the probability of guilt.",
        ),
        _closing(status, lawful),
    )


def sources(likely: Sequence[tuple[str, float]]) -> tuple[str, str]:
    """The likelihood of each source in a sentence."""
    zh = "、".join(f"{'电网' if n == 'grid' else n} {_share(p)}" for n, p in likely)
    en = ", ".join(f"{'the grid' if n == 'grid' else n} {_share(p)}" for n, p in likely)
    if len(likely) == 1 or likely[0][1] < _LIKELY:
        return (
            f"各电源的可能性（等先验）：{zh}；尚不能断定电源。",
            f"Likelihood of each source at equal priors: {en}; which one cannot be told.",
        )
    return f"各电源的可能性（等先验）：{zh}。", f"Likelihood of each source at equal priors: {en}."


def supply(
    one: Load, belief: Belief, at: int, amount: Energy | None, status: str, likely: Sequence[tuple[str, float]],
    alternatives: Sequence[Alternative], lawful: str | None, from_ms: int, odds: tuple[float, float], zone: str,
) -> tuple[str, str]:  # fmt: skip
    """(zh, en) of a source that feeds the line past the grid; ``odds`` are (llr, confidence)."""
    source, pairs, since = belief.source.id, int(belief.pairs[at]), spoken(from_ms, zone)
    mean = power(amount.mean_power_w) if amount else ""
    seems = ("由", "is fed from") if status == CASE or lawful else ("可能由", "may be fed from")
    said = [
        (
            f"观测线路 {one.branch.id} 自 {since} 起平均 {mean}，{seems[0]} {source} 供电，绕过电网计量。",
            f"The observed line {one.branch.id} carries {mean} on average from {since} and {seems[1]} {source}, past the grid's meter.",
        ),
        _amount(amount),
    ]
    if pairs:
        chance = f"{belief.accidental[at]:.2g}"
        said.append(
            (
                f"{pairs} 次投切与 {source} 的功率阶跃同时发生（偶然应有约 {chance} 次）。",
                f"{pairs} of its steps coincide with steps of {source} ({chance} expected by accident).",
            )
        )
    if belief.movements[at] > _SPEAKS:
        said.append((f"{source} 的不平衡功率随该线路升降。", f"What {source} misses rises and falls with the line."))
    said.append(sources(likely))
    for a in alternatives:
        if a.inside_limits:
            needed = f"{_translated(a.what)}（{a.needed}，限值 {a.limit}）", f"{a.what} ({a.needed}, limit {a.limit})"
            said.append((f"另一种可能：{needed[0]}。", f"It may also be that {needed[1]}."))
    return _joined(*said, _odds(*odds), _closing(status, lawful))


def islanded(
    one: Load, run: Island, amount: Energy | None, status: str, lawful: str | None, odds: tuple[float, float], zone: str
) -> tuple[str, str]:
    """(zh, en) of a line on an island."""
    assert run.plant is not None
    since, apart = spoken(run.from_ms, zone), f"{run.apart_hz:+.3f} Hz"
    return _joined(
        (
            f"观测线路 {one.branch.id} 自 {since} 起与电网不同步：频率与 {run.reference} 相差 {apart}，"
            f"共 {run.hours:.1f} 小时，当时电网有电。"
            f"它由 {run.plant.id} 孤网供电。",
            f"From {since} the observed line {one.branch.id} does not run with the grid: its frequency lies {apart} from that of "
            f"{run.reference}, for {run.hours:.1f} h, while the grid was alive. {run.plant.id} feeds it on an island.",
        ),
        _amount(amount),
        _odds(*odds),
        _closing(status, lawful),
    )


def unregistered(
    one: Load, amount: Energy | None, status: str, likely: Sequence[tuple[str, float]], lawful: str | None, from_ms: int,
    stops_ms: int | None, zone: str,
) -> tuple[str, str]:  # fmt: skip
    """(zh, en) of a load that no register entry explains; ``stops_ms`` when its source was found."""
    since, mean = spoken(from_ms, zone), power(amount.mean_power_w) if amount else ""
    known = ("", "")
    if stops_ms is not None:
        known = (f"{spoken(stops_ms, zone)} 起其来源已另行说明。", f"From {spoken(stops_ms, zone)} on its source is explained elsewhere.")
    return _joined(
        (
            f"观测线路 {one.branch.id} 自 {since} 起平均 {mean}，登记中没有说明该负荷的条目。",
            f"The observed line {one.branch.id} carries {mean} on average from {since}, and no entry of the register explains it.",
        ),
        _amount(amount),
        sources(likely),
        known,
        ("电网的普通用户也会如此；请核对供电登记。", "A customer of the grid looks the same: compare the grid's register."),
        _closing(status, lawful),
    )


def _share(p: float) -> str:
    return f"{100 * p:.1f} %" if p >= 0.001 else "< 0.1 %"


def _translated(what: str) -> str:
    for english, chinese in (
        ("it is the registered supply", "它是已登记的供电"),
        ("it is ", "它是未计量的 "),
        (", which is not metered", ""),
    ):
        what = what.replace(english, chinese)
    return what


def _joined(*said: tuple[str, str]) -> tuple[str, str]:
    return "".join(zh for zh, _ in said), " ".join(en for _, en in said if en)
