"""The job that asks destinations what became of the documents they were sent."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select, update

from connectors import errors, registry
from connectors.base import Document, Money, Receipt, Sink
from hub import accounts
from hub.core import Hub
from hub.events import documents
from hub.events.mint import insert_events
from hub.events.outbox import DELIVERY, rows_in
from hub.events.rules import wanted_kinds
from hub.invoices import status
from hub.invoices.status import STATUS, due_accounts
from hub.store.types import EPOCH
from hub.sync import connect as connecting

__all__ = ["due_accounts", "follow", "shown"]
BATCH = 20


def follow(hub: Hub, account_id: int, *, seconds: float = 30) -> int:
    """Ask about the account's due documents for about so many seconds; how many were asked about."""
    ends, handled = time.monotonic() + seconds, 0
    while time.monotonic() < ends and not hub.stopping():
        rows = status.claim(hub, account_id, BATCH)
        if not rows:
            break
        handled += len(rows)
        try:
            sink = _sink(hub, account_id)
            _ask(hub, sink, rows)
        except errors.ConnectorError as error:
            _failed(hub, account_id, rows, error)
            break
        except errors.Stop:
            _later(hub, rows, 0.0, None)
            break
    return handled


def _sink(hub: Hub, account_id: int) -> Sink:
    try:
        found = connecting.connect(replace(hub), accounts.by_id(hub, account_id), priority=3)
    except (ValidationError, registry.UnknownConnector):
        raise errors.ConfigError from None
    if not isinstance(found, Sink):
        raise errors.ConfigError("delivery.no_sink")
    return found


def _ask(hub: Hub, sink: Sink, rows: Sequence[Any]) -> None:
    """Ask and write down, document by document. Raises what stops all of them; what one alone cannot tell waits."""
    with hub.db.read() as conn:
        found = rows_in(conn, select(DELIVERY), DELIVERY.c.id, [row.delivery_id for row in rows])
    sent = {row.id: row for row in found}
    left = [row for row in rows if row.delivery_id in sent]
    by_number = {sent[row.delivery_id].number: row for row in left}
    asked = [(documents.from_json(sent[row.delivery_id].document), receipt_of(sent[row.delivery_id])) for row in left]
    try:
        for number, said in _statuses(hub, sink, asked, by_number):
            row = by_number.pop(number)
            with hub.db.write() as conn:
                told = status.save(conn, row, sent[row.delivery_id], said, hub.now(), wanted_kinds(hub.settings))
                insert_events(conn, told or [])
    finally:
        _release(hub, list(by_number.values()))


def _statuses(hub: Hub, sink: Sink, asked: Sequence[tuple[Document, Receipt]], by_number: dict[str, Any]) -> Any:
    """In bulk where the connector can; else one by one, so that one bad answer holds up no other."""
    if type(sink).statuses is not Sink.statuses:
        yield from sink.statuses(asked)
        return
    for document, receipt in asked:
        try:
            yield document.number, sink.status(document, receipt)
        except (errors.Rejected, errors.RecordError, errors.InDoubt) as error:
            _later(hub, [by_number.pop(document.number)], None, error)


def receipt_of(row: Any) -> Receipt:
    """The receipt that a sent delivery stores."""
    told = row.receipt or {}
    amount = Money(told["amount"], told.get("currency") or "CNY") if told.get("amount") is not None else None
    return Receipt(
        told.get("number") or row.number, str(told.get("platform_id", "")), str(told.get("state", "")),
        bool(told.get("complete", True)), amount, told.get("party_code"),
    )  # fmt: skip


def _failed(hub: Hub, account_id: int, rows: Sequence[Any], error: errors.ConnectorError) -> None:
    wait = error.wait if isinstance(error, errors.Throttled) else None
    _later(hub, rows, wait, error)
    account = accounts.by_id(hub, account_id)
    # a right or a field that only this asking lacks is no reason to stop deliveries
    if isinstance(error, errors.ReauthNeeded) and account.state == "active":
        accounts.set_state(hub, account.key, "needs_auth", reason=error.key, by="hub")


def _later(hub: Hub, rows: Sequence[Any], wait: float | None, error: errors.ConnectorError | None) -> None:
    """Ask again after so many seconds, or after the growing pause of one of which nothing was heard."""
    now = hub.now()
    with hub.db.write() as conn:
        for row in rows:
            quiet, span = status.pause(row, None, now, news=False)
            span = span if wait is None else timedelta(seconds=wait)
            mine = update(STATUS).where(STATUS.c.delivery_id == row.delivery_id, STATUS.c.fence == row.fence)
            told = {"error": error.as_dict()} if error is not None else {}
            conn.execute(mine.values(next_at=now + span, quiet=quiet, lease_until=EPOCH, **told))


def _release(hub: Hub, rows: Sequence[Any]) -> None:
    """Let go of those that nothing was said about."""
    with hub.db.write() as conn:
        for row in rows:
            mine = update(STATUS).where(STATUS.c.delivery_id == row.delivery_id, STATUS.c.fence == row.fence)
            conn.execute(mine.values(lease_until=EPOCH, next_at=hub.now() + status.FIRST))


def shown(hub: Hub, delivery_id: str) -> dict[str, Any] | None:
    """What is known of a sent document; None where it is not followed."""
    hidden = ("fence", "lease_until", "delivery_id", "account_id", "source_account_id")
    with hub.db.read() as conn:
        row = conn.execute(select(STATUS).where(STATUS.c.delivery_id == delivery_id)).first()
    return None if row is None else {name: value for name, value in row._mapping.items() if name not in hidden}
