"""An invoice whose buyer changes and nothing else: made anew while it was never sent, a person's question once it was."""

from __future__ import annotations

from typing import Any

import pytest

from config.settings import Invoicing
from connectors.base import Money
from connectors.messages import explain
from hub.events import delivery, outbox, walk
from hub.events.documents import from_json
from hub.events.mint import insert_events, mint
from hub.events.reconcile import reconcile
from hub.identity import changed
from hub.identity.records import golden
from hub.invoices import queue
from hub.jobs import work
from hub.models import Customer, Deal, DealLine, Event, InvoiceApplication, Profile
from hub.store.types import to_us
from tests.hub.events.test_amend_invoices import AGAIN, BUYER, ITEM, RULE, amend, ask, booked, invoice, issue

OTHER = {"buyer_title": "上海样例贸易有限公司", "buyer_tax_id": "91350100M000100Y43"}
OWN = {"company": "杭州样例科技有限公司", "tax_id": BUYER["buyer_tax_id"], "address": "文一路 1 号"}


def retitle(world: Any, ref: str, *, dispatch: bool = True, **values: Any) -> None:
    """The source says something else of the request's buyer now, as landing tells it."""
    world.forward(1)
    amount = world.rows(InvoiceApplication, ref=ref)[0].amount
    world.change(InvoiceApplication, "ref", ref, **values)
    data = {"amount": amount, "before": amount, "currency": "CNY", "number": "x"}
    at = to_us(world.now())
    with world.hub.db.write() as conn:
        insert_events(conn, [mint("invoice.amended", world.crm, ref, at, at, data, fact=f"r{at}", pending=True)])
    if dispatch:
        world.dispatch()


def of_customer(world: Any, *, rule: dict[str, Any] = RULE, **fields: Any) -> str:
    """An invoice that names its customer, dispatched; the customer's id. The walk over customers has begun."""
    world.rules(rule, invoicing=Invoicing(kind="digital_special", items=[ITEM]))
    walk.look(world.hub)
    profile, customer = world.customer(world.crm, **{**OWN, **fields})
    deal = world.deal(106_000, profile=profile)
    if rule is RULE:
        world.request(deal=deal, profile_ref=profile)
    world.dispatch()
    world.forward(600)
    walk.look(world.hub)
    return customer


def rename(world: Any, customer: str, **fields: Any) -> None:
    """The golden record says this now, and the hub looks at whoever has changed."""
    world.forward(60)
    told = {"display_name": OWN["company"], **OWN, **fields}
    data = golden.seal_customer(world.hub.ring, customer, {k: {"value": v, "from": "x"} for k, v in told.items()})
    world.change(Customer, "id", customer, data=data, changed_at=world.now())
    work.run(world.hub, "invoices", "all")


def marked(world: Any) -> list[bool]:
    return [row["needs_amendment"] for row in delivery.list_(world.hub)]


def asked(world: Any) -> int:
    """How often a person was asked about a buyer."""
    return sum(world.steps(row.id).count(("buyer", "needs_amendment")) for row in world.deliveries())


# -- the request says it


def test_one_that_was_not_sent_is_made_anew_for_the_other_buyer(world: Any) -> None:
    _, ref = ask(world, amount=106_000)
    first = world.one()
    retitle(world, ref, **OTHER)
    row = world.one()
    assert (row.number, row.state, row.amount) == (first.number, "pending", 106_000)
    assert (invoice(row).buyer_title, invoice(row).buyer_tax_id) == tuple(OTHER.values())
    world.settle_all(2)
    assert booked(world) == ([106_000], 106_000) and marked(world) == [False]


def test_nothing_goes_out_for_the_old_buyer_before_the_change_is_dispatched(world: Any) -> None:
    _, ref = ask(world)
    retitle(world, ref, dispatch=False, **OTHER)
    world.deliver()
    assert booked(world) == ([], 0) and world.one().state == "incomplete"
    assert queue.waiting(world.hub)[0]["missing"][0]["words"] == "单据：来源刚刚变了，正在重做"
    queue.look_again(world.hub)
    world.settle_all(2)
    assert booked(world) == ([106_000], 106_000) and invoice(world.one()).buyer_title == OTHER["buyer_title"]


