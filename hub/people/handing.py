"""The job that hands over: begins what was ordered, asks what became of it, and lets the owner follow.

Never sent twice: ``sending`` is committed before the call. A call whose outcome is open, also because its process was killed,
leaves the rows in doubt; the platform is then asked what it knows (``HandsOver.handed``), twice and minutes apart, since some
list a hand-over late. Only when both times it knows of none may it be sent again; and when it then says that one is under way,
that one is taken for ours, and its result asked for.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, Row, and_, delete, func, select, update

from connectors import errors
from connectors.base import Source
from connectors.people import Handed, HandOver
from hub import accounts
from hub.core import Hub
from hub.models import Account, Orphan
from hub.models.base import table
from hub.people import orphans
from hub.people.handover import HANDOVER, QUEUE
from hub.people.queue import backoff, internal
from hub.store.types import EPOCH
from hub.sync.landing import Lander

log = structlog.get_logger("hub.people")
ORPHAN = table(Orphan)
SETTLE = timedelta(minutes=2)
"""After an outcome in doubt, until the platform is asked what it knows."""
ASK_AGAIN = timedelta(minutes=8)
FIRST_LOOK, EVERY, OVERDUE = timedelta(minutes=10), timedelta(hours=6), timedelta(hours=1)
GRACE, SHORTLY = timedelta(minutes=5), timedelta(seconds=15)
GIVE_UP = timedelta(days=7)
"""So long after it should have taken effect a hand-over without an outcome is given up, for a person to look at."""
MOST_DOUBTS = 3
Rows = Sequence[Row[Any]]


def work(hub: Hub, account_id: int, *, seconds: float = 30) -> int:
    """Send and ask for about so many seconds; how many records were handled."""
    ends, handled = time.monotonic() + seconds, 0
    while time.monotonic() < ends and not hub.stopping():
        rows = claim(hub, account_id)
        if not rows:
            break
        handled += len(rows)
        account = accounts.by_id(hub, account_id)
        if not (_send if rows[0].state == "waiting" else _ask)(hub, account, rows):
            break
    return handled


def claim(hub: Hub, account_id: int) -> list[Row[Any]]:
    """The next due row under a lease, with those that one call can take along: same members and, once begun, same call."""
    head = QUEUE.claim(hub, account_id)
    if head is None:
        return []
    rules, c = orphans.rules_of(accounts.by_id(hub, account_id).platform), HANDOVER.c
    same = [c[name] == getattr(head, name) for name in ("account_id", "stream", "staff", "to", "left", "message", "state")]
    if head.state != "waiting":
        same.append(c.began_at == head.began_at)
    others = select(c.id).where(and_(*same), c.id != head.id, QUEUE.due(hub.now())).order_by(c.id).limit(rules.batch - 1)
    with hub.db.write() as conn:
        numbers = list(conn.execute(others).scalars())
        taking = update(HANDOVER).where(c.id.in_(numbers), c.lease_until <= hub.now()).values(lease_until=head.lease_until)
        taken = conn.execute(taking.values(fence=c.fence + 1).returning(HANDOVER)).all() if numbers else []
    return [head, *sorted(taken, key=lambda row: row.id)]


def ordered(rows: Rows) -> HandOver:
    """What one call is about."""
    head = rows[0]
    return HandOver(head.stream, head.staff, head.to, tuple(row.key for row in rows), head.left, head.message)


# ---------------------------------------------------------------- sending


def _send(hub: Hub, account: Account, rows: Rows) -> bool:
    try:
        connector = orphans.giving(hub, account)
        rows = _allowed(hub, rows, connector.hand_over_rules.a_day.get(rows[0].stream))
        rows = _begin(hub, rows)
        if not rows:
            return True
        refused = connector.hand_over(ordered(rows))
    except errors.Stop:
        # The door looks before each call, so nothing went out after the rows were marked.
        _put(hub, rows, state="waiting", next_at=hub.now())
        raise
    except Exception as error:
        return _not_sent(hub, account, rows, error)
    with hub.db.write() as conn:
        for row in rows:
            _sent(conn, hub, row, refused.get(row.key))
    return True


def _allowed(hub: Hub, rows: Rows, a_day: int | None) -> Rows:
    """Those that today's share has room for; the rest wait until it has."""
    if a_day is None:
        return rows
    c, head, day = HANDOVER.c, rows[0], timedelta(days=1)
    begun = (c.account_id == head.account_id, c.stream == head.stream, c.staff == head.staff, c.left == head.left)
    recent = select(func.count(), func.min(c.began_at)).where(*begun, c.began_at > hub.now() - day, c.state != "failed")
    with hub.db.read() as conn:
        count, oldest = conn.execute(recent).one()
    room = max(0, a_day - count)
    if len(rows) > room:
        _put(hub, rows[room:], next_at=(oldest or hub.now()) + day)
    return rows[:room]


