"""Times of records made before the clock was set: the moment of making counts, and a data record is made at its interval's end."""

import pytest
from gwire.dating import derived_ts

T0 = 1_796_054_400_000
"""When the board was switched on."""


def data(up: int, ts: int | None) -> dict[str, object]:
    return {"t": "data", "up": up, "ts": ts, "dur": 60_000}


def event(up: int, ts: int | None) -> dict[str, object]:
    return {"t": "event", "up": up, "ts": ts}


@pytest.mark.parametrize(
    ("record", "reference", "expected"),
    [
        (event(12, None), event(5_000, T0 + 5_000), T0 + 12),
        (event(12, None), data(60_000, T0), T0 + 12),
        (data(60_000, None), data(120_000, T0 + 60_000), T0),
        (data(60_000, None), event(65_000, T0 + 65_000), T0),
    ],
)
def test_the_moment_of_making_is_what_two_records_share(record: dict[str, object], reference: dict[str, object], expected: int) -> None:
    assert derived_ts(record, reference) == expected
