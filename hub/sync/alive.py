"""Authorisations kept alive: credentials that are pushed, and tokens renewed though nobody needs them just now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog
from sqlalchemy import Connection
from sqlmodel import col, select, update

from connectors.credentials import Credential
from connectors.errors import AuthError, ConfigError, ConnectorError
from connectors.manifest import Manifest, Text
from hub import accounts
from hub.core import Hub
from hub.models import Account, AccountToken
from hub.sync.connect import connect
from hub.sync.credentials import keep, read_credentials

log = structlog.get_logger("hub.credentials")
AGAIN = timedelta(minutes=5)
"""After a renewal that was tried, the next one, unless it says another time."""


def received(hub: Hub, account: Account, fresh: Mapping[str, Credential]) -> None:
    """Store credentials that the platform pushed; durable when this returns.

    An account that the hub itself has taken out of service for want of authorisation goes on with a new one.
    """
    with hub.db.write() as conn:
        new = keep(conn, account.id or 0, fresh)
    if new and account.state == "needs_auth":
        accounts.wake(hub, account.key)


def due(hub: Hub) -> list[int]:
    """Active accounts whose token is to be renewed now, or whose last renewal was cut off."""
    wanted = select(AccountToken.account_id).join(Account, col(Account.id) == col(AccountToken.account_id))
    now = hub.now()
    with hub.db.read() as conn:
        ready = wanted.where(col(AccountToken.renew_at) <= now, col(AccountToken.lease_until) < now, Account.state == "active")
        return list(conn.execute(ready).scalars())


def renew(hub: Hub, account_id: int) -> None:
    """Renew the account's token. What a person must settle takes the account out of service and says so."""
    now, mine = hub.now(), col(AccountToken.account_id) == account_id
    with hub.db.write() as conn:
        taken = update(AccountToken).where(mine, col(AccountToken.renew_at) <= now).values(renew_at=now + AGAIN)
        if not conn.execute(taken).rowcount:
            return
    account = accounts.by_id(hub, account_id)
    try:
        connect(hub, account, priority=2).http.renew()
    except (AuthError, ConfigError) as error:
        state = "needs_auth" if isinstance(error, AuthError) else "failed"
        accounts.set_state(hub, account.key, state, reason=error.key, by=accounts.HUB)
    except ConnectorError as error:
        log.warning("renewal failed", account=account.key, key=error.key, code=error.code)


class Shown(NamedTuple):
    """A changing credential as its account's page shows it. since: of the value that is kept; cut_off: its last renewal was."""

    title: Text
    since: datetime | None
    cut_off: bool


def shown(conn: Connection, manifest: Manifest, account_id: int) -> list[Shown]:
    """The changing credentials of an account."""
    if not manifest.credentials:
        return []
    kept, spending = read_credentials(conn, account_id)
    since = {name: one.at for name, one in kept.items() if one.value}
    return [Shown(kind.title, since.get(name), name in spending) for name, kind in manifest.credentials.items()]
