"""The store: opening, packing, arrays, findings, registers."""

import json
import sqlite3
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gridwitness.domain.errors import GridwitnessError
from gridwitness.domain.series import MISSING, OK, SUSPECT
from gridwitness.store import Batch, DeviceRow, EventRow, IntervalRow, RawRow, SegmentRow, Store, schema
from gridwitness.store.packing import ABSENT, LAYOUT, column, pack, table, unpack
from gridwitness.store.series import DOUBTFUL
from gwire import fields
from hypothesis import given
from hypothesis import strategies as st

T0 = 1_796_054_400_000
MINUTE = 60_000
POWER = LAYOUT["power"]


@st.composite
def power_values(draw: st.DrawFn) -> dict[str, int]:
    keys = draw(st.sets(st.sampled_from(POWER), min_size=1))
    return {key: draw(st.integers(fields.BY_KEY[key][3], fields.BY_KEY[key][4])) for key in keys}


@given(power_values())
def test_packing_gives_back_every_integer_and_every_absence(values: dict[str, int]) -> None:
    assert unpack(POWER, pack("power", values)) == values


@given(st.lists(power_values(), min_size=1, max_size=20))
def test_columns_are_what_the_field_table_says(rows: list[dict[str, int]]) -> None:
    numbers = table(POWER, [pack("power", values) for values in rows])
    for key in POWER:
        got = column(numbers, POWER, key)
        for value, values in zip(got, rows, strict=True):
            if key in values:
                assert value == fields.from_wire(key, values[key])
            else:
                assert np.isnan(value)


def test_the_mark_of_absence_lies_outside_every_range() -> None:
    assert all(row[3] > ABSENT for row in fields.FIELDS)


def interval(minute: int, values: Mapping[str, int], *, g: str = "power", **row: Any) -> IntervalRow:
    """A row of point m-1 that starts ``minute`` minutes after T0; ``row`` overrides its columns."""
    made = IntervalRow("gw-1", "m-1", g, T0 + minute * MINUTE, 0, minute, MINUTE, 0, 2, 0, pack(g, values))
    return made._replace(**row)


def put(store: Store, *rows: IntervalRow) -> None:
    store.put_device(DeviceRow("gw-1", "lt", "ab", b"", 0))
    store.commit(Batch(intervals=list(rows)))


@pytest.fixture
def store(tmp_path: Path) -> Any:
    opened = Store(tmp_path / "gridwitness.db")
    yield opened
    opened.close()


def test_readings_are_arrays_in_order_of_time(store: Store) -> None:
    full = {"p_w": -1234, "u_l1_v": 23000, "u_l2_v": 23100, "u_l3_v": 23200, "i_l1_a": 5000, "f_hz": 50012, "pf": -9876}
    put(store, interval(2, full), interval(0, full), interval(1, {"u_l1_v": 1}))
    series = store.readings("lt").points["m-1"]
    assert series.ts_ms.tolist() == [T0, T0 + MINUTE, T0 + 2 * MINUTE]
    assert series.p_w[[0, 2]].tolist() == [-123.4, -123.4]
    assert np.isnan(series.p_w[1])
    assert (series.u_v[0], series.i_a[0], series.f_hz[0], series.pf[0]) == (231.0, 5.0, 50.012, -0.9876)
    assert series.quality.tolist() == [OK, MISSING, OK]
    assert np.isnan(series.thd_i_pct).all()
    assert store.readings("another").points == {}


def test_readings_of_a_span_begin_and_end_where_asked(store: Store) -> None:
    put(store, *(interval(k, {"p_w": k}) for k in range(10)))
    series = store.readings("lt", T0 + 2 * MINUTE, T0 + 5 * MINUTE).points["m-1"]
    assert series.p_w.tolist() == [0.2, 0.3, 0.4]


@pytest.mark.parametrize(("bit", "name"), [(row[0], row[1]) for row in fields.QUALITY])
def test_quality_bits_that_keep_an_interval_out_of_a_balance(store: Store, bit: int, name: str) -> None:
    put(store, interval(0, {"p_w": 1}, q=bit))
    expected = name in ("partial", "gapped", "clock", "clipped", "unlocked", "stale")
    assert store.readings("lt").points["m-1"].quality[0] == (SUSPECT if expected else OK)
    assert bool(bit & DOUBTFUL) == expected


