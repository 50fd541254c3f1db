"""The list's traps: hidden columns, a sort that is ignored, pages that slip, seconds that hold thousands."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.errors import ConfigError, Unavailable
from connectors.wukong.lists import TABLES, Listing, Point, walk

MINUTE = timedelta(minutes=1)


def test_a_hidden_column_is_refused_by_name(place):
    me = place.sim.logins.users[14773]
    me.hidden[6] = {"checkStatus", "updateTime", "remark"}
    with pytest.raises(ConfigError) as caught:
        list(place.connector().pages("deal", place.window(), None))
    assert caught.value.key == "wukong.columns"
    assert caught.value.params["missing"] == "checkStatus, updateTime"
    assert place.sim.calls["/crmContract/queryPageList"] == 0
    found = [finding for finding in place.connector().check() if not finding.ok]
    assert len(found) == 1 and "checkStatus, updateTime" in found[0].what_en and found[0].fix_zh


def test_the_owner_column_may_show_the_name_or_the_id():
    shown = dict.fromkeys(["customerName", "mobile", "createTime", "updateTime", "ownerUserId"], "")
    listing = Listing(TABLES["customer"], shown, lambda path, body: None)
    assert listing.missing == []


def test_an_ignored_sort_is_refused(place, monkeypatch):
    place.sim.populate("customer", 3, start=place.sim.now() - MINUTE, step=timedelta(seconds=1))
    sort = place.sim.desk.lists._sorted
    monkeypatch.setattr(place.sim.desk.lists, "_sorted", lambda rows, *rest: sort(rows, *rest)[::-1])
    with pytest.raises(ConfigError) as caught:
        place.read(place.connector(), "customer")
    assert caught.value.key == "wukong.sort_ignored"


def test_a_slipped_page_is_noticed(place, monkeypatch):
    """Page 1 under another number, as the server answers a page that it cannot reach."""
    place.sim.populate("customer", 250, start=place.sim.now() - MINUTE, step=timedelta(0))
    monkeypatch.setattr(place.sim.desk.lists, "_reachable", lambda user, number: 1)
    with pytest.raises(Unavailable) as caught:
        place.read(place.connector(), "customer")
    assert caught.value.key == "wukong.page_slipped"


def test_more_than_ten_thousand_rows_of_one_second_all_arrive(place):
    """A mass update: one modification second, creation times apart. Page 101 is never asked for."""
    count = 10_150
    keys = place.sim.populate("customer", count, start=place.sim.now() - timedelta(hours=5), step=timedelta(seconds=1))
    stamp = place.sim.store.stamp(place.sim.now() - MINUTE)
    for key in keys:
        place.sim.row("customer", key).index["updateTime"] = stamp
    asked: list[int] = []
    place.sim.faults.after_page = lambda path, page: asked.append(page)
    assert set(place.read(place.connector(), "customer")) == set(keys)
    assert max(asked) <= 90
    assert len(asked) < count / 100 + 30


def test_too_many_rows_of_one_creation_second_are_refused(place, monkeypatch):
    monkeypatch.setattr("connectors.wukong.lists.SAFE_PAGES", 2)
    place.sim.populate("customer", 250, start=place.sim.now() - MINUTE, step=timedelta(0))
    with pytest.raises(ConfigError) as caught:
        place.read(place.connector(), "customer")
    assert caught.value.key == "wukong.too_dense"


def test_a_page_deeper_than_one_hundred_is_never_asked_for():
    def ask(path: str, body: Any) -> Any:
        raise AssertionError("asked")

    with pytest.raises(ConfigError):
        Listing(TABLES["customer"], {}, ask).page([], 101, 100)


def test_a_walk_over_many_pages_asks_for_page_one_alone(place):
    place.sim.populate("customer", 350, start=place.sim.now() - timedelta(minutes=30), step=timedelta(seconds=1))
    asked: list[int] = []
    place.sim.faults.after_page = lambda path, page: asked.append(page)
    assert len(place.read(place.connector(), "customer")) == 350
    assert set(asked) == {1}


def test_a_row_is_in_the_list_a_second_after_it_was_written(place):
    place.sim.store.index_delay = timedelta(seconds=1)
    key = str(place.sim.add_customer("郑州新客户有限公司"))
    connector = place.connector()
    assert place.read(connector, "customer") == {}
    assert connector.fetch_one("customer", key) is not None
    place.sleep(1)
    assert set(place.read(connector, "customer")) == {key}


class Rows:
    """A list in memory whose rows change between the calls."""

    def __init__(self, times: list[int], touches: list[int | None]) -> None:
        self.times = dict(enumerate(times))
        self.touched: set[int] = set()
        self.touches, self.now = iter(touches), 5_000

    def ask(self, path: str, body: Any) -> Any:
        rows = [(self.stamp(time), key) for key, time in self.times.items() if self.holds(body["searchList"], time, key)]
        rows.sort(key=lambda row: -row[1])
        created = body["sortField"] == "createTime"
        rows.sort(key=lambda row: self.stamp(row[1]) if created else row[0], reverse=body["order"] == 1)
        first = (body["page"] - 1) * body["limit"]
        shown = [
            {"customerId": key, "updateTime": time, "createTime": self.stamp(key)}
            for time, key in rows[first : first + body["limit"]]
        ]
        touch = next(self.touches, None)
        if touch is not None and self.times:
            key = touch % len(self.times)
            self.now += 1
            self.times[key] = self.now
            self.touched.add(key)
        return {"list": shown, "totalRow": len(rows), "pageNumber": body["page"]}

    def stamp(self, second: int) -> str:
        return f"2026-03-01 {second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"

    def holds(self, filters: Any, time: int, key: int) -> bool:
        for one in filters:
            value = self.stamp(time) if one["name"] == "updateTime" else self.stamp(key)
            bound = one["values"][0]
            if not {8: value >= bound, 9: value < bound, 10: value <= bound}[one["type"]]:
                return False
        return True


@settings(max_examples=300, deadline=None)
@given(
    times=st.lists(st.integers(0, 3), max_size=40) | st.lists(st.integers(0, 1), min_size=12, max_size=40),
    touches=st.lists(st.none() | st.integers(0, 39), max_size=30) | st.lists(st.integers(0, 39), min_size=15, max_size=30),
    limit=st.integers(1, 7),
    safe=st.sampled_from([1, 2, 90]),
    restart=st.booleans(),
)
def test_no_row_is_lost_whatever_changes_meanwhile(times, touches, limit, safe, restart):
    rows = Rows(times, touches)
    listing = Listing(TABLES["customer"], {}, rows.ask)
    got: list[int] = []
    resume: str | None = None
    with patch("connectors.wukong.lists.SAFE_PAGES", safe):
        for _ in range(300):
            try:
                for found, point in walk(listing, None, resume, limit):
                    got += [row["customerId"] for row in found]
                    resume = point.dump() if point else None
                    assert point is None or Point.load(point.dump()) == point
                    if restart:
                        break
            except Unavailable:
                continue
            if resume is None:
                break
    assert set(got) == set(range(len(times)))
    if not rows.touched:
        assert len(got) == len(times), "a row came twice although nothing changed"
