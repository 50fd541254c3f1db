"""Builds a connector for an account, with the token store and the budgets that all workers of the account share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import requests
from sqlalchemy import text
from sqlmodel import col, insert, select, update

from connectors import registry
from connectors.base import Connector, Token, secret_fields
from connectors.budgets import Budgets, MemoryBudgets
from connectors.errors import Unavailable
from connectors.http import Runtime
from hub.core import Hub
from hub.models import Account, AccountToken
from hub.store.types import EPOCH

EARLY = timedelta(minutes=5)
FETCH_LEASE = timedelta(seconds=60)


class StoredTokens:
    """An account's token in the database, renewed by one worker at a time under a lease."""

    def __init__(self, hub: Hub, account_id: int) -> None:
        self._hub, self._account_id = hub, account_id

    def current(self) -> Token | None:
        """The stored token while it has life left."""
        with self._hub.db.read() as conn:
            row = conn.execute(
                select(AccountToken.token, AccountToken.expires_at).where(AccountToken.account_id == self._account_id)
            ).first()
        if row is None or row[0] is None or (row[1] is not None and row[1] <= self._hub.now()):
            return None
        return Token(row[0]["value"], extra=row[0]["extra"])

    def renew(self, dead: Token | None, fetch: Callable[[], Token | None]) -> Token | None:
        """A token other than the dead one: somebody else's fresh one, or ours. Raises Unavailable when none comes."""
        for _ in range(60):
            token = self.current()
            if token is not None and (dead is None or token.value != dead.value):
                return token
            if self._lease():
                return self._fetch(fetch)
            self._hub.sleep(1.0)
        raise Unavailable("error.token_lease")

    def _lease(self) -> bool:
        now = self._hub.now()
        table = AccountToken
        with self._hub.db.write() as conn:
            if not conn.execute(select(table.account_id).where(table.account_id == self._account_id)).first():
                conn.execute(insert(table), {"account_id": self._account_id, "lease_until": EPOCH})
            taken = conn.execute(
                update(table)
                .where(col(table.account_id) == self._account_id, col(table.lease_until) < now)
                .values(lease_until=now + FETCH_LEASE)
            )
            return taken.rowcount == 1

    def _fetch(self, fetch: Callable[[], Token | None]) -> Token | None:
        values: dict[str, Any] = {"lease_until": EPOCH}
        try:
            token = fetch()
            if token is not None:
                early = min(EARLY.total_seconds(), (token.expires_in or 0) / 2)
                ends = self._hub.now() + timedelta(seconds=token.expires_in - early) if token.expires_in else None
                values |= {"token": {"value": token.value, "extra": dict(token.extra)}, "expires_at": ends}
            return token
        finally:
            with self._hub.db.write() as conn:
                conn.execute(update(AccountToken).where(col(AccountToken.account_id) == self._account_id).values(**values))


_budgets: dict[tuple[str, int], Budgets] = {}
_sessions = threading.local()


def budgets_of(hub: Hub, account: Account, connector: type[Connector]) -> Budgets:
    """The account's budgets, one object a process; on PostgreSQL their buckets are shared by all hosts."""
    key = (str(hub.db.url), account.id or 0)
    if key not in _budgets:
        limits = connector.manifest.budgets
        if hub.db.dialect == "postgresql" and hub.settings.engine == "distributed":
            from hub.jobs.shared_budgets import shared_bucket

            _budgets[key] = MemoryBudgets(limits, bucket=shared_bucket(hub), key=f"budget_{account.id}")
        else:
            _budgets[key] = MemoryBudgets(limits)
    return _budgets[key]


def _session() -> requests.Session:
    if not hasattr(_sessions, "session"):
        _sessions.session = requests.Session()
    return _sessions.session  # type: ignore[no-any-return]


def connect(hub: Hub, account: Account, *, priority: int = 2) -> Connector:
    """The connector of a saved account. priority: 0 person, 1 webhook fetch, 2 incremental, 3 backfill."""
    kind = registry.get(account.platform).load()
    runtime = Runtime(
        clock=hub.clock,
        sleep=hub.sleep,
        tokens=StoredTokens(hub, account.id or 0),
        budgets=budgets_of(hub, account, kind),
        session=_session(),
        priority=priority,
        account=account.key,
        stopped=hub.stopping,
    )
    return kind(kind.Config.model_validate(account.config), runtime)


def connect_with(hub: Hub, platform: str, config: Mapping[str, Any], *, priority: int = 0) -> Connector:
    """A connector for a configuration that is not saved (connection checks)."""
    kind = registry.get(platform).load()
    return kind(kind.Config.model_validate(config), Runtime(clock=hub.clock, sleep=hub.sleep, priority=priority, attempts=2))


def public_settings(account: Account) -> dict[str, str]:
    """The account's non-secret settings as texts, for the scopes of its mappings."""
    secrets = secret_fields(registry.get(account.platform).load().Config)
    return {"account": account.key} | {k: str(v) for k, v in account.config.items() if k not in secrets and v is not None}


def lock_account(conn: Any, account_id: int) -> None:
    """Keep other transactions of this account's identity work out on PostgreSQL (SQLite has one writer anyway)."""
    if conn.dialect.name == "postgresql":
        conn.execute(text("SELECT pg_advisory_xact_lock(:a, :b)"), {"a": 7310, "b": account_id})
