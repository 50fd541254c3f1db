"""What becomes of an invoice whose buyer changes: another title, tax id or kind of invoice, whatever the amount.

One that was never sent is made anew under its number. One that was sent is never edited: it waits, marked, until a person has
it reversed and issued again or says how it was settled; no rule does that. Each other buyer is asked about once, and nothing is
asked any more when the source says again what was sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, select, union_all

from config.settings import Rule
from connectors.errors import ConnectorError
from hub.core import Hub
from hub.events import amend, outbox
from hub.events.book import EVENT, Book
from hub.events.facts import DEAL, ORDER, PROFILE, REQUEST, Facts
from hub.events.fresh import outdated
from hub.events.mint import insert_events, mint
from hub.events.notready import NotReady
from hub.events.outbox import ATTEMPT, DELIVERY
from hub.events.reversal import undone
from hub.identity import changed
from hub.invoices.complete import Asked, asked, buyer_of
from hub.store.types import to_us

STEP = "buyer"
PRINTED = ("kind", "buyer_title", "buyer_tax_id")
"""What an invoice is wrong without. Another address, mailbox or remark is no reason to take one back."""
RECENT = timedelta(days=90)
"""A customer's new name or id raises a question about invoices sent since then: a mistyped title is found within weeks, and a
company that renames itself makes no old invoice wrong. A request that changes raises it whenever it does."""
CHUNK = 500
_BOOKMARK = "buyers"


def question(facts: Facts, hub: Hub, what: Asked, row: Any, *, event: Any = None) -> None:
    """A sent invoice: mark it where its buyer is another by now. event: the amendment that says so, None = one is minted, which
    a new invoice has its number from."""
    conn, now = facts.conn, hub.now()
    told, stands = buyer_of(facts, what, facts.filled(row.id)), (row.document or {}).get("invoice") or {}
    # what is empty by now says nothing of the buyer
    other = {name: told[name] or stands.get(name, "") for name in PRINTED}
    if all(other[name] == stands.get(name, "") for name in PRINTED):
        outbox.settle_amendment(conn, row.id, now, steps=(STEP,))
        return
    who = hub.ring.blind(f"invoice.{STEP}", *other.values()).hex()
    if row.state == "rejected" or _asked_about(conn, row.id, who):
        return
    outbox.note(conn, row.id, STEP, "needs_amendment", now, error=ConnectorError("delivery.buyer_changed", buyer=who).as_dict())
    if event is None and row.subject in (*facts.requests, *facts.deals):
        kind = "invoice.amended" if row.subject in facts.requests else "deal.amended"
        data = {"amount": row.amount, "before": row.amount, "currency": row.currency, "number": what.row.number}
        fact = f"{STEP}|{who}|{to_us(now)}"
        insert_events(conn, [mint(kind, row.source_account_id, row.subject, to_us(now), to_us(now), data, fact=fact)])


def _asked_about(conn: Connection, delivery: str, who: str) -> bool:
    """Whether a person is, or was, asked about that buyer, and the hub has not settled it since."""
    c = ATTEMPT.c
    steps = conn.execute(
        select(c.outcome, c.error, c.by).where(c.delivery_id == delivery, c.step == STEP).order_by(c.id.desc()).limit(2)
    ).all()
    if steps and steps[0].outcome == "done":
        steps = [] if steps[0].by == "hub" else steps[1:]
    return bool(steps) and steps[0].error["params"]["buyer"] == who


# -- customers whose name or tax id has changed


def due(hub: Hub) -> bool:
    """Whether customers have changed since the last look, where there may be invoices."""
    if not any(rule.make == "invoice" for rule in hub.settings.rules):
        return False
    with hub.db.read() as conn:
        begun = changed.place(conn, _BOOKMARK)
        return begun is None or bool(changed.after(conn, begun[0], 1))


def look(hub: Hub) -> int:
    """Bring the invoices of customers that have changed since the last look in line; how many customers were looked at.

    The first look begins where it is: what changed before is in the invoices already.
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


def _look_at(conn: Connection, hub: Hub, customers: Iterable[str], rules: Sequence[Rule]) -> None:
    rows = _invoices(conn, list(customers))
    events = {row.id: row for row in outbox.rows_in(conn, select(EVENT), EVENT.c.id, [row.event_id for row in rows])}
    facts, since = Facts(conn, hub, events.values()), hub.now() - RECENT
    for row in rows:
        if row.event_id not in events or (row.document or {}).get("reverses"):
            continue
        if row.state == "pending" and not outbox.was_sent(conn, row.id):
            if outdated(conn, hub, row):
                amend.made_anew(facts, hub, row, rules)
        elif row.sent_at is None or row.sent_at >= since:
            try:
                question(facts, hub, asked(facts, events[row.event_id]), row)
            except NotReady:
                continue  # what was withdrawn or reversed is taken back by that


def _invoices(conn: Connection, customers: Sequence[str]) -> Sequence[Any]:
    """The invoices of these customers that are to go out, or may be there and were not taken back."""
    if not customers:
        return []
    c = DELIVERY.c
    theirs = (
        select(source.c.ref).join(PROFILE, PROFILE.c.ref == source.c.profile_ref).where(PROFILE.c.customer_id.in_(customers))
        for source in (REQUEST, DEAL, ORDER)
    )
    wanted = select(DELIVERY).where(c.kind == "invoice", c.state.in_(("pending", "sending", "in_doubt", "sent")), ~undone())
    return conn.execute(wanted.where(c.subject.in_(union_all(*theirs))).order_by(c.created_at, c.id).with_for_update()).all()
