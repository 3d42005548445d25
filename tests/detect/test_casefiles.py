"""Reading case folders: formats, intervals, doubles, clashes, order, quality, and rows that cannot be read."""

import gzip
import sys
from pathlib import Path

import numpy as np
import pytest
from gridwitness.domain.errors import InputError
from gridwitness.domain.series import MISSING, OK, SUSPECT
from gridwitness.ingest import casefiles, tables

SITE = """format: gridwitness-site/1
site: {id: s, timezone: Asia/Shanghai}
buses: [{id: B1}]
plants: [{id: P1, kind: hydro, bus: B1, rated_w: 1000}]
branches: [{id: G1, bus: B1, role: generator, plant: P1, point: a}]
points: [{id: a, kind: meter, meter_class: 1}, {id: b, kind: meter, meter_class: 1}]
"""
HEAD = "ts,point,p_w,q_var,quality\n"


@pytest.fixture
def case(tmp_path: Path) -> Path:
    (tmp_path / "site.yaml").write_text(SITE, encoding="utf-8")
    return tmp_path


@pytest.fixture(params=["pyarrow", "standard library"])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Everything must come out alike with and without pyarrow."""
    if request.param != "pyarrow":
        monkeypatch.setattr(tables, "_fast", lambda path, known: None)
    return str(request.param)


def write(case: Path, rows: str, head: str = HEAD, name: str = "readings.csv") -> None:
    (case / name).write_text(head + rows, encoding="utf-8")


def test_order_doubles_clashes_and_interval(case: Path, reader: str) -> None:
    write(
        case,
        "2025-01-01T00:02:00Z,a,3,,ok\n"
        "2025-01-01T00:00:00Z,a,1,0.5,ok\n"
        "2025-01-01T08:01:00+08:00,a,2,,\n"
        "2025-01-01T00:02:00Z,a,3,,ok\n"  # the same again: counts once
        "2025-01-01T00:01:00Z,a,9,,\n"  # another value: the first is kept, the clash is counted
        "2025-01-01T00:00:00Z,b,7,,estimated\n"
        "2025-01-01T00:15:00Z,b,8,,missing\n",
    )
    _, readings, warnings = casefiles.read(case)
    a, b = readings.points["a"], readings.points["b"]
    assert warnings == []
    assert a.p_w.tolist() == [1, 2, 3]
    assert a.ts_ms.tolist() == [1735689600000, 1735689660000, 1735689720000]
    assert a.dur_ms.tolist() == [60_000] * 3
    assert b.dur_ms.tolist() == [900_000] * 2
    assert a.quality.tolist() == [OK] * 3
    assert b.quality.tolist() == [1, MISSING]
    assert a.q_var[0] == 0.5
    assert np.isnan(a.q_var[1])
    assert [(p.point, p.problem, p.rows) for p in readings.problems] == [("a", "clash", 1)]


def test_bad_rows_are_counted_and_named_with_line_and_column(case: Path, reader: str) -> None:
    write(
        case,
        "2025-01-01T00:00:00Z,a,1,,ok\n"
        "2025-01-01T00:01:00,a,2,,ok\n"
        "2025-01-01T00:02:00Z,a,many,,ok\n"
        "2025-01-01T00:03:00Z,a\n"
        "2025-01-01T00:04:00Z,b,inf,,ok\n"
        "2025-01-01T00:05:00Z,a,6,,great\n",
    )
    _, readings, warnings = casefiles.read(case)
    assert readings.points["a"].p_w.tolist() == [1, 6]
    assert readings.points["a"].quality.tolist() == [OK, SUSPECT]
    assert [(p.point, p.problem, p.rows) for p in readings.problems] == [("a", "unreadable rows", 3), ("b", "unreadable rows", 1)]
    assert [(w.line, w.column) for w in warnings[:4]] == [(3, "ts"), (4, "p_w"), (5, "p_w"), (6, "p_w")]
    assert "'many' is not a number" in warnings[1].text
    assert "no time with offset" in warnings[0].text
    assert "'great' is not known" in warnings[4].text


def test_byte_order_mark_gzip_and_unknown_columns(case: Path, reader: str) -> None:
    text = "\ufeffts,point,p_w,colour\n2025-01-01T00:00:00Z,a,1,red\n2025-01-01T00:00:01Z,a,2,red\n"
    with gzip.open(case / "readings.csv.gz", "wt", encoding="utf-8") as file:
        file.write(text)
    _, readings, warnings = casefiles.read(case)
    assert readings.points["a"].dur_ms.tolist() == [1000, 1000]
    assert [w.column for w in warnings] == ["colour"]


def test_parquet_equals_csv(case: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    from pyarrow import csv, parquet

    write(case, "2025-01-01T00:00:00Z,a,1,,ok\n2025-01-01T00:01:00Z,a,2,3,\n")
    _, from_csv, _ = casefiles.read(case)
    table = csv.read_csv(case / "readings.csv")
    (case / "readings.csv").unlink()
    parquet.write_table(table, case / "readings.parquet")
    _, from_parquet, _ = casefiles.read(case)
    for name in ("ts_ms", "p_w", "q_var", "quality", "dur_ms"):
        assert np.array_equal(getattr(from_csv.points["a"], name), getattr(from_parquet.points["a"], name), equal_nan=True)
    assert pa.__version__


def test_parquet_without_pyarrow_says_what_to_install(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (case / "readings.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"gridwitness\[parquet\]"):
        casefiles.read(case)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty"),
        (b"ts,point\n", "p_w]: this column is missing"),
        (b"ts,point,p_w,p_w\n", "p_w]: this column is given twice"),
        (b"ts,point,p_w\nnever,a,1\nnever,a,2\n", "2 [ts]: 'never' is no time"),
        (b"ts,point,p_w\n2025-01-01T00:00:00Z,\xff\xfe,1\n", "cannot be read"),
    ],
)
def test_files_that_cannot_be_used(case: Path, reader: str, content: bytes, expected: str) -> None:
    (case / "readings.csv").write_bytes(content)
    with pytest.raises(InputError) as caught:
        casefiles.read(case)
    assert expected in str(caught.value)


def test_broken_gzip_and_missing_readings(case: Path) -> None:
    with pytest.raises(InputError, match=r"no readings\.csv"):
        casefiles.read(case)
    (case / "readings.csv.gz").write_bytes(b"not gzip at all")
    with pytest.raises(InputError, match="cannot be read"):
        casefiles.read(case)


def test_header_alone_is_an_empty_record(case: Path, reader: str) -> None:
    write(case, "")
    _, readings, _ = casefiles.read(case)
    assert readings.points == {}


def test_clock_that_steps_back_overlaps_itself(case: Path, reader: str) -> None:
    rows = "".join(f"2025-01-01T00:{m:02d}:00Z,a,1,,\n" for m in range(10))
    write(case, rows + "2025-01-01T00:04:30Z,a,5,,\n")
    series = casefiles.read(case)[1].points["a"]
    assert (series.ts_ms[:-1] + series.dur_ms[:-1] <= series.ts_ms[1:]).all()
    assert series.dur_ms[4] == 30_000


def test_context_and_events(case: Path, reader: str) -> None:
    write(case, "2025-01-01T00:00:00Z,a,1,,\n")
    (case / "context.csv").write_text(
        "ts,plant,quantity,value\n2025-01-01T01:00:00Z,P1,turbine_flow_m3s,11\n2025-01-01T00:00:00Z,P1,turbine_flow_m3s,10.4\n"
        "2025-01-01T00:00:00Z,P1,moon_phase,1\n2025-01-01T00:00:00Z,P7,head_m,40\n",
        encoding="utf-8",
    )
    (case / "events.csv").write_text(
        "ts_ms,point,dp_w,dq_var,rise_ms,clock_u_ms\n1735690212345,a,-98200,-4100,400,800\n1735690000000,a,5,,,\n", encoding="utf-8"
    )
    _, readings, warnings = casefiles.read(case)
    assert [(c.plant, c.quantity, c.value.tolist()) for c in readings.context] == [("P1", "turbine_flow_m3s", [10.4, 11.0])]
    assert [e.ts_ms for e in readings.events] == [1735690000000, 1735690212345]
    assert readings.events[1].dp_w == -98200
    assert {"'moon_phase' is not known, not used", "'P7' is not in the register, not used"} == {w.text for w in warnings}


@pytest.mark.parametrize(
    ("row", "column", "text"),
    [
        ("2025-01-01T00:03:00Z,a,1_000,,ok", "p_w", "is not a number"),
        ("2025-01-01T00:03:00Z,a,\uff11\uff12,,ok", "p_w", "is not a number"),
        ("2025-01-01T00:03:00Z,a,1e300,,ok", "p_w", "beyond anything measured"),
        ("1970-01-01T00:03:00Z,a,1,,ok", "ts", "the clock was not set"),
        ("0001-01-01T00:00:00+14:00,a,1,,ok", "ts", "the clock was not set"),
        ("9999-12-31T23:59:59Z,a,1,,ok", "ts", "the clock was not set"),
        ("2025-01-01T00:03:00Z,,1,,ok", "point", "is empty"),
        ("2025-01-01T00:03:00Z,a,1,5,2,ok", None, "the row has 6 fields, the header 5"),  # 1,5 with a decimal comma
        ('2025-01-01T00:03:00Z,"a,1,,ok', None, "cannot be read"),  # a quote that nobody closes
        ("2025-01-01T00:03:00Z,a," + "9" * 200_000 + ",,ok", None, "cannot be read"),
    ],
)
def test_a_row_that_would_mislead_is_left_out_and_the_rows_after_it_are_read(
    case: Path, reader: str, row: str, column: str | None, text: str
) -> None:
    good = [f"2025-01-01T00:{m:02d}:00Z,a,{m},,ok" for m in (0, 1, 2, 4, 5, 6)]
    write(case, "\n".join([*good[:3], row, *good[3:]]) + "\n")
    _, readings, warnings = casefiles.read(case)
    assert readings.points["a"].p_w.tolist() == [0, 1, 2, 4, 5, 6]
    assert [p.rows for p in readings.problems] == [1]
    assert [(w.line, w.column) for w in warnings] == [(5, column)]
    assert text in warnings[0].text


def test_bytes_that_are_no_utf8_cost_their_row_only(case: Path, reader: str) -> None:
    rows = b"2025-01-01T00:00:00Z,a,1,,ok\n2025-01-01T00:01:00Z,\xe9,2,,ok\n2025-01-01T00:02:00Z,a,3,,ok\n"
    (case / "readings.csv").write_bytes(HEAD.encode() + rows)
    _, readings, warnings = casefiles.read(case)
    assert readings.points["a"].p_w.tolist() == [1, 3]
    assert [(w.line, w.text) for w in warnings] == [(3, "cannot be read: the row is not UTF-8 text")]
    (case / "readings.csv").write_bytes((HEAD + "2025-01-01T00:00:00Z,a,1,,ok\n").encode("utf-16"))
    with pytest.raises(InputError, match="the header is not UTF-8 text"):
        casefiles.read(case)


def test_bad_rows_of_parquet_are_counted_and_named_too(case: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    from pyarrow import parquet

    times = pa.array([1735689600000, None, 1735689720000, 0, 1735689840000, 1735689900000], pa.timestamp("ms", "UTC"))
    columns = {"ts": times, "point": ["a", "a", None, "a", "a", "a"], "p_w": [1.0, 2.0, 3.0, 4.0, float("inf"), None]}
    parquet.write_table(pa.table(columns), case / "readings.parquet")
    _, readings, warnings = casefiles.read(case)
    assert readings.points["a"].p_w[0] == 1
    assert np.isnan(readings.points["a"].p_w[1])
    assert [(w.line, w.column) for w in warnings] == [(2, "ts"), (3, "point"), (4, "ts"), (5, "p_w")]
    assert [(p.point, p.rows) for p in readings.problems] == [("", 1), ("a", 3)]


def test_parquet_times_without_a_zone_are_told(case: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    from pyarrow import parquet

    table = pa.table({"ts": pa.array([1735689600000], pa.timestamp("ms")), "point": ["a"], "p_w": [1.0]})
    parquet.write_table(table, case / "readings.parquet")
    _, readings, warnings = casefiles.read(case)
    assert readings.points["a"].ts_ms.tolist() == [1735689600000]
    assert ["taken as UTC" in w.text for w in warnings] == [True]
    parquet.write_table(pa.table({"ts": ["noon"], "point": ["a"], "p_w": [1.0]}), case / "readings.parquet")
    with pytest.raises(InputError, match=r"readings\.parquet \[ts\]: cannot be read"):
        casefiles.read(case)


def test_events_without_a_usable_time_are_bad_rows(case: Path, reader: str) -> None:
    write(case, "2025-01-01T00:00:00Z,a,1,,\n")
    (case / "events.csv").write_text("ts_ms,point,dp_w\n1735690212345,a,5\n,a,5\nnan,a,5\n5,a,5\n1e300,a,5\n", encoding="utf-8")
    _, readings, warnings = casefiles.read(case)
    assert [e.ts_ms for e in readings.events] == [1735690212345]
    assert [(w.line, w.column) for w in warnings] == [(3, "ts_ms"), (4, "ts_ms"), (5, "ts_ms"), (6, "ts_ms")]
