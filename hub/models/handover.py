"""Records that wait for a new owner, and hand-overs: which record of whom goes to whom, and how far it has come."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index
from sqlalchemy import text as sql
from sqlmodel import Field

from hub.models.base import Model, instant, text

OPEN_STATES = ("waiting", "sending", "in_doubt", "sent")
OPEN = "state IN ('waiting', 'sending', 'in_doubt', 'sent')"


class Orphan(Model, table=True):
    """A record whose owner has left the company and that nobody has taken, as the platform's list had it at ``seen_at``.

    key: the record's own at the source. staff: who left.
    """

    __tablename__ = "orphan"
    __table_args__ = (Index("ix_orphan_staff", "account_id", "staff"), {"sqlite_with_rowid": False})
    account_id: int = Field(primary_key=True, foreign_key="account.id")
    stream: str = text(primary_key=True)
    key: str = text(primary_key=True)
    staff: str = text()
    left_at: datetime | None = instant(nullable=True)
    seen_at: datetime = instant()


class OrphanLook(Model, table=True):
    """When an account's list of orphans was last asked for, and is to be next. error: why the last time failed."""

    __tablename__ = "orphan_look"
    account_id: int = Field(primary_key=True, foreign_key="account.id")
    next_at: datetime = instant()
    lease_until: datetime = instant()
    looked_at: datetime | None = instant(nullable=True)
    error: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON, nullable=True))


class Handover(Model, table=True):
    """One record on its way to a new owner. key: the record's own; becomes: its key under the new one.

    state: waiting (to be sent) | sending | in_doubt (the platform is asked before anything is sent again) | sent (begun over
    there) | accepted | refused (by the customer) | failed (error says why) | withdrawn (before it was sent).
    left: whether the old owner has left the company. asks: results asked for in the present state; doubts: how often the
    platform was found not to know of it after an outcome in doubt. began_at: of the last call that may have begun it.
    """

    __tablename__ = "handover"
    __table_args__ = (
        Index("ix_handover_open", "account_id", "next_at", sqlite_where=sql(OPEN), postgresql_where=sql(OPEN)),
        # One record has one hand-over at a time.
        Index(
            "uq_handover_record", "account_id", "stream", "key", unique=True, sqlite_where=sql(OPEN), postgresql_where=sql(OPEN)
        ),
        Index("ix_handover_key", "account_id", "stream", "key"),
        Index("ix_handover_becomes", "account_id", "stream", "becomes"),
    )
    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="account.id")
    stream: str = text()
    key: str = text()
    becomes: str = text(default="")
    staff: str = text()
    to: str = text()
    left: bool
    message: str = text(default="")
    by: str = text()
    state: str = text(default="waiting")
    attempts: int = 0
    asks: int = 0
    doubts: int = 0
    next_at: datetime = instant()
    lease_until: datetime = instant()
    fence: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    error: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON, nullable=True))
    asked_at: datetime = instant(index=True)
    began_at: datetime | None = instant(nullable=True)
    effective_at: datetime | None = instant(nullable=True)
    done_at: datetime | None = instant(nullable=True)
