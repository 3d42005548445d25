"""Series for drawing: means on an even grid, gaps stay gaps, the axis holds what matters."""

import re

import numpy as np
import pytest
from gridwitness.domain.moments import DAY_MS, HOUR_MS, MINUTE_MS
from gridwitness.web.draw.chart import Onset, chart, power_axis, spark
from gridwitness.web.draw.trace import trace


def minutes(n: int, start: int = 0) -> list[int]:
    return [start + i * MINUTE_MS for i in range(n)]


def test_a_short_series_is_drawn_as_it_is() -> None:
    drawn = trace(minutes(5), [1.0, 2.0, None, 4.0, 5.0], [1.0] * 5, 0, 5 * MINUTE_MS)
    assert drawn.step_ms == MINUTE_MS
    assert drawn.value_w.tolist()[:2] == [1.0, 2.0]
    assert np.isnan(drawn.value_w[2])
    assert [(r.start, r.stop) for r in drawn.runs()] == [(0, 2), (3, 5)]


def test_a_long_series_becomes_means_that_keep_its_energy() -> None:
    rng = np.random.default_rng(5)
    value = 98_000 + 900 * rng.standard_normal(7 * 1440)
    drawn = trace(minutes(len(value)), value.tolist(), [8000.0] * len(value), 0, 7 * DAY_MS)
    assert drawn.step_ms % MINUTE_MS == 0
    assert len(drawn.value_w) <= 420
    assert np.nansum(drawn.value_w) * drawn.step_ms == pytest.approx(value.sum() * MINUTE_MS, rel=1e-12)
    assert np.allclose(drawn.u95_w, 8000.0)


def test_a_gap_is_not_drawn_over() -> None:
    ts = minutes(60) + minutes(60, 3 * HOUR_MS)
    drawn = trace(ts, [5.0] * 120, [1.0] * 120, 0, 4 * HOUR_MS, most=48)
    runs = list(drawn.runs())
    assert len(runs) == 2
    assert drawn.ts_ms[runs[0].stop - 1] + drawn.step_ms == HOUR_MS
    assert drawn.ts_ms[runs[1].start] == 3 * HOUR_MS
    markup = chart(drawn, [], 0, 4 * HOUR_MS, "UTC", "label")
    assert markup.count('class="band"') == 2
    lines = re.findall(r'<path d="([^"]+)" class="residual', markup)
    assert len(lines) == 2
    assert all(line.count("M") == 1 for line in lines)


def test_a_step_that_is_mostly_missing_counts_as_missing() -> None:
    ts = [t for t in minutes(600) if t // (10 * MINUTE_MS) != 30 or t % (10 * MINUTE_MS) < 4 * MINUTE_MS]
    drawn = trace(ts, [1.0] * len(ts), [1.0] * len(ts), 0, 600 * MINUTE_MS, most=60)
    assert drawn.step_ms == 10 * MINUTE_MS
    assert np.flatnonzero(np.isnan(drawn.value_w)).tolist() == [30]


def test_nothing_to_draw_is_no_error() -> None:
    drawn = trace([], [], [], 0, HOUR_MS)
    assert not list(drawn.runs())
    assert "<svg" in chart(drawn, [], 0, HOUR_MS, "Asia/Shanghai", "empty")
    assert "<svg" in spark(drawn, "normal", "empty")


def test_the_axis_holds_zero_and_every_value_and_is_not_blown_up_by_the_first_band() -> None:
    value, u95 = [0.0] * 30 + [98_000.0] * 30, [60_000.0] * 3 + [8_000.0] * 57
    low, high, step = power_axis(trace(minutes(60), value, u95, 0, HOUR_MS))
    assert low <= -8_000
    assert high >= 98_000
    assert low > -60_000
    assert (high - low) / step == pytest.approx(round((high - low) / step))


def test_the_line_takes_the_findings_colour_only_while_it_lasts() -> None:
    drawn = trace(minutes(60), [1.0] * 60, [1.0] * 60, 0, HOUR_MS)
    onset = Onset(20 * MINUTE_MS, "case", "onset here", to_ms=40 * MINUTE_MS)
    markup = chart(drawn, [onset], 0, HOUR_MS, "UTC", "label")
    assert re.findall(r'class="(residual[^"]*)"', markup) == ["residual", "residual case", "residual"]
    assert "onset here" in markup
