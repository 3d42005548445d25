"""Evidence as a user would make and check it: the commands of the command line, each in a process of its own."""

import json
import subprocess
from pathlib import Path

from gridwitness.domain.errors import GridwitnessError
from gridwitness.service import processes

LIMIT_S = 120.0


def collect_trust(directory: Path, out: Path) -> Path:
    """What a regulator notes down when the boards are claimed: before anything is measured, so long before any bundle."""
    _run(["evidence", "trust", str(directory), "--out", str(out)])
    return out


def export(directory: Path, finding_id: str) -> Path:
    """Write the bundle of a finding; returns its folder."""
    done = _run(["evidence", "export", str(directory), finding_id, "--json"])
    return Path(json.loads(done.stdout)["bundle"])


def verify(bundle: Path, trust: Path) -> int:
    """Exit code of the offline verifier."""
    command = [*processes.GRIDWITNESS, "evidence", "verify", str(bundle), "--trust", str(trust)]
    return subprocess.run(command, capture_output=True, timeout=LIMIT_S, check=False).returncode


def _run(words: list[str]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*processes.GRIDWITNESS, *words], capture_output=True, text=True, timeout=LIMIT_S, check=False)
    if done.returncode != 0:
        command = "gridwitness " + " ".join(words)
        raise GridwitnessError("demo_command_failed", f"{command} ended with {done.returncode}\n{done.stderr.strip()}")
    return done
