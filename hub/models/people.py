"""What the hub does for people on the platforms: tags written back, notices to staff, staff who sign in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlmodel import Field

from hub.models.base import Model, blob, instant, sealed, text

OPEN = "state IN ('pending', 'sending', 'written')"


class TagWrite(Model, table=True):
    """One wish that a tag be put on (add) or taken off (remove) a source's record. key: the record's own at the source.

    state: pending | sending | written (to be read back) | done | refused | superseded (a newer wish, or the tag was changed
    over there after it was written). by: the person, or 'chat:<rule>'.
    """

    __tablename__ = "tag_write"
    __table_args__ = (
        Index("ix_tag_write_open", "account_id", "next_at", sqlite_where=sql(OPEN), postgresql_where=sql(OPEN)),
        Index("ix_tag_write_pair", "profile_ref", "tag_ref"),
    )
    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="account.id")
    stream: str = text()
    key: str = text()
    profile_ref: str = text()
    tag_ref: str = text()
    add: bool
    by: str = text()
    state: str = text(default="pending")
    attempts: int = 0
    next_at: datetime = instant()
    lease_until: datetime = instant()
    fence: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    error: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON, nullable=True))
    asked_at: datetime = instant(index=True)
    written_at: datetime | None = instant(nullable=True)


class StaffNotice(Model, table=True):
    """One message to staff about one fact. id: hash of fact, rule and receivers; it is what a platform's duplicate check gets.

    receivers: ids of staff at the account. state: pending | sending | sent | in_doubt | refused | nobody. missed: those who
    could not be reached. content: sealed {title, text, url}.
    """

    __tablename__ = "staff_notice"
    __table_args__ = (
        Index("ix_staff_notice_due", "state", "next_at"),
        Index("ix_staff_notice_state", "state", "created_at", "id"),
    )
    id: str = text(primary_key=True)
    rule: str = text()
    kind: str = text()
    subject: str = text(index=True)
    account_id: int = Field(foreign_key="account.id")
    receivers: list[str] = Field(sa_column=Column(JSON, nullable=False))
    content: dict[str, Any] = sealed("staff_notice.content")
    state: str = text(default="pending")
    attempts: int = 0
    next_at: datetime = instant()
    lease_until: datetime = instant()
    fence: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    missed: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    error: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON, nullable=True))
    created_at: datetime = instant(index=True)
    sent_at: datetime | None = instant(nullable=True)


class UserLink(Model, table=True):
    """A user who may sign in as this member of an account's staff. member: the id without regard to case."""

    __tablename__ = "user_link"
    __table_args__ = (UniqueConstraint("account_id", "member"),)
    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="user.id", index=True)
    account_id: int = Field(foreign_key="account.id")
    member: str = text()
    staff_id: str = text()
    by: str = text()
    at: datetime = instant()


class SignInState(Model, table=True):
    """A sign-in that was begun: the keyed hash of its state, good once and for a few minutes."""

    __tablename__ = "sign_in_state"
    digest: bytes = blob(primary_key=True)
    account_id: int
    until: datetime = instant(index=True)
