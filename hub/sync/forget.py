"""Forgetting messages: what is past its retention date, what a customer no longer wants kept, what an erasure takes.

A message goes with its raw record. What was derived from it goes too where the customer wants it gone; after the retention
date a tag and its evidence (which message, when, which rule) stay, without the words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, bindparam, text

from hub.store.bulk import Row, delete_in, select_in

BATCH = 1000


def forget_pairs(conn: Connection, pairs: Iterable[tuple[bytes, str]]) -> int:
    """Delete what a customer wrote and was written at a place ('staff:<id>' or 'group:<digest in hex>'), and its traces in
    tags; how many messages."""
    wanted = set(pairs)
    columns = ("ref", "source_ref", "digest", "staff", "group_digest")
    rows = select_in(conn, "message", columns, "digest", {digest for digest, _ in wanted})
    mine = [row for row in rows if (bytes(row[2]), _place(row)) in wanted]
    forget_messages(conn, mine, traces=True)
    return len(mine)


def forget_customer(conn: Connection, digests: Iterable[bytes]) -> int:
    """Delete all messages, memberships and chat-derived traces of a customer, by his keys; how many messages.

    What he said about consent stays: it is what keeps his messages from being stored again.
    """
    keys = list(digests)
    rows = select_in(conn, "message", ("ref", "source_ref", "digest"), "digest", keys)
    forget_messages(conn, rows, traces=True)
    delete_in(conn, "group_member", "digest", keys)
    delete_in(conn, "chat_hit", "digest", keys)
    _look_again(conn, keys)
    return len(rows)


def forget_expired(conn: Connection, now: int, limit: int = BATCH) -> int:
    """Delete messages past their retention date, at most so many; how many it were."""
    statement = text("SELECT ref, source_ref FROM message WHERE keep_until <= :now ORDER BY keep_until LIMIT :limit")
    rows = [tuple(row) for row in conn.execute(statement, {"now": now, "limit": limit})]
    forget_messages(conn, rows, traces=False)
    return len(rows)


def shorten(conn: Connection, keep: int) -> None:
    """Bring retention dates forward after the setting was shortened (microseconds); a longer one moves none back."""
    conn.execute(text("UPDATE message SET keep_until = at + :keep WHERE keep_until > at + :keep"), {"keep": keep})


def look_at_groups(conn: Connection, refs: Iterable[str]) -> None:
    """Have the members of these groups looked at again."""
    for ref in refs:
        conn.execute(text("UPDATE chat_group SET judged = 0 WHERE ref = :ref"), {"ref": ref})


def forget_messages(conn: Connection, rows: Sequence[Row], *, traces: bool) -> None:
    """Delete messages (ref, source ref, and with traces the customer's digest) with their raw records and, if wanted, with
    what was derived from them."""
    refs = [row[0] for row in rows]
    delete_in(conn, "message", "ref", refs)
    delete_in(conn, "source_record", "ref", [row[1] for row in rows])
    delete_in(conn, "quarantined", "ref", [row[1] for row in rows])
    if traces:
        delete_in(conn, "chat_hit", "ref", refs)
        _look_again(conn, [bytes(row[2]) for row in rows if row[2] is not None])


def _look_again(conn: Connection, digests: Iterable[bytes]) -> None:
    """Have the tags of these customers looked at again."""
    found = sorted(set(digests))
    statement = text("UPDATE chat_tag SET due = true WHERE digest IN :digests").bindparams(bindparam("digests", expanding=True))
    for start in range(0, len(found), 500):
        conn.execute(statement, {"digests": found[start : start + 500]})


def _place(row: Row) -> str:
    _, _, _, staff, group = row
    return f"group:{bytes(group).hex()}" if group is not None else f"staff:{staff}"
