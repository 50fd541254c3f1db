"""Orders, their lines and refunds. Amounts in minor units; states are canonical with the platform's own beside."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy import text as sql
from sqlmodel import Field

from hub.models.base import Model, instant, money, sealed, text


class Order(Model, table=True):
    """ref: '<account id>|<id>'. profile_ref: the buyer's profile; the customer is found through it, so that a merge or
    split moves no order. Where the buyer lives stands in the sealed records alone."""

    __tablename__ = "orders"
    __table_args__ = (
        Index(
            "ix_orders_paid", "account_id", "paid_at", sqlite_where=sql("paid_at IS NOT NULL"),
            postgresql_where=sql("paid_at IS NOT NULL"),
        ),
    )  # fmt: skip
    ref: str = text(primary_key=True)
    account_id: int
    source_ref: str = text()
    profile_ref: str | None = text(nullable=True, index=True)
    number: str = text(index=True)
    state: str = text()
    state_raw: str | None = text(nullable=True)
    currency: str = text(default="CNY")
    total: int | None = money(nullable=True, default=None)
    paid: int | None = money(nullable=True, default=None)
    goods: int | None = money(nullable=True, default=None)
    shipping: int | None = money(nullable=True, default=None)
    discount: int | None = money(nullable=True, default=None)
    created_at: datetime | None = instant(nullable=True)
    paid_at: datetime | None = instant(nullable=True)
    shipped_at: datetime | None = instant(nullable=True)
    closed_at: datetime | None = instant(nullable=True)
    changed_at: datetime | None = instant(nullable=True)
    deleted: bool = False


class OrderLine(Model, table=True):
    """One line of an order."""

    __tablename__ = "order_line"
    __table_args__ = ({"sqlite_with_rowid": False},)
    order_ref: str = text(primary_key=True)
    key: str = text(primary_key=True)
    title: str | None = text(nullable=True)
    item_code: str | None = text(nullable=True)
    sku_code: str | None = text(nullable=True)
    quantity: str | None = text(nullable=True)
    amount: int | None = money(nullable=True, default=None)
    state_raw: str | None = text(nullable=True)


class Refund(Model, table=True):
    """A refund of an order (order_ref may not have arrived yet). reason: sealed, buyers write it in their own words."""

    __tablename__ = "refund"
    ref: str = text(primary_key=True)
    account_id: int
    source_ref: str = text()
    order_ref: str | None = text(nullable=True, index=True)
    number: str = text()
    line: str | None = text(nullable=True)
    state: str = text()
    state_raw: str | None = text(nullable=True)
    currency: str = text(default="CNY")
    amount: int | None = money(nullable=True, default=None)
    reason: str | None = sealed("refund.reason", nullable=True)
    created_at: datetime | None = instant(nullable=True)
    succeeded_at: datetime | None = instant(nullable=True)
    changed_at: datetime | None = instant(nullable=True)
    deleted: bool = Field(default=False)
