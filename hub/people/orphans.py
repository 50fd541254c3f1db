"""What waits for a new owner because its own has left: the platforms' lists, asked for every hour and kept as they were."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy import Connection, delete, exists, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from connectors import errors, registry
from connectors.people import HandOverRules, HandsOver
from hub import accounts
from hub.core import Hub
from hub.models import Account, Handover, Orphan, OrphanLook
from hub.models.base import table
from hub.models.handover import OPEN_STATES
from hub.people.queue import internal
from hub.store.types import EPOCH
from hub.sync.connect import connect

log = structlog.get_logger("hub.people")
ACCOUNT, ORPHAN, LOOK, HANDOVER = table(Account), table(Orphan), table(OrphanLook), table(Handover)
EVERY = timedelta(hours=1)
AFTER_FAILURE = timedelta(minutes=10)
PAGE = 1000


def can_hand_over(platform: str) -> bool:
    """Whether the platform gives one member's records to another."""
    try:
        return "handover" in registry.get(platform).manifest.roles
    except (registry.UnknownConnector, ValueError):
        return False


def rules_of(platform: str) -> HandOverRules:
    """What the platform allows. Raises LookupError where it has no hand-over."""
    kind = registry.get(platform).load()
    if not issubclass(kind, HandsOver):
        raise LookupError(platform)
    return kind.hand_over_rules


def giving(hub: Hub, account: Account, priority: int = 1) -> HandsOver:
    """The account's connector. Raises ConfigError where it cannot be made, or hands nothing over."""
    try:
        found = connect(hub, account, priority=priority)
    except (ValidationError, registry.UnknownConnector):
        raise errors.ConfigError from None
    if not isinstance(found, HandsOver):
        raise errors.ConfigError("handover.no_connector")
    return found


# ---------------------------------------------------------------- asking the platforms


def able_accounts(conn: Connection) -> list[Any]:
    """id, key, title and platform of the accounts in service whose platform hands over."""
    rows = conn.execute(
        select(ACCOUNT.c.id, ACCOUNT.c.key, ACCOUNT.c.title, ACCOUNT.c.platform).where(ACCOUNT.c.state == "active")
    )
    return [row for row in rows if can_hand_over(row.platform)]


def due_accounts(hub: Hub) -> list[int]:
    """The accounts whose list is to be asked for now."""
    now = hub.now()
    with hub.db.read() as conn:
        later = {
            row[0] for row in conn.execute(select(LOOK.c.account_id).where(or_(LOOK.c.next_at > now, LOOK.c.lease_until > now)))
        }
        return [row.id for row in able_accounts(conn) if row.id not in later]


def soon(hub: Hub, account_key: str) -> None:
    """Ask for the account's list at the next opportunity. Raises AccountFault."""
    account = accounts.get(hub, account_key)
    with hub.db.write() as conn:
        conn.execute(update(LOOK).where(LOOK.c.account_id == account.id).values(next_at=hub.now()))


def look(hub: Hub, account_id: int) -> int:
    """Ask for the account's list and keep it; how many records wait. An error is noted, and the list of before stays."""
    if not _claim(hub, account_id):
        return 0
    try:
        found = list(giving(hub, accounts.by_id(hub, account_id), priority=2).waiting())
    except errors.Stop:
        _done(hub, account_id, hub.now(), None)
        raise
    except Exception as error:
        if not isinstance(error, errors.ConnectorError):
            log.error("orphans_failed", account=account_id, exc_info=error)
        _done(hub, account_id, hub.now() + AFTER_FAILURE, internal(error))
        return 0
    now = hub.now()
    rows = {(item.stream, item.key): item for item in found}
    values = [
        {"account_id": account_id, "stream": stream, "key": key, "staff": item.staff, "left_at": item.left_at, "seen_at": now}
        for (stream, key), item in rows.items()
    ]
    with hub.db.write() as conn:
        conn.execute(delete(ORPHAN).where(ORPHAN.c.account_id == account_id))
        for start in range(0, len(values), PAGE):
            conn.execute(insert(ORPHAN), values[start : start + PAGE])
    _done(hub, account_id, now + EVERY, None, looked_at=now)
    return len(values)


