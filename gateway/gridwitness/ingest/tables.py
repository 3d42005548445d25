"""Tables from CSV, gzipped CSV and Parquet as NumPy columns, with the line of every row that cannot be read.

A clean file is read by pyarrow where that is installed (extra ``parquet``); any irregular one, and every one without pyarrow, by the
standard library line by line. Both give the same columns.
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
from gridwitness.ingest import cells
from gridwitness.ingest.cells import EARLIEST_MS, LARGEST, LATEST_MS, NAMES, STAMPS, TEXTS, TIMES

SUFFIXES = (".csv", ".csv.gz", ".parquet")


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
    """Text in lines; bytes that are no UTF-8 come as surrogates, so that only their row is lost."""
    opener = gzip.open if path.name.endswith(".gz") else open
    return opener(path, "rt", encoding="utf-8-sig", errors="surrogateescape")


def _header(path: Path) -> list[str]:
    with _open(path) as file:
        line = file.readline()
    row = _fields(line)
    if not row:
        raise InputError(str(path), [Problem(str(path), 1, None, "is empty: a header was expected")])
    if not _is_utf8(line):
        raise InputError(str(path), [Problem(str(path), 1, None, "cannot be read: the header is not UTF-8 text")])
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
        types[name] = pa.timestamp("ms", "UTC") if name in TIMES else pa.string() if name in TEXTS else pa.float64()
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
        if name in TIMES:
            if column.null_count:
                return None
            table.ts_ms = column.to_numpy().astype("datetime64[ms]").astype(np.int64)
            if not _plausible(table.ts_ms):
                return None
        elif name in TEXTS:
            coded = column.combine_chunks().dictionary_encode() if column.num_chunks != 1 else column.chunk(0).dictionary_encode()
            names = coded.dictionary.to_pylist()
            if any(text != text.strip() or not text.isprintable() or (name in NAMES and not text) for text in names):
                return None
            table.texts[name] = coded.indices.to_numpy(zero_copy_only=False).astype(np.int64), names
        else:
            values = column.to_numpy().astype(np.float64)
            if not _plausible(values) if name in STAMPS else (np.abs(values) > LARGEST).any():
                return None
            table.numbers[name] = values
    return table


def _plausible(ms: NDArray[Any]) -> bool:
    """Whether all these are times at which something may have been measured (NaN is none)."""
    return bool(((ms >= EARLIEST_MS) & (ms < LATEST_MS)).all())


def _slow(path: Path, header: Sequence[str], known: Sequence[str]) -> Table:
    """The table row by row; a row that cannot be read is left out and named."""
    table, places = Table(str(path)), [header.index(name) for name in known]
    readers = [cells.reader(name) for name in known]
    kept: list[list[Any]] = []
    about = next((header.index(name) for name in ("point", "plant") if name in header), None)
    for line, row in _rows(path):
        if not row:
            continue
        if isinstance(row, str) or any(field.strip() for field in row[len(header) :]):
            text = row if isinstance(row, str) else f"the row has {len(row)} fields, the header {len(header)}"
            table.bad.append(Problem(table.file, line, None, text))
            table.bad_point.append(row[about].strip() if about is not None and isinstance(row, list) else "")
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
        if name in TIMES:
            table.ts_ms = np.array(column, dtype=np.int64)
        elif name in TEXTS:
            names = list(dict.fromkeys(column))
            code = {text: i for i, text in enumerate(names)}
            table.texts[name] = np.array([code[text] for text in column], dtype=np.int64), names
        else:
            table.numbers[name] = np.array(column, dtype=np.float64)
    return table


def _rows(path: Path) -> Iterator[tuple[int, list[str] | str]]:
    """Line number and fields of every row below the header, or the sentence for why it has none.

    Each line is a row of its own: no field of these files holds a line end, and a quote that is never closed must not swallow the rest.
    """
    with _open(path) as file:
        next(file, None)
        for number, line in enumerate(file, 2):
            if not _is_utf8(line):
                yield number, "cannot be read: the row is not UTF-8 text"
                continue
            try:
                yield number, _fields(line)
            except csv.Error as error:
                yield number, f"cannot be read: {error}"


def _is_utf8(line: str) -> bool:
    return line.isascii() or not any("\udc80" <= letter <= "\udcff" for letter in line)


def _fields(line: str) -> list[str]:
    return next(csv.reader([line.rstrip("\r\n")], strict=True), [])


def _parquet(path: Path, required: Sequence[str], optional: Sequence[str]) -> Table:
    try:
        import pyarrow as pa
        from pyarrow import compute, parquet
    except ImportError as error:
        hint = "install gridwitness[parquet], or hand in .csv"
        raise InputError(str(path), [Problem(str(path), None, None, "Parquet needs the package pyarrow", hint)]) from error
    try:
        read = parquet.read_table(path)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(str(path), [Problem(str(path), None, None, f"cannot be read: {error}")]) from error
    warnings = _check(path, read.column_names, required, optional)
    known = [name for name in read.column_names if name in (*required, *optional)]
    for name in known:
        kind = pa.timestamp("ms", "UTC") if name in TIMES else pa.string() if name in TEXTS else pa.float64()
        column = read.column(name)
        if name in TIMES and pa.types.is_timestamp(column.type) and column.type.tz is None:
            warnings.append(Problem(str(path), None, name, "the times carry no zone, taken as UTC"))
        try:
            column = column.cast(kind, safe=False)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise InputError(str(path), [Problem(str(path), None, name, f"cannot be read: {error}")]) from error
        column = compute.utf8_trim_whitespace(compute.fill_null(column, "")) if name in TEXTS else column
        read = read.set_column(read.column_names.index(name), name, column)
    bad = _bad_rows(read, known)
    good = np.ones(read.num_rows, bool)
    good[list(bad)] = False
    table = _columns(path, read.filter(pa.array(good)), known)
    if table is None:
        raise InputError(str(path), [Problem(str(path), None, None, "a text holds line ends or control characters")])
    about = read.column("point" if "point" in known else "plant")
    table.bad = [Problem(str(path), row + 1, name, text) for row, (name, text) in sorted(bad.items())]
    table.bad_point = [about[row].as_py() for row in sorted(bad)]
    table.warnings += warnings
    return table


def _bad_rows(read: Any, known: Sequence[str]) -> dict[int, tuple[str, str]]:
    """Rows of a Parquet table that cannot be used: the first column that is wrong, and why."""
    bad: dict[int, tuple[str, str]] = {}
    for name in known:
        if name in TEXTS:
            wrong, text = np.array([name in NAMES and not value for value in read.column(name).to_pylist()], bool), "is empty"
        elif name in TIMES | STAMPS:
            values = read.column(name).to_numpy().astype("datetime64[ms]" if name in TIMES else np.float64)
            ms = np.where(np.isnat(values), np.nan, values.astype(np.float64)) if name in TIMES else values
            wrong, text = ~((ms >= EARLIEST_MS) & (ms < LATEST_MS)), "is empty, or no time at which anything was measured (2001 to 2100)"
        else:
            wrong, text = np.abs(read.column(name).to_numpy().astype(np.float64)) > LARGEST, "is not finite, or beyond anything measured"
        for row in np.flatnonzero(wrong):
            bad.setdefault(int(row), (name, text))
    return bad
