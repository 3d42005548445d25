"""The end of a demo: what arrived, what was found, how near to the truth, and whether the evidence verifies."""

import hashlib
import json
import signal
import time
from collections.abc import Callable
from typing import Any

from gridwitness.domain.moments import MINUTE_MS, parse_ms
from gridwitness.service.demo import proof, tally
from gridwitness.service.demo.outcome import Outcome, strongest
from gridwitness.service.demo.rig import HOST, Rig
from gridwitness.sim.truth import energy_between
from gridwitness.store import FindingRow, Store

CATCH_UP_S = 60.0
"""Wall time that the gateway gets for what is still on its way when the boards have ended."""

Say = Callable[[str], None]


def conclude(rig: Rig, say: Say, began_s: float) -> Outcome:
    """Count, compare with the truth, export and verify."""
    plan = rig.plan
    assert rig.broker is not None
    end_ms = plan.start_ms + round(plan.duration_s * 1000)
    promised = {(dev, *at): sha for dev, board in rig.boards.items() for at, sha in board.assigned().items()}
    store = rig.store()
    complaints = [f"board {dev} ended with {status}" for dev, status in _exits(rig) if status != 0]
    if not _patiently(lambda: _caught_up(store, rig, promised.keys(), end_ms)):
        complaints.append("the gateway had not stored and analysed everything in time")
    stored = [(dev, r.payload, hashlib.sha256(r.payload).hexdigest()) for dev in rig.boards for r in store.raw(dev)]
    counts = tally.count(promised, stored, len(store.quarantined(1000)))
    points = [p for b in plan.boards for p in (b.samples, *(m.point for m in b.meters))]
    holes = tally.holes(store.readings(rig.site), points, plan.start_ms, end_ms)
    row = _strongest_row(store.findings(rig.site))
    onset_ms, true_wh = _truth(rig, end_ms)
    _tell(counts, holes, row, true_wh, say)
    store.close()
    bundle = proof.export(rig.directory, row.id) if row else None
    verify_exit = proof.verify(bundle, rig.trust) if bundle else None
    if bundle:
        say(f"evidence: {bundle}")
        say(f"verified offline against {rig.trust.name}: exit {verify_exit}")
    return Outcome(
        broker=rig.broker.name,
        tally=counts,
        board_kills=1,
        gateway_kills=1,
        holes=holes,
        mine=rig.mine,
        onset_ms=onset_ms,
        true_energy_wh=true_wh,
        finding=row.doc if row else None,
        detected_ms=parse_ms(row.doc["detected_at"]) if row else None,
        bundle=str(bundle) if bundle else None,
        verify_exit=verify_exit,
        simulated_s=plan.duration_s,
        wall_s=time.monotonic() - began_s,
        complaints=complaints,
    )


def _exits(rig: Rig) -> list[tuple[str, int | None]]:
    return [(dev, board.process.returncode if board.process else None) for dev, board in rig.boards.items()]


def _caught_up(store: Store, rig: Rig, promised: Any, end_ms: int) -> bool:
    """Whether everything promised is stored and the newest analysis reaches the last whole interval."""
    stored = {(dev, *position) for dev in rig.boards for position in store.positions(dev)}
    analysis = store.analysis(rig.site)
    return promised <= stored and analysis is not None and analysis[0] >= end_ms // MINUTE_MS * MINUTE_MS


def _patiently(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + CATCH_UP_S
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _strongest_row(rows: list[FindingRow]) -> FindingRow | None:
    finding = strongest([row.doc for row in rows if row.status == "case"])
    return next((row for row in rows if row.doc is finding), None)


def _truth(rig: Rig, end_ms: int) -> tuple[int | None, float]:
    """Onset and energy of what was hidden, from the plant's own answer sheet."""
    supplies = json.loads((rig.folder / "plant" / "truth.json").read_text())["cases"][rig.site]["supplies"]
    if not supplies:
        return None, 0.0
    return min(parse_ms(s["from"]) for s in supplies), sum(energy_between(s, rig.plan.start_ms, end_ms) for s in supplies)


def _tell(counts: tally.Tally, holes: dict[str, tally.Holes], row: FindingRow | None, true_wh: float, say: Say) -> None:
    numbers = counts.as_json()
    say(f"records: {numbers['published']} assigned by boards, {numbers['stored']} stored")
    say(f"lost: {numbers['lost']}, doubled: {numbers['duplicated']}, quarantined: {numbers['quarantined']}")
    missing, partial = sum(h.missing for h in holes.values()), sum(h.partial for h in holes.values())
    say(f"after the power cut: {missing} intervals missing, {partial} measured in part")
    if row is None:
        say("no finding: the balance of the plant holds")
        return
    doc = row.doc
    say(f"FINDING {doc['kind']} on {doc['subject']['id']}, detected {doc['detected_at']}: {doc['explanation']['en']}")
    say(f"energy {doc['energy_wh'] / 1000:.1f} ± {doc['energy_u95_wh'] / 1000:.1f} kWh (k = 2); really hidden: {true_wh / 1000:.1f} kWh")


def stay(rig: Rig, say: Say) -> None:
    """Leave the pages up until Ctrl-C."""
    say(f"the pages stay up: http://{HOST}:{rig.web_port}/sites/{rig.site}   (Ctrl-C ends)")
    try:
        signal.pause()
    except KeyboardInterrupt:
        say("ended")
