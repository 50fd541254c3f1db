"""The queue of invoices that lack something: what, who can fill it, and filling it. Nothing in it goes out half.

Other documents that lack what the source has not told yet (a deal that came before its customer) are looked at again too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, and_, delete, insert, null, or_, select, update

from connectors.errors import ConnectorError
from connectors.invoices import INVOICE_KINDS
from hub.core import Hub
from hub.events import delivery, documents, outbox
from hub.events.book import EVENT
from hub.events.facts import FILL, Facts
from hub.events.outbox import DELIVERY
from hub.invoices.complete import Asked, asked
from hub.invoices.fault import BUYER_FIELDS, LINE_FIELDS, WHO, Fault, Held, words
from hub.invoices.status import STATUS
from hub.models import Staff
from hub.models.base import table
from hub.security import audit
from hub.store.types import EPOCH

STAFF = table(Staff)
CURED = (
    "document.customer_missing", "document.customer_name_missing", "document.subject_missing", "document.amount_missing",
)  # fmt: skip
"""Reasons for a rejection that later data take away; nothing was tried at the destination then."""
SHORTEST, LONGEST = timedelta(minutes=2), timedelta(hours=6)
_LISTED = ("id", "number", "day", "amount", "currency", "state", "subject", "created_at", "account_id", "source_account_id")


def waiting(hub: Hub, limit: int = 100, before: str | None = None) -> list[dict[str, Any]]:
    """Invoices that lack something, oldest first: each with its faults in words, and who can fill them.

    before: the id to go on after.
    """
    c = DELIVERY.c
    query = select(DELIVERY).where(c.state == "incomplete").order_by(c.created_at, c.id).limit(limit)
    with hub.db.read() as conn:
        if before and (last := conn.execute(select(c.created_at, c.id).where(c.id == before)).first()):
            query = query.where(or_(c.created_at > last.created_at, (c.created_at == last.created_at) & (c.id > last.id)))
        rows = conn.execute(query).all()
        events = {row.id: row for row in outbox.rows_in(conn, select(EVENT), EVENT.c.id, [row.event_id for row in rows])}
        facts = Facts(conn, hub, events.values())
        return [_shown(hub, conn, facts, row, events.get(row.event_id)) for row in rows]


def count(hub: Hub) -> int:
    """How many wait."""
    return delivery.counts(hub)["incomplete"]


def _shown(hub: Hub, conn: Connection, facts: Facts, row: Any, event: Any) -> dict[str, Any]:
    told = {name: getattr(row, name) for name in _LISTED}
    faults = [Fault(**each) for each in (row.error or {}).get("faults", ())]
    owner, number = _owner(hub, conn, facts, event) if event is not None else ("", "")
    told |= {"account": facts.accounts[row.account_id].key, "about": number, "owner": owner}
    missing = [{"field": f.field, "reason": f.reason, "who": f.who, "words": words(f, hub.settings.language)} for f in faults]
    place = 0 if hub.settings.language == "zh" else 1
    who = [WHO[each][place] + (f" {owner}" if each == "sales" and owner else "") for each in sorted({f.who for f in faults})]
    return told | {"missing": missing, "who": who}


def _owner(hub: Hub, conn: Connection, facts: Facts, event: Any) -> tuple[str, str]:
    """Who looks after the sale, by name where the name is known; and the number of what is to be invoiced."""
    try:
        what: Asked = asked(facts, event)
    except documents.NotReady:
        return "", ""
    rows = [row for row in (what.request, what.parent) if row is not None]
    owner = next((row.owner for row in rows if getattr(row, "owner", None)), "")
    known = conn.execute(select(STAFF.c.data).where(STAFF.c.ref == f"{event.account_id}|{owner}")).scalar() if owner else None
    if known is None:
        return str(owner or ""), str(what.row.number)
    data = orjson.loads(hub.ring.open(bytes(known), b"staff.data")) if isinstance(known, bytes | memoryview) else known
    return str(data.get("name") or owner), str(what.row.number)


# -- filling


def fill(hub: Hub, delivery_id: str, values: Mapping[str, str], *, by: str) -> str:
    """Write down what a person says of the missing fields, and try again; the state afterwards.

    The audit log says who filled which fields, not what. An empty value takes an earlier one back. Raises DeliveryFault.
    """
    _check(hub, values)
    with hub.db.write() as conn:
        d = DELIVERY.c
        row = conn.execute(select(d.state, d.kind, d.error).where(d.id == delivery_id)).first()
        if row is None or row.kind != "invoice" or row.state not in ("incomplete", "rejected", "cancelled"):
            error = ConnectorError("invoice.not_fillable", id=delivery_id, state=row.state if row else "-")
            raise delivery.DeliveryFault(hub, error)
        known = conn.execute(select(FILL.c.filled).where(FILL.c.delivery_id == delivery_id)).scalar() or {}
        merged = {name: text for name, text in {**known, **_trimmed(values)}.items() if text}
        conn.execute(delete(FILL).where(FILL.c.delivery_id == delivery_id))
        conn.execute(insert(FILL).values(delivery_id=delivery_id, filled=merged, by=by, at=hub.now()))
        audit.record(conn, by, "invoice.fill", f"delivery:{delivery_id}", fields=sorted(values))
    if (row.error or {}).get("key") == Held.default_key:
        return str(row.state)  # to fill something in is not to say that the old amount is wanted
    return delivery.retry(hub, delivery_id, by=by)


def _trimmed(values: Mapping[str, str]) -> dict[str, str]:
    return {name: text.strip() for name, text in values.items()}


def _check(hub: Hub, values: Mapping[str, str]) -> None:
    for name, text in values.items():
        place, _, line_field = name.rpartition(".")
        known = name in BUYER_FIELDS or (line_field in LINE_FIELDS and place.removeprefix("lines.").isdecimal())
        allowed = {"invoice_kind": INVOICE_KINDS, "buyer_kind": ("person", "company")}.get(name)
        if not known or len(text) > 200 or (allowed and text and text not in allowed):
            fields = ", ".join([*BUYER_FIELDS, *(f"lines.N.{each}" for each in LINE_FIELDS)])
            error = ConnectorError("invoice.field", field=name, fields=fields, values=", ".join(allowed or ()) or "-")
            raise delivery.DeliveryFault(hub, error)


# -- looking again


def _lacking(now: datetime) -> Any:
    c = DELIVERY.c
    early = and_(c.state == "rejected", c.attempts == 0, c.error["key"].as_string().in_(CURED))
    lacking = and_(c.state == "incomplete", c.error["key"].as_string() != Held.default_key)
    return and_(c.next_at <= now, or_(lacking, early))


def due(hub: Hub) -> bool:
    """Whether something that lacks data is to be looked at again."""
    with hub.db.read() as conn:
        return conn.execute(select(DELIVERY.c.id).where(_lacking(hub.now())).limit(1)).first() is not None


def look_again(hub: Hub, limit: int = 200) -> int:
    """Make what is due anew from the data as they are now; how many are complete and go out."""
    with hub.db.write() as conn:
        outbox.serialise(conn)
        rows = conn.execute(select(DELIVERY).where(_lacking(hub.now())).limit(limit)).all()
        return sum(_again(hub, conn, row) for row in rows)


def _again(hub: Hub, conn: Connection, row: Any) -> bool:
    rule = next((rule for rule in hub.settings.rules if rule.name == row.rule), None)
    event = conn.execute(select(EVENT).where(EVENT.c.id == row.event_id)).first()
    mine = update(DELIVERY).where(DELIVERY.c.id == row.id, DELIVERY.c.state == row.state)
    now = hub.now()
    later = {"next_at": now + min(LONGEST, max(SHORTEST, (now - row.created_at) / 4))}
    if rule is None or event is None:
        conn.execute(mine.values(**later))
        return False
    facts = Facts(conn, hub, [event])
    try:
        document = documents.build(facts, event, rule, facts.accounts[row.account_id])
    except documents.NotReady as error:
        conn.execute(mine.values(error=error.as_dict(), state=documents.state_of(error), **later))
        return False
    conn.execute(mine.values(state="pending", error=null(), next_at=now, lease_until=EPOCH, **documents.built(document)))
    outbox.note(conn, row.id, "retry", "pending", now)
    return True


# -- what became of them


def issued(hub: Hub, *where: ColumnElement[bool], limit: int = 50) -> list[dict[str, Any]]:
    """Documents that meet all conditions and of which an invoice or a payment is known, newest news first."""
    s, d = STATUS.c, DELIVERY.c
    query = select(
        d.id, d.number, d.kind, d.amount, d.currency, d.subject, s.state, s.approved, s.gone, s.problem, s.received,
        s.invoices, s.payments, s.checked_at, s.changed_at,
    ).join(DELIVERY, d.id == s.delivery_id)  # fmt: skip
    with hub.db.read() as conn:
        rows: Sequence[Any] = conn.execute(
            query.where(s.changed_at.is_not(None), *where).order_by(s.changed_at.desc(), s.delivery_id.desc()).limit(limit)
        ).all()
    return [dict(row._mapping) for row in rows]
