"""Daily settlements: payments and refunds of a shop's day gathered into one document, and late ones into a supplement.

Everything is set-based SQL in one transaction, so that an item is in exactly one document and the sum is that of the
items it took. An issued document is never edited.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, and_, case, func, not_, or_, select, update

from config.settings import Rule
from connectors.base import Document, DocumentLine, Money
from hub.core import Hub
from hub.events import outbox
from hub.events.book import EVENT, Book
from hub.events.documents import amount_of, built, day_of
from hub.events.facts import Facts, accounts_by_id, code, shop_party
from hub.events.mint import event_id
from hub.events.outbox import ACCOUNT, DELIVERY
from hub.models import AccountStream, SettlementItem
from hub.models.base import table
from hub.store.bulk import Upsert

ITEM, STREAM = table(SettlementItem), table(AccountStream)
NOTHING = "-"
"""The delivery_id of items of a day on which no money moved: there is nothing to book."""
FIRST_READ = timedelta(hours=24)
"""How long a new account's days wait for the first complete pull of its streams."""
_insert_items = Upsert("settlement_item", ("event_id", "rule", "account_id", "day", "amount", "currency"), ("event_id", "rule"))
_WORDS = {"zh": ("货款 {} 笔", "退款 {} 笔"), "en": ("Payments: {}", "Refunds: {}")}


@dataclass(frozen=True)
class Group:
    """The open items of one shop, day and currency. before: how many documents that day has already."""

    account_id: int
    day: date
    currency: str
    before: int = 0

    @property
    def subject(self) -> str:
        """What the deliveries of this group are about."""
        return f"{self.account_id}|settlement|{self.day}|{self.currency}"


def add_items(conn: Connection, facts: Facts, pairs: Iterable[tuple[Any, Rule]]) -> int:
    """Note events for the settlements of their days; how many were new. Their amounts must be known."""
    rows = []
    for event, rule in pairs:
        day, currency = day_of(event.at, rule.zone).isoformat(), event.data.get("currency") or "CNY"
        rows.append((event.id, rule.name, event.account_id, day, amount_of(facts, event), currency))
    return _insert_items(conn, rows)


def last_closing(rule: Rule, now: datetime) -> tuple[date, datetime]:
    """The newest closed day of a rule, and the instant at which it closed."""
    zone, at = ZoneInfo(rule.zone), time.fromisoformat(rule.day_closes)
    today = now.astimezone(zone).date()
    closing = datetime.combine(today, at, zone)
    if closing > now:
        closing = datetime.combine(today - timedelta(days=1), at, zone)
    return closing.date() - timedelta(days=1), closing


def close_days(hub: Hub) -> int:
    """Bundle the items of closed days into deliveries; how many deliveries were made.

    A day that has its document gets a supplement for late items at the next closing, so at most one each day. A new
    account's days wait (at most 24 hours) until its streams were pulled once, and every account's until its events have
    been dispatched, or a backfill would be cut in pieces.
    """
    made, book = 0, Book.load(hub)
    for rule in book.usable:
        if rule.per == "day":
            with hub.db.write() as conn:
                outbox.serialise(conn)
                made += _close(conn, hub, book, rule)
    return made


def _close(conn: Connection, hub: Hub, book: Book, rule: Rule) -> int:
    day, closing = last_closing(rule, hub.now())
    accounts = accounts_by_id(conn)
    to = {row.key: row.id for row in accounts.values()}
    unread = _unread(conn, hub.now()) | _undispatched(conn, book, rule)
    groups = [group for group in _ready(conn, rule, day, closing) if group.account_id not in unread]
    drafts = {_id(rule, group): group for group in groups}
    for delivery, group in drafts.items():
        conn.execute(update(ITEM).where(_open(rule, group)).values(delivery_id=delivery))
    sums = _sums(conn, drafts)
    empty = [delivery for delivery in drafts if not sums[delivery].paid and not sums[delivery].refunded]
    if empty:
        conn.execute(update(ITEM).where(ITEM.c.delivery_id.in_(empty)).values(delivery_id=NOTHING))
    rows = [
        _row(hub, rule, group, accounts[group.account_id], to.get(rule.to, group.account_id), sums[delivery])
        for delivery, group in drafts.items()
        if delivery not in empty
    ]
    return outbox.add(conn, rows, hub.now())


def _open(rule: Rule, group: Group) -> Any:
    c = ITEM.c
    mine = and_(c.rule == rule.name, c.account_id == group.account_id, c.day == group.day, c.currency == group.currency)
    return and_(mine, c.delivery_id.is_(None))


def _ready(conn: Connection, rule: Rule, day: date, closing: datetime) -> list[Group]:
    """Groups with open items on closed days, without those that had a document since the last closing."""
    c, d = ITEM.c, DELIVERY.c
    waiting = select(c.account_id, c.day, c.currency).where(c.rule == rule.name, c.delivery_id.is_(None), c.day <= day)
    groups = [Group(*row) for row in conn.execute(waiting.distinct().order_by(c.day, c.account_id, c.currency))]
    query = select(d.subject, func.count().label("documents"), func.max(d.created_at).label("newest"))
    query = query.where(d.rule == rule.name).group_by(d.subject)
    had = {row.subject: row for row in outbox.rows_in(conn, query, d.subject, [group.subject for group in groups])}
    ready = []
    for group in groups:
        earlier = had.get(group.subject)
        if earlier is None:
            ready.append(group)
        elif earlier.newest < closing:
            ready.append(Group(group.account_id, group.day, group.currency, earlier.documents))
    return ready


