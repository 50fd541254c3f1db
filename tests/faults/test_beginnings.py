"""Killed while the tables are made, while the keys are written, while a file is imported: the next start finds no harm."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, text

from config.settings import Settings
from hub.core import Hub
from hub.jobs import work
from hub.models.base import Model
from hub.store.migrate import upgrade, versions
from hub.sync.importing import import_file
from tests.faults.child import CONTEXT, deadly
from tests.faults.world import invented, totals


def killed(target: Callable[..., None], *args: Any) -> None:
    """Run it in a process that must be killed on the way."""
    process = CONTEXT.Process(target=target, args=args)
    process.start()
    process.join(40)
    if process.exitcode is None:
        process.kill()
    assert process.exitcode == -signal.SIGKILL


def _open(folder: str, database: str, owner: str, name: str, nth: int) -> None:
    import importlib

    module = importlib.import_module(owner)
    place: Any = module if hasattr(module, name) else module.Operations
    setattr(place, name, deadly(getattr(place, name), nth, after=True))
    hub = Hub.open(Settings(data_dir=Path(folder), database_url=database))
    upgrade(hub.db)


@pytest.mark.parametrize("nth", [1, 9, 20])
def test_a_hub_killed_while_its_tables_are_made_is_made_whole_by_the_next_start(
    tmp_path: Path, database: str, nth: int
) -> None:
    killed(_open, str(tmp_path), database, "alembic.operations", "create_table", nth)
    hub = Hub.open(Settings(data_dir=tmp_path, database_url=database))
    upgrade(hub.db)
    with hub.db.read() as conn:
        there = set(inspect(conn).get_table_names())
    present, newest = versions(hub.db)
    hub.close()
    assert set(Model.metadata.tables) <= there
    assert present == newest


@pytest.mark.parametrize("name", ["open", "fsync", "link"])
def test_a_hub_killed_while_its_keys_are_written_makes_them_anew(tmp_path: Path, name: str) -> None:
    killed(_open, str(tmp_path), "", "os", name, 1)
    hub = Hub.open(Settings(data_dir=tmp_path))
    sealed = hub.ring.seal(b"x", b"y")
    hub.close()
    again = Hub.open(Settings(data_dir=tmp_path))
    assert again.ring.open(sealed, b"y") == b"x"
    again.close()


def _import(folder: str, file: str, nth: int, after: bool) -> None:
    from hub.sync import importing

    importing._land = deadly(importing._land, nth, after=after)
    import_file(Hub.open(Settings(data_dir=Path(folder))), Path(file), by="test")


@pytest.mark.parametrize(("nth", "after"), [(1, False), (2, False), (2, True)])
def test_an_import_that_was_killed_is_simply_done_again(tmp_path: Path, nth: int, after: bool) -> None:
    file = invented(tmp_path / "orders.csv", days=3, each=500)
    killed(_import, str(tmp_path), str(file), nth, after)
    with sqlite3.connect(tmp_path / "hub.db") as conn:
        assert conn.execute("SELECT count(*) FROM orders").fetchone() == (500 * (nth if after else nth - 1),)
    hub = Hub.open(Settings(data_dir=tmp_path))
    result = import_file(hub, file, by="test")
    want = totals(file)
    assert (result.rows, result.bad, result.counts.changed) == (1500, 0, 1500 - 500 * (nth if after else nth - 1))
    with hub.db.read() as conn:
        orders, total = conn.execute(text("SELECT count(*), sum(total) FROM orders")).one()
        left = conn.execute(text("SELECT (SELECT sum(paid) FROM orders) - (SELECT sum(amount) FROM refund)")).scalar_one()
    assert (orders, total, left) == (want.orders, want.total, want.left)

    hub.clock = lambda: datetime.now(UTC) + timedelta(days=2)
    work.run(hub, "housekeep", "all")
    with hub.db.read() as conn:
        states = conn.execute(text("SELECT state FROM run ORDER BY id")).scalars().all()
    assert states == (["stopped", "ok"] if nth > 1 or after else ["ok"]), "a run whose process is gone does not run for ever"
    hub.close()
