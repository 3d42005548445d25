"""Watching one segment through time: calibrate, test, freeze at an onset, wait for the end, go on.

Every decision at an interval's end rests on the intervals up to then alone. Later data can end a finding and sharpen its onset
and its energy, but they cannot make, unmake or move a detection.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridwitness.detect import calibration, onset, suspects, windows
from gridwitness.detect.balance import FORGET_MS, Floats, Segment
from gridwitness.detect.calibration import HIDDEN_W, Course
from gridwitness.detect.onset import Onset
from gridwitness.detect.suspects import Suspect
from gridwitness.detect.windows import Sums, Tests
from gridwitness.domain.finding import CASE, WATCH
from gridwitness.domain.moments import DAY_MS, HOUR_MS
from gridwitness.topology import accuracy

MOST_EVENTS = 20
"""Cases of one segment; a record with more has an instrument at fault, and one finding says so as well as a hundred."""
DISTRUST_MS = 3 * DAY_MS
"""After a residual below zero no load is claimed for so long: what swings both ways is an instrument."""
QUIET_MS = DAY_MS
"""A load is gone when it was absent for so long (a duty cycle or a night is no end)."""
EPISODE_MS = 3 * DAY_MS
"""Crossings closer than this are one watch."""
LEAST_QUIET_ROWS = 12
FIRST_DAY_CASE, FIRST_DAY_WATCH = 4.5, 3.5
FIRST_DAY_MS, FIRST_DAY_ROWS = HOUR_MS, 30
FIRST_DAY_SHARE = 2.5e-3
"""Least record, and least share of the rating, before a load from the first day may be claimed."""


@dataclass(slots=True)
class Event:
    """Something that was detected. Sample indices; ``end`` exclusive (None while it lasts), ``decided`` exclusive: the last sample
    that was needed is ``decided − 1``. ``use`` is the frozen posterior of ``course``. ``first_day``: the load was there from the
    first interval, and ``statistic`` is the static one; otherwise ``length_ms`` is the window that saw it. ``negative``: energy came
    from nowhere, which is an instrument or the end of a load that was calibrated away. ``distrusted``:
    it followed such a one too closely. ``suspect``: an instrument that is at fault.
    """

    status: str
    first_day: bool
    decided: int
    onset: Onset
    end: int | None
    course: Course
    total: Sums
    use: int
    statistic: float
    threshold: float
    sd_w: float
    length_ms: int
    innocent: bool
    negative: bool = False
    distrusted: bool = False
    suspect: Suspect | None = None


@dataclass(slots=True)
class Phase:
    """Samples [first, stop) that were judged with one course; ``use`` is the frozen posterior, or None where calibration goes on."""

    first: int
    stop: int
    course: Course
    use: int | None


@dataclass(slots=True)
class Watch:
    """What became of a segment: cases, watches, and the course that each sample was judged with."""

    events: list[Event]
    phases: list[Phase]


def follow(segment: Segment) -> Watch:
    """The whole record of a segment, in time."""
    n, a, base_load = segment.ts_ms.size, 0, False
    state, events, phases, hints = calibration.begin(segment), list[Event](), list[Phase](), list[Event]()
    standing: Event | None = None
    distrust_ms = 0
    while a < n and len(events) < MOST_EVENTS:
        course = calibration.run(segment, state, a, n, base_load)
        total = windows.sums(segment, course)
        event = _earliest(segment, course, total, a)
        hints += _hints(segment, course, total, a, event.decided if event else n + 1)
        calm = event.onset.at if event else n
        if standing:  # a load from the first day is known the better the longer it is seen alone
            standing.course, standing.total, standing.use = course, total, int(course.before(np.array([calm]))[0])
            standing = None
        if event is None:
            phases.append(Phase(a, n, course, None))
            break
        events.append(event)
        if event.first_day or event.negative:
            phases.append(Phase(a, event.decided, course, None))
            state = course.states[int(course.before(np.array([event.decided]))[0])]
            a = event.decided
            if event.first_day:
                standing, base_load = event, True
            else:
                distrust_ms = int(segment.end_ms[a - 1]) + DISTRUST_MS
                state, base_load = calibration.afresh(state), False
            continue
        if segment.end_ms[event.decided - 1] <= distrust_ms:
            event.status, event.distrusted = WATCH, True
        elif event.suspect is None:
            event.suspect = suspects.stepped(segment, event.onset.at, event.decided)
        phases.append(Phase(a, event.onset.at, course, None))
        gone = _gone(segment, event)
        phases.append(Phase(event.onset.at, gone[1] if gone else n, course, event.use))
        if gone is None:
            break
        event.end, a = gone
        state = course.states[event.use]
    return Watch(events + _episodes(segment, hints, events), phases)


def residual(segment: Segment, course: Course, use: int, s: int, e: int) -> Floats:
    """Residual of samples [s, e) less what one posterior explains, the drifts forgotten as time goes."""
    z = course.z[s:e].copy()
    gap = np.maximum(0, segment.ts_ms[s:e] - course.at_ms[use])
    for column, tau in zip(course.drifts, FORGET_MS, strict=True):
        z[:, column] *= np.exp(-gap / tau)
    return np.asarray(segment.residual_w[s:e] - z @ course.mean[use])


def _earliest(segment: Segment, course: Course, total: Sums, a: int) -> Event | None:
    """The first case of a course: a window's, or, from the first interval of the records on, a load that was always there."""
    found = [t for length in windows.LENGTHS_MS if (t := windows.tests(segment, course, total, length, a, windows.CASE_A_YEAR))]
    above = windows.first_crossing(found, lambda test: test.over(hard=True))
    below = windows.first_crossing(found, lambda test: test.under())
    events = [_of_window(segment, course, total, a, *above, CASE)] if above else []
    events += [_below_zero(segment, course, total, a, *below)] if below else []
    if a == 0 and (first_day := _first_day(segment, course, total, FIRST_DAY_CASE, hard=True)):
        events.append(first_day)
    event = min(events, key=lambda e: (e.decided, e.first_day), default=None)
    if event and not event.first_day:
        event.suspect = suspects.shifted(segment, event.decided, course.noise[event.use])
    if event and event.suspect is None and suspects.estranged(segment, event.decided):
        event.status, event.distrusted = WATCH, True
    return event


