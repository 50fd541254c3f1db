"""A file that a message names, fetched from its platform when a person asks for it, and kept nowhere."""

from __future__ import annotations

import orjson
from sqlmodel import col, select

from connectors.base import Source
from hub import accounts
from hub.core import Hub
from hub.models import Message
from hub.security import audit
from hub.sync.connect import connect


class MediaFault(ValueError):
    """There is no such file to be had. zh, en: why."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh} / {en}")


def fetch(hub: Hub, ref: str, *, by: str) -> bytes:
    """The file of the message. Raises MediaFault, or what the platform says (after some days it has none of it)."""
    with hub.db.read() as conn:
        row = conn.execute(select(Message.account_id, Message.body).where(col(Message.ref) == ref)).first()
    if row is None:
        raise MediaFault("没有这条消息", "there is no such message")
    reference = orjson.loads(hub.ring.unpack(row.body, ref)).get("media")
    account = accounts.by_id(hub, row.account_id)
    connector = connect(hub, account, priority=0)
    if not reference or not isinstance(connector, Source) or type(connector).media is Source.media:
        raise MediaFault("这条消息没有可以下载的文件", "this message has no file that can be fetched")
    found = connector.media(str(reference))
    with hub.db.write() as conn:
        audit.record(conn, by, "chats.media", ref, size=len(found))
    return found
