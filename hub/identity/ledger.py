"""The identity ledger: merges and splits as entries that can be explained and undone; people's decisions outrank all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, text
from sqlalchemy import select as sa_select
from sqlmodel import col, insert, select, update

from hub.events.mint import EventRow, mint
from hub.identity.groups import Reason
from hub.models import CustomerAlias, LedgerEntry, NotSame
from hub.models.base import table
from hub.store.bulk import Upsert, delete_in, many, select_in
from hub.store.types import from_us

_insert_not_same = Upsert("not_same", ("a", "b", "by", "at"), ("a", "b"))
_insert_alias = Upsert("customer_alias", ("id", "customer_id", "at"), ("id",), update=("customer_id", "at"))


LOCK = 7_310_002
_MERGED = "UPDATE customer SET state = 'merged', merged_into = {0}, profiles = 0, changed_at = {0} WHERE id = {0}"
_ALIASED = "UPDATE customer_alias SET customer_id = {0} WHERE customer_id = {0}"


def lock(conn: Connection) -> None:
    """Whoever decides which profile belongs to which customer is alone with it, until the end of the transaction.

    Two workers that bring the same new key at once would make two customers of it, and a merge would be undone by a worker
    that had read the profile before. On PostgreSQL; SQLite has one writer anyway. Read what you compare after this.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})


class Merge(NamedTuple):
    """Customer ``loser`` goes into ``survivor``."""

    survivor: str
    loser: str
    reason: Reason | None
    by: str


def survivor(conn: Connection, customers: Sequence[str]) -> str:
    """The customer that keeps its id: most profiles, then oldest."""
    rows = select_in(conn, "customer", ("id", "profiles", "created_at"), "id", customers)
    return str(min(rows, key=lambda row: (-row[1], row[2], row[0]))[0])


def move(conn: Connection, profiles: Iterable[str], target: str) -> None:
    """Put profiles and their keys under another customer."""
    for ref in profiles:
        conn.execute(text("UPDATE profile SET customer_id = :c WHERE ref = :r"), {"c": target, "r": ref})
        conn.execute(text("UPDATE identity_key SET customer_id = :c WHERE profile_ref = :r"), {"c": target, "r": ref})


def merge(conn: Connection, merges: Iterable[Merge], now: int, wanted: frozenset[str] = frozenset()) -> list[EventRow]:
    """Carry out merges; the caller refreshes the survivors' golden records. Returns the events to insert."""
    events = []
    for item in merges:
        moved = [row[0] for row in select_in(conn, "profile", ("ref",), "customer_id", [item.loser])]
        move(conn, moved, item.survivor)
        values = {"state": "merged", "into": item.survivor, "now": now, "id": item.loser}
        conn.execute(
            text("UPDATE customer SET state = :state, merged_into = :into, profiles = 0, changed_at = :now WHERE id = :id"),
            values,
        )
        conn.execute(
            update(CustomerAlias).where(col(CustomerAlias.customer_id) == item.loser).values(customer_id=item.survivor)
        )
        _insert_alias(conn, [(item.loser, item.survivor, now)])
        conn.execute(text("DELETE FROM search_token WHERE customer_id = :id"), {"id": item.loser})
        rule = item.reason.kind if item.reason else "manual"
        evidence = {"key": rule, "with": item.reason.profile} if item.reason else {}
        entry = write(conn, "merge", item.survivor, item.loser, moved, rule, evidence, item.by, now)
        events.append(_event("customer.merged", item.survivor, item.loser, moved, entry, now, wanted))
    return events


class Booked(NamedTuple):
    """A merge or split that has been carried out: ``other`` went into ``customer``, or out of it, with these profiles."""

    customer: str
    other: str
    profiles: Sequence[str]
    rule: str
    evidence: Mapping[str, Any]
    by: str


