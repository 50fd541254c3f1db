"""Who works on what: a stream is claimed under a lease with a fence; a page commits only while the fence holds."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection
from sqlmodel import col, update

from hub.core import Hub
from hub.models import AccountStream
from hub.store.types import EPOCH


class LeaseLost(Exception):
    """The fence has moved: roll back and stop."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A stream that this worker holds."""

    account_id: int
    stream: str
    task: str
    fence: int
    cursor: dict[str, Any]
    run_id: int | None
    failures: int


def _mine(account_id: int, stream: str, task: str) -> Any:
    return (
        update(AccountStream)
        .where(col(AccountStream.account_id) == account_id, col(AccountStream.stream) == stream)
        .where(col(AccountStream.task) == task)
    )


def claim(hub: Hub, account_id: int, stream: str, task: str) -> Claim | None:
    """Take the stream if it is due and nobody holds it."""
    now, lease = hub.now(), timedelta(seconds=hub.settings.lease_seconds)
    statement = (
        _mine(account_id, stream, task)
        .where(
            col(AccountStream.next_run_at) <= now, col(AccountStream.lease_until) < now, col(AccountStream.enabled).is_(True)
        )
        .values(lease_until=now + lease, fence=col(AccountStream.fence) + 1)
        .returning(col(AccountStream.fence), col(AccountStream.cursor), col(AccountStream.run_id), col(AccountStream.failures))
    )
    with hub.db.write() as conn:
        row = conn.execute(statement).first()
    return Claim(account_id, stream, task, row[0], row[1], row[2], row[3]) if row else None


def advance(conn: Connection, hub: Hub, held: Claim, **values: Any) -> None:
    """Write cursor and other columns under the fence, and renew the lease. Raises LeaseLost."""
    lease = hub.now() + timedelta(seconds=hub.settings.lease_seconds)
    statement = _mine(held.account_id, held.stream, held.task).where(col(AccountStream.fence) == held.fence)
    if conn.execute(statement.values(**{"lease_until": lease, **values})).rowcount != 1:
        raise LeaseLost


def wake(conn: Connection, account_id: int, streams: Collection[str], now: datetime) -> None:
    """Read these streams now. Those that fail keep their pauses; one that is being read is read to its end as it is."""
    due = update(AccountStream).where(col(AccountStream.account_id) == account_id, col(AccountStream.stream).in_(streams))
    mine = due.where(col(AccountStream.task) == "pull", col(AccountStream.failures) == 0, col(AccountStream.next_run_at) > now)
    conn.execute(mine.values(next_run_at=now))


def release(hub: Hub, held: Claim, next_run_at: datetime, **values: Any) -> None:
    """Give the stream back; it is due again at ``next_run_at``. Nothing happens when the lease was lost."""
    statement = _mine(held.account_id, held.stream, held.task).where(col(AccountStream.fence) == held.fence)
    with hub.db.write() as conn:
        conn.execute(statement.values(lease_until=EPOCH, next_run_at=next_run_at, **values))
