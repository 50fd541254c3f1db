"""Tags of a source, and which profile carries which, since when and by whom."""

from __future__ import annotations

from datetime import datetime

from hub.models.base import Model, instant, text


class Tag(Model, table=True):
    """A tag in a source's own list. ref: '<account id>|<id>'."""

    __tablename__ = "tag"
    ref: str = text(primary_key=True)
    account_id: int
    source_ref: str = text(index=True)
    name: str | None = text(nullable=True)
    group: str | None = text(nullable=True)
    deleted: bool = False


class TagAssignment(Model, table=True):
    """A tag on a profile. tag_ref: '<account id>|<tag key>'; name: as the record gave it, where no list does.

    rule: the rule that derived it from chats ('chat:<name>'); such a tag is the hub's own and no source takes it away.
    """

    __tablename__ = "tag_assignment"
    profile_ref: str = text(primary_key=True)
    tag_ref: str = text(primary_key=True, index=True)
    name: str | None = text(nullable=True)
    group: str | None = text(nullable=True)
    by: str | None = text(nullable=True)
    since: datetime = instant()
    rule: str | None = text(nullable=True, index=True)
