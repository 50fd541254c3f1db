"""What becomes of a document when the amount of its signed deal changes afterwards.

The rule: a document that was never sent is made anew over the new amount. One that is there is never edited: it waits, marked,
for finance (``needs_amendment``), and is reversed and issued again over the new amount when a rule on ``deal.amended`` or a
person says so. The new document has a number of its own, from the amendment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, null, select, update

from config.settings import Rule
from hub.core import Hub
from hub.events import documents, outbox
from hub.events.book import EVENT
from hub.events.facts import Facts
from hub.events.mint import insert_events, mint
from hub.events.notready import NotReady
from hub.events.outbox import DELIVERY
from hub.events.reversal import standing, taken_back
from hub.store.types import EPOCH, to_us

AMENDED = "deal.amended"
REASON = "returned"
"""Why an invoice is taken back, where the document has one: there is no code for a changed price among the tax bureau's."""


def amended(conn: Connection, hub: Hub, events: Sequence[Any], rules: Sequence[Rule]) -> None:
    """Deals whose amounts have changed: bring their documents in line, or mark them. rules: the usable ones, all kinds."""
    for event in events:
        if event.kind == AMENDED:
            facts = Facts(conn, hub, [event])
            for row in standing(conn, event.subject):
                _one(facts, hub, event, row, rules)


def _one(facts: Facts, hub: Hub, event: Any, row: Any, rules: Sequence[Rule]) -> None:
    amount = documents.amount_of(facts, event)
    if row.state in ("pending", "incomplete", "rejected") and not outbox.was_sent(facts.conn, row.id):
        _made_anew(facts, hub, row, rules)
    elif amount == row.amount:
        outbox.settle_amendment(facts.conn, row.id, hub.now())
    elif not _by_rule(facts, hub, event, row, rules):
        outbox.note(facts.conn, row.id, "amend", "needs_amendment", hub.now())


def _by_rule(facts: Facts, hub: Hub, event: Any, row: Any, rules: Sequence[Rule]) -> bool:
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


def _made_anew(facts: Facts, hub: Hub, row: Any, rules: Sequence[Rule]) -> None:
    """Nobody has seen it yet: the same document, over what the deal is over now."""
    rule = next((rule for rule in rules if rule.name == row.rule), None)
    first = facts.conn.execute(select(EVENT).where(EVENT.c.id == row.event_id)).first()
    if rule is None or first is None:
        return
    try:
        values = {"state": "pending", "error": null(), **documents.built(_built(facts, first, rule, row))}
    except NotReady as error:
        values = {"state": documents.state_of(error), "error": error.as_dict()}
    mine = update(DELIVERY).where(DELIVERY.c.id == row.id)
    facts.conn.execute(mine.values(lease_until=EPOCH, fence=DELIVERY.c.fence + 1, **values))
    outbox.note(facts.conn, row.id, "amend", "made_anew", hub.now())


def _built(facts: Facts, event: Any, rule: Rule, row: Any) -> Any:
    return documents.build(facts, event, rule, facts.accounts[row.account_id])


def reissue(facts: Facts, hub: Hub, event: Any, row: Any, rule: Rule, *, by: str = "hub") -> None:
    """Two documents in one transaction: one takes the old one back, one is over the new amount. Doing it twice makes them once.

    Raises NotReady where the new one cannot be made, or an invoice of the old one is not issued yet; then nothing is made.
    """
    now, conn = hub.now(), facts.conn
    day = documents.day_of(now, rule.zone)
    data = {"amount": -row.amount, "currency": row.currency, "number": row.number, "reason": REASON}
    told = mint("delivery.reversing", row.source_account_id, row.id, to_us(now), to_us(now), data)
    old = documents.from_json(row.document)
    back = taken_back(conn, old, row.id, documents.number(row.kind, told[0]), day, REASON)
    new = _built(facts, event, rule, row)
    common = {
        "account_id": row.account_id,
        "source_account_id": row.source_account_id,
        "subject": row.subject,
        "kind": row.kind,
    }
    rows = [
        {"id": outbox.delivery_id(told[0], "reversal"), "event_id": told[0], "rule": "reversal", **documents.built(back)},
        {"id": outbox.delivery_id(event.id, rule.name), "event_id": event.id, "rule": rule.name, **documents.built(new)},
    ]
    insert_events(conn, [told])
    outbox.add(conn, [{"state": "pending", **common, **each} for each in rows], now)
    outbox.settle_amendment(conn, row.id, now, by=by)


def latest(conn: Connection, deal: str) -> Any:
    """The newest amendment of a deal; None where there is none."""
    mine = select(EVENT).where(EVENT.c.id.startswith(f"{deal}|{AMENDED}|", autoescape=True))
    return conn.execute(mine.order_by(EVENT.c.recorded_at.desc(), EVENT.c.id.desc()).limit(1)).first()