def test_one_that_is_claimed_just_now_does_not_go_out_for_the_old_buyer(world: Any) -> None:
    _, ref = ask(world)
    held = outbox.claim(world.hub, world.books)
    retitle(world, ref, **OTHER)
    assert held is not None and not outbox.renew(world.hub, held)
    world.settle_all(2)
    assert invoice(world.one(state="sent")).buyer_title == OTHER["buyer_title"]


def test_a_title_without_its_tax_id_waits_for_sales(world: Any) -> None:
    _, ref = ask(world)
    retitle(world, ref, buyer_title="上海样例贸易有限公司", buyer_tax_id=None)
    world.settle_all(2)
    assert world.one().state == "incomplete" and booked(world) == ([], 0)
    assert [each["field"] for each in queue.waiting(world.hub)[0]["missing"]] == ["buyer_tax_id"]


def test_another_buyer_does_not_let_one_go_that_is_held_for_its_amount(world: Any) -> None:
    deal, ref = ask(world, amount=106_000)
    amend(world, deal, 159_000)
    retitle(world, ref, **OTHER)
    assert world.one().error["key"] == "invoice.held"
    assert delivery.retry(world.hub, world.one().id, by="chen") == "pending"
    assert invoice(world.one()).buyer_title == OTHER["buyer_title"], "a person's word sends it for the buyer of now"


def test_what_a_person_filled_in_outranks_the_source(world: Any) -> None:
    _, ref = ask(world, buyer_tax_id=None)
    queue.fill(world.hub, world.one().id, {name: BUYER[name] for name in ("buyer_title", "buyer_tax_id")}, by="li")
    world.settle_all(2)
    retitle(world, ref, **OTHER)
    assert marked(world) == [False] and asked(world) == 0


def test_one_that_was_sent_stays_and_a_person_is_asked_once(world: Any) -> None:
    _, ref = ask(world, 106_000, AGAIN)
    world.settle_all(2)
    retitle(world, ref, **OTHER)
    world.settle_all(3)
    (shown,) = delivery.list_(world.hub)
    assert shown["needs_amendment"] and booked(world) == ([106_000], 106_000), "no rule about amounts takes it back"
    assert invoice(world.one()).buyer_title == BUYER["buyer_title"], "what was sent is not edited"
    assert reconcile(world.hub)["causes"] == {"needs_amendment": 1}
    retitle(world, ref, **OTHER)
    retitle(world, ref, buyer_bank="样例银行", remark="请尽快")
    assert asked(world) == 1
    (step,) = [step for step in delivery.show(world.hub, shown["id"])["steps"] if step["step"] == "buyer"]
    assert all("购方" in text or "buyer" in text for text in (explain(step["error"], "zh")[0], explain(step["error"], "en")[0]))
    assert not any(value in str(step) for value in (*OTHER.values(), *BUYER.values())), "no name stands in a step"


def test_a_person_keeps_what_was_sent_and_is_asked_again_about_another_buyer_alone(world: Any) -> None:
    _, ref = ask(world)
    world.settle_all(2)
    retitle(world, ref, **OTHER)
    delivery.settle_amendment(world.hub, world.one().id, by="chen", note="买方同意")
    retitle(world, ref, **OTHER)
    assert (marked(world), asked(world)) == ([False], 1)
    retitle(world, ref, buyer_title="苏州样例有限公司")
    assert (marked(world), asked(world)) == ([True], 2)


def test_changed_back_nothing_is_to_be_done_until_it_changes_again(world: Any) -> None:
    _, ref = ask(world)
    world.settle_all(2)
    for values, open_ in ((OTHER, True), (BUYER, False), (OTHER, True)):
        retitle(world, ref, **values)
        assert marked(world) == [open_]
    assert asked(world) == 2


