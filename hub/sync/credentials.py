"""Credentials that change while an account is in use, as they are stored: sealed, beside the token, one row an account.

Everything here is read and written whole in one transaction, so that a push and a renewal never lose each other's change.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection
from sqlmodel import col, select, update

from connectors.credentials import Credential, merged
from hub.models import AccountToken
from hub.store.bulk import Upsert
from hub.store.types import from_us, to_us

_insert = Upsert("account_token", ("account_id", "lease_until"), ("account_id",))


class Credentials(NamedTuple):
    """kept: by name. spending: name -> since when a use of it is announced whose outcome is not known."""

    kept: dict[str, Credential]
    spending: dict[str, datetime]


def as_json(kept: Mapping[str, Credential]) -> dict[str, Any] | None:
    """As the sealed column holds them; None for none."""
    return {name: {"value": one.value, "at": to_us(one.at)} for name, one in kept.items()} or None


def read_credentials(conn: Connection, account_id: int, *, lock: bool = False) -> Credentials:
    """The account's, as they are now."""
    wanted = select(AccountToken.credentials, AccountToken.spending).where(AccountToken.account_id == account_id)
    row = conn.execute(wanted.with_for_update() if lock and conn.dialect.name == "postgresql" else wanted).first()
    if row is None:
        return Credentials({}, {})
    kept = {name: Credential(one["value"], from_us(one["at"])) for name, one in (row[0] or {}).items()}
    return Credentials(kept, {name: from_us(since) for name, since in (row[1] or {}).items()})


def locked_credentials(conn: Connection, account_id: int) -> Credentials:
    """The same, held until the end of the transaction."""
    _insert(conn, [(account_id, 0)])
    return read_credentials(conn, account_id, lock=True)


def keep(conn: Connection, account_id: int, fresh: Mapping[str, Credential]) -> bool:
    """Store these where they are not older than what is kept; what was announced of them is settled. Whether any is new."""
    row = locked_credentials(conn, account_id)
    kept = merged(row.kept, fresh)
    spending = {name: to_us(since) for name, since in row.spending.items() if name not in fresh} or None
    values = {"credentials": as_json(kept), "spending": spending}
    conn.execute(update(AccountToken).where(col(AccountToken.account_id) == account_id).values(**values))
    return any(name not in row.kept or row.kept[name].value != kept[name].value for name in fresh)
