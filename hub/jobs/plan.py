"""The planner: one look at what is due, whoever rang or did not; and the interface that both runners have."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Protocol

from sqlmodel import col, select

from hub.chats import tagging
from hub.core import Hub
from hub.events import delivery, walk
from hub.identity import again
from hub.invoices import follow, queue
from hub.models import Account, AccountStream, Event, SettlementItem
from hub.people import handover, notices, orphans, tags
from hub.people.drafting import OF_DELIVERIES
from hub.sync import alive, inbox

SETTLE_EVERY = timedelta(seconds=15)
LOOK_EVERY = timedelta(seconds=30)
WATCH_EVERY = timedelta(seconds=30)
MEET_EVERY = timedelta(minutes=1)
HOUSEKEEP_EVERY = timedelta(hours=6)
PRIORITY = {
    "inbox": 30, "dispatch": 25, "deliver": 25, "write_back": 25, "hand_over": 20, "notify": 20, "renew": 15, "pull": 10,
    "follow": 8, "invoices": 8, "orphans": 5, "settle": 5, "tag": 5, "identity": 5, "watch": 5, "owners": 3, "housekeep": 0,
}  # fmt: skip
"""People first is built in (their calls run in the request); then pushes, deliveries, pulls."""


class Runner(Protocol):
    """What runs jobs. A ring that is lost, late or doubled changes nothing."""

    def submit(self, job: str, key: str) -> bool:
        """Ask for a job; False when the same one is already waiting."""

    def run_forever(self) -> None:
        """Plan and work until the process is asked to stop."""

    def state(self) -> dict[str, object]:
        """What the runner is doing, for the status page."""


class Planner:
    """Finds what is due. Keeps no state that matters: the last times of the periodic jobs only."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._last: dict[str, datetime] = {}

    def due(self) -> Iterator[tuple[str, str]]:
        """(job, key) of all that is due now."""
        hub, now = self._hub, self._hub.now()
        with hub.db.read() as conn:
            streams = (
                select(AccountStream.account_id, AccountStream.stream, AccountStream.task)
                .join(Account, col(Account.id) == col(AccountStream.account_id))
                .where(col(AccountStream.enabled).is_(True), col(AccountStream.next_run_at) <= now)
                .where(col(AccountStream.lease_until) < now, Account.state == "active")
                .order_by(col(AccountStream.next_run_at))
            )
            due = conn.execute(streams).all()
            pending = conn.execute(select(Event.id).where(col(Event.pending).is_(True)).limit(1)).first()
            open_day = conn.execute(select(SettlementItem.event_id).where(col(SettlementItem.delivery_id).is_(None)).limit(1))
            unsettled = open_day.first()
            untagged, unsure = tagging.due(hub, conn), again.due(conn)
        yield from (("inbox", str(account)) for account in inbox.due_accounts(hub))
        if pending:
            yield "dispatch", "all"
        yield from (("deliver", str(account)) for account in delivery.due_accounts(hub))
        yield from (("renew", str(account)) for account in alive.due(hub))
        yield from (("follow", str(account)) for account in follow.due_accounts(hub))
        if self._every("invoices", LOOK_EVERY, now) and (queue.due(hub) or walk.due(hub)):
            yield "invoices", "all"
        yield from (("write_back", str(account)) for account in tags.QUEUE.due_accounts(hub))
        yield from (("notify", str(account)) for account in notices.QUEUE.due_accounts(hub))
        yield from (("hand_over", str(account)) for account in handover.QUEUE.due_accounts(hub))
        if self._every("orphans", LOOK_EVERY, now):
            yield from (("orphans", str(account)) for account in orphans.due_accounts(hub))
        yield from (("pull", f"{account}:{stream}:{task}") for account, stream, task in due)
        if unsettled and self._every("settle", SETTLE_EVERY, now):
            yield "settle", "all"
        meet = bool(hub.settings.tag_rules) and self._every("tag", MEET_EVERY, now)
        stuck = any(rule.on in OF_DELIVERIES for rule in hub.settings.notices) and self._every("watch", WATCH_EVERY, now)
        for job, wanted in (("tag", untagged or meet), ("identity", unsure), ("watch", stuck)):
            if wanted:
                yield job, "all"
        for job, span in (("owners", MEET_EVERY), ("housekeep", HOUSEKEEP_EVERY)):
            if self._every(job, span, now):
                yield job, "all"

    def _every(self, job: str, span: timedelta, now: datetime) -> bool:
        if job in self._last and now - self._last[job] < span:
            return False
        self._last[job] = now
        return True
