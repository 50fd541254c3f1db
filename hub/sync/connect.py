"""Builds a connector for an account, with the token store and the budgets that all workers of the account share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

import requests
from sqlalchemy import text
from sqlmodel import col, select, update

from connectors import registry
from connectors.base import Connector, Token, secret_fields
from connectors.budgets import Budgets, MemoryBudgets
from connectors.credentials import Credential, merged, settled
from connectors.errors import Stop, Unavailable
from connectors.http import Runtime
from hub.core import Hub
from hub.models import Account, AccountToken
from hub.store.bulk import Upsert
from hub.store.database import Database
from hub.store.types import EPOCH, to_us
from hub.sync.credentials import Credentials, as_json, keep, locked_credentials, read_credentials
from hub.sync.quotas import Meter

Change = Callable[["Credentials"], dict[str, Any]]
EARLY = timedelta(minutes=5)
FETCH_LEASE = 60
"""Seconds that fetching a token may take before another worker tries."""
_insert_token = Upsert("account_token", ("account_id", "lease_until"), ("account_id",))


class StoredTokens:
    """An account's token in the database, renewed by one worker at a time under a lease; and its changing credentials."""

    def __init__(self, hub: Hub, account_id: int) -> None:
        self._hub, self._account_id = hub, account_id
        self._announced: set[str] = set()

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
        for _ in range(FETCH_LEASE + 2):
            if token := self._other(dead):
                return token
            if self._lease():
                return self._renewed(dead, fetch)
            if self._hub.stopping():
                raise Stop
            self._hub.sleep(1.0)
        raise Unavailable("error.token_lease")

    def _other(self, dead: Token | None) -> Token | None:
        token = self.current()
        return token if token is not None and (dead is None or token.value != dead.value) else None

    def _renewed(self, dead: Token | None, fetch: Callable[[], Token | None]) -> Token | None:
        # Whoever held the lease before may have stored a token since we looked; fetching another would kill that one on
        # platforms with one living session.
        if token := self._other(dead):
            self._release({})
            return token
        return self._fetch(fetch)

    def _lease(self) -> bool:
        now, table = self._hub.now(), AccountToken
        lease = timedelta(seconds=min(FETCH_LEASE, self._hub.settings.lease_seconds))
        with self._hub.db.write() as conn:
            _insert_token(conn, [(self._account_id, 0)])
            taken = conn.execute(
                update(table)
                .where(col(table.account_id) == self._account_id, col(table.lease_until) < now)
                .values(lease_until=now + lease)
            )
            return taken.rowcount == 1

    def _release(self, values: dict[str, Any], change: Change | None = None) -> None:
        with self._hub.db.write() as conn:
            if change is not None:
                values |= change(locked_credentials(conn, self._account_id))
            mine = update(AccountToken).where(col(AccountToken.account_id) == self._account_id)
            conn.execute(mine.values(**{"lease_until": EPOCH, **values}))

    def _fetch(self, fetch: Callable[[], Token | None]) -> Token | None:
        self._announced = set()
        before = set(self._spending())
        try:
            token = fetch()
        except Exception as error:
            told: list[BaseException] = [error]
            self._release({}, lambda row: self._failed(row, before, told))
            raise told[0] from None
        except BaseException:
            self._release({})
            raise
        values: dict[str, Any] = {}
        if token is not None:
            early = min(EARLY.total_seconds(), (token.expires_in or 0) / 2)
            ends = self._hub.now() + timedelta(seconds=token.expires_in - early) if token.expires_in else None
            values |= {"token": {"value": token.value, "extra": dict(token.extra)}, "expires_at": ends}
            values["renew_at"] = self._hub.now() + timedelta(seconds=token.renew_in) if token.renew_in else None
        keep = {name: Credential(value, self._hub.now()) for name, value in token.keep.items()} if token else {}
        self._release(values, lambda row: {"credentials": as_json(merged(row.kept, keep)), "spending": None})
        return token

    def _failed(self, row: Credentials, before: set[str], told: list[BaseException]) -> dict[str, Any]:
        open_ = {name: since for name, since in row.spending.items() if name in before}
        told[0], left = settled(told[0], open_, self._announced & set(row.spending), self._hub.now())
        return {"spending": {name: to_us(since) for name, since in left.items()} or None}

    # -- credentials

    def credentials(self) -> Mapping[str, Credential]:
        """Those that are kept now."""
        with self._hub.db.read() as conn:
            return read_credentials(conn, self._account_id).kept

    def spend(self, name: str) -> None:
        """Note durably that it is about to be used up. Whoever dies now is followed up when the lease has run out."""
        self._announced.add(name)
        soon = self._hub.now() + timedelta(seconds=FETCH_LEASE + 1)
        with self._hub.db.write() as conn:
            row = locked_credentials(conn, self._account_id)
            open_ = {name: self._hub.now(), **row.spending}
            values = {"spending": {key: to_us(since) for key, since in open_.items()}, "renew_at": soon}
            conn.execute(update(AccountToken).where(col(AccountToken.account_id) == self._account_id).values(**values))

    def keep(self, fresh: Mapping[str, Credential]) -> None:
        """Store these durably, now."""
        with self._hub.db.write() as conn:
            keep(conn, self._account_id, fresh)

    def _spending(self) -> dict[str, datetime]:
        with self._hub.db.read() as conn:
            return read_credentials(conn, self._account_id).spending


_budgets: WeakKeyDictionary[Database, dict[int, Budgets]] = WeakKeyDictionary()
_sessions = threading.local()


def budgets_of(hub: Hub, account: Account, connector: type[Connector]) -> Budgets:
    """The account's budgets, one object a process; on PostgreSQL all hosts share what they count."""
    known, number = _budgets.setdefault(hub.db, {}), account.id or 0
    if number not in known:
        limits = connector.manifest.budgets
        if hub.db.dialect == "postgresql" and hub.settings.engine == "distributed":
            from hub.jobs.shared_budgets import SharedBudgets

            made: Budgets = SharedBudgets(hub.db, number, limits)
        else:
            made = MemoryBudgets(limits)
        known.setdefault(number, made)
    return known[number]


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
        meter=Meter(hub, account.id or 0, kind.manifest.budgets),
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
    """Whoever lands records of an account is alone with them: what is stored is compared, then written.

    Until the end of the transaction, on PostgreSQL; SQLite has one writer anyway. Taken before the lock of identity.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(text("SELECT pg_advisory_xact_lock(:a, :b)"), {"a": 7310, "b": account_id})
