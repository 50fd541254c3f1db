"""The invoice trigger: complete or waiting, never half; filled by people; taken back; and to the fen."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.settings import Invoicing, TaxItem
from hub.events import delivery
from hub.events.documents import from_json
from hub.invoices import queue
from hub.models import AuditEntry, Deal, InvoiceApplication, Order

TAX_ID = "913100001234567883"
SERVICES = TaxItem(item="*", title="*服务*", tax_code="3049900000000000000", rate="6", name="技术服务", unit="项")
GOODS = TaxItem(item="SKU-*", tax_code="1090511030000000000", rate="13")
RULE = {"on": "invoice.requested", "source": "*", "to": "books-main", "make": "invoice"}
BUYER = {"buyer_title": "杭州样例科技有限公司", "buyer_tax_id": TAX_ID, "buyer_kind": "company"}


@pytest.fixture
def asking(world: Any) -> Any:
    """A world in which invoices are made of requests."""
    world.rules(RULE, invoicing=Invoicing(kind="digital_special", items=[SERVICES, GOODS]))
    return world


def missing(world: Any) -> list[tuple[str, str, str]]:
    return [(each["field"], each["reason"], each["who"]) for row in queue.waiting(world.hub) for each in row["missing"]]


def test_a_complete_request_becomes_an_invoice(asking: Any) -> None:
    deal = asking.deal(1_060_000)
    asking.request(
        deal=deal, profile_ref=asking.rows(Deal)[0].profile_ref, **BUYER, buyer_bank="样例银行", buyer_account="62220"
    )
    asking.dispatch()
    row = asking.one()
    made = from_json(row.document)
    assert row.state == "pending" and row.kind == "invoice" and len(row.number) <= 20
    assert made.invoice is not None and made.invoice.kind == "digital_special" and made.invoice.buyer_bank == "样例银行"
    (line,) = made.invoice.lines
    assert (line.net.minor, line.tax.minor, line.tax_code, line.title) == (1_000_000, 60_000, SERVICES.tax_code, "技术服务")
    asking.settle_all(2)
    assert asking.one().state == "sent"


def test_what_is_missing_waits_and_says_who_can_fill_it(asking: Any) -> None:
    asking.rules(RULE, invoicing=Invoicing())
    asking.request(deal=asking.deal(100, title="杂项", owner="王销售", profile=None))
    asking.dispatch()
    row = asking.one()
    assert row.state == "incomplete" and not row.document
    asking.settle_all(3)
    assert asking.one().state == "incomplete" and not asking.ledger.calls
    assert missing(asking) == [
        ("invoice_kind", "missing", "sales"), ("buyer_title", "missing", "sales"), ("buyer_tax_id", "missing", "sales"),
        ("lines.1.tax_code", "missing", "finance"), ("lines.1.tax_rate", "missing", "finance"),
    ]  # fmt: skip
    (shown,) = queue.waiting(asking.hub)
    assert shown["who"] == ["财务", "销售 王销售"] and shown["about"].startswith("KP-") and queue.count(asking.hub) == 1
    assert "购方税号：没有填" in [each["words"] for each in shown["missing"]]


def test_a_person_fills_it_and_it_goes_out(asking: Any) -> None:
    profile = asking.customer(asking.crm)[0]
    asking.request(deal=asking.deal(11_300, title="线缆", profile=profile), profile_ref=profile, buyer_title="样例")
    asking.dispatch()
    row = asking.one()
    assert missing(asking)[0] == ("buyer_tax_id", "missing", "sales")
    assert queue.fill(asking.hub, row.id, {"buyer_tax_id": "913100001234567884"}, by="li") == "incomplete"
    assert missing(asking)[0] == ("buyer_tax_id", "check", "sales")
    codes = {"lines.1.tax_code": "1090511030000000000", "lines.1.tax_rate": "13", "buyer_tax_id": f" {TAX_ID} "}
    assert queue.fill(asking.hub, row.id, codes, by="li") == "pending"
    asking.settle_all(2)
    made = from_json(asking.one().document)
    assert made.invoice is not None and made.invoice.buyer_tax_id == TAX_ID and made.invoice.tax.minor == 1300
    told = [entry for entry in asking.audit() if entry[1] == "invoice.fill"]
    assert told == [("li", "invoice.fill", f"delivery:{row.id}")] * 2
    assert TAX_ID not in str(asking.rows(AuditEntry))


@pytest.mark.parametrize("values", [{"amount": "1"}, {"lines.1.amount": "1"}, {"lines.x.unit": "1"}, {"invoice_kind": "cash"}])
def test_only_what_may_be_filled_is_filled(asking: Any, values: dict[str, str]) -> None:
    asking.request(deal=asking.deal(100, title="杂项"))
    asking.dispatch()
    with pytest.raises(delivery.DeliveryFault):
        queue.fill(asking.hub, asking.one().id, values, by="li")


def test_what_was_sent_is_not_filled(asking: Any) -> None:
    asking.request(deal=asking.deal(106), profile_ref=asking.rows(Deal)[0].profile_ref, **BUYER)
    asking.dispatch()
    asking.settle_all(1)
    for unknown in (asking.one().id, "nothing"):
        with pytest.raises(delivery.DeliveryFault):
            queue.fill(asking.hub, unknown, {"remark": "x"}, by="li")


def test_data_that_come_later_complete_it_by_themselves(asking: Any) -> None:
    profile = asking.customer(asking.crm)[0]
    ref = asking.request(deal=asking.deal(106, profile=profile), profile_ref=profile, buyer_title="样例")
    asking.dispatch()
    asking.change(InvoiceApplication, "ref", ref, buyer_tax_id=TAX_ID)
    asking.forward(300)
    assert queue.due(asking.hub) and queue.look_again(asking.hub) == 1
    assert asking.one().state == "pending" and not queue.due(asking.hub)


def test_one_that_stays_incomplete_is_looked_at_less_and_less(asking: Any) -> None:
    asking.request(deal=asking.deal(106), buyer_title="样例")
    asking.dispatch()
    looks = 0
    for _ in range(60):
        asking.forward(60)
        if queue.due(asking.hub):
            looks += 1
            assert queue.look_again(asking.hub) == 0
    assert 3 <= looks <= 15 and asking.one().state == "incomplete"


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"buyer_kind": "person"}, ("invoice_kind", "special_for_person", "sales")),
        ({"amount": 107}, ("amount", "over", "sales")),
        ({"amount": 0}, ("amount", "missing", "sales")),
        ({"currency": "USD"}, ("amount", "currency", "finance")),
        ({"buyer_title": "长" * 101}, ("buyer_title", "too_long", "sales")),
        ({"buyer_bank": "长" * 99, "buyer_account": "1" * 20}, ("buyer_bank", "too_long", "sales")),
        ({"buyer_tax_id": "91310000I234567883"}, ("buyer_tax_id", "letter_swapped", "sales")),
    ],
)
def test_each_fault_by_name(asking: Any, values: dict[str, Any], fault: tuple[str, str, str]) -> None:
    profile = asking.customer(asking.crm)[0]
    asking.request(deal=asking.deal(106, profile=profile), **({"profile_ref": profile} | BUYER | values))
    asking.dispatch()
    assert fault in missing(asking)


def test_several_invoices_of_a_deal_are_not_over_more_than_it(asking: Any) -> None:
    profile = asking.customer(asking.crm)[0]
    deal = asking.deal(1000, profile=profile)
    for amount in (600, 400, 1):
        asking.request(deal=deal, profile_ref=profile, amount=amount, **BUYER)
    asking.dispatch()
    assert sorted(row.state for row in asking.deliveries()) == ["incomplete"] * 3, "nobody knows which of the three is wrong"
    last = max(asking.rows(InvoiceApplication), key=lambda row: row.number)
    asking.change(InvoiceApplication, "ref", last.ref, state="withdrawn")
    asking.forward(300)
    queue.look_again(asking.hub)
    assert sorted((row.state, row.amount) for row in asking.deliveries()) == [
        ("cancelled", 1),
        ("pending", 400),
        ("pending", 600),
    ]


def test_a_rate_that_differs_from_the_table_is_for_finance(asking: Any) -> None:
    profile = asking.customer(asking.crm)[0]
    lines = [{"title": "实施服务", "amount": 113, "tax_rate": "13"}]
    asking.request(deal=asking.deal(113, profile=profile, lines=lines), profile_ref=profile, **BUYER)
    asking.dispatch()
    assert missing(asking) == [("lines.1.tax_rate", "differs", "finance")]
    assert queue.fill(asking.hub, asking.one().id, {"lines.1.tax_rate": "6"}, by="cfo") == "pending"


def test_the_table_has_its_days(asking: Any) -> None:
    old = SERVICES.model_copy(update={"until": date(2025, 12, 31), "rate": "3"})
    asking.rules(RULE, invoicing=Invoicing(kind="digital_general", items=[old, SERVICES]))
    profile = asking.customer(asking.crm)[0]
    asking.request(deal=asking.deal(106, profile=profile), profile_ref=profile, **BUYER)
    asking.dispatch()
    assert from_json(asking.one().document).invoice.lines[0].tax_rate == "6"  # type: ignore[union-attr]


def test_a_deal_that_is_reversed_takes_its_invoices_with_it(asking: Any) -> None:
    deal = asking.deal(106)
    ref = asking.request(deal=deal, buyer_title="样例")
    asking.dispatch()
    assert asking.one().state == "incomplete"
    asking.reverse(deal)
    asking.dispatch()
    assert asking.one().state == "cancelled"
    assert asking.one().subject == ref


def test_a_request_that_is_withdrawn_before_it_goes_out_does_not_go(asking: Any) -> None:
    profile = asking.customer(asking.crm)[0]
    ref = asking.request(deal=asking.deal(106, profile=profile), profile_ref=profile, **BUYER)
    asking.dispatch()
    asking.change(InvoiceApplication, "ref", ref, state="withdrawn")
    asking.settle_all(2)
    assert asking.one().state == "cancelled" and not asking.ledger.held(asking.one().number)


def test_an_order_is_invoiced_to_a_person(asking: Any) -> None:
    asking.rules({**RULE, "on": "order.paid"}, invoicing=Invoicing(kind="digital_general", items=[GOODS]))
    lines = [
        {"title": "水杯", "item_code": "SKU-1", "amount": 6000, "quantity": "2"},
        {"title": "勺", "item_code": "SKU-2", "amount": 5000},
    ]
    order = asking.order(10_000, lines=lines)
    asking.put(
        InvoiceApplication, ref=f"{asking.shop}|x", account_id=asking.shop, source_ref=f"{asking.shop}|order|x",
        order_ref=order, number="x", state="requested", currency="CNY", buyer_kind="person", email="a@example.com",
        deleted=False,
    )  # fmt: skip
    asking.dispatch()
    made = from_json(asking.one().document)
    assert made.invoice is not None and (made.invoice.buyer_title, made.invoice.buyer_is_person) == ("个人", True)
    assert [line.amount.minor for line in made.invoice.lines] == [5455, 4545], "the discount lies on the lines in proportion"
    assert made.party.name == "账号 shop-tm"
    assert asking.rows(Order)[0].paid == made.amount.minor


AMOUNTS = st.lists(st.integers(1, 10**9), min_size=1, max_size=6)


@given(AMOUNTS, st.integers(1, 100), st.sampled_from(["13", "9", "6", "3", "1", "0"]))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_lines_the_invoice_adds_up_to_the_fen(asking: Any, amounts: list[int], share: int, rate: str) -> None:
    total = max(1, sum(amounts) * share // 100)
    item = SERVICES.model_copy(update={"title": "*", "rate": rate})
    asking.rules(RULE, invoicing=Invoicing(kind="digital_special", items=[item]))
    profile = asking.customer(asking.crm)[0]
    deal = asking.deal(sum(amounts), profile=profile, lines=[{"title": "服务", "amount": each} for each in amounts])
    ref = asking.request(deal=deal, profile_ref=profile, amount=total, **BUYER)
    asking.dispatch()
    made = from_json(asking.one(subject=ref).document)
    assert made.invoice is not None
    assert (
        made.amount.minor == total == made.invoice.net.minor + made.invoice.tax.minor == sum(x.amount.minor for x in made.lines)
    )
