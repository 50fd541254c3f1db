"""The documents as T+ wants them: a ``dto`` whose references are objects with a code. (docs: open.chanjet.com, T+ 销货单)

A receivable comes to be in T+ by a sale delivery (销货单), so that is what receivables and settlements become. Our number is
both the ``Code`` of the document and its ``ExternalCode``, which T+ keeps unique.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from connectors import books
from connectors.base import Document, DocumentLine, Party
from connectors.chanjet.config import ChanjetConfig
from connectors.errors import ConfigError, Rejected
from connectors.money import priced, yuan

TEXT = 120
"""Longest remark that is sent; T+'s own limit is not published."""


@dataclass(frozen=True)
class Voucher:
    """api: the service of a kind of document; lines: the key of its rows."""

    api: str
    lines: str


_DELIVERY = Voucher("SaleDeliveryOpenApi", "SaleDeliveryDetails")
VOUCHERS = {
    "receivable": _DELIVERY,
    "settlement": _DELIVERY,
    "sales_order": Voucher("SaleOrderOpenApi", "SaleOrderDetails"),
}
"""Document kind -> voucher."""


def check(config: ChanjetConfig, document: Document) -> None:
    """Raises what can be said before anything is sent: Rejected for the document, ConfigError for the account."""
    if document.kind not in VOUCHERS:
        raise ConfigError("chanjet.kind", kind=document.kind)
    if document.amount.currency != "CNY":
        raise Rejected("chanjet.currency", number=document.number, currency=document.amount.currency)
    given_back = document.kind != "settlement" and any(line.amount.minor < 0 for line in document.lines)
    if document.amount.minor <= 0 or given_back:
        # how a returned delivery is written is not published: for people
        raise Rejected("chanjet.negative", number=document.number)
    if document.kind != "sales_order" and not config.warehouse_code:
        raise ConfigError("chanjet.warehouse")


def partner(config: ChanjetConfig, party: Party) -> dict[str, Any]:
    """``partner/Create``: type 01 is a customer. The short name carries the code: T+ wants it unique."""
    return {
        "Code": party.code, "Name": party.name, "PartnerAbbName": party.code, "Shorthand": party.code,
        "PartnerType": _code("01"), "PartnerClass": _code(config.customer_class), **books.given(TaxRegcode=party.tax_id),
    }  # fmt: skip


def voucher(config: ChanjetConfig, document: Document, customer: str) -> dict[str, Any]:
    """The ``dto`` of a document. customer: the code that the party has over there."""
    mark = config.settlement_mark if document.kind == "settlement" else ""
    delivery = document.kind != "sales_order"
    codes = books.given(
        Department=config.department_code, Clerk=config.clerk_code,
        InvoiceType=config.invoice_type if delivery else "", Warehouse=config.warehouse_code if delivery else "",
    )  # fmt: skip
    return {
        "VoucherDate": document.date.isoformat(),
        "Code": document.number,
        "ExternalCode": document.number,
        "BusinessType": _code(config.business_type),
        "Customer": _code(customer),
        **{key: _code(value) for key, value in codes.items()},
        "Memo": f"{mark} {document.note}".strip()[:TEXT] or document.number,
        VOUCHERS[document.kind].lines: [_line(config, document, line, delivery) for line in _lines(document)],
    }


def _lines(document: Document) -> list[DocumentLine]:
    """A day with refunds is one sum: a line below zero has no published form."""
    lines = books.lines_of(document)
    if any(line.amount.minor < 0 for line in lines):
        return [DocumentLine(title=document.note or document.number, amount=document.amount)]
    return lines


def _line(config: ChanjetConfig, document: Document, line: DocumentLine, delivery: bool) -> dict[str, Any]:
    quantity, price = priced(line.amount.minor, books.number(line.quantity, partial(_bad, "quantity")))
    rate = books.rate(line.tax_rate, config.tax_rate, partial(_bad, "tax_rate"))
    due = {} if delivery else {"DeliveryDate": (document.due or document.date).isoformat()}
    return {
        "Inventory": _code(_material(config, line)),
        "Unit": {"Name": config.unit_name},
        "Quantity": books.plain(quantity),
        "OrigTaxPrice": books.plain(price),
        "OrigTaxAmount": books.plain(yuan(line.amount.minor)),
        # a fraction: 13 % is 0.13 in the requests of published integrations
        "TaxRate": books.plain((rate / 100).normalize() + Decimal(0)),
        **({"Warehouse": _code(config.warehouse_code)} if delivery else {}),
        **due,
        **books.given(DetailMemo=line.title[:TEXT]),
    }


def _material(config: ChanjetConfig, line: DocumentLine) -> str:
    """The inventory of a line. Raises Rejected for a code that the account's table lacks: none is guessed."""
    if not config.materials or not line.item_code:
        return config.inventory_code
    found = books.looked_up(config.materials, line.item_code)
    if not found:
        raise Rejected("chanjet.material_unmapped", item=line.item_code)
    return found


def _code(code: str) -> dict[str, str]:
    return {"Code": code}


def _bad(field: str) -> Rejected:
    return Rejected("chanjet.line", field=field)
