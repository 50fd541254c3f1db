"""The inbox's back: fetches what pushes are about and lands it; and what pages show of it.

A push is a trigger and ``fetch_one`` the truth, except where the push carries the record itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import orjson
import structlog
from sqlalchemy import Connection
from sqlalchemy import select as sa_select
from sqlmodel import col, select, update

from connectors.base import Record, Source
from connectors.errors import AuthError, ConfigError, ConnectorError, Stop, Throttled
from hub import accounts
from hub.core import Hub
from hub.models import Account, Inbox
from hub.models.base import table
from hub.security import audit
from hub.sync.connect import connect
from hub.sync.landing import Lander

log = structlog.get_logger("hub.inbox")
BATCH = 100
BACKOFF = (5, 30, 120, 600, 1800, 3600)
LEASE = timedelta(seconds=120)


def due_accounts(hub: Hub) -> list[int]:
    """Accounts with pushes to be worked on."""
    with hub.db.read() as conn:
        statement = select(Inbox.account_id).where(col(Inbox.state) == "pending", col(Inbox.next_at) <= hub.now()).distinct()
        return list(conn.execute(statement).scalars())


def _claim(hub: Hub, account_id: int) -> list[dict[str, Any]]:
    """Take a batch: its rows are due again when the lease ends, should this worker die."""
    now = hub.now()
    wanted = (
        select(Inbox.key)
        .where(col(Inbox.account_id) == account_id, Inbox.state == "pending", col(Inbox.next_at) <= now)
        .order_by(col(Inbox.received_at))
        .limit(BATCH)
    )
    if hub.db.dialect == "postgresql":
        wanted = wanted.with_for_update(skip_locked=True)
    taken = (
        update(Inbox)
        .where(col(Inbox.key).in_(wanted.scalar_subquery() if hub.db.dialect == "sqlite" else wanted))
        .values(next_at=now + LEASE, attempts=col(Inbox.attempts) + 1)
        .returning(col(Inbox.key), col(Inbox.body), col(Inbox.attempts), col(Inbox.received_at))
    )
    with hub.db.write() as conn:
        rows = [dict(row._mapping) for row in conn.execute(taken)]
    for row in rows:
        row["events"] = orjson.loads(hub.ring.unpack(row["body"], row["key"]))["events"]
    return sorted(rows, key=lambda row: row["received_at"])


def process(hub: Hub, account_id: int) -> int:
    """Work on a batch of an account's pushes; how many were taken."""
    rows = _claim(hub, account_id)
    if not rows:
        return 0
    account = accounts.by_id(hub, account_id)
    if account.state != "active":
        _later(hub, rows, timedelta(minutes=5), None)
        return 0
    by_stream: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        for event in row["events"]:
            by_stream[event["stream"]].append(event)
    try:
        found = {stream: _read(hub, account, stream, events) for stream, events in by_stream.items()}
    except Stop:
        _later(hub, rows, timedelta(0), None)
        raise
    except Exception as error:
        _failed(hub, account, rows, error)
        return len(rows)
    with hub.db.write() as conn:
        for stream, (records, gone) in found.items():
            lander = Lander(hub, account, stream)
            lander.land(conn, records)
            lander.gone(conn, gone)
        _done(conn, hub, rows)
    return len(rows)


def _read(hub: Hub, account: Account, stream: str, events: Sequence[dict[str, Any]]) -> tuple[list[Record], list[str]]:
    records = [event["record"] for event in events if event["record"] is not None]
    keys = list(dict.fromkeys(event["record_key"] for event in events if event["record"] is None))
    if not keys:
        return records, []
    connector = connect(hub, account, priority=1)
    assert isinstance(connector, Source)
    fetched = list(connector.fetch_many(stream, keys))
    return records + [record for _, record in fetched if record is not None], [k for k, record in fetched if record is None]


def _done(conn: Connection, hub: Hub, rows: Sequence[dict[str, Any]]) -> None:
    for row in rows:
        summary = [{name: event[name] for name in ("stream", "record_key", "kind", "time")} for event in row["events"]]
        values = {"state": "done", "done_at": hub.now(), "error": None, "summary": summary}
        conn.execute(update(Inbox).where(col(Inbox.key) == row["key"]).values(**values))


def _later(hub: Hub, rows: Sequence[dict[str, Any]], wait: timedelta, error: dict[str, Any] | None) -> None:
    keys = [row["key"] for row in rows]
    with hub.db.write() as conn:
        conn.execute(update(Inbox).where(col(Inbox.key).in_(keys)).values(next_at=hub.now() + wait, error=error))


def _failed(hub: Hub, account: Account, rows: Sequence[dict[str, Any]], error: Exception) -> None:
    if not isinstance(error, ConnectorError):
        log.exception("inbox failed", account=account.key)
        error = ConnectorError("error.internal", reason=type(error).__name__)
    tries = max(row["attempts"] for row in rows)
    seconds = error.wait if isinstance(error, Throttled) else BACKOFF[min(tries, len(BACKOFF)) - 1]
    _later(hub, rows, timedelta(seconds=seconds), error.as_dict())
    if isinstance(error, AuthError | ConfigError):
        state = "needs_auth" if isinstance(error, AuthError) else "failed"
        accounts.set_state(hub, account.key, state, reason=error.key, by="hub")


def list_(
    hub: Hub, account: str | None = None, state: str | None = None, limit: int = 50, before: str | None = None
) -> list[dict[str, Any]]:
    """Pushes, newest first, without their bodies."""
    columns = [c for c in table(Inbox).c if c.name != "body"]
    statement = sa_select(*columns, col(Account.key).label("account")).join(Account, col(Account.id) == col(Inbox.account_id))
    if account:
        statement = statement.where(col(Account.key) == account)
    if state:
        statement = statement.where(col(Inbox.state) == state)
    if before:
        statement = statement.where(col(Inbox.received_at) < before)
    with hub.db.read() as conn:
        return [dict(row._mapping) for row in conn.execute(statement.order_by(col(Inbox.received_at).desc()).limit(limit))]


def show(hub: Hub, key: str) -> dict[str, Any] | None:
    """One push with what it says."""
    with hub.db.read() as conn:
        row = conn.execute(sa_select(table(Inbox)).where(col(Inbox.key) == key)).first()
    if row is None:
        return None
    found = dict(row._mapping)
    found["body"] = orjson.loads(hub.ring.unpack(found["body"], key))
    return found


def replay(hub: Hub, keys: Sequence[str], *, by: str) -> dict[str, int]:
    """Work on pushes again, whatever became of them."""
    with hub.db.write() as conn:
        again = update(Inbox).where(col(Inbox.key).in_(list(keys))).values(state="pending", next_at=hub.now(), attempts=0)
        count = conn.execute(again).rowcount
        audit.record(conn, by, "inbox.replay", "inbox", count=count)
    return {"replayed": count}
