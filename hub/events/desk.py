"""What people do with deliveries and see of them: retry, cancel, settle a reversal; show, list, count."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, null, or_, select, update

from connectors.errors import ConnectorError
from connectors.invoices import RED_REASONS
from connectors.messages import explain
from hub import accounts
from hub.core import Hub
from hub.events import amend as amending
from hub.events import attempt as machine
from hub.events import documents, outbox, settle
from hub.events.book import EVENT
from hub.events.facts import Facts
from hub.events.mint import insert_events, mint
from hub.events.outbox import ACCOUNT, ATTEMPT, DELIVERY
from hub.events.reversal import standing, taken_back
from hub.security import audit
from hub.store.types import EPOCH, to_us

_LISTED = (
    "id", "event_id", "rule", "subject", "kind", "number", "day", "amount", "currency", "state", "attempts", "absent",
    "next_at", "doubt_at", "receipt", "error", "created_at", "sent_at", "account_id", "source_account_id",
    "open_steps",
)  # fmt: skip


class DeliveryFault(ValueError):
    """What a person asked for cannot be done with this delivery. The text says why and what to do; error: its key."""

    def __init__(self, hub: Hub, error: ConnectorError) -> None:
        self.error = error
        super().__init__(" ".join(explain(error, hub.settings.language)))


def _fault(hub: Hub, key: str, **params: Any) -> DeliveryFault:
    return DeliveryFault(hub, ConnectorError(key, **params))


# -- seeing


def counts(hub: Hub) -> dict[str, int]:
    """State -> how many deliveries are in it (every state is there)."""
    with hub.db.read() as conn:
        return outbox.count_states(conn)


def list_(
    hub: Hub, state: str | None = None, account: str | None = None, limit: int = 50, before: str | None = None,
    *, to_do: bool = False,
) -> list[dict[str, Any]]:  # fmt: skip
    """Deliveries, newest first, without their documents. account: key of the destination. before: the id to go on after.
    to_do: only those that wait for a person since their deal was reversed or amended."""
    c = DELIVERY.c
    query = select(*(c[name] for name in _LISTED)).order_by(c.created_at.desc(), c.id.desc()).limit(limit)
    with hub.db.read() as conn:
        keys = _account_keys(conn)
        if state is not None:
            query = query.where(c.state == state)
        if to_do:
            query = query.where(c.open_steps.is_not(None))
        if account is not None:
            query = query.where(c.account_id.in_([number for number, key in keys.items() if key == account]))
        if before is not None:
            last = _load(conn, hub, before)
            query = query.where(or_(c.created_at < last.created_at, and_(c.created_at == last.created_at, c.id < last.id)))
        rows = conn.execute(query).all()
    return [_shown(row, keys) for row in rows]


def show(hub: Hub, delivery_id: str) -> dict[str, Any]:
    """One delivery with its document, event, steps, and (of a settlement) how many items it took; {} = there is none."""
    with hub.db.read() as conn:
        row = conn.execute(select(DELIVERY).where(DELIVERY.c.id == delivery_id)).first()
        if row is None:
            return {}
        event = conn.execute(select(EVENT).where(EVENT.c.id == row.event_id)).first()
        attempts = conn.execute(select(ATTEMPT).where(ATTEMPT.c.delivery_id == row.id).order_by(ATTEMPT.c.id)).all()
        shown = _shown(row, _account_keys(conn))
        items = settle.items_of(conn, row.id) if settle.is_settlement(row) else 0
    told = {name: getattr(event, name) for name in ("id", "kind", "subject", "at", "data")} if event else None
    steps = [{name: getattr(step, name) for name in ("step", "outcome", "error", "by", "at")} for step in attempts]
    return {**shown, "document": row.document or None, "event": told, "steps": steps, "settlement_items": items}


def _shown(row: Row[Any], keys: dict[int, str]) -> dict[str, Any]:
    """needs_reversal, needs_amendment: whether it waits for a person since its deal was reversed or amended."""
    shown = {name: getattr(row, name) for name in _LISTED}
    shown |= {"account": keys.get(row.account_id, ""), "source_account": keys.get(row.source_account_id, "")}
    steps = shown["open_steps"] = (row.open_steps or "").split()
    return shown | {"needs_reversal": "reverse" in steps, "needs_amendment": not set(outbox.AMENDING).isdisjoint(steps)}


def _account_keys(conn: Connection) -> dict[int, str]:
    return {row.id: row.key for row in conn.execute(select(ACCOUNT.c.id, ACCOUNT.c.key))}


def _load(conn: Connection, hub: Hub, delivery_id: str) -> Row[Any]:
    row = conn.execute(select(DELIVERY).where(DELIVERY.c.id == delivery_id)).first()
    if row is None:
        raise _fault(hub, "delivery.not_found", id=delivery_id)
    return row


# -- doing


def retry(hub: Hub, delivery_id: str, *, by: str) -> str:
    """Try again at a person's word; the state it is in afterwards. Raises DeliveryFault where there is nothing to try.

    rejected, cancelled: the document is made anew from the data as they are now, under the same number; ``find`` goes
    first as always. in_doubt: looked up now; an early absence does not count as a clean one. All but those in doubt are
    due at once, or when ``find`` may be trusted after the last write.
    """
    with hub.db.write() as conn:
        outbox.serialise(conn)
        row = _load(conn, hub, delivery_id)
        if row.state not in ("incomplete", "rejected", "cancelled", "in_doubt", "pending"):
            raise _fault(hub, "delivery.not_retryable", state=row.state)
        audit.record(conn, by, "delivery.retry", f"delivery:{row.id}", number=row.number, state=row.state)
        if row.state == "pending":
            conn.execute(update(DELIVERY).where(DELIVERY.c.id == row.id).values(next_at=_soonest(conn, hub, row)))
        elif row.state != "in_doubt":
            _rebuild(conn, hub, row, by)
    if row.state == "in_doubt":
        look_now(hub, delivery_id, by=by)
    with hub.db.read() as conn:
        return str(_load(conn, hub, delivery_id).state)


def _rebuild(conn: Connection, hub: Hub, row: Row[Any], by: str) -> None:
    try:
        values = _made_anew(conn, hub, row)
    except documents.NotReady as error:
        waits = {"state": "incomplete"} if documents.state_of(error) == "incomplete" else {}
        values = {"error": error.as_dict(), **waits}
    outcome = str(values.get("state", row.state))
    conn.execute(update(DELIVERY).where(DELIVERY.c.id == row.id).values(fence=DELIVERY.c.fence + 1, **values))
    outbox.note(conn, row.id, "retry", outcome, hub.now(), error=_error(values), by=by)


def _soonest(conn: Connection, hub: Hub, row: Row[Any]) -> datetime:
    """Now, or when ``find`` may be trusted after the last write that was begun."""
    last, now = outbox.last_step(conn, row.id, "send"), hub.now()
    if last is None:
        return now
    return max(now, last + timedelta(seconds=_settle_seconds(conn, hub, row)))


def _settle_seconds(conn: Connection, hub: Hub, row: Row[Any]) -> float:
    return machine.settle_seconds(hub, accounts.load(conn, row.account_id).platform, row.kind)


def _error(values: dict[str, Any]) -> dict[str, Any] | None:
    return values["error"] if isinstance(values.get("error"), dict) else None


def _made_anew(conn: Connection, hub: Hub, row: Row[Any]) -> dict[str, Any]:
    again = {"state": "pending", "error": null(), "next_at": _soonest(conn, hub, row), "lease_until": EPOCH, "absent": 0}
    if settle.is_settlement(row):
        return again | settle.rebuild(conn, hub, row)
    if (row.document or {}).get("reverses"):
        return again
    rule = next((rule for rule in hub.settings.rules if rule.name == row.rule), None)
    event = conn.execute(select(EVENT).where(EVENT.c.id == row.event_id)).first()
    if rule is None or event is None:
        raise documents.NotReady("rule.gone", rule=row.rule)
    facts = Facts(conn, hub, [event])
    if rule.per == "day" and documents.amount_of(facts, event) is not None:
        settle.add_items(conn, facts, [(event, rule)])
        return {"state": "cancelled", "error": ConnectorError("settlement.item_made").as_dict()}
    document = documents.build(facts, event, rule, facts.accounts[row.account_id])
    if document.number != row.number and outbox.was_sent(conn, row.id):
        raise documents.NotReady("delivery.kind_changed", number=row.number, kind=row.kind)
    if outbox.number_taken(conn, row, document.number):
        raise documents.NotReady("delivery.number_taken", number=document.number)
    return again | {"kind": document.kind} | documents.built(document)


def look_now(hub: Hub, delivery_id: str, *, by: str) -> None:
    """Look an outcome in doubt up at its destination at once and follow what is found, as the hub would when it is due."""
    row = outbox.claim_one(hub, delivery_id, ("in_doubt",))
    if row is not None:
        machine.Attempt(hub, accounts.by_id(hub, row.account_id), row, by=by).run()


def cancel(hub: Hub, delivery_id: str, *, by: str, reason: str) -> None:
    """Give a delivery up. Raises DeliveryFault when it is on its way, in doubt or there.

    One that was tried before is looked up first: what exists at the destination is settled there, not here.
    """
    with hub.db.read() as conn:
        row, tried = _load(conn, hub, delivery_id), outbox.was_sent(conn, delivery_id)
    if row.state not in ("pending", "incomplete", "rejected"):
        raise _fault(hub, "delivery.not_cancellable", state=row.state)
    if tried and row.document:
        _must_be_absent(hub, row)
    with hub.db.write() as conn:
        now = outbox.lock(conn, delivery_id)
        if now is None or (now.state, now.fence) != (row.state, row.fence):
            raise _fault(hub, "delivery.not_cancellable", state=now.state if now else "")
        outbox.cancel(conn, delivery_id, ConnectorError("delivery.cancelled"))
        outbox.note(conn, delivery_id, "cancel", "cancelled", hub.now(), by=by)
        audit.record(conn, by, "delivery.cancel", f"delivery:{delivery_id}", number=row.number, reason=reason)


def _must_be_absent(hub: Hub, row: Row[Any]) -> None:
    """Ask the destination; only a clean absence, late enough after the last write to be trusted, lets it be given up."""
    attempt = machine.Attempt(hub, accounts.by_id(hub, row.account_id), row, by="person")
    with hub.db.read() as conn:
        wait = (_soonest(conn, hub, row) - hub.now()).total_seconds()
    if wait > 0:
        raise _fault(hub, "delivery.too_early", seconds=round(wait))
    try:
        found = attempt.sink().find(documents.from_json(row.document))
    except ConnectorError as error:
        raise DeliveryFault(hub, error) from None
    if found is not None:
        raise _fault(hub, "delivery.exists", number=row.number, state=found.state)


def settle_reversal(hub: Hub, delivery_id: str, *, by: str, note: str) -> None:
    """A person says that the reversal of a delivered deal was booked at the destination by hand."""
    with hub.db.write() as conn:
        if delivery_id not in outbox.needing_reversal(conn, [delivery_id]):
            raise _fault(hub, "delivery.no_reversal")
        outbox.note(conn, delivery_id, "reverse", "done", hub.now(), by=by)
        audit.record(conn, by, "delivery.reversed", f"delivery:{delivery_id}", note=note)


def settle_amendment(hub: Hub, delivery_id: str, *, by: str, note: str) -> None:
    """A person says that the changed amount of a delivered deal was settled at the destination by hand."""
    with hub.db.write() as conn:
        if delivery_id not in outbox.needing_amendment(conn, [delivery_id]):
            raise _fault(hub, "delivery.no_amendment")
        outbox.settle_amendment(conn, delivery_id, hub.now(), by=by)
        audit.record(conn, by, "delivery.amended", f"delivery:{delivery_id}", note=note)


def amend(hub: Hub, delivery_id: str, *, by: str) -> None:
    """Take the document of an amended deal back and issue one over the new amount, at a person's word. Raises DeliveryFault."""
    with hub.db.write() as conn:
        outbox.serialise(conn)
        row = _load(conn, hub, delivery_id)
        event = amending.latest(conn, row.subject)
        rule = next((rule for rule in hub.settings.rules if rule.name == row.rule), None)
        stands = row.state == "sent" and any(each.id == row.id for each in standing(conn, row.subject))
        if event is None or rule is None or not stands:
            raise _fault(hub, "delivery.not_amended", state=row.state)
        try:
            amending.reissue(Facts(conn, hub, [event]), hub, event, row, rule, by=by)
        except documents.NotReady as error:
            raise DeliveryFault(hub, error) from None
        audit.record(conn, by, "delivery.amend", f"delivery:{row.id}", number=row.number)


