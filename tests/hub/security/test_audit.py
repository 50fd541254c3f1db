"""The audit log: every way of changing it is found."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, text

from hub.security import audit, keyring
from hub.security.keyring import KeyRing
from hub.store.database import Database


@pytest.fixture
def log(db: Database) -> Database:
    """Five entries."""
    keyring.use(KeyRing.new())
    for i in range(5):
        with db.write() as conn:
            audit.record(conn, "cli:wang", "account.pause", f"account:a{i}", reason="维护", count=i, fields=["x", None])
    return db


def verify(db: Database) -> tuple[int, int | None]:
    with db.read() as conn:
        return audit.verify(conn)


def change(db: Database, statement: str, **values: Any) -> None:
    with db.write() as conn:
        conn.execute(text(statement), values)


def test_a_whole_chain_holds(log: Database) -> None:
    assert verify(log) == (5, None)


def test_an_empty_chain_holds(db: Database) -> None:
    keyring.use(KeyRing.new())
    assert verify(db) == (0, None)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET who = 'cli:li' WHERE seq = 3",
        "UPDATE audit_entry SET what = 'x' WHERE seq = 3",
        "UPDATE audit_entry SET subject = 'account:b' WHERE seq = 3",
        "UPDATE audit_entry SET at = at + 1 WHERE seq = 3",
        """UPDATE audit_entry SET detail = '{"reason": "x"}' WHERE seq = 3""",
        "DELETE FROM audit_entry WHERE seq = 2",
        "UPDATE audit_entry SET hash = (SELECT hash FROM audit_entry WHERE seq = 2) WHERE seq = 3",
    ],
)
def test_a_changed_or_removed_entry_is_found(log: Database, statement: str) -> None:
    change(log, statement)
    checked, broken = verify(log)
    assert broken == 3 and checked < 3


def test_a_removed_first_entry_is_found(log: Database) -> None:
    change(log, "DELETE FROM audit_entry WHERE seq = 1")
    assert verify(log) == (0, 2)


def test_swapped_entries_are_found(log: Database) -> None:
    change(log, "UPDATE audit_entry SET seq = seq + 100 WHERE seq IN (2, 3)")
    change(log, "UPDATE audit_entry SET seq = CASE seq WHEN 102 THEN 3 ELSE 2 END WHERE seq > 100")
    assert verify(log) == (1, 2)


def test_an_entry_cannot_be_written_without_the_key(log: Database) -> None:
    """Somebody with the database alone repeats what the code does, with a ring of his own."""
    mine = keyring.current()
    keyring.use(KeyRing.new())
    with log.write() as conn:
        audit.record(conn, "cli:wang", "account.add", "account:forged")
    keyring.use(mine)
    assert verify(log) == (5, 6)


def test_entries_go_with_their_transaction(log: Database) -> None:
    with pytest.raises(ZeroDivisionError), log.write() as conn:
        audit.record(conn, "x", "y", "z")
        raise ZeroDivisionError
    assert verify(log) == (5, None)


def test_writers_at_the_same_time_make_one_chain(log: Database) -> None:
    def several(make: Callable[[Connection, int], None]) -> None:
        for i in range(5):
            with log.write() as conn:
                make(conn, i)

    threads = [
        threading.Thread(target=several, args=(lambda conn, i, n=n: audit.record(conn, f"w{n}", "x", str(i)),))
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert verify(log) == (25, None)
