"""YAML that remembers its lines: every wrong or unknown field is named with file, line and field, and all of them are listed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import yaml

from gridwitness.domain.errors import InputError, Problem
from gridwitness.domain.moments import parse_ms


@dataclass(slots=True)
class Findings:
    """Errors and warnings of one file, in the order of their discovery."""

    file: str
    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def error(self, node: yaml.Node, column: str | None, text: str, hint: str = "") -> None:
        self.errors.append(Problem(self.file, node.start_mark.line + 1, column, text, hint))

    def warn(self, node: yaml.Node, column: str | None, text: str, hint: str = "") -> None:
        self.warnings.append(Problem(self.file, node.start_mark.line + 1, column, text, hint))


def compose(text: str, findings: Findings) -> yaml.MappingNode:
    """The root mapping of a YAML text; InputError (with line and column) where there is none."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, str(mark.column + 1)) if mark else (None, None)
        raise InputError(findings.file, [Problem(findings.file, line, column, f"not YAML: {error.problem or error.context}")]) from error
    except yaml.YAMLError as error:
        raise InputError(findings.file, [Problem(findings.file, None, None, f"not YAML: {error}")]) from error
    except RecursionError as error:
        raise InputError(findings.file, [Problem(findings.file, None, None, "is nested too deeply to be a register")]) from error
    if not isinstance(root, yaml.MappingNode):
        line = root.start_mark.line + 1 if root is not None else 1
        raise InputError(findings.file, [Problem(findings.file, line, None, "a mapping of fields was expected, beginning with `format:`")])
    return root


class Record:
    """One mapping of the file. Fields are taken out by name; what is left at ``done()`` is unknown."""

    def __init__(self, node: yaml.MappingNode, where: str, findings: Findings) -> None:
        self.node, self.where, self.findings = node, where, findings
        self._fields: dict[str, yaml.Node] = {}
        self._keys: dict[str, yaml.Node] = {}
        self._asked: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in self._fields:
                findings.error(key, self.path(name), "is given twice")
            self._fields[name], self._keys[name] = value, key

    def path(self, name: str) -> str:
        return f"{self.where}.{name}" if self.where else name

    def done(self) -> None:
        """Warn of every field that nobody asked for."""
        for name, key in self._keys.items():
            if name not in self._asked:
                self.findings.warn(key, self.path(name), "unknown field, not used", "known here: " + ", ".join(sorted(self._asked)))

    def wrong(self, name: str, text: str, hint: str = "") -> None:
        self.findings.error(self._fields.get(name, self.node), self.path(name), text, hint)

    def get(self, name: str, required: bool = False) -> yaml.Node | None:
        """The field's node; None where it is absent or null (an error if it is required)."""
        self._asked.add(name)
        node = self._fields.get(name)
        absent = node is None or (isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null"))
        if absent and required:
            self.wrong(name, "is required")
        return None if absent else node

    def text(self, name: str, required: bool = False, among: Iterable[str] | None = None) -> str | None:
        """A scalar as it is written; one of ``among`` where given."""
        node = self.get(name, required)
        if node is None:
            return None
        if not isinstance(node, yaml.ScalarNode):
            self.wrong(name, "a single value was expected")
            return None
        if among is not None and node.value not in among:
            self.wrong(name, f"{node.value!r} is not known", "one of " + ", ".join(among))
            return None
        return str(node.value)

    def identifier(self, name: str = "id") -> str | None:
        """A required id: 1–64 characters without blanks or slashes."""
        value = self.text(name, required=True)
        if value is not None and (not 0 < len(value) <= 64 or any(c.isspace() or c in "/\\" or not c.isprintable() for c in value)):
            self.wrong(name, f"{value!r} cannot be an id", "1 to 64 characters without blanks or slashes")
            return None
        return value

    def number(self, name: str, required: bool = False, least: float | None = None, above: float | None = None) -> float | None:
        """A finite number, at least ``least`` or greater than ``above``."""
        value = self.text(name, required)
        if value is None:
            return None
        try:
            number = float(value)
        except ValueError:
            self.wrong(name, f"{value!r} is not a number")
            return None
        if number != number or abs(number) == float("inf"):
            self.wrong(name, f"{value!r} is not finite")
        elif (least is not None and number < least) or (above is not None and number <= above):
            self.wrong(name, f"{value} is out of range", f"at least {least:g}" if least is not None else f"more than {above:g}")
        else:
            return number
        return None

    def time(self, name: str, zone: str, required: bool = False, end: bool = False) -> int | None:
        """UTC ms of an ISO 8601 time with offset, or of a bare date: its local midnight (``end``: the day's end)."""
        value = self.text(name, required)
        if value is None:
            return None
        try:
            if len(value) == 10:
                day = datetime.fromisoformat(value).replace(tzinfo=ZoneInfo(zone)) + timedelta(days=end)
                return int(day.timestamp() * 1000)
            return parse_ms(value)
        except ValueError:
            self.wrong(name, f"{value!r} is no time", "ISO 8601 with offset, for instance 2025-06-01T00:00:00+08:00")
            return None

    def record(self, name: str, required: bool = False) -> Record | None:
        """A nested mapping."""
        node = self.get(name, required)
        if node is None:
            return None
        if not isinstance(node, yaml.MappingNode):
            self.wrong(name, "a mapping of fields was expected")
            return None
        return Record(node, self.path(name), self.findings)

    def records(self, name: str, required: bool = False) -> list[Record]:
        """A list of mappings, each known in messages by its place: ``points[3]``."""
        found = []
        for place, node in enumerate(self._items(name, required)):
            if isinstance(node, yaml.MappingNode):
                found.append(Record(node, f"{self.path(name)}[{place}]", self.findings))
            else:
                self.findings.error(node, f"{self.path(name)}[{place}]", "a mapping of fields was expected")
        return found

    def texts(self, name: str, required: bool = False) -> tuple[str, ...]:
        """A list of single values."""
        return tuple(str(node.value) for node in self._items(name, required) if isinstance(node, yaml.ScalarNode))

    def _items(self, name: str, required: bool) -> Sequence[yaml.Node]:
        node = self.get(name, required)
        if node is not None and not isinstance(node, yaml.SequenceNode):
            self.wrong(name, "a list was expected")
            return []
        return node.value if isinstance(node, yaml.SequenceNode) else []
