"""The state machine: each outcome at each step, and that a document is written once whatever happens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from connectors.base import Money
from hub import accounts
from hub.events import attempt, delivery, outbox
from hub.events.documents import from_json
from hub.models import Deal


def test_absent_then_written(one: Any) -> None:
    assert delivery.due_accounts(one.hub) == [one.books]
    assert one.deliver() == 1
    row = one.one()
    assert (row.state, row.attempts, row.error, row.sent_at) == ("sent", 1, None, one.now())
    assert row.receipt == {
        "number": row.number, "platform_id": f"id-{row.number}", "state": "audited", "complete": True, "amount": 1_378_001,
        "currency": "CNY", "party_code": row.document["party"]["code"],
    }  # fmt: skip
    assert [step for step, _ in one.ledger.calls] == ["find", "send"]
    assert one.steps(row.id) == [("find", "absent"), ("send", "written")]
    (told,) = one.sent_events()
    assert (told.subject, told.account_id, told.pending) == (row.id, one.crm, False)
    assert told.data == {"number": row.number, "kind": "receivable", "subject": row.subject}
    assert delivery.due_accounts(one.hub) == [] and one.deliver() == 0


def test_what_is_there_already_is_adopted(one: Any) -> None:
    one.ledger.write(from_json(one.one().document))
    one.deliver()
    row = one.one()
    assert row.state == "sent" and one.steps(row.id) == [("find", "adopted")]
    assert one.ledger.held(row.number) == 1


@pytest.mark.parametrize("field", ["amount", "party"])
def test_a_conflict_is_for_a_person(one: Any, field: str) -> None:
    row = one.one()
    one.ledger.write(from_json(row.document))
    one.ledger.entries[row.number][0][field] = Money(5) if field == "amount" else "C999"
    one.deliver()
    row = one.one()
    assert (row.state, row.error["key"], row.error["params"]["field"]) == ("rejected", "delivery.conflict", field)
    assert one.ledger.held(row.number) == 1 and one.sent_events() == []
    one.settle_all(3)
    assert one.one().state == "rejected", "nobody but a person decides"


def test_an_incomplete_document_is_finished(one: Any) -> None:
    one.ledger.write(from_json(one.one().document), complete=False)
    one.deliver()
    row = one.one()
    assert row.state == "sent" and one.steps(row.id) == [("finish", "done")]
    assert [step for step, _ in one.ledger.calls] == ["find", "finish"]


def test_an_incomplete_send_is_finished(one: Any) -> None:
    one.ledger.expect("send", "half")
    one.deliver()
    assert one.one().state == "sent" and [step for step, _ in one.ledger.calls] == ["find", "send", "finish"]


def test_a_document_that_stays_incomplete_is_looked_at_again(one: Any) -> None:
    one.ledger.expect("send", "half")
    one.ledger.expect("finish", "still", "still")
    one.deliver()
    row = one.one()
    assert (row.state, row.error["key"]) == ("in_doubt", "delivery.incomplete")
    one.settle_all(4)
    assert one.one().state == "sent" and one.ledger.held(row.number) == 1


# -- in doubt


@pytest.mark.parametrize("fault", ["doubt", "unexpected"])
def test_in_doubt_and_not_written_takes_two_absents_a_settle_delay_apart(one: Any, fault: str) -> None:
    one.ledger.expect("send", fault)
    one.deliver()
    row = one.one()
    assert (row.state, row.absent, row.doubt_at) == ("in_doubt", 0, one.now())
    assert delivery.due_accounts(one.hub) == []
    one.forward(29)
    assert one.deliver() == 0, "before the settle delay nobody looks"
    one.forward(1)
    assert one.deliver() == 1 and one.one().absent == 1
    one.forward(29)
    assert one.deliver() == 0
    one.forward(1)
    one.deliver()
    row = one.one()
    assert row.state == "sent" and one.ledger.held(row.number) == 1
    assert [step for step, _ in one.ledger.calls] == ["find", "send", "find", "find", "send"]
    assert one.steps(row.id) == [
        ("find", "absent"), ("send", "in_doubt"), ("find", "absent"), ("find", "absent"), ("send", "written"),
    ]  # fmt: skip


@pytest.mark.parametrize("fault", ["after:doubt", "late:doubt", "after:unexpected", "half:doubt", "half:unexpected"])
def test_in_doubt_and_written_is_adopted(one: Any, fault: str) -> None:
    one.ledger.expect("send", fault)
    one.deliver()
    one.forward(30)
    one.deliver()
    row = one.one()
    assert row.state == "sent" and one.ledger.held(row.number) == 1
    assert len(one.sent_events()) == 1


def test_the_settle_delay_is_the_kinds_own_or_the_setting(world: Any) -> None:
    world.rules({"on": "order.paid", "to": "books-main", "make": "sales_order"})
    world.order(100)
    world.dispatch()
    world.ledger.expect("send", "doubt", "doubt")
    world.deliver()
    assert world.one().next_at == world.now() + timedelta(seconds=45)
    world.hub.settings = world.hub.settings.model_copy(update={"settle_seconds": 2.0})
    world.forward(45)
    world.deliver()
    assert world.one().next_at == world.now() + timedelta(seconds=2)


def test_faults_of_the_look_up_keep_the_doubt(one: Any) -> None:
    one.ledger.expect("send", "doubt")
    one.ledger.expect("find", "ok", "ok", "unavailable", "rejected", "unexpected", "throttled")
    one.settle_all(2, 31)
    assert one.one().absent == 1
    for _ in range(4):
        one.deliver()
        row = one.one()
        assert (row.state, row.absent) == ("in_doubt", 1)
        one.forward(4000)
    one.deliver()
    assert one.one().state == "sent" and one.ledger.held(row.number) == 1


def test_endless_doubt_is_looked_up_less_often_and_marked(one: Any) -> None:
    one.ledger.expect("send", *["doubt"] * 9)
    one.settle_all(60, 700)
    row = one.one()
    assert row.state == "sent" and row.attempts == 10
    steps = delivery.show(one.hub, row.id)["steps"]
    marked = [step["error"].get("alert", False) for step in steps if step["outcome"] == "in_doubt"]
    assert marked == [False] * 7 + [True] * 2


# -- crashes


@pytest.mark.parametrize("fault", ["crash", "after:crash", "late:crash", "half:crash"])
def test_a_crash_while_sending_is_an_outcome_in_doubt(one: Any, fault: str) -> None:
    one.ledger.expect("send", fault)
    with pytest.raises(one.Crash):
        one.deliver()
    assert one.one().state == "sending"
    one.forward(89)
    assert delivery.due_accounts(one.hub) == [], "the lease still runs"
    one.forward(1)
    one.deliver()
    row = one.one()
    assert (row.state, row.error["key"]) == ("in_doubt", "delivery.lost")
    one.settle_all(4, 31)
    row = one.one()
    assert row.state == "sent" and one.ledger.held(row.number) == 1
    assert ("send", "lost") in one.steps(row.id)


def test_a_crash_while_looking_is_nothing(one: Any) -> None:
    one.ledger.expect("find", "crash")
    with pytest.raises(one.Crash):
        one.deliver()
    assert one.one().state == "pending"
    one.forward(90)
    one.deliver()
    assert one.one().state == "sent"


def test_a_sender_that_lost_its_lease_writes_nothing_more(one: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was away for longer than its lease; meanwhile somebody else took the delivery over and sent it."""
    original, other = one.ScriptedSink.find, []

    def slow(self: Any, document: Any) -> Any:
        found = original(self, document)
        if not other:
            other.append(True)
            one.forward(91)
            one.deliver()
            assert one.one().state == "sent"
        return found

    monkeypatch.setattr(one.ScriptedSink, "find", slow)
    one.deliver()
    row = one.one()
    assert row.state == "sent" and one.ledger.held(row.number) == 1 and len(one.sent_events()) == 1
    assert one.steps(row.id) == [("find", "absent"), ("send", "written")]


