"""Write-backs: what a destination said of a document goes to where the sale came from."""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from config.settings import Rule
from connectors import registry
from connectors.base import Document, Money
from hub.events.facts import Facts
from hub.events.mint import event_id
from hub.events.notready import NotReady
from hub.events.parties import source_of

_WORDS = {
    "invoice.issued": {"zh": "发票", "en": "Invoice"},
    "payment.received": {"zh": "收款", "en": "Payment"},
}


def about(facts: Facts, sent: Any) -> Any:
    """The row whose sale a delivery was made of: an invoice request, a deal, or an order; None where it is gone."""
    if sent.event_id.startswith((event_id("invoice.requested", sent.subject), f"{sent.subject}|invoice.amended|")):
        return facts.requests.get(sent.subject)
    if "|order." in sent.event_id:
        return facts.orders.get(sent.subject)
    return facts.deals.get(sent.subject)


def write_back(facts: Facts, event: Any, rule: Rule, number: str, made: Document) -> Document:
    """The document of a write-back. made: the one that was sent."""
    sent = facts.deliveries[event.subject]
    row = about(facts, sent)
    if row is None:
        raise NotReady("document.subject_missing")
    day, amount = event.at.astimezone(ZoneInfo(rule.zone)).date(), made.amount
    if event.kind == "delivery.sent":
        note, extra = _sent(facts, sent, made)
    else:
        if event.data.get("amount") is not None:
            amount = Money(int(event.data["amount"]), sent.currency)
        day = date.fromisoformat(event.data["date"]) if event.data.get("date") else day
        note = f"{_WORDS[event.kind][facts.language]} {amount}"
        known = {name: str(event.data[name]) for name in ("invoice", "code", "payment") if event.data.get(name)}
        extra = {"kind": event.kind, "date": day.isoformat(), "document": sent.number, **known}
    return Document(
        kind=rule.make, number=number, date=day, amount=amount, party=made.party, note=note,
        source=source_of(row) | _deal(facts, row), extra=extra,
    )  # fmt: skip


def _sent(facts: Facts, sent: Any, made: Document) -> tuple[str, dict[str, str]]:
    receipt = sent.receipt or {}
    manifest = registry.get(facts.accounts[sent.account_id].platform).manifest
    title = manifest.documents[sent.kind].title.get(facts.language) if sent.kind in manifest.documents else sent.kind
    told = {"platform_id": str(receipt.get("platform_id", "")), "state": str(receipt.get("state", ""))}
    return f"{title} {made.amount}", {"kind": sent.kind, **told}


def _deal(facts: Facts, row: Any) -> dict[str, str]:
    """The key of the deal that an invoice request is about, at its source."""
    if "deal_ref" not in row._fields:  # a row answers to <table>_<column> as well, so a deal would have one
        return {}
    deal = facts.deals.get(row.deal_ref or "")
    return {"deal": deal.source_ref.split("|", 2)[2]} if deal is not None else {}
