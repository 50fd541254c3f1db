"""Resolve: which customer a profile belongs to. Bulk, single record, push, import, replay and people's answers all come through
here: the engine decides by evidence, the store writes, golden records, search and events follow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from typing import Any, NamedTuple, Protocol

import orjson
from sqlalchemy import Connection

from hub.events.mint import EventRow, mint
from hub.identity.core.ahead import Ahead
from hub.identity.core.engine import Arrival, Engine
from hub.identity.core.extract import extract
from hub.identity.core.features import Features
from hub.identity.core.order import Elsewhere
from hub.identity.core.store import Change, Decision
from hub.identity.core.weights import Model, shipped
from hub.identity.records import golden, keeping
from hub.identity.records.stored import Records
from hub.identity.records.survivorship import Rules
from hub.identity.tables import ledger
from hub.identity.tables.digests import blind_of
from hub.identity.tables.ids import new_id
from hub.identity.tables.profiles import Standing, Stored, ask_standing, load
from hub.identity.tables.sql import Body, SqlStore
from hub.identity.tables.statistics import Statistics
from hub.security.keyring import KeyRing
from hub.store.bulk import COPY_FROM, select_in, unwaited

REDO = 500
"""Customers that one pass of the redo queue looks at again."""
_EARLIEST = 946_684_800_000_000
"""The year 2000 in microseconds: smaller versions are no times."""


class Incoming(NamedTuple):
    """A canonical customer record on its way in. aside: its record is about something else (an order names its buyer), so
    it never overwrites the profile that a record of its own has given."""

    ref: str
    account_id: int
    source_ref: str
    version: int
    record: dict[str, Any]
    aside: bool = False


@dataclass
class Resolved:
    """What resolving a batch did. changed: profile ref -> whether it is new (refs not listed were unchanged)."""

    changed: dict[str, bool] = field(default_factory=dict)
    events: list[EventRow] = field(default_factory=list)
    created: int = 0
    merged: int = 0


class Ready(NamedTuple):
    """A batch before it is decided: what arrived, the rest of each profile's row, and what the engine looks at."""

    arrived: dict[str, Incoming]
    bodies: dict[str, Body]
    arrivals: list[Arrival]


class Outlook(NamedTuple):
    """What is known of much that is on its way. expected: how many customers there will be; elsewhere: see `Engine`, which also
    says that each record is new."""

    expected: int = 0
    elsewhere: Elsewhere | None = None


class Lists(Protocol):
    """The lists of customers that profiles come from."""

    def rank(self, account_id: int) -> int:
        """Place of an account in the order of sources, 0 = best."""

    def name(self, account_id: int) -> str:
        """What tells one list of customers from another."""


