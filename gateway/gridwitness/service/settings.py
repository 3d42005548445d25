"""Settings of a gateway: ``DIR/gateway.yaml``. The dataclasses below are the one table that is configuration, help and documentation."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from gridwitness.domain.clock import Clock, open_clock
from gridwitness.domain.errors import GridwitnessError, InputError, Problem

FILE = "gateway.yaml"


def _setting(default: Any, meaning: str, *, least: float | None = None, most: float | None = None, among: tuple[str, ...] = ()) -> Any:
    return field(default=default, metadata={"meaning": meaning, "least": least, "most": most, "among": among})


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """The MQTT broker."""

    host: str = _setting("127.0.0.1", "name or address of the MQTT broker")
    port: int = _setting(1883, "its port", least=1, most=65535)
    client_id: str = _setting("gridwitness-ingest", "name of the gateway's session on the broker; each gateway has its own")
    username: str | None = _setting(None, "user name, where the broker asks for one")
    password_file: str | None = _setting(None, "file with the password, relative to the gateway's folder")
    ca_file: str | None = _setting(None, "certificate authority of the broker (PEM), relative to the gateway's folder; turns TLS on")


@dataclass(frozen=True, slots=True)
class WebSettings:
    """The pages."""

    host: str = _setting("127.0.0.1", "address that the pages listen on")
    port: int = _setting(8080, "their port", least=1, most=65535)


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """Taking in records."""

    ack_every_s: float = _setting(1.0, "shortest time between two acknowledgements to one device, s", least=0.05, most=60)
    gap_after_s: int = _setting(7200, "a hole in a device's chain that stays open so long is given up, s", least=60)


@dataclass(frozen=True, slots=True)
class DetectSettings:
    """Live detection."""

    every_s: int = _setting(60, "time between two analyses of a site, s", least=1)


@dataclass(frozen=True, slots=True)
class EvidenceSettings:
    """Raw segments."""

    segment_close_s: int = _setting(7200, "an hour of raw records is closed so long after the seal over it, s", least=0)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one gateway."""

    broker: BrokerSettings = field(default_factory=BrokerSettings)
    web: WebSettings = field(default_factory=WebSettings)
    clock: str = _setting("system", "where the time comes from: system, or scenario:<file> in a simulation")
    language: str = _setting("zh", "language of the pages for a reader who has not chosen one", among=("zh", "en"))
    ingest: IngestSettings = field(default_factory=IngestSettings)
    detect: DetectSettings = field(default_factory=DetectSettings)
    evidence: EvidenceSettings = field(default_factory=EvidenceSettings)


class Row(NamedTuple):
    """One setting of the table; ``key`` is dotted, ``kind`` its type as a person calls it."""

    key: str
    kind: str
    default: Any
    meaning: str


_KINDS = {"str": "text", "int": "whole number", "float": "number", "str | None": "text or nothing"}
_TYPES: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (int, float), "str | None": (str, type(None))}


def _type_name(item: "dataclasses.Field[Any]") -> str:
    return item.type.__name__ if isinstance(item.type, type) else str(item.type)


def table(section: Any = Settings, prefix: str = "") -> Iterator[Row]:
    """Every setting, in the order of the file."""
    for item in dataclasses.fields(section):
        if item.default_factory is not dataclasses.MISSING:
            yield from table(item.default_factory, f"{prefix}{item.name}.")
        else:
            among = item.metadata["among"]
            kind = " or ".join(among) if among else _KINDS[_type_name(item)]
            yield Row(prefix + item.name, kind, item.default, item.metadata["meaning"])


def load(directory: Path) -> Settings:
    """Read ``gateway.yaml``; a folder without one has the defaults. Raises InputError that lists every problem with its line."""
    if not directory.is_dir():
        raise GridwitnessError("no_folder", f"there is no folder {directory}", "make it, and put registers into its folder sites")
    path = directory / FILE
    if not path.exists():
        return Settings()
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = Problem(str(path), mark.line + 1 if mark else None, None, f"not YAML: {getattr(error, 'problem', None) or error}")
        raise InputError("the settings file", [problem]) from None
    problems: list[Problem] = []
    settings: Settings = _Reader(str(path), problems).section(Settings, root, "")
    if problems:
        raise InputError("the settings file", problems, "known settings: " + ", ".join(row.key for row in table()))
    return settings


