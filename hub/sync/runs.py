"""Runs: opened, counted page by page, closed; and what pages show of them."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection
from sqlalchemy import select as sa_select
from sqlmodel import col, func, insert, select, update

from hub.core import Hub
from hub.models import Account, AccountStream, Run
from hub.models.base import table
from hub.sync.landing import Counts, frequent

ABANDONED = timedelta(days=1)
_COUNTED = ("fetched", "changed", "unchanged", "older", "quarantined", "withheld", "events")


def start(conn: Connection, hub: Hub, account_id: int, stream: str, kind: str, by: str) -> int:
    """Open a run; its id."""
    zero = dict.fromkeys(("pages", *_COUNTED), 0)
    values = {"account_id": account_id, "stream": stream, "kind": kind, "state": "running", "by": by, "started_at": hub.now()}
    return int(conn.execute(insert(Run).values(**values, **zero, unknown={}).returning(col(Run.id))).scalar_one() or 0)


def count(conn: Connection, run_id: int, counts: Counts, now: datetime, **values: Any) -> None:
    """Add a page's counts to the run."""
    sums = {name: getattr(Run, name) + getattr(counts, name) for name in _COUNTED}
    if counts.unknown:
        stored = conn.execute(select(Run.unknown).where(col(Run.id) == run_id)).scalar_one()
        values["unknown"] = dict(frequent(Counter(stored) + counts.unknown))
    statement = update(Run).where(col(Run.id) == run_id)
    conn.execute(statement.values(pages=col(Run.pages) + 1, progress_at=now, **sums, **values))


def finish(hub: Hub, run_id: int, state: str | None = None, error: dict[str, Any] | None = None) -> None:
    """Close a run. state: default ok, or partial when something went to quarantine."""
    with hub.db.write() as conn:
        if state is None:
            state = "partial" if conn.execute(select(Run.quarantined).where(col(Run.id) == run_id)).scalar_one() else "ok"
        conn.execute(update(Run).where(col(Run.id) == run_id).values(state=state, error=error, ended_at=hub.now()))


def close_abandoned(conn: Connection, now: datetime) -> None:
    """Close the runs that have not moved for a day and that no stream goes on with: their process was killed."""
    last = func.coalesce(Run.progress_at, Run.started_at)
    carried_on = select(AccountStream.run_id).where(col(AccountStream.run_id).is_not(None))
    dead = update(Run).where(col(Run.state) == "running", last < now - ABANDONED, col(Run.id).not_in(carried_on))
    conn.execute(dead.values(state="stopped", ended_at=now))


def list_(
    hub: Hub, account: str | None = None, state: str | None = None, limit: int = 50, before: int | None = None
) -> list[dict[str, Any]]:
    """Runs, newest first."""
    statement = sa_select(table(Run), col(Account.key).label("account"), col(Account.title).label("account_title")).join(
        Account, col(Account.id) == col(Run.account_id)
    )
    if account:
        statement = statement.where(col(Account.key) == account)
    if state:
        statement = statement.where(col(Run.state) == state)
    if before:
        statement = statement.where(col(Run.id) < before)
    with hub.db.read() as conn:
        return [dict(row._mapping) for row in conn.execute(statement.order_by(col(Run.id).desc()).limit(limit))]


def show(hub: Hub, run_id: int) -> dict[str, Any] | None:
    """One run."""
    statement = sa_select(table(Run), col(Account.key).label("account"), col(Account.title).label("account_title")).join(
        Account, col(Account.id) == col(Run.account_id)
    )
    with hub.db.read() as conn:
        row = conn.execute(statement.where(col(Run.id) == run_id)).first()
    return dict(row._mapping) if row else None
