"""``data/case/report.html``: the finding for people, Chinese and English, one file, no scripts, nothing loaded from anywhere.

A pure function of what lies in the bundle, so that the verifier renders it again and compares.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

_STYLE = """
body{font:15px/1.6 "Noto Sans SC","Source Han Sans SC",system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f23}
h1{font-size:1.5rem;margin-bottom:.2rem}h2{font-size:1.1rem;margin-top:2rem;border-bottom:1px solid #c9d1d9}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #e5e9ee;vertical-align:top}
th{font-weight:600;white-space:nowrap}td.n{text-align:right}small,.quiet{color:#57606a}code{font-size:.9em;overflow-wrap:anywhere}
.status{display:inline-block;padding:0 .6rem;border:1px solid currentColor;border-radius:3px}@media print{body{margin:0;max-width:none}}
"""

KINDS = {
    "dedicated_line_supply": ("拉专线直供", "Dedicated-line supply"),
    "behind_the_meter_supply": ("网前供电", "Supply ahead of the revenue meter"),
    "unexplained_output_drop": ("无法解释的出力下降", "Unexplained output drop"),
    "captive_supply": ("自备电厂供电", "Captive supply"),
    "unregistered_load": ("未登记负荷", "Unregistered load"),
    "mining_load": ("挖矿特征负荷", "Load with a mining signature"),
    "restart_after_cutoff": ("断电后复用", "Restart after cut-off"),
    "calibration_conflict": ("校准矛盾", "Calibration conflict"),
    "bad_data": ("数据异常", "Bad data"),
}
STATUSES = {"case": ("立案级", "case"), "watch": ("关注", "watch"), "cannot_tell": ("无法判断", "cannot tell")}

_FIGURES = (
    ("mean_power_w", "平均功率", "Mean power", "W"),
    ("energy_wh", "电量（含填补）", "Energy, gaps filled", "Wh"),
    ("energy_u95_wh", "其扩展不确定度（k=2）", "its expanded uncertainty (k = 2)", "Wh"),
    ("energy_low_wh", "电量下限", "Energy, lower bound", "Wh"),
    ("energy_measured_wh", "实测电量", "Energy, measured intervals only", "Wh"),
    ("energy_measured_u95_wh", "其扩展不确定度（k=2）", "its expanded uncertainty (k = 2)", "Wh"),
    ("energy_penalty_wh", "可据以处罚的电量", "The only energy a penalty may rest on", "Wh"),
    ("hours_unmeasured", "未测小时数", "Hours not measured", "h"),
)


def render(
    case: Mapping[str, Any], params: Mapping[str, Any], continuity: Sequence[Mapping[str, Any]], cannot_check: Sequence[Mapping[str, Any]]
) -> str:
    """The page for ``finding.json``, ``params.json``, the continuity documents and ``cannot_check`` of the output."""
    zh, en = KINDS.get(case["kind"], (case["kind"], case["kind"]))
    parts = [
        '<!doctype html>\n<html lang="zh-CN">\n<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        f"<title>{escape(case['id'])}</title><style>{_STYLE}</style></head>\n<body>",
        f"<h1>{escape(zh)} <span class='quiet'>{escape(en)}</span></h1>",
        f"<p>{_status(case['status'])} <code>{escape(case['id'])}</code></p>",
        _facts(case, params),
        _section("说明", "Explanation", "".join(f"<p>{escape(str(case['explanation'].get(key, '')))}</p>" for key in ("zh", "en"))),
        _section("电量", "Energy", _figures(case)),
        _section("依据", "What it rests on", _contributions(case)),
        _section("其他可能的解释", "Innocent explanations considered", _alternatives(case)),
        _section("看不到的", "What cannot be seen", _list([*case["not_observable"], *(_unchecked(entry) for entry in cannot_check)])),
        _section("记录的连续性", "Continuity of the records", _continuity(continuity)),
        _section("界限", "Limits", _limits()),
        "</body>\n</html>\n",
    ]
    return "\n".join(parts)


def _section(zh: str, en: str, body: str) -> str:
    return f"<h2>{zh} <span class='quiet'>{en}</span></h2>\n{body}"


def _status(status: str) -> str:
    zh, en = STATUSES.get(status, (status, status))
    return f"<span class='status'>{escape(zh)} · {escape(en)}</span>"


def _table(head: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>\n" for row in rows)
    titles = "".join(f"<th>{title}</th>" for title in head)
    return f"<table><tr>{titles}</tr>\n{body}</table>"


def _rows(rows: Iterable[tuple[str, str, str]]) -> str:
    return "<table>" + "".join(f"<tr><th>{zh} <small>{en}</small></th><td>{value}</td></tr>\n" for zh, en, value in rows) + "</table>"


def _text(value: Any) -> str:
    return "—" if value is None else escape(str(value))


def _number(value: Any, digits: int = 4) -> str:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return _text(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}g}"


def _facts(case: Mapping[str, Any], params: Mapping[str, Any]) -> str:
    subject = case["subject"]
    return _rows(
        [
            ("场站", "Site", _text(case["site"])),
            ("对象", "Subject", f"{_text(subject['type'])} {_text(subject['id'])}"),
            ("起止", "From, to", f"{_text(case['from'])} … {_text(case['to'])}"),
            ("发现时间", "Detected at", _text(case["detected_at"])),
            ("置信概率", "Probability at the stated prior", _number(case["confidence"])),
            ("似然比对数", "Log likelihood ratio (not the probability of guilt)", _number(case["llr"])),
            ("先验", "Prior", _text((case.get("prior") or {}).get("source"))),
            ("合法依据", "Lawful basis that covers it", _text(case["covered_by"])),
            ("软件", "Software", _text(params["software"])),
            ("设备", "Devices", ", ".join(_text(dev) for dev in params["devices"])),
        ]
    )


def _figures(case: Mapping[str, Any]) -> str:
    known = [(zh, en, f"{_number(case[key])} {unit}") for key, zh, en, unit in _FIGURES if case.get(key) is not None]
    return _rows(known) if known else "<p>— 不涉及电量 · no energy is meant</p>"


def _contributions(case: Mapping[str, Any]) -> str:
    head = (
        "检测器 <small>detector</small>",
        "统计量 <small>statistic</small>",
        "值 <small>value</small>",
        "阈值 <small>threshold</small>",
        "LLR",
    )
    rows = [
        (_text(c["detector"]), _text(c["statistic"]), *(_number(c[key]) for key in ("value", "threshold", "llr")))
        for c in case["contributions"]
    ]
    return _table(head, rows)


def _alternatives(case: Mapping[str, Any]) -> str:
    head = ("解释 <small>what</small>", "所需偏差 <small>needed</small>", "允许限 <small>limit</small>", "在限内 <small>inside</small>")
    rows = [
        (_text(a["what"]), _text(a["needed"]), _text(a["limit"]), "是 yes" if a["inside_limits"] else "否 no") for a in case["alternatives"]
    ]
    return _table(head, rows)


def _unchecked(entry: Mapping[str, Any]) -> str:
    subject = entry["subject"]
    return f"{subject['type']} {subject['id']}: {entry['why']}"


def _list(texts: Iterable[str]) -> str:
    items = "".join(f"<li>{_text(text)}</li>" for text in texts)
    return f"<ul>{items}</ul>" if items else "<p>—</p>"


def _continuity(documents: Sequence[Mapping[str, Any]]) -> str:
    head = (
        "设备 <small>device</small>",
        "应有区间 <small>expected</small>",
        "实收 <small>received</small>",
        "缺失 <small>missing</small>",
        "封印 <small>seals</small>",
        "未封印记录 <small>not sealed</small>",
        "启动 <small>boots</small>",
    )
    rows = []
    for doc in documents:
        totals = doc["totals"]
        causes = ", ".join(f"{_text(boot['cause'])} ({_text(boot['at'])})" for boot in doc["reboots"])
        counts = [str(totals[key]) for key in ("expected", "received", "missing")]
        rows.append((_text(doc["dev"]), *counts, str(doc["seals"]), str(doc["not_sealed"]), causes))
    return _table(head, rows)


def _limits() -> str:
    texts = (
        "发现陈述物理事实，不是违法认定；可以撤回。",
        "测量夹具不是法定计量器具；没有签署的设备审查，各小时等级为“线索”。",
        "A finding states a physical fact, not an offence, and it can be withdrawn.",
        "The clamps are not legal metrology; without a signed equipment review every hour is graded a lead (线索).",
    )
    return _list(texts)
