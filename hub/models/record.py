"""Landing: raw records as received, those that could not be used, and what a full walk has seen."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index
from sqlalchemy import text as sql
from sqlmodel import Field

from hub.models.base import Model, blob, instant, packed, text


class SourceRecord(Model, table=True):
    """A raw record. ref: '<account id>|<stream>|<key>'. body: compressed and sealed. version: the source's own."""

    __tablename__ = "source_record"
    __table_args__ = (
        Index(
            "ix_source_record_open",
            "account_id",
            "stream",
            "ref",
            sqlite_where=sql("is_open"),
            postgresql_where=sql("is_open"),
        ),
    )
    ref: str = text(primary_key=True)
    account_id: int
    stream: str = text()
    source_id: str = text()
    body: bytes = packed()
    hash: bytes = blob()
    version: int = Field(sa_column=Column(BigInteger, nullable=False))
    is_open: bool = False
    deleted: bool = False
    run_id: int | None = None
    changed_at: datetime = instant()


class WalkSeen(Model, table=True):
    """The records that the running full walk of a stream has met; emptied when the walk has ended."""

    __tablename__ = "walk_seen"
    ref: str = text(primary_key=True)
    account_id: int
    stream: str = text()
    walk: int = Field(sa_column=Column(BigInteger, nullable=False))


class Quarantined(Model, table=True):
    """A record that could not be used, kept with its raw body and the reason. state: open | dismissed.

    A record that lands after all leaves the quarantine.
    """

    __tablename__ = "quarantined"
    __table_args__ = (Index("ix_quarantined_list", "state", "last_at"),)
    ref: str = text(primary_key=True)
    account_id: int = Field(index=True)
    stream: str = text()
    source_id: str = text()
    body: bytes = packed()
    error: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    state: str = text(default="open")
    attempts: int = 1
    run_id: int | None = None
    first_at: datetime = instant()
    last_at: datetime = instant()
