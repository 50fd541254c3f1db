"""What becomes of a document when the amount of its signed deal changes afterwards, or its customer (``whose``).

The rule: a document that was never sent is made anew over the new amount. One that is there is never edited: it waits, marked,
for finance (``needs_amendment``), and is reversed and issued again over the new amount when a rule on ``deal.amended`` or a
person says so. The new document has a number of its own, from the amendment.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, null, or_, select, update

from config.settings import Rule
from hub.core import Hub
from hub.events import documents, outbox, whose
from hub.events.book import EVENT
from hub.events.facts import FILL, Facts
from hub.events.mint import insert_events, mint
from hub.events.notready import NotReady
from hub.events.outbox import DELIVERY
from hub.events.reversal import AGAIN, standing, taken_back
from hub.invoices.fault import Incomplete
from hub.store.types import EPOCH, to_us

AMENDED = "deal.amended"
REASON, WRONG = "returned", "wrong"
"""Why an invoice is taken back, where the document has one: there is no code for a changed price among the tax bureau's; one
over the same amount names another buyer."""

UNSENT = ("pending", "incomplete", "rejected")
"""States of a document that may not have been sent."""


def of_deal(conn: Connection, hub: Hub, event: Any, rules: Sequence[Rule]) -> None:
    """A deal whose amount has changed: bring its documents in line, or mark them. rules: the usable ones, all kinds."""
    facts = Facts(conn, hub, [event])
    for row in standing(conn, event.subject):
        _one(facts, hub, event, row, rules)


def _one(facts: Facts, hub: Hub, event: Any, row: Any, rules: Sequence[Rule]) -> None:
    amount = documents.amount_of(facts, event)
    if row.state in UNSENT and not outbox.was_sent(facts.conn, row.id):
        made_anew(facts, hub, row, rules)
        return
    if amount == row.amount:
        outbox.settle_amendment(facts.conn, row.id, hub.now(), steps=("amend",))
    elif by_rule(facts, hub, event, row, rules):
        return
    else:
        outbox.note(facts.conn, row.id, "amend", "needs_amendment", hub.now())
    whose.question(facts, row, event=event)


def by_rule(facts: Facts, hub: Hub, event: Any, row: Any, rules: Sequence[Rule]) -> bool:
    """Whether a rule had it reversed and issued again; what is not surely there, or cannot be made, waits for a person."""
    rule = _rule_for(facts, event, row, rules)
    if rule is None or row.state != "sent":
        return False
    try:
        reissue(facts, hub, event, row, rule)
    except NotReady:
        return False
    return True


def _rule_for(facts: Facts, event: Any, row: Any, rules: Sequence[Rule]) -> Rule | None:
    """The rule that says that such a document is reversed and issued again."""
    source, to = facts.accounts[event.account_id].key, facts.accounts[row.account_id].key
    mine = (rule for rule in rules if rule.takes(AMENDED, source) and (rule.to, rule.make) == (to, row.kind))
    return next(mine, None)


def made_anew(facts: Facts, hub: Hub, row: Any, rules: Sequence[Rule]) -> bool:
    """Nobody has seen it yet: the same document, over what the deal is over now. False: its rule is gone, it stays as it is."""
    rule = next((rule for rule in rules if rule.name == row.rule), None)
    first = facts.conn.execute(select(EVENT).where(EVENT.c.id == row.event_id)).first()
    if rule is None or first is None:
        return False
    try:
        values = {"state": "pending", "error": null(), **documents.built(_built(facts, first, rule, row, row.id))}
    except NotReady as error:
        values = {"state": documents.state_of(error), "error": error.as_dict()}
    mine = update(DELIVERY).where(DELIVERY.c.id == row.id)
    facts.conn.execute(mine.values(lease_until=EPOCH, fence=DELIVERY.c.fence + 1, **values))
    outbox.note(facts.conn, row.id, "amend", "made_anew", hub.now())
    return True


def _built(facts: Facts, event: Any, rule: Rule, row: Any, made: str) -> Any:
    """The document of delivery ``made``, with what people had filled in for the invoice of this row; but of lines that there
    were, where there are others now, no tax code is carried over."""
    build = partial(documents.build, facts, event, rule, facts.accounts[row.account_id])
    filled = facts.filled(row.id)
    kept = {name: text for name, text in filled.items() if not name.startswith("lines.")}
    _fill(facts.conn, row.id, made, filled)
    try:
        document = build()
        if kept == filled or len(document.lines) == len((row.document or {}).get("lines") or ()):
            return document
    except Incomplete as error:
        if kept == filled or not any(fault.field.startswith("lines.") for fault in error.faults):
            raise
    _fill(facts.conn, row.id, made, kept)
    return build()


def _fill(conn: Connection, old: str, made: str, filled: dict[str, str]) -> None:
    found = conn.execute(select(FILL).where(FILL.c.delivery_id == old)).first()
    if found is None or (made == old and found.filled == filled):
        return
    conn.execute(FILL.delete().where(FILL.c.delivery_id == made))
    conn.execute(FILL.insert().values(delivery_id=made, filled=filled, by=found.by, at=found.at))


def reissue(facts: Facts, hub: Hub, event: Any, row: Any, rule: Rule, *, by: str = "hub") -> None:
    """Two documents in one transaction: one takes the old one back, one is over the new amount. Doing it twice makes them once.

    Raises NotReady where the new one cannot be made, or an invoice of the old one is not issued yet; then nothing is made.
    """
    now, conn = hub.now(), facts.conn
    day = documents.day_of(now, rule.zone)
    made = outbox.delivery_id(event.id, rule.name)
    new = _built(facts, event, rule, row, made)
    reason = WRONG if new.amount.minor == row.amount else REASON
    data = {"amount": -row.amount, "currency": row.currency, "number": row.number, "reason": reason}
    told = mint("delivery.reversing", row.source_account_id, row.id, to_us(now), to_us(now), data)
    old = documents.from_json(row.document)
    back = taken_back(conn, old, row.id, documents.number(row.kind, told[0]), day, reason)
    common = {
        "account_id": row.account_id,
        "source_account_id": row.source_account_id,
        "subject": row.subject,
        "kind": row.kind,
    }
    rows = [
        {"id": outbox.delivery_id(told[0], "reversal"), "event_id": told[0], "rule": "reversal", **documents.built(back)},
        {"id": made, "event_id": event.id, "rule": rule.name, **documents.built(new)},
    ]
    insert_events(conn, [told])
    outbox.add(conn, [{"state": "pending", **common, **each} for each in rows], now)
    outbox.settle_amendment(conn, row.id, now, by=by)


def latest(conn: Connection, subject: str) -> Any:
    """The newest amendment of a deal or an invoice request; None where there is none."""
    mine = select(EVENT).where(or_(*(EVENT.c.id.startswith(f"{subject}|{kind}|", autoescape=True) for kind in AGAIN)))
    return conn.execute(mine.order_by(EVENT.c.recorded_at.desc(), EVENT.c.id.desc()).limit(1)).first()
