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
    # prior
    (r"default (.+)", "默认 {0}"),
    # what cannot be seen
    (r"no instrument upstream of (.+): a tap at the generator terminals would not be seen", "{0} 之前没有仪表：发电机端子处的分接看不见"),
    (
        r"only the stretch from (\S+) to (\S+) is balanced: taps before or after it would not be seen here",
        "只平衡 {0} 至 {1} 一段：其前后的分接在此看不见",
    ),
    (r"(.+) is not metered: its range was added to the uncertainty", "{0} 未装表：其变化范围已计入不确定度"),
    # what cannot be checked
    (r"no instrument on (.+)", "{0} 没有仪表"),
    (r"no generator, tie or transfer is registered on it", "其上没有登记发电机、联络线或母联"),
    (r"no instrument at the plant's side of the tie", "联络线电厂侧没有仪表"),
    (r"no revenue meter is registered", "没有登记关口表"),
    (r"no usable readings of (.+)", "{0} 没有可用读数"),
    (r"its instruments share no complete interval", "其仪表没有共同的完整区间"),
    (r"no turbine flow and no generator meter", "没有水轮机流量，也没有机端表"),
    (r"no turbine flow or inflow: energy taken before (.+) would not be seen", "没有水轮机流量或来水：在 {0} 之前取走的电量看不见"),
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
