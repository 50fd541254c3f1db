"""Engines, transactions and migrations."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from config.settings import Settings
from hub.core import Hub
from hub.models import Model
from hub.store.database import Database
from hub.store.migrate import _config, upgrade, versions
from hub.store.types import to_us

SEEN = "INSERT INTO walk_seen (ref, account_id, stream, walk) VALUES (:ref, 1, 's', 1)"


def refs(db: Database) -> list[str]:
    with db.read() as conn:
        return list(conn.execute(text("SELECT ref FROM walk_seen ORDER BY ref")).scalars())


def test_the_migrations_make_what_the_models_say(db: Database) -> None:
    with db.read() as conn:
        context = MigrationContext.configure(conn, opts={"target_metadata": Model.metadata, "compare_type": True})
        found = compare_metadata(context, Model.metadata)
    assert [item for item in found if "procrastinate" not in str(item)] == []


def test_upgrading_twice_changes_nothing(db: Database) -> None:
    before = versions(db)
    upgrade(db)
    assert versions(db) == before and before[0] == before[1]


def test_what_people_were_asked_before_is_still_asked(tmp_path: Path) -> None:
    """0016 reads the steps that there are: the last of each kind counts."""
    db = Database(f"sqlite:///{tmp_path / 'old.db'}")
    steps = [
        ("a", "amend", "needs_amendment"), ("a", "amend", "done"), ("a", "buyer", "needs_amendment"),
        ("b", "reverse", "needs_reversal"), ("b", "amend", "needs_amendment"), ("c", "send", "written"), ("c", "amend", "held"),
    ]  # fmt: skip
    try:
        command.upgrade(_config(db), "0015")
        with db.write() as conn:
            conn.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
            conn.exec_driver_sql(
                "INSERT INTO account (id, key, platform, title, config, state, created_at) "
                "VALUES (1, 'k', 'p', 't', '{}', 'active', 0)"
            )
            for place, name in enumerate("abc"):
                conn.exec_driver_sql(
                    "INSERT INTO delivery (id, event_id, rule, account_id, source_account_id, subject, kind, number, day, "
                    "amount, currency, document, state, attempts, absent, next_at, lease_until, fence, created_at) VALUES "
                    f"('{name}', 'e', 'r', 1, 1, 's', 'k', 'n{place}', '2026-11-29', 1, 'CNY', x'', 'sent', 0, 0, 0, 0, 0, 0)"
                )
            conn.exec_driver_sql(
                "INSERT INTO delivery_attempt (delivery_id, step, outcome, by, at) VALUES (?, ?, ?, 'hub', 0)", steps
            )
        upgrade(db)
        with db.read() as conn:
            found = dict(conn.execute(text("SELECT id, open_steps FROM delivery")).tuples().all())
        assert found == {"a": "buyer", "b": "amend reverse", "c": None}
        command.downgrade(_config(db), "0015")
        upgrade(db)
    finally:
        db.close()


def test_a_fresh_hub_brings_its_own_sqlite_up_to_date(tmp_path: Path) -> None:
    hub = Hub.open(Settings(data_dir=tmp_path / "deep" / "er"))
    try:
        present, newest = versions(hub.db)
        assert present == newest and (tmp_path / "deep" / "er" / "hub.db").exists()
    finally:
        hub.close()


def test_the_clock_can_be_set_back_for_a_rehearsal(tmp_path: Path) -> None:
    hub = Hub.open(Settings(data_dir=tmp_path, clock_offset=-86400.0))
    try:
        assert 86399 < (datetime.now(UTC) - hub.now()).total_seconds() < 86401
        assert abs(hub.now_us() - to_us(hub.now())) < 1_000_000
    finally:
        hub.close()


def test_sqlite_is_set_for_durability_and_many_readers(tmp_path: Path, template: Path) -> None:
    db = Database(f"sqlite:///{template}")
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10000, "temp_store": 2}
    for engine in (db.writer, db.reader):
        with engine.connect() as conn:
            assert {name: conn.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted} == wanted
    db.close()


def test_only_sqlite_and_postgresql_are_databases() -> None:
    with pytest.raises(ValueError, match="SQLite or PostgreSQL, not mysql"):
        Database("mysql://root@127.0.0.1/x")


def test_a_block_that_raises_is_rolled_back(db: Database) -> None:
    with pytest.raises(ZeroDivisionError), db.write() as conn:
        conn.execute(text(SEEN), {"ref": "a"})
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError), db.session() as session:
        session.connection().execute(text(SEEN), {"ref": "b"})
        raise ZeroDivisionError
    assert refs(db) == []
    with db.write() as conn:
        conn.execute(text(SEEN), {"ref": "c"})
    assert refs(db) == ["c"]


def test_a_reader_sees_what_was_committed_before_it_and_waits_for_nobody(lite: Database) -> None:
    with lite.write() as conn:
        conn.execute(text(SEEN), {"ref": "a"})
    began = time.monotonic()
    with lite.write() as conn:
        conn.execute(text(SEEN), {"ref": "b"})
        found: list[list[str]] = []
        other = threading.Thread(target=lambda: found.append(refs(lite)))
        other.start()
        other.join(5)
        assert found == [["a"]] and refs(lite) == ["a"]
    assert refs(lite) == ["a", "b"] and time.monotonic() - began < 5


def test_writers_queue_and_none_is_refused(lite: Database) -> None:
    def work(number: int) -> None:
        for i in range(10):
            with lite.write() as conn:
                present = conn.execute(text("SELECT count(*) FROM walk_seen")).scalar_one()
                conn.execute(text(SEEN), {"ref": f"{present:04d}-{number}-{i}"})

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    found = refs(lite)
    # each writer saw what the one before it had committed: sixty different counts
    assert [ref[:4] for ref in found] == [f"{i:04d}" for i in range(60)]


def test_a_second_process_waits_for_the_first_instead_of_failing(lite: Database) -> None:
    """Two Database objects share no lock, like the server and a command beside it."""
    other = Database(lite.url.render_as_string())
    done = []

    def work() -> None:
        with other.write() as conn:
            conn.execute(text(SEEN), {"ref": "second"})
            done.append(time.monotonic())

    with lite.write() as conn:
        conn.execute(text(SEEN), {"ref": "first"})
        thread = threading.Thread(target=work)
        thread.start()
        time.sleep(0.2)
        assert not done
    thread.join(10)
    other.close()
    assert len(done) == 1 and refs(lite) == ["first", "second"]


def test_foreign_keys_hold(db: Database) -> None:
    with pytest.raises(IntegrityError), db.write() as conn:
        conn.execute(
            text(
                "INSERT INTO account_stream (account_id, stream, task, enabled, cursor, next_run_at, lease_until, fence, "
                "failures) VALUES (99, 's', 'pull', true, '{}', 0, 0, 0, 0)"
            )
        )


def test_an_error_of_the_database_does_not_show_the_values(db: Database) -> None:
    """Its text goes to logs; the values may be names and phones."""
    with pytest.raises((IntegrityError, OperationalError)) as caught, db.write() as conn:
        for _ in range(2):
            conn.execute(text(SEEN.replace("1, 's', 1", "1, :name, 1")), {"ref": "r", "name": "王小明"})
    assert "王小明" not in str(caught.value)


@pytest.mark.postgres
def test_postgresql_sessions_have_time_limits(emptied_postgres: Database) -> None:
    with emptied_postgres.read() as conn:
        shown = {name: conn.execute(text(f"SHOW {name}")).scalar_one() for name in ("statement_timeout", "lock_timeout")}
        shown["idle"] = conn.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one()
    assert shown == {"statement_timeout": "1min", "lock_timeout": "20s", "idle": "1min"}
