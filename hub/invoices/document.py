"""Invoice documents: a complete request with number, day and party, as an event under a rule makes them."""

from __future__ import annotations

from datetime import date
from typing import Any

from connectors.base import Document, DocumentLine, InvoiceRequest
from hub.events.facts import Facts
from hub.events.parties import buyer, customer, source_of
from hub.invoices.complete import Asked, amount_of, asked, complete


def invoice(facts: Facts, event: Any, number: str, day: date, destination: Any, delivery: str) -> Document:
    """The document of an invoice. Raises Incomplete, NotReady or Reversed."""
    what = asked(facts, event)
    done = complete(facts, what, day, facts.filled(delivery))
    party = customer(facts, what.row, destination.id) if what.kind == "deal" else buyer(facts, what.row, destination.id)
    sale = what.parent.number if what.parent is not None else ""
    return Document(
        kind="invoice",
        number=number,
        date=day,
        amount=done.request.amount,
        party=party,
        lines=plain_lines(done.request),
        note=" ".join(dict.fromkeys(filter(None, (what.row.number, sale)))),
        source=source_of(what.row),
        extra={"warnings": " ".join(done.warnings)} if done.warnings else {},
        invoice=done.request,
    )


def plain_lines(request: InvoiceRequest) -> tuple[DocumentLine, ...]:
    """The lines without their tax, as every document has them."""
    return tuple(DocumentLine(line.title, line.amount, line.quantity, line.tax_rate, line.item_code) for line in request.lines)


def asked_for(facts: Facts, event: Any) -> int | None:
    """The amount of the invoice that an event asks for, as far as it is known."""
    request = facts.requests.get(event.subject)
    if request is None:
        return None
    kind = "deal" if request.deal_ref else "order"
    parent = facts.deals.get(request.deal_ref) if request.deal_ref else facts.orders.get(request.order_ref or "")
    return amount_of(facts, Asked(request, parent, kind))
