"""Walking over the customers that have changed since the last look: each walk has a bookmark of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, select, text

from hub.core import Hub
from hub.models import Bookmark
from hub.models.base import table
from hub.store.bulk import Upsert
from hub.store.types import to_us

BOOKMARK = table(Bookmark)
OVERLAP = timedelta(minutes=2)
"""Customers that changed so shortly before the last look are looked at again: their transaction may have ended after it."""
_mark = Upsert("bookmark", ("name", "position", "detail", "at"), ("name",), update=("position", "detail", "at"))
_CHANGED = text(
    "SELECT id, changed_at, owner IS NOT NULL AS owned FROM customer "
    "WHERE changed_at >= :at AND (changed_at > :at OR id > :last) ORDER BY changed_at, id LIMIT :most"
)


class Place(NamedTuple):
    """Where a walk goes on: after this customer of this change (microseconds)."""

    at: int = 0
    last: str = ""


def place(conn: Connection, name: str) -> tuple[Place, dict[str, Any]] | None:
    """Where the walk of that name is, and what it keeps beside; None before it was begun."""
    found = conn.execute(select(BOOKMARK).where(BOOKMARK.c.name == name)).first()
    if found is None:
        return None
    at, _, last = found.position.partition(" ")
    return Place(int(at), last), found.detail


def after(conn: Connection, where: Place, most: int) -> Sequence[Any]:
    """The next customers: id, changed_at (microseconds), owned (whether one of our people is named as their owner)."""
    return conn.execute(_CHANGED, {"at": where.at, "last": where.last, "most": most}).all()


def further(where: Place, rows: Sequence[Any]) -> Place:
    """The place after these customers."""
    return Place(rows[-1].changed_at, rows[-1].id) if rows else where


def keep(hub: Hub, conn: Connection, name: str, where: Place, detail: Mapping[str, Any]) -> None:
    """Remember where to go on, and not nearer to now than a transaction may take: it commits later than it says."""
    edge = Place(to_us(hub.now() - OVERLAP))
    at, last = where if where.at < edge.at else edge
    _mark(conn, [(name, f"{at} {last}", orjson.dumps(detail).decode(), hub.now_us())])
