"""What becomes of an invoice whose buyer changes: another title, tax id or kind of invoice, whatever the amount.

One that was never sent is made anew under its number. One that was sent is never edited: it waits, marked, until a person has
it reversed and issued again or says how it was settled; no rule does that. Each other buyer is asked about once, and nothing is
asked any more when the source says again what was sent.
"""

from __future__ import annotations

from typing import Any

from hub.core import Hub
from hub.events import outbox
from hub.events.asking import ask
from hub.events.facts import Facts
from hub.invoices.complete import Asked, buyer_of

STEP = "buyer"
PRINTED = ("kind", "buyer_title", "buyer_tax_id")
"""What an invoice is wrong without. Another address, mailbox or remark is no reason to take one back."""


def question(facts: Facts, hub: Hub, what: Asked, row: Any, *, event: Any = None) -> None:
    """A sent invoice: mark it where its buyer is another by now. event: the amendment that says so, None = one is minted, which
    a new invoice has its number from."""
    told, stands = buyer_of(facts, what, facts.filled(row.id)), (row.document or {}).get("invoice") or {}
    # what is empty by now says nothing of the buyer
    other = {name: told[name] or stands.get(name, "") for name in PRINTED}
    if all(other[name] == stands.get(name, "") for name in PRINTED):
        outbox.settle_amendment(facts.conn, row.id, facts.now, steps=(STEP,))
        return
    who = hub.ring.blind(f"invoice.{STEP}", *other.values()).hex()
    ask(facts, row, STEP, "delivery.buyer_changed", who, what.row.number, event=event)