def test_a_time_without_a_clock_is_suspect(store: Store) -> None:
    put(store, interval(0, {"p_w": 1}, cq=0))
    assert store.readings("lt").points["m-1"].quality[0] == SUSPECT


def test_of_several_intervals_with_one_start_the_best_is_taken(store: Store) -> None:
    put(store, interval(0, {"p_w": 1}, q=1, seq=5), interval(0, {"p_w": 2}, seq=6), interval(0, {"p_w": 3}, seq=7))
    series = store.readings("lt").points["m-1"]
    assert (series.p_w.tolist(), series.quality.tolist()) == ([0.2], [OK])


def test_distortion_comes_from_its_own_group(store: Store) -> None:
    harm = {"thd_i_l1_pct": 200, "thd_i_l2_pct": 300, "thd_i_l3_pct": 400}
    put(store, interval(0, {"p_w": 1}), interval(5, {"p_w": 1}), interval(5, harm, g="harm", seq=50))
    thd = store.readings("lt").points["m-1"].thd_i_pct
    assert np.isnan(thd[0])
    assert thd[1] == 3.0


def test_a_point_of_two_devices_is_told(store: Store) -> None:
    store.put_device(DeviceRow("gw-2", "lt", "cd", b"", 0))
    put(store, interval(0, {"p_w": 10}), interval(0, {"p_w": 20}, dev="gw-2"))
    readings = store.readings("lt")
    assert readings.points["m-1"].p_w.tolist() == [1.0]
    assert "two devices" in readings.problems[0].problem


def test_latest(store: Store) -> None:
    put(store, interval(3, {"p_w": 7}), interval(4, {"p_w": 8, "f_hz": 50000}), interval(1, {"p_w": 1}, pt="m-2"))
    latest = store.latest("lt")
    assert latest["m-1"].values == {"p_w": 0.8, "f_hz": 50.0}
    assert (latest["m-1"].ts_ms, latest["m-2"].ts_ms, latest["m-2"].dev) == (T0 + 4 * MINUTE, T0 + MINUTE, "gw-1")


def raw(seq: int, ts: int | None, t: str = "data") -> RawRow:
    return RawRow("gw-1", 0, seq, t, None if ts is None else T0 + ts * MINUTE, T0, bytes([seq]) * 32, b"payload %d" % seq)


def test_raw_in_chain_order_with_what_has_no_time_between(store: Store) -> None:
    store.commit(Batch(raw=[raw(4, 4), raw(0, 0), raw(3, None), raw(1, 1), raw(2, 3), raw(5, None), raw(6, 2)]))
    assert [r.seq for r in store.raw("gw-1")] == [0, 1, 2, 3, 4, 5, 6]
    assert [r.seq for r in store.raw("gw-1", T0 + 2 * MINUTE, T0 + 5 * MINUTE)] == [2, 3, 4, 5, 6]
    assert [r.seq for r in store.raw("gw-1", T0 + 3 * MINUTE, T0 + 5 * MINUTE)] == [2, 3, 4]
    assert list(store.raw("gw-1", T0 - 5, T0 - 1)) == []
    assert [r.seq for r in store.raw_between("gw-1", (0, 2), (0, 4))] == [2, 3, 4]
    assert store.positions("gw-1", after=(0, 4)) == [(0, 5), (0, 6)]
    assert store.undated("gw-1") == [(0, 3), (0, 5)]


def test_a_long_result_is_paged_while_the_store_is_written(store: Store) -> None:
    store.commit(Batch(raw=[raw(0, 0)._replace(seq=k) for k in range(2500)]))
    seen = 0
    for record in store.raw("gw-1"):
        if record.seq == 1200:
            store.commit(Batch(counters={"stored": 1}))
        seen += 1
    assert seen == 2500


