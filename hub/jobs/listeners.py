"""Connections that platforms push over: each is kept by one worker under a lease, and feeds the inbox like a webhook.

A push is acknowledged only when it is durable. Losing a lease, a connection or a process loses nothing: the platform sends
again what was not acknowledged, and what comes twice is one row of the inbox.
"""

from __future__ import annotations

import random
import threading
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import select as sa_select
from sqlmodel import col, update

from connectors import registry
from connectors.base import Listener, Opened, Outcome
from connectors.errors import AuthError, ConfigError, ConnectorError, Stop, Throttled
from hub import accounts
from hub.core import Hub
from hub.models import Account, Listening
from hub.models.base import table
from hub.store.bulk import Upsert
from hub.store.types import EPOCH
from hub.sync.connect import connect
from webhooks.inbox import Busy, Inbox

log = structlog.get_logger("hub.listeners")
LOOK = 1.0
LONGEST = 60.0
"""Seconds between attempts to connect, at most; the first ones follow after 1, 2, 4 …"""
RENEW, AT_MOST = timedelta(seconds=5), timedelta(seconds=1)
"""How often a lease is renewed while nothing comes, and at most while much does."""
_plan = Upsert("listening", ("account_id", "next_at", "lease_until", "fence", "failures"), ("account_id",))


@dataclass(frozen=True)
class Held:
    """A connection that this worker may keep. failures: attempts in a row that came to nothing."""

    account: Account
    fence: int
    failures: int


class Listeners:
    """Keeps connections in threads of this process, one for each account whose lease it holds."""

    def __init__(self, hub: Hub) -> None:
        self._hub, self._inbox = hub, Inbox(hub)
        self._stop = threading.Event()
        self._threads: dict[int, threading.Thread] = {}
        self._planner: threading.Thread | None = None

    def start(self) -> None:
        """Look for accounts that want a connection, in the background."""
        self._planner = threading.Thread(target=self._plan_forever, name="listeners", daemon=True)
        self._planner.start()

    def stop(self) -> None:
        """Close the connections and give the leases back."""
        self._stop.set()
        for thread in [self._planner, *self._threads.values()]:
            if thread is not None:
                thread.join(timeout=15)

    def state(self) -> list[int]:
        """Ids of the accounts whose connection this process keeps."""
        return sorted(number for number, thread in self._threads.items() if thread.is_alive())

    def _plan_forever(self) -> None:
        while not self._stop.is_set() and not self._hub.stopping():
            try:
                self.plan()
            except Exception:
                log.exception("listeners failed")
            self._stop.wait(LOOK)

    def plan(self) -> None:
        """Take up each connection that is due and that nobody keeps."""
        for account in wanted(self._hub):
            number = account.id or 0
            thread = self._threads.get(number)
            if (thread is None or not thread.is_alive()) and (held := self._claim(account)) is not None:
                self._threads[number] = threading.Thread(target=self._keep, args=(held,), name=f"listen-{number}", daemon=True)
                self._threads[number].start()

    def _claim(self, account: Account) -> Held | None:
        now = self._hub.now()
        mine = update(Listening).where(col(Listening.account_id) == account.id, col(Listening.lease_until) < now)
        taken = mine.where(col(Listening.next_at) <= now).values(lease_until=lease(self._hub), fence=col(Listening.fence) + 1)
        with self._hub.db.write() as conn:
            _plan(conn, [(account.id, 0, 0, 0, 0)])
            row = conn.execute(taken.returning(col(Listening.fence), col(Listening.failures))).first()
        return Held(account, row[0], row[1]) if row else None

    def _keep(self, held: Held) -> None:
        """One connection from its opening to its end, and when the next one is due."""
        connection = _Connection(self._hub, self._inbox, held, self._stop.is_set)
        error: ConnectorError | None = None
        try:
            connection.hear()
        except Stop:
            pass
        except ConnectorError as fault:
            error = fault
        except Exception as fault:
            log.exception("listening failed", account=held.account.key)
            error = ConnectorError("error.internal", reason=type(fault).__name__)
        self._ended(held, error, stood=connection.stood)

    def _ended(self, held: Held, error: ConnectorError | None, *, stood: bool) -> None:
        failures = 0 if error is None or stood else held.failures + 1
        wait = 0.0 if error is None else pause(failures or 1, error)
        next_at = self._hub.now() + timedelta(seconds=wait)
        values = {"lease_until": EPOCH, "next_at": next_at, "opened_at": None, "failures": failures}
        renew(self._hub, held, **values, error=error.as_dict() if error else None)
        if isinstance(error, AuthError | ConfigError):
            state = "needs_auth" if isinstance(error, AuthError) else "failed"
            accounts.set_state(self._hub, held.account.key, state, reason=error.key, by="hub")


