"""Resolving by evidence: the engine over the store on SQLite and PostgreSQL, with golden records, search and events.

Today ``hub resolve`` works this way. The sync still joins by fixed rules (``hub/identity/resolve.py``) until this way holds all
of its invariants; then those rules go (docs/decisions.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from hashlib import blake2b
from typing import Any

import orjson
from sqlalchemy import Connection

from hub.events.mint import EventRow, mint
from hub.identity import golden, ledger
from hub.identity.digests import blind_of
from hub.identity.engine import Arrival, Engine
from hub.identity.extract import extract
from hub.identity.features import Features
from hub.identity.ids import new_id
from hub.identity.resolve import Incoming, Resolved, Resolver
from hub.identity.sql import Body, SqlStore, Statistics, load
from hub.identity.store import Change, Decision
from hub.identity.survivorship import Rules
from hub.identity.weights import Model, shipped
from hub.security.keyring import KeyRing

REDO = 500
"""Customers that one pass of the redo queue looks at again."""
_EARLIEST = 946_684_800_000_000
"""The year 2000 in microseconds: smaller versions are no times."""


class Weighing:
    """rank: place of an account in the order of sources; named: what tells one list of customers from another.

    single_source: no customer stands twice in one list. model: the weights of now.
    """

    def __init__(
        self, ring: KeyRing, rank: Callable[[int], int], named: Callable[[int], str], preset: str = "default",
        *, single_source: bool = False, model: Callable[[], Model] = shipped,
        rules: Rules = golden.PLAIN,
    ) -> None:  # fmt: skip
        self.ring, self._rank, self._named, self._model = ring, rank, named, model
        self._preset, self._single_source = preset, single_source
        self._statistics, self._blind = Statistics(), blind_of(ring)
        self._golden = Resolver(ring, rank, rules=rules)

    def resolve(self, conn: Connection, incoming: Iterable[Incoming], now: int) -> Resolved:
        """Link profiles, in the caller's transaction. now: microseconds."""
        arrived = {item.ref: item for item in incoming}
        ledger.lock(conn)
        bodies = {ref: self._body(item) for ref, item in arrived.items()}
        store = self._store(conn, now, bodies=bodies, stored=load(conn, arrived))
        arrivals = [Arrival(ref, self._features(item, now)) for ref, item in arrived.items()]
        return self._finished(store, self._engine(now).resolve(store, arrivals), arrived)

    def redo(self, conn: Connection, now: int, most: int = REDO) -> Resolved:
        """Look again at customers whose neighbourhood has changed."""
        ledger.lock(conn)
        store = self._store(conn, now)
        due = store.waiting(most)
        change = self._engine(now).redo(store, due)
        store.looked_at(due)
        return self._finished(store, change, {})

    def decide(self, conn: Connection, decision: Decision, by: str, now: int) -> Resolved:
        """Remember what a person said of two profiles, and act on it."""
        ledger.lock(conn)
        store = self._store(conn, now, by=by)
        store.decide(decision)
        homes = {row.customer for row in load(conn, decision[:2]).values()}
        return self._finished(store, self._engine(now).redo(store, homes), {})

    # -- parts

    def _engine(self, now: int) -> Engine:
        ids = partial(new_id, now)
        return Engine(self._blind, ids, model=self._model(), preset=self._preset, single_source=self._single_source)

    def _store(self, conn: Connection, now: int, **more: Any) -> SqlStore:
        return SqlStore(conn, self.ring, self._statistics, now, **more)

    def _body(self, item: Incoming) -> Body:
        fields = item.record["fields"]
        body = orjson.dumps([fields, item.record.get("keys", ())], option=orjson.OPT_SORT_KEYS)
        sealed = golden.seal_profile(self.ring, item.ref, fields)
        return Body(item.account_id, item.source_ref, sealed, blake2b(body, digest_size=16).digest(), item.version)

    def _features(self, item: Incoming, now: int) -> Features:
        if (ready := item.record.get("features")) is not None:
            return ready  # type: ignore[no-any-return]
        moment = item.version if item.version > _EARLIEST else now
        return extract(item.record, moment // 1_000_000, self._named(item.account_id))

    def _finished(self, store: SqlStore, change: Change, arrived: dict[str, Incoming]) -> Resolved:
        """Golden records of what was touched, and the events. A new customer of new profiles alone is read from none."""
        born, others = set(change.born), set[str]()
        views: dict[str, list[golden.View]] = {}
        for saved in change.saved:
            if saved.ref in arrived and saved.customer in born:
                item = arrived[saved.ref]
                view = golden.View(saved.ref, self._rank(item.account_id), item.version, item.record["fields"])
                views.setdefault(saved.customer, []).append(view)
            else:
                others.add(saved.customer)
        fresh = {cid: found for cid, found in views.items() if cid not in others}
        self._golden.refresh(store.conn, sorted(store.touched - fresh.keys()), store.now, fresh=fresh)
        created = [self._created(cid, found[0], store.now) for cid, found in views.items()]
        return Resolved(events=store.events + created, created=len(born), merged=len(change.merges))

    @staticmethod
    def _created(cid: str, view: golden.View, now: int) -> EventRow:
        return mint("customer.created", int(view.ref.split("|")[0]), cid, now, now, {"profile": view.ref})
