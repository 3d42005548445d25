"""One base class for everything that can be told to a person: what is wrong, where, and what to do next."""

from dataclasses import dataclass


class GridwitnessError(Exception):
    """An error with a stable code, a sentence and the next step.

    The command line prints ``error[code]: sentence`` and ``hint: …`` and exits with ``exit_code``.
    """

    exit_code = 2

    def __init__(self, code: str, sentence: str, hint: str = "") -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in an input file."""

    file: str
    line: int | None
    column: str | None
    text: str
    hint: str = ""

    def __str__(self) -> str:
        where = self.file + (f":{self.line}" if self.line is not None else "") + (f" [{self.column}]" if self.column else "")
        return f"{where}: {self.text}" + (f" ({self.hint})" if self.hint else "")


class InputError(GridwitnessError):
    """Input that cannot be used. Every problem is listed, not only the first."""

    def __init__(self, what: str, problems: list[Problem], hint: str = "") -> None:
        self.problems = problems
        lines = "\n".join(f"  {p}" for p in problems)
        super().__init__("invalid_input", f"{what} has {len(problems)} problem{'s' if len(problems) != 1 else ''}:\n{lines}", hint)