def _below_zero(segment: Segment, course: Course, total: Sums, a: int, test: Tests, k: int) -> Event:
    """The event of a window in which energy came from nowhere."""
    event = _of_window(segment, course, total, a, test, k, WATCH)
    s = int(test.s[k])
    event.onset, event.end, event.negative, event.distrusted = Onset(s, s, s), event.decided, True, True
    event.use = int(course.before(np.array([s]))[0])
    return event


def _of_window(segment: Segment, course: Course, total: Sums, a: int, test: Tests, k: int, status: str) -> Event:
    """The event of one window that crossed its threshold, its onset located in what was known then."""
    s, e = int(test.s[k]), int(test.e[k])
    begin = max(a, int(np.searchsorted(segment.ts_ms, segment.ts_ms[s] - test.length_ms)))
    use = int(course.before(np.array([begin]))[0])
    noise = course.noise[use]
    variance = noise.variance * float(np.mean(segment.scale_w[begin:e] ** 2))
    at = onset.locate(residual(segment, course, use, begin, e), noise.rho, variance, begin)
    use = int(course.before(np.array([at.earliest]))[0])
    innocent = bool(test.spare_w[k] <= 0)
    return Event(
        status,
        False,
        e,
        at,
        None,
        course,
        total,
        use,
        float(test.t[k]),
        float(test.threshold[k]),
        float(test.sd_w[k]),
        test.length_ms,
        innocent,
    )


def _first_day(segment: Segment, course: Course, total: Sums, threshold: float, hard: bool) -> Event | None:
    """A constant load beside all instrument errors, from the first interval on: D̂/u(D̂) of the filter.

    Early, with little variation in output, this is the static statistic mean(R)/u(R); later the regression itself tells a load
    that does not follow output from gains that must. ``hard``: no single gain inside its certified class may bring it under the
    threshold; a prior mean shifted by δ_i moves D̂ by cov(D, θ_i)/P0_ii·δ_i.
    """
    scale = HIDDEN_W * segment.plan.rated_w
    d, u = course.hidden_w[1:] / scale, course.hidden_u_w[1:] / scale
    if d.size == 0:
        return None
    limit = np.array([accuracy.limits(c.point).worst(0.33) / accuracy.relative_u(c.point) for c in segment.plan.channels])
    across = np.stack([np.abs(state.cov[-1, : limit.size]) for state in course.states[1:]])
    h = windows.cautious(threshold, course, np.arange(1, d.size + 1))
    innocent = d - h * u <= (across * limit).max(axis=1)
    rows = course.end - course.start[0]
    old = segment.end_ms[course.end - 1] - segment.ts_ms[course.start[0]] >= FIRST_DAY_MS
    over = (d > h * u) & (d * HIDDEN_W > FIRST_DAY_SHARE) & old & (rows >= FIRST_DAY_ROWS)
    hits = np.flatnonzero(over & ~innocent if hard else over)
    if hits.size == 0:
        return None
    b = int(hits[0])
    e = _known(segment, course, b)
    if e is None:
        return None
    at = Onset(int(course.start[0]), int(course.start[0]), int(course.start[0]))
    status, length = CASE if hard else WATCH, int(segment.end_ms[e - 1] - segment.ts_ms[0])
    statistic = float(d[b] / u[b])
    return Event(status, True, e, at, None, course, total, b + 1, statistic, float(h[b]), float(u[b] * scale), length, bool(innocent[b]))


