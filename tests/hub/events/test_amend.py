"""A signed deal whose amount changes once its document is made: made anew, marked for finance, or reversed and issued again."""

from __future__ import annotations

from typing import Any

import pytest

from hub.events import delivery, outbox
from hub.events.reconcile import reconcile
from hub.events.sheet import sheet
from hub.models import Deal, Event

DEALS = {"name": "deals", "on": "deal.signed", "source": "crm-*", "to": "books-main", "make": "receivable"}
AGAIN = {"name": "again", "on": "deal.amended", "source": "crm-*", "to": "books-main", "make": "receivable"}
BACK = {"name": "back", "on": "deal.reversed", "source": "crm-*", "to": "books-main", "make": "receivable"}
NUMBER = {"name": "number", "on": "delivery.sent", "source": "crm-*", "to": "@origin", "make": "write_back"}


def amend(world: Any, ref: str, amount: int) -> None:
    """The source says another amount now, as landing does it."""
    before = world.rows(Deal, ref=ref)[0].amount
    world.change(Deal, "ref", ref, amount=amount)
    world._count += 1
    data = {"amount": amount, "before": before, "currency": "CNY", "number": "x"}
    from hub.events import rules
    from hub.events.mint import insert_events, mint
    from hub.store.types import to_us

    wanted = "deal.amended" in rules.wanted_kinds(world.hub.settings)
    at = to_us(world.now())
    row = mint("deal.amended", world.crm, ref, at, at, data, fact=f"f{world._count}", pending=wanted)
    with world.hub.db.write() as conn:
        insert_events(conn, [row])
    world.dispatch()


def booked(world: Any, ref: str) -> tuple[list[int], int]:
    """Amounts of the documents over there about the deal, and their sum."""
    numbers = {row.number for row in world.deliveries(subject=ref) if row.kind == "receivable"}
    found = sorted(entry[0]["amount"].minor for number, entry in world.ledger.entries.items() if number in numbers)
    return found, sum(found)


def issued(world: Any, *rules: dict[str, Any], amount: int = 1_000) -> str:
    """A deal whose document is there."""
    world.rules(DEALS, *rules)
    ref: str = world.deal(amount)
    world.dispatch()
    world.settle_all(2)
    assert booked(world, ref) == ([amount], amount)
    return ref


def test_what_was_not_sent_is_made_anew(world: Any) -> None:
    world.rules(DEALS)
    ref = world.deal(1_000)
    world.dispatch()
    number = world.one().number
    amend(world, ref, 1_500)
    row = world.one()
    assert (row.number, row.amount, row.document["amount"], row.state) == (number, 1_500, 1_500, "pending")
    world.deliver()
    assert booked(world, ref) == ([1_500], 1_500)
    assert not delivery.list_(world.hub)[0]["needs_amendment"]


def test_one_that_is_claimed_just_now_is_not_sent_over_the_old_amount(world: Any) -> None:
    world.rules(DEALS)
    ref = world.deal(1_000)
    world.dispatch()
    held = outbox.claim(world.hub, world.books)
    amend(world, ref, 1_500)
    assert held is not None and not outbox.renew(world.hub, held), "whoever held it has lost it"
    world.deliver()
    assert booked(world, ref) == ([1_500], 1_500)


def test_without_a_rule_what_is_there_waits_for_finance(world: Any) -> None:
    ref = issued(world)
    amend(world, ref, 1_500)
    world.settle_all(3)
    assert booked(world, ref) == ([1_000], 1_000), "an issued document is never edited, and none is added by itself"
    (shown,) = delivery.list_(world.hub)
    assert shown["needs_amendment"] and ("amend", "needs_amendment") in world.steps(shown["id"])
    assert reconcile(world.hub)["causes"] == {"needs_amendment": 1}
    (row,) = sheet(world.hub)["rows"]
    assert row["causes"] == {"changed_at_source": {"count": 1, "amount": 500}}
    amend(world, ref, 1_000)
    assert not delivery.list_(world.hub)[0]["needs_amendment"], "changed back, nothing is to be done"
    assert reconcile(world.hub)["differences"] == []


