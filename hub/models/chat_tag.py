"""Tags derived from chats: the rules as they are in force, what of the stored matched them, and who got the tag."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index
from sqlalchemy import text as sql
from sqlmodel import Field

from hub.models.base import Model, blob, instant, text


class ChatRule(Model, table=True):
    """A rule of the settings as the hub last saw it. version: counts its changes. state: on | off | undone.

    definition: the rule without its switch. generation: grows with every change of any rule; what has been looked at with
    an older one is looked at again.
    """

    __tablename__ = "chat_rule"
    rule: str = text(primary_key=True)
    version: int
    state: str = text()
    generation: int
    definition: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    changed_at: datetime = instant()


class ChatHit(Model, table=True):
    """A message (or a membership) that a rule matched: the evidence of a tag. ref: of the message or the group.

    It outlives the message, whose body is deleted on its retention date; it goes when the customer withdraws his consent.
    """

    __tablename__ = "chat_hit"
    __table_args__ = (Index("ix_chat_hit_digest", "digest", "rule"), Index("ix_chat_hit_ref", "ref"))
    rule: str = text(primary_key=True)
    ref: str = text(primary_key=True)
    digest: bytes = blob(primary_key=True)
    version: int
    at: datetime = instant()


class ChatTag(Model, table=True):
    """A customer (by a key of his) whom a rule gives its tag. profile_ref: where it was put; empty until he is known.

    due: what it rests on has changed, to be looked at again.
    """

    __tablename__ = "chat_tag"
    __table_args__ = (
        Index("ix_chat_tag_due", "rule", sqlite_where=sql("due"), postgresql_where=sql("due")),
        Index(
            "ix_chat_tag_waiting",
            "rule",
            sqlite_where=sql("profile_ref IS NULL"),
            postgresql_where=sql("profile_ref IS NULL"),
        ),
    )
    rule: str = text(primary_key=True)
    digest: bytes = blob(primary_key=True)
    profile_ref: str | None = text(nullable=True, index=True)
    since: datetime | None = instant(nullable=True)
    due: bool = False
