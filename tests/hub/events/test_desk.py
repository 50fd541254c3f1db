"""Accounts without access; what people do with deliveries and see of them; what is kept from being seen."""

from __future__ import annotations

from typing import Any

import pytest

from hub import accounts
from hub.events import delivery, outbox
from hub.events.documents import from_json, to_json
from hub.models import Account, Delivery

# -- access


@pytest.mark.parametrize(
    ("step", "fault", "state"),
    [("find", "auth", "needs_auth"), ("find", "scope", "needs_auth"), ("find", "config", "failed"),
     ("send", "auth", "needs_auth"), ("send", "config", "failed")],
)  # fmt: skip
def test_without_access_the_account_stops_and_its_deliveries_wait(world: Any, step: str, fault: str, state: str) -> None:
    world.deal()
    world.deal()
    world.dispatch()
    world.ledger.expect(step, fault)
    assert world.deliver() == 1
    (account,) = world.rows(Account, key="books-main")
    assert (account.state, account.state_by) == (state, "hub") and account.state_reason
    assert {row.state for row in world.deliveries()} == {"pending"}
    world.forward(3600)
    assert delivery.due_accounts(world.hub) == [] and delivery.deliver(world.hub, world.books) == 0
    accounts.set_state(world.hub, "books-main", "active", reason="", by="wang")
    world.deliver()
    assert [row.state for row in world.deliveries()] == ["sent"] * 2


def test_a_paused_account_is_left_alone(one: Any) -> None:
    accounts.set_state(one.hub, "books-main", "paused", reason="holiday", by="wang")
    assert delivery.due_accounts(one.hub) == [] and delivery.deliver(one.hub, one.books) == 0
    assert one.one().state == "pending"


