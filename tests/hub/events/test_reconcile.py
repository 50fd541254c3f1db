"""Reconcile: every difference between rules, deliveries and destination is named, and the sums agree to the fen."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from connectors.base import Money
from hub import accounts
from hub.events import delivery, settle
from hub.events.documents import from_json
from hub.events.reconcile import reconcile
from hub.models import Account, Deal

DEALS = {"name": "deals", "on": "deal.signed", "source": "crm-*", "to": "books-main", "make": "receivable"}
DAILY = {"name": "daily", "on": "order.paid", "source": "shop-*", "to": "books-main", "make": "settlement", "per": "day"}
BACK = {"name": "back", "on": "delivery.sent", "source": "crm-*", "to": "@origin", "make": "write_back"}


def sent(world: Any, *amounts: int) -> list[Any]:
    for amount in amounts:
        world.deal(amount)
    world.dispatch()
    world.deliver()
    return sorted(world.deliveries(state="sent"), key=lambda row: row.amount)


def causes(report: dict[str, Any]) -> list[tuple[str, str]]:
    return [(found["status"], found["cause"]) for found in report["differences"]]


def test_all_agree(world: Any) -> None:
    world.rules(DEALS, DAILY, BACK)
    world.order(700, datetime(2026, 11, 20, 4, tzinfo=UTC))
    world.refund(50, datetime(2026, 11, 20, 4, tzinfo=UTC))
    world.deal(1_000)
    world.dispatch()
    settle.close_days(world.hub)
    for _ in range(2):
        world.deliver()
        world.dispatch()
    seen: list[tuple[int, int]] = []
    report = reconcile(world.hub, progress=lambda done, total: seen.append((done, total)))
    assert (report["checked"], report["ok"], report["differences"], report["next"], report["stopped"]) == (3, 3, [], None, None)
    assert report["totals"] == {"CNY": {"expected": 1_650, "delivered": 1_650, "found": 1_650}}, "a write-back is no money"
    assert seen == [(3, 3)]
    assert reconcile(world.hub, "crm-main")["totals"] == {}


def test_a_deal_and_what_took_it_back_come_to_nothing(world: Any) -> None:
    """Found by a day's rehearsal: the sum that should be there counted the reversal and not what it reverses."""
    world.rules(DEALS, {"name": "back", "on": "deal.reversed", "source": "crm-*", "to": "books-main", "make": "receivable"})
    by_rule, by_hand, _ = (world.deal(amount) for amount in (1_000, 200, 30))
    world.dispatch()
    world.deliver()
    world.reverse(by_rule)
    delivery.reverse(world.hub, world.one(subject=by_hand).id, by="chen")
    world.dispatch()
    world.settle_all(2)
    report = reconcile(world.hub)
    assert report["differences"] == [] and report["checked"] == 5
    assert report["totals"] == {"CNY": dict.fromkeys(("expected", "delivered", "found"), 30)}


def test_each_difference_is_named(world: Any) -> None:
    gone, edited, moved, reversed_, changed, unfinished, fine = sent(world, 1, 2, 3, 4, 5, 6, 7)
    entries = world.ledger.entries
    del entries[gone.number]
    entries[edited.number][0]["amount"] = Money(222)
    entries[moved.number][0]["party"] = "C999"
    world.reverse(reversed_.subject)
    world.dispatch()
    world.change(Deal, "ref", changed.subject, amount=55)
    entries[unfinished.number][0]["complete"] = False
    report = reconcile(world.hub, "books-main")
    assert {(found["number"], found["status"], found["cause"]) for found in report["differences"]} == {
        (gone.number, "missing", "gone_at_destination"), (edited.number, "different", "changed_at_destination"),
        (moved.number, "different", "changed_at_destination"), (reversed_.number, "extra", "needs_reversal"),
        (changed.number, "different", "changed_at_source"), (unfinished.number, "different", "incomplete"),
    }  # fmt: skip
    assert (report["checked"], report["ok"]) == (7, 1) and fine.amount == 7
    assert report["totals"]["CNY"] == {
        "expected": 1 + 2 + 3 + 55 + 6 + 7, "delivered": 28, "found": 222 + 3 + 4 + 5 + 6 + 7,
    }  # fmt: skip
    assert report["causes"]["changed_at_destination"] == 2
    (told,) = (found for found in report["differences"] if found["number"] == edited.number)
    assert told == {
        "status": "different", "cause": "changed_at_destination", "account": "books-main", "number": edited.number,
        "delivery": edited.id, "about": edited.subject, "rule": "deals", "state": "sent", "currency": "CNY",
        "expected": 2, "delivered": 2, "found": 222,
    }  # fmt: skip
    delivery.settle_reversal(world.hub, reversed_.id, by="chen", note="red document")
    assert "needs_reversal" not in reconcile(world.hub)["causes"]


def test_what_was_not_sent_is_named_with_its_cause(world: Any) -> None:
    for amount in (1, 2, 3, 4):
        world.deal(amount)
    world.deal(None)
    world.dispatch()
    rows = sorted(world.deliveries(), key=lambda row: (row.state != "pending", row.amount))
    waiting, refused, doubtful, there, incomplete = rows
    world.change(Account, "key", "books-main", state="paused")
    with world.hub.db.write() as conn:
        for row, state in ((refused, "rejected"), (doubtful, "in_doubt"), (there, "in_doubt")):
            conn.exec_driver_sql(f"UPDATE delivery SET state = '{state}' WHERE id = '{row.id}'")
    world.ledger.write(from_json(there.document))
    found = {found["number"]: (found["status"], found["cause"]) for found in reconcile(world.hub)["differences"]}
    assert found == {
        waiting.number: ("missing", "waiting"), refused.number: ("missing", "waiting"),
        doubtful.number: ("missing", "in_doubt"),
        there.number: ("extra", "in_doubt_but_there"), incomplete.number: ("missing", "document.amount_missing"),
    }  # fmt: skip
    assert len(world.deliveries(state="sent")) == 0, "it changes nothing by itself"