def _begin(hub: Hub, rows: Rows) -> list[Row[Any]]:
    """Note, before the call, that it is going out; the rows that are still ours."""
    now, held = hub.now(), []
    with hub.db.write() as conn:
        for row in rows:
            # After a doubt the first call may have begun it: results are asked for from then on.
            began = row.began_at if row.doubts and row.began_at else now
            if QUEUE.mine(conn, row, state="sending", began_at=began, asks=0, attempts=row.attempts + 1):
                held.append(row)
    return held


def _sent(conn: Connection, hub: Hub, row: Row[Any], error: errors.ConnectorError | None) -> None:
    now = hub.now()
    if error is None or (isinstance(error, errors.Duplicate) and row.doubts):
        QUEUE.release(conn, row, state="sent", error=None, next_at=now + FIRST_LOOK)
    elif isinstance(error, errors.InDoubt):
        QUEUE.release(conn, row, state="in_doubt", error=internal(error), next_at=now + SETTLE)
    else:
        QUEUE.release(conn, row, state="failed", error=internal(error), done_at=now)


def _not_sent(hub: Hub, account: Account, rows: Rows, error: Exception) -> bool:
    """The call failed as a whole."""
    if not isinstance(error, errors.ConnectorError):
        log.error("handover_failed", account=account.key, exc_info=error)
        error = errors.InDoubt(reason=type(error).__name__)
    told, now = internal(error), hub.now()
    if isinstance(error, errors.InDoubt):
        _put(hub, rows, state="in_doubt", error=told, next_at=now + SETTLE)
    elif isinstance(error, errors.Retryable):
        wait = timedelta(seconds=error.wait) if isinstance(error, errors.Throttled) else backoff(rows[0].attempts + 1)
        _put(hub, rows, state="waiting", error=told, next_at=now + wait)
        _hold(hub, account, wait)
    elif isinstance(error, errors.AuthError | errors.ConfigError) and not isinstance(error, errors.UnknownAnswer):
        _put(hub, rows, state="waiting", error=told, next_at=now)
        _stop(hub, account, error)
    else:
        with hub.db.write() as conn:
            for row in rows:
                _sent(conn, hub, row, error)
        return True
    return False


def _stop(hub: Hub, account: Account, error: errors.ConnectorError) -> None:
    """Only a person can put this right: the account goes out of service, so that a wrong secret is not tried for each batch."""
    state = "needs_auth" if isinstance(error, errors.AuthError) else "failed"
    accounts.set_state(hub, account.key, state, reason=error.key, by="hub")


# ---------------------------------------------------------------- asking


def _ask(hub: Hub, account: Account, rows: Rows) -> bool:
    """What the platform knows of them."""
    done = 0
    try:
        connector = orphans.giving(hub, account, priority=2)
        found = connector.handed(ordered(rows), rows[0].began_at)
        lander = Lander(hub, account, rows[0].stream)
        for row in rows:
            _outcome(hub, lander, connector, row, found.get(row.key))
            done += 1
    except errors.Stop:
        _put(hub, rows[done:], next_at=hub.now(), **_doubtful(rows))
        raise
    except Exception as error:
        if not isinstance(error, errors.ConnectorError):
            log.error("handover_result_failed", account=account.key, exc_info=error)
        age = hub.now() - rows[0].began_at
        wait = timedelta(seconds=error.wait) if isinstance(error, errors.Throttled) else min(OVERDUE, max(SHORTLY, age / 4))
        _put(hub, rows[done:], next_at=hub.now() + wait, error=internal(error), **_doubtful(rows))
        _hold(hub, account, wait)
        if isinstance(error, errors.AuthError | errors.ConfigError) and not isinstance(error, errors.UnknownAnswer):
            _stop(hub, account, error)
        return False
    return True


