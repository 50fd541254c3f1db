"""Budgets that all hosts share: one row an account in PostgreSQL, by the database's clock.

pyrate-limiter's PostgresBucket is not used: its cleaning thread dies with the first connection that the server drops, after
which its table grows and each call reads all of it; and a limit answer that one host gets would not slow the others.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import orjson
from sqlalchemy import Connection, text

from connectors.budgets import BACKGROUND, rates
from connectors.errors import Throttled
from connectors.manifest import Budget
from hub.core import Hub
from hub.store.database import Database

TABLE = "CREATE TABLE IF NOT EXISTS budget (account_id integer PRIMARY KEY, state text NOT NULL)"
# A count that a crash of the server takes back by a moment does no harm, so nobody waits for its disk.
_LOCK = text(
    "SELECT set_config('synchronous_commit', 'off', true), extract(epoch FROM clock_timestamp())::float8, state "
    "FROM budget WHERE account_id = :account FOR UPDATE"
)
_NEW = text("INSERT INTO budget (account_id, state) VALUES (:account, '{}') ON CONFLICT DO NOTHING")
_KEEP = text("UPDATE budget SET state = :state WHERE account_id = :account")
_UNTIL = "until"
PARTS = 20
TICK = 0.001
"""Seconds on the safe side of a part's end."""


def conninfo(hub: Hub) -> str:
    """The database's address as psycopg takes it."""
    return hub.db.url.set(drivername="postgresql").render_as_string(hide_password=False)


@dataclass(frozen=True)
class Cell:
    """So many calls in any stretch of ``span`` seconds, counted under a key in parts of it: [number of the newest part,
    calls in each of the last parts, oldest first]. The part that is half over counts in full."""

    key: str
    limit: int
    span: float

    @property
    def _part(self) -> float:
        return self.span / PARTS

    def counts(self, state: dict[str, Any], moment: float) -> tuple[int, list[int]]:
        """The number of the part that the moment lies in, and the calls of it and those before it."""
        number = int(moment // self._part)
        stored, counts = state.get(self.key) or (number, [])
        counts = [*[0] * (PARTS + 1), *counts, *[0] * min(max(number - stored, 0), PARTS + 1)]
        return max(number, stored), counts[-PARTS - 1 :]

    def wait(self, state: dict[str, Any], moment: float) -> float:
        """Seconds until a call has its place; 0: now."""
        number, counts = self.counts(state, moment)
        over = sum(counts) - self.limit + 1
        for older, count in enumerate(counts, 1):
            if over <= 0:
                return 0.0 if older == 1 else (number + older - 1) * self._part - moment + TICK
            over -= count
        return (number + PARTS + 1) * self._part - moment + TICK

    def take(self, state: dict[str, Any], moment: float) -> None:
        """Count a call."""
        number, counts = self.counts(state, moment)
        state[self.key] = [number, [*counts[:-1], counts[-1] + 1]]


class _Gate:
    def __init__(self, place: int, budget: Budget) -> None:
        self.match = budget.match
        self.parallel = threading.BoundedSemaphore(budget.parallel) if budget.parallel else None
        self.all = [Cell(f"{place}.{i}", rate.limit, rate.interval / 1000) for i, rate in enumerate(rates(budget))]
        shares = enumerate(rates(budget, 0.8))
        self.background = [Cell(f"{place}.{i}.background", rate.limit, rate.interval / 1000) for i, rate in shares]


class SharedBudgets:
    """See ``connectors.budgets.Budgets``. Calls in parallel are limited in each process for itself.

    longest: seconds to wait for a place before the caller is told to come back later.
    """

    def __init__(self, db: Database, account_id: int, budgets: Sequence[Budget], *, longest: float = 20.0) -> None:
        self._db, self._account, self._longest = db, account_id, longest
        self._gates = [_Gate(place, budget) for place, budget in enumerate(budgets)]

    @contextmanager
    def hold(self, name: str, priority: int, sleep: Callable[[float], None]) -> Iterator[None]:
        """See ``Budgets.hold``. Raises Throttled when no place comes free in time."""
        gates = [gate for gate in self._gates if fnmatchcase(name, gate.match)]
        cells = [cell for gate in gates for cell in (gate.all + gate.background if priority >= BACKGROUND else gate.all)]
        with ExitStack() as held:
            for gate in gates:
                if gate.parallel:
                    held.enter_context(gate.parallel)
            waited = 0.0
            while (wait := self._take(cells)) > 0:
                if waited + wait > self._longest:
                    raise Throttled(wait, "error.own_budget", name=name)
                sleep(wait)
                waited += wait
            yield

    def slow(self, seconds: float) -> None:
        """See ``Budgets.slow``: on every host."""
        with self._db.write() as conn:
            now, state = self._state(conn)
            state[_UNTIL] = max(state.get(_UNTIL, 0.0), now + seconds)
            self._keep(conn, state)

    def _take(self, cells: Sequence[Cell]) -> float:
        """Count a call; or the seconds until it is worth asking again."""
        with self._db.write() as conn:
            now, state = self._state(conn)
            wait = max([state.get(_UNTIL, 0.0) - now, *(cell.wait(state, now) for cell in cells)])
            if wait > 0:
                return float(wait)
            for cell in cells:
                cell.take(state, now)
            if cells:
                self._keep(conn, state)
        return 0.0

    def _state(self, conn: Connection) -> tuple[float, dict[str, Any]]:
        row = conn.execute(_LOCK, {"account": self._account}).first()
        if row is None:
            conn.execute(_NEW, {"account": self._account})
            row = conn.execute(_LOCK, {"account": self._account}).one()
        return row[1], orjson.loads(row[2])

    def _keep(self, conn: Connection, state: dict[str, Any]) -> None:
        conn.execute(_KEEP, {"account": self._account, "state": orjson.dumps(state).decode()})