def test_a_batch_is_whole_or_absent(store: Store) -> None:
    good = Batch(raw=[raw(0, 0)], counters={"stored": 1})
    bad = Batch(raw=[raw(1, 0)], events=[EventRow("gw-1", 0, 1, None, 0, None, "step", "{}")], counters={"stored": 1})  # type: ignore[arg-type]
    store.commit(good)
    bad.cursors = [("gw-1",)]  # type: ignore[list-item]
    with pytest.raises(sqlite3.ProgrammingError):
        store.commit(bad)
    assert [r.seq for r in store.raw("gw-1")] == [0]
    assert store.counts()["stored"] == 1


def test_a_reader_sees_commits_and_cannot_write(store: Store, tmp_path: Path) -> None:
    reader = Store(tmp_path / "gridwitness.db", readonly=True)
    store.commit(Batch(counters={"stored": 3}))
    assert reader.counts()["stored"] == 3
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.commit(Batch(counters={"stored": 1}))
    reader.close()


def test_every_commit_is_synchronous(store: Store) -> None:
    assert store._one("PRAGMA journal_mode")[0] == "wal"
    assert store._one("PRAGMA synchronous")[0] == 2  # FULL


def test_no_store_to_read(tmp_path: Path) -> None:
    with pytest.raises(GridwitnessError, match="there is no store"):
        Store(tmp_path / "none.db", readonly=True)


def test_a_store_of_a_newer_software_is_refused(store: Store, tmp_path: Path) -> None:
    store._db.execute(f"PRAGMA user_version={len(schema.MIGRATIONS) + 1}")
    for readonly in (False, True):
        with pytest.raises(GridwitnessError, match="this software knows up to"):
            Store(tmp_path / "gridwitness.db", readonly=readonly)


