"""What people set by hand, owners in conflict, and how far long work over all customers has come."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column
from sqlmodel import Field

from hub.models.base import Model, blob, instant, packed, sealed, text


class ManualValue(Model, table=True):
    """A customer's field as a person has set it. It stands with a profile, so that it follows that one through merges and
    splits. ref: '<profile ref>#<field>'. data: sealed JSON of the value."""

    __tablename__ = "manual_value"
    ref: str = text(primary_key=True)
    profile_ref: str = text(index=True)
    field: str = text()
    data: bytes = packed("manual|")
    by: str = text()
    at: datetime = instant()


class OwnerConflict(Model, table=True):
    """A customer whom several of the company's people call theirs. state: open | agreed (they name one by now) | decided.

    reason: profiles (sources name different owners) | deal (an open deal is another's). owners: sealed JSON [{owner, name,
    account, since, profile, deals}]. parties: keyed hash of who they are, which tells whether it is the conflict that was
    decided. decided: sealed, the owner that somebody has named.
    """

    __tablename__ = "owner_conflict"
    customer_id: str = text(primary_key=True)
    state: str = text(default="open", index=True)
    reason: str = text()
    owners: list[Any] = sealed("owner_conflict.owners")
    parties: bytes = blob()
    decided: str | None = sealed("owner_conflict.decided", nullable=True)
    by: str | None = text(nullable=True)
    since: datetime = instant()
    changed_at: datetime = instant(index=True)


class OwnerCheck(Model, table=True):
    """A deal whose owner is to be compared with its customer's."""

    __tablename__ = "owner_check"
    ref: str = text(primary_key=True)


class Bookmark(Model, table=True):
    """How far a piece of work over all customers has come. position: where it goes on; detail: counts so far."""

    __tablename__ = "bookmark"
    name: str = text(primary_key=True)
    position: str = text()
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    at: datetime = instant()
