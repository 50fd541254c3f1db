"""The redo queue as a job: customers whose neighbourhood has changed are looked at again, some at a time; then the questions
that are left are bounded."""

from __future__ import annotations

from sqlalchemy import Connection, text

from hub.core import Hub
from hub.events.mint import insert_events
from hub.identity.deciding import resolver
from hub.identity.tables import asking

BATCH = 50
"""Customers a transaction: others wait for the lock on identity meanwhile."""


def due(conn: Connection) -> bool:
    """Whether somebody waits to be looked at again, or more questions are open than may be."""
    return _queued(conn) or asking.over(conn)


def _queued(conn: Connection) -> bool:
    return conn.execute(text("SELECT 1 FROM identity_redo LIMIT 1")).first() is not None


def waiting(conn: Connection) -> int:
    """How many wait."""
    return int(conn.execute(text("SELECT count(*) FROM identity_redo")).scalar_one())


def work(hub: Hub) -> bool:
    """Look at some of them; whether more are waiting."""
    with hub.db.write() as conn:
        if _queued(conn):
            insert_events(conn, resolver(hub).redo(conn, hub.now_us(), BATCH).events)
            if _queued(conn):
                return True
        asking.bound(conn)
        return False
