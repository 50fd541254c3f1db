"""The identity ledger: merges and splits as entries that can be explained and undone; people's decisions outrank all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection
from sqlalchemy import select as sa_select
from sqlmodel import col, update

from hub.events.mint import EventRow, mint
from hub.models import CustomerAlias, LedgerEntry
from hub.models.base import table
from hub.store.bulk import Upsert, delete_in, driver, many, marked, select_in

_insert_alias = Upsert("customer_alias", ("id", "customer_id", "at"), ("id",), update=("customer_id", "at"))


LOCK = 7_310_002
_BY_INDEX = "set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true)"
_MERGED = "UPDATE customer SET state = 'merged', merged_into = {0}, profiles = 0, changed_at = {0} WHERE id = {0}"
_ENTRY = (
    'INSERT INTO ledger_entry (kind, customer_id, other_id, profiles, rule, evidence, "by", at) '
    "VALUES ({0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}) RETURNING id"
)
_ALIASED = "UPDATE customer_alias SET customer_id = {0} WHERE customer_id = {0}"


def lock(conn: Connection) -> None:
    """Whoever decides which profile belongs to which customer is alone with it, until the end of the transaction.

    Two workers that bring the same new key at once would make two customers of it, and a merge would be undone by a worker
    that had read the profile before. On PostgreSQL; SQLite has one writer anyway. Read what you compare after this.
    """
    if conn.dialect.name == "postgresql":
        driver(conn).execute(f"SELECT pg_advisory_xact_lock(%s), {_BY_INDEX}", (LOCK,))


def by_index(conn: Connection) -> None:
    """PostgreSQL, until the end of the transaction: each statement is planned once and goes by its indexes. In `lock` anyway.

    Lists as values would have it planned anew each time, which takes longer than most of these statements; and a plan that
    was made while a table was small would read all of it when it has grown.
    """
    if conn.dialect.name == "postgresql":
        driver(conn).execute(f"SELECT {_BY_INDEX}")


def survivor(conn: Connection, customers: Sequence[str]) -> str:
    """The customer that keeps its id: most profiles, then oldest."""
    rows = select_in(conn, "customer", ("id", "profiles", "created_at"), "id", customers)
    return str(min(rows, key=lambda row: (-row[1], row[2], row[0]))[0])


def move(conn: Connection, profiles: Iterable[tuple[str, str]]) -> None:
    """Put profiles (ref, customer) and their keys under other customers."""
    rows = [(customer, ref) for ref, customer in profiles]
    if conn.dialect.name == "postgresql":
        went: dict[str, list[str]] = {}
        for customer, ref in rows:
            went.setdefault(customer, []).append(ref)
        for table_name, key in (("profile", "ref"), ("identity_key", "profile_ref")):
            for customer, refs in went.items():
                driver(conn).execute(f"UPDATE {table_name} SET customer_id = %s WHERE {key} = ANY(%s)", (customer, refs))  # noqa: S608
        return
    many(conn, "UPDATE profile SET customer_id = {0} WHERE ref = {0}", rows)
    many(conn, "UPDATE identity_key SET customer_id = {0} WHERE profile_ref = {0}", rows)


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
    row = (kind, customer, other, _json(list(profiles)), rule, _json(dict(evidence)), by, now)
    (number,) = driver(conn).execute(marked(conn, _ENTRY), row).fetchone()
    return int(number)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def entry(conn: Connection, number: int) -> LedgerEntry | None:
    """A ledger entry."""
    row = conn.execute(sa_select(table(LedgerEntry)).where(col(LedgerEntry.id) == number)).first()
    return LedgerEntry(**row._asdict()) if row else None
