"""The hub's own resolver, and the one way in which a person's answer, and its being taken back, reaches it."""

from __future__ import annotations

from collections.abc import Iterable
from weakref import WeakKeyDictionary

from sqlalchemy import Connection

from hub.core import Hub
from hub.events.mint import insert_events
from hub.events.rules import wanted_kinds
from hub.identity.core.store import Decision
from hub.identity.desk.fitted import Weights
from hub.identity.records.stored import Records
from hub.identity.records.survivorship import rules_of
from hub.identity.resolve import Resolver
from hub.identity.sources import Sources
from hub.identity.tables import asking
from hub.identity.tables.statistics import Statistics
from hub.store.bulk import Upsert
from hub.store.database import Database

_insert_redo = Upsert("identity_redo", ("customer_id", "reason", "at"), ("customer_id",), update=("at",))

STATISTICS: WeakKeyDictionary[Database, Statistics] = WeakKeyDictionary()
"""The counters of each database, read once for all resolvers of the process."""


def resolver(hub: Hub) -> Resolver:
    """A resolver over the hub's accounts, with its settings and fitted weights."""
    settings = hub.settings
    wanted, rules = wanted_kinds(settings), rules_of(hub)
    made = Resolver(hub.ring, Sources(hub), wanted, settings.identity_preset, model=Weights(hub), rules=rules)
    made.statistics = STATISTICS.setdefault(hub.db, made.statistics)
    return made


def decide(hub: Hub, conn: Connection, decision: Decision, by: str, now: int) -> None:
    """Remember what a person said of two profiles, and act on it, in the caller's transaction."""
    insert_events(conn, resolver(hub).decide(conn, decision, by, now).events)


def reconsider(hub: Hub, conn: Connection, customers: Iterable[str], now: int) -> None:
    """Look at these customers again at once, with all that is known now."""
    wanted = sorted(set(customers))
    # The oldest of the queue come first, and nothing else is as old as this.
    _insert_redo(conn, [(customer, "answer", 0) for customer in wanted])
    insert_events(conn, resolver(hub).redo(conn, now, most=len(wanted)).events)
    asking.bound(conn)


def records(hub: Hub) -> Records:
    """The hub's golden records."""
    return Records(hub.ring, Sources(hub).rank, rules_of(hub))


def refresh(hub: Hub, conn: Connection, customers: Iterable[str], now: int) -> None:
    """Make the golden records of these customers anew."""
    records(hub).refresh(conn, sorted(set(customers)), now)
