"""The audit log: append-only, each entry chained to the one before by its hash."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index
from sqlmodel import Field

from hub.models.base import Model, blob, instant, text


class AuditEntry(Model, table=True):
    """Who did what to which thing. detail holds no personal value. hash: over the fields and the previous hash."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index("ix_audit_entry_who", "who", "seq"), Index("ix_audit_entry_at", "at", "seq"))
    seq: int = Field(primary_key=True)
    at: datetime = instant()
    who: str = text()
    what: str = text()
    subject: str = text(index=True)
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    hash: bytes = blob()
