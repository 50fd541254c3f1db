"""From signed deals and shop payments to approved documents in YonBIP, U8, T+ and Kingdee Xingchen, with faults on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors import registry
from connectors.budgets import MemoryBudgets
from connectors.sandbox import Served
from hub.events import settle
from hub.events.reconcile import reconcile
from hub.models import Account, Delivery
from hub.sync import connect as connecting

REAL_CONNECT = connecting.connect
SAVES = {
    "yonyou": "receivable/save", "u8": "oughtreceive/add", "chanjet": "saleDelivery/Create",
    "kingdee_cloud": "POST /jdy/v2/scm/sal_out_bound",
}  # fmt: skip
STEPS = {
    "yonyou": "receivable/submit", "u8": "oughtreceive/verify", "chanjet": "SaleDeliveryOpenApi/Audit",
    "kingdee_cloud": "common_operate",
}  # fmt: skip
MONTH = 40 * 86_400.0


@pytest.fixture
def books(world: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """``books(platform)``: the world with a real connector to the platform's simulator, which is ``world.sim``."""
    served: list[Served] = []

    def connect(platform: str) -> Any:
        kind = registry.get(platform).simulator()
        assert kind is not None
        world.sim = kind(now=world.now)
        world.sim.app.logger.disabled = True
        served.append(Served(world.sim))
        monkeypatch.setattr(connecting, "connect", REAL_CONNECT)
        monkeypatch.setattr(connecting, "budgets_of", lambda *_: MemoryBudgets([]))
        account = world.account("books", platform)
        world.change(Account, "id", account, config=world.sim.settings(served[-1].url))
        world.rules(
            {"on": "deal.signed", "source": "crm-*", "to": "books", "make": "receivable"},
            {"on": "deal.signed", "source": "crm-*", "to": "books", "make": "sales_order"},
            {"on": "order.paid", "source": "shop-*", "to": "books", "make": "settlement", "per": "day"},
        )
        return world

    yield connect
    for one in served:
        one.close()


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


def numbers(world: Any) -> list[str]:
    return sorted(entry["number"] for entry in world.sim.ledger if entry["kind"] != "customer")


def all_there_once(world: Any) -> None:
    rows = world.deliveries()
    assert [row.state for row in rows] == ["sent"] * 5, [(row.kind, row.error) for row in rows]
    assert numbers(world) == sorted(row.number for row in rows)
    report = reconcile(world.hub, "books")
    assert (report["ok"], report["differences"]) == (5, [])
    assert report["totals"]["CNY"] == dict.fromkeys(("expected", "delivered", "found"), 2 * (1_378_001 + 99_99) + 11_746)


@pytest.mark.parametrize("platform", SAVES)
def test_documents_arrive_and_reconcile(books: Any, platform: str) -> None:
    world = books(platform)
    fill(world)
    world.deliver()
    all_there_once(world)


@pytest.mark.parametrize("platform", SAVES)
@pytest.mark.parametrize("fault", ["cut_before", "cut_after", "error"])
def test_each_document_is_there_once_in_spite_of(books: Any, platform: str, fault: str) -> None:
    """The answer to the first, second, third … write is lost, for every document."""
    world = books(platform)
    fill(world)
    for place in range(8):
        call = (SAVES if place % 2 else STEPS)[platform]
        if fault == "error":
            world.sim.faults.error[call] = [502]
        else:
            getattr(world.sim.faults, fault).update({call: 1})
        world.deliver()
        world.forward(61)
    world.sim.faults.clear()
    world.settle_all(12, 121)
    all_there_once(world)


def test_a_key_that_was_forgotten_meanwhile_makes_no_second_document(books: Any) -> None:
    """Written, the answer lost, the hub down for forty days: the platform would write it again, and the look-up says no."""
    world = books("yonyou")
    fill(world)
    world.sim.answers.update({"receivable/save": ["after:310504"] * 9, "singleSave": ["after:310504"] * 9})
    world.deliver()
    assert {row.state for row in world.deliveries()} == {"in_doubt"}
    world.sim.answers.clear()
    world.forward(MONTH)
    world.settle_all(12, 121)
    all_there_once(world)


def test_a_database_of_last_month_adopts_what_it_does_not_remember(books: Any) -> None:
    """Restored from a backup that is older than the platform's memory of its keys."""
    world = books("yonyou")
    fill(world)
    world.deliver()
    for row in world.deliveries():
        world.change(Delivery, "id", row.id, state="pending", receipt=None, attempts=0)
    world.forward(MONTH)
    world.settle_all(12, 121)
    all_there_once(world)
