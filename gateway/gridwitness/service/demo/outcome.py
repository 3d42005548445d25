"""The demo's outcome: one JSON object, and the sentence for everything in it that does not hold."""

from dataclasses import dataclass, field
from typing import Any

from gridwitness.service.demo.tally import Holes, Tally

SUPPLY_KINDS = ("dedicated_line_supply", "behind_the_meter_supply", "captive_supply", "unexplained_output_drop", "unregistered_load")
VERIFIED = (0, 10)
"""Exit codes of the verifier that mean a valid bundle (10: with warnings)."""


@dataclass(slots=True)
class Outcome:
    """What a run has shown."""

    broker: str
    tally: Tally
    board_kills: int
    gateway_kills: int
    holes: dict[str, Holes]
    mine: bool
    onset_ms: int | None
    true_energy_wh: float
    finding: dict[str, Any] | None
    detected_ms: int | None
    bundle: str | None
    verify_exit: int | None
    simulated_s: float
    wall_s: float
    complaints: list[str] = field(default_factory=list)

    def judge(self) -> list[str]:
        """A sentence for everything that does not hold; empty for a good run."""
        wrong = list(self.complaints)
        for word, positions in (("lost", self.tally.lost), ("altered", self.tally.altered), ("doubled", self.tally.duplicated)):
            if positions:
                wrong.append(f"{len(positions)} records were {word}, for instance {min(positions)}")
        for point, hole in self.holes.items():
            if hole.missing > self.board_kills or hole.missing + hole.partial > 2 * self.board_kills:
                sentence = f"{hole.missing} intervals of {point} are missing and {hole.partial} partial"
                wrong.append(f"{sentence} after {self.board_kills} kills of boards")
        if self.mine:
            wrong += self._judge_finding()
        elif self.finding is not None:
            wrong.append(f"a clean plant was accused: {self.finding['kind']} on {self.finding['subject']['id']}")
        return wrong

    def _judge_finding(self) -> list[str]:
        if self.finding is None:
            return ["the hidden load was not found"]
        wrong = []
        if self.finding["kind"] != "dedicated_line_supply":
            wrong.append(f"the hidden load was found as {self.finding['kind']}")
        if self.detected_ms is None or self.onset_ms is None or self.detected_ms < self.onset_ms:
            wrong.append("the finding is older than the hidden load")
        if self.verify_exit not in VERIFIED:
            wrong.append(f"the verifier ended with {self.verify_exit}")
        return wrong

    def as_json(self) -> dict[str, Any]:
        """The object that ``gridwitness demo --headless --json`` prints."""
        return {
            "ok": not self.judge(),
            "broker": self.broker,
            "records": self.tally.as_json(),
            "kills": {"boards": self.board_kills, "gateway": self.gateway_kills},
            "finding": self._finding_json(),
            "bundle": {"path": self.bundle, "verify_exit": self.verify_exit},
            "speed": round(self.simulated_s / self.wall_s, 1),
            "sim_hours": round(self.simulated_s / 3600, 3),
            "wall_s": round(self.wall_s, 1),
        }

    def _finding_json(self) -> dict[str, Any] | None:
        if self.finding is None:
            return None
        late = None if self.detected_ms is None or self.onset_ms is None else (self.detected_ms - self.onset_ms) / 1000
        return {
            "kind": self.finding["kind"],
            "subject": self.finding["subject"]["id"],
            "delay_s": late,
            "energy_wh": self.finding["energy_wh"],
            "energy_u95_wh": self.finding["energy_u95_wh"],
            "true_energy_wh": round(self.true_energy_wh, 1),
        }


def strongest(findings: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The supply finding of status ``case`` with the highest confidence, the earliest of equals; None where there is none."""
    cases = [f for f in findings if f["status"] == "case" and f["kind"] in SUPPLY_KINDS]
    return min(cases, key=lambda f: (-f["confidence"], f["detected_at"]), default=None)
