"""Rules: which events become documents, and where to. An event leaves the list in the transaction of its deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import Connection, and_, exists, not_, select, update

from config.settings import Rule, Settings
from connectors.errors import ConfigError
from connectors.messages import explain
from hub.core import Hub
from hub.events import amend, amend_invoices, outbox, settle
from hub.events.book import EVENT, Book, starts
from hub.events.documents import amount_of, draft
from hub.events.facts import Facts
from hub.events.outbox import DELIVERY
from hub.people import drafting
from hub.security import audit

log = structlog.get_logger("hub.events")
TAKEN_BACK = ("deal.reversed", "invoice.withdrawn")
LONGEST_CALL = 40
"""Seconds that one call to a destination may take; a lease must last longer."""


def wanted_kinds(settings: Settings) -> frozenset[str]:
    """The event kinds that some rule must see."""
    wanted: set[str] = {rule.on for rule in settings.rules}
    wanted |= {"refund.succeeded" for rule in settings.rules if rule.per == "day"}
    wanted |= {"deal.amended" for rule in settings.rules if rule.on in ("deal.signed", "invoice.requested")}
    wanted |= {"invoice.amended" for rule in settings.rules if rule.on == "invoice.requested"}
    wanted |= {"invoice.issued" for rule in settings.rules if rule.on == "deal.amended" and rule.make == "invoice"}
    wanted |= {"deal.reversed" for rule in settings.rules if rule.on in ("deal.signed", "invoice.requested")}
    wanted |= {"invoice.withdrawn" for rule in settings.rules if rule.on == "invoice.requested"}
    wanted |= {rule.on for rule in settings.notices}
    return frozenset(wanted)


# -- checking


def check(hub: Hub) -> list[str]:
    """What is wrong with the rules, each as one text with its next step, in the hub's language."""
    found = [error for errors in Book.load(hub).faults.values() for error in errors]
    return [" ".join(explain(error, hub.settings.language)) for error in [*found, *_advice(hub)]]


def _advice(hub: Hub) -> list[ConfigError]:
    found = drafting.faults(hub)
    if hub.settings.rules and hub.settings.lease_seconds < LONGEST_CALL:
        found.append(ConfigError("rule.lease_short", seconds=hub.settings.lease_seconds, least=LONGEST_CALL))
    names = {rule.name for rule in hub.settings.rules if rule.per == "day"}
    with hub.db.read() as conn:
        waiting = [row for row in settle.open_items(conn) if row.rule not in names]
    return found + [ConfigError("rule.items_waiting", rule=row.rule, count=row.count) for row in waiting]


# -- dispatching


def dispatch(hub: Hub, limit: int = 500) -> int:
    """Apply the rules to up to ``limit`` waiting events; how many were handled.

    Deliveries and settlement items are written in the transaction that takes the events off the list. Events that a
    broken rule wants stay on it until the rule is mended.
    """
    book = Book.load(hub)
    with hub.db.write() as conn:
        outbox.serialise(conn)
        events = _waiting(conn, book, limit)
        if not events:
            return 0
        pairs = [(event, rule) for event in events for rule in _rules_for(book, event) if event.kind != amend.AMENDED]
        _deliver(conn, hub, pairs)
        _amend(conn, hub, events, book.usable)
        drafting.from_events(conn, hub, events)
        for event in events:
            if event.kind in TAKEN_BACK:
                outbox.take_back(conn, event.kind, event.subject, hub.now())
                outbox.settle_by(conn, event.id, hub.now())
        ids = [event.id for event in events]
        for start in range(0, len(ids), outbox.CHUNK):
            part = EVENT.c.id.in_(ids[start : start + outbox.CHUNK])
            conn.execute(update(EVENT).where(part).values(pending=False))
    return len(events)


def _amend(conn: Connection, hub: Hub, events: Sequence[Any], usable: Sequence[Rule]) -> None:
    """Documents of what is over another amount by now."""
    for event in events:
        if event.kind == amend.AMENDED:
            amend.of_deal(conn, hub, event, usable)
            amend_invoices.of_deal(conn, hub, event, usable)
        elif event.kind == amend_invoices.AMENDED:
            amend_invoices.of_request(conn, hub, event, usable)
        elif event.kind == "invoice.issued":
            amend_invoices.issued(conn, hub, event, usable)


def take_up(hub: Hub, rule_name: str, *, by: str) -> int:
    """Put events that came before their rule did on the list (reconcile calls them never_made); how many.

    The rule's ``not_before`` bounds how far back it goes. Raises LookupError for a rule that is not usable.
    """
    book = Book.load(hub)
    rule = next((rule for rule in book.usable if rule.name == rule_name), None)
    if rule is None:
        names = ", ".join(each.name for each in book.usable) or "(none)"
        raise LookupError(f"no usable rule {rule_name!r}; there are: {names}")
    c = EVENT.c
    sources = [number for number, account in book.accounts.items() if rule.takes(rule.on, account.key)]
    kinds = {rule.on, "refund.succeeded"} if rule.per == "day" else {rule.on}
    made = exists().where(DELIVERY.c.event_id == c.id, DELIVERY.c.rule == rule.name)
    gathered = exists().where(settle.ITEM.c.event_id == c.id, settle.ITEM.c.rule == rule.name)
    old = and_(c.kind.in_(kinds), c.account_id.in_(sources), c.at >= starts(rule), ~c.pending, ~made, ~gathered)
    with hub.db.write() as conn:
        count = conn.execute(update(EVENT).where(old).values(pending=True)).rowcount
        audit.record(conn, by, "rule.take_up", f"rule:{rule.name}", events=count)
    return count


def _waiting(conn: Connection, book: Book, limit: int) -> Sequence[Any]:
    waiting = select(EVENT).where(EVENT.c.pending).order_by(EVENT.c.recorded_at).limit(limit)
    held_back = book.held_back()
    if held_back is not None:
        log.debug("events_wait_for_rules", rules=sorted(book.rules[place].name for place in book.faults))
        waiting = waiting.where(not_(held_back))
    return conn.execute(waiting.with_for_update(skip_locked=True)).all()


def _rules_for(book: Book, event: Any) -> list[Rule]:
    source = book.accounts.get(event.account_id)
    if source is None:
        return []
    return [rule for rule in book.usable if rule.takes(event.kind, source.key) and event.at >= starts(rule)]


def _deliver(conn: Connection, hub: Hub, pairs: Sequence[tuple[Any, Rule]]) -> None:
    facts = Facts(conn, hub, {event.id: event for event, rule in pairs if _needs_facts(event, rule)}.values())
    items = [(event, rule) for event, rule in pairs if rule.per == "day" and amount_of(facts, event) is not None]
    settle.add_items(conn, facts, items)
    noted = {(event.id, rule.name) for event, rule in items}
    drafts = (draft(facts, event, rule) for event, rule in pairs if (event.id, rule.name) not in noted)
    outbox.add(conn, [row for row in drafts if row is not None], hub.now())


def _needs_facts(event: Any, rule: Rule) -> bool:
    return rule.per == "event" or event.data.get("amount") is None
