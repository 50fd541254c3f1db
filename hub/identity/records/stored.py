"""Golden records in the store: made anew from their profiles, sealed, and found by search."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection

from hub.identity.records import golden, manual, search
from hub.identity.records.composing import composed
from hub.identity.records.survivorship import GONE, Rules
from hub.security.keyring import KeyRing
from hub.store.bulk import Row, Upsert, ask_in

_NOTHING: Mapping[str, list[golden.View]] = {}
_upsert_customer = Upsert(
    "customer",
    ("id", "kind", "state", "data", "profiles", "owner", "stage", "created_at", "changed_at"),
    ("id",),
    update=("kind", "state", "data", "profiles", "owner", "stage", "changed_at"),
)


class Records:
    """rank: place of an account's source in the configured order, 0 = best. rules: by what a field's value is chosen."""

    def __init__(self, ring: KeyRing, rank: Callable[[int], int], rules: Rules = golden.PLAIN) -> None:
        self.ring, self.rank, self.rules = ring, rank, rules

    def refresh(
        self, conn: Connection, customers: Sequence[str], now: int, *, fresh: Mapping[str, list[golden.View]] = _NOTHING
    ) -> None:
        """Make the golden records of stored customers anew from their profiles; fresh: new ones of new profiles with their
        views, of which nobody can have set anything yet."""
        found, indexed = self._ask(conn, customers), search.ask_present(conn, customers)
        any_set = manual.ask_any(conn) if customers else bool
        views = {**self._views(customers, found), **fresh}
        built = composed(conn, self.ring, views, self.rules, by_hand=any_set())
        _upsert_customer(conn, (self._row(cid, record, len(views[cid]), now) for cid, record in built.items()))
        search.reindex(conn, self.ring, {c: golden.values(r) for c, r in built.items()}, indexed())

    def views(self, conn: Connection, customers: Sequence[str]) -> dict[str, list[golden.View]]:
        """What each of the customer's profiles says."""
        return self._views(customers, self._ask(conn, customers))

    def _ask(self, conn: Connection, customers: Sequence[str]) -> Callable[[], list[Row]]:
        columns = ("ref", "account_id", "version", "data", "customer_id", "deleted")
        return ask_in(conn, "profile", columns, "customer_id", customers)

    def _views(self, customers: Sequence[str], answer: Callable[[], list[Row]]) -> dict[str, list[golden.View]]:
        views: dict[str, list[golden.View]] = {cid: [] for cid in customers}
        for ref, account_id, version, data, cid, deleted in answer():
            rank = self.rank(account_id) + (GONE if deleted else 0)
            views[cid].append(golden.View(ref, rank, version, golden.read_profile(self.ring, ref, data)))
        return views

    def _row(self, cid: str, record: golden.Golden, profiles: int, now: int) -> tuple[Any, ...]:
        owner, stage = record.get("owner"), record.get("stage", {}).get("value")
        kind = record.get("kind", {}).get("value", "unknown")
        sealed, said = golden.seal_customer(self.ring, cid, record), self._owner(owner) if owner else None
        return (cid, kind, "active", sealed, profiles, said, stage, now, now)

    def _owner(self, owner: Mapping[str, Any]) -> bytes:
        ref = f"{owner['from'].split('|')[0]}|{owner['value']}"
        return self.ring.seal(orjson.dumps(ref), b"customer.owner")