class _Connection:
    """A connection while it stands. stood: whether the platform has been heard, if only to say that there is nothing."""

    def __init__(self, hub: Hub, inbox: Inbox, held: Held, stopped: Any) -> None:
        self._hub, self._inbox, self._held, self._stopped = hub, inbox, held, stopped
        self.stood = False
        self._renewed = hub.now()
        connector = connect(hub, held.account, priority=1)
        assert isinstance(connector, Listener)
        self._connector = connector

    def hear(self) -> None:
        """Take what comes until the platform, an error, or we ourselves end it."""
        with closing(self._connector.listen()) as heard:
            item = next(heard, self)
            while item is not self:
                assert item is None or isinstance(item, Opened)
                self._keep_lease(heard_now=item is not None)
                outcome: Outcome = "stored" if item is None else self._store(item)
                try:
                    item = heard.send(outcome)
                except StopIteration:
                    return

    def _keep_lease(self, *, heard_now: bool) -> None:
        """Renew the lease in good time. Raises Stop when it is lost, or when nobody wants the connection any more."""
        if self._stopped() or self._hub.stopping():
            raise Stop
        now = self._hub.now()
        if self.stood and now - self._renewed < (AT_MOST if heard_now else RENEW):
            return
        values: dict[str, Any] = {"lease_until": lease(self._hub), "error": None, "failures": 0}
        values |= {} if self.stood else {"opened_at": now}
        values |= {"heard_at": now} if heard_now else {}
        if not renew(self._hub, self._held, **values) or not _unchanged(self._hub, self._held.account):
            raise Stop
        self.stood, self._renewed = True, now

    def _store(self, opened: Opened) -> Outcome:
        try:
            self._inbox.take(self._connector, self._held.account, opened)
        except Busy:
            return "busy"
        return "stored"


def lease(hub: Hub) -> datetime:
    """When a lease that is taken or renewed now runs out."""
    return hub.now() + timedelta(seconds=hub.settings.lease_seconds)


def pause(failures: int, error: ConnectorError) -> float:
    """Seconds until the next attempt, with some chance in it: many hubs that lost one platform do not come back as one."""
    if isinstance(error, Throttled):
        return float(error.wait)
    return min(2.0 ** (failures - 1), LONGEST) * random.uniform(0.75, 1.25)  # noqa: S311


def renew(hub: Hub, held: Held, **values: Any) -> bool:
    """Write under the fence; False when the lease was lost."""
    mine = update(Listening).where(col(Listening.account_id) == held.account.id, col(Listening.fence) == held.fence)
    with hub.db.write() as conn:
        return conn.execute(mine.values(**values)).rowcount == 1


def wanted(hub: Hub) -> list[Account]:
    """Active accounts whose platform pushes over a connection, and that are set to it."""
    found = []
    for account in accounts.all_accounts(hub):
        entry = registry.entries().get(account.platform)
        if account.state == "active" and entry is not None and "listener" in entry.manifest.roles:
            connector = connect(hub, account)
            if isinstance(connector, Listener) and connector.listens():
                found.append(account)
    return found


def _unchanged(hub: Hub, account: Account) -> bool:
    """Whether the account is still what the connection was opened for."""
    now = accounts.by_id(hub, account.id or 0)
    return now.state == "active" and now.config == account.config


def shown(hub: Hub, account_id: int) -> dict[str, Any] | None:
    """What an account's page shows of its connection."""
    with hub.db.read() as conn:
        row = conn.execute(sa_select(table(Listening)).where(col(Listening.account_id) == account_id)).first()
    return dict(row._mapping) if row else None