def test_the_lease_is_renewed_between_calls_and_lost_ones_are_noticed(one: Any) -> None:
    row = outbox.claim(one.hub, one.books)
    account = accounts.by_id(one.hub, one.books)
    working = attempt.Attempt(one.hub, account, row)
    stopped = working.sink().stopped
    one.forward(29)
    assert not stopped() and one.one().lease_until == row.lease_until, "too early to renew"
    one.forward(2)
    assert not stopped() and one.one().lease_until == one.now() + timedelta(seconds=90)
    one.forward(91)
    assert outbox.claim(one.hub, one.books) is not None
    assert stopped(), "somebody else has it"
    assert working.run(), "nothing is written and the account is fine"
    assert one.ledger.held(row.number) == 0


# -- nothing was written


def test_unavailable_is_tried_again_later_and_never_lost(one: Any) -> None:
    one.ledger.expect("send", *["unavailable"] * 9)
    waits = []
    for _ in range(9):
        one.deliver()
        row = one.one()
        assert row.state == "pending"
        waits.append((row.next_at - one.now()).total_seconds())
        one.forward(4000)
    assert waits == [30, 30, 30, 40, 80, 160, 320, 640, 1280], "at least the settle delay, then doubling"
    assert row.error["key"] == "error.unavailable" and row.error["alert"]
    one.deliver()
    assert one.one().state == "sent" and one.ledger.held(row.number) == 1


def test_a_silent_destination_is_left_alone_for_a_moment(world: Any) -> None:
    for _ in range(3):
        world.deal()
    world.dispatch()
    world.ledger.expect("find", "unavailable")
    assert world.deliver() == 1
    assert delivery.due_accounts(world.hub) == []
    world.forward(15)
    world.deliver()
    assert [row.state for row in world.deliveries()] == ["sent"] * 3


