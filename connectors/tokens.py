"""Where the token of an account lives between calls, and its credentials that change with it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from connectors.base import Token
from connectors.credentials import Credential, Store, merged, settled


class Tokens(Store, Protocol):
    """Where an account's token and its changing credentials live. ``renew`` fetches under a lock that all workers share."""

    def current(self) -> Token | None:
        """The stored token when it still has some life left."""

    def renew(self, dead: Token | None, fetch: Callable[[], Token | None]) -> Token | None:
        """A token other than ``dead``: one that somebody else has just fetched, or a fresh one."""


class MemoryTokens:
    """Tokens of one process (checks, tests). early: seconds before its end at which a token counts as over.

    kept, spending: credentials, and the announced ones; a later instance that is given them is the same account restarted.
    """

    def __init__(
        self, clock: Callable[[], datetime], early: float = 300.0,
        kept: dict[str, Credential] | None = None, spending: dict[str, datetime] | None = None,
    ) -> None:  # fmt: skip
        self._clock, self._early, self._lock = clock, early, threading.Lock()
        self._token: Token | None = None
        self._until = float("inf")
        self.kept = {} if kept is None else kept
        self.spending = {} if spending is None else spending
        self._announced: set[str] = set()

    def current(self) -> Token | None:
        """The token, unless it is about to end."""
        return self._token if self._clock().timestamp() < self._until else None

    def renew(self, dead: Token | None, fetch: Callable[[], Token | None]) -> Token | None:
        """Fetch once however many threads ask."""
        with self._lock:
            token = self.current()
            if token is not None and (dead is None or token.value != dead.value):
                return token
            self._token = self._fetched(fetch)
            life = self._token.expires_in if self._token else None
            self._until = float("inf") if life is None else self._clock().timestamp() + max(life - self._early, life / 2)
            return self._token

    def _fetched(self, fetch: Callable[[], Token | None]) -> Token | None:
        before = dict(self.spending)
        self._announced = set()
        try:
            token = fetch()
        except Exception as error:
            open_ = {name: since for name, since in before.items() if name in self.spending}
            told, left = settled(error, open_, self._announced, self._clock())
            self.spending.clear()
            self.spending.update(left)
            raise told from None
        self.spending.clear()
        if token is not None:
            self.keep({name: Credential(value, self._clock()) for name, value in token.keep.items()})
        return token

    def credentials(self) -> Mapping[str, Credential]:
        """The kept ones."""
        return self.kept

    def keep(self, fresh: Mapping[str, Credential]) -> None:
        """Take in what a push or a step brought."""
        self.kept.update(merged(self.kept, fresh))
        for name in fresh:
            self.spending.pop(name, None)
            self._announced.discard(name)

    def spend(self, name: str) -> None:
        """Note that it is about to be used up."""
        self._announced.add(name)
        self.spending.setdefault(name, self._clock())
