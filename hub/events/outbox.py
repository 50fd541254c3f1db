"""The outbox: deliveries as rows, and the fenced ways to change them. No platform is called from here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection, Row, and_, exists, func, insert, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from connectors.errors import ConnectorError, Rejected
from hub.core import Hub
from hub.events.mint import event_id
from hub.models import Account, Delivery, DeliveryAttempt, InvoiceApplication
from hub.models.base import table
from hub.store.types import EPOCH

DELIVERY, ATTEMPT, ACCOUNT = table(Delivery), table(DeliveryAttempt), table(Account)
REQUEST = table(InvoiceApplication)
STATES = ("pending", "sending", "in_doubt", "incomplete", "rejected", "sent", "cancelled")
AMENDING = ("amend", "buyer", "party")
"""Steps that mark a document which was sent: its amount, its buyer's title, or the customer it is about is another by now."""
ASKING = (*AMENDING, "reverse")
"""Those, and the one that asks for its reversal."""
LOCK = 7_310_010
CHUNK = 900


class LeaseLost(Exception):
    """Somebody else has taken the delivery over: write nothing more about it."""


def serialise(conn: Connection) -> None:
    """One transaction at a time that turns events into deliveries or bundles them (SQLite has one writer anyway)."""
    if conn.dialect.name == "postgresql":
        conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})


def delivery_id(event: str, rule: str) -> str:
    """The id of a delivery: one event and one rule always give the same one."""
    return blake2b(f"{event}|{rule}".encode(), digest_size=16).hexdigest()


@cache
def _insert_new(dialect: str) -> Any:
    kind = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return kind(DELIVERY).on_conflict_do_nothing()


def add(conn: Connection, rows: Sequence[dict[str, Any]], now: datetime) -> int:
    """Insert deliveries; how many were new.

    One that is there already stays as it is. A number that another event holds at that destination makes the delivery
    a rejected one under a number of its own: a person sees it, nothing is dropped.
    """
    common = {"attempts": 0, "absent": 0, "next_at": now, "lease_until": EPOCH, "fence": 0, "created_at": now}
    full = [{**common, **row} for row in rows]
    if not full:
        return 0
    before = ids_present(conn, [row["id"] for row in full])
    _insert(conn, full)
    present = ids_present(conn, [row["id"] for row in full])
    taken = [row for row in full if row["id"] not in present and _held_by_other(conn, row)]
    _insert(conn, [_without_number(row) for row in taken])
    return len(present - before) + len(taken)


def _insert(conn: Connection, rows: Sequence[dict[str, Any]]) -> None:
    for group in ([row for row in rows if "error" not in row], [row for row in rows if "error" in row]):
        if group:
            conn.execute(_insert_new(conn.dialect.name), group)


def ids_present(conn: Connection, ids: Sequence[str]) -> set[str]:
    """Which of these deliveries there are."""
    return {row[0] for row in rows_in(conn, select(DELIVERY.c.id), DELIVERY.c.id, ids)}


def number_taken(conn: Connection, row: Any, number: str) -> bool:
    """Whether another delivery to that account has the number."""
    c = DELIVERY.c
    other = select(c.id).where(c.account_id == row.account_id, c.number == number, c.id != row.id)
    return conn.execute(other).first() is not None


def lock(conn: Connection, delivery: str) -> Row[Any] | None:
    """State and fence of a delivery, which nobody else changes until the transaction ends."""
    c = DELIVERY.c
    return conn.execute(select(c.state, c.fence).where(c.id == delivery).with_for_update()).first()


def _held_by_other(conn: Connection, row: Mapping[str, Any]) -> bool:
    holder = select(DELIVERY.c.event_id).where(DELIVERY.c.account_id == row["account_id"], DELIVERY.c.number == row["number"])
    return bool(conn.execute(holder).scalar() != row["event_id"])


def _without_number(row: dict[str, Any]) -> dict[str, Any]:
    error = Rejected("delivery.number_taken", number=row["number"])
    return {**row, "number": "X" + row["id"][:20].upper(), "state": "rejected", "error": error.as_dict()}


def rows_in(conn: Connection, query: Any, column: Any, values: Iterable[Any]) -> list[Row[Any]]:
    """Rows of the query whose column is one of the values, however many there are."""
    wanted = list(dict.fromkeys(values))
    found: list[Row[Any]] = []
    for start in range(0, len(wanted), CHUNK):
        found += conn.execute(query.where(column.in_(wanted[start : start + CHUNK]))).all()
    return found


# -- claiming


def due(now: datetime) -> Any:
    """The deliveries that somebody should take: due, not held; also those whose sender has vanished."""
    c = DELIVERY.c
    waiting = and_(c.state.in_(("pending", "in_doubt")), c.next_at <= now)
    return and_(c.lease_until <= now, or_(waiting, c.state == "sending"))


