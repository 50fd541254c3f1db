"""People's part in deciding who is who: the one way in which an answer, and its being taken back, reaches the engine."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from hub.core import Hub
from hub.events.mint import insert_events
from hub.identity.evidence import Weighing
from hub.identity.fitted import Weights
from hub.identity.resolve import Resolver
from hub.identity.sources import Ranks
from hub.identity.store import Decision
from hub.identity.survivorship import rules_of
from hub.store.bulk import Upsert

_insert_redo = Upsert("identity_redo", ("customer_id", "reason", "at"), ("customer_id",), update=("at",))


def decide(hub: Hub, conn: Connection, decision: Decision, by: str, now: int) -> None:
    """Remember what a person said of two profiles, and act on it, in the caller's transaction."""
    insert_events(conn, _weighing(hub).decide(conn, decision, by, now).events)


def reconsider(hub: Hub, conn: Connection, customers: Iterable[str], now: int) -> None:
    """Look at these customers again at once, with all that is known now."""
    wanted = sorted(set(customers))
    # The oldest of the queue come first, and nothing else is as old as this.
    _insert_redo(conn, [(customer, "answer", 0) for customer in wanted])
    insert_events(conn, _weighing(hub).redo(conn, now, most=len(wanted)).events)


def refresh(hub: Hub, conn: Connection, customers: Iterable[str], now: int) -> None:
    """Make the golden records of these customers anew."""
    Resolver(hub.ring, Ranks(hub), rules=rules_of(hub)).refresh(conn, sorted(set(customers)), now)


def _weighing(hub: Hub) -> Weighing:
    return Weighing(hub.ring, Ranks(hub), str, model=Weights(hub), rules=rules_of(hub))
