"""Deals whose owner is to be compared with their customer's, noted while they land."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from hub.store.bulk import Upsert

_insert = Upsert("owner_check", ("ref",), ("ref",))


def note(conn: Connection, refs: Iterable[str]) -> None:
    """These deals have come or changed."""
    _insert(conn, [(ref,) for ref in refs])
