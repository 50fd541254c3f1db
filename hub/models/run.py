"""Runs: what was pulled, when, how much, and how it ended."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column
from sqlmodel import Field

from hub.models.base import Model, instant, text


class Run(Model, table=True):
    """kind: pull | rescan | import | push | replay. state: running | ok | partial | failed | stopped.

    unknown: counts of unknown fields and enumeration words. withheld: messages without a ground to be kept, not stored.
    total: expected records, where known (for progress).
    """

    __tablename__ = "run"
    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(index=True)
    stream: str = text()
    kind: str = text(default="pull")
    state: str = text(default="running", index=True)
    by: str = text(default="hub")
    started_at: datetime = instant(index=True)
    ended_at: datetime | None = instant(nullable=True)
    progress_at: datetime | None = instant(nullable=True)
    window_start: datetime | None = instant(nullable=True)
    window_end: datetime | None = instant(nullable=True)
    done_to: datetime | None = instant(nullable=True)
    pages: int = 0
    fetched: int = 0
    changed: int = 0
    unchanged: int = 0
    older: int = 0
    quarantined: int = 0
    withheld: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    events: int = 0
    total: int | None = None
    unknown: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    error: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON, nullable=True))