def usable(account_id: Any) -> Any:
    """Whether the destination account is in service."""
    return exists().where(ACCOUNT.c.id == account_id, ACCOUNT.c.state == "active")


def claim(hub: Hub, account_id: int) -> Row[Any] | None:
    """Take the account's next due delivery under a lease; the row as it is then, or None."""
    c, now = DELIVERY.c, hub.now()
    wanted = select(c.id).where(c.account_id == account_id, due(now), usable(account_id))
    return _take(hub, wanted.order_by(c.next_at, c.created_at).limit(1))


def claim_one(hub: Hub, delivery: str, states: Sequence[str]) -> Row[Any] | None:
    """Take this delivery, due or not; None when somebody holds it or it is in another state."""
    c = DELIVERY.c
    return _take(hub, select(c.id).where(c.id == delivery, c.lease_until <= hub.now(), c.state.in_(states)))


def _take(hub: Hub, wanted: Any) -> Row[Any] | None:
    c, until = DELIVERY.c, hub.now() + timedelta(seconds=hub.settings.lease_seconds)
    chosen = wanted.with_for_update(skip_locked=True).scalar_subquery()
    taking = update(DELIVERY).where(c.id == chosen).values(lease_until=until, fence=c.fence + 1).returning(DELIVERY)
    with hub.db.write() as conn:
        return conn.execute(taking).first()


def renew(hub: Hub, row: Row[Any]) -> bool:
    """Keep the lease; False when it is somebody else's by now."""
    until = hub.now() + timedelta(seconds=hub.settings.lease_seconds)
    with hub.db.write() as conn:
        return _fenced(conn, row, {"lease_until": until})


def save(conn: Connection, row: Row[Any], **values: Any) -> None:
    """Change a delivery that we hold. Raises LeaseLost, and the transaction is rolled back."""
    if not _fenced(conn, row, values):
        raise LeaseLost


def release(conn: Connection, row: Row[Any], **values: Any) -> None:
    """Change a delivery that we hold and let go of it."""
    save(conn, row, lease_until=EPOCH, **values)


def _fenced(conn: Connection, row: Row[Any], values: dict[str, Any]) -> bool:
    mine = update(DELIVERY).where(DELIVERY.c.id == row.id, DELIVERY.c.fence == row.fence)
    return conn.execute(mine.values(**values)).rowcount == 1


def hold_account(conn: Connection, account_id: int, now: datetime, until: datetime) -> None:
    """The account cannot be used before then: nobody need try with its other deliveries."""
    c = DELIVERY.c
    waiting = and_(c.account_id == account_id, c.state.in_(("pending", "in_doubt")), c.lease_until <= now)
    conn.execute(update(DELIVERY).where(waiting, c.next_at < until).values(next_at=until))


# -- what was tried


def note(
    conn: Connection, delivery: str, step: str, outcome: str, at: datetime,
    *, error: Mapping[str, Any] | None = None, by: str = "hub",
) -> None:  # fmt: skip
    """Write down one step of a delivery. One that a person is asked about is open until such a step ends otherwise."""
    values: dict[str, Any] = {"delivery_id": delivery, "step": step, "outcome": outcome, "by": by, "at": at}
    conn.execute(insert(ATTEMPT), [values | ({"error": error} if error else {})])
    if step in ASKING:
        _ask(conn, delivery, step, wanted=outcome.startswith("needs_"))


def _ask(conn: Connection, delivery: str, step: str, *, wanted: bool) -> None:
    mine = DELIVERY.c.id == delivery
    stands = set((conn.execute(select(DELIVERY.c.open_steps).where(mine)).scalar() or "").split())
    steps = stands | {step} if wanted else stands - {step}
    if steps != stands:
        conn.execute(update(DELIVERY).where(mine).values(open_steps=" ".join(sorted(steps)) or None))


def was_sent(conn: Connection, delivery: str) -> bool:
    """Whether a write was ever begun for it (then it may exist over there)."""
    begun = select(ATTEMPT.c.id).where(ATTEMPT.c.delivery_id == delivery, ATTEMPT.c.step == "send").limit(1)
    return conn.execute(begun).first() is not None


def last_step(conn: Connection, delivery: str, step: str) -> datetime | None:
    """When such a step last ended."""
    c = ATTEMPT.c
    newest = select(c.at).where(c.delivery_id == delivery, c.step == step).order_by(c.id.desc()).limit(1)
    at: datetime | None = conn.execute(newest).scalar()
    return at


