"""What became of documents after they were sent, and what people have filled in for invoices."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index
from sqlalchemy import text as sql
from sqlmodel import Field

from hub.models.base import Model, instant, money, sealed, text


class DocumentStatus(Model, table=True):
    """The last ``connectors.base.Status`` of a sent delivery, and when to ask again.

    received: minor units. invoices, payments: JSON lists of numbers, dates and amounts. quiet: how often in a row nothing
    was new. final: it is not asked any more.
    """

    __tablename__ = "document_status"
    __table_args__ = (
        Index("ix_document_status_due", "final", "next_at"),
        Index(
            "ix_document_status_changed", "changed_at", "delivery_id",
            sqlite_where=sql("changed_at IS NOT NULL"), postgresql_where=sql("changed_at IS NOT NULL"),
        ),
    )  # fmt: skip
    delivery_id: str = text(primary_key=True)
    account_id: int = Field(index=True)
    source_account_id: int
    state: str = text(default="")
    approved: bool = False
    gone: bool = False
    problem: str = text(default="")
    received: int | None = money(nullable=True, default=None)
    invoices: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    payments: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    final: bool = False
    quiet: int = 0
    next_at: datetime = instant()
    lease_until: datetime = instant()
    fence: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    error: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON, nullable=True))
    checked_at: datetime | None = instant(nullable=True)
    changed_at: datetime | None = instant(nullable=True)


class InvoiceFill(Model, table=True):
    """What people have filled in for one invoice, sealed: field -> value."""

    __tablename__ = "invoice_fill"
    delivery_id: str = text(primary_key=True)
    filled: dict[str, Any] = sealed("invoice_fill.filled")
    by: str = text()
    at: datetime = instant()