def _known(segment: Segment, course: Course, block: int) -> int | None:
    """After which sample (exclusive) it is known that a block is complete."""
    e = int(course.end[block])
    age = segment.end_ms[e - 1] - segment.ts_ms[0]
    here, then = calibration.block_number(np.array([age, age + segment.dt_ms]), segment.dt_ms)
    if here != then:
        return e
    return e + 1 if e < segment.ts_ms.size else None


def _gone(segment: Segment, event: Event) -> tuple[int, int] | None:
    """(end of the load, sample from which calibration may go on), decided after ``QUIET_MS`` without the load."""
    n, s = segment.ts_ms.size, event.onset.at
    left = residual(segment, event.course, event.use, s, n)
    total = np.r_[0.0, np.cumsum(left)]
    ends = segment.end_ms
    checks = np.flatnonzero(np.r_[False, np.diff((ends - segment.ts_ms[0]) // HOUR_MS) > 0]) + 1
    checks = checks[checks >= event.decided]
    begins = np.searchsorted(segment.ts_ms, ends[checks - 1] - QUIET_MS)
    rows = checks - begins
    whole = (rows >= max(LEAST_QUIET_ROWS, QUIET_MS // segment.dt_ms // 2)) & (begins > s)
    checks, begins, rows = checks[whole], begins[whole], rows[whole]
    if checks.size == 0:
        return None
    quiet = (total[checks - s] - total[begins - s]) / rows
    active = total[begins - s] / (begins - s)
    hits = np.flatnonzero(quiet < 0.25 * active)
    if hits.size == 0:
        return None
    e, begin = int(checks[hits[0]]), int(begins[hits[0]])
    from_ = max(s, 2 * begin - e)
    noise = event.course.noise[event.use]
    variance = noise.variance * float(np.mean(segment.scale_w[from_:e] ** 2))
    down = onset.locate(-left[from_ - s : e - s], noise.rho, variance, from_)
    return max(s + 1, down.at), e


def _hints(segment: Segment, course: Course, total: Sums, a: int, until: int) -> list[Event]:
    """Crossings of the lower thresholds before sample ``until``: the first and the clearest of each window length and episode."""
    found = []
    for length in windows.LENGTHS_MS:
        test = windows.tests(segment, course, total, length, a, windows.WATCH_A_YEAR)
        if test is None:
            continue
        hits = np.flatnonzero(test.over(hard=False) & (test.e < until))
        if hits.size == 0:
            continue
        times = segment.end_ms[test.e[hits] - 1]
        for group in np.split(hits, np.flatnonzero(np.diff(times) > EPISODE_MS) + 1):
            marks = sorted({int(group[0]), int(group[np.argmax(test.t[group])]), int(group[-1])})
            found += [_of_window(segment, course, total, a, test, k, WATCH) for k in marks]
    if a == 0 and (static := _first_day(segment, course, total, FIRST_DAY_WATCH, hard=False)) and static.decided < until:
        found.append(static)
    return found


def _episodes(segment: Segment, hints: list[Event], events: list[Event]) -> list[Event]:
    """Watches: crossings merged into episodes, without those that a case already explains."""
    n = segment.ts_ms.size
    spans = [(e.onset.at, e.end if e.end is not None else n) for e in events]
    free = [h for h in hints if not any(h.onset.at < b and h.decided > a for a, b in spans)]
    merged: list[Event] = []
    for hint in sorted(free, key=lambda h: (h.first_day, h.decided, -h.statistic)):
        last = merged[-1] if merged else None
        if last and last.first_day == hint.first_day and _gap(segment, last, hint) <= EPISODE_MS:
            clearest = max(last, hint, key=lambda h: h.statistic / h.threshold)
            first, end = last.decided, hint.decided
            merged[-1] = _joined(clearest, first, min(last.onset, hint.onset, key=lambda o: o.at), end)
        else:
            merged.append(_joined(hint, hint.decided, hint.onset, hint.decided))
    for watch in merged:
        if watch.first_day or segment.end_ms[-1] - segment.end_ms[(watch.end or n) - 1] <= EPISODE_MS:
            watch.end = None
    return merged


def _gap(segment: Segment, last: Event, hint: Event) -> int:
    return int(segment.end_ms[hint.decided - 1] - segment.end_ms[(last.end or last.decided) - 1])


def _joined(event: Event, decided: int, at: Onset, end: int) -> Event:
    """A copy with the episode's bounds; the posterior is the one from before its onset."""
    use = event.use if event.first_day else min(event.use, int(event.course.before(np.array([at.earliest]))[0]))
    return Event(
        event.status, event.first_day, decided, at, end, event.course, event.total, use, event.statistic, event.threshold, event.sd_w,
        event.length_ms, event.innocent,
    )  # fmt: skip