def book_merges(conn: Connection, merges: Sequence[Booked], now: int, wanted: frozenset[str] = frozenset()) -> list[EventRow]:
    """Write down merges whose profiles have been moved: the losers become aliases. Returns the events to insert."""
    many(conn, _MERGED, [(item.customer, now, item.other) for item in merges])
    for item in merges:
        many(conn, _ALIASED, [(item.customer, item.other)])
        _insert_alias(conn, [(item.other, item.customer, now)])
    delete_in(conn, "search_token", "customer_id", [item.other for item in merges])
    return _booked(conn, "merge", "customer.merged", merges, now, wanted)


def book_splits(conn: Connection, splits: Sequence[Booked], now: int, wanted: frozenset[str] = frozenset()) -> list[EventRow]:
    """Write down splits whose profiles have been moved. Returns the events to insert."""
    return _booked(conn, "split", "customer.split", splits, now, wanted)


def _booked(
    conn: Connection, kind: str, event: str, items: Sequence[Booked], now: int, wanted: frozenset[str]
) -> list[EventRow]:
    events = []
    for item in items:
        entry = write(conn, kind, item.customer, item.other, item.profiles, item.rule, item.evidence, item.by, now)
        events.append(_event(event, item.customer, item.other, list(item.profiles), entry, now, wanted))
    return events


def settle_aliases(conn: Connection, *customers: str) -> None:
    """Point the aliases of these customers to where each one's own merges lead now (after one of them was taken back)."""
    aliases = [row[0] for row in select_in(conn, "customer_alias", ("id",), "customer_id", customers)]
    went: dict[str, str | None] = {}
    unknown = [*aliases, *customers]
    while unknown:
        went |= dict(select_in(conn, "customer", ("id", "merged_into"), "id", unknown))
        unknown = [into for into in went.values() if into is not None and into not in went]
    for alias in aliases:
        now: str = alias
        while (into := went.get(now)) is not None:
            now = into
        conn.execute(update(CustomerAlias).where(col(CustomerAlias.id) == alias).values(customer_id=now))


def _event(kind: str, cid: str, other: str, moved: list[str], entry: int, now: int, wanted: frozenset[str]) -> EventRow:
    account = int(moved[0].split("|")[0]) if moved else 0
    return mint(kind, account, cid, now, now, {"other": other}, fact=str(entry), pending=kind in wanted)


def write(
    conn: Connection, kind: str, customer: str, other: str, profiles: Sequence[str], rule: str,
    evidence: Mapping[str, Any], by: str, now: int,
) -> int:  # fmt: skip
    """Append a ledger entry; its id."""
    values = {
        "kind": kind, "customer_id": customer, "other_id": other, "profiles": list(profiles), "rule": rule,
        "evidence": dict(evidence), "by": by, "at": from_us(now),
    }  # fmt: skip
    return int(conn.execute(insert(LedgerEntry).values(**values).returning(col(LedgerEntry.id))).scalar_one() or 0)


def part(conn: Connection, ones: Iterable[str], others: Sequence[str], by: str, now: int) -> None:
    """Remember for ever that each of ``ones`` and each of ``others`` are not the same customer."""
    _insert_not_same(conn, [(*sorted((a, b)), by, now) for a in ones for b in others])


def unpart(conn: Connection, ones: Iterable[str], others: Sequence[str]) -> None:
    """Take such decisions back."""
    for a in ones:
        for b in others:
            low, high = sorted((a, b))
            conn.execute(text("DELETE FROM not_same WHERE a = :a AND b = :b"), {"a": low, "b": high})


def parted(conn: Connection, profiles: Iterable[str]) -> set[tuple[str, str]]:
    """Pairs of profiles that a person has parted, of which at least one is among these."""
    refs = list(profiles)
    rows = [row for side in "ab" for row in select_in(conn, "not_same", ("a", "b"), side, refs)]
    return {(row[0], row[1]) for row in rows}


def entry(conn: Connection, number: int) -> LedgerEntry | None:
    """A ledger entry."""
    row = conn.execute(sa_select(table(LedgerEntry)).where(col(LedgerEntry.id) == number)).first()
    return LedgerEntry(**row._asdict()) if row else None


def not_same_count(conn: Connection) -> int:
    """How many decisions of people there are."""
    return len(conn.execute(select(NotSame.a)).all())
