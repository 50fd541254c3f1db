"""Daily settlements: which day, what sum, late items, and a real month of orders."""

from __future__ import annotations

import csv
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.events import delivery, rules, settle
from hub.events.mint import insert_events, mint
from hub.models import Account, AccountStream, Event, Order, SettlementItem
from hub.store.types import EPOCH, to_us
from tests.yardstick import slower

DAILY = {"name": "tm-daily", "on": "order.paid", "source": "shop-*", "to": "books-main", "make": "settlement", "per": "day"}
NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)  # noon in Shanghai
ORDERS = Path(__file__).parents[3].parent / "shared" / "data" / "tmall_orders_2020-02.csv"


@pytest.fixture
def shop(world: Any) -> Any:
    world.rules(DAILY)
    return world


def pulled(world: Any, stream: str) -> None:
    """The shop has a stream that was never pulled yet."""
    row = {"account_id": world.shop, "stream": stream, "task": "pull", "enabled": True, "cursor": {}, "failures": 0, "fence": 0}
    world.put(AccountStream, **row, next_run_at=EPOCH, lease_until=EPOCH)


def closed(world: Any) -> int:
    world.dispatch()
    return settle.close_days(world.hub)


def test_a_day_is_one_document_with_a_line_for_payments_and_one_for_refunds(shop: Any) -> None:
    for amount in (10_000, 2_550, 1):
        shop.order(amount, NOON)
    shop.refund(1_200, NOON)
    assert closed(shop) == 1
    row = shop.one()
    assert (row.state, row.kind, row.amount, row.day) == ("pending", "settlement", 11_351, date(2026, 11, 20))
    assert row.number.startswith("ST20261120") and len(row.number) == 18
    assert [(line["title"], line["amount"]) for line in row.document["lines"]] == [("货款 3 笔", 12_551), ("退款 1 笔", -1_200)]
    assert row.document["party"]["name"] == "账号 shop-tm"
    assert {item.delivery_id for item in shop.rows(SettlementItem)} == {row.id}
    assert delivery.show(shop.hub, row.id)["settlement_items"] == 4
    shop.deliver()
    assert shop.one().state == "sent"
    assert closed(shop) == 0


def test_the_day_is_that_of_the_rules_zone(shop: Any) -> None:
    shop.order(100, datetime(2026, 11, 19, 15, 59, 59, tzinfo=UTC))
    shop.order(200, datetime(2026, 11, 19, 16, 0, tzinfo=UTC))
    closed(shop)
    assert [(row.day.day, row.amount) for row in shop.deliveries()] == [(19, 100), (20, 200)]


def test_a_day_closes_at_its_hour_of_the_next_day(shop: Any) -> None:
    """now is noon of the 22nd in Shanghai."""
    shop.order(100, NOON + timedelta(days=1))
    shop.order(200, NOON + timedelta(days=2))
    assert closed(shop) == 1 and shop.one().amount == 100
    shop.forward(13 * 3600 + 59 * 60 + 59)
    assert closed(shop) == 0, "01:59:59 of the 23rd"
    shop.forward(1)
    assert closed(shop) == 1


def test_late_items_go_into_one_supplement_at_the_next_closing(shop: Any) -> None:
    shop.order(10_000, NOON)
    closed(shop)
    first = shop.one()
    shop.deliver()
    shop.order(500, NOON)
    shop.refund(200, NOON)
    assert closed(shop) == 0, "the next closing is at 02:00"
    shop.forward(14 * 3600)
    assert closed(shop) == 1
    again, supplement = sorted(shop.deliveries(), key=lambda row: row.number)
    assert again.id == first.id and again.document == first.document, "an issued document is never edited"
    assert (supplement.number, supplement.amount, supplement.day) == (first.number + "-2", 300, first.day)
    shop.order(7, NOON)
    shop.forward(24 * 3600)
    assert closed(shop) == 1
    assert [row.number for row in shop.deliveries()] == [first.number, first.number + "-2", first.number + "-3"]
    assert sum(row.amount for row in shop.deliveries()) == sum(item.amount for item in shop.rows(SettlementItem))


def test_a_day_that_nets_to_zero_is_still_told(shop: Any) -> None:
    shop.order(1_000, NOON)
    shop.refund(1_000, NOON)
    assert closed(shop) == 1
    assert (shop.one().amount, [line["amount"] for line in shop.one().document["lines"]]) == (0, [1_000, -1_000])


def test_a_day_on_which_no_money_moved_makes_no_document(shop: Any) -> None:
    shop.order(0, NOON)
    assert closed(shop) == 0 and shop.deliveries() == []
    assert shop.rows(SettlementItem)[0].delivery_id == settle.NOTHING
    shop.order(300, NOON)
    assert closed(shop) == 1 and shop.one().number.startswith("ST20261120") and "-" not in shop.one().number
    assert closed(shop) == 0


def test_shops_and_currencies_are_kept_apart(shop: Any) -> None:
    other = shop.account("shop-two", "shop")
    shop.order(100, NOON)
    shop.order(200, NOON, currency="USD")
    row = {"ref": "x", "account_id": other, "source_ref": f"{other}|order|x", "number": "x", "state": "paid"}
    shop.put(Order, **row, currency="CNY", deleted=False)
    shop.event("order.paid", other, "x", NOON, amount=400, currency="CNY", number="x")
    assert closed(shop) == 3
    rows = shop.deliveries()
    assert sorted((row.source_account_id, row.currency, row.amount) for row in rows) == [
        (shop.shop, "CNY", 100), (shop.shop, "USD", 200), (other, "CNY", 400),
    ]  # fmt: skip
    assert len({row.number for row in rows}) == 3 and len({row.document["party"]["code"] for row in rows}) == 2


