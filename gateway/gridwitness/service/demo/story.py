"""What happens in a demo: the plant runs clean, a board loses power, a hidden load comes on line, the gateway is killed, a finding
appears, the plant's day ends, and the evidence is exported and verified."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gridwitness.domain.errors import GridwitnessError
from gridwitness.domain.moments import MINUTE_MS, iso
from gridwitness.service import ports
from gridwitness.service.broker import free_port
from gridwitness.service.demo import proof
from gridwitness.service.demo import rig as rigs
from gridwitness.service.demo.ending import conclude, stay
from gridwitness.service.demo.outcome import Outcome
from gridwitness.sim import scenario

SCENARIO = "longtan"
BOARD_KILL, GATEWAY_KILL = 0.2, 0.7
"""When, as a share of the scenario."""
KILL_STEP_MS = 7_000
"""Each seed cuts the power at another moment of an interval."""
KILLED_BOARD = "gw-l1"
BOARDS_END_S = 60.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Options:
    """What a user can choose."""

    folder: Path
    seed: int = 1
    mine: bool = True
    minutes: int | None = None
    broker: str = "auto"
    web_port: int = 0
    stay: bool = False


def run(options: Options, say: Say) -> Outcome:
    """Run the demo. Everything stays in ``options.folder``; GridwitnessError when a part does not start."""
    began = time.monotonic()
    _make(options.folder)
    plan = scenario.load(SCENARIO).changed(seed=options.seed, minutes=options.minutes, mine=options.mine)
    port = options.web_port or free_port()
    ports.require_free(rigs.HOST, port, patience_s=0)
    with rigs.running(rigs.Rig(options.folder.resolve(), plan, options.mine, options.broker, port)) as rig:
        Story(rig, say).play()
        outcome = conclude(rig, say, began)
        if options.stay:
            stay(rig, say)
    return outcome


def _make(folder: Path) -> None:
    """An empty folder: records of an earlier run would be counted as this one's."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        used = next(folder.iterdir(), None)
    except OSError as error:
        raise GridwitnessError("no_folder", f"{folder} cannot be used: {error.strerror}", "name a new folder with --out") from None
    if used is not None:
        raise GridwitnessError("folder_not_empty", f"{folder} is not empty: it holds {used.name}", "name a new or empty folder with --out")


@dataclass(slots=True)
class Story:
    """One run of the plant, from the first sample to the last record."""

    rig: rigs.Rig
    say: Say

    def play(self) -> None:
        """Start everything, let it run, kill two processes on the way, wait for the end."""
        self._start()
        self._until(BOARD_KILL, self.rig.plan.seed * KILL_STEP_MS % MINUTE_MS)
        self.rig.boards[KILLED_BOARD].kill()
        self._tell(f"the power of board {KILLED_BOARD} was cut (SIGKILL); it starts again")
        self.rig.boards[KILLED_BOARD].start()
        self._until(GATEWAY_KILL)
        self.rig.kill_gateway()
        self._tell("the gateway was killed (SIGKILL); it starts again")
        self.rig.start_gateway()
        self._finish()

    def _start(self) -> None:
        rig = self.rig
        rig.start_broker()
        assert rig.broker is not None
        self.say(f"broker: {rig.broker.name} on port {rig.broker.port}")
        ports = rig.start_plant()
        rig.make_gateway()
        rig.make_boards(ports)
        proof.collect_trust(rig.directory, rig.trust)
        self.say(f"boards: {', '.join(rig.boards)} claimed, each a MicroPython process of its own")
        rig.start_gateway()
        self.say(f"pages: http://{rigs.HOST}:{rig.web_port}/   (site page: /sites/{rig.site})")
        for board in rig.boards.values():
            board.start()
        onsets = [iso(rig.plan.start_ms + round(m.from_s * 1000), rig.plan.register.timezone) for m in rig.plan.hidden]
        self.say(f"the hidden load will come on line at {onsets[0]} (scenario time)" if onsets else "control run: nothing is hidden")

    def _tell(self, sentence: str) -> None:
        assert self.rig.clock is not None
        self.say(f"{iso(self.rig.clock.now_ms(), self.rig.plan.register.timezone)[11:19]}  {sentence}")

    def _until(self, share: float, later_ms: int = 0) -> None:
        """Wait for a time of the scenario."""
        clock, plan = self.rig.clock, self.rig.plan
        assert clock is not None
        target = plan.start_ms + round(plan.duration_s * 1000 * share) + later_ms
        rigs.wait_for(lambda: clock.now_ms() >= target, f"minute {plan.duration_s * share / 60:.0f}", self.rig.plant, limit_s=600)

    def _finish(self) -> None:
        self._until(1.0)
        self._tell("the plant's records end; boards make their last seal")
        boards = self.rig.boards.values()
        rigs.wait_for(lambda: not any(board.running() for board in boards), "the end of the boards", limit_s=BOARDS_END_S)
