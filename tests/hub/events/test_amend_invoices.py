"""An invoice that was asked for when its deal, or the request itself, changes its amount afterwards: never wrong by a fen."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from config.settings import Invoicing, TaxItem
from connectors.base import Money, Status
from connectors.invoices import IssuedInvoice
from hub.events import delivery, outbox, rules
from hub.events.documents import from_json
from hub.events.mint import insert_events, mint
from hub.events.reconcile import reconcile
from hub.invoices import follow, queue
from hub.invoices.status import STATUS
from hub.models import Deal, DealLine, Event, InvoiceApplication
from hub.store.types import to_us

ITEM = TaxItem(item="*", title="*服务*", tax_code="3049900000000000000", rate="6", name="技术服务", unit="项")
RULE = {"name": "invoices", "on": "invoice.requested", "source": "*", "to": "books-main", "make": "invoice"}
AGAIN = {"name": "again", "on": "deal.amended", "source": "crm-*", "to": "books-main", "make": "invoice"}
BUYER = {"buyer_title": "杭州样例科技有限公司", "buyer_tax_id": "913100001234567883", "buyer_kind": "company"}


def ask(world: Any, deal: int = 106_000, *more: dict[str, Any], **values: Any) -> tuple[str, str]:
    """A deal and an invoice that was asked for it, dispatched; their refs."""
    world.rules(RULE, *more, invoicing=Invoicing(kind="digital_special", items=[ITEM]))
    profile = world.customer(world.crm)[0]
    about = world.deal(deal, profile=profile)
    ref = world.request(deal=about, profile_ref=profile, **{**BUYER, **values})
    world.dispatch()
    return about, ref


def told(world: Any, kind: str, ref: str, before: int | None, amount: int | None) -> None:
    """The event that landing mints of a changed amount."""
    world._count += 1
    data = {"amount": amount, "before": before, "currency": "CNY", "number": "x"}
    wanted, at = kind in rules.wanted_kinds(world.hub.settings), to_us(world.now())
    row = mint(kind, world.crm, ref, at, at, data, fact=f"f{world._count}", pending=wanted)
    assert wanted
    with world.hub.db.write() as conn:
        insert_events(conn, [row])


def amend(world: Any, deal: str, amount: int, *, dispatch: bool = True) -> None:
    """The source says another amount of the deal now."""
    world.forward(1)
    before = world.rows(Deal, ref=deal)[0].amount
    world.change(Deal, "ref", deal, amount=amount)
    told(world, "deal.amended", deal, before, amount)
    if dispatch:
        world.dispatch()


def change(world: Any, ref: str, amount: int | None) -> None:
    """The source says another amount of the request now."""
    world.forward(1)
    before = world.rows(InvoiceApplication, ref=ref)[0].amount
    world.change(InvoiceApplication, "ref", ref, amount=amount)
    told(world, "invoice.amended", ref, before, amount)
    world.dispatch()


def issue(world: Any, number: str = "INV-1") -> None:
    """The destination says that it has issued the invoice of the sent document."""
    row = world.one(state="sent", kind="invoice")
    seen = Status("issued", approved=True, invoices=(IssuedInvoice(number, date(2026, 11, 21), Money(row.amount)),))
    world.ledger.statuses[row.number] = seen
    with world.hub.db.write() as conn:
        conn.execute(STATUS.update().values(next_at=world.now() - timedelta(1)))
    follow.follow(world.hub, world.books)
    world.dispatch()


def booked(world: Any) -> tuple[list[int], int]:
    """Amounts of the invoice documents over there, and their sum."""
    found = sorted(entry[0]["amount"].minor for entry in world.ledger.entries.values())
    return found, sum(found)


def invoice(row: Any) -> Any:
    """The invoice of a delivery; its lines add up."""
    made = from_json(row.document)
    assert made.invoice is not None
    assert made.amount.minor == made.invoice.net.minor + made.invoice.tax.minor == sum(x.amount.minor for x in made.lines)
    return made.invoice


# -- not sent yet


def test_one_that_was_not_sent_is_made_anew_over_the_new_amount(world: Any) -> None:
    deal, _ = ask(world)
    number = world.one().number
    amend(world, deal, 159_000)
    row = world.one()
    assert (row.number, row.state, row.amount, invoice(row).tax.minor) == (number, "pending", 159_000, 9_000)
    world.settle_all(2)
    assert booked(world) == ([159_000], 159_000)
    assert reconcile(world.hub)["differences"] == []


def test_one_that_is_claimed_just_now_does_not_go_out_over_the_old_amount(world: Any) -> None:
    deal, _ = ask(world)
    held = outbox.claim(world.hub, world.books)
    amend(world, deal, 159_000)
    assert held is not None and not outbox.renew(world.hub, held)
    world.settle_all(2)
    assert booked(world) == ([159_000], 159_000)


@pytest.mark.parametrize(("own", "now"), [(None, 159_000), (None, 53_000), (106_000, 53_000)])
def test_nothing_goes_out_before_the_change_is_dispatched(world: Any, own: int | None, now: int) -> None:
    deal, _ = ask(world, amount=own)
    amend(world, deal, now, dispatch=False)
    world.deliver()
    assert booked(world) == ([], 0) and world.one().state == "incomplete"
    assert queue.waiting(world.hub)[0]["missing"][0]["reason"] == "changed"
    queue.look_again(world.hub)
    world.settle_all(2)
    assert booked(world) == (([now], now) if own is None else ([], 0))


def test_a_request_that_names_the_old_whole_amount_stops_and_says_who_must_act(world: Any) -> None:
    deal, ref = ask(world, amount=106_000)
    amend(world, deal, 159_000)
    row = world.one()
    assert (row.state, row.error["key"]) == ("incomplete", "invoice.held")
    assert row.error["params"] == {"before": "1060.00", "now": "1590.00"}
    (shown,) = queue.waiting(world.hub)
    assert [each["words"] for each in shown["missing"]] == ["金额：合同改了金额，申请还是原来的"] and shown["who"] == ["销售"]
    assert ("amend", "held") in world.steps(row.id)
    world.forward(100_000)
    assert queue.look_again(world.hub) == 0, "time alone does not let it go"
    world.settle_all(2)
    assert booked(world) == ([], 0)
    change(world, ref, 159_000)
    world.settle_all(2)
    assert booked(world) == ([159_000], 159_000) and world.one().number == row.number


def test_a_person_sends_a_held_one_as_it_was_asked_for(world: Any) -> None:
    deal, _ = ask(world, amount=106_000)
    amend(world, deal, 159_000)
    assert queue.fill(world.hub, world.one().id, {"remark": "请尽快"}, by="li") == "incomplete", (
        "that says nothing of the amount"
    )
    assert delivery.retry(world.hub, world.one().id, by="chen") == "pending"
    world.settle_all(2)
    assert booked(world) == ([106_000], 106_000) and invoice(world.one()).remark == "请尽快"


def test_a_request_over_more_than_the_deal_by_now_waits_for_sales(world: Any) -> None:
    deal, ref = ask(world, amount=106_000)
    amend(world, deal, 53_000)
    assert world.one().state == "incomplete" and queue.waiting(world.hub)[0]["missing"][0]["reason"] == "over"
    change(world, ref, 53_000)
    world.settle_all(2)
    assert booked(world) == ([53_000], 53_000)


def test_a_part_of_the_deal_goes_out_as_it_was_asked_for(world: Any) -> None:
    deal, _ = ask(world, amount=53_000)
    amend(world, deal, 159_000)
    world.settle_all(2)
    assert booked(world) == ([53_000], 53_000) and not delivery.list_(world.hub)[0]["needs_amendment"]


def test_one_that_was_asked_for_after_the_change_is_not_held(world: Any) -> None:
    world.rules(RULE, invoicing=Invoicing(kind="digital_special", items=[ITEM]))
    profile = world.customer(world.crm)[0]
    deal = world.deal(106_000, profile=profile)
    amend(world, deal, 159_000, dispatch=False)
    world.forward(60)
    world.request(deal=deal, profile_ref=profile, amount=106_000, **BUYER)
    world.dispatch()
    assert world.one().state == "pending" and world.one().amount == 106_000


def test_a_request_that_changes_by_itself_is_followed_until_it_is_sent(world: Any) -> None:
    _, ref = ask(world, amount=53_000)
    change(world, ref, 31_800)
    world.settle_all(2)
    assert booked(world) == ([31_800], 31_800)
    change(world, ref, 21_200)
    world.settle_all(2)
    assert booked(world) == ([31_800], 31_800) and delivery.list_(world.hub)[0]["needs_amendment"]


def test_tax_codes_that_were_filled_in_for_other_lines_are_not_carried_over(world: Any) -> None:
    world.rules(RULE, invoicing=Invoicing(kind="digital_special"))
    profile = world.customer(world.crm)[0]
    deal = world.deal(113, profile=profile, lines=[{"title": "线缆", "amount": 113}])
    world.request(deal=deal, profile_ref=profile, **BUYER)
    world.dispatch()
    codes = {"lines.1.tax_code": "1090511030000000000", "lines.1.tax_rate": "13"}
    assert queue.fill(world.hub, world.one().id, codes, by="li") == "pending"
    amend(world, deal, 226)
    assert (world.one().state, world.one().amount) == ("pending", 226), "the same line over another amount"
    world.put(DealLine, deal_ref=deal, key="a", title="软件", amount=50)
    world.change(DealLine, "key", "0", amount=63)
    amend(world, deal, 113)
    assert world.one().state == "incomplete"
    assert {each["field"] for each in queue.waiting(world.hub)[0]["missing"]} >= {"lines.1.tax_code", "lines.2.tax_code"}


# -- sent


def test_one_that_was_sent_waits_for_finance_and_is_never_edited(world: Any) -> None:
    deal, _ = ask(world)
    world.settle_all(2)
    amend(world, deal, 159_000)
    world.settle_all(3)
    (shown,) = delivery.list_(world.hub)
    assert booked(world) == ([106_000], 106_000) and shown["needs_amendment"]
    assert reconcile(world.hub)["causes"] == {"needs_amendment": 1}
    with pytest.raises(delivery.DeliveryFault) as fault:
        delivery.amend(world.hub, shown["id"], by="chen")
    assert fault.value.error.key == "reversal.not_issued"
    amend(world, deal, 106_000)
    assert not delivery.list_(world.hub)[0]["needs_amendment"], "changed back, nothing is to be done"


def test_a_person_has_an_issued_one_taken_back_by_a_red_letter_and_issued_anew(world: Any) -> None:
    deal, _ = ask(world)
    world.settle_all(2)
    issue(world)
    amend(world, deal, 159_000)
    first = world.one(state="sent")
    delivery.amend(world.hub, first.id, by="chen")
    world.settle_all(3)
    assert booked(world) == ([-106_000, 106_000, 159_000], 159_000)
    red = invoice(world.one(amount=-106_000))
    assert (red.red.number, red.red.reason, red.tax.minor) == ("INV-1", "returned", -6_000)
    again = world.one(amount=159_000)
    assert invoice(again).tax.minor == 9_000 and again.subject == first.subject and again.number != first.number
    assert reconcile(world.hub)["differences"] == [] and ("chen", "delivery.amend", f"delivery:{first.id}") in world.audit()
    with pytest.raises(delivery.DeliveryFault):
        delivery.amend(world.hub, first.id, by="chen")


def test_a_rule_does_it_as_soon_as_the_first_one_has_its_number(world: Any) -> None:
    deal, _ = ask(world, 106_000, AGAIN)
    world.settle_all(2)
    amend(world, deal, 159_000)
    world.settle_all(2)
    assert booked(world) == ([106_000], 106_000), "it is not issued yet: nothing could be taken back"
    issue(world)
    world.settle_all(3)
    assert booked(world) == ([-106_000, 106_000, 159_000], 159_000)
    assert {row["needs_amendment"] for row in delivery.list_(world.hub)} == {False}


def test_two_invoices_of_one_deal_are_told_apart(world: Any) -> None:
    deal, first = ask(world, 106_000, AGAIN, amount=53_000)
    second = world.request(deal=deal, profile_ref=world.rows(Deal)[0].profile_ref, amount=53_000, **BUYER)
    world.dispatch()
    world.settle_all(2)
    amend(world, deal, 127_200)
    assert {row["needs_amendment"] for row in delivery.list_(world.hub)} == {False}, "each is what was asked for"
    amend(world, deal, 84_800)
    assert {row["needs_amendment"] for row in delivery.list_(world.hub)} == {True}, "together they are too much"
    change(world, second, 31_800)
    marked = {row["subject"]: row["needs_amendment"] for row in delivery.list_(world.hub)}
    assert marked == {first: True, second: True}, "the one that is there is still over the old amount"


def test_what_was_filled_in_goes_with_the_new_document(world: Any) -> None:
    deal, _ = ask(world, buyer_tax_id=None)
    queue.fill(world.hub, world.one().id, {"buyer_tax_id": BUYER["buyer_tax_id"]}, by="li")
    world.settle_all(2)
    issue(world)
    amend(world, deal, 159_000)
    delivery.amend(world.hub, world.one(amount=106_000).id, by="chen")
    assert invoice(world.one(amount=159_000)).buyer_tax_id == BUYER["buyer_tax_id"]


def test_a_deal_that_becomes_void_takes_the_new_invoice_too(world: Any) -> None:
    deal, _ = ask(world, 106_000, AGAIN)
    world.settle_all(2)
    issue(world)
    amend(world, deal, 159_000)
    world.reverse(deal)
    world.dispatch()
    world.settle_all(2)
    assert booked(world) == ([-106_000, 106_000], 0)
    assert world.one(amount=159_000).state == "cancelled"


def test_a_withdrawn_request_is_not_made_anew(world: Any) -> None:
    deal, ref = ask(world)
    world.change(InvoiceApplication, "ref", ref, state="withdrawn")
    amend(world, deal, 159_000)
    world.settle_all(2)
    assert booked(world) == ([], 0)
    assert [row for row in world.rows(Event) if row.kind == "invoice.requested"] != []


def test_the_same_change_dispatched_twice_makes_one(world: Any) -> None:
    deal, _ = ask(world, 106_000, AGAIN)
    world.settle_all(2)
    issue(world)
    amend(world, deal, 159_000)
    with world.hub.db.write() as conn:
        conn.exec_driver_sql("UPDATE event SET pending = true WHERE kind IN ('deal.amended', 'invoice.amended')")
    world.dispatch()
    world.settle_all(3)
    assert booked(world) == ([-106_000, 106_000, 159_000], 159_000)
