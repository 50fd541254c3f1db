"""Minting events: the kinds there are, and ids derived from the business fact.

| kind | subject | fact | data | at |
|---|---|---|---|---|
| customer.created | customer id | – | {profile} | now |
| customer.merged, customer.split | customer id | ledger entry id | {other} | now |
| tag.added, tag.removed | profile ref | tag ref + record hash + time of landing | {tag, by} | now |
| order.paid | order ref | – | {amount, currency, number} | paid_at |
| order.completed, order.cancelled | order ref | – | {number} | closed_at |
| order.amended, refund.amended | order or refund ref | customer + time | {amount, before, currency, number} | now |
| refund.succeeded | refund ref | – | {amount, currency, order, number} | succeeded_at |
| deal.signed | deal ref | – | {amount, currency, number} | effective_at |
| deal.amended | deal ref | record hash or customer + time | {amount, before, currency, number} | changed_at |
| deal.reversed | deal ref | – | {amount, currency, number} | changed_at |
| invoice.requested | invoice request ref | – | {amount, currency, number} | requested_at |
| invoice.amended | invoice request ref | hash or buyer + time, or event | {amount, before, currency, number} | changed_at |
| invoice.withdrawn | invoice request ref | – | {amount, currency, number} | changed_at |
| delivery.reversing | delivery id | – | {amount, currency, number, reason} | now |
| delivery.approved, delivery.gone | delivery id | – | {document, kind, subject, currency, state} | now |
| invoice.issued | delivery id | invoice number | {document, kind, subject, currency, invoice, code, date, amount} | its date |
| invoice.failed | delivery id | time | {document, kind, subject, currency, state} | now |
| payment.received | delivery id | receipt | {document, kind, subject, currency, payment, date, amount, received} | its date |
| delivery.sent | delivery id | – | {number, kind, subject} | sent_at |

data never holds personal values: amounts, numbers and refs only. Where amount and before are equal, another customer or buyer
is named.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import orjson

from hub.store.bulk import Upsert

KINDS = (
    "customer.created", "customer.merged", "customer.split", "tag.added", "tag.removed", "order.paid", "order.completed",
    "order.cancelled", "order.amended", "refund.succeeded", "refund.amended", "deal.signed", "deal.amended", "deal.reversed",
    "delivery.sent", "delivery.reversing", "delivery.approved", "delivery.gone", "invoice.requested", "invoice.amended",
    "invoice.withdrawn", "invoice.issued", "invoice.failed", "payment.received",
)  # fmt: skip
EventRow = tuple[str, str, int, str, int, int, str, bool]
insert_events = Upsert("event", ("id", "kind", "account_id", "subject", "at", "recorded_at", "data", "pending"), ("id",))
"""Inserts events; one that is already there stays as it is. Takes rows of ``mint``; returns how many were new."""


def event_id(kind: str, subject: str, fact: str = "") -> str:
    """The id of an event: the same business fact always gets the same one.

    It begins with the subject: orders come in the order of their numbers, so new ids stand together in the index. A hash
    would be spread over all of it, and each event of a backfill would rewrite a page.
    """
    return f"{subject}|{kind}|{blake2b(fact.encode(), digest_size=8).hexdigest()}" if fact else f"{subject}|{kind}"


def mint(
    kind: str, account_id: int, subject: str, at: int, now: int, data: dict[str, Any], *, fact: str = "", pending: bool = False
) -> EventRow:
    """A row for ``insert_events``. at, now: microseconds. pending: whether some rule wants to see it."""
    return (event_id(kind, subject, fact), kind, account_id, subject, at, now, orjson.dumps(data).decode(), pending)
