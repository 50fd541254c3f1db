"""Rules and documents: what becomes of an event, with which number, date, party and lines."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any

import pytest

from hub.events import delivery, rules
from hub.events.documents import number
from hub.events.facts import customer_code
from hub.events.mint import event_id
from hub.invoices import queue
from hub.models import Deal, DealLine, Event, Profile


def test_a_signed_deal_becomes_one_delivery(world: Any) -> None:
    ref = world.deal(number="HT-2026-0001", lines=[
        {"title": "年度服务费", "amount": 1_060_000, "quantity": "2", "tax_rate": "6", "item_code": "SVC-01"},
        {"title": "实施", "amount": 318_001, "tax_rate": "6"},
    ])  # fmt: skip
    assert world.dispatch() == 1
    row = world.one()
    assert (row.state, row.kind, row.amount, row.currency) == ("pending", "receivable", 1_378_001, "CNY")
    assert (row.account_id, row.source_account_id, row.subject) == (world.books, world.crm, ref)
    assert row.number == number("receivable", event_id("deal.signed", ref)) and re.fullmatch(r"AR[A-Z2-7]{16}", row.number)
    document = row.document
    assert document["date"] == "2026-11-20" and row.day == date(2026, 11, 20)
    assert document["party"]["name"] == "杭州样例科技有限公司" and re.fullmatch(r"C[A-Z2-7]{16}", document["party"]["code"])
    assert [(line["title"], line["amount"], line["quantity"], line["tax_rate"]) for line in document["lines"]] == [
        ("年度服务费", 1_060_000, "2", "6"), ("实施", 318_001, "1", "6"),
    ]  # fmt: skip
    assert document["note"] == "HT-2026-0001 年度服务"
    key = ref.split("|")[1]
    assert document["source"] == {"stream": "contract", "key": key, "number": "HT-2026-0001", "customer": "cust1"}


def test_an_event_is_handled_once(world: Any) -> None:
    world.deal()
    assert world.dispatch() == 1 and world.dispatch() == 0
    world.change(Event, "kind", "deal.signed", pending=True)
    assert world.dispatch() == 1
    assert len(world.deliveries()) == 1
    assert not [row for row in world.rows(Event) if row.pending]


def test_what_no_rule_wants_is_taken_off_the_list(world: Any) -> None:
    world.rules({"on": "deal.signed", "source": "other-*", "to": "books-main", "make": "receivable"})
    world.deal()
    assert world.dispatch() == 1
    assert world.deliveries() == []


def test_two_destinations_get_one_document_each(world: Any) -> None:
    world.account("books-two", "ledgerbooks")
    rule = {"on": "deal.signed", "make": "receivable"}
    world.rules(rule | {"to": "books-main"}, rule | {"to": "books-two"}, rule | {"to": "books-main", "make": "sales_order"})
    world.deal()
    world.dispatch()
    assert sorted((row.account_id, row.kind) for row in world.deliveries()) == [
        (world.books, "receivable"), (world.books, "sales_order"), (world.books + 1, "receivable"),
    ]  # fmt: skip


def test_two_rules_for_the_same_document_make_one(world: Any) -> None:
    rule = {"on": "deal.signed", "make": "receivable", "to": "books-main"}
    world.rules(rule, rule)
    world.deal()
    world.dispatch()
    assert world.one().rule == "rule-0"
    assert any("rule-1" in line and "rule-0" in line for line in rules.check(world.hub))


def test_events_before_the_start_day_are_none_of_its_business(world: Any) -> None:
    rule = {"on": "order.paid", "to": "books-main", "make": "receivable", "not_before": "2026-11-01"}
    world.rules(rule)
    world.order(100, datetime(2026, 10, 31, 15, 59, tzinfo=UTC))
    world.order(200, datetime(2026, 10, 31, 16, 0, tzinfo=UTC))  # midnight of 1 November in Shanghai
    assert world.dispatch() == 2
    assert world.one().amount == 200


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        ({"amount": None}, "document.amount_missing"),
        ({"amount": 0}, "document.amount_missing"),
        ({"profile": None}, "document.customer_missing"),
        ({"profile": "77|nobody"}, "document.customer_missing"),
    ],
)
def test_incomplete_data_is_a_rejected_delivery_that_a_retry_mends(world: Any, wrong: dict[str, Any], key: str) -> None:
    ref = world.deal(**wrong)
    world.dispatch()
    row = world.one()
    assert (row.state, row.error["key"], row.document) == ("rejected", key, {})
    assert world.deliver() == 0 and world.ledger.calls == []
    assert delivery.retry(world.hub, row.id, by="wang") == "rejected", "nothing was mended yet"
    world.change(Deal, "ref", ref, amount=5_00, profile_ref=world.customer(world.crm)[0])
    assert delivery.retry(world.hub, row.id, by="wang") == "pending"
    again = world.one()
    assert (again.number, again.amount, again.error) == (row.number, 5_00, None)
    world.deliver()
    assert world.one().state == "sent" and world.ledger.held(row.number) == 1
    assert ("wang", "delivery.retry", f"delivery:{row.id}") in world.audit()


def test_a_deal_that_came_before_its_customer_goes_out_when_he_is_there(world: Any) -> None:
    """Found by a day's rehearsal: the customers' stream was down when the contracts were read."""
    world.deal(profile=f"{world.crm}|not yet")
    world.deal(profile=world.customer(world.crm, name="另一家")[0])
    world.dispatch()
    world.deliver()
    early = world.one(state="rejected")
    assert queue.due(world.hub) and queue.look_again(world.hub) == 0
    assert not queue.due(world.hub), "not at once again"
    assert world.one(state="rejected").error["key"] == "document.customer_missing"
    world.change(Deal, "ref", early.subject, profile_ref=world.customer(world.crm)[0])
    world.forward(200)
    assert queue.due(world.hub) and queue.look_again(world.hub) == 1
    world.deliver()
    assert {row.state for row in world.deliveries()} == {"sent"}
    assert (world.ledger.held(early.number), world.steps(early.id)[0]) == (1, ("retry", "pending"))


def test_what_the_destination_rejected_is_not_tried_again_by_itself(world: Any) -> None:
    world.ledger.expect("send", "rejected")
    world.deal()
    world.dispatch()
    world.deliver()
    assert world.one().state == "rejected"
    world.forward(100_000)
    assert not queue.due(world.hub) and queue.look_again(world.hub) == 0


def test_a_customer_without_name_is_rejected(world: Any) -> None:
    world.deal(profile=world.customer(world.crm, name=None)[0])
    world.dispatch()
    assert world.one().error["key"] == "document.customer_name_missing"


def test_the_party_is_the_company_with_its_tax_id_and_no_phone(world: Any) -> None:
    profile, _ = world.customer(world.crm, name="李雷", company="云杉软件", tax_id="91330100MA2XXXXX0X", address="文三路1号")
    world.deal(profile=profile)
    world.deal(profile=world.customer(world.crm, name="韩梅梅", address="幸福路2号", phones="13800000000")[0])
    world.dispatch()
    company, person = (row.document["party"] for row in sorted(world.deliveries(), key=lambda row: row.document["note"]))
    assert (company["name"], company["tax_id"], company["address"]) == ("云杉软件", "91330100MA2XXXXX0X", "文三路1号")
    assert (person["name"], person["phone"], person["address"]) == ("韩梅梅", "", "")


def test_lines_that_do_not_add_up_become_one_line_at_their_rate(world: Any) -> None:
    world.deal(900, lines=[{"title": "a", "amount": 600, "tax_rate": "13"}, {"title": "b", "amount": 600, "tax_rate": "13"}])
    world.dispatch()
    assert [(line["amount"], line["tax_rate"]) for line in world.one().document["lines"]] == [(900, "13")]


def test_lines_of_several_rates_that_do_not_add_up_are_rejected(world: Any) -> None:
    lines = [{"title": "a", "amount": 600, "tax_rate": "13"}, {"title": "b", "amount": 600, "tax_rate": "6"}]
    ref = world.deal(900, lines=lines)
    world.dispatch()
    assert world.one().error["key"] == "document.lines_differ"
    world.change(DealLine, "deal_ref", ref, amount=450)
    assert delivery.retry(world.hub, world.one().id, by="wang") == "pending"


def test_the_date_without_a_signing_day_is_the_day_in_the_rules_zone(world: Any) -> None:
    world.deal(signed_on=None, effective_at=datetime(2026, 11, 20, 16, 30, tzinfo=UTC))
    world.dispatch()
    assert world.one().document["date"] == "2026-11-21"


def test_an_order_is_billed_to_its_buyer_or_to_the_shop(world: Any) -> None:
    world.rules({"on": "order.paid", "to": "books-main", "make": "sales_order"})
    lines = [{"title": "杯子", "amount": 3000, "quantity": "2", "item_code": "CUP"}]
    world.order(3000, profile=world.customer(world.shop, name="张三")[0], lines=lines)
    world.order(3001, lines=lines)
    world.order(0)
    world.dispatch()
    named, nobody = sorted(world.deliveries(), key=lambda row: row.amount)
    assert named.document["party"]["name"] == "张三" and named.document["lines"][0]["item_code"] == "CUP"
    assert nobody.document["party"]["name"] == "账号 shop-tm" and nobody.document["party"]["code"].startswith("S")
    assert [line["amount"] for line in nobody.document["lines"]] == [3001]


def test_a_refund_by_itself_is_a_negative_document(world: Any) -> None:
    world.rules({"on": "refund.succeeded", "to": "books-main", "make": "receivable"})
    order = world.order(3000, profile=world.customer(world.shop, name="张三")[0])
    world.refund(1200, order=order)
    world.dispatch()
    row = world.one()
    assert (row.amount, row.document["amount"], row.document["party"]["name"]) == (-1200, -1200, "张三")


# -- parties and merges


def test_a_merge_opens_no_second_party(world: Any) -> None:
    (old_profile, old), (new_profile, new) = world.customer(world.crm), world.customer(world.crm)
    world.deal(profile=old_profile)
    world.dispatch()
    first = world.one().document["party"]["code"]
    world.merge(survivor=new, loser=old)
    world.forward(1)
    world.deal(profile=new_profile)
    world.dispatch()
    assert world.deliveries()[-1].document["party"]["code"] == first


def test_a_customer_split_off_does_not_keep_the_others_code(world: Any) -> None:
    (profile, one), (other_profile, other) = world.customer(world.crm), world.customer(world.crm)
    world.merge(survivor=one, loser=other)
    world.deal(profile=other_profile)
    world.dispatch()
    billed = world.one().document["party"]["code"]
    _, fresh = world.customer(world.crm)
    world.change(Profile, "ref", other_profile, customer_id=fresh)
    world.forward(1)
    world.deal(profile=other_profile)
    world.deal(profile=profile)
    world.dispatch()
    later = sorted(world.deliveries()[1:], key=lambda row: row.document["note"])
    split, kept = (row.document["party"]["code"] for row in later)
    assert split != billed and kept == billed


def test_a_code_from_before_a_split_is_not_taken_up_by_a_later_merge(world: Any) -> None:
    """Billed as part of A, split off as F, then F takes G over: F is nobody that the destination knows yet."""
    (_, a), (profile, b), (_, f), (_, g) = (world.customer(world.crm) for _ in range(4))
    world.merge(survivor=a, loser=b)
    world.deal(profile=profile)
    world.dispatch()
    world.change(Profile, "ref", profile, customer_id=f)
    world.merge(survivor=f, loser=g)
    world.forward(1)
    world.deal(profile=profile)
    world.dispatch()
    first, second = (row.document["party"]["code"] for row in world.deliveries())
    assert (first, second) == (customer_code(a), customer_code(f))


# -- write-back


WRITE_BACK = ({"on": "deal.signed", "source": "crm-*", "to": "books-main", "make": "receivable"},
              {"on": "delivery.sent", "source": "crm-*", "to": "@origin", "make": "write_back"})  # fmt: skip


def test_the_number_goes_back_to_where_the_deal_came_from(world: Any) -> None:
    world.rules(*WRITE_BACK)
    ref = world.deal(number="HT-9")
    world.dispatch()
    world.deliver()
    assert world.dispatch() == 1
    world.deliver()
    finance, back = world.one(kind="receivable"), world.one(kind="write_back")
    assert (back.account_id, back.number, back.subject, back.state) == (world.crm, finance.number, ref, "sent")
    assert back.document["source"] == {"stream": "contract", "key": ref.split("|")[1], "number": "HT-9", "customer": "cust1"}
    assert back.document["extra"] == {"kind": "receivable", "platform_id": f"id-{finance.number}", "state": "audited"}
    assert back.document["note"] == "应收单 13780.01"
    assert world.dispatch() == 1, "the write-back tells that it was sent, too"
    assert len(world.deliveries()) == 2, "but nothing is written back about a write-back"


def test_a_settlement_is_not_written_back(world: Any) -> None:
    world.rules({"on": "order.paid", "to": "books-main", "make": "receivable"}, WRITE_BACK[1] | {"source": "*"})
    world.order(100)
    world.dispatch()
    world.deliver()
    world.dispatch()
    assert [row.kind for row in world.deliveries()] == ["receivable"]


def test_a_number_that_another_event_holds_is_shown_not_dropped(world: Any) -> None:
    world.rules(*WRITE_BACK)
    first, second = world.deal(), world.deal()
    world.dispatch()
    world.deliver()
    for row in world.sent_events():
        world.change(Event, "id", row.id, data={**row.data, "number": "SAME-1"})
    world.dispatch()
    backs = world.deliveries(kind="write_back")
    assert sorted(row.subject for row in backs) == sorted([first, second])
    taken = next(row for row in backs if row.state == "rejected")
    assert taken.error["key"] == "delivery.number_taken" and taken.number.startswith("X")
    assert delivery.retry(world.hub, taken.id, by="wang") == "rejected"


def test_dispatch_keeps_to_its_limit(world: Any) -> None:
    for _ in range(5):
        world.deal()
        world.forward(1)
    assert rules.dispatch(world.hub, limit=3) == 3
    assert len(world.deliveries()) == 3
    assert rules.dispatch(world.hub, limit=3) == 2


def test_ids_and_numbers_never_change_their_meaning() -> None:
    """Documents that are out there carry them: a change of the scheme would send every one of them again."""
    event = event_id("deal.signed", "1|contract/2")
    assert event == "1|contract/2|deal.signed"
    assert number("receivable", event) == "ARIT2IXNRHLPPF4LX4"
    assert number("sales_order", event)[2:] != number("receivable", event)[2:]
    assert customer_code("c0000000000000000000000001") == "CC6U4AHCBLFGJXRFO"
