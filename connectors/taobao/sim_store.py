"""The simulated shop's rows, indexed by the times they are asked for; all times here are naive Beijing time, whole seconds."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

MONTHS = timedelta(days=90)
"""Rows older than "three months" are not served; the platform does not say how it counts them."""
FORMAT = "%Y-%m-%d %H:%M:%S"


def text_of(moment: datetime) -> str:
    """As the platform writes times."""
    return moment.strftime(FORMAT)


@dataclass
class Row:
    """One trade or refund. record: all its fields; extra: fields nobody knows; type: kind of trade; nick: the true nick.

    entered: when the row reached the database that the API reads, which can be later than ``modified``.
    """

    key: int
    record: dict[str, Any]
    created: datetime
    modified: datetime
    entered: datetime
    type: str = "fixed"
    nick: str = ""
    removed: bool = False
    extra: dict[str, Any] = field(default_factory=dict)

    def seen(self, now: datetime) -> bool:
        """Whether the API knows of it now."""
        return not self.removed and self.entered <= now


class Table:
    """Rows by key and by time."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}
        self._by: dict[str, list[tuple[datetime, int]]] = {"modified": [], "entered": []}

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, rows: Iterable[Row]) -> None:
        """Take in many rows at once."""
        for row in rows:
            self.rows[row.key] = row
            for name, index in self._by.items():
                index.append((getattr(row, name), row.key))
        for index in self._by.values():
            index.sort()

    def move(self, row: Row, modified: datetime) -> None:
        """The row changed: it stands elsewhere in the list now."""
        index = self._by["modified"]
        del index[bisect_left(index, (row.modified, row.key))]
        row.modified = modified
        row.record["modified"] = text_of(modified)
        insort(index, (modified, row.key))

    def between(self, name: str, start: datetime | None, end: datetime | None, now: datetime) -> Iterator[Row]:
        """Rows whose time lies in [start, end], newest first, as far as the API knows them and serves them."""
        index = self._by[name]
        low = max(start or now - MONTHS, now - MONTHS)
        first = bisect_left(index, (low, -1))
        last = bisect_right(index, (end or now, 1 << 64))
        for _, key in reversed(index[first:last]):
            row = self.rows[key]
            if row.seen(now):
                yield row

    def one(self, key: int, now: datetime) -> Row | None:
        """The row, unless the API does not (or no longer) know it."""
        row = self.rows.get(key)
        return row if row and row.seen(now) and row.created >= now - MONTHS else None
