"""The sheet: each signed deal, paid order and refund of the hub against the document it is booked in, to the minor unit.

``reconcile`` goes from rules and documents; this goes from what happened in business, so that what made no event, what no
rule takes and what changed after it was booked have their line too. Every difference has a cause; the sums of booked and
differing amounts are those of the facts, and the booked ones those of the documents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, case, exists, func, literal, or_, select

from config.settings import Rule
from hub.core import Hub
from hub.events.book import EVENT, ORIGIN, starts
from hub.events.facts import DEAL, OF_DELIVERIES, ORDER, REFUND, REQUEST, accounts_by_id
from hub.events.mint import event_id
from hub.events.outbox import DELIVERY, rows_in
from hub.events.reconcile import reconcile
from hub.events.reversal import STATUS
from hub.events.settle import ITEM, NOTHING, last_closing
from hub.store.types import EPOCH, Instant

PAGE = 500
UNEXPLAINED = ("no_event", "document_without_fact")
"""Causes that no working hub comes to: somebody has to find out."""


@dataclass(frozen=True, slots=True)
class Line:
    """One fact under one rule. kind: deal | order | refund. amount: what is due by the hub's data now, refunds and nothing
    but refunds below zero, a reversed deal zero. booked: what documents that were sent hold of it; sent: also those that are
    gone over there by now. cause: why amount and booked differ, '' where they do not. rule, account, document, delivery (the
    document's id): '' where there is none."""

    kind: str
    source: str
    ref: str
    number: str
    currency: str
    amount: int
    booked: int = 0
    cause: str = ""
    rule: str = ""
    account: str = ""
    document: str = ""
    delivery: str = ""
    sent: int = 0


@dataclass(frozen=True)
class Kind:
    """Where facts of a kind stand, which events they come to, which of them there are, what each is over (also as SQL: due),
    and when it happened (SQL; no time counts as the beginning of time)."""

    name: str
    table: Any
    events: tuple[str, ...]
    there: Any
    amount: Callable[[Row[Any]], int | None]
    due: Any
    moment: Any


def _deal_amount(row: Row[Any]) -> int | None:
    return 0 if row.state == "reversed" or row.deleted else row.amount


def _refund_amount(row: Row[Any]) -> int | None:
    return None if row.amount is None else -row.amount


BEGINNING = literal(EPOCH, Instant)
_VOID = or_(DEAL.c.state == "reversed", DEAL.c.deleted)
KINDS = (
    Kind(
        "deal", DEAL, ("deal.signed",), DEAL.c.state.in_(("signed", "reversed")), _deal_amount,
        case((_VOID, 0), else_=DEAL.c.amount),
        func.coalesce(DEAL.c.effective_at, DEAL.c.changed_at, DEAL.c.created_at, BEGINNING),
    ),
    Kind(
        "order", ORDER, ("order.paid", "order.completed"), ORDER.c.paid_at.is_not(None), lambda row: row.paid,
        ORDER.c.paid, ORDER.c.paid_at,
    ),
    Kind(
        "refund", REFUND, ("refund.succeeded",), REFUND.c.state == "succeeded", _refund_amount,
        -REFUND.c.amount, func.coalesce(REFUND.c.succeeded_at, REFUND.c.changed_at, REFUND.c.created_at, BEGINNING),
    ),
)  # fmt: skip
Within = tuple[datetime, datetime]
"""A period: from then on, and until before then."""


def within(kind: Kind, period: Within) -> Any:
    """SQL: the facts of the period, and those of which nobody knows when they happened."""
    known = and_(kind.moment >= period[0], kind.moment < period[1])
    return known if kind.name == "order" else or_(known, kind.moment == BEGINNING)


def sheet(
    hub: Hub, source: str | None = None, *, look: bool = False, each: Callable[[Line], None] | None = None
) -> dict[str, Any]:
    """The whole sheet in sums. source: facts of this account alone. each: called with every line, balanced or not.

    look: ask each destination for its documents as well; what is gone there counts as not booked.
    Result: ``rows`` [{source, kind, account, rule, currency, count, amount, booked, causes {cause: {count, amount}}}],
    ``documents`` [{account, currency, count, amount, booked}], ``lines``, ``differences``, ``unexplained`` (counts),
    ``finance`` (what ``reconcile`` found, None without ``look``). Amounts in minor units.
    """
    finance = reconcile(hub) if look else None
    sums = _Sums()
    with hub.db.read() as conn:
        gone = _gone(finance) if finance else known_gone(conn)
        for line in lines(conn, hub, source, gone):
            sums.add(line)
            if each:
                each(line)
        documents = sums.documents(_sent(conn, source, gone))
    return {**sums.result(), "documents": documents, "unexplained": sums.unexplained(documents), "finance": finance}


def _gone(finance: dict[str, Any]) -> set[str]:
    return {found["delivery"] for found in finance["differences"] if found["cause"] == "gone_at_destination"}


def known_gone(conn: Connection) -> set[str]:
    """The deliveries of which following them has told that they are not over there any more."""
    return set(conn.execute(select(STATUS.c.delivery_id).where(STATUS.c.gone.is_(True))).scalars())


class _Sums:
    def __init__(self) -> None:
        self._rows: dict[tuple[str, ...], dict[str, Any]] = {}
        self.lines = self.differences = 0

    def add(self, line: Line) -> None:
        """Count a line."""
        key = (line.source, line.kind, line.account, line.rule, line.currency)
        row = self._rows.setdefault(key, {"count": 0, "amount": 0, "booked": 0, "causes": {}})
        self.lines += 1
        row["count"] += 1
        row["amount"] += line.amount
        row["booked"] += line.booked
        if line.cause:
            self.differences += 1
            cause = row["causes"].setdefault(line.cause, {"count": 0, "amount": 0})
            cause["count"] += 1
            cause["amount"] += line.amount - line.booked

    def result(self) -> dict[str, Any]:
        """What was counted."""
        names = ("source", "kind", "account", "rule", "currency")
        rows = [dict(zip(names, key, strict=True)) | row for key, row in sorted(self._rows.items())]
        return {"rows": rows, "lines": self.lines, "differences": self.differences}

    def documents(self, sent: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The documents that were sent, beside what the lines say is booked there."""
        booked: dict[tuple[str, str], int] = {}
        for (_, _, account, _, currency), row in self._rows.items():
            booked[account, currency] = booked.get((account, currency), 0) + row["booked"]
        return [row | {"booked": booked.get((row["account"], row["currency"]), 0)} for row in sent]

    def unexplained(self, documents: list[dict[str, Any]]) -> int:
        """Lines and destinations whose difference has no cause that a working hub comes to."""
        lines = sum(
            row["causes"][cause]["count"] for row in self._rows.values() for cause in UNEXPLAINED if cause in row["causes"]
        )
        return int(lines + sum(row["amount"] != row["booked"] for row in documents))


# -- the lines


def lines(conn: Connection, hub: Hub, source: str | None, gone: set[str], period: Within | None = None) -> Iterator[Line]:
    """Every line. source, period: facts of this account, and of then, alone. gone: deliveries that are not there any more."""
    accounts = accounts_by_id(conn)
    for kind in KINDS:
        for account in accounts.values():
            if source in (None, account.key):
                rules = rules_of(hub, kind, account.key)
                for page in _facts(conn, kind, account.id, period):
                    yield from Page(conn, hub, kind, account, page, gone).lines(rules)


def rules_of(hub: Hub, kind: Kind, source: str) -> list[Rule]:
    """The rules that book facts of this kind from that account."""
    return [rule for rule in hub.settings.rules if _takes(rule, kind, source)]


def _takes(rule: Rule, kind: Kind, source: str) -> bool:
    """Whether the rule books facts of this kind: write-backs and what goes back to its origin book nothing."""
    on = rule.on in kind.events or (rule.per == "day" and kind.name in ("order", "refund"))
    return on and rule.to != ORIGIN and rule.takes(rule.on, source)


def _facts(conn: Connection, kind: Kind, account: int, period: Within | None) -> Iterator[Sequence[Row[Any]]]:
    c, last = kind.table.c, ""
    there = kind.there if period is None else and_(kind.there, within(kind, period))
    while True:
        wanted = select(kind.table).where(c.account_id == account, c.ref > last, there).order_by(c.ref).limit(PAGE)
        page = conn.execute(wanted).all()
        if page:
            yield page
            last = page[-1].ref
        if len(page) < PAGE:
            return


class Page:
    """A page of facts with what the hub made of them."""

    def __init__(self, conn: Connection, hub: Hub, kind: Kind, account: Any, page: Sequence[Row[Any]], gone: set[str]) -> None:
        self._hub, self._kind, self._account, self._page, self._gone = hub, kind, account, page, gone
        self._keys = {row.id: row.key for row in accounts_by_id(conn).values()}
        refs = [row.ref for row in page]
        ids = [event_id(name, ref) for ref in refs for name in kind.events]
        self._events = {row.id: row for row in rows_in(conn, select(EVENT), EVENT.c.id, ids)}
        self._items: dict[str, dict[str, Row[Any]]] = {}
        for row in rows_in(conn, select(ITEM), ITEM.c.event_id, ids):
            self._items.setdefault(row.event_id, {})[row.rule] = row
        taken = {row.delivery_id for items in self._items.values() for row in items.values() if row.delivery_id}
        d = DELIVERY.c
        columns = select(d.id, d.subject, d.rule, d.account_id, d.kind, d.number, d.state, d.amount, d.error)
        self._days = {row.id: row for row in rows_in(conn, columns, d.id, taken)}
        undone = [event_id("delivery.reversing", day) for day in self._days]
        back = select(d.event_id).where(d.state == "sent")
        self._undone = {row.event_id.partition("|")[0] for row in rows_in(conn, back, d.event_id, undone)}
        self._made: dict[str, list[Row[Any]]] = {}
        for row in rows_in(conn, columns.order_by(d.created_at, d.number), d.subject, refs):
            self._made.setdefault(row.subject, []).append(row)

    def lines(self, rules: Sequence[Rule]) -> Iterator[Line]:
        """A line for each fact and rule; one that says so where no rule takes it. What is over nothing has none."""
        for row in self._page:
            amount = self._kind.amount(row)
            known = (self._kind.name, self._account.key, row.ref, row.number, row.currency)
            blank = Line(*known, amount or 0, cause="" if amount is not None else "amount_missing")
            found = [self._under(blank, rule) for rule in rules] if amount is not None else [blank]
            found = (found or [replace(blank, cause="no_rule")]) + list(self._left(blank, rules))
            yield from (line for line in found if line.amount or line.booked or line.sent or line.cause == "amount_missing")

    def _under(self, blank: Line, rule: Rule) -> Line:
        line = replace(blank, rule=rule.name, account=rule.to)
        return self._of_day(line, rule) if rule.per == "day" else self._of_event(line, rule)

    def _of_event(self, line: Line, rule: Rule) -> Line:
        """Documents of its own: the first one, and what took it back or came instead."""
        made = [d for d in self._made.get(line.ref, ()) if d.kind == rule.make and self._keys[d.account_id] == rule.to]
        sent = [d for d in made if d.state == "sent" and d.id not in self._gone]
        held = sum(int(d.amount) for d in made if d.state == "sent")
        line = replace(line, booked=sum(int(d.amount) for d in sent), sent=held)
        line = replace(line, document=made[-1].number, delivery=made[-1].id) if made else line
        if line.booked == line.amount:
            return line
        waiting = [d for d in made if d.state not in ("sent", "cancelled")]
        if waiting:
            return replace(line, cause=_state(waiting[0]))
        if any(d.id in self._gone for d in made):
            return replace(line, cause="gone_at_destination")
        if sent:
            return replace(line, cause="needs_reversal" if not line.amount else "changed_at_source")
        return replace(line, cause="cancelled" if made else self._never(rule, event_id(rule.on, line.ref)))

    def _of_day(self, line: Line, rule: Rule) -> Line:
        """A part of the document of its day."""
        on = event_id("refund.succeeded" if line.kind == "refund" else rule.on, line.ref)
        item = self._items.get(on, {}).get(rule.name)
        if item is None:
            return replace(line, cause=self._never(rule, on))
        if item.delivery_id is None:
            closed = item.day <= last_closing(rule, self._hub.now())[0]
            return replace(line, cause="day_not_closed" if closed else "day_open")
        if item.delivery_id == NOTHING:
            return replace(line, cause="changed_at_source" if line.amount else "")
        day = self._days[item.delivery_id]
        line = replace(line, document=day.number, delivery=day.id)
        if day.state != "sent":
            return replace(line, cause=_state(day))
        if day.id in self._undone:
            return replace(line, cause="reversed_by_hand")
        line = replace(line, sent=item.amount)
        if day.id in self._gone:
            return replace(line, cause="gone_at_destination")
        return replace(line, booked=item.amount, cause="" if item.amount == line.amount else "changed_at_source")

    def _left(self, blank: Line, rules: Sequence[Rule]) -> Iterator[Line]:
        """Parts of documents of rules that are no more."""
        names = {rule.name for rule in rules}
        items = [item for name in self._kind.events for item in self._items.get(event_id(name, blank.ref), {}).values()]
        for item in items:
            day = self._days.get(item.delivery_id or "")
            if item.rule not in names and day is not None and day.state == "sent":
                known = {"rule": item.rule, "account": self._keys[day.account_id], "document": day.number, "delivery": day.id}
                yield replace(blank, amount=0, booked=item.amount, sent=item.amount, cause="rule_gone", **known)

    def _never(self, rule: Rule, event: str) -> str:
        """Why there is no document at all."""
        found = self._events.get(event)
        if found is None:
            return "no_event"
        if found.pending:
            return "event_waiting"
        return "before_rule" if found.at < starts(rule) else "never_made"


def _state(delivery: Row[Any]) -> str:
    """What keeps a document from being there."""
    if delivery.state in ("rejected", "incomplete"):
        return str((delivery.error or {}).get("key") or delivery.state)
    return {"in_doubt": "in_doubt", "cancelled": "cancelled"}.get(delivery.state, "waiting")


def _sent(conn: Connection, source: str | None, gone: set[str]) -> list[dict[str, Any]]:
    """What the documents of facts that were sent add up to, by destination: no invoices, and nothing written back."""
    d, keys = DELIVERY.c, {row.id: row.key for row in accounts_by_id(conn).values()}
    asked = exists().where(REQUEST.c.ref == d.subject)
    query = select(d.account_id, d.currency, func.count().label("count"), func.sum(d.amount).label("amount"))
    query = query.outerjoin(EVENT, EVENT.c.id == d.event_id).where(d.state == "sent", d.account_id != d.source_account_id)
    query = query.where(d.id.not_in(gone))
    query = query.where(or_(EVENT.c.id.is_(None), EVENT.c.kind.not_in(OF_DELIVERIES)), ~asked)
    if source is not None:
        query = query.where(d.source_account_id.in_([number for number, key in keys.items() if key == source]))
    found = conn.execute(query.group_by(d.account_id, d.currency).order_by(d.account_id, d.currency))
    return [{"account": keys[r.account_id], "currency": r.currency, "count": r.count, "amount": int(r.amount)} for r in found]