def test_a_person_lets_it_be_reversed_and_issued_again(world: Any) -> None:
    ref = issued(world)
    amend(world, ref, 1_500)
    first = world.one()
    delivery.amend(world.hub, first.id, by="chen")
    with pytest.raises(delivery.DeliveryFault):
        delivery.amend(world.hub, first.id, by="chen")
    world.settle_all(3)
    assert booked(world, ref) == ([-1_000, 1_000, 1_500], 1_500)
    assert len({row.number for row in world.deliveries()}) == 3
    assert {row["needs_amendment"] for row in delivery.list_(world.hub)} == {False}
    assert ("chen", "delivery.amend", f"delivery:{first.id}") in world.audit()
    report = reconcile(world.hub)
    assert report["differences"] == [] and set(report["totals"]["CNY"].values()) == {1_500}
    found = sheet(world.hub)
    assert (found["differences"], found["unexplained"], found["rows"][0]["booked"]) == (0, 0, 1_500)


def test_a_person_says_that_it_was_settled_by_hand(world: Any) -> None:
    ref = issued(world)
    amend(world, ref, 1_500)
    delivery.settle_amendment(world.hub, world.one().id, by="chen", note="extra receivable of 5.00")
    assert not delivery.list_(world.hub)[0]["needs_amendment"]
    with pytest.raises(delivery.DeliveryFault):
        delivery.settle_amendment(world.hub, world.one().id, by="chen", note="again")
    assert reconcile(world.hub)["causes"] == {"changed_at_source": 1}, "the books still differ from the source, and say so"
    assert booked(world, ref)[1] == 1_000


def test_a_rule_reverses_and_issues_again_each_time(world: Any) -> None:
    ref = issued(world, AGAIN, NUMBER)
    for amount in (1_500, 700, 1_500):
        amend(world, ref, amount)
        for _ in range(3):
            world.settle_all(1)
            world.dispatch()
        assert booked(world, ref)[1] == amount
    assert booked(world, ref)[0] == [-1_500, -1_000, -700, 700, 1_000, 1_500, 1_500]
    report = reconcile(world.hub, "books-main")
    assert report["differences"] == [] and set(report["totals"]["CNY"].values()) == {1_500}
    assert sheet(world.hub)["differences"] == 0
    told = world.deliveries(kind="write_back")
    assert len(told) == 4, "the number of each new document goes back to the source, those of reversals do not"


def test_an_amended_deal_that_becomes_void_loses_the_document_that_stands(world: Any) -> None:
    ref = issued(world, AGAIN, BACK)
    amend(world, ref, 1_500)
    world.settle_all(2)
    world.reverse(ref)
    world.dispatch()
    world.settle_all(2)
    assert booked(world, ref) == ([-1_500, -1_000, 1_000, 1_500], 0)
    assert reconcile(world.hub)["differences"] == [] and sheet(world.hub)["unexplained"] == 0


def test_a_void_deal_takes_back_the_new_document_before_it_is_sent(world: Any) -> None:
    ref = issued(world, AGAIN)
    amend(world, ref, 1_500)
    world.reverse(ref)
    world.dispatch()
    world.settle_all(2)
    assert booked(world, ref) == ([-1_000, 1_000], 0)


def test_one_in_doubt_is_marked_and_not_doubled(world: Any) -> None:
    world.rules(DEALS, AGAIN)
    world.ledger.expect("send", "after:doubt")
    ref = world.deal(1_000)
    world.dispatch()
    world.deliver()
    amend(world, ref, 1_500)
    world.settle_all(4)
    assert booked(world, ref) == ([1_000], 1_000)
    (shown,) = delivery.list_(world.hub)
    assert shown["needs_amendment"] and shown["state"] == "sent"
    delivery.amend(world.hub, shown["id"], by="chen")
    world.settle_all(2)
    assert booked(world, ref)[1] == 1_500


def test_only_an_amended_deal_can_be_issued_again(world: Any) -> None:
    issued(world)
    with pytest.raises(delivery.DeliveryFault):
        delivery.amend(world.hub, world.one().id, by="chen")
    assert [row for row in world.rows(Event) if row.kind == "deal.amended"] == []