class Resolver:
    """wanted: event kinds that some rule wants. preset: a name under ``presets`` of the weights.

    single_source: no customer stands twice in one list. model: the weights of now. rules: by what golden records choose.
    """

    def __init__(
        self, ring: KeyRing, lists: Lists, wanted: frozenset[str] = frozenset(), preset: str = "default",
        *, single_source: bool = False, model: Callable[[], Model] = shipped, rules: Rules = golden.PLAIN,
    ) -> None:  # fmt: skip
        self.ring, self.lists, self.wanted, self._model = ring, lists, wanted, model
        self.preset, self.single_source = preset, single_source
        self.outlook = Outlook()
        self.statistics, self._blind = Statistics(), blind_of(ring)
        self.records = Records(ring, lists.rank, rules)

    def resolve(self, conn: Connection, incoming: Iterable[Incoming], now: int) -> Resolved:
        """Link profiles, in the caller's transaction. now: microseconds."""
        newest = _newest(incoming)
        if len(newest) < COPY_FROM or conn.dialect.name == "sqlite":
            with unwaited(conn):
                return self._looked_up(conn, newest, now)
        # Of a large batch most may be known already, which needs no lock to see; what is new goes by COPY, which waits for
        # itself.
        differing = self._differing(conn, newest, load(conn, newest))[0]
        with unwaited(conn) if len(differing) < COPY_FROM else nullcontext():
            return self._looked_up(conn, differing, now) if differing else Resolved()

    def _looked_up(self, conn: Connection, newest: dict[str, Incoming], now: int) -> Resolved:
        ledger.lock(conn)
        standing = ask_standing(conn)
        stored = self._stored(conn, newest)
        arrived, hashes = self._differing(conn, newest, stored)
        return self._resolved(conn, arrived, hashes, stored, standing, now) if arrived else Resolved()

    def _stored(self, conn: Connection, refs: Iterable[str]) -> dict[str, Stored]:
        return load(conn, refs) if self.outlook.elsewhere is None else {}

    def _differing(
        self, conn: Connection, newest: dict[str, Incoming], stored: Mapping[str, Stored]
    ) -> tuple[dict[str, Incoming], dict[str, bytes]]:
        """Those that are new or say something else than what is stored, with their hashes."""
        whole = newest | self._filled(conn, newest, stored)
        hashes = {ref: _hash(item) for ref, item in whole.items()}
        return {r: item for r, item in whole.items() if r not in stored or not _keeps(stored[r], item, hashes[r])}, hashes

    def _resolved(
        self, conn: Connection, arrived: dict[str, Incoming], hashes: Mapping[str, bytes], stored: dict[str, Stored],
        standing: Callable[[], Standing], now: int,
    ) -> Resolved:  # fmt: skip
        ready = self._ready(arrived, hashes, now)
        there = {ref: row for ref, row in stored.items() if ref in arrived}
        store = self._store(conn, now, bodies=ready.bodies, stored=there, standing=standing)
        changed = {ref: ref not in stored for ref in arrived}
        change = self._engine(now).resolve(store, ready.arrivals)
        result = self._finished(store, change, arrived)
        result.changed = changed
        return result

    def _ready(self, arrived: dict[str, Incoming], hashes: Mapping[str, bytes], now: int) -> Ready:
        bodies = {ref: self._body(item, hashes[ref]) for ref, item in arrived.items()}
        return Ready(arrived, bodies, [Arrival(ref, self._features(item, now)) for ref, item in arrived.items()])

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

    # -- deciding elsewhere

    def ready(self, conn: Connection, incoming: Iterable[Incoming], now: int) -> Ready:
        """A batch as far as it goes without deciding: what of it says anything new, in normal form. In the lock on identity."""
        newest = _newest(incoming)
        return self._ready(*self._differing(conn, newest, self._stored(conn, newest)), now)

    def waiting(self, conn: Connection, most: int) -> tuple[list[str], list[str]]:
        """The first customers of the redo queue and the last ones; none stands in both."""
        store = self._store(conn, 0)
        first, last = store.waiting(most), store.waiting(most, last=True)
        both = set(first)
        return list(first), [customer for customer in last if customer not in both]

    def look(self, conn: Connection, customers: Sequence[str], now: int) -> Change:
        """What a second look at customers finds, not written."""
        return self._engine(now).redo(Ahead().over(self._store(conn, now)), customers)

    def write(self, conn: Connection, ready: Ready, change: Change, now: int, due: Sequence[str] = ()) -> Resolved:
        """Write what was decided elsewhere of a batch, or in a second look at customers that were due."""
        store = self._store(conn, now, bodies=ready.bodies)
        refs = {saved.ref for saved in change.saved} | ready.bodies.keys()
        store.recall(refs if self.outlook.elsewhere is None else refs - ready.bodies.keys())
        store.apply(change)
        store.looked_at(due)
        return self._finished(store, change, ready.arrived)

    # -- parts

    def _engine(self, now: int) -> Engine:
        ids = partial(new_id, now)
        return Engine(
            self._blind, ids, model=self._model(), preset=self.preset, single_source=self.single_source,
            expected=self.outlook.expected, elsewhere=self.outlook.elsewhere,
        )  # fmt: skip

    def _store(self, conn: Connection, now: int, **more: Any) -> SqlStore:
        return SqlStore(conn, self.ring, self.statistics, now, wanted=self.wanted, **more)

    def _body(self, item: Incoming, digest: bytes) -> Body:
        sealed = golden.seal_profile(self.ring, item.ref, item.record["fields"])
        return Body(item.account_id, item.source_ref, sealed, digest, item.version)

    def _filled(self, conn: Connection, arrived: Mapping[str, Incoming], stored: Mapping[str, Stored]) -> dict[str, Incoming]:
        """Those that lack a field which their mapping keeps, with what the stored profile says there. Nobody changes a profile
        meanwhile but erasure, whose version nothing outbids."""
        lacking = keeping.lacking((ref, item.record) for ref, item in arrived.items() if ref in stored)
        return {
            ref: arrived[ref]._replace(record=keeping.filled(lacking[ref], golden.read_profile(self.ring, ref, data)))
            for ref, data in select_in(conn, "profile", ("ref", "data"), "ref", lacking)
        }

    def _features(self, item: Incoming, now: int) -> Features:
        if (ready := item.record.get("features")) is not None:
            return ready  # type: ignore[no-any-return]
        moment = item.version if item.version > _EARLIEST else now
        return extract(item.record, moment // 1_000_000, self.lists.name(item.account_id))

    def _finished(self, store: SqlStore, change: Change, arrived: Mapping[str, Incoming]) -> Resolved:
        """Golden records of what was touched, and the events. A new customer of new profiles alone is read from none."""
        born, others = set(change.born), set[str]()
        views: dict[str, list[golden.View]] = {}
        for saved in change.saved:
            if saved.ref in arrived and saved.customer in born:
                views.setdefault(saved.customer, []).append(self._view(arrived[saved.ref]))
            if not saved.new or saved.customer not in born:
                others.add(saved.customer)
        fresh = {cid: found for cid, found in views.items() if cid not in others}
        self.records.refresh(store.conn, sorted(store.touched - fresh.keys()), store.now, fresh=fresh)
        created = [self._created(cid, found, store.now) for cid, found in views.items()]
        return Resolved(events=store.events + created, created=len(born), merged=len(change.merges))

    def _view(self, item: Incoming) -> golden.View:
        return golden.View(item.ref, self.lists.rank(item.account_id), item.version, item.record["fields"])

    def _created(self, cid: str, views: Sequence[golden.View], now: int) -> EventRow:
        first, kind = views[0].ref, "customer.created"
        return mint(kind, int(first.split("|")[0]), cid, now, now, {"profile": first}, pending=kind in self.wanted)


def _newest(incoming: Iterable[Incoming]) -> dict[str, Incoming]:
    newest: dict[str, Incoming] = {}
    for item in incoming:
        if item.ref not in newest or newest[item.ref].version <= item.version:
            newest[item.ref] = item
    return newest


def _hash(item: Incoming) -> bytes:
    fields = item.record["fields"]
    # General data has no fields of the hub's, and says all that it says in its features.
    said = fields if fields or "features" not in item.record else item.record["features"].dump().hex()
    body = orjson.dumps([said, item.record.get("keys", ())], option=orjson.OPT_SORT_KEYS)
    return blake2b(body, digest_size=16).digest()


def _keeps(old: Stored, item: Incoming, digest: bytes) -> bool:
    """Whether the stored profile stays as it is."""
    elsewhere = old.source_ref.split("|", 2)[1] != item.source_ref.split("|", 2)[1]
    if elsewhere and not old.deleted:
        return item.aside
    return old.version > item.version or (old.hash == digest and not old.deleted)
