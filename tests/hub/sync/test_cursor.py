"""Windows: no instant is left out, none is too long, and what was frozen stays frozen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from connectors.base import Window
from connectors.manifest import Cursor as Spec
from hub.sync.cursor import Cursor

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


def spec(**values: Any) -> Spec:
    return Spec(kind="time", zone="Asia/Shanghai", **values)


minutes = st.integers(0, 5000).map(lambda n: timedelta(minutes=n))
specs = st.builds(
    spec,
    overlap=st.integers(0, 60).map(lambda n: timedelta(minutes=n)),
    max_window=st.integers(61, 3000).map(lambda n: timedelta(minutes=n)),
    lag=st.integers(0, 30).map(lambda n: timedelta(minutes=n)),
    first=minutes,
)
cursors = st.builds(
    Cursor, done_to=st.none() | minutes.map(lambda ago: NOW - ago), until=st.none() | minutes.map(lambda ago: NOW - ago)
)


def windows(cursor: Cursor, given_spec: Spec, now: datetime) -> tuple[list[Window], Cursor]:
    """All windows of a pull that nothing interrupts, and the cursor after it."""
    found = []
    while (planned := cursor.next_window(given_spec, now)) is not None:
        assert planned.window is not None
        found.append(planned.window)
        cursor = Cursor.load(planned.after_page("1", last=False).dump()).after_page(None, last=True)
        assert len(found) < 10_000
    return found, cursor


@given(specs, cursors)
def test_no_instant_is_left_out_and_no_window_is_too_long(given_spec: Spec, cursor: Cursor) -> None:
    until = cursor.until or NOW - given_spec.lag
    start = cursor.done_to - given_spec.overlap if cursor.done_to else NOW - given_spec.first
    found, after = windows(cursor, given_spec, NOW)
    if (cursor.done_to is not None and cursor.done_to >= until) or start >= until:
        assert found == [] and after.done_to == cursor.done_to
        return
    assert found[0].start == start and found[-1].end == until == after.done_to
    for window in found:
        assert window.start < window.end <= window.start + given_spec.max_window and window.end <= until
    for one, two in pairwise(found):
        assert two.start == one.end - given_spec.overlap and two.end > one.end


@settings(deadline=None)
@given(specs, st.lists(st.integers(1, 5000), min_size=1, max_size=6))
def test_pull_after_pull_covers_all_time(given_spec: Spec, steps: list[int]) -> None:
    cursor, now = Cursor(), NOW
    covered: list[Window] = []
    for step in steps:
        found, cursor = windows(cursor, given_spec, now)
        covered += found
        cursor = Cursor.load(cursor.ended().dump())
        now += timedelta(minutes=step)
    assume(covered)
    reached = covered[0].start
    for window in covered:
        assert window.start <= reached
        reached = max(reached, window.end)
    assert cursor.done_to == reached


@given(specs, cursors, minutes)
def test_the_upper_bound_is_frozen_while_a_pull_runs(given_spec: Spec, cursor: Cursor, later: timedelta) -> None:
    planned = cursor.next_window(given_spec, NOW)
    assume(planned is not None)
    assert planned is not None
    resumed = Cursor.load(planned.after_page("7", last=False).dump())
    again = resumed.next_window(given_spec, NOW + later)
    assert again is not None and (again.window, again.until, again.resume) == (planned.window, planned.until, "7")
    following = again.after_page(None, last=True).next_window(given_spec, NOW + later)
    assert following is None or following.until == planned.until


@given(specs, cursors)
def test_a_clock_that_goes_back_reads_nothing_twice_and_loses_nothing(given_spec: Spec, cursor: Cursor) -> None:
    _, after = windows(cursor, given_spec, NOW)
    found, again = windows(after.ended(), given_spec, NOW - timedelta(days=30))
    assert after.done_to is None or (found == [] and again.done_to == after.done_to)


@pytest.mark.parametrize(
    "cursor",
    [
        Cursor(),
        Cursor(done_to=NOW),
        Cursor(done_to=NOW, until=NOW, window=Window(NOW - timedelta(1), NOW), resume="x"),
        Cursor(resume="00"),
        Cursor(walk=3, sweep=""),
        Cursor(walk=3, sweep="k7"),
        Cursor(after="k"),
        Cursor(done_to=NOW, kept=NOW, until=NOW),
    ],
)
def test_a_cursor_survives_being_stored(cursor: Cursor) -> None:
    assert Cursor.load(cursor.dump()) == cursor


def test_a_page_without_a_point_to_go_on_from_does_not_start_again() -> None:
    assert Cursor(resume="41").after_page(None, last=True).resume == "41"
    assert Cursor(resume="41").after_page("42", last=True).resume == "42"
    window = Window(NOW - timedelta(1), NOW)
    assert Cursor(window=window, resume="3").after_page(None, last=True) == Cursor(done_to=NOW)


# -- a stretch that a person asks for


def hours(*numbers: int | None) -> list[datetime | None]:
    return [None if n is None else NOW + timedelta(hours=n) for n in numbers]


@given(specs, st.none() | st.integers(-90, 0), st.none() | st.integers(-100, 0), st.none() | st.integers(-100, 0))
def test_a_stretch_is_read_and_nothing_is_lost_by_it(
    given_spec: Spec, reached: int | None, since: int | None, until: int | None
) -> None:
    done, start, end = hours(reached, since, until)
    assume(not (start and end) or (start and end and start < end))
    cursor = Cursor(done_to=done, walk=5).stretch(start, end)
    found, after = windows(cursor, given_spec, NOW)
    after = Cursor.load(after.ended().dump())
    assert after.until is None and after.kept is None and after.walk == 5
    if done is not None:
        assert after.done_to is not None and after.done_to >= done, "what had been read stays read"
    if start is not None and found:
        assert found[0].start <= start and found[-1].end == (end or NOW - given_spec.lag)
    if done is not None and after.done_to is not None and after.done_to > done:
        assert found[0].start <= done, "between what had been read and the stretch lies no gap"


def test_a_stretch_of_the_past_leaves_the_cursor_where_it_was() -> None:
    since, until, done = hours(-90, -80, -1)
    cursor = Cursor(done_to=done).stretch(since, until)
    assert (cursor.done_to, cursor.until, cursor.kept) == (since, until, done)
    _, after = windows(cursor, spec(overlap=timedelta(0)), NOW)
    assert after.ended().done_to == done


def test_a_stretch_after_an_interrupted_one_forgets_nothing() -> None:
    done = NOW - timedelta(hours=1)
    one = Cursor(done_to=done).stretch(*hours(-90, -80))
    two = one.stretch(*hours(-70, -60))
    _, after = windows(two, spec(), NOW)
    assert after.ended().done_to == done
