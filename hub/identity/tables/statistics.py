"""The counters of identity: how many people and companies there are, how often a surname, a town, a prefix."""

from __future__ import annotations

import time
from collections.abc import Mapping

from sqlalchemy import Connection

from hub.store.bulk import driver, insert_many

FRESH_SECONDS = 300.0
COUNT = (
    "INSERT INTO identity_count (kind, value, n) VALUES ({0}, {0}, {0}) "
    "ON CONFLICT (kind, value) DO UPDATE SET n = identity_count.n + excluded.n"
)


class Statistics:
    """The counters, kept in memory between batches and read anew every few minutes: they are statistics."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], int] = {}
        self._until = 0.0

    def read(self, conn: Connection) -> Mapping[tuple[str, str], int]:
        """All of them."""
        if time.monotonic() > self._until:
            rows = driver(conn).execute("SELECT kind, value, n FROM identity_count").fetchall()
            self._counts = {(kind, value): int(n) for kind, value, n in rows}
            self._until = time.monotonic() + FRESH_SECONDS
        return self._counts

    def add(self, conn: Connection, counts: Mapping[tuple[str, str], int]) -> None:
        """Write increments."""
        if not counts:
            return
        for key, more in counts.items():
            self._counts[key] = self._counts.get(key, 0) + more
        insert_many(conn, COUNT, [(*key, counts[key]) for key in sorted(counts)])
