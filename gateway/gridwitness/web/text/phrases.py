"""Sentences of the analysis in Chinese.

The output of ``gridwitness analyse`` is fixed and carries some sentences in English only (alternatives, what cannot be seen,
what cannot be checked). This table of patterns says them in the reader's language; a sentence without a pattern is shown as
it is, never guessed at.
"""

import re

from gridwitness.web.text.terms import WORDS

_ZH = (
    # alternatives
    (r"(\S+) reads high", "{0} 偏高"),
    (r"(\S+) reads low", "{0} 偏低"),
    (r"(\S+) began to read high", "{0} 开始偏高"),
    (r"(\S+) began to read low", "{0} 开始偏低"),
    (r"the no-load loss is higher than registered", "空载损耗高于登记值"),
    (r"more than (.+)", "超过 {0}"),
    (r"a customer of the grid that this site's register does not know", "本站登记之外的电网用户"),
    (r"the frequency of (\S+) or (\S+) is wrong", "{0} 或 {1} 的频率有误"),
    (r"it is (\S+) \((\w+)\), which is not metered", "它就是未装表的 {0}"),
    (r"it is the registered supply \((.+)\)", "它就是已登记的供电（{0}）"),
    # prior
    (r"default (.+)", "默认 {0}"),
    # what cannot be seen
    (r"no instrument upstream of (.+): a tap at the generator terminals would not be seen", "{0} 之前没有仪表：发电机端子处的分接看不见"),
    (
        r"only the stretch from (\S+) to (\S+) is balanced: taps before or after it would not be seen here",
        "只平衡 {0} 至 {1} 一段：其前后的分接在此看不见",
    ),
    (r"(.+) is not metered: its range was added to the uncertainty", "{0} 未装表：其变化范围已计入不确定度"),
    (r"the conductor itself is not traced: (\S+) feeds (\S+) as far as powers tell", "导线本身未经查勘：就功率所见，{0} 供给 {1}"),
    (r"what (\S+) is connected to is known only as far as its power tells", "{0} 接在何处，只能从其功率推知"),
    (r"only what passes (\S+) is seen: a supply past it would not be", "只看得见经过 {0} 的电量：绕过它的供电看不见"),
    # what cannot be checked
    (r"no instrument on (.+)", "{0} 没有仪表"),
    (r"no generator, tie or transfer is registered on it", "其上没有登记发电机、联络线或母联"),
    (r"no instrument at the plant's side of the tie", "联络线电厂侧没有仪表"),
    (r"no revenue meter is registered", "没有登记关口表"),
    (r"no usable readings of (.+)", "{0} 没有可用读数"),
    (r"its instruments share no complete interval", "其仪表没有共同的完整区间"),
    (r"no turbine flow and no generator meter", "没有水轮机流量，也没有机端表"),
    (r"no turbine flow or inflow: energy taken before (.+) would not be seen", "没有水轮机流量或来水：在 {0} 之前取走的电量看不见"),
    (
        r"critical measurement: no balance contains it, so that nothing else would show its error",
        "关键量测：没有平衡包含它，其误差无从校核",
    ),
    (r"observed line without a usable reading", "观测线路没有可用读数"),
    (r"no instrument at a generator, tie or revenue meter: its source cannot be told", "发电机、联络线和关口均无仪表：无法判断其电源"),
    (r"no step and no movement that would tell which source feeds it", "没有能说明电源的阶跃或变化"),
    (r"no usable reading since cut-off order (\S+): a restart would not be seen", "断电令 {0} 之后没有可用读数：恢复用电看不见"),
    (r"its water is known, its output is not: (.+)", "水量已知而出力未知：{0}"),
    (
        r"(\S+) whole days of water and output: (\S+) must be learnt before a drop can be told",
        "水量与出力仅有 {0} 个整日，需 {1} 日才能判断出力下降",
    ),
    (
        r"inflow without turbine flow: output against water gives low confidence, at most a watch",
        "只有来水而无水轮机流量：可信度低，至多列为关注",
    ),
    # data quality
    (r"not in the register", "不在登记中"),
    (r"frozen", "读数冻结"),
    (r"absent rows", "缺测"),
    (r"estimated", "估计值"),
    (r"suspect", "可疑"),
    (r"missing", "标为缺测"),
    (r"measured by two devices; the first is used", "由两台设备测量，采用第一台"),
)  # fmt: skip
_COMPILED = tuple((re.compile(pattern), chinese) for pattern, chinese in _ZH)
_ROLE = re.compile(r"(\S+) \((\w+)\)")


def phrase(sentence: str, language: str) -> str:
    """A sentence of an analysis in the page's language."""
    if language != "zh":
        return sentence
    for pattern, chinese in _COMPILED:
        found = pattern.fullmatch(sentence)
        if found:
            return chinese.format(*map(_names, found.groups()))
    return sentence


def _names(told: str) -> str:
    """``G1 (generator), SS`` as ``G1（发电机）、SS``."""
    return _ROLE.sub(lambda m: f"{m[1]}（{ROLES.get(m[2], m[2])}）", told).replace(", ", "、")


ROLES = {key.removeprefix("role."): words[0] for key, words in WORDS.items() if key.startswith("role.")}