def test_a_person_has_an_issued_one_taken_back_as_wrong_and_issued_to_the_other_buyer(world: Any) -> None:
    _, ref = ask(world)
    world.settle_all(2)
    retitle(world, ref, **OTHER)
    first = world.one()
    with pytest.raises(delivery.DeliveryFault) as fault:
        delivery.amend(world.hub, first.id, by="chen")
    assert fault.value.error.key == "reversal.not_issued"
    issue(world)
    assert marked(world) == [True], "that it has its number settles nothing"
    delivery.amend(world.hub, first.id, by="chen")
    world.settle_all(3)
    assert booked(world) == ([-106_000, 106_000, 106_000], 106_000)
    red = invoice(world.one(amount=-106_000))
    assert (red.red.number, red.red.reason, red.buyer_title) == ("INV-1", "wrong", BUYER["buyer_title"])
    again = next(row for row in world.deliveries(amount=106_000) if row.id != first.id)
    assert invoice(again).buyer_title == OTHER["buyer_title"] and again.number != first.number
    assert set(marked(world)) == {False} and reconcile(world.hub)["differences"] == []


def test_amount_and_buyer_are_settled_each_for_itself(world: Any) -> None:
    deal, ref = ask(world)
    world.settle_all(2)
    retitle(world, ref, **OTHER)
    amend(world, deal, 159_000)
    assert marked(world) == [True]
    amend(world, deal, 106_000)
    assert marked(world) == [True], "the amount is what it was, the buyer is not"
    retitle(world, ref, **BUYER)
    assert marked(world) == [False]


def test_the_same_change_dispatched_twice_asks_once(world: Any) -> None:
    _, ref = ask(world)
    world.settle_all(2)
    retitle(world, ref, **OTHER)
    with world.hub.db.write() as conn:
        conn.exec_driver_sql("UPDATE event SET pending = true WHERE kind = 'invoice.amended'")
    world.dispatch()
    assert asked(world) == 1 and len(world.deliveries()) == 1


def test_one_whose_lines_are_called_otherwise_goes_out_with_the_lines_of_now(world: Any) -> None:
    world.rules(RULE, invoicing=Invoicing(kind="digital_special", items=[ITEM]))
    profile = world.customer(world.crm)[0]
    deal = world.deal(106_000, profile=profile, lines=[{"title": "旧服务", "amount": 106_000}])
    world.request(deal=deal, profile_ref=profile, **BUYER)
    world.dispatch()
    world.change(DealLine, "deal_ref", deal, title="新服务", quantity="2")
    world.deliver()
    queue.look_again(world.hub)
    world.settle_all(2)
    assert [line.quantity for line in invoice(world.one(state="sent")).lines] == ["2"]


# -- the customer's own name and tax id


def test_a_customer_that_is_called_otherwise_has_its_waiting_invoice_made_anew(world: Any) -> None:
    customer = of_customer(world)
    first = world.one()
    rename(world, customer, company=OTHER["buyer_title"], tax_id=OTHER["buyer_tax_id"])
    row = world.one()
    assert (row.number, row.state) == (first.number, "pending") and ("amend", "made_anew") in world.steps(row.id)
    assert (invoice(row).buyer_title, invoice(row).buyer_tax_id) == tuple(OTHER.values())
    assert from_json(row.document).party.name == OTHER["buyer_title"]


def test_a_customer_that_changes_otherwise_changes_no_invoice(world: Any) -> None:
    customer = of_customer(world)
    before = world.one()
    rename(world, customer, phones=["13800000000"])
    assert world.one() == before and world.steps(before.id) == []
    world.settle_all(2)
    rename(world, customer, phones=["13900000000"], address="文二路 2 号")
    assert marked(world) == [False] and asked(world) == 0


def test_a_request_that_names_its_own_title_does_not_follow_the_customers_name(world: Any) -> None:
    world.rules(RULE, invoicing=Invoicing(kind="digital_special", items=[ITEM]))
    walk.look(world.hub)
    profile, customer = world.customer(world.crm, **OWN)
    world.request(deal=world.deal(106_000, profile=profile), profile_ref=profile, **BUYER)
    world.dispatch()
    world.settle_all(2)
    rename(world, customer, company=OTHER["buyer_title"], tax_id=OTHER["buyer_tax_id"])
    assert marked(world) == [False]


