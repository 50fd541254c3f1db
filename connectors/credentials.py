"""Credentials that change while an account is in use: how a connector is lent them, and hands changed ones back.

Some platforms answer each use of a refresh token with another one and kill the first; others push a ticket every few minutes,
without which no token is given. A setting holds neither. The runtime keeps them beside the token, sealed, shared by workers,
checks and restarts: what ``Token.keep`` names is stored in one transaction with the token, what ``Opened.keep`` names before
the push is acknowledged. Whatever a use kills is announced first (``Kept.spend``), durably, so that a death between the
platform's answer and our store is known as what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from connectors import errors


@dataclass(frozen=True, slots=True)
class Credential:
    """at: when the platform issued it; an older one never replaces a newer one. value '': it was used up."""

    value: str = field(repr=False)
    at: datetime


class Store(Protocol):
    """Where an account's credentials are kept."""

    def credentials(self) -> Mapping[str, Credential]:
        """Those that are kept now."""

    def spend(self, name: str) -> None:
        """Note durably that this one is about to be used up."""

    def keep(self, fresh: Mapping[str, Credential]) -> None:
        """Store these durably, now; what was announced of them is settled."""


class Kept:
    """What a connector sees of its kept credentials. Called in ``fetch_token``, under the token lock."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store, self._clock = store, clock

    def value(self, name: str) -> str:
        """The credential of that name as it is now; '' where there is none."""
        found = self._store.credentials().get(name)
        return found.value if found else ""

    def spend(self, name: str) -> str:
        """The same, for a use that kills it. The call that follows is one with ``write=True``: it is not repeated."""
        self._store.spend(name)
        return self.value(name)

    def keep(self, **values: str) -> None:
        """Store what one step of several has changed before the next one is taken, which may fail."""
        self._store.keep({name: Credential(value, self._clock()) for name, value in values.items()})


def merged(kept: Mapping[str, Credential], fresh: Mapping[str, Credential]) -> dict[str, Credential]:
    """The kept ones with the fresh ones, where those are not older."""
    return {**kept, **{name: new for name, new in fresh.items() if name not in kept or new.at >= kept[name].at}}


def settled(
    error: BaseException, before: Mapping[str, datetime], announced: Collection[str], now: datetime
) -> tuple[BaseException, dict[str, datetime]]:
    """After a fetch that failed: the error as people are told it, and what stays announced.

    before: what an earlier fetch announced and never settled; announced: what this one did. A fault in which nothing was used
    up withdraws the announcement, and so does a plain refusal. When what is refused was announced before, its successor was
    issued and never stored: it is lost, and a person is told so.
    """
    unused = isinstance(error, errors.Retryable)
    refused = isinstance(error, errors.AuthError | errors.ConfigError) and not isinstance(error, errors.UnknownAnswer)
    if unused or refused:
        lost = sorted(set(before) & set(announced)) if refused else []
        if lost and isinstance(error, errors.ConnectorError):
            since = f"{before[lost[0]]:%Y-%m-%d %H:%M} UTC"
            error = errors.ReauthNeeded("error.credential_lost", code=error.code, credential=", ".join(lost), since=since)
        return error, dict(before)
    return error, {**dict.fromkeys(announced, now), **before}
