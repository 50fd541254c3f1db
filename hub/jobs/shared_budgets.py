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


def conninfo(hub: Hub) -> str:
    """The database's address as psycopg takes it."""
    return hub.db.url.set(drivername="postgresql").render_as_string(hide_password=False)


@dataclass(frozen=True)
class Cell:
    """So many calls in a span of seconds, counted under a key: [number of the span, calls in it, calls in the one before].

    The calls of the last span are those of the running one and, of the one before, the part that still lies in it.
    """

    key: str
    limit: int
    span: float

    def now(self, state: dict[str, Any], moment: float) -> list[int]:
        """The counts at this moment."""
        number = int(moment // self.span)
        stored, used, before = state.get(self.key) or (number, 0, 0)
        if stored == number:
            return [number, used, before]
        return [number, 0, used if stored == number - 1 else 0]

    def wait(self, state: dict[str, Any], moment: float) -> float:
        """Seconds until a call has its place; 0: now."""
        number, used, before = self.now(state, moment)
        if used >= self.limit:
            return (number + 1) * self.span - moment + self.span / self.limit
        left = number + 1 - moment / self.span
        return max(0.0, (left - (self.limit - 1 - used) / before) * self.span) if before else 0.0


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
                number, used, before = cell.now(state, now)
                state[cell.key] = [number, used + 1, before]
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
