"""Questions to a person about a document that was sent: does it still name whom it should? Each is asked once."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from connectors.errors import ConnectorError
from hub.events import outbox
from hub.events.facts import Facts
from hub.events.mint import insert_events, mint
from hub.events.outbox import ATTEMPT
from hub.store.types import to_us


def ask(facts: Facts, row: Any, step: str, key: str, who: str, number: str, *, event: Any = None) -> None:
    """Mark a delivery that was sent, unless a person was asked about this before. step: the kind of question; key: its words;
    who: a hash of what is true by now. event: the amendment that says so, None = one is minted, which a new document has its
    number from."""
    conn, now = facts.conn, facts.now
    if row.state == "rejected" or _asked_about(conn, row.id, step, who):
        return
    outbox.note(conn, row.id, step, "needs_amendment", now, error=ConnectorError(key, buyer=who).as_dict())
    if event is None and (kind := facts.about(row.subject)):
        data = {"amount": abs(row.amount), "before": abs(row.amount), "currency": row.currency, "number": number}
        fact, at = f"{step}|{who}|{to_us(now)}", to_us(now)
        insert_events(conn, [mint(f"{kind}.amended", row.source_account_id, row.subject, at, at, data, fact=fact)])


def _asked_about(conn: Connection, delivery: str, step: str, who: str) -> bool:
    """Whether a person is, or was, asked about that, and the hub has not settled it since."""
    c = ATTEMPT.c
    steps = conn.execute(
        select(c.outcome, c.error, c.by).where(c.delivery_id == delivery, c.step == step).order_by(c.id.desc()).limit(2)
    ).all()
    if steps and steps[0].outcome == "done":
        steps = [] if steps[0].by == "hub" else steps[1:]
    return bool(steps) and steps[0].error["params"]["buyer"] == who