class _Reader:
    """Reads YAML nodes (which know their lines) into the dataclasses."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        self._file = file
        self._problems = problems
        self._scalars = yaml.SafeLoader("")

    def section(self, kind: Any, node: yaml.Node | None, prefix: str) -> Any:
        """A section; defaults where it says nothing."""
        if node is None:
            return kind()
        if not isinstance(node, yaml.MappingNode):
            self._wrong(node, prefix.rstrip("."), "a table of settings is expected here")
            return kind()
        known = {item.name: item for item in dataclasses.fields(kind)}
        values: dict[str, Any] = {}
        for key, value in node.value:
            name = str(key.value)
            item = known.get(name)
            if item is None:
                self._wrong(key, prefix + name, "there is no such setting")
            elif name in values:
                self._wrong(key, prefix + name, "this setting appears twice")
            elif item.default_factory is not dataclasses.MISSING:
                values[name] = self.section(item.default_factory, value, f"{prefix}{name}.")
            else:
                values[name] = self._value(item, value, prefix + name)
        return kind(**values)

    def _value(self, item: "dataclasses.Field[Any]", node: yaml.Node, name: str) -> Any:
        value = self._scalars.construct_object(node) if isinstance(node, yaml.ScalarNode) else ()
        kind = _type_name(item)
        least, most, among = (item.metadata[key] for key in ("least", "most", "among"))
        if not isinstance(value, _TYPES[kind]) or isinstance(value, bool):
            self._wrong(node, name, f"a {_KINDS[kind]} is expected here")
        elif among and value not in among:
            self._wrong(node, name, f"{value!r} is none of {', '.join(among)}")
        elif (least is not None and value < least) or (most is not None and value > most):
            self._wrong(node, name, f"{value} is outside {least} to {most if most is not None else 'any'}")
        else:
            return value
        return item.default

    def _wrong(self, node: yaml.Node, name: str, text: str) -> None:
        self._problems.append(Problem(self._file, node.start_mark.line + 1, name or None, text))


def clock_of(settings: Settings) -> Clock:
    """The gateway's clock; raises GridwitnessError ``no_clock`` when a scenario's file is missing."""
    try:
        return open_clock(settings.clock)
    except OSError as error:
        raise GridwitnessError("no_clock", f"clock {settings.clock}: {error.strerror}", "start the simulated plant first") from None


def default_text() -> str:
    """A settings file with every default, each line with its meaning."""
    lines, section = ["# Settings of this gateway. Every line may be left out: it shows the default."], ""
    for row in table():
        head, _, name = row.key.rpartition(".")
        if head != section and head:
            lines.append(f"{head}:")
        section = head
        value = "null" if row.default is None else row.default
        lines.append(f"{'  ' if head else ''}{name}: {value}".ljust(36) + f"# {row.meaning}")
    return "\n".join(lines) + "\n"


def markdown() -> str:
    """The table for the documentation."""
    rows = [f"| `{row.key}` | {row.kind} | `{'' if row.default is None else row.default}` | {row.meaning} |" for row in table()]
    return "\n".join(["| setting | value | default | meaning |", "|---|---|---|---|", *rows]) + "\n"


def page() -> str:
    """``docs/operator/settings.md``."""
    head = """# Settings of a gateway

They stand in `DIR/gateway.yaml`. Each has a default; a file that is not there is written at the first `gridwitness run DIR`. A key that
does not exist is an error that names the file and the line. This page is written by `make contract`; do not edit it.
"""
    return f"{head}\n{markdown()}"


if __name__ == "__main__":  # python -m gridwitness.service.settings > docs/operator/settings.md
    print(page(), end="")