@pytest.mark.parametrize("step", ["find", "send"])
def test_a_limit_is_no_attempt_and_slows_all(world: Any, step: str) -> None:
    world.deal()
    world.deal()
    world.dispatch()
    world.ledger.expect(step, "throttled")
    assert world.deliver() == 1
    assert {(row.state, row.attempts) for row in world.deliveries()} == {("pending", 0)}
    assert all(row.next_at >= world.now() + timedelta(seconds=20) for row in world.deliveries())
    world.forward(30)
    world.deliver()
    assert [(row.state, row.attempts) for row in world.deliveries()] == [("sent", 1)] * 2


@pytest.mark.parametrize("fault", ["after:throttled", "late:throttled", "half:throttled", "late:unavailable"])
def test_a_passing_fault_after_the_write_doubles_nothing(one: Any, fault: str) -> None:
    """A connector of several calls may have written before it met the limit."""
    one.ledger.expect("send", fault)
    one.settle_all(4, 21)
    row = one.one()
    assert row.state == "sent" and one.ledger.held(row.number) == 1


# -- refused


@pytest.mark.parametrize("fault", ["rejected", "invalid"])
def test_refused_waits_for_a_person(one: Any, fault: str) -> None:
    one.ledger.expect("send", fault)
    one.settle_all(3)
    row = one.one()
    assert row.state == "rejected" and len(one.ledger.calls) == 2
    assert delivery.retry(one.hub, row.id, by="wang") == "pending" and one.one().next_at == one.now()
    one.deliver()
    row = one.one()
    assert row.state == "sent" and one.ledger.held(row.number) == 1


def test_a_retry_takes_the_data_of_now(one: Any) -> None:
    one.ledger.expect("send", "rejected")
    one.deliver()
    row = one.one()
    one.change(Deal, "ref", row.subject, amount=42_00)
    one.forward(30)
    delivery.retry(one.hub, row.id, by="wang")
    one.deliver()
    assert one.ledger.entries[row.number][0]["amount"] == Money(42_00)
    assert (one.one().amount, one.one().number) == (42_00, row.number)


def test_refused_halfway_is_found_and_finished_after_a_retry(one: Any) -> None:
    one.ledger.expect("send", "half:rejected")
    one.deliver()
    row = one.one()
    assert row.state == "rejected"
    delivery.retry(one.hub, row.id, by="wang")
    one.forward(30)
    one.deliver()
    assert one.one().state == "sent" and one.ledger.held(row.number) == 1


def test_refused_by_the_look_up(one: Any) -> None:
    one.ledger.expect("find", "rejected")
    one.deliver()
    assert one.one().state == "rejected"


def test_a_refused_finish(one: Any) -> None:
    one.ledger.expect("send", "half")
    one.ledger.expect("finish", "rejected")
    one.deliver()
    row = one.one()
    assert row.state == "rejected"
    delivery.retry(one.hub, row.id, by="wang")
    one.forward(30)
    one.deliver()
    assert one.one().state == "sent" and one.ledger.held(row.number) == 1


@pytest.mark.parametrize("fault", ["doubt", "after:doubt", "unavailable", "throttled", "unexpected", "auth"])
def test_a_finish_that_fails_is_taken_up_again(one: Any, fault: str) -> None:
    one.ledger.expect("send", "half")
    one.ledger.expect("finish", fault)
    one.deliver()
    row = one.one()
    assert row.state == "in_doubt", "it is there, so it is looked up and never written anew"
    accounts.set_state(one.hub, "books-main", "active", reason="", by="wang")
    one.settle_all(4, 31)
    row = one.one()
    assert row.state == "sent" and one.ledger.held(row.number) == 1


def test_what_was_seen_once_is_not_absent_at_the_next_blind_look(one: Any) -> None:
    one.ledger.expect("send", "half:doubt")
    one.ledger.expect("find", "ok", "blind", "ok", "blind", "ok")
    one.ledger.expect("finish", "throttled")
    one.settle_all(6, 31)
    row = one.one()
    assert row.state == "sent" and one.ledger.held(row.number) == 1


# -- duplicates


def test_a_duplicate_is_found_and_adopted(one: Any) -> None:
    """Somebody else wrote it between our look-up and our write."""
    one.ledger.expect("send", "after:duplicate")
    one.deliver()
    row = one.one()
    assert row.state == "sent" and one.steps(row.id) == [("find", "absent"), ("find", "adopted")]


def test_a_duplicate_that_cannot_be_seen_ends_with_a_person(one: Any) -> None:
    one.ledger.expect("send", "duplicate", "duplicate", "duplicate")
    one.deliver()
    assert one.one().state == "in_doubt"
    one.settle_all(10, 31)
    row = one.one()
    assert (row.state, row.error["key"]) == ("rejected", "delivery.duplicate_unseen")
    assert one.ledger.held(row.number) == 0


def test_a_duplicate_seen_late(one: Any) -> None:
    one.ledger.expect("send", "late:duplicate")
    one.settle_all(3, 31)
    assert one.one().state == "sent"