def test_fix_settles_what_is_in_doubt_and_nothing_else(world: Any) -> None:
    for amount in (100, 200, 300):
        world.deal(amount)
        world.dispatch()
        world.forward(1)
    world.ledger.expect("send", "after:doubt", "doubt", "rejected")
    world.deliver()
    world.forward(30)
    report = reconcile(world.hub, fix=True, by="wang")
    assert {row.state for row in world.deliveries(amount=100)} == {"sent"}
    (doubtful,) = world.deliveries(amount=200)
    assert (doubtful.state, doubtful.absent) == ("in_doubt", 1), "one clean absence is not enough"
    assert world.deliveries(amount=300)[0].state == "rejected"
    assert sorted(causes(report)) == [("missing", "error.rejected"), ("missing", "in_doubt")]
    world.forward(30)
    reconcile(world.hub, fix=True)
    assert {row.state for row in world.deliveries(amount=200)} == {"sent"}
    assert all(len(entries) == 1 for entries in world.ledger.entries.values())


def test_a_cancelled_one_is_expected_nowhere(world: Any) -> None:
    world.deal(100)
    world.dispatch()
    row = world.one()
    delivery.cancel(world.hub, row.id, by="wang", reason="double")
    report = reconcile(world.hub)
    assert (report["ok"], report["totals"]["CNY"]["expected"]) == (1, 0)
    world.ledger.write(from_json(row.document))
    assert causes(reconcile(world.hub)) == [("extra", "cancelled_but_there")]


def test_documents_that_nobody_made(world: Any) -> None:
    """Events that no rule wanted when they came, and events that still wait."""
    world.rules()
    old = world.deal(100)
    world.deal(0)
    world.reverse(world.deal(300))
    world.order(0)
    world.order(40, datetime(2026, 11, 20, 4, tzinfo=UTC))
    world.rules(DEALS, DAILY)
    fresh = world.deal(200)
    world.order(7, datetime(2026, 11, 20, 4, tzinfo=UTC))
    report = reconcile(world.hub)
    found = {(item["about"], item["cause"], item["expected"]) for item in report["differences"] if item["expected"]}
    assert {(old, "never_made", 100), (fresh, "event_waiting", 200)} <= found
    assert sorted(item["expected"] for item in report["differences"] if item["rule"] == "daily") == [7, 40]
    assert report["totals"]["CNY"] == {"expected": 347, "delivered": 0, "found": 0}
    world.dispatch()
    assert ("missing", "day_not_closed") in causes(reconcile(world.hub))
    settle.close_days(world.hub)
    world.deliver()
    assert reconcile(world.hub)["causes"] == {"never_made": 3}, "one of them a deal over nothing, for a person to see"


def test_since_and_account_narrow_it(world: Any) -> None:
    world.deal(1, signed_on=date(2026, 10, 1))
    world.deal(2, signed_on=date(2026, 11, 1))
    world.dispatch()
    world.deliver()
    assert reconcile(world.hub, since=date(2026, 11, 1))["totals"]["CNY"]["found"] == 2
    with pytest.raises(accounts.AccountFault):
        reconcile(world.hub, "nowhere")


def test_it_stops_at_a_limit_and_goes_on_from_there(world: Any) -> None:
    rows = sent(world, *range(1, 8))
    del world.ledger.entries[rows[0].number], world.ledger.entries[rows[6].number]
    whole = reconcile(world.hub)
    report = reconcile(world.hub, limit=3)
    assert report["checked"] == 3 and report["next"]
    pieces = 1
    while report["next"]:
        report, pieces = reconcile(world.hub, limit=3, resume=report), pieces + 1
    assert pieces == 3 and report == whole
    assert whole["totals"]["CNY"] == {"expected": 28, "delivered": 28, "found": 20}


def test_a_platforms_limit_pauses_it(world: Any) -> None:
    sent(world, 1, 2, 3)
    world.ledger.expect("find", "ok", "throttled", "throttled")
    report = reconcile(world.hub)
    assert report["checked"] == 1 and report["stopped"]["key"] == "error.throttled"
    report = reconcile(world.hub, resume=report)
    assert (report["checked"], report["ok"], report["stopped"], report["next"]) == (3, 3, None, None)


def test_a_request_to_stop_pauses_it(world: Any) -> None:
    sent(world, 1, 2, 3)
    calls = iter([False, False, True])
    world.hub.stopping = lambda: next(calls, True)
    report = reconcile(world.hub)
    world.hub.stopping = lambda: False
    assert report["checked"] < 3
    assert reconcile(world.hub, resume=report)["checked"] == 3


@pytest.mark.parametrize(("fault", "asked"), [("auth", 1), ("unavailable", 3)])
def test_a_destination_that_does_not_answer_is_not_asked_for_ever(world: Any, fault: str, asked: int) -> None:
    sent(world, 1, 2, 3, 4, 5)
    world.ledger.calls.clear()
    world.ledger.expect("find", *[fault] * 5)
    report = reconcile(world.hub)
    assert len(world.ledger.calls) == asked
    assert {found["status"] for found in report["differences"]} == {"unknown"} and report["stopped"]
    assert report["totals"]["CNY"] == {"expected": 15, "delivered": 15, "found": 0}
    assert world.rows(Account, key="books-main")[0].state == "active", "looking changes nothing"
