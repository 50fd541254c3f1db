"""Whether a document that was never sent is still what would be made: asked in the transaction before it is sent."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from hub.core import Hub
from hub.events import documents, outbox, whose
from hub.events.book import EVENT
from hub.events.facts import Facts
from hub.events.notready import NotReady
from hub.invoices.document import invoice
from hub.invoices.fault import Incomplete


def outdated(conn: Connection, hub: Hub, row: Any) -> bool:
    """Whether it would be made otherwise by now: about another customer; an invoice also over another amount, for another
    buyer, of other lines, or not at all as long as something is missing. One that may have been sent stays what it is."""
    if (row.document or {}).get("reverses") or outbox.was_sent(conn, row.id):
        return False
    event = conn.execute(select(EVENT).where(EVENT.c.id == row.event_id)).first()
    if event is None:
        return False
    facts = Facts(conn, hub, [event])
    if row.kind != "invoice":
        return bool(whose.other(facts, row))
    try:
        made = invoice(facts, event, row.number, row.day, facts.accounts[row.account_id], row.id)
    except (Incomplete, ValueError):
        return True
    except NotReady:
        return False  # what was withdrawn is taken back by that
    return made != documents.from_json(row.document)
