"""How many questions people are asked at once: those whose answers put most right, the others are kept until there is room.

The rule: the records with an open question are at most 3 in 100 of all. Each question counts for the two records it is about;
a small store may always have some. What is kept has the state ``kept``, comes up when questions before it are answered, and
goes when it is out of date like any other.
"""

from __future__ import annotations

from sqlalchemy import Connection

from hub.store.bulk import driver, marked

SHARE = 0.03
LEAST = 50
"""Questions that may always be open."""
_LAST = "SELECT worth FROM identity_review WHERE state IN ('open', 'kept') ORDER BY worth DESC LIMIT 1 OFFSET {0}"
_KEEP = "UPDATE identity_review SET state = 'kept' WHERE state = 'open' AND worth <= {0}"
_ASK = "UPDATE identity_review SET state = 'open' WHERE state = 'kept' AND worth > {0}"


def most(conn: Connection) -> int:
    """How many questions may be open: nr counts all profiles that there ever were."""
    (records,) = driver(conn).execute("SELECT coalesce(max(nr), 0) FROM profile").fetchone()
    return max(int(records * SHARE / 2), LEAST)


def bound(conn: Connection) -> None:
    """Leave open what is worth most, in the caller's transaction. Of questions worth the same, all or none."""
    database = driver(conn)
    first_kept = database.execute(marked(conn, _LAST), (most(conn),)).fetchone()
    cut = first_kept[0] if first_kept else -1.0
    database.execute(marked(conn, _KEEP), (cut,))
    database.execute(marked(conn, _ASK), (cut,))
