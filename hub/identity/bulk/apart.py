"""Deciding in a second process, while this one cleans what comes next and writes what was decided before.

Both see the same database. What was decided and is not committed yet, the other process remembers itself
(`hub.identity.core.ahead`), so that each batch is decided on all before it, as if there were one process. That nobody else
writes meanwhile, SQLite can tell; on PostgreSQL all that is given away is written in the transaction that holds the lock.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import msgspec
from sqlalchemy import Connection

from config.settings import Settings
from hub.core import Hub
from hub.identity.bulk.cleaned import Clean, cleaned
from hub.identity.bulk.reading import Reader, Row
from hub.identity.core.ahead import Ahead
from hub.identity.core.engine import Arrival, Engine
from hub.identity.core.store import Change
from hub.identity.resolve import Incoming, Outlook, Ready, Resolved, Resolver
from hub.identity.tables import ledger
from hub.identity.tables.digests import blind_of
from hub.identity.tables.ids import new_id
from hub.identity.tables.sql import SqlStore
from hub.identity.tables.statistics import Statistics
from hub.store.bulk import driver

AHEAD = 4
"""Batches that are decided, or wait for it, while this process does something else."""
_PAGES = "PRAGMA cache_size=-65536"
"""SQLite: KiB of pages that the other process keeps, until something is committed."""
_NOTHING = Ready({}, {}, [])
_pack = msgspec.msgpack.Encoder().encode
_arrivals = msgspec.msgpack.Decoder(list[Arrival]).decode
_change = msgspec.msgpack.Decoder(Change).decode


class Disturbed(Exception):
    """Somebody else writes to the store as well, so that what was decided on the way may no longer be right."""


@dataclass
class Apart:
    """Takes batches as a `Resolver` does; what became of a batch is told, and written, when later ones are on their way.

    undisturbed: whether it is seen when somebody else writes, so that batches may be on their way between transactions.
    """

    resolver: Resolver
    pool: ProcessPoolExecutor
    undisturbed: bool
    _version: int = 0
    _done: int = 0
    _written: int = 0
    _flying: deque[tuple[Ready, Future[bytes]]] = field(default_factory=deque)

    def begin(self, conn: Connection) -> None:
        """A transaction begins, in the lock on identity. Disturbed: somebody else has written since the last one, while batches
        were on their way."""
        if self.undisturbed:
            version = driver(conn).execute("PRAGMA data_version").fetchone()[0]
            if self._flying and version != self._version:
                raise Disturbed
            self._version = version

    def resolve(self, conn: Connection, incoming: Iterable[Incoming], now: int) -> Iterator[Resolved]:
        """Give a batch away, and write an earlier one."""
        batch = list(incoming)
        refs = {item.ref for item in batch}
        if any(not refs.isdisjoint(ready.arrived) for ready, _ in self._flying):
            yield from self.rest(conn, now)  # what it says can only be compared with what is written
        ready = self.resolver.ready(conn, batch, now)
        self._flying.append((ready, self.pool.submit(_decide, self._written, now, _pack(ready.arrivals), ())))
        if len(self._flying) > AHEAD:
            yield self._write(conn, now)

    def redo(self, conn: Connection, now: int, most: int) -> Iterator[Resolved]:
        """Look at customers of the redo queue, half of them in each process; nothing when none is left. All that was given away
        is written and committed."""
        # From both ends: who stand side by side in the queue came together and may be neighbours.
        theirs, ours = self.resolver.waiting(conn, max(1, most // 2))
        if not theirs:
            return
        future = self.pool.submit(_decide, self._written, now, b"", theirs)
        second = self.resolver.look(conn, ours, now)
        first = _change(future.result())
        self._done += 1
        yield self.resolver.write(conn, _NOTHING, first, now, theirs)
        if any(saved.ref in second.groups for saved in first.saved):
            second = self.resolver.look(conn, ours, now)  # what it rests on has just changed
        yield self.resolver.write(conn, _NOTHING, second, now, ours)

    def clean(self, reader: Reader, rows: Sequence[Row], now: int) -> Future[list[Clean]]:
        """Have rows cleaned."""
        return self.pool.submit(_clean, reader, rows, now)

    def expect(self, outlook: Outlook) -> None:
        """Tell both processes what is on its way."""
        self.resolver.outlook = outlook
        self.pool.submit(_expect, outlook).result()

    def rest(self, conn: Connection, now: int) -> Iterator[Resolved]:
        """Write all that was given away."""
        while self._flying:
            yield self._write(conn, now)

    def committed(self) -> None:
        """What was written is committed, and need not be remembered."""
        self._written = self._done

    def _write(self, conn: Connection, now: int) -> Resolved:
        ready, future = self._flying.popleft()
        resolved = self.resolver.write(conn, ready, _change(future.result()), now)
        self._done += 1
        return resolved


@contextmanager
def apart(hub: Hub, resolver: Resolver) -> Iterator[Apart]:
    """A second process that decides as the resolver does with the weights that are shipped."""
    # A new interpreter: a forked one would share this one's connections.
    context = multiprocessing.get_context("spawn")
    setting = (hub.settings, resolver.preset, resolver.single_source)
    with ProcessPoolExecutor(1, context, _begin, setting) as pool:
        with _out_of_reach():
            pool.submit(len, ())  # which starts it
        yield Apart(resolver, pool, undisturbed=hub.db.dialect == "sqlite")


@contextmanager
def _out_of_reach() -> Iterator[None]:
    """A process that is started in the block is not interrupted from the keyboard, not even before it can say so itself: the
    first one is, and ends it."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# -- in the other process


@dataclass
class _Decider:
    """What the other process holds."""

    hub: Hub
    preset: str
    single_source: bool
    ahead: Ahead = field(default_factory=Ahead)
    outlook: Outlook = field(default_factory=Outlook)

    def decide(self, now: int, arrivals: bytes, due: Sequence[str]) -> Change:
        """Decide a batch, or look at customers again."""
        engine = Engine(
            blind_of(self.hub.ring), partial(new_id, now), preset=self.preset, single_source=self.single_source,
            expected=self.outlook.expected, elsewhere=self.outlook.elsewhere,
        )  # fmt: skip
        # Each question sees what is committed by then: no transaction keeps the log of SQLite from being written back.
        with self.hub.db.read() as conn:
            if conn.dialect.name == "sqlite":
                driver(conn).execute(_PAGES)
            ledger.by_index(conn)
            self.ahead.over(SqlStore(conn, self.hub.ring, Statistics(), now))
            return engine.redo(self.ahead, due) if due else engine.resolve(self.ahead, _arrivals(arrivals))


_here: list[_Decider] = []


def _begin(settings: Settings, preset: str, single_source: bool) -> None:
    # The first process is interrupted from the keyboard as well, and ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow, daemon=True).start()
    gc.disable()
    _here.append(_Decider(Hub.open(settings, migrate=False), preset, single_source))


def _follow() -> None:
    """End with the process that started this one, however it ends: the pool's own pipe would stay open."""
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)


def _clean(reader: Reader, rows: Sequence[Row], now: int) -> list[Clean]:
    return cleaned(reader, rows, now, blind_of(_here[0].hub.ring))


def _expect(outlook: Outlook) -> None:
    _here[0].outlook = outlook


def _decide(written: int, now: int, arrivals: bytes, due: Sequence[str]) -> bytes:
    _here[0].ahead.written(written)
    return _pack(_here[0].decide(now, arrivals, due))
