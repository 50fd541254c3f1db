"""Group chats with their members, messages that may be kept, and what customers have said about keeping them.

Customers are named by the blind index of one of their keys (``identity_key.digest``), so that a message that came before its
customer finds him later, and no merge or split moves a row.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Column, Index
from sqlmodel import Field

from hub.models.base import Model, blob, instant, packed, sealed, text


class ChatGroup(Model, table=True):
    """A group chat. ref: '<account id>|<id>'. digest: what messages find it by. owner: id of a member of staff,
    sealed since some sources have his name there.

    judged: the generation of tag rules that its membership was last looked at with; 0 = not since it changed.
    """

    __tablename__ = "chat_group"
    __table_args__ = (Index("ix_chat_group_digest", "digest"),)
    ref: str = text(primary_key=True)
    account_id: int = Field(index=True)
    source_ref: str = text(index=True)
    digest: bytes = blob()
    name: str | None = sealed("chat_group.name", nullable=True)
    owner: str | None = sealed("chat_group.owner", nullable=True)
    state: str = text(default="unknown")
    members: int = 0
    created_at: datetime | None = instant(nullable=True)
    changed_at: datetime | None = instant(nullable=True)
    judged: int = Field(default=0, index=True)
    deleted: bool = False


class GroupMember(Model, table=True):
    """One member of a group. member: his id at the source. digest: of a customer's key, empty for staff."""

    __tablename__ = "group_member"
    __table_args__ = (Index("ix_group_member_digest", "digest"), {"sqlite_with_rowid": False})
    group_ref: str = text(primary_key=True)
    member: str = text(primary_key=True)
    kind: str = text(default="unknown")
    digest: bytes | None = blob(nullable=True)
    invited_by: str | None = text(nullable=True)
    joined_at: datetime | None = instant(nullable=True)


class Message(Model, table=True):
    """A message that may be kept. ref: '<account id>|<id>'. body: sealed JSON {text, receivers, media}.

    digest: the customer it is about: who wrote it, or in a direct chat whom staff wrote to. staff: his other side there.
    side: who wrote it. consent: on what ground it is kept. keep_until: when it is deleted, whatever happens.
    recalls: ref of the message that this one takes back. judged: the generation of tag rules that has looked at it.
    """

    __tablename__ = "message"
    __table_args__ = (
        Index("ix_message_digest", "digest", "at"),
        Index("ix_message_judged", "judged"),
        Index("ix_message_group", "group_digest"),
    )
    ref: str = text(primary_key=True)
    account_id: int
    source_ref: str = text(index=True)
    group_digest: bytes | None = blob(nullable=True)
    digest: bytes | None = blob(nullable=True)
    staff: str | None = text(nullable=True)
    sender: str | None = text(nullable=True)
    side: str = text(default="unknown")
    kind: str = text(default="unknown")
    body: bytes = packed()
    at: datetime = instant()
    seq: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    recalls: str | None = text(nullable=True, index=True)
    recalled: bool = False
    consent: str = text()
    keep_until: datetime = instant(index=True)
    judged: int = 0
    deleted: bool = False


class Consent(Model, table=True):
    """What a customer has said about keeping his messages. place: 'staff:<id>' or 'group:<digest in hex>'."""

    __tablename__ = "consent"
    __table_args__ = (Index("ix_consent_digest", "digest"),)
    ref: str = text(primary_key=True)
    account_id: int
    source_ref: str = text(index=True)
    digest: bytes = blob()
    place: str = text()
    state: str = text()
    changed_at: datetime = instant()
    deleted: bool = False
