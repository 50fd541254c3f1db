"""Reversal documents: what takes a sent document back. Made when a rule or a person says so, never by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import and_, exists, or_, select

from connectors.base import Document, InvoiceRequest, Money
from connectors.invoices import RedLetter
from hub.events.facts import Facts
from hub.events.mint import event_id
from hub.events.notready import NotReady
from hub.events.outbox import DELIVERY
from hub.models import DocumentStatus
from hub.models.base import table

STATUS = table(DocumentStatus)
FIRST = ("deal.signed", "invoice.requested", "order.paid", "order.completed", "refund.succeeded")
AGAIN = ("deal.amended", "invoice.amended", "order.amended", "refund.amended")
"""Events that a document is made of: a subject's first one, and those that come when its amount or customer has changed."""


def of_subject(subject: str) -> Any:
    """SQL: the deliveries that are documents of the deal, order, refund or invoice request, and not what takes one back."""
    c = DELIVERY.c
    amended = (c.event_id.startswith(f"{subject}|{kind}|", autoescape=True) for kind in AGAIN)
    first = c.event_id.in_([event_id(kind, subject) for kind in FIRST])
    return and_(c.subject == subject, or_(first, *amended), ~undone())


def undone() -> Any:
    """SQL: a document that was made for it alone takes the delivery back."""
    other = DELIVERY.alias("back")
    return exists().where(other.c.event_id == DELIVERY.c.id.concat("|delivery.reversing"), other.c.state != "cancelled")


def standing(conn: Any, subject: str) -> Sequence[Any]:
    """The deliveries of a subject that count: those of its beginning or of its last amendment, one at each destination."""
    wanted = select(DELIVERY).where(of_subject(subject), DELIVERY.c.state != "cancelled")
    return list(conn.execute(wanted.order_by(DELIVERY.c.created_at, DELIVERY.c.id).with_for_update()))


def sent_of(facts: Facts, deal_ref: str, account_id: int, kind: str) -> Any:
    """The sent delivery of a deal at a destination that stands; None where there is none."""
    c = DELIVERY.c
    wanted = select(DELIVERY).where(of_subject(deal_ref), c.account_id == account_id, c.kind == kind, c.state == "sent")
    return facts.conn.execute(wanted.order_by(c.created_at.desc())).first()


def invoices_of(conn: Any, delivery_id: str) -> list[dict[str, Any]]:
    """The invoices that were issued for a delivery."""
    found = conn.execute(select(STATUS.c.invoices).where(STATUS.c.delivery_id == delivery_id)).scalar()
    return list(found or [])


def taken_back(conn: Any, document: Document, delivery_id: str, number: str, day: date, reason: str) -> Document:
    """The document that reverses another, whole. Raises NotReady where an invoice is not issued yet."""
    lines = tuple(replace(line, amount=_back(line.amount)) for line in document.lines)
    red = _red(conn, document.invoice, delivery_id, reason) if document.invoice is not None else None
    return replace(
        document, number=number, date=day, due=None, amount=_back(document.amount), lines=lines, invoice=red,
        reverses=document.number, note=f"{document.number} {document.note}".strip(),
    )  # fmt: skip


def _red(conn: Any, blue: InvoiceRequest, delivery_id: str, reason: str) -> InvoiceRequest:
    issued = [each for each in invoices_of(conn, delivery_id) if (each["amount"] or 0) >= 0]
    if not issued:
        raise NotReady("reversal.not_issued")
    if len(issued) > 1:
        raise NotReady("reversal.several", count=len(issued))
    lines = tuple(replace(line, amount=_back(line.amount), net=_back(line.net), tax=_back(line.tax)) for line in blue.lines)
    on = date.fromisoformat(issued[0]["date"]) if issued[0]["date"] else None
    return replace(blue, lines=lines, red=RedLetter(issued[0]["number"], reason, issued[0]["code"], on))


def _back(money: Money) -> Money:
    return Money(-money.minor, money.currency)