def count_outcome(conn: Connection, delivery: str, outcome: str) -> int:
    """How often its steps ended so."""
    c = ATTEMPT.c
    counted = select(func.count()).where(c.delivery_id == delivery, c.outcome == outcome)
    return int(conn.execute(counted).scalar_one())


def needing_reversal(conn: Connection, ids: Iterable[str]) -> set[str]:
    """Those whose deal was reversed after they had gone out, and which no person has settled yet."""
    return _open(conn, ids, ("reverse",))


def needing_amendment(conn: Connection, ids: Iterable[str], steps: Sequence[str] = AMENDING) -> set[str]:
    """Those whose deal's amount (amend), whose buyer's title (buyer) or whose customer (party) changed after they had gone out,
    and which nobody has settled yet."""
    return _open(conn, ids, steps)


def _open(conn: Connection, ids: Iterable[str], steps: Sequence[str]) -> set[str]:
    c = DELIVERY.c
    found = rows_in(conn, select(c.id, c.open_steps).where(c.open_steps.is_not(None)), c.id, ids)
    return {row.id for row in found if not set(steps).isdisjoint(row.open_steps.split())}


def settle_amendment(
    conn: Connection, delivery: str, now: datetime, *, by: str = "hub", steps: Sequence[str] = AMENDING
) -> None:
    """Nobody need look after the delivery's amount, buyer or customer any more, if it was marked."""
    for step in steps:
        if needing_amendment(conn, [delivery], (step,)):
            note(conn, delivery, step, "done", now, by=by)


def count_states(conn: Connection) -> dict[str, int]:
    """How many deliveries are in each state."""
    counted = conn.execute(select(DELIVERY.c.state, func.count()).group_by(DELIVERY.c.state))
    return dict.fromkeys(STATES, 0) | {str(row[0]): int(row[1]) for row in counted}


# -- reversal


def take_back(conn: Connection, kind: str, subject: str, now: datetime) -> None:
    """A deal was reversed, or an invoice is not wanted any more (kind: of the event): what has not gone out is cancelled,
    what may have gone out needs a person."""
    c = DELIVERY.c
    mine = or_(c.event_id.in_(_facts_of(conn, kind, subject)), *_amended(conn, kind, subject))
    back = DELIVERY.alias("back").c
    undone = exists().where(back.event_id == c.id.concat("|delivery.reversing"), back.state != "cancelled")
    made = select(c.id, c.state).where(mine, ~undone).with_for_update()
    for delivery, state in conn.execute(made).all():
        if state in ("pending", "incomplete", "rejected") and not was_sent(conn, delivery):
            cancel(conn, delivery, ConnectorError("delivery.reversed"))
            note(conn, delivery, "reverse", "cancelled", now)
        elif state != "cancelled":
            note(conn, delivery, "reverse", "needs_reversal", now)


def _facts_of(conn: Connection, kind: str, subject: str) -> list[str]:
    """The events whose documents are taken back: of a deal, also those of the invoices asked for it."""
    if kind == "invoice.withdrawn":
        return [event_id("invoice.requested", subject)]
    return [event_id("deal.signed", subject), *(event_id("invoice.requested", ref) for ref in _asked(conn, subject))]


def _amended(conn: Connection, kind: str, subject: str) -> list[Any]:
    """SQL: the documents of later amounts, each beside its subject."""
    requests = [subject] if kind == "invoice.withdrawn" else _asked(conn, subject)
    deals = [] if kind == "invoice.withdrawn" else [subject]
    c, pairs = DELIVERY.c, [(ref, "deal") for ref in deals] + [(ref, "invoice") for ref in requests]
    return [and_(c.subject == ref, c.event_id.startswith(f"{ref}|{about}.amended|", autoescape=True)) for ref, about in pairs]


def _asked(conn: Connection, deal: str) -> list[str]:
    return list(conn.execute(select(REQUEST.c.ref).where(REQUEST.c.deal_ref == deal)).scalars())


def settle_by(conn: Connection, event: str, now: datetime) -> None:
    """The documents that those of this event reverse need no person any more."""
    c = DELIVERY.c
    for made in conn.execute(select(c.account_id, c.document).where(c.event_id == event)).all():
        number = (made.document or {}).get("reverses")
        mine = select(c.id).where(c.account_id == made.account_id, c.number == number)
        for delivery in conn.execute(mine).scalars().all() if number else ():
            note(conn, delivery, "reverse", "done", now)


def cancel(conn: Connection, delivery: str, error: ConnectorError) -> None:
    """Cancel it; whoever holds it finds the fence moved and stops before it writes."""
    values = {"state": "cancelled", "error": error.as_dict(), "lease_until": EPOCH, "fence": DELIVERY.c.fence + 1}
    conn.execute(update(DELIVERY).where(DELIVERY.c.id == delivery).values(**values))
