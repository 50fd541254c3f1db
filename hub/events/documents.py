"""Documents: from an event and what the hub knows of its subject to a ``connectors.base.Document``.

Numbers and party codes are hashes of business facts: the same fact always gets the same one. Amounts are copied, never
computed, except the sum of a settlement.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from config.settings import Rule
from connectors import registry
from connectors.base import Document, DocumentLine, Money, Party
from connectors.errors import ConnectorError
from hub.events.book import ORIGIN
from hub.events.facts import OF_DELIVERIES, Facts, about, code, shop_party
from hub.events.invoice_json import invoice_json, invoice_of
from hub.events.mint import event_id
from hub.events.notready import NotReady as NotReady
from hub.events.notready import Reversed as Reversed
from hub.events.outbox import delivery_id
from hub.events.parties import buyer, customer, source_of
from hub.events.reversal import sent_of, taken_back
from hub.events.writeback import about as origin
from hub.events.writeback import write_back
from hub.invoices.document import asked_for, invoice
from hub.invoices.fault import Incomplete

PREFIX = {"receivable": "AR", "sales_order": "SO", "settlement": "ST", "invoice": "IV", "voucher": "VO", "payment": "PM"}
NUMBER = re.compile(r"[A-Z0-9-]{1,24}")


def number(kind: str, event: str) -> str:
    """The document number: two letters of the kind and 16 characters that come from the event."""
    prefix = PREFIX.get(kind) or (re.sub("[^A-Z]", "", kind.upper()) + "DC")[:2]
    return code(prefix, kind, event)


# -- as the delivery row stores it


def to_json(document: Document) -> dict[str, Any]:
    """The document as JSON."""
    party = document.party
    return {
        "kind": document.kind,
        "number": document.number,
        "date": document.date.isoformat(),
        "amount": document.amount.minor,
        "currency": document.amount.currency,
        "party": {
            "code": party.code, "name": party.name, "tax_id": party.tax_id, "phone": party.phone, "address": party.address,
        },
        "lines": [
            {
                "title": line.title, "amount": line.amount.minor, "quantity": line.quantity,
                "tax_rate": line.tax_rate, "item_code": line.item_code,
            }
            for line in document.lines
        ],
        "note": document.note,
        "due": document.due.isoformat() if document.due else None,
        "source": dict(document.source),
        "extra": dict(document.extra),
        "reverses": document.reverses,
        "invoice": invoice_json(document.invoice) if document.invoice else None,
    }  # fmt: skip


def from_json(data: Mapping[str, Any]) -> Document:
    """The document of its JSON."""
    currency = data["currency"]
    lines = (DocumentLine(**{**line, "amount": Money(line["amount"], currency)}) for line in data["lines"])
    return Document(
        kind=data["kind"],
        number=data["number"],
        date=date.fromisoformat(data["date"]),
        amount=Money(data["amount"], currency),
        party=Party(**data["party"]),
        lines=tuple(lines),
        note=data["note"],
        due=date.fromisoformat(data["due"]) if data["due"] else None,
        source=data["source"],
        extra=data["extra"],
        reverses=data.get("reverses", ""),
        invoice=invoice_of(data["invoice"]) if data.get("invoice") else None,
    )


# -- delivery rows


def draft(facts: Facts, event: Any, rule: Rule) -> dict[str, Any] | None:
    """The delivery row of an event under a rule; None where the event is none of the rule's business.

    Data that are not complete make a rejected delivery that says what is missing.
    """
    destination = destination_of(facts, event, rule)
    if destination is None or not concerns(facts, event, rule, destination):
        return None
    amount = amount_of(facts, event)
    row: dict[str, Any] = {
        "id": delivery_id(event.id, rule.name), "event_id": event.id, "rule": rule.name,
        "account_id": destination.id, "source_account_id": event.account_id, "subject": subject_of(facts, event),
        "kind": rule.make, "number": number_of(facts, event, rule), "day": event.at.astimezone(ZoneInfo(rule.zone)).date(),
        "amount": amount or 0, "currency": event.data.get("currency") or "CNY", "document": {}, "state": "pending",
    }  # fmt: skip
    try:
        return row | built(build(facts, event, rule, destination))
    except NotReady as error:
        return row | {"state": state_of(error), "error": error.as_dict()}


def state_of(error: NotReady) -> str:
    """The state of a delivery whose document cannot be made."""
    if isinstance(error, Incomplete):
        return "incomplete"
    return "cancelled" if isinstance(error, Reversed) else "rejected"


def built(document: Document) -> dict[str, Any]:
    """The columns of a delivery that follow from its document."""
    money = {"amount": document.amount.minor, "currency": document.amount.currency}
    return {"number": document.number, "day": document.date, "document": to_json(document), **money}


def destination_of(facts: Facts, event: Any, rule: Rule) -> Any:
    """The account a rule sends to; None where it is not there (such a rule is reported by ``rules.check``)."""
    if rule.to == ORIGIN:
        return facts.accounts.get(event.account_id)
    return next((account for account in facts.accounts.values() if account.key == rule.to), None)


def concerns(facts: Facts, event: Any, rule: Rule, destination: Any) -> bool:
    """Whether a document comes of the event at all: not of a zero order, not of a write-back or a settlement."""
    if event.kind in OF_DELIVERIES:
        sent = facts.deliveries.get(event.subject)
        if event.kind == "delivery.sent":
            own = (event_id("deal.signed", sent.subject), f"{sent.subject}|deal.amended|") if sent is not None else ("-",)
            return sent is not None and sent.event_id.startswith(own)
        return sent is not None and bool(sent.document) and origin(facts, sent) is not None
    if event.kind == "deal.reversed":
        return destination is not None and sent_of(facts, event.subject, destination.id, rule.make) is not None
    return event.kind in ("deal.signed", "deal.amended", "invoice.requested") or amount_of(facts, event) != 0


def subject_of(facts: Facts, event: Any) -> str:
    """What the delivery is about: a write-back is about the deal whose document was sent."""
    sent = facts.deliveries.get(event.subject) if event.kind in OF_DELIVERIES else None
    return str(sent.subject if sent else event.subject)


def number_of(facts: Facts, event: Any, rule: Rule) -> str:
    """The document's number; a write-back carries the number of the document that was sent."""
    said = _said_number(event)
    if rule.make == "write_back" and NUMBER.fullmatch(said):
        return said
    return number(rule.make, event.id)


