"""A document that names another customer than its deal, order or refund belongs to by now: a merge was taken back, a customer
was split, or the source named another one.

One that was never sent is made anew. One that was sent is never edited: it waits, marked, until a person has it reversed and
issued again or says how it was settled; no rule does that. Another name makes no document wrong, and neither does a merge.
"""

from __future__ import annotations

from typing import Any

from hub.events import outbox
from hub.events.asking import ask
from hub.events.facts import Facts, is_customer

STEP = "party"


def named(row: Any) -> str:
    """The code of the customer that a document names; '' where it names none, or a shop, or is only a copy of another one (what
    is written back, what takes one back)."""
    if not row.event_id.startswith(f"{row.subject}|"):
        return ""
    code = ((row.document or {}).get("party") or {}).get("code", "")
    return code if is_customer(code) else ""


def other(facts: Facts, row: Any) -> str:
    """The code of the customer that the document should name; '' where it names him, or nobody knows."""
    code, source = named(row), facts.source_of(row.subject)
    customer = facts.customer_id(source.profile_ref) if source is not None and code else ""
    if not customer or code in facts.codes(customer):
        return ""
    return facts.party_code(customer, row.account_id)


def question(facts: Facts, row: Any, *, event: Any = None) -> None:
    """A document that was sent: mark it where it names somebody else by now, and no longer where it does not."""
    if code := other(facts, row):
        ask(facts, row, STEP, "delivery.party_changed", code, facts.source_of(row.subject).number, event=event)
    else:
        outbox.settle_amendment(facts.conn, row.id, facts.now, steps=(STEP,))
