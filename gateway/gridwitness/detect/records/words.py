"""Faults of records as findings, in words."""

from __future__ import annotations

from gridwitness.detect.records.fault import AMPLITUDE, CLOCK, DEAD, ORDER, PHASE, REPLAYED, SWAPPED, Fault
from gridwitness.domain.finding import BAD_DATA, CANNOT_TELL, CASE, Finding, Subject
from gridwitness.domain.moments import spoken


def finding(fault: Fault, zone: str) -> Finding:
    """Bad data, never a mine: no energy, no odds. Where one of two points could be the one, nobody can tell which."""
    zh, en = _WORDS[fault.kind](fault, spoken(fault.from_ms, zone))
    unsure = fault.rival is not None and fault.kind != SWAPPED
    if unsure:
        zh += f"也可能是 {fault.rival} 的问题：现有记录无法区分。"
        en += f" It may as well be {fault.rival}: the records cannot tell which."
    if fault.refused:
        zh += "此后该记录不参与平衡，直至恢复正常。"
        en += " From when it was known, its record takes no part in a balance until it is right again."
    if fault.hides:
        zh += "它隐藏的电量由功率平衡另行给出。"
        en += " What it hides is for the balance to say."
    return Finding(
        kind=BAD_DATA,
        subject=Subject("point", fault.point),
        status=CANNOT_TELL if unsure else CASE,
        from_ms=fault.from_ms,
        to_ms=fault.end_ms,
        detected_ms=fault.known_ms,
        confidence=None,
        llr=None,
        prior=None,
        explanation_zh=zh,
        explanation_en=en,
    )


def _clock(f: Fault, since: str) -> tuple[str, str]:
    way_zh, way_en = ("落后", "behind") if f.shift_s > 0 else ("超前", "ahead")
    size, u = abs(f.shift_s), max(0.1, 2 * f.u_s)
    return (
        f"自 {since} 起，{f.point} 的记录{way_zh} {size:.0f} s ± {u:.0f} s（k = 2），与其他仪表的变化对比得出。",
        f"From {since} the record of {f.point} lies {size:.0f} s ± {u:.0f} s (k = 2) {way_en}, as the movements of all others tell.",
    )


def _order(f: Fault, since: str) -> tuple[str, str]:
    return (
        f"自 {since} 起，{f.point} 的变化与其他仪表在任何时移下都不相符：记录倒序、打乱、重放，或时间错误很大。",
        f"From {since} the movements of {f.point} agree with the others at no shift in time: its records are reversed, shuffled, played "
        "again, or far off in time.",
    )


def _amplitude(f: Fault, since: str) -> tuple[str, str]:
    for low, high, zh, en in _SIZES:
        if low <= f.factor <= high:
            what_zh, what_en = zh, en
            break
    else:
        what_zh, what_en = "倍率错误或被改动", "its ratio is wrong or was changed"
    return (
        f"自 {since} 起，{f.point} 的读数约为实际的 {f.factor:.2f} 倍：{what_zh}。功率平衡的残差逐点跟随该读数。",
        f"From {since} {f.point} reads {f.factor:.2f} of what flows: {what_en}. The balance's residual follows it in every movement.",
    )


_SIZES = (
    (-1.15, -0.85, "接线反向", "it is connected the wrong way round"),
    (0.62, 0.71, "缺一相", "a phase is missing"),
    (0.29, 0.38, "缺两相或一相反向", "two phases are missing, or one is reversed"),
    (0.72, 0.95, "一相电流或电压被分流、降低", "one phase's current or voltage is diverted or lowered"),
)


def _dead(f: Fault, since: str) -> tuple[str, str]:
    return (
        f"自 {since}，{f.point} 的读数骤降一半以上，而其他仪表均未变化：该发电机仍在发电，仪表缺失、短接或卡死。",
        f"At {since} the reading of {f.point} fell to less than half while all others stood still: the unit still runs, and its instrument "
        "is off, shorted or stuck.",
    )


def _swapped(f: Fault, since: str) -> tuple[str, str]:
    return (
        f"自 {since} 起，{f.point} 与 {f.rival} 的记录互换后平衡才成立。",
        f"From {since} the balance closes only with the records of {f.point} and {f.rival} exchanged.",
    )


def _replayed(f: Fault, since: str) -> tuple[str, str]:
    return (
        f"自 {since} 起，{f.point} 的读数逐值重复了较早的一段：记录被复制或重放。",
        f"From {since} the readings of {f.point} repeat an earlier stretch value for value: the records were duplicated or played again.",
    )


def _phase(f: Fault, since: str) -> tuple[str, str]:
    return (
        f"自 {since} 起，{f.point} 的电压缺相，而同一母线的其他仪表电压正常：电压互感器熔断器或接线问题。",
        f"From {since} {f.point} misses the voltage of a phase that others on its bus still see: a fuse or wire of its voltage circuit.",
    )


_WORDS = {
    CLOCK: _clock, ORDER: _order, AMPLITUDE: _amplitude, DEAD: _dead, SWAPPED: _swapped, REPLAYED: _replayed, PHASE: _phase,
}  # fmt: skip