def test_an_older_store_is_migrated_once_and_keeps_its_data(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.commit(Batch(raw=[raw(0, 0)]))
    monkeypatch.setattr(
        "gridwitness.store.database.MIGRATIONS",
        (*schema.MIGRATIONS, "CREATE TABLE later (x); -- more; of it\nCREATE INDEX l ON later (x);"),
    )
    with pytest.raises(GridwitnessError, match="this software reads"):
        Store(tmp_path / "gridwitness.db", readonly=True)
    for _ in range(2):
        newer = Store(tmp_path / "gridwitness.db")
        assert newer.version == len(schema.MIGRATIONS) + 1
        assert [r.seq for r in newer.raw("gw-1")] == [0]
        newer.close()


def test_a_failed_migration_leaves_the_old_version(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gridwitness.store.database.MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE later (x); SELECT no_such_column;"))
    with pytest.raises(GridwitnessError, match="no_such_column"):
        Store(tmp_path / "gridwitness.db")
    assert store.version == len(schema.MIGRATIONS)
    assert store._all("SELECT name FROM sqlite_master WHERE name = 'later'") == []


def test_blobs_of_an_older_field_table_are_brought_into_the_new_order(store: Store, tmp_path: Path) -> None:
    put(store, interval(0, {"p_w": 11, "pf": 22}))
    old = [key for key in POWER if key != "f_hz"][::-1]
    with store.transaction() as db:
        values = {"p_w": 11, "pf": 22}
        blob = struct.pack(f"<{len(old)}q", *(values.get(key, ABSENT) for key in old))
        db.execute("UPDATE interval SET vals = ?", (blob,))
        db.execute("UPDATE layout SET keys = ? WHERE g = 'power'", (json.dumps(old),))
    reader = Store(tmp_path / "gridwitness.db", readonly=True)  # a reader believes the layout of the file
    assert reader.latest("lt")["m-1"].values == {"p_w": 1.1, "pf": 0.0022}
    reader.close()
    newer = Store(tmp_path / "gridwitness.db")
    assert newer.layout["power"] == list(POWER)
    assert newer.readings("lt").points["m-1"].p_w.tolist() == [1.1]
    newer.close()


def doc(
    status: str = "case", *, begins: str = "01:00", ends: str | None = None, detected: str = "01:30", energy: float = 1.0
) -> dict[str, Any]:
    """A finding on bus B1; times of 2026-12-01 at the site."""

    def at(time: str | None) -> str | None:
        return f"2026-12-01T{time}:00+08:00" if time else None

    made = {"kind": "dedicated_line_supply", "subject": {"type": "bus", "id": "B1"}, "status": status, "energy_wh": energy}
    return made | {"from": at(begins), "to": at(ends), "detected_at": at(detected)}


def test_a_finding_keeps_its_id_while_its_figures_move(store: Store) -> None:
    store.put_findings("lt", [doc("watch")], {"to_ms": 1}, 100)
    (first,) = store.findings("lt")
    assert first.id == "lt-dedicated_line_supply-b1-20261130t1730"
    store.put_findings("lt", [doc("case", begins="00:50", detected="01:40", energy=5.0)], {"to_ms": 2}, 200)
    store.put_findings("lt", [doc("case", begins="00:50", detected="01:40", energy=9.0)], {"to_ms": 3}, 300)
    (row,) = store.findings()
    assert (row.id, row.status, row.first_seen_ms, row.updated_ms, row.doc["energy_wh"]) == (first.id, "case", 100, 300, 9.0)
    assert [(ms, status) for ms, status, _ in store.finding_history(first.id)] == [(100, "watch"), (200, "case")]
    assert store.analysis("lt") == (3, {"to_ms": 3})
    assert store.finding(first.id) == row
    assert store.finding("unknown") is None


def test_a_second_load_on_the_same_bus_is_another_finding(store: Store) -> None:
    ended = doc(ends="03:00")
    second = doc(begins="05:00", detected="05:20")
    store.put_findings("lt", [ended], {"to_ms": 1}, 100)
    store.put_findings("lt", [ended, second], {"to_ms": 2}, 200)
    assert len({row.id for row in store.findings()}) == 2
    assert [row.status for row in store.findings()] == ["case", "case"]


def test_two_documents_never_share_one_finding(store: Store) -> None:
    store.put_findings("lt", [doc()], {"to_ms": 1}, 100)
    store.put_findings("lt", [doc(), doc("watch", detected="02:30")], {"to_ms": 1}, 200)
    assert sorted(row.status for row in store.findings()) == ["case", "watch"]


def test_a_finding_that_the_data_no_longer_support_is_withdrawn_not_deleted(store: Store) -> None:
    store.put_findings("lt", [doc()], {"to_ms": 1}, 100)
    store.put_findings("lt", [], {"to_ms": 2}, 200)
    (row,) = store.findings()
    assert row.status == "withdrawn"
    store.put_findings("lt", [doc()], {"to_ms": 3}, 300)
    (row,) = store.findings()
    assert row.status == "case"
    assert [status for _, status, _ in store.finding_history(row.id)] == ["case", "withdrawn", "case"]
    assert store.findings("another") == []


def test_a_finding_from_before_the_analysed_time_stays(store: Store) -> None:
    store.put_findings("lt", [doc(ends="03:00")], {"to_ms": 1}, 100)
    store.put_findings("lt", [], {"to_ms": 2}, 200, from_ms=T0 + 86_400_000)
    assert store.findings()[0].status == "case"


def test_registers_keep_their_history(store: Store) -> None:
    assert store.put_site("lt", "one", 500)
    assert not store.put_site("lt", "one", 600)
    assert store.put_site("lt", "two", 700)
    assert [(row.id, row.yaml) for row in store.sites()] == [("lt", "two")]
    held = {at: store.site_at("lt", at) for at in (0, 699, 700)}
    assert {at: row.yaml if row else None for at, row in held.items()} == {0: "one", 699: "one", 700: "two"}
    assert store.site_at("none", 5) is None


def test_a_segment_is_closed_once(store: Store) -> None:
    row = SegmentRow("gw-1", "2026-12-01T04", 0, "gw-1/x.jsonl", "ab", 5, "cd", 0, 1, 0, 5, 9)
    store.put_segment(row)
    assert store.segments("gw-1") == [row]
    with pytest.raises(sqlite3.IntegrityError):
        store.put_segment(row)
