"""A hub between the simulators of a CRM and of Kingdee, with its own clock: contracts become receivables, money comes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from sqlalchemy import text

from config.settings import Rule, Settings
from connectors import registry
from connectors.sandbox import Served
from hub import accounts
from hub.core import Hub
from hub.events import delivery, rules
from hub.invoices import follow
from hub.sync.foreground import sync

RULES = [
    Rule(name="bill", event="deal.signed", source="crm", to="k3", make="receivable"),
    Rule(name="money-back", event="payment.received", source="crm", to="@origin", make="payment"),
]
RECEIVABLES = 7
HOUR = timedelta(hours=1)


class House:
    """A hub between the two simulators, with a clock of its own."""

    def __init__(self, folder: Path) -> None:
        self.at = datetime(2026, 11, 22, 4, tzinfo=UTC)
        self.crm, self.k3 = (registry.get(name).simulator()(now=self.now) for name in ("wukong", "kingdee"))  # type: ignore[misc]
        self.served = [Served(self.crm), Served(self.k3)]
        self.hub = Hub.open(Settings(data_dir=folder / "var", rules=RULES))
        self.hub.clock = self.now
        self.hub.sleep = self.sleep
        for key, sim, served in (("crm", self.crm, self.served[0]), ("k3", self.k3, self.served[1])):
            sim.app.logger.disabled = True
            accounts.add(self.hub, sim.name, key, key, sim.settings(served.url), by="test")
        customer = self.crm.add_customer("郑州样例科技有限公司", mobile="13800000001", at=self.at - HOUR)
        self.contract = self.crm.add_contract(customer, "HT-2026-0001", "13780.01", "2026-11-01", 1, at=self.at - HOUR)

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def round(self) -> None:
        """Some hours of work: read, bill, deliver, ask what became of it, deliver that."""
        sync(self.hub, "crm", ["customer", "deal"], by="test")
        for _ in range(7):
            rules.dispatch(self.hub)
            for account in delivery.due_accounts(self.hub):
                delivery.deliver(self.hub, account)
            self.at += timedelta(minutes=65)
            for account in follow.due_accounts(self.hub):
                follow.follow(self.hub, account)

    def billed(self) -> str:
        return next(entry["number"] for entry in self.k3.ledger if entry["kind"] != "customer")

    def receipts(self) -> list[tuple[str, Decimal]]:
        rows = self.crm.store.tables[RECEIVABLES].values()
        return [(row.detail["number"], row.detail["money"]) for row in rows]

    def states(self) -> list[tuple[str, str]]:
        with self.hub.db.read() as conn:
            return [tuple(row) for row in conn.execute(text("SELECT kind, state FROM delivery ORDER BY created_at, kind"))]

    def close(self) -> None:
        """Hub and simulators end."""
        self.hub.close()
        for served in self.served:
            served.close()
