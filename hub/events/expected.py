"""What should be at the destinations by the hub's own events and rules, apart from what deliveries and destinations say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, and_, exists, func, or_, select

from config.settings import Rule
from hub.core import Hub
from hub.events.book import EVENT, ORIGIN, Book, starts
from hub.events.documents import amount_of, concerns, destination_of, number
from hub.events.facts import OF_DELIVERIES, Facts, accounts_by_id
from hub.events.mint import event_id
from hub.events.outbox import DELIVERY, rows_in
from hub.events.reversal import sent_of
from hub.events.settle import ITEM, is_settlement, last_closing

PAGE = 500


@dataclass(frozen=True)
class Owed:
    """A document that should exist and for which there is no delivery. cause: event_waiting | never_made | day_not_closed."""

    rule: str
    account: str
    about: str
    number: str
    amount: int | None
    currency: str
    cause: str
    money: bool


@dataclass(frozen=True)
class Due:
    """What a delivery's document should be over by today's data. amount: None = nothing should be there.

    money: whether it counts in sums of money (a write-back of a number does not).
    """

    amount: int | None
    money: bool


def owed(conn: Connection, hub: Hub, account: str | None, since: date | None) -> Iterator[Owed]:
    """All such documents. account: key of the destination. since: business days from then on."""
    book = Book.load(hub)
    for place, rule in enumerate(book.rules):
        if rule.on in ("deal.reversed", "deal.amended") or (account is not None and rule.to not in (account, ORIGIN)):
            continue
        if {"rule.zone", "rule.not_before"} & {fault.key for fault in book.faults.get(place, ())}:
            continue
        sources = [number for number, row in book.accounts.items() if rule.takes(rule.on, row.key)]
        yield from _events(conn, hub, rule, sources, account, since)
        if rule.per == "day":
            yield from _open_days(conn, hub, rule, since)


def _events(
    conn: Connection, hub: Hub, rule: Rule, sources: Sequence[int], account: str | None, since: date | None
) -> Iterator[Owed]:
    at, after = max(starts(rule), _midnight(since, rule)), ""
    while True:
        found = conn.execute(_without_delivery(conn, rule, sources, at, after)).all()
        facts = Facts(conn, hub, found)
        for event in found:
            told = _owed(facts, rule, event)
            if told is not None and account in (None, told.account):
                yield told
        if len(found) < PAGE:
            return
        at, after = found[-1].at, found[-1].id


def _midnight(since: date | None, rule: Rule) -> datetime:
    return datetime.combine(since or date(1970, 1, 1), time.min, ZoneInfo(rule.zone))


def _without_delivery(conn: Connection, rule: Rule, sources: Sequence[int], at: datetime, after: str) -> Any:
    e, d = EVENT.c, DELIVERY.c
    to = next((row.id for row in accounts_by_id(conn).values() if row.key == rule.to), -1)
    destination = e.account_id if rule.to == ORIGIN else to
    made = exists().where(d.event_id == e.id, d.account_id == destination, d.kind == rule.make)
    gathered = exists().where(ITEM.c.event_id == e.id)
    kinds = {rule.on, "refund.succeeded"} if rule.per == "day" else {rule.on}
    query = select(EVENT).where(e.kind.in_(kinds), e.account_id.in_(sources), ~made)
    query = query.where(or_(e.at > at, and_(e.at == at, e.id > after)))
    return (query.where(~gathered) if rule.per == "day" else query).order_by(e.at, e.id).limit(PAGE)


def _owed(facts: Facts, rule: Rule, event: Any) -> Owed | None:
    destination = destination_of(facts, event, rule)
    if not concerns(facts, event, rule, destination) or is_reversed(facts, event):
        return None
    return Owed(
        rule=rule.name,
        account=destination.key if destination else rule.to,
        about=event.subject,
        number="" if rule.per == "day" else number(rule.make, event.id),
        amount=amount_of(facts, event),
        currency=event.data.get("currency") or "CNY",
        cause="event_waiting" if event.pending else "never_made",
        money=event.kind not in OF_DELIVERIES,
    )


def is_reversed(facts: Facts, event: Any) -> bool:
    """Whether the event is of a deal that is reversed by now."""
    deal = facts.deals.get(event.subject) if event.kind in ("deal.signed", "deal.amended") else None
    return deal is not None and (deal.state == "reversed" or bool(deal.deleted))


def _open_days(conn: Connection, hub: Hub, rule: Rule, since: date | None) -> Iterator[Owed]:
    """Closed days with items that no document has taken."""
    c = ITEM.c
    closed = and_(c.rule == rule.name, c.delivery_id.is_(None), c.day <= last_closing(rule, hub.now())[0])
    query = select(c.account_id, c.day, c.currency, func.sum(c.amount).label("amount")).where(closed)
    query = query.where(c.day >= since) if since else query
    accounts = accounts_by_id(conn)
    for row in conn.execute(query.group_by(c.account_id, c.day, c.currency).order_by(c.day)):
        shop = accounts[row.account_id].key
        to = shop if rule.to == ORIGIN else rule.to
        yield Owed(rule.name, to, f"{shop} {row.day}", "", int(row.amount), row.currency, "day_not_closed", True)


def due(conn: Connection, hub: Hub, rows: Iterable[Any]) -> dict[str, Due]:
    """Delivery id -> what should be there."""
    deliveries = list(rows)
    settled = [row.id for row in deliveries if is_settlement(row)]
    sums = select(ITEM.c.delivery_id, func.sum(ITEM.c.amount).label("amount")).group_by(ITEM.c.delivery_id)
    summed = {row.delivery_id: int(row.amount) for row in rows_in(conn, sums, ITEM.c.delivery_id, settled)}
    events = {row.id: row for row in rows_in(conn, select(EVENT), EVENT.c.id, [row.event_id for row in deliveries])}
    facts, (taken, alone) = Facts(conn, hub, events.values()), _taken_back(conn, deliveries)
    found = {}
    for row in deliveries:
        event = events.get(row.event_id)
        amount = summed.get(row.id) if event is None else _amount_of(facts, event, row)
        amount = row.amount if row.id in alone else amount
        if row.state == "cancelled" or (event is not None and is_reversed(facts, event) and row.id not in taken):
            amount = None
        found[row.id] = Due(amount, event is None or event.kind not in OF_DELIVERIES)
    return found


def _amount_of(facts: Facts, event: Any, row: Any) -> int | None:
    """What takes a document back is over what that one is over, whatever the source says of the deal by now."""
    if event.kind == "deal.reversed":
        taken = sent_of(facts, event.subject, row.account_id, row.kind)
        return -int(taken.amount) if taken is not None else None
    return amount_of(facts, event)


def _taken_back(conn: Connection, deliveries: Sequence[Any]) -> tuple[set[str], set[str]]:
    """Those that a document of ours takes back: both are to be there, and together they come to nothing. All of them, and those
    that a document of their own takes back, which are over what they were over."""
    d = DELIVERY.c
    of_deal = {event_id("deal.reversed", row.subject): row.subject for row in deliveries}
    by_hand = {event_id("delivery.reversing", row.id): row.id for row in deliveries}
    query = select(d.event_id, d.account_id, d.kind).where(d.state != "cancelled")
    made = rows_in(conn, query, d.event_id, [*of_deal, *by_hand])
    subjects = {(of_deal[row.event_id], row.account_id, row.kind) for row in made if row.event_id in of_deal}
    alone = {by_hand[row.event_id] for row in made if row.event_id in by_hand}
    return alone | {row.id for row in deliveries if (row.subject, row.account_id, row.kind) in subjects}, alone
