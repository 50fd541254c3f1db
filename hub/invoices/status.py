"""What became of sent documents, as rows: when to ask again, what is new, and the events of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, insert, select, update

from connectors import registry
from connectors.base import Status
from hub.core import Hub
from hub.events.mint import EventRow, mint
from hub.events.outbox import ACCOUNT, DELIVERY, rows_in
from hub.models import DocumentStatus
from hub.models.base import table
from hub.store.types import EPOCH, to_us

STATUS = table(DocumentStatus)
FIRST = timedelta(minutes=5)
LONGEST = timedelta(hours=6)
OLD = timedelta(days=90)
OF_OLD = timedelta(days=1)
"""How often a document is asked about that was sent so long ago."""
ZONE = ZoneInfo("Asia/Shanghai")


def begin(conn: Connection, row: Any, platform: str, now: datetime) -> None:
    """Follow a delivery that has just been sent, where its platform tells anything of it."""
    kinds = registry.get(platform).manifest.documents
    if row.kind not in kinds or not kinds[row.kind].follow:
        return
    if conn.execute(select(STATUS.c.delivery_id).where(STATUS.c.delivery_id == row.id)).first() is None:
        values = {"delivery_id": row.id, "account_id": row.account_id, "source_account_id": row.source_account_id}
        fresh: dict[str, Any] = {"state": "", "approved": False, "gone": False, "problem": "", "invoices": [], "payments": []}
        times = {"next_at": now + FIRST, "lease_until": EPOCH}
        conn.execute(insert(STATUS).values(**values, **fresh, **times, final=False, quiet=0, fence=0))


def ring(conn: Connection, account_id: int, numbers: Iterable[str], now: datetime) -> None:
    """Ask about these documents now: the platform has said that something happened to them."""
    d = DELIVERY.c
    found = rows_in(conn, select(d.id).where(d.account_id == account_id), d.number, numbers)
    for row in found:
        conn.execute(update(STATUS).where(STATUS.c.delivery_id == row.id).values(next_at=now, quiet=0, final=False))


def due(now: datetime) -> Any:
    """SQL: those to be asked about now."""
    c = STATUS.c
    return (c.final.is_(False)) & (c.next_at <= now) & (c.lease_until <= now)


def due_accounts(hub: Hub) -> list[int]:
    """The accounts in service that have something to be asked."""
    usable = select(STATUS.c.account_id).join(ACCOUNT, ACCOUNT.c.id == STATUS.c.account_id)
    found = usable.where(due(hub.now()), ACCOUNT.c.state == "active").distinct()
    with hub.db.read() as conn:
        return sorted(row[0] for row in conn.execute(found))


def claim(hub: Hub, account_id: int, size: int) -> Sequence[Row[Any]]:
    """Take so many of the account's due ones under a lease."""
    c, now = STATUS.c, hub.now()
    chosen = select(c.delivery_id).where(c.account_id == account_id, due(now)).order_by(c.next_at).limit(size)
    until = now + timedelta(seconds=hub.settings.lease_seconds)
    taking = update(STATUS).where(c.delivery_id.in_(chosen.with_for_update(skip_locked=True)))
    with hub.db.write() as conn:
        return conn.execute(taking.values(lease_until=until, fence=c.fence + 1).returning(STATUS)).all()


def pause(row: Any, sent_at: datetime | None, now: datetime, *, news: bool) -> tuple[int, timedelta]:
    """How often nothing was new by now, and how long to wait: 5, 10, 20 minutes … six hours; a day for old ones."""
    quiet = 0 if news else row.quiet + 1
    if sent_at is not None and now - sent_at > OLD:
        return quiet, OF_OLD
    return quiet, min(LONGEST, FIRST * 2 ** min(quiet, 10))


def save(conn: Connection, row: Any, sent: Any, said: Status, now: datetime, wanted: frozenset[str]) -> list[EventRow] | None:
    """Write down what the platform said; the events of what is new, or None where somebody else holds the row by now."""
    known = {"invoices": _invoices(said), "payments": _payments(row, said)}
    plain = {"state": said.state, "approved": said.approved, "gone": said.gone, "problem": said.problem[:300]}
    received = said.received.minor if said.received is not None else row.received
    told = plain | known | {"received": received, "final": said.final or said.gone}
    news = any(getattr(row, name) != value for name, value in told.items())
    quiet, wait = pause(row, sent.sent_at, now, news=news)
    times = {"quiet": quiet, "next_at": now + wait, "checked_at": now, "lease_until": EPOCH, "error": None}
    mine = update(STATUS).where(STATUS.c.delivery_id == row.delivery_id, STATUS.c.fence == row.fence)
    changed = {"changed_at": now} if news else {}
    if conn.execute(mine.values(**told, **times, **changed)).rowcount != 1:
        return None
    return _events(row, sent, told, now, wanted)


def _invoices(said: Status) -> list[dict[str, Any]]:
    return [
        {
            "number": each.number, "code": each.code, "date": each.date.isoformat() if each.date else None,
            "amount": each.amount.minor if each.amount is not None else None, "url": each.url,
        }
        for each in said.invoices
    ]  # fmt: skip


def _payments(row: Any, said: Status) -> list[dict[str, Any]]:
    """Those that are listed; where only a sum is told, what it has grown by is one more."""
    if said.payments or said.received is None:
        listed = said.payments
        return [{"key": p.key, "amount": p.amount.minor, "date": p.date.isoformat() if p.date else None} for p in listed]
    before, total = sum(payment["amount"] for payment in row.payments), said.received.minor
    grown = [] if total == before else [{"key": f"total-{total}", "amount": total - before, "date": None}]
    return [*row.payments, *grown]


def _events(row: Any, sent: Any, told: dict[str, Any], now: datetime, wanted: frozenset[str]) -> list[EventRow]:
    about = {"document": sent.number, "kind": sent.kind, "subject": sent.subject, "currency": sent.currency}
    found: list[tuple[str, str, str | None, dict[str, Any]]] = []
    if told["approved"] and not row.approved:
        found.append(("delivery.approved", "", None, {"state": told["state"]}))
    if told["gone"] and not row.gone:
        found.append(("delivery.gone", "", None, {"state": told["state"]}))
    if told["problem"] and told["problem"] != row.problem:
        found.append(("invoice.failed", str(to_us(now)), None, {"state": told["state"]}))
    old = {each["number"] for each in row.invoices}
    for each in told["invoices"]:
        if each["number"] not in old:
            data = {"invoice": each["number"], "code": each["code"], "date": each["date"], "amount": each["amount"]}
            found.append(("invoice.issued", each["number"], each["date"], data))
    keys = {each["key"] for each in row.payments}
    for each in told["payments"]:
        if each["key"] not in keys:
            data = {"payment": each["key"], "date": each["date"], "amount": each["amount"], "received": told["received"]}
            found.append(("payment.received", each["key"], each["date"], data))
    return [
        mint(
            kind, row.source_account_id, row.delivery_id, _moment(day, now), to_us(now), about | data, fact=fact,
            pending=kind in wanted,
        )
        for kind, fact, day, data in found
    ]  # fmt: skip


def _moment(day: str | None, now: datetime) -> int:
    """Noon of the day, where one is told; never later than now."""
    if not day:
        return to_us(now)
    return to_us(min(now, datetime.combine(date.fromisoformat(day), time(12), ZONE)))
