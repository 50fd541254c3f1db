"""Approvals through the hub: a late one is found though its window is long past, a withdrawn one reverses the deal."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from hub.models import Deal, Event
from hub.store.database import Database
from hub.sync.pull import pull
from tests.hub.people.conftest import House


@pytest.fixture
def db(lite: Database) -> Database:
    return lite


def run(house: House, task: str = "pull") -> None:
    from sqlalchemy import update

    from hub.models import AccountStream
    from hub.models.base import table

    streams = table(AccountStream)
    with house.hub.db.write() as conn:
        conn.execute(update(streams).where(streams.c.stream == "approval").values(next_run_at=house.hub.now()))
    for _ in range(40):
        pull(house.hub, house.account.id or 0, "approval", task=task)


def deals(house: House) -> list[Any]:
    return [(row.number, row.state) for row in house.rows(Deal)]


def test_a_late_approval_is_found_and_a_withdrawal_voids_it(house: House) -> None:
    house.sim.world.add_staff("sales_wang", "王珊")
    form = house.sim.approvals.submit("sales_wang", "100.00", "北辰贸易有限公司", number="HT-1")
    house.later(timedelta(minutes=5))
    run(house)
    assert deals(house) == [("HT-1", "in_review")]
    house.later(timedelta(days=45))
    house.sim.approvals.decide(form.number, 2)
    run(house)
    run(house, "rescan")
    assert deals(house) == [("HT-1", "signed")], "no window reaches back so far: open ones are read again"
    house.later(timedelta(days=2))
    house.sim.approvals.decide(form.number, 6)
    run(house, "sweep")
    assert deals(house) == [("HT-1", "reversed")], "without a callback the daily look finds it"
    assert [row.kind for row in house.rows(Event) if row.kind.startswith("deal.")] == ["deal.reversed", "deal.signed"]
