"""The numbers of the dashboard: a fixed set of indexed, capped queries, however big the tables are."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select, text

from hub.accounts import load
from hub.admin.show import ZONE
from hub.admin.web import rows
from hub.admin.words import category_place, manifest_of
from hub.core import Hub
from hub.models import Account, AccountStream, Delivery, Handover, Inbox, Listening, PushCounter, Quarantined, Run
from hub.models.base import table
from hub.sync.quotas import Usage, usages

CAP = 1000
"""A count stops here and reads '1,000+'."""
OPEN_STATES = ("pending", "sending", "rejected", "in_doubt")
ACCOUNT, STREAM, RUN, DELIVERY = table(Account), table(AccountStream), table(Run), table(Delivery)
LISTENING, HANDOVER = table(Listening), table(Handover)
QUARANTINED, INBOX, REFUSED = table(Quarantined), table(Inbox), table(PushCounter)
ACCOUNT_COLUMNS = [column for column in ACCOUNT.c if column.name != "config"]
"""Without the configuration: it would be decrypted for nothing."""


def midnight(now: datetime) -> datetime:
    """The beginning of the day in China."""
    return now.astimezone(ZONE).replace(hour=0, minute=0, second=0, microsecond=0)


def accounts(conn: Connection) -> list[dict[str, Any]]:
    """All accounts that are in service, by category, platform and key."""
    found = rows(conn, select(*ACCOUNT_COLUMNS).where(ACCOUNT.c.state != "removed"))
    return sorted(found, key=lambda row: (category_place(row["platform"]), row["platform"], row["key"]))


def account_names(conn: Connection) -> dict[int, dict[str, Any]]:
    """id -> key, title, platform, state of every account, removed ones too."""
    columns = (ACCOUNT.c.id, ACCOUNT.c.key, ACCOUNT.c.title, ACCOUNT.c.platform, ACCOUNT.c.state)
    return {row["id"]: row for row in rows(conn, select(*columns))}


def streams(conn: Connection) -> dict[int, list[dict[str, Any]]]:
    """Account id -> its streams."""
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows(conn, select(STREAM)):
        found[row["account_id"]].append(row)
    return found


def last_runs(conn: Connection) -> dict[int, dict[str, Any]]:
    """Account id -> its newest run."""
    same = RUN.alias("same")
    newest = select(func.max(same.c.id)).where(same.c.account_id == ACCOUNT.c.id).correlate(ACCOUNT).scalar_subquery()
    columns = (RUN.c.id, RUN.c.account_id, RUN.c.stream, RUN.c.kind, RUN.c.state, RUN.c.started_at, RUN.c.ended_at)
    return {row["account_id"]: row for row in rows(conn, select(*columns).join(ACCOUNT, RUN.c.id == newest))}


def today(conn: Connection, now: datetime) -> dict[int, dict[str, int]]:
    """Account id -> what today's runs read, changed and put aside."""
    sums = [func.sum(RUN.c[name]).label(name) for name in ("fetched", "changed", "quarantined")]
    wanted = select(RUN.c.account_id, *sums).where(RUN.c.started_at >= midnight(now)).group_by(RUN.c.account_id)
    return {row.pop("account_id"): row for row in rows(conn, wanted)}


def _capped(conn: Connection, source: Any, condition: ColumnElement[bool], cap: int = CAP) -> dict[int, int]:
    """Account id -> how many rows meet the condition, looking at no more than ``cap`` rows."""
    some: Select[Any] = select(source.c.account_id).where(condition).limit(cap)
    part = some.subquery()
    counted = select(part.c.account_id, func.count()).group_by(part.c.account_id)
    return {int(account): int(count) for account, count in conn.execute(counted)}


def deliveries(conn: Connection, now: datetime) -> dict[str, dict[int, int]]:
    """State -> destination account id -> how many; 'to_do' are those that wait for a person since something changed, 'sent'
    counts today's among the last three days' documents."""
    found = {state: _capped(conn, DELIVERY, DELIVERY.c.state == state) for state in OPEN_STATES}
    found["to_do"] = _capped(conn, DELIVERY, DELIVERY.c.open_steps.is_not(None))
    day = midnight(now)
    sent = (DELIVERY.c.created_at >= day - timedelta(days=3)) & (DELIVERY.c.sent_at >= day)
    found["sent"] = _capped(conn, DELIVERY, sent)
    return found


def quarantined(conn: Connection) -> dict[int, int]:
    """Account id -> open quarantined records."""
    return _capped(conn, QUARANTINED, QUARANTINED.c.state == "open")


def inbox(conn: Connection) -> dict[int, int]:
    """Account id -> pushes that cannot be used, and those that are being tried again."""
    found = Counter(_capped(conn, INBOX, INBOX.c.state == "failed"))
    due = select(INBOX.c.account_id, INBOX.c.attempts).where(INBOX.c.state == "pending").limit(5 * CAP).subquery()
    found.update(_capped(conn, due, due.c.attempts > 1))
    return found


def not_handed(conn: Connection, now: datetime) -> dict[int, int]:
    """Account id -> hand-overs of the last two weeks that failed, or that the customer refused."""
    recent = (HANDOVER.c.asked_at > now - timedelta(days=14)) & HANDOVER.c.state.in_(("failed", "refused"))
    return _capped(conn, HANDOVER, recent)


def last_pushes(conn: Connection) -> dict[int, datetime]:
    """Account id -> when its newest push came, among the newest thousand of all."""
    part = select(INBOX.c.account_id, INBOX.c.received_at).order_by(INBOX.c.received_at.desc()).limit(CAP).subquery()
    newest = select(part.c.account_id, func.max(part.c.received_at).label("at")).group_by(part.c.account_id)
    return {row["account_id"]: row["at"] for row in rows(conn, newest)}


def refused(conn: Connection, now: datetime) -> dict[int, int]:
    """Account id -> pushes refused today (the counters' day is UTC)."""
    sums = select(REFUSED.c.account_id, func.sum(REFUSED.c.count)).where(REFUSED.c.day == f"{now:%Y-%m-%d}")
    return {int(account): int(count) for account, count in conn.execute(sums.group_by(REFUSED.c.account_id))}


def estimate(hub: Hub, conn: Connection, name: str) -> int:
    """About how many rows a table has, without counting them."""
    if hub.db.dialect == "postgresql":
        asked = text("SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = to_regclass(:name)")
        return int(conn.execute(asked, {"name": name}).scalar() or 0)
    return int(conn.exec_driver_sql(f'SELECT max(rowid) FROM "{name}"').scalar() or 0)  # noqa: S608 - names are ours


def total(counts: Mapping[int, int]) -> int:
    """The sum over all accounts."""
    return sum(counts.values())


def quotas(hub: Hub, conn: Connection, account: Mapping[str, Any]) -> list[Usage]:
    """How the monthly grants of calls of an account go; its settings are opened only where its platform has any."""
    manifest = manifest_of(account["platform"])
    if manifest is None or not any(budget.per_month for budget in manifest.budgets):
        return []
    config = load(conn, account["id"]).config
    return usages(conn, account["id"], config, manifest.budgets, hub.now())


def listening(conn: Connection, account_id: int) -> dict[str, Any] | None:
    """The connection over which an account's platform pushes; None where there never was one."""
    return next(iter(rows(conn, select(LISTENING).where(LISTENING.c.account_id == account_id))), None)
