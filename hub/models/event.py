"""Domain events, and the facts that wait for a daily settlement document."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Column, Date, Index
from sqlalchemy import text as sql
from sqlmodel import Field

from hub.models.base import Model, instant, money, text


class Event(Model, table=True):
    """Something that happened, written in the transaction of the change that caused it.

    id: the business fact (subject, kind, what makes it unique), so that a replay cannot mint a second one.
    subject: ref of the order, refund, deal, profile or customer. data: JSON without personal values. pending: no rule
    has looked at it yet.
    """

    __tablename__ = "event"
    __table_args__ = (
        Index("ix_event_pending", "recorded_at", sqlite_where=sql("pending"), postgresql_where=sql("pending")),
        {"sqlite_with_rowid": False},
    )
    id: str = text(primary_key=True)
    kind: str = text()
    account_id: int
    subject: str = text()
    at: datetime = instant()
    recorded_at: datetime = instant()
    data: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    pending: bool = True


class SettlementItem(Model, table=True):
    """A payment or refund that belongs in one shop's settlement document of one day.

    event_id: the fact (each in exactly one document). amount: minor units, refunds negative. delivery_id: the
    document that took it, empty while the day is open.
    """

    __tablename__ = "settlement_item"
    __table_args__ = (Index("ix_settlement_item_open", "rule", "account_id", "day", "delivery_id"),)
    event_id: str = text(primary_key=True)
    rule: str = text(primary_key=True)
    account_id: int
    day: date = Field(sa_column=Column(Date, nullable=False))
    amount: int = money()
    currency: str = text(default="CNY")
    delivery_id: str | None = text(nullable=True, index=True)
