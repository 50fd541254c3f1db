"""A document with an invoice survives being stored."""

from __future__ import annotations

import dataclasses
from datetime import date

from connectors.base import Document, DocumentLine, Money, Party
from connectors.contract.delivering import sample_invoice
from connectors.contract.following import reversal_of
from connectors.invoices import RedLetter
from hub.events.documents import from_json, to_json


def test_a_stored_invoice_is_the_same_one() -> None:
    lines = (
        DocumentLine("年度服务", Money(113_000), tax_rate="13"),
        DocumentLine("实施", Money(10_001), tax_rate="6", quantity="2"),
    )
    invoice = sample_invoice(lines)
    blue = Document("invoice", "IV1", date(2026, 11, 2), Money(123_001), Party("C1", "样例"), lines, invoice=invoice)
    assert from_json(to_json(blue)) == blue
    red = reversal_of(blue, invoice, "26312000000000000001")
    told = dataclasses.replace(invoice, lines=red.invoice.lines, red=RedLetter("1", "wrong", "c", date(2026, 1, 2)))  # type: ignore[union-attr]
    red = dataclasses.replace(red, invoice=told)
    assert from_json(to_json(red)) == red and red.reverses == "IV1"
