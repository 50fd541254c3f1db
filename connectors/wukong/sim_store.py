"""The simulator's two copies of every row: the database, seen in details, and the search index, seen in lists."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from connectors.wukong.sim_fields import objects

BEIJING = timezone(timedelta(hours=8))
CUSTOMER, CONTACTS, CONTRACT, RECEIVABLES, INVOICE = 2, 3, 6, 7, 18
DELETED = 3
SNOWFLAKE = 1_850_000_000_000_000_000


class Refusal(Exception):
    """The server says no. status: of HTTP, which is 200 for nearly everything."""

    def __init__(self, code: int, message: str = "", *, status: int = 200, data: Any = None) -> None:
        super().__init__(message)
        self.code, self.message, self.status, self.data = code, message or "操作失败", status, data


@dataclass
class Row:
    """detail: the database's columns. batch: where its custom values lie. index: what lists show; due: index writes to come."""

    id: int
    detail: dict[str, Any]
    batch: str
    index: dict[str, Any] = field(default_factory=dict)
    due: list[tuple[datetime, dict[str, Any]]] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    lines: list[dict[str, Any]] = field(default_factory=list)
    pools: set[int] = field(default_factory=set)

    def settle(self, now: datetime) -> None:
        """Index writes whose time has come."""
        while self.due and self.due[0][0] <= now:
            self.index.update(self.due.pop(0)[1])


class Store:
    """All rows. index_delay: how long a write takes to appear in lists."""

    def __init__(self, now: Callable[[], datetime], *, first_id: int = 1) -> None:
        self.now = now
        self.index_delay = timedelta(0)
        self.objects = objects()
        self.tables: dict[int, dict[int, Row]] = {label: {} for label in self.objects}
        self.custom: dict[str, dict[str, Any]] = {}
        self.logs: dict[int, list[dict[str, Any]]] = {}
        self.names: dict[int, str] = {}
        self._next = first_id

    def stamp(self, moment: datetime | None = None) -> str:
        """Now, as all answers spell times."""
        return f"{(moment or self.now()).astimezone(BEIJING):%Y-%m-%d %H:%M:%S}"

    def number(self) -> int:
        """A fresh id."""
        self._next += 1
        return self._next

    def insert(self, label: int, columns: dict[str, Any], custom: dict[str, Any], *, at: datetime | None = None) -> Row:
        """A new row in both copies."""
        stamp = self.stamp(at)
        row = Row(self.number(), {**columns, "createTime": stamp, "updateTime": stamp}, uuid.uuid4().hex)
        row.detail[self.objects[label].key] = row.id
        self.tables[label][row.id] = row
        self.custom[row.batch] = dict(custom)
        self._put(row, {**self._shown(label, row.detail), **custom}, at)
        return row

    def change(self, label: int, row: Row, columns: dict[str, Any], *, moved: bool, listed: bool = True) -> None:
        """Change columns. The database's update time always moves, the index's only when ``moved``."""
        row.detail.update(columns)
        row.detail["updateTime"] = self.stamp()
        if listed:
            seen = self._shown(label, columns)
            self._put(row, {**seen, "updateTime": self.stamp()} if moved else seen)

    def change_custom(self, row: Row, values: dict[str, Any], batch: str | None, *, replace: bool = False) -> None:
        """Custom values go under the batch the caller names, whether the row points to it or not; the index shows them."""
        kept = {} if replace else self.custom.get(batch or "", {})
        self.custom[batch or uuid.uuid4().hex] = {**kept, **values}
        self._put(row, dict(values))

    def get(self, label: int, key: int) -> Row | None:
        """The row, None when there is none or it is deleted."""
        row = self.tables[label].get(key)
        return None if row is None or is_deleted(label, row) else row

    def listed(self, label: int) -> Iterator[Row]:
        """Rows that the index holds by now."""
        now = self.now()
        for row in self.tables[label].values():
            if row.due:
                row.settle(now)
            if row.index and not is_deleted(label, row):
                yield row

    def detail(self, label: int, row: Row) -> dict[str, Any]:
        """The database's row with names and with the custom values that it points to."""
        shown = self._shown(label, row.detail)
        empty = {item.name: None for item in self.objects[label].fields}
        return {**empty, **shown, **self.custom.get(row.batch, {}), "batchId": row.batch}

    def _put(self, row: Row, seen: dict[str, Any], at: datetime | None = None) -> None:
        if self.index_delay and at is None:
            row.due.append((self.now() + self.index_delay, seen))
        else:
            row.index.update(seen)

    def _shown(self, label: int, columns: dict[str, Any]) -> dict[str, Any]:
        """The columns with the names of what they link to."""
        found = dict(columns)
        for name, column in (("ownerUserName", "ownerUserId"), ("createUserName", "createUserId")):
            if column in columns:
                found[name] = self.names.get(columns[column]) if columns[column] else None
        if label != CUSTOMER and columns.get("customerId"):
            customer = self.tables[CUSTOMER].get(columns["customerId"])
            found["customerName"] = customer.detail.get("customerName") if customer else None
        if label in (RECEIVABLES, INVOICE) and columns.get("contractId"):
            contract = self.tables[CONTRACT].get(columns["contractId"])
            found["contractNum"] = contract.detail.get("num") if contract else None
        return found


def is_deleted(label: int, row: Row) -> bool:
    """Customers are marked by status 3, contracts and receivables by checkStatus 7; the others are gone for good."""
    if label == CUSTOMER:
        return row.detail.get("status") == DELETED
    return label in (CONTRACT, RECEIVABLES) and row.detail.get("checkStatus") == 7
