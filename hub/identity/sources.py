"""The order of sources: whose value wins in the golden record."""

from __future__ import annotations

from sqlmodel import select

from connectors import registry
from hub.core import Hub
from hub.models import Account


class Ranks:
    """The place of an account's source in ``settings.source_order``; unknown ones come last."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._known: dict[int, int] = {}

    def __call__(self, account_id: int) -> int:
        if account_id not in self._known:
            self._load()
        return self._known.get(account_id, 99)

    def _load(self) -> None:
        order = self._hub.settings.source_order
        with self._hub.db.read() as conn:
            for account_id, platform in conn.execute(select(Account.id, Account.platform)):
                # A connector may have been uninstalled while what it brought stays.
                installed = registry.entries().get(platform)
                category = installed.manifest.category if installed else ""
                self._known[account_id] = order.index(category) if category in order else 98