def _hold(hub: Hub, account: Account, wait: timedelta) -> None:
    with hub.db.write() as conn:
        QUEUE.hold_account(conn, account.id or 0, hub.now() + min(wait, SHORTLY))


def _doubtful(rows: Rows) -> dict[str, str]:
    """A row whose sender vanished is in doubt from the moment that somebody finds it."""
    return {"state": "in_doubt"} if rows[0].state == "sending" else {}


def _outcome(hub: Hub, lander: Lander, connector: Any, row: Row[Any], item: Handed | None) -> None:
    """Note what became of one record; a row that is somebody else's by now is left alone."""
    if item is not None and item.state == "done":
        _follow(hub, lander, connector, row, item)
        return
    with hub.db.write() as conn:
        if item is None:
            _unknown(conn, hub, row)
        elif item.state == "waiting":
            _waits(conn, hub, row, item)
        else:
            told = None if item.state == "refused" else errors.Rejected("handover.full").as_dict()
            state = "refused" if item.state == "refused" else "failed"
            QUEUE.release(conn, row, state=state, error=told, done_at=hub.now())


def _unknown(conn: Connection, hub: Hub, row: Row[Any]) -> None:
    now = hub.now()
    if row.state == "sent":
        if now - row.began_at > GIVE_UP:
            QUEUE.release(conn, row, state="failed", error=errors.Rejected("handover.no_record").as_dict(), done_at=now)
        else:
            QUEUE.release(conn, row, next_at=now + OVERDUE, asks=row.asks + 1)
    elif row.state == "sending" or not row.asks:
        # Whoever vanished may have vanished a moment ago; and a first silence may be a list that lags.
        QUEUE.release(conn, row, state="in_doubt", asks=row.asks + 1, next_at=max(now, row.began_at + SETTLE) + ASK_AGAIN)
    elif row.doubts + 1 >= MOST_DOUBTS:
        QUEUE.release(conn, row, state="failed", error=errors.Rejected("handover.never_taken").as_dict(), done_at=now)
    else:
        QUEUE.release(conn, row, state="waiting", asks=0, doubts=row.doubts + 1, next_at=now)


def _waits(conn: Connection, hub: Hub, row: Row[Any], item: Handed) -> None:
    now, due = hub.now(), item.at
    if now - (due or row.began_at) > GIVE_UP:
        QUEUE.release(conn, row, state="failed", error=errors.Rejected("handover.no_outcome").as_dict(), done_at=now)
        return
    next_at = now + EVERY if due is None else min(now + EVERY, due + GRACE) if due + GRACE > now else now + OVERDUE
    values = {"effective_at": due, "becomes": item.becomes, "error": None, "asks": 0}
    QUEUE.release(conn, row, state="sent", next_at=next_at, **values)


def _follow(hub: Hub, lander: Lander, connector: Any, row: Row[Any], item: Handed) -> None:
    """The record under its new key is read and landed, the old one is gone if it is, and the hand-over is over: together."""
    keys = list(dict.fromkeys([item.becomes or row.key, row.key]))
    found = list(connector.fetch_many(row.stream, keys)) if isinstance(connector, Source) else []
    with hub.db.write() as conn:
        done = {"becomes": item.becomes, "effective_at": item.at, "error": None, "done_at": hub.now()}
        if not QUEUE.release(conn, row, state="accepted", **done):
            return
        if found:
            lander.land(conn, [record for _, record in found if record is not None])
            lander.gone(conn, [key for key, record in found if record is None])
        here = (ORPHAN.c.account_id == row.account_id, ORPHAN.c.stream == row.stream, ORPHAN.c.key == row.key)
        conn.execute(delete(ORPHAN).where(*here))


def _put(hub: Hub, rows: Rows, **values: Any) -> None:
    with hub.db.write() as conn:
        for row in rows:
            QUEUE.mine(conn, row, lease_until=EPOCH, **values)