@pytest.mark.parametrize("rule", [RULE, {**RULE, "on": "deal.signed"}], ids=["asked for", "of the deal"])
def test_a_sent_one_stays_and_is_asked_about_once_however_often_the_customer_is_looked_at(world: Any, rule: Any) -> None:
    customer = of_customer(world, rule=rule)
    world.settle_all(2)
    other = {"company": OTHER["buyer_title"], "tax_id": OTHER["buyer_tax_id"]}
    for _ in range(3):
        rename(world, customer, **other)
    assert (marked(world), asked(world), booked(world)) == ([True], 1, ([106_000], 106_000))
    delivery.settle_amendment(world.hub, world.one().id, by="chen", note="买方同意")
    rename(world, customer, **other, phones=["13800000000"])
    assert (marked(world), asked(world)) == ([False], 1), "a person has said that it stays"
    rename(world, customer, company="苏州样例有限公司", tax_id=OTHER["buyer_tax_id"])
    assert asked(world) == 2
    issue(world)
    first = world.one()
    delivery.amend(world.hub, first.id, by="chen")
    world.settle_all(3)
    assert booked(world) == ([-106_000, 106_000, 106_000], 106_000)
    titles = {invoice(row).buyer_title for row in world.deliveries(amount=106_000) if row.id != first.id}
    assert titles == {"苏州样例有限公司"} and set(marked(world)) == {False}
    rename(world, customer, company="苏州样例有限公司", tax_id=OTHER["buyer_tax_id"])
    assert asked(world) == 2, "the new one is what it should be"


def test_two_customers_that_become_one_are_looked_at_too(world: Any) -> None:
    customer = of_customer(world)
    world.settle_all(2)
    other = world.customer(world.shop, company=OTHER["buyer_title"], tax_id=OTHER["buyer_tax_id"])[1]
    world.merge(other, customer)
    world.forward(60)
    world.change(Customer, "id", other, changed_at=world.now())
    walk.look(world.hub)
    assert marked(world) == [True]


def test_an_old_invoice_is_not_made_wrong_by_a_company_that_renames_itself(world: Any) -> None:
    customer = of_customer(world)
    world.settle_all(2)
    world.forward(walk.RECENT.total_seconds())
    rename(world, customer, company=OTHER["buyer_title"])
    assert marked(world) == [False]


def test_a_customer_who_says_nothing_any_more_asks_nothing(world: Any) -> None:
    customer = of_customer(world)
    world.settle_all(2)
    rename(world, customer, company="", display_name="", tax_id="")
    assert marked(world) == [False]


def test_what_is_withdrawn_or_taken_back_is_not_asked_about(world: Any) -> None:
    customer = of_customer(world)
    world.settle_all(2)
    issue(world)
    delivery.reverse(world.hub, world.one(state="sent").id, by="chen")
    rename(world, customer, company=OTHER["buyer_title"])
    assert asked(world) == 0
    second = world.request(deal=world.rows(Deal)[0].ref, profile_ref=world.rows(Profile)[0].ref, amount=53_000)
    world.change(InvoiceApplication, "ref", second, state="withdrawn")
    world.dispatch()
    rename(world, customer, company="苏州样例有限公司")
    assert asked(world) == 0


def test_the_walk_begins_where_it_is_and_rests_where_nothing_makes_documents(world: Any) -> None:
    world.customer(world.crm)
    world.rules()
    assert not walk.due(world.hub) and walk.look(world.hub) == 0, "no rule makes documents"
    world.rules(RULE)
    world.forward(changed.OVERLAP.total_seconds() + 1)
    assert walk.due(world.hub) and walk.look(world.hub) == 0
    assert not walk.due(world.hub)
    world.customer(world.crm)
    assert walk.due(world.hub) and walk.look(world.hub) == 1
    world.forward(2 * changed.OVERLAP.total_seconds())
    assert walk.look(world.hub) == 1 and not walk.due(world.hub), "a late transaction may have been missed, so it looks twice"


def test_a_receivable_is_none_of_its_business(world: Any) -> None:
    world.rules({"name": "deals", "on": "deal.signed", "source": "crm-*", "to": "books-main", "make": "receivable"}, RULE)
    walk.look(world.hub)
    profile, customer = world.customer(world.crm, **OWN)
    world.deal(106_000, profile=profile)
    world.dispatch()
    world.settle_all(2)
    rename(world, customer, company=OTHER["buyer_title"])
    assert marked(world) == [False] and world.one().amount == Money(106_000).minor
    assert [row.kind for row in world.rows(Event) if row.kind.endswith("amended")] == []
