"""Reversed deals, wrong rules, and rules that come after their events."""

from __future__ import annotations

from typing import Any

import pytest

from hub.events import delivery, rules
from hub.models import Deal

# -- reversal


def test_a_deal_reversed_before_delivery_is_cancelled(world: Any) -> None:
    ref = world.deal()
    world.dispatch()
    world.reverse(ref)
    world.dispatch()
    row = world.one()
    assert (row.state, row.error["key"]) == ("cancelled", "delivery.reversed")
    world.settle_all(3)
    assert world.ledger.calls == []


@pytest.mark.parametrize("order", ["together", "reversed first"])
def test_signed_and_reversed_in_one_go_deliver_nothing(world: Any, order: str) -> None:
    if order == "reversed first":
        world.event("deal.reversed", world.crm, f"{world.crm}|contract/2")
        world.dispatch()
    ref = world.deal()
    world.reverse(ref)
    world.dispatch()
    world.settle_all(3)
    assert world.one().state == "cancelled" and world.ledger.calls == []


def test_a_deal_reversed_after_delivery_needs_a_person(world: Any) -> None:
    ref = world.deal()
    world.dispatch()
    world.deliver()
    world.reverse(ref)
    world.dispatch()
    row = world.one()
    assert row.state == "sent" and world.ledger.held(row.number) == 1
    assert delivery.show(world.hub, row.id)["needs_reversal"]
    assert delivery.list_(world.hub)[0]["needs_reversal"]
    delivery.settle_reversal(world.hub, row.id, by="chen", note="red receivable AR-77")
    assert not delivery.show(world.hub, row.id)["needs_reversal"]
    assert ("chen", "delivery.reversed", f"delivery:{row.id}") in world.audit()
    with pytest.raises(delivery.DeliveryFault):
        delivery.settle_reversal(world.hub, row.id, by="chen", note="again")


def test_a_deal_reversed_while_in_doubt_is_not_written_again(world: Any) -> None:
    ref = world.deal()
    world.dispatch()
    world.ledger.expect("send", "doubt")
    world.deliver()
    world.reverse(ref)
    world.dispatch()
    world.settle_all(5)
    row = world.one()
    assert row.state == "cancelled" and world.ledger.held(row.number) == 0
    assert not delivery.show(world.hub, row.id)["needs_reversal"]


def test_a_deal_reversed_while_in_doubt_and_there_needs_a_person(world: Any) -> None:
    ref = world.deal()
    world.dispatch()
    world.ledger.expect("send", "after:doubt")
    world.deliver()
    world.reverse(ref)
    world.dispatch()
    world.settle_all(5)
    row = world.one()
    assert row.state == "sent" and delivery.show(world.hub, row.id)["needs_reversal"]


def test_a_reversed_deal_that_was_refused_halfway_needs_a_person(world: Any) -> None:
    ref = world.deal()
    world.dispatch()
    world.ledger.expect("send", "half:rejected")
    world.deliver()
    world.reverse(ref)
    world.dispatch()
    row = world.one()
    assert row.state == "rejected", "it may be there: not cancelled without a look"
    assert delivery.show(world.hub, row.id)["needs_reversal"]


@pytest.mark.parametrize("when", ["before dispatch", "after dispatch"])
def test_a_deleted_deal_is_not_sent(world: Any, when: str) -> None:
    ref = world.deal()
    if when == "after dispatch":
        world.dispatch()
    world.change(Deal, "ref", ref, deleted=True)
    assert world.dispatch() == (when == "before dispatch")
    assert world.one().state == ("cancelled" if when == "before dispatch" else "pending")
    world.deliver()
    assert world.one().state == "cancelled" and world.ledger.held(world.one().number) == 0


def test_a_deal_in_force_again_is_delivered_at_a_persons_word(world: Any) -> None:
    ref = world.deal()
    world.dispatch()
    world.reverse(ref)
    world.dispatch()
    row = world.one()
    assert delivery.retry(world.hub, row.id, by="wang") == "cancelled", "it is still reversed"
    world.change(Deal, "ref", ref, state="signed")
    assert delivery.retry(world.hub, row.id, by="wang") == "pending"
    world.deliver()
    assert world.one().state == "sent"


