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
_LAST = "SELECT worth, a, b FROM identity_review WHERE state IN ('open', 'kept') ORDER BY worth DESC, a, b LIMIT 1 OFFSET {0}"
_OVER = "SELECT 1 FROM identity_review WHERE state = 'open' LIMIT 1 OFFSET {0}"
_BEHIND = "(worth < {0} OR (worth = {0} AND (a > {0} OR (a = {0} AND b >= {0}))))"
_KEEP = f"UPDATE identity_review SET state = 'kept' WHERE state = 'open' AND worth <= {{0}} AND {_BEHIND}"  # noqa: S608 - constants
_ASK = f"UPDATE identity_review SET state = 'open' WHERE state = 'kept' AND worth >= {{0}} AND NOT {_BEHIND}"  # noqa: S608 - constants
_ASK_ALL = "UPDATE identity_review SET state = 'open' WHERE state = 'kept'"


def most(conn: Connection) -> int:
    """How many questions may be open: nr counts all profiles that there ever were."""
    (records,) = driver(conn).execute("SELECT coalesce(max(nr), 0) FROM profile").fetchone()
    return max(int(records * SHARE / 2), LEAST)


def over(conn: Connection) -> bool:
    """Whether more are open than may be."""
    return driver(conn).execute(marked(conn, _OVER), (most(conn),)).fetchone() is not None


def bound(conn: Connection) -> None:
    """Leave open what is worth most, in the caller's transaction. Of questions worth the same those with the first refs."""
    database = driver(conn)
    first_kept = database.execute(marked(conn, _LAST), (most(conn),)).fetchone()
    if first_kept is None:
        database.execute(_ASK_ALL)
        return
    worth, a, b = first_kept
    place = (worth, worth, worth, a, a, b)
    database.execute(marked(conn, _KEEP), place)
    database.execute(marked(conn, _ASK), place)
