"""How values look."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.admin import show


@pytest.fixture(autouse=True)
def chinese(app: Any) -> Iterator[None]:
    with app.test_request_context("/"):
        yield


@pytest.mark.parametrize(("minor", "currency", "text"), [
    (123456, "CNY", "¥1,234.56"), (-5, "CNY", "-¥0.05"), (0, "CNY", "¥0.00"), (None, "CNY", "–"),
    (1234567, "JPY", "¥1,234,567"), (100, "USD", "$1.00"), (99900, "SEK", "SEK 999.00"),
])  # fmt: skip
def test_money(minor: int | None, currency: str, text: str) -> None:
    assert show.money(minor, currency) == text


@pytest.mark.parametrize(("ago", "text"), [
    (timedelta(seconds=10), "刚刚"), (timedelta(minutes=3), "3 分钟前"), (timedelta(hours=5, minutes=59), "5 小时前"),
    (timedelta(days=9), "9 天前"), (timedelta(seconds=-20), "马上"), (timedelta(minutes=-4, seconds=-1), "4 分钟后"),
])  # fmt: skip
def test_relative_times(made: Any, ago: timedelta, text: str) -> None:
    now = made.hub.now()
    made.hub.clock = lambda: now
    assert show.ago(now - ago) == text
    assert show.ago(None) == "从未"


def test_times_are_beijing_times() -> None:
    moment = datetime(2026, 1, 31, 16, 5, tzinfo=UTC)
    assert show.stamp(moment) == "2026-02-01 00:05"
    assert show.any_time("2026-01-31T16:05:00+00:00") == show.any_time(1_769_875_500_000_000) == "2026-02-01 00:05"
    assert show.any_time("sometime") == "sometime"
    assert 'datetime="2026-01-31T16:05:00+00:00"' in show.when(moment)


@pytest.mark.parametrize(
    ("seconds", "text"), [(45, "45 秒"), (1800, "30 分钟"), (5400, "1.5 小时"), (93600, "26 小时"), (2592000, "30 天")]
)
def test_spans(seconds: int, text: str) -> None:
    assert show.span(seconds) == text


def test_masks() -> None:
    assert show.mask_phone("+8613812341234") == "138****1234" and show.mask_phone("110") == "****"
    assert show.mask_email("zhang@example.com") == "z***@example.com"
    assert (show.mask_name("张"), show.mask_name("张伟"), show.mask_name("欧阳娜娜")) == ("张*", "张*", "欧**")
    assert show.mask_code("91330106MA2B0QJR1P") == "9133****JR1P" and show.mask_code("1234") == "****"
    assert (
        show.field_text("phones", ["+8613812341234", "+8613900001111"], plain=False, names=True) == "138****1234、139****1111"
    )
    assert show.field_text("phones", ["+8613812341234"], plain=True, names=True) == "13812341234"
    assert show.field_text("display_name", "张伟", plain=False, names=False) == "张*"


def test_counts_that_stopped_at_a_cap() -> None:
    assert (show.at_most(999, 1000), show.at_most(1000, 1000), show.number(1234567)) == ("999", "1,000+", "1,234,567")


def test_a_chip_says_in_words_what_its_colour_says() -> None:
    assert show.chip("rejected") == '<span class="chip chip-bad">被拒绝</span>'
    assert show.chip("x", "<b>") == '<span class="chip chip-plain">&lt;b&gt;</span>'