def reverse(hub: Hub, delivery_id: str, *, by: str, reason: str = "returned") -> str:
    """Make the document that takes a sent one back, at a person's word; the id of its delivery. Raises DeliveryFault.

    reason: one of ``connectors.invoices.RED_REASONS``. Doing it twice makes one.
    """
    if reason not in RED_REASONS:
        raise _fault(hub, "reversal.reason", reason=reason, reasons=", ".join(RED_REASONS))
    now = hub.now()
    with hub.db.write() as conn:
        outbox.serialise(conn)
        row = _load(conn, hub, delivery_id)
        if row.state != "sent" or (row.document or {}).get("reverses") or not row.document:
            raise _fault(hub, "reversal.not_sent", state=row.state)
        data = {"amount": -row.amount, "currency": row.currency, "number": row.number, "reason": reason}
        told = mint("delivery.reversing", row.source_account_id, row.id, to_us(now), to_us(now), data)
        number, day = documents.number(row.kind, told[0]), documents.day_of(now, "Asia/Shanghai")
        try:
            made = taken_back(conn, documents.from_json(row.document), row.id, number, day, reason)
        except documents.NotReady as error:
            raise DeliveryFault(hub, error) from None
        made_id = outbox.delivery_id(told[0], "reversal")
        values = {
            "id": made_id, "event_id": told[0], "rule": "reversal", "account_id": row.account_id, "state": "pending",
            "source_account_id": row.source_account_id, "subject": row.subject, "kind": row.kind, **documents.built(made),
        }  # fmt: skip
        insert_events(conn, [told])
        outbox.add(conn, [values], now)
        outbox.note(conn, row.id, "reverse", "done", now, by=by)
        audit.record(conn, by, "delivery.reverse", f"delivery:{row.id}", number=made.number, reason=reason)
    return made_id
