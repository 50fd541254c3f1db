"""What becomes of an invoice that was asked for when what it is over changes: the deal's amount, or the request's own.
A request that names another buyer comes here too (``buyers``).

The rule is that of all documents (``amend``). One that was never sent is made anew over what is to be invoiced now. But where
the request itself names what was the whole deal's amount, nobody knows what the buyer wants of one that has grown: it is held
until the request has changed at its source, or a person sends it as it was asked for. One that was sent is never edited: a red
letter takes it back and a new one is issued, once a rule or a person says so and it has its number; until then it is marked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select, update

from config.settings import Rule
from connectors.base import Money
from hub.core import Hub
from hub.events import amend, buyers, outbox, whose
from hub.events.book import EVENT
from hub.events.facts import Facts
from hub.events.mint import insert_events, mint
from hub.events.notready import NotReady
from hub.events.outbox import DELIVERY
from hub.events.reversal import standing
from hub.invoices.complete import WANTED, Asked, amount_of, asked, whole_of
from hub.invoices.fault import Held
from hub.store.types import EPOCH, to_us

AMENDED = "invoice.amended"


def of_deal(conn: Connection, hub: Hub, event: Any, rules: Sequence[Rule]) -> None:
    """The invoices that were asked for a deal, and those of the deal itself. event: its amendment."""
    facts = Facts(conn, hub, [event])
    for row in standing(conn, event.subject):
        if row.kind == "invoice" and outbox.was_sent(conn, row.id):
            try:
                buyers.question(facts, hub, asked(facts, event), row, event=event)
            except NotReady:
                break  # what was reversed is taken back by that
    for request in facts.requests_about("deal", event.subject):
        if standing(conn, request.ref):
            later = request.requested_at is not None and request.requested_at > event.at
            before = None if later else event.data.get("before")
            of_request(conn, hub, _told(conn, hub, event, request), rules, before=before)


def _told(conn: Connection, hub: Hub, event: Any, request: Any) -> Any:
    """The event that the request is over another amount: what is made of it has its number from there."""
    data = {"amount": request.amount, "before": None, "currency": request.currency, "number": request.number}
    row = mint(AMENDED, request.account_id, request.ref, to_us(event.at), to_us(hub.now()), data, fact=event.id)
    insert_events(conn, [row])
    return conn.execute(select(EVENT).where(EVENT.c.id == row[0])).one()


def of_request(conn: Connection, hub: Hub, event: Any, rules: Sequence[Rule], *, before: int | None = None) -> None:
    """The invoices of one request. event: invoice.amended. before: what the deal was over, where that has changed."""
    facts = Facts(conn, hub, [event])
    try:
        what = asked(facts, event)
    except NotReady:
        return  # what was withdrawn or reversed is taken back by that
    for row in standing(conn, event.subject):
        _one(facts, hub, event, what, row, rules, before)


def _one(facts: Facts, hub: Hub, event: Any, what: Asked, row: Any, rules: Sequence[Rule], before: int | None) -> None:
    if row.state in amend.UNSENT and not outbox.was_sent(facts.conn, row.id):
        if before is not None and _unclear(facts, what, before):
            _hold(facts, hub, what, row, before)
        elif not (_held(row) and _same_amount(event)):
            amend.made_anew(facts, hub, row, rules)
        return
    if amount_of(facts, what) == row.amount and not _too_much(facts, what):
        outbox.settle_amendment(facts.conn, row.id, hub.now(), steps=("amend",))
    elif amend.by_rule(facts, hub, event, row, rules):
        return
    else:
        outbox.note(facts.conn, row.id, "amend", "needs_amendment", hub.now())
    whose.question(facts, row, event=event)
    buyers.question(facts, hub, what, row, event=event)


def _held(row: Any) -> bool:
    return (row.error or {}).get("key") == Held.default_key


def _same_amount(event: Any) -> bool:
    """Whether the request names another buyer alone, which says nothing of the amount that it is held for."""
    return event.data.get("amount") is not None and event.data.get("before") == event.data["amount"]


def _unclear(facts: Facts, what: Asked, before: int) -> bool:
    """Whether the requests name what was the whole deal's amount, and no more is asked for of the one that has grown."""
    if what.request.amount is None or (whole := whole_of(what)) is None:
        return False
    wanted = [row.amount or 0 for row in facts.requests_about(what.kind, what.parent.ref) if row.state in WANTED]
    return sum(wanted) == before < whole


def _hold(facts: Facts, hub: Hub, what: Asked, row: Any, before: int) -> None:
    was, now = (str(Money(amount, what.row.currency)) for amount in (before, whole_of(what) or 0))
    values = {"state": "incomplete", "error": Held(before=was, now=now).as_dict(), "lease_until": EPOCH}
    conn = facts.conn
    conn.execute(update(DELIVERY).where(DELIVERY.c.id == row.id).values(fence=DELIVERY.c.fence + 1, **values))
    outbox.note(conn, row.id, "amend", "held", hub.now())


def _too_much(facts: Facts, what: Asked) -> bool:
    """Whether the invoices that were sent are together over more than the deal is by now."""
    if what.parent is None or (whole := whole_of(what)) is None:
        return False
    others = [row.ref for row in facts.requests_about(what.kind, what.parent.ref)]
    sent = [row for ref in others for row in standing(facts.conn, ref) if row.state == "sent"]
    return sum(int(row.amount) for row in sent) > whole


def issued(conn: Connection, hub: Hub, event: Any, rules: Sequence[Rule]) -> None:
    """An invoice has its number. Where what it is over had changed by then, it can be taken back now, if a rule says so."""
    row = conn.execute(select(DELIVERY).where(DELIVERY.c.id == event.subject)).first()
    if row is None or not outbox.needing_amendment(conn, [row.id]):
        return
    last = amend.latest(conn, row.subject)
    if last is not None and last.kind == AMENDED:
        of_request(conn, hub, last, rules)
    elif last is not None:
        amend.of_deal(conn, hub, last, rules)
