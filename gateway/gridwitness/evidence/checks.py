"""What a verification says: checks, each with its outcome in plain words, and the exit code that follows from them.

The words keep "not proven" (the bundle or the trust file is silent on something) apart from "contradicted" (it is not as it was).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

OK, WARNING, UNDECIDED, FAILED, SKIPPED = "ok", "warning", "undecided", "failed", "not_checked"

VALID, WITH_WARNINGS, UNDECIDABLE, INTERNAL = 0, 10, 3, 70
STRUCTURE, DIGEST, SIGNATURE, TIME_STAMP, CHAIN, LOG, RECOMPUTATION = 20, 21, 22, 23, 24, 25, 26

# code, zh, en of every check; the key is the check's id
TITLES = {
    "structure": (STRUCTURE, "证据包的结构", "structure of the bundle"),
    "digests": (DIGEST, "文件摘要", "digests of the files"),
    "signature": (SIGNATURE, "清单上的签名", "signature over the manifests"),
    "authority": (SIGNATURE, "签名者证书的签发机构", "authority behind the signer's certificate"),
    "time_stamp": (TIME_STAMP, "第三方时间戳", "time stamp by a third party"),
    "enrolment": (CHAIN, "设备密钥与认领时所记指纹", "device key against the fingerprint noted at the claim"),
    "chain": (CHAIN, "设备链与封印", "chain and seals of the device's records"),
    "period": (CHAIN, "期间两端的封印", "seals at both ends of the period"),
    "sealed": (CHAIN, "封印之下的记录", "records under seals"),
    "gaps": (CHAIN, "期间内的区间", "intervals of the period"),
    "clock": (CHAIN, "设备时钟质量", "quality of the device's clock"),
    "log": (LOG, "透明日志与见证", "transparency log and witness"),
    "inputs": (RECOMPUTATION, "分析输入与原始记录", "analysis inputs against the raw records"),
    "finding": (RECOMPUTATION, "重算的发现", "finding, computed again from the raw records"),
    "derived": (RECOMPUTATION, "报告与其余派生文件", "report and other derived files"),
    "grade": (WITH_WARNINGS, "法律等级", "legal grade of the hours"),
}

VERDICTS = {
    VALID: ("有效，所有信任锚齐全", "valid, all anchors present"),
    WITH_WARNINGS: (
        "有效，但有警告：警告所列各点未能证明，并不表示伪造",
        "valid with warnings: what they name is not proven, which does not mean forged",
    ),
    UNDECIDABLE: ("无法判定：信任文件没有给出所需的信任锚", "cannot be decided: the trust file does not say what is needed"),
    STRUCTURE: ("无效：结构有误", "not valid: its structure is wrong"),
    DIGEST: ("无效：有文件与清单不一致，在清单写成后被改动", "not valid: a file was changed after the manifest was written"),
    SIGNATURE: ("无效：签名或签名者证书不成立", "not valid: the signature or the signer's certificate does not hold"),
    TIME_STAMP: ("无效：时间戳不成立", "not valid: the time stamp does not hold"),
    CHAIN: (
        "无效：设备记录与其封印、链或登记的密钥矛盾",
        "not valid: device records contradict their seals, their chain or the enrolled key",
    ),
    LOG: ("无效：日志或见证不成立", "not valid: the log or its witness does not hold"),
    RECOMPUTATION: ("无效：由原始记录重算的结果与包内所述不符", "not valid: the raw records give another result than the bundle states"),
    INTERNAL: ("程序内部错误", "internal error"),
}


@dataclass(frozen=True, slots=True)
class Check:
    """One check. ``subject`` is the device it is about, or empty; ``details`` are sentences, the most important first."""

    id: str
    outcome: str
    details: tuple[str, ...] = ()
    subject: str = ""

    @property
    def code(self) -> int:
        """The exit code that a failure of this check stands for."""
        return TITLES[self.id][0]

    def title(self, language: str) -> str:
        """What was checked, in ``zh`` or ``en``."""
        _, zh, en = TITLES[self.id]
        return zh if language == "zh" else en

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "id": self.id,
            "code": self.code,
            "outcome": self.outcome,
            "subject": self.subject or None,
            "what": {"zh": self.title("zh"), "en": self.title("en")},
            "details": list(self.details),
        }


@dataclass(slots=True)
class Report:
    """All checks of one bundle."""

    bundle: str
    checks: list[Check] = field(default_factory=list)

    def add(self, identifier: str, problems: Sequence[str], *, subject: str = "", outcome: str = FAILED, good: str = "") -> None:
        """Add a check: with problems it has ``outcome``, without it is ok and ``good`` its detail."""
        details = tuple(problems[:20]) + ((f"… and {len(problems) - 20} more",) if len(problems) > 20 else ())
        self.checks.append(Check(identifier, outcome if problems else OK, details or ((good,) if good else ()), subject))

    @property
    def exit_code(self) -> int:
        """If any of 20–26 failed, the lowest of these; else 3 if a check lacked its anchor; else 10; else 0."""
        failed = [check.code for check in self.checks if check.outcome == FAILED]
        outcomes = {check.outcome for check in self.checks}
        if failed:
            return min(failed)
        if UNDECIDED in outcomes:
            return UNDECIDABLE
        return WITH_WARNINGS if outcomes & {WARNING, SKIPPED} else VALID

    def verdict(self, language: str) -> str:
        """The exit code in words."""
        return VERDICTS[self.exit_code][0 if language == "zh" else 1]

    def as_json(self) -> dict[str, Any]:
        """The document of ``--json``."""
        return {
            "format": "gridwitness-verification/1",
            "bundle": self.bundle,
            "exit_code": self.exit_code,
            "verdict": {"zh": self.verdict("zh"), "en": self.verdict("en")},
            "checks": [check.as_json() for check in self.checks],
        }
