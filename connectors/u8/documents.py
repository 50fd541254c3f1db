"""The documents as U8 wants them: keyed by the object's name, every number as text. (docs: yonyouup.apifox.cn)"""

from __future__ import annotations

from functools import partial
from typing import Any

from connectors import books
from connectors.base import Document, DocumentLine, Party
from connectors.errors import ConfigError, Rejected
from connectors.money import priced, yuan
from connectors.u8.config import U8Config

OBJECTS = {"receivable": "oughtreceive", "settlement": "oughtreceive", "sales_order": "saleorder"}
"""Document kind -> object."""
TEXT = 120
"""Longest digest that is sent; U8 cuts or refuses longer ones depending on its version."""


def check(config: U8Config, document: Document) -> None:
    """Raises what can be said before anything is sent: Rejected for the document, ConfigError for the account."""
    number = document.number
    if document.kind not in OBJECTS:
        raise ConfigError("u8.kind", kind=document.kind)
    if document.amount.currency != "CNY":
        raise Rejected("u8.currency", number=number, currency=document.amount.currency)
    given_back = document.kind == "sales_order" and any(line.amount.minor < 0 for line in document.lines)
    if document.amount.minor <= 0 or given_back:
        # how a red document is written is not published: for people
        raise Rejected("u8.negative", number=number)
    if document.kind == "sales_order" and not (config.inventory_code and config.sale_type):
        raise ConfigError("u8.order_codes")


def lines_of(document: Document) -> list[DocumentLine]:
    """The lines that say something; with some below zero, one line of the amount."""
    lines = books.lines_of(document)
    if any(line.amount.minor < 0 for line in lines):
        # receivables hold no tax: payments less refunds of a day are one sum
        return [DocumentLine(title=document.note or document.number, amount=document.amount)]
    return lines


def customer(config: U8Config, party: Party) -> dict[str, Any]:
    """``customer/add``. The short name must be unique in U8, so it carries the code."""
    return {"code": party.code, "name": party.name, "abbrname": party.code, "sort_code": config.customer_class}


def model(config: U8Config, document: Document) -> dict[str, Any]:
    """The object of a document."""
    return _order(config, document) if document.kind == "sales_order" else _receivable(config, document)


def _receivable(config: U8Config, document: Document) -> dict[str, Any]:
    mark = config.settlement_mark if document.kind == "settlement" else ""
    who, people = document.party.code, books.given(deptcode=config.dept_code, personcode=config.person_code)
    money = {"currency_name": config.currency_name, "currency_rate": "1"}
    return {
        "code": document.number,
        "date": document.date.isoformat(),
        "cust_vendor_code": who,
        "amount": books.plain(yuan(document.amount.minor)),
        "natamount": books.plain(yuan(document.amount.minor)),
        "digest": f"{mark} {document.note}".strip()[:TEXT] or document.number,
        **people,
        "entry": [
            {
                "cust_vendor_code": who, "digest": line.title[:TEXT], "amount": books.plain(yuan(line.amount.minor)),
                "natamount": books.plain(yuan(line.amount.minor)), **money, **people,
            }
            for line in lines_of(document)
        ],
    }  # fmt: skip


def _order(config: U8Config, document: Document) -> dict[str, Any]:
    day, due = document.date.isoformat(), (document.due or document.date).isoformat()
    return {
        "code": document.number,
        "date": day,
        "custcode": document.party.code,
        "typecode": config.sale_type,
        "dpredatebt": due,
        "memo": document.note[:TEXT],
        **books.given(deptcode=config.dept_code, personcode=config.person_code),
        "entry": [_order_line(config, line) for line in lines_of(document)],
    }


def _order_line(config: U8Config, line: DocumentLine) -> dict[str, Any]:
    quantity, price = priced(line.amount.minor, books.number(line.quantity, partial(_bad, "quantity")))
    code = line.item_code if config.use_item_codes and line.item_code else config.inventory_code
    rate = books.rate(line.tax_rate, config.tax_rate, partial(_bad, "tax_rate"))
    return {
        "inventorycode": code, "quantity": books.plain(quantity), "taxunitprice": books.plain(price),
        "sum": books.plain(yuan(line.amount.minor)), "taxrate": books.plain(rate), **books.given(unitid=config.unit_code),
    }  # fmt: skip


def _bad(field: str) -> Rejected:
    return Rejected("u8.line", field=field)