def test_an_event_is_in_one_document_however_often_it_comes(shop: Any) -> None:
    ref = shop.order(100, NOON)
    closed(shop)
    shop.change(Event, "subject", ref, pending=True)
    shop.forward(24 * 3600)
    assert closed(shop) == 0
    assert sum(row.amount for row in shop.deliveries()) == 100


def test_a_payment_without_amount_is_shown_and_settled_once_it_is_known(shop: Any) -> None:
    ref = shop.order(None, NOON)
    assert closed(shop) == 0
    row = shop.one()
    assert (row.state, row.error["key"]) == ("rejected", "document.amount_missing")
    assert delivery.retry(shop.hub, row.id, by="wang") == "rejected"
    shop.change(Order, "ref", ref, paid=700)
    assert delivery.retry(shop.hub, row.id, by="wang") == "cancelled"
    assert closed(shop) == 1
    assert shop.one(kind="settlement", state="pending").amount == 700


def test_a_rejected_settlement_is_made_anew_from_its_items(shop: Any) -> None:
    shop.order(100, NOON)
    closed(shop)
    shop.ledger.expect("send", "rejected")
    shop.deliver()
    row = shop.one()
    shop.order(900, NOON)
    shop.dispatch()
    shop.change(Account, "key", "shop-tm", title="旗舰店")
    assert delivery.retry(shop.hub, row.id, by="wang") == "pending"
    again = shop.one()
    assert (again.number, again.amount, again.document["party"]["name"]) == (row.number, 100, "旗舰店")


def test_a_new_shops_days_wait_for_its_first_pull(shop: Any) -> None:
    shop.change(Account, "key", "shop-tm", created_at=shop.now())
    pulled(shop, "order")
    shop.order(100, NOON)
    assert closed(shop) == 0
    shop.change(AccountStream, "stream", "order", last_ok_at=shop.now(), run_id=1)
    assert closed(shop) == 0, "the first run still goes on"
    shop.change(AccountStream, "stream", "order", run_id=None)
    assert closed(shop) == 1


def test_a_new_shop_waits_a_day_at_most(shop: Any) -> None:
    shop.change(Account, "key", "shop-tm", created_at=shop.now())
    pulled(shop, "refund")
    shop.order(100, NOON)
    assert closed(shop) == 0
    shop.forward(24 * 3600)
    assert closed(shop) == 1


def test_items_of_a_rule_that_is_gone_are_told(shop: Any) -> None:
    shop.order(100, NOON)
    shop.dispatch()
    shop.rules()
    assert settle.close_days(shop.hub) == 0
    assert any("tm-daily" in line and "1" in line for line in rules.check(shop.hub))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(st.tuples(st.integers(0, 3), st.integers(-9_999, 9_999), st.booleans()), max_size=25))
def test_nothing_is_lost_or_counted_twice(world: Any, moves: list[tuple[int, int, bool]]) -> None:
    """Money comes in and goes back on several days in any order, days close in between: the documents add up to it."""
    world.rules(DAILY)
    before = sum(row.amount for row in world.deliveries())
    for day, amount, close in moves:
        at = world.now() - timedelta(days=day)
        if amount < 0:
            world.refund(-amount, at)
        else:
            world.order(amount, at)
        if close:
            closed(world)
            world.forward(12 * 3600)
    for _ in range(3):
        world.forward(48 * 3600)
        closed(world)
    rows = world.deliveries()
    assert sum(row.amount for row in rows) - before == sum(amount for _, amount, _ in moves)
    assert len({row.number for row in rows}) == len(rows)
    assert not [item for item in world.rows(SettlementItem) if item.delivery_id is None]


def test_a_real_month_of_a_shop(shop: Any) -> None:
    """28,010 orders of one Tmall shop: the documents' sum is that of the file, to the fen."""
    if not ORDERS.exists():
        pytest.skip("the order file of the shop is not on this machine")
    paid = Decimal(0)
    events = []
    with ORDERS.open(encoding="utf-8") as file:
        for line in csv.DictReader(file):
            row = {key.strip(): value for key, value in line.items()}
            if not row["订单付款时间"]:
                continue
            amount = Decimal(row["买家实际支付金额"])
            paid += amount
            at = to_us(datetime.fromisoformat(row["订单付款时间"] + "+08:00"))
            data = {"amount": int(amount * 100), "currency": "CNY", "number": row["订单编号"]}
            events.append(mint("order.paid", shop.shop, f"{shop.shop}|{row['订单编号']}", at, at, data, pending=True))
    with shop.hub.db.write() as conn:
        assert insert_events(conn, events) == 24_087
    while rules.dispatch(shop.hub, limit=5_000):
        pass
    started = time.perf_counter()
    assert settle.close_days(shop.hub) == len({row.day for row in shop.deliveries()})
    took = time.perf_counter() - started
    rows = shop.deliveries()
    assert sum(row.amount for row in rows) == int(paid * 100) == 190_248_715
    with shop.hub.db.read() as conn:
        (items,) = conn.exec_driver_sql("SELECT count(*) FROM settlement_item WHERE delivery_id IS NOT NULL").one()
    assert items == 24_087
    assert took < 3 * slower(), f"closing {len(rows)} days took {took:.1f} s"


def test_a_day_waits_for_the_events_that_no_rule_has_seen_yet(shop: Any) -> None:
    """Dispatching a backfill takes many batches: closing between two of them would cut its days in pieces."""
    shop.order(10_000, NOON)
    shop.order(5_000, NOON)
    rules.dispatch(shop.hub, limit=1)
    assert settle.close_days(shop.hub) == 0
    assert closed(shop) == 1
    assert shop.one().amount == 15_000
