"""One full cycle in the foreground: everything that is due, again and again, until nothing is."""

from __future__ import annotations

import time

from sqlmodel import col, func, select

from hub.core import Hub
from hub.events import settle
from hub.jobs import work
from hub.jobs.plan import Planner
from hub.models import Delivery, Event
from hub.models import Inbox as InboxRow


def drain(hub: Hub, *, seconds: float = 120.0) -> bool:
    """Work until nothing is due or waits in doubt; False when the time ran out first."""
    planner, ends = Planner(hub), time.monotonic() + seconds
    while time.monotonic() < ends:
        due = list(planner.due())
        for job, key in due:
            work.run(hub, job, key)
        if not due and not settle.close_days(hub):
            if not _waiting(hub):
                return True
            time.sleep(0.05)
    return False


def _waiting(hub: Hub) -> bool:
    with hub.db.read() as conn:
        open_deliveries = col(Delivery.state).in_(("pending", "sending", "in_doubt"))
        for statement in (
            select(func.count()).select_from(Delivery).where(open_deliveries),
            select(func.count()).select_from(InboxRow).where(InboxRow.state == "pending"),
            select(func.count()).select_from(Event).where(col(Event.pending).is_(True)),
        ):
            if conn.execute(statement).scalar_one():
                return True
    return False
