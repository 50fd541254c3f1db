"""The simulated shop's rows by stream, and what of a row a caller gets to see."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from connectors.jd.sim_data import Row, buyer_ids, handle
from connectors.jd.sim_tde import Vault

SCROLL_LIFE = timedelta(minutes=5)
PINS = {"order": "pin", "unpaid": "pin", "refund": "buyerId", "member": "customer_pin"}
"""What each stream calls the old account name."""


class Shop:
    """One vendor. stage: how far the migration of buyer ids is (pin, both, xid)."""

    def __init__(self, vender: str, name: str, app_key: str) -> None:
        self.vender, self.name, self.app_key, self.stage = vender, name, app_key, "both"
        self.vault = Vault(f"svc-{vender}")
        self.rows: dict[str, dict[str, Row]] = {name: {} for name in ("order", "unpaid", "refund", "after_sale", "member")}
        self._scrolls: dict[str, tuple[list[str], int, datetime]] = {}

    def add(self, stream: str, row: Row) -> str:
        """Take in a row; its key."""
        self.rows[stream][row.key] = row
        return row.key

    def all(self, stream: str) -> list[Row]:
        """What is there, in the order in which it came."""
        return [row for row in self.rows[stream].values() if not row.removed]

    def one(self, stream: str, key: str) -> Row | None:
        """The row, unless it is gone."""
        row = self.rows[stream].get(key)
        return row if row and not row.removed else None

    def between(self, stream: str, name: str, start: datetime, end: datetime) -> list[Row]:
        """Rows whose time of that name lies in [start, end], oldest first. (Whether the end is inside is not documented.)"""
        found = [row for row in self.all(stream) if name in row.times and start <= row.times[name] <= end]
        return sorted(found, key=lambda row: (row.times[name], row.key))

    def shown(self, stream: str, row: Row, fields: frozenset[str] | None = None) -> dict[str, Any]:
        """The record with the buyer's ids as far as the migration goes; of an order only the fields asked for."""
        record = {**row.record, **row.extra}
        ids = buyer_ids(row.buyer, self.app_key, self.stage)
        if stream == "after_sale":
            record["sameOrderServiceBill"] = {**record["sameOrderServiceBill"], "customerPin": ids.get("pin")}
            return record
        record |= {PINS[stream] if kind == "pin" else kind: value for kind, value in ids.items()}
        if fields is None:
            return record
        return {name: value for name, value in record.items() if name in fields or name in row.extra}

    def xid_of(self, pin: str) -> str | None:
        """The newest id of the buyer with that old one."""
        buyers = {row.buyer for rows in self.rows.values() for row in rows.values()}
        found = next((buyer for buyer in buyers if handle("pin", buyer, self.app_key) == pin), None)
        return handle("xid_buyer", found, self.app_key) if found else None

    def open_scroll(self, size: int, now: datetime) -> tuple[str, list[Row]]:
        """A new walk over the members and its first batch."""
        scroll = f"scroll-{len(self._scrolls) + 1}"
        keys = [row.key for row in self.all("member")]
        self._scrolls[scroll] = (keys, size, now)
        return scroll, self._batch(scroll, now)

    def scroll(self, scroll: str, now: datetime) -> list[Row] | None:
        """The next batch; None when the walk is unknown or over."""
        if scroll not in self._scrolls or now - self._scrolls[scroll][2] > SCROLL_LIFE:
            return None
        return self._batch(scroll, now)

    def _batch(self, scroll: str, now: datetime) -> list[Row]:
        keys, size, _ = self._scrolls[scroll]
        self._scrolls[scroll] = (keys[size:], size, now)
        return [row for key in keys[:size] if (row := self.one("member", key))]
