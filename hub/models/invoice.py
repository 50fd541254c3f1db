"""Invoices that buyers ask for."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Date
from sqlmodel import Field

from hub.models.base import Model, instant, money, sealed, text

BUYER = (
    "buyer_title", "buyer_tax_id", "buyer_address", "buyer_phone", "buyer_bank", "buyer_account", "email", "mobile",
    "remark", "owner",
)  # fmt: skip
"""The sealed columns: a title may be a person's name, and bank accounts are as private as telephones."""


class InvoiceApplication(Model, table=True):
    """What a buyer wants on an invoice, as the source says it; ref: '<account id>|<id>'.

    state: draft | in_review | requested | issued | withdrawn | refused | unknown. deal_ref, order_ref: what it is about.
    """

    __tablename__ = "invoice_request"
    ref: str = text(primary_key=True)
    account_id: int = Field(index=True)
    source_ref: str = text(index=True)
    profile_ref: str | None = text(nullable=True, index=True)
    deal_ref: str | None = text(nullable=True, index=True)
    order_ref: str | None = text(nullable=True, index=True)
    number: str = text(index=True)
    state: str = text()
    state_raw: str | None = text(nullable=True)
    currency: str = text(default="CNY")
    amount: int | None = money(nullable=True, default=None)
    invoice_kind: str | None = text(nullable=True)
    buyer_kind: str | None = text(nullable=True)
    buyer_title: str | None = sealed("invoice_request.buyer_title", nullable=True)
    buyer_tax_id: str | None = sealed("invoice_request.buyer_tax_id", nullable=True)
    buyer_address: str | None = sealed("invoice_request.buyer_address", nullable=True)
    buyer_phone: str | None = sealed("invoice_request.buyer_phone", nullable=True)
    buyer_bank: str | None = sealed("invoice_request.buyer_bank", nullable=True)
    buyer_account: str | None = sealed("invoice_request.buyer_account", nullable=True)
    email: str | None = sealed("invoice_request.email", nullable=True)
    mobile: str | None = sealed("invoice_request.mobile", nullable=True)
    remark: str | None = sealed("invoice_request.remark", nullable=True)
    owner: str | None = sealed("invoice_request.owner", nullable=True)
    issued_number: str | None = text(nullable=True)
    issued_on: date | None = Field(default=None, sa_type=Date)
    requested_at: datetime | None = instant(nullable=True)
    created_at: datetime | None = instant(nullable=True)
    changed_at: datetime | None = instant(nullable=True)
    deleted: bool = False


class InvoiceApplicationLine(Model, table=True):
    """One line that the source asks for. tax_rate: percent as decimal text; tax_code: 税收分类编码."""

    __tablename__ = "invoice_request_line"
    request_ref: str = text(primary_key=True)
    key: str = text(primary_key=True)
    title: str | None = text(nullable=True)
    item_code: str | None = text(nullable=True)
    quantity: str | None = text(nullable=True)
    unit: str | None = text(nullable=True)
    spec: str | None = text(nullable=True)
    amount: int | None = money(nullable=True, default=None)
    tax_rate: str | None = text(nullable=True)
    tax_code: str | None = text(nullable=True)
