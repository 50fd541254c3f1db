"""What people decided about pairs of profiles. It outranks the machine for ever, until a person takes it back."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import Connection

from hub.identity.core.store import Decision, Verdict
from hub.store.bulk import Upsert, driver, many, select_in

_upsert = Upsert("identity_decision", ("a", "b", "verdict", "by", "at"), ("a", "b"), update=("verdict", "by", "at"))
_ANSWERED = 'UPDATE identity_review SET state = {0}, "by" = {0} WHERE a = {0} AND b = {0}'
_ANSWERED_PAIRS = (
    'UPDATE identity_review r SET state = %s, "by" = %s FROM unnest(%s::text[], %s::text[]) AS pair(a, b) '
    "WHERE r.a = pair.a AND r.b = pair.b"
)
_FORGOTTEN = "DELETE FROM identity_decision WHERE a = {0} AND b = {0}"


def remember(conn: Connection, pairs: Iterable[tuple[str, str]], verdict: Verdict, by: str, now: int) -> None:
    """Write down one answer about pairs of profiles; questions about them leave the queue."""
    ordered = [(a, b) if a < b else (b, a) for a, b in pairs]
    _upsert(conn, [(a, b, verdict, by, now) for a, b in ordered])
    if conn.dialect.name == "postgresql" and ordered:
        # Two customers of twenty-five profiles each are six hundred pairs, and each its own statement.
        driver(conn).execute(_ANSWERED_PAIRS, (verdict, by, [a for a, _ in ordered], [b for _, b in ordered]))
    else:
        many(conn, _ANSWERED, [(verdict, by, a, b) for a, b in ordered])


def join(conn: Connection, ones: Collection[str], others: Collection[str], by: str, now: int) -> None:
    """A person has put two customers together as they stand: a profile of each side is the same as all of the other side."""
    forget(conn, ones, others)
    one, other = min(ones), min(others)
    remember(conn, {*((one, ref) for ref in others), *((ref, other) for ref in ones)}, "same", by, now)


def part(conn: Connection, ones: Collection[str], others: Collection[str], by: str, now: int) -> None:
    """None of the one side is the same as any of the other."""
    remember(conn, ((a, b) for a in ones for b in others), "different", by, now)


def forget(conn: Connection, ones: Collection[str], others: Collection[str]) -> None:
    """Take back what was decided between the two sides."""
    sides = set(ones), set(others)
    found = [item for item in among(conn, ones) if {item.a, item.b} & sides[0] and {item.a, item.b} & sides[1]]
    many(conn, _FORGOTTEN, [(item.a, item.b) for item in found])


def among(conn: Connection, refs: Collection[str]) -> list[Decision]:
    """All decisions that touch one of these profiles."""
    rows = {row for side in "ab" for row in select_in(conn, "identity_decision", ("a", "b", "verdict"), side, refs)}
    return [Decision(a, b, verdict) for a, b, verdict in sorted(rows)]
