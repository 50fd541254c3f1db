"""Quarantine: records that could not be used, with raw body and reason; replay and dismissal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Connection
from sqlalchemy import select as sa_select
from sqlmodel import col, func, select, update

from hub import accounts
from hub.core import Hub
from hub.models import Account, Quarantined
from hub.models.base import table
from hub.security import audit
from hub.store.bulk import delete_in, select_in
from hub.sync.landing import Lander
from hub.sync.raw import parse


def list_(
    hub: Hub, account: str | None = None, state: str = "open", limit: int = 50, before: int | None = None
) -> list[dict[str, Any]]:
    """Quarantined records, newest first, without their bodies. before: microseconds of the last row shown."""
    columns = [c for c in table(Quarantined).c if c.name != "body"]
    statement = sa_select(*columns, col(Account.key).label("account")).join(
        Account, col(Account.id) == col(Quarantined.account_id)
    )
    statement = statement.where(col(Quarantined.state) == state)
    if account:
        statement = statement.where(col(Account.key) == account)
    if before:
        statement = statement.where(col(Quarantined.last_at) < before)
    with hub.db.read() as conn:
        return [dict(row._mapping) for row in conn.execute(statement.order_by(col(Quarantined.last_at).desc()).limit(limit))]


def count(hub: Hub, account: str | None = None) -> int:
    """How many are open."""
    statement = select(func.count()).select_from(Quarantined).where(col(Quarantined.state) == "open")
    if account:
        statement = statement.where(col(Quarantined.account_id) == accounts.get(hub, account).id)
    with hub.db.read() as conn:
        return int(conn.execute(statement).scalar_one())


def show(hub: Hub, ref: str) -> dict[str, Any] | None:
    """One record with its raw body (personal: the caller checks the role and writes the audit entry)."""
    with hub.db.read() as conn:
        row = conn.execute(sa_select(table(Quarantined)).where(col(Quarantined.ref) == ref)).first()
    if row is None:
        return None
    found = dict(row._mapping)
    found["body"] = orjson.loads(hub.ring.unpack(found["body"], ref))
    return found


def replay(hub: Hub, refs: Sequence[str] | None = None, *, by: str, account: str | None = None) -> dict[str, int]:
    """Land records again (refs, or all open ones of an account, or all). What fails again stays, with the new reason."""
    statement = select(Quarantined.ref, Quarantined.account_id, Quarantined.stream)
    statement = (
        statement.where(col(Quarantined.state) == "open") if refs is None else statement.where(col(Quarantined.ref).in_(refs))
    )
    if account:
        statement = statement.where(col(Quarantined.account_id) == accounts.get(hub, account).id)
    with hub.db.read() as conn:
        rows = conn.execute(statement).all()
    groups: dict[tuple[int, str], list[str]] = defaultdict(list)
    for ref, account_id, stream in rows:
        groups[account_id, stream].append(ref)
    failed = 0
    for (account_id, stream), found in groups.items():
        lander = Lander(hub, accounts.by_id(hub, account_id), stream)
        for start in range(0, len(found), 200):
            with hub.db.write() as conn:
                failed += _replay(conn, hub, lander, found[start : start + 200])
    with hub.db.write() as conn:
        audit.record(conn, by, "quarantine.replay", "quarantine", tried=len(rows), failed=failed)
    return {"tried": len(rows), "landed": len(rows) - failed, "failed": failed}


def _replay(conn: Connection, hub: Hub, lander: Lander, refs: Sequence[str]) -> int:
    """Land these again; how many failed. What was good, or older than what is there, is no longer in quarantine."""
    columns = ("ref", "source_id", "body")
    held = {row[0]: row[1:] for row in select_in(conn, "quarantined", columns, "ref", refs)}
    # One that was dismissed is tried like any other, for a person asks for it.
    conn.execute(update(Quarantined).where(col(Quarantined.ref).in_(list(held))).values(state="open"))
    records = [parse(hub.ring.unpack(body, ref)) for ref, (_, body) in held.items()]
    counts = lander.land(conn, records)
    delete_in(conn, "quarantined", "ref", [ref for ref, (source_id, _) in held.items() if source_id not in counts.problems])
    return counts.quarantined


def dismiss(hub: Hub, ref: str, *, by: str, reason: str) -> None:
    """Take a record out of the list for a reason; its body stays."""
    with hub.db.write() as conn:
        conn.execute(update(Quarantined).where(col(Quarantined.ref) == ref).values(state="dismissed"))
        audit.record(conn, by, "quarantine.dismiss", ref, reason=reason)