def test_an_account_that_cannot_be_connected_stops(one: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.sync.connect.connect", lambda hub, account, priority=2: object())
    assert one.deliver() == 1
    assert one.rows(Account, key="books-main")[0].state == "failed"
    assert (one.one().state, one.one().error["key"]) == ("pending", "delivery.no_sink")


# -- a person looks, retries, cancels


def test_looking_now_at_one_in_doubt(one: Any) -> None:
    one.ledger.expect("send", "after:doubt")
    one.deliver()
    assert delivery.retry(one.hub, one.one().id, by="wang") == "sent"
    assert one.ledger.held(one.one().number) == 1


def test_an_early_absence_is_not_a_clean_one(one: Any) -> None:
    one.ledger.expect("send", "late:doubt")
    one.deliver()
    for _ in range(3):
        assert delivery.retry(one.hub, one.one().id, by="wang") == "in_doubt"
    assert one.one().absent == 0
    one.forward(30)
    one.deliver()
    assert one.one().state == "sent" and one.ledger.held(one.one().number) == 1


def test_a_pending_one_is_tried_at_once(one: Any) -> None:
    one.ledger.expect("find", "unavailable")
    one.deliver()
    delivery.retry(one.hub, one.one().id, by="wang")
    one.deliver()
    assert one.one().state == "sent"


def test_what_is_done_is_not_retried_or_cancelled(one: Any) -> None:
    one.deliver()
    row = one.one()
    with pytest.raises(delivery.DeliveryFault, match="sent"):
        delivery.retry(one.hub, row.id, by="wang")
    with pytest.raises(delivery.DeliveryFault, match="sent"):
        delivery.cancel(one.hub, row.id, by="wang", reason="no")
    with pytest.raises(delivery.DeliveryFault):
        delivery.retry(one.hub, "nothing", by="wang")


def test_cancelling_what_never_went_out(one: Any) -> None:
    row = one.one()
    delivery.cancel(one.hub, row.id, by="wang", reason="double entry")
    one.settle_all(2)
    assert one.one().state == "cancelled" and one.ledger.calls == []
    assert ("wang", "delivery.cancel", f"delivery:{row.id}") in one.audit()
    assert delivery.retry(one.hub, row.id, by="li") == "pending", "a cancelled one can be taken up again"
    one.deliver()
    assert one.one().state == "sent"


def test_what_may_be_there_is_looked_up_before_it_is_cancelled(one: Any) -> None:
    one.ledger.expect("send", "half:rejected")
    one.deliver()
    row = one.one()
    with pytest.raises(delivery.DeliveryFault, match="30"):
        delivery.cancel(one.hub, row.id, by="wang", reason="wrong customer")
    one.forward(30)
    with pytest.raises(delivery.DeliveryFault, match=row.number):
        delivery.cancel(one.hub, row.id, by="wang", reason="wrong customer")
    one.ledger.expect("find", "unavailable")
    with pytest.raises(delivery.DeliveryFault):
        delivery.cancel(one.hub, row.id, by="wang", reason="wrong customer")
    assert one.one().state == "rejected"
    one.ledger.entries.clear()  # finance deleted the draft over there
    delivery.cancel(one.hub, row.id, by="wang", reason="wrong customer")
    assert one.one().state == "cancelled"


def test_what_is_taken_while_a_person_cancels_is_not_cancelled(one: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    one.ledger.expect("send", "unavailable")
    one.deliver()
    one.forward(30)
    row, original, held = one.one(), one.ScriptedSink.find, []

    def find(self: Any, document: Any) -> Any:
        held.append(outbox.claim(one.hub, one.books))
        return original(self, document)

    monkeypatch.setattr(one.ScriptedSink, "find", find)
    with pytest.raises(delivery.DeliveryFault):
        delivery.cancel(one.hub, row.id, by="wang", reason="too late")
    assert held[0].id == row.id and one.one().state == "pending"


@pytest.mark.parametrize("fault", ["late:throttled", "late:rejected"])
def test_a_hasty_person_doubles_nothing(one: Any, fault: str) -> None:
    """The connector said that nothing was written, and was wrong; a retry still waits until a look may be trusted."""
    one.ledger.expect("send", fault)
    one.deliver()
    delivery.retry(one.hub, one.one().id, by="wang")
    assert one.deliver() == 0
    one.settle_all(2, 30)
    assert one.one().state == "sent" and one.ledger.held(one.one().number) == 1


def test_an_unreadable_document_stops_nobody_else(world: Any) -> None:
    for amount in (1, 2):
        world.deal(amount)
        world.dispatch()
        world.forward(1)
    world.change(Delivery, "amount", 1, document={"kind": "receivable"})
    world.deliver()
    assert [(row.state, (row.error or {}).get("key")) for row in world.deliveries()] == [
        ("rejected", "document.invalid"), ("sent", None),
    ]  # fmt: skip
    delivery.retry(world.hub, world.one(amount=1).id, by="wang")
    world.deliver()
    assert world.one(amount=1).state == "sent"


def test_a_tried_document_never_becomes_another_kind(one: Any) -> None:
    one.ledger.expect("send", "rejected")
    one.deliver()
    row = one.one()
    one.rules({"name": "deals", "on": "deal.signed", "source": "crm-*", "to": "books-main", "make": "sales_order"})
    assert delivery.retry(one.hub, row.id, by="wang") == "rejected"
    assert one.one().error["key"] == "delivery.kind_changed"
    one.rules()
    assert delivery.retry(one.hub, row.id, by="wang") == "rejected"
    assert one.one().error["key"] == "rule.gone"


# -- seeing


def test_show_list_and_counts(world: Any) -> None:
    for _ in range(3):
        world.deal()
        world.dispatch()
        world.forward(1)
    world.ledger.expect("send", "ok", "rejected", "doubt")
    world.deliver()
    assert delivery.counts(world.hub) == {
        "pending": 0, "sending": 0, "in_doubt": 1, "incomplete": 0, "rejected": 1, "sent": 1, "cancelled": 0,
    }  # fmt: skip
    listed = delivery.list_(world.hub)
    assert [row["created_at"] for row in listed] == sorted((row["created_at"] for row in listed), reverse=True)
    assert [row["id"] for row in delivery.list_(world.hub, limit=2)] == [row["id"] for row in listed[:2]]
    assert [row["id"] for row in delivery.list_(world.hub, before=listed[1]["id"])] == [listed[2]["id"]]
    assert [row["state"] for row in delivery.list_(world.hub, state="rejected")] == ["rejected"]
    assert len(delivery.list_(world.hub, account="books-main")) == 3 and delivery.list_(world.hub, account="crm-main") == []
    assert "document" not in listed[0]
    shown = delivery.show(world.hub, listed[2]["id"])
    assert (shown["account"], shown["source_account"], shown["settlement_items"]) == ("books-main", "crm-main", 0)
    assert shown["document"]["party"]["name"] == "杭州样例科技有限公司" and shown["event"]["kind"] == "deal.signed"
    assert [(step["step"], step["outcome"]) for step in shown["steps"]] == [("find", "absent"), ("send", "written")]
    assert delivery.show(world.hub, "nothing") == {}


def test_no_personal_value_in_errors_and_steps(world: Any) -> None:
    world.deal()
    world.dispatch()
    world.ledger.expect("send", "unexpected")  # its text is a phone number
    world.deliver()
    row = world.one()
    assert row.error == {"type": "Unexpected", "key": "delivery.unexpected", "params": {"reason": "RuntimeError"}}
    assert "13800000000" not in str(delivery.show(world.hub, row.id)["steps"])


def test_the_document_is_sealed_in_the_database(one: Any) -> None:
    with one.hub.db.read() as conn:
        (stored,) = conn.exec_driver_sql("SELECT document FROM delivery").one()
    assert "杭州样例科技有限公司".encode() not in bytes(stored)


def test_a_document_survives_being_stored(one: Any) -> None:
    document = from_json(one.one().document)
    assert from_json(to_json(document)) == document and to_json(document) == one.one().document


def test_nobody_else_takes_a_held_delivery(one: Any) -> None:
    assert outbox.claim(one.hub, one.books) is not None
    assert outbox.claim(one.hub, one.books) is None
    one.forward(90)
    assert outbox.claim(one.hub, one.books) is not None
    assert one.rows(Delivery)[0].fence == 2
