"""Walking over the customers that have changed since the last look: their documents are brought in line, or a person is asked.

Merges, splits, undo, values set by hand and rebuilds all change customers, so none of them has to know of documents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, select, union_all

from config.settings import Rule
from hub.core import Hub
from hub.events import amend, buyers, outbox, whose
from hub.events.book import EVENT, Book
from hub.events.facts import ALIAS, DEAL, ORDER, PROFILE, REFUND, REQUEST, Facts, customer_code
from hub.events.fresh import outdated
from hub.events.notready import NotReady
from hub.events.outbox import DELIVERY
from hub.events.reversal import undone
from hub.identity import changed
from hub.invoices.complete import asked
from hub.store.types import to_us

RECENT = timedelta(days=90)
"""A customer's new name or id raises a question about invoices sent since then: a mistyped title is found within weeks, and a
company that renames itself makes no old invoice wrong. A request that changes raises it whenever it does, and so does a
document that turns out to be another customer's."""
CHUNK = 500
_BOOKMARK = "buyers"
_STATES = ("pending", "incomplete", "rejected", "sending", "in_doubt", "sent")


def due(hub: Hub) -> bool:
    """Whether customers have changed since the last look, where there may be documents about them."""
    if not any(rule.per == "event" for rule in hub.settings.rules):
        return False
    with hub.db.read() as conn:
        begun = changed.place(conn, _BOOKMARK)
        return begun is None or bool(changed.after(conn, begun[0], 1))


def look(hub: Hub) -> int:
    """Bring the documents of customers that have changed since the last look in line; how many customers were looked at.

    The first look begins where it is: what changed before is in the documents already.
    """
    if not due(hub):
        return 0
    book, looked, more = Book.load(hub), 0, True
    with hub.db.read() as conn:
        begun = changed.place(conn, _BOOKMARK)
    where = begun[0] if begun else changed.Place(to_us(hub.now() - changed.OVERLAP))
    while more and not hub.stopping():
        with hub.db.write() as conn:
            outbox.serialise(conn)
            rows = changed.after(conn, where, CHUNK)
            _look_at(conn, hub, [row.id for row in rows], book.usable)
            where, more = changed.further(where, rows), len(rows) == CHUNK
            changed.keep(hub, conn, _BOOKMARK, where, {})
        looked += len(rows)
    return looked


def _look_at(conn: Connection, hub: Hub, customers: Sequence[str], rules: Sequence[Rule]) -> None:
    rows = _locked(conn, _in_question(conn, customers))
    events = {row.id: row for row in outbox.rows_in(conn, select(EVENT), EVENT.c.id, [row.event_id for row in rows])}
    facts, since = Facts(conn, hub, events.values()), hub.now() - RECENT
    for row in rows:
        if row.event_id not in events or (row.document or {}).get("reverses"):
            continue
        if row.state in amend.UNSENT and not outbox.was_sent(conn, row.id):
            if outdated(conn, hub, row):
                amend.made_anew(facts, hub, row, rules)
            continue
        whose.question(facts, row)
        if row.kind == "invoice" and (row.sent_at is None or row.sent_at >= since):
            try:
                buyers.question(facts, hub, asked(facts, events[row.event_id]), row)
            except NotReady:
                continue  # what was withdrawn or reversed is taken back by that


def _in_question(conn: Connection, customers: Sequence[str]) -> list[str]:
    """The deliveries to look at: invoices, what names another customer than these, and what was marked for that."""
    whom = _subjects(conn, customers)
    found = _documents(conn, whom)
    codes = {customer: {customer_code(customer)} for customer in customers}
    for row in outbox.rows_in(conn, select(ALIAS.c.id, ALIAS.c.customer_id), ALIAS.c.customer_id, customers):
        codes[row.customer_id].add(customer_code(row.id))
    marked = outbox.needing_amendment(conn, [row.id for row in found], (whose.STEP,))
    # An invoice that lacks something, or was refused, is looked at again by its own queue (`hub.invoices.queue`).
    return [
        row.id
        for row in found
        if (row.kind == "invoice" and row.state not in ("incomplete", "rejected"))
        or row.id in marked
        or ((code := whose.named(row)) and code not in codes[whom[row.subject]])
    ]


def _documents(conn: Connection, subjects: Mapping[str, str]) -> list[Any]:
    """What is about these subjects, is to go out or may be there, and was not taken back."""
    c = DELIVERY.c
    # Asked by subject: joined with whose they are, SQLite would read all deliveries in these states.
    wanted = select(c.id, c.kind, c.state, c.subject, c.event_id, c.document).where(c.state.in_(_STATES), ~undone())
    return outbox.rows_in(conn, wanted, c.subject, subjects)


def _subjects(conn: Connection, customers: Sequence[str]) -> dict[str, str]:
    """The deals, orders, refunds and invoice requests of these customers, and whose each is."""
    if not customers:
        return {}
    mine, own = PROFILE.c.customer_id, PROFILE.c.customer_id.in_(customers)
    sources = [
        select(source.c.ref, mine).join(PROFILE, PROFILE.c.ref == source.c.profile_ref).where(own)
        for source in (REQUEST, DEAL, ORDER)
    ]
    refunds = select(REFUND.c.ref, mine).join(ORDER, ORDER.c.ref == REFUND.c.order_ref)
    refunds = refunds.join(PROFILE, PROFILE.c.ref == ORDER.c.profile_ref).where(own)
    return {row.ref: row.customer_id for row in conn.execute(union_all(*sources, refunds))}


def _locked(conn: Connection, ids: Sequence[str]) -> list[Any]:
    c = DELIVERY.c
    rows = outbox.rows_in(conn, select(DELIVERY).where(c.state.in_(_STATES)).order_by(c.id).with_for_update(), c.id, ids)
    return sorted(rows, key=lambda row: (row.created_at, row.id))
