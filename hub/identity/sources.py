"""The lists of customers that the hub reads, one an account: whose value wins in the golden record, and which is which."""

from __future__ import annotations

from sqlmodel import select

from connectors import registry
from hub.core import Hub
from hub.models import Account


class Sources:
    """Implements `hub.identity.resolve.Lists` for the hub's accounts. Made anew for each piece of work: whoever is unknown then
    is not asked for again."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._ranks: dict[int, int] = {}
        self._names: dict[int, str] = {}

    def rank(self, account_id: int) -> int:
        """The place of the account's source in ``settings.source_order``; unknown ones come last."""
        if account_id not in self._ranks:
            self._load(account_id)
        return self._ranks[account_id]

    def name(self, account_id: int) -> str:
        """The account's platform and number."""
        if account_id not in self._names:
            self._load(account_id)
        return self._names[account_id]

    def _load(self, wanted: int) -> None:
        order = self._hub.settings.source_order
        with self._hub.db.read() as conn:
            for account_id, platform in conn.execute(select(Account.id, Account.platform)):
                # A connector may have been uninstalled while what it brought stays.
                installed = registry.entries().get(platform)
                category = installed.manifest.category if installed else ""
                self._ranks[account_id] = order.index(category) if category in order else 98
                self._names[account_id] = f"{platform}:{account_id}"
        self._ranks.setdefault(wanted, 99)
        self._names.setdefault(wanted, f"?:{wanted}")
