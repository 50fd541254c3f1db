"""From signed deals and shop payments to audited documents in K/3 Cloud, on its simulator, with faults on the way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors import registry
from connectors.budgets import MemoryBudgets
from connectors.sandbox import Served
from hub import accounts
from hub.events import delivery, settle
from hub.events.reconcile import reconcile
from hub.models import Account
from hub.sync import connect as connecting

KINGDEE = registry.entries().get("kingdee")
simulated = pytest.mark.skipif(KINGDEE is None or KINGDEE.simulator() is None, reason="the kingdee connector is not installed")
REAL_CONNECT = connecting.connect
RULES = (
    {"on": "deal.signed", "source": "crm-*", "to": "k3", "make": "receivable"},
    {"on": "deal.signed", "source": "crm-*", "to": "k3", "make": "sales_order"},
    {"on": "order.paid", "source": "shop-*", "to": "k3", "make": "settlement", "per": "day"},
)


@pytest.fixture
def k3(world: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The world with a real connector to a simulator; ``world.sim`` is the other side."""
    assert KINGDEE is not None
    kind = KINGDEE.simulator()
    assert kind is not None
    world.sim = kind(now=world.now)
    served = Served(world.sim)
    world.sim.app.logger.disabled = True
    monkeypatch.setattr(connecting, "connect", REAL_CONNECT)
    monkeypatch.setattr(connecting, "budgets_of", lambda *_: MemoryBudgets([]))
    account = world.account("k3", "kingdee")
    world.change(Account, "id", account, config=world.sim.settings(served.url))
    world.rules(*RULES)
    yield world
    served.close()


def numbers(world: Any) -> list[str]:
    return sorted(entry["number"] for entry in world.sim.ledger if entry["kind"] != "customer")


def fill(world: Any) -> None:
    world.deal(1_378_001, lines=[
        {"title": "年度服务费", "amount": 1_060_000, "quantity": "2", "tax_rate": "6"},
        {"title": "实施服务", "amount": 318_001, "tax_rate": "6"},
    ])  # fmt: skip
    world.deal(99_99)
    for amount in (12_345, 1, 700):
        world.order(amount, datetime(2026, 11, 20, 4, tzinfo=UTC))
    world.refund(1_300, datetime(2026, 11, 20, 5, tzinfo=UTC))
    world.dispatch()
    settle.close_days(world.hub)


@simulated
def test_documents_arrive_audited_and_reconcile(k3: Any) -> None:
    fill(k3)
    k3.deliver()
    rows = k3.deliveries()
    assert [row.state for row in rows] == ["sent"] * 5, [row.error for row in rows]
    assert numbers(k3) == sorted(row.number for row in rows) and k3.sim.violations == []
    assert {row.receipt["state"] for row in rows} == {"C"}
    report = reconcile(k3.hub, "k3")
    assert (report["ok"], report["differences"]) == (5, [])
    assert report["totals"]["CNY"] == dict.fromkeys(("expected", "delivered", "found"), 2 * (1_378_001 + 99_99) + 11_746)


@simulated
@pytest.mark.parametrize("fault", ["cut_before", "cut_after", "error", "after:502", "html", "after:html"])
def test_each_document_is_there_once_in_spite_of(k3: Any, fault: str) -> None:
    """The answer to the first, second, third … write is lost or garbled, for every document."""
    fill(k3)
    for place in range(12):
        if fault == "error":
            k3.sim.faults.error["Save" if place % 2 else "Audit"] = [502]
        elif fault.startswith("cut"):
            getattr(k3.sim.faults, fault).update({"Save" if place % 2 else "Submit": 1})
        else:
            k3.sim.answers.setdefault("Save" if place % 2 else "Submit", []).append(fault)
        k3.deliver()
        k3.forward(31)
    k3.sim.faults.clear()
    k3.sim.answers.clear()
    k3.settle_all(12, 61)
    rows = k3.deliveries()
    assert [row.state for row in rows] == ["sent"] * 5, [(row.kind, row.error) for row in rows]
    assert numbers(k3) == sorted(row.number for row in rows) and k3.sim.violations == []
    assert reconcile(k3.hub)["differences"] == []


@simulated
def test_wrong_credentials_stop_the_account_until_they_are_mended(k3: Any) -> None:
    fill(k3)
    good = k3.rows(Account, key="k3")[0].config
    k3.change(Account, "key", "k3", config={**good, "app_secret": "wrong" * 6})
    k3.deliver()
    assert k3.rows(Account, key="k3")[0].state == "needs_auth"
    assert {row.state for row in k3.deliveries()} == {"pending"} and delivery.due_accounts(k3.hub) == []
    k3.change(Account, "key", "k3", config=good)
    accounts.set_state(k3.hub, "k3", "active", reason="", by="wang")
    k3.deliver()
    assert [row.state for row in k3.deliveries()] == ["sent"] * 5
