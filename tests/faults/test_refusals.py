"""The disk is full, the database is locked, a commit is refused: a page is whole or not there, and is read again later."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import OperationalError

from connectors.budgets import MemoryBudgets
from hub.core import Hub
from hub.jobs.cycle import drain
from hub.store import database
from hub.sync import connect
from hub.sync.pull import Outcome, pull
from tests.faults.conftest import Make
from tests.faults.world import BEIJING, World, agrees, invented, sound

SHOP = 1


@pytest.fixture
def small(world_of: Make, tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> World:
    """Four days of orders, read from the hour before."""
    monkeypatch.setattr(connect, "budgets_of", lambda hub, account, connector: MemoryBudgets(()))
    world = world_of(invented(tmp_path / "orders.csv", days=4, each=40, seed=3), database=database)
    world.begin_at(datetime(2020, 2, 1, tzinfo=BEIJING) - timedelta(hours=1))
    return world


@pytest.fixture
def hub(small: World) -> Iterator[Hub]:
    """The hub of that world, with a clock that can be moved."""
    with small.opened() as found:
        yield found


def forward(hub: Hub, seconds: float) -> None:
    """Time passes for the hub alone."""
    before = hub.clock
    hub.clock = lambda: before() + timedelta(seconds=seconds)


def state(hub: Hub) -> dict[str, Any]:
    """What a page changes."""
    tables = ("source_record", "orders", "profile", "customer", "event", "run", "quarantined")
    with hub.db.read() as conn:
        found: dict[str, Any] = {name: conn.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in tables}
        return found | {"cursor": str(conn.execute(text("SELECT cursor FROM account_stream WHERE stream = 'order'")).all())}


def finishes(world: World, hub: Hub) -> None:
    """Later all of it comes, once."""
    forward(hub, 120)
    assert drain(hub, seconds=40)
    sound(world, hub)
    agrees(world, hub)


def once(engine: Any, when: str, action: Callable[[Connection], None]) -> None:
    """Do something the next time that a connection of the engine comes to that point."""

    def act(conn: Connection) -> None:
        event.remove(engine, when, act)
        action(conn)

    event.listen(engine, when, act)


def refuse(conn: Connection) -> None:
    """As a driver says it."""
    raise OperationalError("COMMIT", None, sqlite3.OperationalError("disk I/O error"))


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
def test_a_refused_commit_leaves_nothing_of_its_page(small: World, hub: Hub) -> None:
    before, seen = state(hub), []
    claim = connect.connect

    def connected(*args: Any, **kwargs: Any) -> Any:
        # the claim has been committed by now: the next commit is the page's
        once(hub.db.writer, "commit", lambda conn: (seen.append(1), refuse(conn))[1])
        return claim(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hub.sync.pull.connect", connected)
        outcome = pull(hub, SHOP, "order", seconds=30)
    assert seen == [1]
    assert outcome is not None
    assert outcome.error is not None
    assert outcome.error.as_dict()["params"] == {"reason": "OperationalError"}
    assert state(hub) == before
    with hub.db.read() as conn:
        failures = conn.execute(
            text("SELECT failures FROM account_stream WHERE stream = 'order' AND task = 'pull'")
        ).scalar_one()
    assert failures == 0, "the stream is not to blame, and is tried again in seconds"
    finishes(small, hub)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_full_disk_stops_the_page_and_frees_itself(small: World, hub: Hub) -> None:
    before = state(hub)
    with hub.db.writer.connect() as conn:
        pages = conn.exec_driver_sql("PRAGMA page_count").scalar_one()
        conn.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
    outcome = pull(hub, SHOP, "order", seconds=30)
    assert isinstance(outcome, Outcome)
    assert outcome.error is not None
    assert state(hub) == before
    with hub.db.writer.connect() as conn:
        conn.exec_driver_sql("PRAGMA max_page_count = 1073741823")
    finishes(small, hub)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_database_locked_by_somebody_else_is_tried_again(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    impatient = [p for p in database.PRAGMAS if "busy_timeout" not in p] + ["busy_timeout=100"]
    monkeypatch.setattr(database, "PRAGMAS", tuple(impatient))
    with small.opened() as hub:
        began = hub.now()
        hub.clock = lambda: began  # a slow machine must not outlast the lease
        before = state(hub)
        other = sqlite3.connect(small.folder / "hub.db", isolation_level=None, check_same_thread=False)
        asked = small.taobao.calls.total()

        def hold(*_: object) -> None:
            if not other.in_transaction:
                other.execute("BEGIN IMMEDIATE")

        small.taobao.faults.after_page = hold
        with pytest.raises(OperationalError, match="locked"):
            pull(hub, SHOP, "order", seconds=30)  # neither the page nor the word on its failure can be written
        assert small.taobao.calls.total() > asked
        small.taobao.faults.after_page = None
        assert state(hub) == before
        other.execute("ROLLBACK")
        other.close()
        assert pull(hub, SHOP, "order") is None, "its lease still holds"
        finishes(small, hub)


@pytest.mark.parametrize("database", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
def test_a_connection_that_is_dropped_in_the_middle_of_a_page(small: World, hub: Hub) -> None:
    before, dropped = state(hub), threading.Event()

    def drop(conn: Connection) -> None:
        number = conn.connection.driver_connection.info.backend_pid  # type: ignore[union-attr]
        with small.opened() as other, other.db.write() as theirs:
            theirs.execute(text("SELECT pg_terminate_backend(:n)"), {"n": number})
        dropped.set()

    claim = connect.connect

    def connected(*args: Any, **kwargs: Any) -> Any:
        once(hub.db.writer, "begin", drop)
        return claim(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hub.sync.pull.connect", connected)
        outcome = pull(hub, SHOP, "order", seconds=30)
    assert dropped.is_set()
    assert outcome is not None
    assert outcome.error is not None
    assert state(hub) == before
    finishes(small, hub)


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5])
def test_a_delivery_whose_note_is_refused_is_looked_up_and_not_sent_again(small: World, hub: Hub, nth: int) -> None:
    commits = iter(range(1, 1000))

    def refuse_once(conn: Connection) -> None:
        if next(commits) == nth:
            refuse(conn)

    def arm(*args: Any, **kwargs: Any) -> Any:
        patch.undo()
        event.listen(hub.db.writer, "commit", refuse_once)
        return claim_one(*args, **kwargs)

    from hub.events import outbox

    claim_one = outbox.claim
    patch = pytest.MonkeyPatch()
    patch.setattr(outbox, "claim", arm)
    try:
        with pytest.raises(OperationalError):
            drain(hub, seconds=40)
    finally:
        patch.undo()
        event.remove(hub.db.writer, "commit", refuse_once)
    sound(small, hub)
    finishes(small, hub)
