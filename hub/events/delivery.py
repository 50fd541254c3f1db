"""Deliveries: who has something to deliver, working through it, and what people do and see (see ``desk``)."""

from __future__ import annotations

import time

from sqlalchemy import select

from hub import accounts
from hub.core import Hub
from hub.events import outbox
from hub.events.attempt import Attempt
from hub.events.desk import (
    DeliveryFault,
    amend,
    cancel,
    counts,
    list_,
    look_now,
    retry,
    reverse,
    settle_amendment,
    settle_reversal,
    show,
)  # fmt: skip
from hub.events.outbox import DELIVERY

__all__ = [
    "DeliveryFault", "amend", "cancel", "counts", "deliver", "due_accounts", "list_", "look_now", "retry", "reverse",
    "settle_amendment", "settle_reversal", "show",
]  # fmt: skip


def due_accounts(hub: Hub) -> list[int]:
    """The destination accounts in service that have something to deliver now."""
    found = select(DELIVERY.c.account_id).where(outbox.due(hub.now()), outbox.usable(DELIVERY.c.account_id)).distinct()
    with hub.db.read() as conn:
        return sorted(row[0] for row in conn.execute(found))


def deliver(hub: Hub, account_id: int, *, seconds: float = 30) -> int:
    """Work through the account's due deliveries for about so many seconds; how many were handled.

    Stops early when the account cannot be used now (a limit, no answer, credentials), or the process is to stop.
    """
    ends, handled = time.monotonic() + seconds, 0
    while time.monotonic() < ends and not hub.stopping():
        row = outbox.claim(hub, account_id)
        if row is None:
            break
        handled += 1
        if not Attempt(hub, accounts.by_id(hub, account_id), row).run():
            break
    return handled
