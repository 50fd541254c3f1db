"""Death at each durable step, to the point: before and after the commit of a page, a dispatch, a settlement, each step of a
delivery. Whatever was done is whole, and the next process finishes it with each document once."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.faults.child import LEASE, dies, works
from tests.faults.conftest import Make
from tests.faults.world import BEIJING, World, agrees, finished, invented, sound

# where, which call, before or after it
POINTS = [
    ("hub.sync.pull:claim", 1, "before"),
    ("hub.sync.pull:claim", 1, "after"),
    ("hub.sync.pull:_Pull._commit", 1, "before"),
    ("hub.sync.landing:_upsert_record", 1, "after"),
    ("hub.sync.landing:Lander._derive", 1, "after"),
    ("hub.sync.landing:Lander.land", 1, "after"),
    ("hub.sync.pull:advance", 1, "before"),
    ("hub.sync.pull:advance", 1, "after"),
    ("hub.sync.runs:count", 1, "after"),
    ("hub.sync.pull:_Pull._commit", 1, "after"),
    ("hub.sync.pull:_Pull._commit", 2, "after"),
    ("hub.sync.runs:finish", 1, "before"),
    ("hub.sync.runs:finish", 1, "after"),
    ("hub.sync.pull:release", 1, "after"),
    ("hub.sync.connect:StoredTokens._fetch", 1, "after"),
    ("hub.events.rules:_deliver", 1, "before"),
    ("hub.events.settle:add_items", 1, "after"),
    ("hub.events.rules:_deliver", 1, "after"),
    ("hub.events.rules:dispatch", 1, "after"),
    ("hub.events.settle:_sums", 1, "before"),
    ("hub.events.outbox:add", 1, "after"),
    ("hub.events.settle:close_days", 2, "after"),
    ("hub.events.outbox:claim", 1, "before"),
    ("hub.events.outbox:claim", 1, "after"),
    ("connectors.kingdee.connector:Kingdee.find", 1, "after"),
    ("hub.events.attempt:Attempt._begin", 1, "after"),
    ("connectors.kingdee.connector:Kingdee.send", 1, "before"),
    ("connectors.kingdee.connector:Kingdee._ensure_customer", 1, "after"),
    ("connectors.kingdee.connector:Kingdee._save", 2, "after"),
    ("connectors.kingdee.connector:Kingdee._advance", 2, "after"),
    ("connectors.kingdee.connector:Kingdee.send", 1, "after"),
    ("hub.events.attempt:Attempt._sent", 1, "before"),
    ("hub.events.attempt:insert_events", 1, "after"),
    ("hub.events.attempt:Attempt._sent", 1, "after"),
    ("hub.events.attempt:Attempt._sent", 2, "before"),
]


@pytest.fixture
def small(world_of: Make, tmp_path: Path, database: str) -> World:
    """Two days of orders, read from the hour before."""
    seed = invented(tmp_path / "orders.csv", days=2, each=6, seed=5)
    world = world_of(seed, database=database, settings={"lease_seconds": LEASE - 1, "settle_seconds": 0.3})
    world.begin_at(datetime(2020, 2, 1, tzinfo=BEIJING) - timedelta(hours=1))
    return world


ON_POSTGRESQL = {
    "hub.sync.pull:_Pull._commit", "hub.sync.pull:advance", "hub.events.rules:_deliver", "hub.events.outbox:add",
    "hub.events.outbox:claim", "hub.events.attempt:Attempt._begin", "hub.events.attempt:Attempt._sent",
}  # fmt: skip
CASES = [("sqlite", *point) for point in POINTS] + [
    pytest.param("postgresql", *point, marks=pytest.mark.postgres) for point in POINTS if point[0] in ON_POSTGRESQL
]


@pytest.mark.parametrize(("database", "point", "nth", "when"), CASES, indirect=["database"])
def test_death_at(small: World, point: str, nth: int, when: str) -> None:
    dies(small, point, nth=nth, after=when == "after")
    with small.opened() as hub:
        sound(small, hub)
        works(small)
        sound(small, hub)
        assert finished(hub)
        agrees(small, hub)


def test_death_twice_in_the_same_delivery(small: World) -> None:
    dies(small, "connectors.kingdee.connector:Kingdee.send", after=True)
    dies(small, "hub.events.attempt:Attempt._sent", ahead=LEASE)
    with small.opened() as hub:
        sound(small, hub)
    works(small, ahead=2 * LEASE)
    with small.opened() as hub:
        agrees(small, hub)


def test_a_second_round_changes_nothing_and_sends_nothing(small: World) -> None:
    works(small)
    with small.opened() as hub:
        before, calls = _fingerprint(hub), small.kingdee.calls.total()
        with hub.db.write() as conn:
            conn.execute(text("UPDATE account_stream SET next_run_at = 0"))
        works(small)
        assert _fingerprint(hub) == before
        assert small.kingdee.calls.total() == calls


def _fingerprint(hub: object) -> list[object]:
    tables = ("source_record", "orders", "order_line", "refund", "profile", "customer", "event", "settlement_item", "delivery")
    with hub.db.read() as conn:  # type: ignore[attr-defined]
        return [sorted(map(repr, conn.execute(text(f"SELECT * FROM {name}")).all())) for name in tables]
