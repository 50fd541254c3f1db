"""The inbox's back: fetches what pushes are about and lands it; and what pages show of it.

A push is a trigger and ``fetch_one`` the truth, except where the push carries the record itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import orjson
import structlog
from sqlalchemy import Connection
from sqlalchemy import select as sa_select
from sqlmodel import col, select, update

from connectors.base import DOCUMENTS, Record, Source
from connectors.errors import AuthError, ConfigError, ConnectorError, Retryable, Stop, Throttled, Unavailable
from hub import accounts
from hub.core import Hub
from hub.invoices.status import ring
from hub.models import Account, Inbox
from hub.models.base import table
from hub.people import handover
from hub.security import audit
from hub.sync.claims import wake
from hub.sync.connect import connect
from hub.sync.landing import Lander
from hub.sync.raw import parse

log = structlog.get_logger("hub.inbox")
BATCH = 100
BACKOFF = (5, 30, 120, 600, 1800, 3600)
MOST_SILENT = 3
"""Pushes in a row without an answer after which the platform is not asked for the others."""
_FOR_ALL = (Throttled, AuthError, ConfigError)
"""What is wrong with the account or its platform, and not with one push."""


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
        .values(next_at=now + timedelta(seconds=hub.settings.lease_seconds), attempts=col(Inbox.attempts) + 1)
        .returning(col(Inbox.key), col(Inbox.body), col(Inbox.attempts), col(Inbox.received_at))
    )
    with hub.db.write() as conn:
        rows = [dict(row._mapping) for row in conn.execute(taken)]
    for row in rows:
        row["events"] = parse(hub.ring.unpack(row["body"], row["key"]))["events"]
    return sorted(rows, key=lambda row: row["received_at"])


def process(hub: Hub, account_id: int) -> int:
    """Work on a batch of an account's pushes; how many were taken.

    What cannot be read or landed holds only itself back: when a batch fails, its pushes are worked on one by one.
    """
    rows = _claim(hub, account_id)
    if not rows:
        return 0
    account = accounts.by_id(hub, account_id)
    if account.state != "active":
        _later(hub, rows, timedelta(minutes=5), None)
        return 0
    try:
        error = _work(hub, account, rows)
        if error is not None and len(rows) > 1 and not isinstance(error, _FOR_ALL):
            _one_by_one(hub, account, rows)
        elif error is not None:
            _failed(hub, account, rows, error)
    except Stop:
        _later(hub, rows, timedelta(0), None)
        raise
    return len(rows)


def _work(hub: Hub, account: Account, rows: Sequence[dict[str, Any]]) -> Exception | None:
    """Read what the pushes are about and land it; what was wrong, if something was."""
    by_stream: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        for event in row["events"]:
            by_stream.setdefault(event["stream"], []).append(event)
    told = [event["record_key"] for event in by_stream.pop(DOCUMENTS, ())]
    rung = {stream for stream, events in by_stream.items() if any(_rings(event) for event in events)}
    by_stream = {stream: rest for stream, events in by_stream.items() if (rest := [e for e in events if not _rings(e)])}
    try:
        landers = {stream: Lander(hub, account, stream) for stream in by_stream}
        found = {stream: _read(hub, account, stream, events) for stream, events in by_stream.items()}
        with hub.db.write() as conn:
            for stream, (records, gone) in found.items():
                landers[stream].land(conn, records)
                landers[stream].gone(conn, gone)
                handover.ring(conn, account.id or 0, stream, [event["record_key"] for event in by_stream[stream]], hub.now())
            ring(conn, account.id or 0, told, hub.now())
            wake(conn, account.id or 0, rung, hub.now())
            _done(conn, hub, rows)
    except Stop:
        raise
    except Exception as error:
        return error
    return None


def _rings(event: dict[str, Any]) -> bool:
    """Whether it says only that its stream has something new."""
    return event["record"] is None and not event["record_key"]


def _one_by_one(hub: Hub, account: Account, rows: Sequence[dict[str, Any]]) -> None:
    """Each push for itself, until one fails for all or the platform has kept silent a few times."""
    silent = 0
    for place, row in enumerate(rows):
        error = _work(hub, account, [row])
        if error is None:
            silent = 0
            continue
        silent += isinstance(error, Unavailable)
        if isinstance(error, _FOR_ALL) or silent >= MOST_SILENT:
            _failed(hub, account, rows[place:], error)
            return
        _failed(hub, account, [row], error)


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


def _later(
    hub: Hub, rows: Sequence[dict[str, Any]], wait: timedelta, error: dict[str, Any] | None, *, state: str = "pending"
) -> None:
    mine = update(Inbox).where(col(Inbox.key).in_([row["key"] for row in rows]), col(Inbox.state) == "pending")
    with hub.db.write() as conn:
        conn.execute(mine.values(next_at=hub.now() + wait, error=error, state=state))


def _failed(hub: Hub, account: Account, rows: Sequence[dict[str, Any]], error: Exception) -> None:
    """Later, or a person first. A push whose own record is at fault is given up after the last wait, for a person to see."""
    if not isinstance(error, ConnectorError):
        log.error("inbox failed", account=account.key, exc_info=error)
        error = ConnectorError("error.internal", reason=type(error).__name__)
    tries = max(row["attempts"] for row in rows)
    seconds = error.wait if isinstance(error, Throttled) else BACKOFF[min(tries, len(BACKOFF)) - 1]
    given_up = tries >= len(BACKOFF) and len(rows) == 1 and not isinstance(error, Retryable | AuthError | ConfigError)
    _later(hub, rows, timedelta(seconds=seconds), error.as_dict(), state="failed" if given_up else "pending")
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
