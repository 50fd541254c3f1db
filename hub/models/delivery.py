"""Deliveries: one event, one destination, one document."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Date, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlmodel import Field

from hub.models.base import Model, instant, money, sealed, text

OPEN = sql("open_steps IS NOT NULL")


class Delivery(Model, table=True):
    """state: pending | sending | sent | rejected | in_doubt | cancelled.

    id: hash of event and rule. number: ours, derived from the event, unique at the destination. document: sealed JSON
    of ``connectors.base.Document``. absent: how often ``find`` has said absent since the outcome came in doubt.
    open_steps: what a person is asked about it (`hub.events.outbox.ASKING`), joined by blanks; None = nothing.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("account_id", "number"),
        Index("ix_delivery_due", "state", "next_at"),
        Index("ix_delivery_account", "account_id", "created_at"),
        Index("ix_delivery_open", "created_at", "id", sqlite_where=OPEN, postgresql_where=OPEN),
    )
    id: str = text(primary_key=True)
    event_id: str = text(index=True)
    rule: str = text()
    account_id: int = Field(foreign_key="account.id")
    source_account_id: int
    subject: str = text(index=True)
    kind: str = text()
    number: str = text(index=True)
    day: date = Field(sa_column=Column(Date, nullable=False))
    amount: int = money()
    currency: str = text(default="CNY")
    document: dict[str, Any] = sealed("delivery.document")
    state: str = text(default="pending")
    attempts: int = 0
    absent: int = 0
    next_at: datetime = instant()
    lease_until: datetime = instant()
    fence: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    doubt_at: datetime | None = instant(nullable=True)
    receipt: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON, nullable=True))
    error: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON, nullable=True))
    created_at: datetime = instant(index=True)
    sent_at: datetime | None = instant(nullable=True)
    open_steps: str | None = text(nullable=True)


class DeliveryAttempt(Model, table=True):
    """One step of a delivery: what was tried (send | find | finish), how it ended, what was said."""

    __tablename__ = "delivery_attempt"
    id: int | None = Field(default=None, primary_key=True)
    delivery_id: str = text(index=True)
    step: str = text()
    outcome: str = text()
    error: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON, nullable=True))
    by: str = text(default="hub")
    at: datetime = instant()