def _said_number(event: Any) -> str:
    """The number that an event of a delivery brings: the document's, or the invoice's."""
    name = {"delivery.sent": "number", "invoice.issued": "invoice"}.get(event.kind, "")
    return str(event.data.get(name) or "")


def amount_of(facts: Facts, event: Any) -> int | None:
    """The event's amount in minor units, refunds negative; None while it is not known."""
    if event.kind in ("deal.signed", "deal.amended") and (deal := facts.deals.get(event.subject)) is not None:
        return None if deal.amount is None else int(deal.amount)
    if event.kind == "delivery.sent" and (sent := facts.deliveries.get(event.subject)) is not None:
        return int(sent.amount)
    if event.kind in ("invoice.requested", "invoice.amended") and (asked := asked_for(facts, event)) is not None:
        return asked
    amount = event.data.get("amount")
    if amount is None and event.kind in OF_DELIVERIES and (sent := facts.deliveries.get(event.subject)) is not None:
        return int(sent.amount)
    if amount is None and (order := facts.orders.get(event.subject)) is not None:
        amount = order.paid if order.paid is not None else order.total
    if amount is None:
        return None
    return -int(amount) if event.kind in ("refund.succeeded", "refund.amended", "deal.reversed") else int(amount)


# -- building


def build(facts: Facts, event: Any, rule: Rule, destination: Any) -> Document:
    """The document. Raises NotReady that says what is missing."""
    manifest = registry.get(destination.platform).manifest
    if rule.make not in manifest.documents:
        raise NotReady("rule.kind_unknown", rule=rule.name, kind=rule.make, platform=manifest.name)
    try:
        return _maker(event, rule)(facts, event, rule, destination)
    except ValueError as error:
        raise NotReady("document.invalid", reason=type(error).__name__) from None


def _maker(event: Any, rule: Rule) -> Callable[..., Document]:
    """Who makes the document: by what is to be made, else by what the event is about."""
    if event.kind == "deal.reversed":
        return _reversal
    kind = about(event.kind)
    if rule.make == "invoice" or kind == "invoice":
        return _invoice
    return {"deal": _deal, "order": _order, "refund": _refund, "delivery": _write_back}[kind]


