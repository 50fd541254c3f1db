"""The identity ledger: every merge, split and decision, with evidence, so that it can be explained and undone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column
from sqlmodel import Field

from hub.models.base import Model, instant, text


class LedgerEntry(Model, table=True):
    """kind: merge | split | not_same. customer_id: the survivor (merge) or the one split from; other_id: the other.

    profiles: refs that moved. evidence: key kinds and profile refs, no personal values. undone_by: the entry that
    took it back.
    """

    __tablename__ = "ledger_entry"
    id: int | None = Field(default=None, primary_key=True)
    kind: str = text()
    customer_id: str = text(index=True)
    other_id: str = text(index=True)
    profiles: list[str] = Field(sa_column=Column(JSON, nullable=False))
    rule: str = text()
    evidence: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    by: str = text()
    at: datetime = instant()
    undone_by: int | None = None
