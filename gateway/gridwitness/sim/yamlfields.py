"""Reading a YAML file field by field, so that every complaint names file, line and field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from gridwitness.domain.errors import InputError, Problem

Path_ = tuple[str | int, ...]
_MISSING: Any = object()


class Fields:
    """A mapping of the file. Readers note a problem and go on with a harmless value; ``Document.check`` raises them all at once."""

    def __init__(self, document: Document, path: Path_, values: dict[str, Any]) -> None:
        self.document, self._path, self._values = document, path, values
        self._asked: set[str] = set()

    def names(self) -> list[str]:
        """Names in the mapping, in the file's order."""
        return [str(key) for key in self._values]

    def fail(self, key: str | None, text: str, hint: str = "") -> None:
        """Note a problem with a field (or with the mapping itself)."""
        self.document.fail(self._path if key is None else (*self._path, key), text, hint)

    def _get(self, key: str, default: Any) -> Any:
        self._asked.add(key)
        self.document.asked.add(dotted((*self._path, key)))
        if key in self._values:
            return self._values[key]
        if default is _MISSING:
            self.fail(key, "is missing", "see docs/scenario.md")
        return default

    def number(self, key: str, low: float, high: float, default: float = _MISSING) -> float:
        """A finite number in [low, high]."""
        value = self._get(key, default)
        if value is _MISSING:
            return low
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            self.fail(key, f"{value!r} is no number from {low:g} to {high:g}")
            return low
        return value

    def whole(self, key: str, low: int, high: int, default: int = _MISSING) -> int:
        """An integer in [low, high]."""
        value = self.number(key, low, high, default)
        if value != int(value):
            self.fail(key, f"{value!r} is no whole number")
        return int(value)

    def maybe(self, key: str, low: float, high: float) -> float | None:
        """A number, or None where the field is null or absent."""
        return None if self._get(key, None) is None else self.number(key, low, high)

    def text(self, key: str, default: str = _MISSING, choices: tuple[str, ...] = ()) -> str:
        """A text, one of ``choices`` where they are given."""
        value = self._get(key, default)
        if value is _MISSING:
            return ""
        if not isinstance(value, str) or (choices and value not in choices):
            self.fail(key, f"{value!r} is no " + (f"one of {', '.join(choices)}" if choices else "text"))
            return choices[0] if choices else ""
        return value

    def numbers(self, key: str, count: int, low: float, high: float, default: tuple[float, ...]) -> tuple[float, ...]:
        """A list of exactly ``count`` numbers."""
        value = self._get(key, list(default))
        good = isinstance(value, list) and len(value) == count
        if not good or any(isinstance(v, bool) or not isinstance(v, int | float) or not low <= v <= high for v in value):
            self.fail(key, f"is no list of {count} numbers from {low:g} to {high:g}")
            return default
        return tuple(float(v) for v in value)

    def by_order(self, key: str) -> dict[int, float]:
        """A mapping of odd harmonic orders to per cent."""
        value = self._get(key, {})
        good = isinstance(value, dict) and all(
            isinstance(h, int) and h in range(3, 51, 2) and isinstance(v, int | float) and 0 <= v <= 100 for h, v in value.items()
        )
        if not good:
            self.fail(key, "is no mapping of odd orders (3 to 49) to per cent", "for instance {5: 1.2, 7: 0.8}")
            return {}
        return {int(h): float(v) for h, v in value.items()}

    def section(self, key: str, *, optional: bool = False) -> Fields:
        """A mapping inside this one."""
        value = self._get(key, {} if optional else _MISSING)
        if not isinstance(value, dict):
            if value is not _MISSING:
                self.fail(key, "is no mapping")
            value = {}
        return Fields(self.document, (*self._path, key), value)

    def sections(self, key: str, *, optional: bool = False) -> list[Fields]:
        """A list of mappings inside this one."""
        value = self._get(key, [] if optional else _MISSING)
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            if value is not _MISSING:
                self.fail(key, "is no list of mappings")
            return []
        return [Fields(self.document, (*self._path, key, i), item) for i, item in enumerate(value)]

    def all(self) -> dict[str, Any]:
        """The mapping as it stands in the file."""
        return self._values

    def value(self, key: str, default: Any = _MISSING) -> Any:
        """Whatever stands there, unchecked."""
        value = self._get(key, default)
        return None if value is _MISSING else value

    def done(self) -> None:
        """Complain about every field that nobody asked for."""
        for key in self._values:
            if key not in self._asked:
                self.fail(str(key), "is not a key that a scenario has", "see docs/scenario.md")


class Document:
    """A YAML file with the line of every field."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self.problems: list[Problem] = []
        self.asked: set[str] = set()
        self._lines: dict[Path_, int] = {}
        try:
            loader = yaml.SafeLoader(path.read_text(encoding="utf-8"))
            node = loader.get_single_node()
            if node is not None:
                self._note(node, ())
            values = loader.construct_document(node) if node is not None else {}
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(self.name, [Problem(self.name, None, None, f"cannot be read: {error}")]) from error
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = None if mark is None else mark.line + 1
            what = getattr(error, "problem", None) or error
            raise InputError(self.name, [Problem(self.name, line, None, f"is no YAML: {what}")]) from error
        if not isinstance(values, dict):
            raise InputError(self.name, [Problem(self.name, 1, None, "is no mapping")])
        self.root = Fields(self, (), values)

    def _note(self, node: yaml.Node, path: Path_) -> None:
        self._lines[path] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    continue
                if key.value in seen:
                    self.problems.append(Problem(self.name, key.start_mark.line + 1, dotted((*path, key.value)), "stands here twice"))
                seen.add(key.value)
                self._note(value, (*path, key.value))
                self._lines[(*path, key.value)] = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode):
            for i, item in enumerate(node.value):
                self._note(item, (*path, i))

    def fail(self, path: Path_, text: str, hint: str = "") -> None:
        """Note a problem at a field; a field that is missing is reported at the mapping that lacks it."""
        known = path
        while known and known not in self._lines:
            known = known[:-1]
        self.problems.append(Problem(self.name, self._lines.get(known), dotted(path), text, hint))

    def check(self, what: str) -> None:
        """Raise everything that was noted."""
        if self.problems:
            raise InputError(what, sorted(self.problems, key=lambda p: p.line or 0))


def dotted(path: Path_) -> str:
    """``boards.0.dev`` for the path of a field."""
    return ".".join(str(part) for part in path)