def _deal(facts: Facts, event: Any, rule: Rule, destination: Any) -> Document:
    deal = facts.deals.get(event.subject)
    if deal is None:
        raise NotReady("document.subject_missing")
    if deal.deleted or deal.state == "reversed":
        raise Reversed
    amount = amount_of(facts, event)
    if not amount:
        raise NotReady("document.amount_missing", number=deal.number)
    again = event.kind == "deal.amended"
    moment = (event.at if again else deal.effective_at or event.at).astimezone(ZoneInfo(rule.zone))
    return Document(
        kind=rule.make,
        number=number_of(facts, event, rule),
        date=moment.date() if again else deal.signed_on or moment.date(),
        amount=Money(amount, deal.currency),
        party=customer(facts, deal, destination.id),
        lines=_lines(facts.lines(deal.ref), amount, deal.currency, deal.title or deal.number),
        note=" ".join(filter(None, (deal.number, deal.title))),
        source=source_of(deal),
    )


def _order(facts: Facts, event: Any, rule: Rule, destination: Any) -> Document:
    order = facts.orders.get(event.subject)
    if order is None:
        raise NotReady("document.subject_missing")
    amount = amount_of(facts, event)
    if amount is None:
        raise NotReady("document.amount_missing", number=order.number)
    return Document(
        kind=rule.make,
        number=number_of(facts, event, rule),
        date=event.at.astimezone(ZoneInfo(rule.zone)).date(),
        amount=Money(amount, order.currency),
        party=buyer(facts, order, destination.id),
        lines=_lines(facts.lines(order.ref), amount, order.currency, order.number),
        note=order.number,
        source=source_of(order),
    )


def _refund(facts: Facts, event: Any, rule: Rule, destination: Any) -> Document:
    refund = facts.refunds.get(event.subject)
    amount = amount_of(facts, event)
    if refund is None:
        raise NotReady("document.subject_missing")
    if amount is None:
        raise NotReady("document.amount_missing", number=refund.number)
    order = facts.orders.get(refund.order_ref or "")
    party = buyer(facts, order, destination.id) if order is not None else shop_party(facts.accounts[refund.account_id])
    note = f"{refund.number} {order.number if order is not None else ''}".strip()
    return Document(
        kind=rule.make,
        number=number_of(facts, event, rule),
        date=event.at.astimezone(ZoneInfo(rule.zone)).date(),
        amount=Money(amount, refund.currency),
        party=party,
        lines=_lines([], amount, refund.currency, note),
        note=note,
        source=source_of(refund),
    )


def _invoice(facts: Facts, event: Any, rule: Rule, destination: Any) -> Document:
    day = event.at.astimezone(ZoneInfo(rule.zone)).date()
    return invoice(facts, event, number_of(facts, event, rule), day, destination, delivery_id(event.id, rule.name))


def _reversal(facts: Facts, event: Any, rule: Rule, destination: Any) -> Document:
    sent = sent_of(facts, event.subject, destination.id, rule.make)
    if sent is None:
        raise NotReady("document.subject_missing")
    day = event.at.astimezone(ZoneInfo(rule.zone)).date()
    number = number_of(facts, event, rule)
    return taken_back(facts.conn, from_json(sent.document), sent.id, number, day, "returned")


def _write_back(facts: Facts, event: Any, rule: Rule, destination: Any) -> Document:
    sent = facts.deliveries[event.subject]
    if not sent.document:
        raise NotReady("document.subject_missing")
    said = _said_number(event)
    if rule.make == "write_back" and not NUMBER.fullmatch(said):
        raise NotReady("document.number_unusable")
    return write_back(facts, event, rule, number_of(facts, event, rule), from_json(sent.document))


def _lines(rows: Sequence[Any], amount: int, currency: str, title: str) -> tuple[DocumentLine, ...]:
    """The source's lines where they add up to the amount; otherwise one line of it at the one tax rate they share."""
    if rows and all(row.amount is not None for row in rows) and sum(row.amount for row in rows) == amount:
        return tuple(
            DocumentLine(
                row.title or title, Money(row.amount, currency), row.quantity or "1", _rate(row), row.item_code or "",
            )
            for row in rows
        )  # fmt: skip
    rates = {_rate(row) for row in rows} or {"0"}
    if len(rates) > 1:
        raise NotReady("document.lines_differ")
    return (DocumentLine(title, Money(amount, currency), tax_rate=rates.pop()),)


def _rate(row: Any) -> str:
    return getattr(row, "tax_rate", None) or "0"


def error_of(error: BaseException) -> dict[str, Any]:
    """An error as rows store it; of one that nobody foresaw only its type, its text may hold anything."""
    if isinstance(error, ConnectorError):
        return error.as_dict()
    return {"type": "Unexpected", "key": "delivery.unexpected", "params": {"reason": type(error).__name__}}


def day_of(moment: datetime, zone: str) -> date:
    """The calendar day of an instant in a zone."""
    return moment.astimezone(ZoneInfo(zone)).date()
