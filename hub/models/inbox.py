"""The inbox: pushed requests, durable before they are answered."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index
from sqlmodel import Field

from hub.models.base import Model, instant, packed, text


class Inbox(Model, table=True):
    """One push. key: '<account id>|<business key or hash of the plaintext>'. state: pending | done | failed.

    body: the sealed plaintext. times: how often it came (a replay only counts).
    """

    __tablename__ = "inbox"
    __table_args__ = (Index("ix_inbox_due", "state", "next_at"), Index("ix_inbox_account", "account_id", "received_at"))
    key: str = text(primary_key=True)
    account_id: int
    body: bytes = packed()
    state: str = text(default="pending")
    attempts: int = 0
    times: int = 1
    next_at: datetime = instant()
    received_at: datetime = instant(index=True)
    done_at: datetime | None = instant(nullable=True)
    summary: list[dict[str, Any]] | None = Field(default=None, sa_column=Column(JSON, nullable=True))
    error: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON, nullable=True))


class PushCounter(Model, table=True):
    """Pushes that were refused (wrong signature, unusable), counted by account, reason and day, never stored."""

    __tablename__ = "push_counter"
    account_id: int = Field(primary_key=True)
    reason: str = text(primary_key=True)
    day: str = text(primary_key=True)
    count: int = 0
    last_at: datetime = instant()
