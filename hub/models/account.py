"""Connected platform accounts, what is pulled from each and how far it got, and their tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index
from sqlmodel import Field

from hub.models.base import Model, instant, sealed, text


class Account(Model, table=True):
    """One connected account. state: active | paused | needs_auth | failed; each disable carries who and why."""

    __tablename__ = "account"
    id: int | None = Field(default=None, primary_key=True)
    key: str = text(unique=True)
    platform: str = text(index=True)
    title: str = text()
    config: dict[str, Any] = sealed("account.config")
    state: str = text(default="active")
    state_reason: str | None = text(nullable=True)
    state_by: str | None = text(nullable=True)
    state_at: datetime | None = instant(nullable=True)
    created_at: datetime = instant()


class AccountStream(Model, table=True):
    """One stream of an account: due time, lease, fence, cursor. task: pull | rescan | sweep.

    cursor: JSON of ``hub.sync.cursor``. error: the last error (``ConnectorError.as_dict``), cleared by success.
    """

    __tablename__ = "account_stream"
    __table_args__ = (Index("ix_account_stream_due", "enabled", "next_run_at"),)
    account_id: int = Field(primary_key=True, foreign_key="account.id")
    stream: str = text(primary_key=True)
    task: str = text(primary_key=True, default="pull")
    enabled: bool = True
    cursor: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    next_run_at: datetime = instant()
    lease_until: datetime = instant()
    fence: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    run_id: int | None = None
    last_ok_at: datetime | None = instant(nullable=True)
    failures: int = 0
    error: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON, nullable=True))


class AccountToken(Model, table=True):
    """The token of an account, fetched under a lease so that one worker at a time asks for it; and credentials that change.

    credentials: name -> value and since when (``connectors.credentials``). spending: name -> since when a use is announced
    whose outcome is not known. renew_at: when the token is renewed though nobody needs it.
    """

    __tablename__ = "account_token"
    account_id: int = Field(primary_key=True, foreign_key="account.id")
    token: dict[str, Any] | None = sealed("account_token.token", nullable=True)
    expires_at: datetime | None = instant(nullable=True)
    lease_until: datetime = instant()
    credentials: dict[str, Any] | None = sealed("account_token.credentials", nullable=True)
    spending: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON, nullable=True))
    renew_at: datetime | None = instant(nullable=True)


class Listening(Model, table=True):
    """The connection over which an account's platform pushes, kept by one worker under a lease.

    opened_at: since when it stands; None while it does not. heard_at: the last push. failures, error: as with streams.
    """

    __tablename__ = "listening"
    account_id: int = Field(primary_key=True, foreign_key="account.id")
    next_at: datetime = instant()
    lease_until: datetime = instant()
    fence: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    opened_at: datetime | None = instant(nullable=True)
    heard_at: datetime | None = instant(nullable=True)
    failures: int = 0
    error: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON, nullable=True))


class CallCount(Model, table=True):
    """Calls that a platform counts by the month, as we made them. quota: the ``match`` of the manifest's budget; day: in its
    zone (yyyy-MM-dd)."""

    __tablename__ = "call_count"
    account_id: int = Field(primary_key=True, foreign_key="account.id")
    quota: str = text(primary_key=True)
    day: str = text(primary_key=True)
    count: int = 0
