"""Tables from CSV, gzipped CSV and Parquet as NumPy columns, with the line of every row that cannot be read.

A clean file is read by pyarrow where that is installed (extra ``parquet``); any irregular one, and every one without pyarrow, by the
standard library row by row. Both give the same columns.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridwitness.domain.errors import InputError, Problem
from gridwitness.domain.moments import parse_ms

SUFFIXES = (".csv", ".csv.gz", ".parquet")
_TIMES, _TEXTS = frozenset({"ts"}), frozenset({"point", "plant", "quantity", "quality"})


@dataclass(slots=True)
class Table:
    """Columns of equal length by name: ``ts`` int64 ms, texts as (codes, names), everything else float64 with NaN for empty.

    ``bad`` lists rows that could not be read and were left out; ``bad_point`` what they said under ``point`` or ``plant``.
    """

    file: str
    numbers: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    texts: dict[str, tuple[NDArray[np.int64], list[str]]] = field(default_factory=dict)
    ts_ms: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    bad: list[Problem] = field(default_factory=list)
    bad_point: list[str] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return int(next((c.size for c in self.numbers.values()), self.ts_ms.size))


def find(folder: Path, stem: str) -> Path | None:
    """The table of that name in a folder, if there is one."""
    return next((path for suffix in SUFFIXES if (path := folder / f"{stem}{suffix}").is_file()), None)


def read(path: Path, required: Sequence[str], optional: Sequence[str]) -> Table:
    """A table with at least the ``required`` columns; InputError where the file cannot be read at all."""
    try:
        if path.suffix == ".parquet":
            return _parquet(path, required, optional)
        header = _header(path)
        warnings = _check(path, header, required, optional)
        known = [name for name in header if name in (*required, *optional)]
        table = _fast(path, known) or _slow(path, header, known)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(str(path), [Problem(str(path), None, None, f"cannot be read: {error}")]) from error
    table.warnings += warnings
    return table


def _open(path: Path) -> Any:
    opener = gzip.open if path.name.endswith(".gz") else open
    return opener(path, "rt", encoding="utf-8-sig", newline="")


def _header(path: Path) -> list[str]:
    with _open(path) as file:
        row = next(csv.reader(file), None)
    if not row:
        raise InputError(str(path), [Problem(str(path), 1, None, "is empty: a header was expected")])
    return [name.strip() for name in row]


def _check(path: Path, header: Sequence[str], required: Sequence[str], optional: Sequence[str]) -> list[Problem]:
    """Warnings for columns that are not known; InputError for missing and repeated ones."""
    file = str(path)
    wrong = [Problem(file, 1, name, "this column is missing", f"found: {', '.join(header)}") for name in required if name not in header]
    wrong += [Problem(file, 1, name, "this column is given twice") for name in dict.fromkeys(header) if header.count(name) > 1]
    if wrong:
        raise InputError(file, wrong)
    return [Problem(file, 1, name, "unknown column, not used") for name in header if name not in (*required, *optional)]


def _fast(path: Path, known: Sequence[str]) -> Table | None:
    """The table by pyarrow; None where it is not installed or finds anything that is not plain."""
    try:
        import pyarrow as pa
        from pyarrow import csv as pacsv
    except ImportError:
        return None
    types: dict[str, Any] = {}
    for name in known:
        types[name] = pa.timestamp("ms", "UTC") if name in _TIMES else pa.string() if name in _TEXTS else pa.float64()
    convert = pacsv.ConvertOptions(column_types=types, include_columns=list(known), null_values=[""], strings_can_be_null=False)
    try:
        read = pacsv.read_csv(str(path), convert_options=convert, read_options=pacsv.ReadOptions(use_threads=False))
        return _columns(path, read, known)
    except (pa.ArrowInvalid, pa.ArrowKeyError):
        return None


def _columns(path: Path, read: Any, known: Sequence[str]) -> Table | None:
    table = Table(str(path))
    for name in known:
        column = read.column(name)
        if name in _TIMES:
            if column.null_count:
                return None
            table.ts_ms = column.to_numpy().astype("datetime64[ms]").astype(np.int64)
        elif name in _TEXTS:
            coded = column.combine_chunks().dictionary_encode() if column.num_chunks != 1 else column.chunk(0).dictionary_encode()
            table.texts[name] = coded.indices.to_numpy(zero_copy_only=False).astype(np.int64), coded.dictionary.to_pylist()
        else:
            values = column.to_numpy().astype(np.float64)
            if np.isinf(values).any():
                return None
            table.numbers[name] = values
    return table


def _slow(path: Path, header: Sequence[str], known: Sequence[str]) -> Table:
    """The table row by row; a row that cannot be read is left out and named."""
    table, places = Table(str(path)), [header.index(name) for name in known]
    readers = [_time if name in _TIMES else str.strip if name in _TEXTS else _number for name in known]
    kept: list[list[Any]] = []
    about = next((header.index(name) for name in ("point", "plant") if name in header), None)
    for line, row in _rows(path):
        if not row:
            continue
        values: list[Any] = []
        for name, place, reader in zip(known, places, readers, strict=True):
            try:
                values.append(reader(row[place]))
            except IndexError:
                table.bad.append(Problem(table.file, line, name, f"the row ends before this column ({len(row)} of {len(header)} fields)"))
            except ValueError as error:
                table.bad.append(Problem(table.file, line, name, str(error)))
            else:
                continue
            table.bad_point.append(row[about].strip() if about is not None and about < len(row) else "")
            break
        else:
            kept.append(values)
    for name, column in zip(known, zip(*kept, strict=True) if kept else [()] * len(known), strict=True):
        if name in _TIMES:
            table.ts_ms = np.array(column, dtype=np.int64)
        elif name in _TEXTS:
            names = list(dict.fromkeys(column))
            code = {text: i for i, text in enumerate(names)}
            table.texts[name] = np.array([code[text] for text in column], dtype=np.int64), names
        else:
            table.numbers[name] = np.array(column, dtype=np.float64)
    return table


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    with _open(path) as file:
        reader = csv.reader(file)
        next(reader, None)
        for row in reader:
            yield reader.line_num, row


def _time(text: str) -> int:
    try:
        return parse_ms(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is no time with offset (for instance 2025-01-01T00:00:00Z)") from None


def _number(text: str) -> float:
    text = text.strip()
    try:
        value = float(text) if text else float("nan")
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{text!r} is not finite")
    return value


def _parquet(path: Path, required: Sequence[str], optional: Sequence[str]) -> Table:
    try:
        import pyarrow as pa
        from pyarrow import compute, parquet
    except ImportError as error:
        hint = "install gridwitness[parquet], or hand in .csv"
        raise InputError(str(path), [Problem(str(path), None, None, "Parquet needs the package pyarrow", hint)]) from error
    try:
        read = parquet.read_table(path)
        warnings = _check(path, read.column_names, required, optional)
        known = [name for name in read.column_names if name in (*required, *optional)]
        for name in known:
            kind = pa.timestamp("ms", "UTC") if name in _TIMES else pa.string() if name in _TEXTS else pa.float64()
            column = read.column(name).cast(kind, safe=False)
            column = compute.fill_null(column, "") if name in _TEXTS else column
            read = read.set_column(read.column_names.index(name), name, column)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(str(path), [Problem(str(path), None, None, f"cannot be read: {error}")]) from error
    table = _columns(path, read, known)
    if table is None:
        raise InputError(str(path), [Problem(str(path), None, "ts", "empty times, or numbers that are not finite")])
    table.warnings += warnings
    return table
