"""The documents as 云星辰 wants them: flat objects with references by id or number. (docs: open.jdy.com, 销售订单, 销售出库单)

A receivable comes to be in 云星辰 by an outbound note (销售出库单), so that is what receivables and settlements become. Our
number is the ``bill_no``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from connectors import books
from connectors.base import Document, DocumentLine, Party
from connectors.errors import ConfigError, Rejected
from connectors.kingdee_cloud.config import KingdeeCloudConfig
from connectors.money import priced, split_tax, yuan

TEXT = 200
"""Longest remark that is sent; the platform's own limit is not published."""


@dataclass(frozen=True)
class Bill:
    """path: of its calls; entity: its name in 通用批量操作, where it is audited."""

    path: str
    entity: str


OUTBOUND = Bill("jdy/v2/scm/sal_out_bound", "sal_bill_outbound")
BILLS = {"receivable": OUTBOUND, "settlement": OUTBOUND, "sales_order": Bill("jdy/v2/scm/sal_order", "sal_bill_order")}
"""Document kind -> bill."""


@dataclass(frozen=True)
class Material:
    """An archive entry that a line refers to."""

    id: str
    number: str
    unit: str


def check(document: Document) -> None:
    """Raises what can be said before anything is sent: Rejected for the document, ConfigError for its kind."""
    if document.kind not in BILLS:
        raise ConfigError("kingdee_cloud.kind", kind=document.kind)
    if document.amount.currency != "CNY":
        raise Rejected("kingdee_cloud.currency", number=document.number, currency=document.amount.currency)
    given_back = document.kind != "settlement" and any(line.amount.minor < 0 for line in document.lines)
    if document.amount.minor <= 0 or given_back:
        # what is given back is a document of its own there (销售退货单), which is not written: for people
        raise Rejected("kingdee_cloud.negative", number=document.number)


def customer(config: KingdeeCloudConfig, party: Party) -> dict[str, Any]:
    """A new customer."""
    known = books.given(taxpayer_no=party.tax_id, group_number=config.customer_group)
    return {"number": party.code, "name": party.name, "invoice_name": party.name, **known}


def lines(document: Document) -> list[DocumentLine]:
    """A day with refunds is one sum: an outbound note holds no line below zero."""
    found = books.lines_of(document)
    if any(line.amount.minor < 0 for line in found):
        return [DocumentLine(title=document.note or document.number, amount=document.amount)]
    return found


def material_number(config: KingdeeCloudConfig, line: DocumentLine) -> str:
    """The material of a line. Raises Rejected for a code that the account's table lacks: none is guessed."""
    if not config.materials or not line.item_code:
        return config.material_number
    found = books.looked_up(config.materials, line.item_code)
    if not found:
        raise Rejected("kingdee_cloud.material_unmapped", item=line.item_code)
    return found


def bill(config: KingdeeCloudConfig, document: Document, customer: Mapping[str, Any],
         materials: Mapping[str, Material]) -> dict[str, Any]:  # fmt: skip
    """The body of a save. customer: the archive entry; materials: number -> archive entry."""
    outbound = document.kind != "sales_order"
    mark = config.settlement_mark if document.kind == "settlement" else ""
    total = yuan(document.amount.minor)
    own: dict[str, Any] = (
        {"bill_source": "ISV", "total_un_settle_amount": total} if outbound else {"default_bill_source": "ISV"}
    )
    rows = [_row(config, document, line, materials[material_number(config, line)], outbound) for line in lines(document)]
    return {
        "bill_no": document.number,
        "bill_date": document.date.isoformat(),
        "customer_id": str(customer["id"]),
        "customer_number": str(customer["number"]),
        "remark": f"{mark} {document.note}".strip()[:TEXT] or document.number,
        "total_amount": total,
        **own,
        **books.given(emp_number=config.emp_number, dept_number=config.dept_number if outbound else ""),
        "material_entity": rows,
    }


def _row(
    config: KingdeeCloudConfig, document: Document, line: DocumentLine, material: Material, outbound: bool
) -> dict[str, Any]:
    quantity, price = priced(line.amount.minor, books.number(line.quantity, partial(_bad, "quantity")))
    rate = books.rate(line.tax_rate, config.tax_rate, partial(_bad, "tax_rate"))
    net, tax = (yuan(minor) for minor in split_tax(line.amount.minor, rate))
    cess, tax_amount = rate.normalize() + Decimal(0), tax
    own: dict[str, Any] = (
        # in orders rate and tax are declared as text, in outbound notes as numbers
        {"cess": cess, "tax_amount": tax_amount, **books.given(stock_number=config.stock_number)}
        if outbound
        else {
            "cess": books.plain(cess),
            "tax_amount": books.plain(tax),
            "delivery_date": (document.due or document.date).isoformat(),
        }
    )
    return {
        "material_id": material.id,
        "material_number": material.number,
        "unit_id": material.unit,
        "qty": quantity,
        "tax_price": price,
        "amount": net,
        "all_amount": yuan(line.amount.minor),
        **own,
        **books.given(comment=line.title[:TEXT]),
    }


def _bad(field: str) -> Rejected:
    return Rejected("kingdee_cloud.line", field=field)
