"""``make bench-demo``: the demo with many seeds. How often does the truth lie in the interval that a finding states?

Each seed draws other instrument errors (each at half its class, either sign), another river and other noise, and runs the
whole chain: boards, broker, kills, gateway, bundle, verifier.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any


def wilson(hits: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927, J. Am. Stat. Assoc. 22, 209): honest for small counts and for 0 and 1."""
    if of == 0:
        return 0.0, 1.0
    share, square = hits / of, z * z
    centre = (share + square / (2 * of)) / (1 + square / of)
    half = z / (1 + square / of) * sqrt(share * (1 - share) / of + square / (4 * of * of))
    return max(0.0, centre - half), min(1.0, centre + half)


@dataclass(frozen=True, slots=True)
class Summary:
    """What the seeds show together."""

    runs: int
    ok: int
    found: int
    covered: int
    delays_s: list[float]
    errors_pct: list[float]
    speeds: list[float]

    def lines(self) -> list[str]:
        """The table, as it stands in docs/benchmarks.md."""
        low, high = wilson(self.covered, self.found)
        rows = [
            ("runs in which all holds", "20 of 20", f"{self.ok} of {self.runs}"),
            ("true energy inside energy ± u95", "about 95 %", f"{self.covered} of {self.found} (95 % interval {low:.0%} to {high:.0%})"),
            ("delay of the finding, simulated", "—", spread(self.delays_s, "s")),
            ("energy error", "—", spread(self.errors_pct, "%")),
            ("simulated time per wall time", "—", spread(self.speeds, "×")),
        ]
        return ["| what | reach | measured |", "|---|---|---|", *(f"| {a} | {b} | {c} |" for a, b, c in rows)]


def spread(values: Sequence[float], unit: str) -> str:
    """Minimum, median and maximum."""
    return f"{min(values):.1f} / {statistics.median(values):.1f} / {max(values):.1f} {unit} (min / median / max)" if values else "none"


def summarise(outcomes: Sequence[dict[str, Any]]) -> Summary:
    """Put the outcomes of all seeds together."""
    findings = [o["finding"] for o in outcomes if o["finding"] is not None]
    errors = [100 * abs(f["energy_wh"] / f["true_energy_wh"] - 1) for f in findings]
    covered = sum(abs(f["energy_wh"] - f["true_energy_wh"]) <= f["energy_u95_wh"] for f in findings)
    return Summary(
        runs=len(outcomes),
        ok=sum(o["ok"] for o in outcomes),
        found=len(findings),
        covered=covered,
        delays_s=[f["delay_s"] for f in findings],
        errors_pct=errors,
        speeds=[o["speed"] for o in outcomes],
    )


def run_seed(seed: int, minutes: int | None) -> dict[str, Any]:
    """One demo in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="gridwitness-bench-") as folder:
        command = [
            sys.executable,
            "-m",
            "gridwitness",
            "demo",
            "--headless",
            "--json",
            "--seed",
            str(seed),
            "--out",
            str(Path(folder) / "run"),
        ]
        if minutes is not None:
            command += ["--minutes", str(minutes)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
        if not done.stdout.strip():
            raise SystemExit(f"error[bench]: seed {seed} printed nothing\n{done.stderr[-2000:]}")
        outcome: dict[str, Any] = json.loads(done.stdout)
        if not outcome["ok"]:
            print("\n".join(line for line in done.stderr.splitlines() if line.startswith("error")), file=sys.stderr)
        return outcome


def main() -> None:
    """Run the seeds, one after the other, and print the table."""
    parser = argparse.ArgumentParser(prog="bench-demo")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--minutes", type=int, default=None)
    arguments = parser.parse_args()
    outcomes = []
    for seed in range(1, arguments.seeds + 1):
        outcome = run_seed(seed, arguments.minutes)
        outcomes.append(outcome)
        print(f"seed {seed}: {json.dumps(outcome)}", file=sys.stderr, flush=True)
    print("\n".join(summarise(outcomes).lines()))


if __name__ == "__main__":
    main()
