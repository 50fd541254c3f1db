"""Naive times of a zone: the offset is remembered by the hour, and must stay right in the hours in which it changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.transforms import money, time

ZONES = ("Asia/Shanghai", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca", "UTC")


@given(st.sampled_from(ZONES), st.datetimes(datetime(1935, 1, 1), datetime(2035, 1, 1)))
def test_any_time_is_what_the_zone_says(zone: str, moment: datetime) -> None:
    """A text cannot say which of two equal times it means: the first."""
    assert time(zone)(moment.isoformat(" ")) == moment.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)


@pytest.mark.parametrize("zone", ZONES)
def test_each_minute_of_the_days_on_which_clocks_change(zone: str) -> None:
    place = ZoneInfo(zone)
    for day in (datetime(1990, 4, 15), datetime(1990, 9, 16), datetime(2026, 3, 8), datetime(2026, 11, 1)):
        for minute in range(24 * 60):
            moment = day + timedelta(minutes=minute)
            assert time(zone)(str(moment)) == moment.replace(tzinfo=place).astimezone(UTC)


@given(st.integers(-(10**9), 10**9))
def test_amounts_with_two_decimals_lose_nothing(units: int) -> None:
    sign, (whole, rest) = "-" if units < 0 else "", divmod(abs(units), 100)
    assert money()(f"{sign}{whole}.{rest:02d}") == units
