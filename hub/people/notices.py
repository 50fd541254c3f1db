"""Notices to staff: sent through the account that a rule names, under one key for one fact; shown and retried."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy import ColumnElement, Row, select, update

from connectors import errors, registry
from connectors.people import Notice, Notifier
from hub import accounts
from hub.core import Hub
from hub.models import Account, StaffNotice
from hub.models.base import table
from hub.people.queue import Queue, backoff, internal
from hub.security import audit
from hub.store.types import EPOCH
from hub.sync.connect import connect

log = structlog.get_logger("hub.people")
NOTICE = table(StaffNotice)
QUEUE = Queue(NOTICE, ("pending",))
MOST_DOUBTS = 4
"""So often an outcome in doubt is followed by the same message under the same key, within minutes of the first: platforms
remember a key for hours at most. After that a person decides."""
RETRIED = ("refused", "in_doubt", "nobody", "sent")


class NoticeFault(ValueError):
    """A notice cannot be sent again. key: the text that says why."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(key)


def work(hub: Hub, account_id: int, *, seconds: float = 30) -> int:
    """Send the account's due notices; how many were handled."""
    ends, handled = time.monotonic() + seconds, 0
    while time.monotonic() < ends and not hub.stopping():
        row = QUEUE.claim(hub, account_id)
        if row is None:
            break
        handled += 1
        if not _send(hub, accounts.by_id(hub, account_id), row):
            break
    return handled


def _send(hub: Hub, account: Account, row: Row[Any]) -> bool:
    if row.state == "sending" and not tells_apart(account):
        # Its sender vanished, and the platform would show it twice.
        return _failed(hub, account, row, errors.InDoubt())
    with hub.db.write() as conn:
        if not QUEUE.mine(conn, row, state="sending", attempts=row.attempts + 1):
            return True
    content = row.content
    try:
        notice = Notice(row.id, tuple(row.receivers), content["title"], content["text"], content["url"])
        missed = _connector(hub, account).notify(notice)
    except errors.Stop:
        # The door looks before each call, so nothing went out after the last that was noted.
        _release(hub, row, state="pending", attempts=row.attempts)
        raise
    except Exception as error:
        return _failed(hub, account, row, error)
    everybody = set(missed) >= set(row.receivers)
    told = errors.Rejected("notices.nobody_reached").as_dict() if everybody else None
    _release(hub, row, state="refused" if everybody else "sent", missed=missed, error=told, sent_at=hub.now())
    return True


def tells_apart(account: Account) -> bool:
    """Whether the account's platform shows a notice once however often it is sent."""
    try:
        found = registry.get(account.platform).manifest.capabilities.get("notice_once")
    except (registry.UnknownConnector, ValueError):
        return False
    return found is None or found.level != "cannot"


def _connector(hub: Hub, account: Account) -> Notifier:
    try:
        found = connect(hub, account, priority=1)
    except (ValidationError, registry.UnknownConnector):
        raise errors.ConfigError from None
    if not isinstance(found, Notifier):
        raise errors.ConfigError("notices.no_notifier")
    return found


def _failed(hub: Hub, account: Account, row: Row[Any], error: Exception) -> bool:
    if not isinstance(error, errors.ConnectorError):
        log.error("notice_failed", account=account.key, exc_info=error)
        error = errors.InDoubt(reason=type(error).__name__)
    told = internal(error)
    if isinstance(error, errors.AuthError | errors.ConfigError):
        # Unlike a reading that fails, this stops nobody else: the account may lack no more than the right to send.
        _release(hub, row, state="refused", error=told)
        return True
    if isinstance(error, errors.RecordError | errors.Rejected):
        _release(hub, row, state="refused", error=told)
        return True
    if isinstance(error, errors.InDoubt) and (row.attempts >= MOST_DOUBTS or not tells_apart(account)):
        _release(hub, row, state="in_doubt", error=told)
        return True
    wait = timedelta(seconds=error.wait) if isinstance(error, errors.Throttled) else backoff(row.attempts + 1)
    counted = row.attempts if isinstance(error, errors.Throttled) else row.attempts + 1
    _release(hub, row, state="pending", attempts=counted, next_at=hub.now() + wait, error=told)
    return False


def _release(hub: Hub, row: Row[Any], **values: Any) -> None:
    with hub.db.write() as conn:
        QUEUE.release(conn, row, **values)


# ---------------------------------------------------------------- looking


def list_(hub: Hub, *where: ColumnElement[bool], state: str = "", limit: int = 100) -> list[dict[str, Any]]:
    """Notices that meet all conditions, newest first."""
    query = select(NOTICE).where(*where)
    if state:
        query = query.where(NOTICE.c.state == state)
    with hub.db.read() as conn:
        found = conn.execute(query.order_by(NOTICE.c.created_at.desc(), NOTICE.c.id.desc()).limit(limit))
        return [dict(row._mapping) for row in found]


def retry(hub: Hub, number: str, *, by: str) -> None:
    """Send it (again): to those who were not reached, where some were. Raises NoticeFault."""
    with hub.db.write() as conn:
        row = conn.execute(select(NOTICE).where(NOTICE.c.id == number)).first()
        if row is None or row.state not in RETRIED or not row.receivers or (row.state == "sent" and not row.missed):
            raise NoticeFault("notices.fault_state")
        to = row.missed if row.state == "sent" else row.receivers
        again = {"state": "pending", "receivers": to, "attempts": 0, "next_at": hub.now(), "lease_until": EPOCH}
        conn.execute(update(NOTICE).where(NOTICE.c.id == number).values(**again, fence=NOTICE.c.fence + 1))
        audit.record(conn, by, "notice.retry", f"notice:{number}", receivers=len(to))
