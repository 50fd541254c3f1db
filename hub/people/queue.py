"""A small outbox: rows that are claimed under a lease, worked on without a transaction, and changed under their fence.

The same care as with deliveries, for acts that need no ``find``: a tag change may be repeated, a notice has a key.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Table, and_, exists, or_, select, update

from connectors.errors import ConnectorError
from hub.core import Hub
from hub.models import Account
from hub.models.base import table
from hub.store.types import EPOCH

ACCOUNT = table(Account)
LONGEST = 3600.0


def backoff(attempts: int) -> timedelta:
    """How long to wait after so many attempts: 5 s, 10, 20 … one hour."""
    return timedelta(seconds=float(min(LONGEST, 5 * 2 ** min(max(attempts - 1, 0), 20))))


def internal(error: Exception) -> dict[str, Any]:
    """What is stored of an error; of one that nobody foresaw, its name alone."""
    known = error if isinstance(error, ConnectorError) else ConnectorError("error.internal", reason=type(error).__name__)
    return known.as_dict()


class Queue:
    """Rows of a table with account_id, state, next_at, lease_until and fence. waiting: the states that are due at next_at.

    A row in state ``sending`` whose lease ran out belongs to somebody who vanished: it is due too.
    """

    def __init__(self, rows: Table, waiting: Sequence[str]) -> None:
        self.rows, self._waiting = rows, tuple(waiting)

    def due(self, now: datetime) -> Any:
        """The condition of being due and held by nobody."""
        c = self.rows.c
        usable = exists().where(ACCOUNT.c.id == c.account_id, ACCOUNT.c.state == "active")
        return and_(usable, c.lease_until <= now, or_(and_(c.state.in_(self._waiting), c.next_at <= now), c.state == "sending"))

    def due_accounts(self, hub: Hub) -> list[int]:
        """The accounts in service with something to do now."""
        with hub.db.read() as conn:
            return sorted(row[0] for row in conn.execute(select(self.rows.c.account_id).where(self.due(hub.now())).distinct()))

    def claim(self, hub: Hub, account_id: int) -> Row[Any] | None:
        """Take the account's next due row under a lease, as it is then; None when there is none.

        One at a time of an account: while somebody holds one, there is none, so that two writes never run side by side.
        """
        c, now = self.rows.c, hub.now()
        until = now + timedelta(seconds=hub.settings.lease_seconds)
        held = self.rows.alias("held")
        busy = exists().where(held.c.account_id == account_id, held.c.lease_until > now)
        with hub.db.write() as conn:
            if conn.dialect.name == "postgresql":
                conn.execute(select(ACCOUNT.c.id).where(ACCOUNT.c.id == account_id).with_for_update())
            wanted = select(c.id).where(c.account_id == account_id, self.due(now), ~busy).order_by(c.next_at, c.id).limit(1)
            taking = update(self.rows).where(c.id == wanted.scalar_subquery())
            return conn.execute(taking.values(lease_until=until, fence=c.fence + 1).returning(self.rows)).first()

    def mine(self, conn: Connection, row: Row[Any], **values: Any) -> bool:
        """Change a row that we hold; False when it is somebody else's by now, and nothing was changed."""
        held = update(self.rows).where(self.rows.c.id == row.id, self.rows.c.fence == row.fence)
        return conn.execute(held.values(**values)).rowcount == 1

    def release(self, conn: Connection, row: Row[Any], **values: Any) -> bool:
        """Change a row that we hold, and let go of it."""
        return self.mine(conn, row, lease_until=EPOCH, **values)

    def hold_account(self, conn: Connection, account_id: int, until: datetime) -> None:
        """The account cannot be used before then: its other rows wait too."""
        c = self.rows.c
        others = update(self.rows).where(c.account_id == account_id, c.state.in_(self._waiting), c.next_at < until)
        conn.execute(others.values(next_at=until))