# -- checking the rules


@pytest.mark.parametrize(
    ("rule", "word"),
    [
        ({"to": "nowhere"}, "books-main"),
        ({"make": "voucher"}, "voucher"),
        ({"to": "shop-tm"}, "receivable"),
        ({"zone": "Mars/Base"}, "Mars/Base"),
        ({"not_before": "soon"}, "soon"),
        ({"to": "@origin"}, "receivable"),
    ],
)
def test_a_wrong_rule_is_told_and_its_events_wait(world: Any, rule: dict[str, Any], word: str) -> None:
    good = {"on": "deal.signed", "source": "crm-*", "to": "books-main", "make": "receivable"}
    world.rules(good | rule)
    world.deal()
    (told,) = rules.check(world.hub)
    assert "rule-0" in told and word in told
    assert world.dispatch() == 0 and world.deliveries() == []
    world.rules(good)
    assert rules.check(world.hub) == []
    assert world.dispatch() == 1 and world.one().state == "pending"


def test_a_wrong_rule_holds_only_its_own_events_back(world: Any) -> None:
    bad = {"on": "deal.signed", "source": "crm-*", "to": "nowhere", "make": "receivable"}
    world.rules(bad, {"on": "order.paid", "to": "books-main", "make": "receivable"})
    ref = world.deal()
    world.order(500)
    world.reverse(ref)
    assert world.dispatch() == 2
    assert [row.amount for row in world.deliveries()] == [500]


def test_no_rule_holds_a_reversal_back(world: Any) -> None:
    good = {"on": "deal.signed", "source": "crm-*", "to": "books-main", "make": "receivable"}
    world.rules(good, good | {"on": "deal.reversed", "to": "nowhere"})
    ref = world.deal()
    world.dispatch()
    world.reverse(ref)
    assert world.dispatch() == 1 and world.one().state == "cancelled"


def test_advice_holds_nothing_back(world: Any) -> None:
    rule = {"to": "books-main", "make": "receivable"}
    world.rules(rule | {"on": "deal.reversed"}, rule | {"on": "order.paid", "source": "jd-*"}, lease_seconds=5)
    assert len(rules.check(world.hub)) == 2
    world.deal()
    assert world.dispatch() == 0


def test_two_rules_of_one_name(world: Any) -> None:
    rule = {"name": "same", "to": "books-main", "make": "receivable"}
    world.rules(rule | {"on": "deal.signed"}, rule | {"on": "order.paid"})
    world.order(500)
    assert "same" in rules.check(world.hub)[0]
    assert world.dispatch() == 0


def test_a_rule_takes_up_what_came_before_it(world: Any) -> None:
    world.rules()
    world.deal(100)
    world.order(40)
    world.forward(86400)
    fresh = world.deal(200)
    rule = {"name": "late", "on": "deal.signed", "to": "books-main", "make": "receivable", "not_before": "2026-11-23"}
    world.rules(rule, {"name": "broken", "on": "deal.signed", "to": "nowhere", "make": "receivable", "source": "none"})
    assert world.dispatch() == 0
    assert rules.take_up(world.hub, "late", by="wang") == 1
    world.dispatch()
    assert world.one().subject == fresh and rules.take_up(world.hub, "late", by="wang") == 0
    assert ("wang", "rule.take_up", "rule:late") in world.audit()
    with pytest.raises(LookupError, match="late"):
        rules.take_up(world.hub, "broken", by="wang")


def test_wanted_kinds(world: Any) -> None:
    world.rules({"on": "deal.signed", "to": "a", "make": "b"}, {"on": "order.paid", "to": "a", "make": "b", "per": "day"})
    assert rules.wanted_kinds(world.hub.settings) == {
        "deal.signed", "deal.amended", "deal.reversed", "order.paid", "refund.succeeded",
    }  # fmt: skip
    world.rules({"on": "invoice.requested", "to": "a", "make": "invoice"})
    asked = {"invoice.requested", "invoice.amended", "invoice.withdrawn", "deal.amended", "deal.reversed"}
    assert rules.wanted_kinds(world.hub.settings) == asked
