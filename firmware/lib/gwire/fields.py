"""The field table: every quantity that a ``data`` record may carry.

A value on the wire is an integer; the quantity is ``integer * 10**exp`` in the stated unit. Boards calculate with 32-bit
floats (123456789 becomes 123456792), so nothing that is counted or summed ever passes through a float.

Signs: ``p_w`` is positive INTO the bus for a generator and OFF the bus for every other role once the register's ``sign`` has
been applied; the device sends what its instrument shows. ``ea_imp_wh`` counts positive, ``ea_exp_wh`` negative active power.
"""

# key, unit, exp, lowest and highest integer allowed, group, OBIS code (IEC 62056-6-1, "" where none fits), en, zh
_I32 = 2147483647
_REGISTER_MAX = 1 << 60
_PHASES = (("l1", "L1", "A", 20), ("l2", "L2", "B", 40), ("l3", "L3", "C", 60))


def _phase_rows(stem: str, unit: str, exp: int, low: int, high: int, group: str, obis: int, en: str, zh: str) -> list:
    head, tail = stem.split("*")
    return [
        (head + key + tail, unit, exp, low, high, group, "1-0:%d.7.0" % (obis + offset) if obis else "", en % name, zh % name_zh)
        for key, name, name_zh, offset in _PHASES
    ]


FIELDS = tuple(
    [
        ("p_w", "W", -1, -_I32 * 10, _I32 * 10, "power", "1-0:16.7.0", "active power, sum of phases", "总有功功率"),
        ("q_var", "var", -1, -_I32 * 10, _I32 * 10, "power", "1-0:131.7.0", "fundamental reactive power, sum of phases", "总基波无功功率"),
        ("s_va", "VA", -1, 0, _I32 * 10, "power", "1-0:9.7.0", "apparent power, sum of phases", "总视在功率"),
        ("pf", "1", -4, -10000, 10000, "power", "1-0:13.7.0", "power factor P/S, with the sign of P", "总功率因数"),
        ("f_hz", "Hz", -3, 40000, 70000, "power", "1-0:14.7.0", "mains frequency", "频率"),
    ]
    + _phase_rows("u_*_v", "V", -2, 0, _I32, "power", 12, "voltage %s to neutral, rms", "%s相电压有效值")
    + _phase_rows("i_*_a", "A", -3, 0, _I32, "power", 11, "current %s, rms", "%s相电流有效值")
    + _phase_rows("p_*_w", "W", -1, -_I32 * 10, _I32 * 10, "power", 16, "active power %s", "%s相有功功率")
    + _phase_rows("q_*_var", "var", -1, -_I32 * 10, _I32 * 10, "power", 131, "fundamental reactive power %s", "%s相基波无功功率")
    + _phase_rows("s_*_va", "VA", -1, 0, _I32 * 10, "power", 9, "apparent power %s", "%s相视在功率")
    + [
        ("i_n_a", "A", -3, 0, _I32, "power", "1-0:91.7.0", "neutral current, rms", "中性线电流有效值"),
        ("p_min_w", "W", -1, -_I32 * 10, _I32 * 10, "power", "", "lowest 10-cycle active power of the interval", "区间最小有功功率"),
        ("p_max_w", "W", -1, -_I32 * 10, _I32 * 10, "power", "", "highest 10-cycle active power of the interval", "区间最大有功功率"),
        ("ea_imp_wh", "Wh", 0, 0, _REGISTER_MAX, "power", "1-0:1.8.0", "energy register, positive active power", "正向有功电能"),
        ("ea_exp_wh", "Wh", 0, 0, _REGISTER_MAX, "power", "1-0:2.8.0", "energy register, negative active power", "反向有功电能"),
        ("er_imp_varh", "varh", 0, 0, _REGISTER_MAX, "power", "1-0:3.8.0", "energy register, positive reactive power", "正向无功电能"),
        ("er_exp_varh", "varh", 0, 0, _REGISTER_MAX, "power", "1-0:4.8.0", "energy register, negative reactive power", "反向无功电能"),
        ("windows", "1", 0, 0, 65535, "power", "", "10-cycle windows that the interval is made of", "10周波窗口数"),
        ("coverage_pm", "per mille", 0, 0, 1000, "power", "", "share of the interval that was measured", "测量覆盖率"),
    ]
    + _phase_rows("thd_u_*_pct", "%", -2, 0, 100000, "harm", 0, "total harmonic distortion of U, %s", "%s相电压总谐波畸变率")
    + _phase_rows("thd_i_*_pct", "%", -2, 0, 1000000, "harm", 0, "total harmonic distortion of I, %s", "%s相电流总谐波畸变率")
)
"""Rows ``(key, unit, exp, low, high, group, obis, en, zh)``; ``low`` and ``high`` bound the integer on the wire."""

GROUPS = ("power", "harm", "sig", "series")
"""Groups of a ``data`` record (member ``g``)."""

BY_KEY = {row[0]: row for row in FIELDS}

# Quality word (member q): one bit each. 0 is a record with nothing to be said against it.
Q_PARTIAL = 1
Q_GAPPED = 2
Q_CLOCK = 4
Q_UNCALIBRATED = 8
Q_CLIPPED = 16
Q_FLAGGED = 32
Q_UNLOCKED = 64
Q_FOREIGN = 128
Q_STALE = 256

QUALITY = (
    (Q_PARTIAL, "partial", "less than the whole interval was measured (see coverage_pm)", "区间未完整测量"),
    (Q_GAPPED, "gapped", "the source samples in bursts; never used for energy claims", "间断采样"),
    (Q_CLOCK, "clock", "the clock was not synchronised", "时钟未同步"),
    (Q_UNCALIBRATED, "uncalibrated", "no calibration is stored for this point", "未校准"),
    (Q_CLIPPED, "clipped", "an input was at the end of its range", "输入饱和"),
    (Q_FLAGGED, "flagged", "dip, swell or interruption inside (IEC 61000-4-30 flagging)", "电压事件标记"),
    (Q_UNLOCKED, "unlocked", "no mains frequency to synchronise windows to", "窗口未与电网同步"),
    (Q_FOREIGN, "foreign", "registers of a meter that is not ours", "外部电表寄存器"),
    (Q_STALE, "stale", "the meter did not answer for part of the interval", "电表部分时间无应答"),
)
"""Rows ``(bit, name, en, zh)`` of the quality word."""


def to_wire(key: str, value: float) -> int:
    """The integer that carries ``value`` (in the field's unit), rounded half away from zero.

    Only for quantities that are measured anew each time; registers are integers from the start.
    """
    scaled = value * 10 ** -BY_KEY[key][2]
    return int(scaled + 0.5) if scaled >= 0 else -int(0.5 - scaled)


def from_wire(key: str, integer: int) -> float:
    """The quantity in the field's unit. Divides by a power of ten, so that the nearest double comes out."""
    exp = BY_KEY[key][2]
    return integer / 10**-exp if exp < 0 else float(integer * 10**exp)