def _unread(conn: Connection, now: datetime) -> set[int]:
    """New accounts of which some stream has not been pulled through once (a run that goes on keeps its id)."""
    c, young = STREAM.c, ACCOUNT.c.created_at > now - FIRST_READ
    going = and_(c.enabled, c.task == "pull", or_(c.last_ok_at.is_(None), c.run_id.is_not(None)))
    found = select(c.account_id).join(ACCOUNT, ACCOUNT.c.id == c.account_id).where(going, young)
    return {row[0] for row in conn.execute(found.distinct())}


def _undispatched(conn: Connection, book: Book, rule: Rule) -> set[int]:
    """Accounts with events that this rule has yet to see (those that wait for a broken rule to be mended do not count)."""
    c = EVENT.c
    waiting = select(c.account_id).where(c.pending, c.kind.in_({rule.on, "refund.succeeded"}))
    held_back = book.held_back()
    if held_back is not None:
        waiting = waiting.where(not_(held_back))
    return {row[0] for row in conn.execute(waiting.distinct())}


def _event(rule: Rule, group: Group) -> str:
    return event_id("settlement", f"{rule.name}|{group.subject}", str(group.before + 1))


def _id(rule: Rule, group: Group) -> str:
    return outbox.delivery_id(_event(rule, group), rule.name)


def number(rule: Rule, group: Group, account_key: str) -> str:
    """ST, the day, eight characters of rule, shop and currency, and -2, -3 … for supplements."""
    part = code("", "settlement", rule.name, account_key, group.currency)[:8]
    suffix = f"-{group.before + 1}" if group.before else ""
    return f"ST{group.day:%Y%m%d}{part}{suffix}"


def _sums(conn: Connection, deliveries: Iterable[str]) -> dict[str, Any]:
    c = ITEM.c
    paid, back = case((c.amount > 0, c.amount), else_=0), case((c.amount < 0, c.amount), else_=0)
    one, other = case((c.amount > 0, 1), else_=0), case((c.amount < 0, 1), else_=0)
    query = select(
        c.delivery_id, func.sum(paid).label("paid"), func.sum(back).label("refunded"),
        func.sum(one).label("payments"), func.sum(other).label("refunds"),
    )  # fmt: skip
    return {row.delivery_id: row for row in outbox.rows_in(conn, query.group_by(c.delivery_id), c.delivery_id, deliveries)}


def _row(hub: Hub, rule: Rule, group: Group, shop: Any, destination: int, sums: Any) -> dict[str, Any]:
    document = document_of(hub, rule.make, number(rule, group, shop.key), group, shop, sums)
    return {
        "id": _id(rule, group), "event_id": _event(rule, group), "rule": rule.name, "account_id": destination,
        "source_account_id": group.account_id, "subject": group.subject, "kind": rule.make, "state": "pending",
    } | built(document)  # fmt: skip


def document_of(hub: Hub, kind: str, number: str, group: Group, shop: Any, sums: Any) -> Document:
    """One line of the payments and one of the refunds; a kind of which there is none has no line."""
    words = _WORDS[hub.settings.language]
    parts = ((sums.payments, sums.paid), (sums.refunds, sums.refunded))
    lines = [
        DocumentLine(word.format(count), Money(int(amount), group.currency))
        for word, (count, amount) in zip(words, parts, strict=True)
        if amount
    ]
    return Document(
        kind=kind,
        number=number,
        date=group.day,
        amount=Money(int(sums.paid + sums.refunded), group.currency),
        party=shop_party(shop),
        lines=tuple(lines),
        note=f"{shop.title} {group.day} {', '.join(line.title for line in lines)}",
        source={"account": shop.key, "day": group.day.isoformat()},
    )


def rebuild(conn: Connection, hub: Hub, delivery: Any) -> dict[str, Any]:
    """The columns of a settlement's delivery, from its items as they are."""
    shop = accounts_by_id(conn)[delivery.source_account_id]
    group = Group(shop.id, delivery.day, delivery.currency)
    sums = _sums(conn, [delivery.id])[delivery.id]
    return built(document_of(hub, delivery.kind, delivery.number, group, shop, sums))


def is_settlement(delivery: Any) -> bool:
    """Whether a delivery is a day's document (and not one of an event)."""
    return f"|settlement|{delivery.day}|" in delivery.subject


def items_of(conn: Connection, delivery: str) -> int:
    """How many payments and refunds a settlement took."""
    return int(conn.execute(select(func.count()).where(ITEM.c.delivery_id == delivery)).scalar_one())


def open_items(conn: Connection) -> Sequence[Any]:
    """Rule and count of the items that no document has taken yet."""
    counted = select(ITEM.c.rule, func.count().label("count")).where(ITEM.c.delivery_id.is_(None))
    return conn.execute(counted.group_by(ITEM.c.rule)).all()
