"""The ledger of calls that a platform grants by the month: counted as they are made, shown with a forecast, warned about.

It knows our own calls alone. Where other programs of the same company draw on the grant, it ends sooner than told here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text
from sqlmodel import col, delete, select

from connectors.manifest import Budget, Text
from hub.core import Hub
from hub.models import CallCount

RECENT = 7
"""Days whose calls tell how it goes on."""
ENOUGH = 3
"""Days that must have been seen before anything is foretold: the first one is full of reading what was there."""
WARN, BAD = 0.7, 0.9
"""Shares of a grant from which a person is told."""
KEPT = timedelta(days=400)
_COUNT = text(
    "INSERT INTO call_count (account_id, quota, day, count) VALUES (:account, :quota, :day, 1) "
    "ON CONFLICT (account_id, quota, day) DO UPDATE SET count = call_count.count + 1"
)


@dataclass(frozen=True)
class Usage:
    """A month so far. expected: calls at its end, None while too little was seen. runs_out: the day on which the grant ends
    before the month does. level: fine | warn | bad."""

    title: Text
    limit: int
    used: int
    expected: int | None
    runs_out: date | None
    level: str
    days: Mapping[date, int]

    @property
    def share(self) -> int:
        """What is used, in percent of the grant, at most 100."""
        return min(100, self.used * 100 // self.limit)


class Meter:
    """Counts the calls of one account that the platform counts; nothing for all others."""

    def __init__(self, hub: Hub, account_id: int, budgets: Sequence[Budget]) -> None:
        self._hub, self._account = hub, account_id
        self._quotas = [budget for budget in budgets if budget.per_month]

    def __call__(self, name: str) -> None:
        """A call of that name was answered."""
        for quota in self._quotas:
            if fnmatchcase(name, quota.match):
                day = f"{self._hub.now().astimezone(ZoneInfo(quota.zone)):%Y-%m-%d}"
                with self._hub.db.write() as conn:
                    conn.execute(_COUNT, {"account": self._account, "quota": quota.match, "day": day})


def usages(
    conn: Connection, account_id: int, config: Mapping[str, Any], budgets: Sequence[Budget], now: datetime
) -> list[Usage]:
    """Each monthly grant of an account, and how its month goes. config: its settings, which may say what was bought."""
    quotas = [budget for budget in budgets if budget.per_month]
    if not quotas:
        return []
    since = f"{now - timedelta(days=40):%Y-%m-%d}"
    wanted = select(CallCount.quota, CallCount.day, CallCount.count).where(CallCount.account_id == account_id)
    rows = conn.execute(wanted.where(col(CallCount.day) >= since)).all()
    found = []
    for quota in quotas:
        days = {date.fromisoformat(day): count for match, day, count in rows if match == quota.match}
        limit = int(config.get(quota.setting or "") or quota.per_month or 1)
        assert quota.title is not None
        found.append(usage(quota.title, limit, days, now.astimezone(ZoneInfo(quota.zone))))
    return found


def usage(title: Text, limit: int, days: Mapping[date, int], now: datetime) -> Usage:
    """What the counts of the days mean. now: in the zone by whose days they were counted."""
    today, first = now.date(), now.date().replace(day=1)
    used = sum(count for day, count in days.items() if day >= first)
    following = (first + timedelta(days=32)).replace(day=1)
    rate = pace(days, now)
    expected = runs_out = None
    if rate is not None:
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        left = (following - today).days - (now - midnight) / timedelta(days=1)
        expected = used + round(rate * left)
        if expected > limit:
            runs_out = (now + timedelta(days=max(limit - used, 0) / rate if rate else 0)).date()
    level = "bad" if used >= BAD * limit else "warn" if used >= WARN * limit or runs_out else "fine"
    return Usage(title, limit, used, expected, runs_out, level, days)


def pace(days: Mapping[date, int], now: datetime) -> float | None:
    """Calls a day of late; None while too little was seen."""
    today = now.date()
    start = max(min(days, default=today), today - timedelta(days=RECENT))
    if (today - start).days < ENOUGH:
        return None
    span = (today - start).days + (now.hour * 60 + now.minute) / 1440
    return sum(count for day, count in days.items() if day >= start) / span


def forget(conn: Connection, now: datetime) -> None:
    """Drop what is older than anybody asks for."""
    conn.execute(delete(CallCount).where(col(CallCount.day) < f"{now - KEPT:%Y-%m-%d}"))