def _claim(hub: Hub, account_id: int) -> bool:
    now = hub.now()
    row = {"account_id": account_id, "next_at": EPOCH, "lease_until": EPOCH}
    with hub.db.write() as conn:
        kind = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
        conn.execute(kind(LOOK).on_conflict_do_nothing(), [row])
        free = update(LOOK).where(LOOK.c.account_id == account_id, LOOK.c.lease_until <= now)
        held = free.values(lease_until=now + timedelta(seconds=hub.settings.lease_seconds))
        return conn.execute(held).rowcount == 1


def _done(hub: Hub, account_id: int, next_at: datetime, error: dict[str, Any] | None, **more: Any) -> None:
    mine = update(LOOK).where(LOOK.c.account_id == account_id)
    with hub.db.write() as conn:
        conn.execute(mine.values(next_at=next_at, lease_until=EPOCH, error=error, **more))


# ---------------------------------------------------------------- looking


def open_for(row: Any) -> Any:
    """The condition that the record of this orphan has an unfinished hand-over."""
    c = HANDOVER.c
    return exists().where(c.account_id == row.account_id, c.stream == row.stream, c.key == row.key, c.state.in_(OPEN_STATES))


def summary(hub: Hub) -> list[dict[str, Any]]:
    """One entry for each member who has left and whose records wait: counts by stream, without those on their way.

    late: whether the platform takes no hand-over of his records any more.
    """
    c, found = ORPHAN.c, dict[tuple[int, str], dict[str, Any]]()
    counted = select(c.account_id, c.staff, c.stream, func.count(), func.min(c.left_at)).where(~open_for(c))
    with hub.db.read() as conn:
        able = {row.id: row for row in able_accounts(conn)}
        rows = conn.execute(counted.group_by(c.account_id, c.staff, c.stream)).all()
    for account_id, staff, stream, count, left_at in rows:
        if account_id in able:
            new = {"account_id": account_id, "account": able[account_id].key, "title": able[account_id].title, "staff": staff}
            entry = found.setdefault(
                (account_id, staff), {**new, "platform": able[account_id].platform, "left_at": None, "counts": {}}
            )
            entry["counts"][stream] = count
            entry["left_at"] = entry["left_at"] or left_at
    for entry in found.values():
        entry["late"] = too_late(rules_of(entry["platform"]), entry["left_at"], hub.now())
    return sorted(found.values(), key=lambda entry: (entry["account"], entry["staff"]))


def counted(hub: Hub) -> dict[int, int]:
    """Account id -> records that wait for a new owner and may still be given one."""
    found: Counter[int] = Counter()
    for item in summary(hub):
        if not item["late"]:
            found[item["account_id"]] += sum(item["counts"].values())
    return dict(found)


def too_late(rules: HandOverRules, left_at: datetime | None, now: datetime) -> bool:
    """Whether he left too long ago for a hand-over."""
    return bool(rules.left_within and left_at and now - left_at > rules.left_within)


def of_member(hub: Hub, account_id: int, staff: str, stream: str) -> list[str]:
    """Keys of what waits of this member, what is on its way included."""
    c = ORPHAN.c
    query = select(c.key).where(c.account_id == account_id, c.staff == staff, c.stream == stream).order_by(c.key)
    with hub.db.read() as conn:
        return [str(key) for key in conn.execute(query).scalars()]


def looks(hub: Hub) -> list[dict[str, Any]]:
    """Of each account that hands over: when its list was read last, and why not since."""
    with hub.db.read() as conn:
        known = {row.account_id: row for row in conn.execute(select(LOOK))}
        able = able_accounts(conn)
    return [
        {"account": row.key, "title": row.title, "platform": row.platform, "id": row.id}
        | {name: getattr(known.get(row.id), name, None) for name in ("looked_at", "error")}
        for row in able
    ]
