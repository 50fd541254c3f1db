"""A document under a customer that its deal or order does not belong to: after a merge was taken back, a split, another
customer at the source. Not sent, it is made anew; sent, a person is asked once."""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import Any

import pytest
from sqlalchemy import delete, event
from typer.testing import CliRunner

from config.settings import Invoicing
from hub.cli import records
from hub.cli.main import app
from hub.events import delivery, outbox, walk
from hub.events.facts import customer_code
from hub.events.mint import insert_events, mint
from hub.events.reconcile import reconcile
from hub.events.sheet import sheet
from hub.jobs import work
from hub.models import Customer, CustomerAlias, Deal, Event, Profile
from hub.models.base import table
from hub.store.types import to_us
from tests.hub.events.test_amend import AGAIN, BACK, DEALS, NUMBER
from tests.hub.events.test_amend_invoices import ITEM, issue
from tests.hub.events.test_buyers import OTHER, OWN

ORDERS = {"name": "orders", "on": "order.paid", "source": "shop-*", "to": "books-main", "make": "receivable"}
REFUNDS = {"name": "refunds", "on": "refund.succeeded", "source": "shop-*", "to": "books-main", "make": "receivable"}
INVOICES = {"name": "invoices", "on": "deal.signed", "source": "crm-*", "to": "books-main", "make": "invoice"}


class Two:
    """Two customers of one name, of which the second's profile stands under the first: a wrong merge."""

    def __init__(self, world: Any, *rules: dict[str, Any], **fields: Any) -> None:
        self.world = world
        world.rules(*(rules or (DEALS,)), invoicing=Invoicing(kind="digital_special", items=[ITEM]))
        walk.look(world.hub)
        told = {"name": "张伟"} | fields
        (self.profile, self.first), (self.lent, self.second) = (world.customer(world.crm, **told) for _ in range(2))
        self.merge()

    def merge(self) -> None:
        self.world.merge(self.first, self.second)
        self._changed()

    def undo(self, *, look: bool = True) -> None:
        """The merge is taken back, as the identity ledger does it."""
        world = self.world
        world.change(Profile, "ref", self.lent, customer_id=self.second)
        world.change(Customer, "id", self.second, state="active", merged_into=None)
        with world.hub.db.write() as conn:
            conn.execute(delete(table(CustomerAlias)).where(table(CustomerAlias).c.id == self.second))
        self._changed(look=look)

    def _changed(self, *, look: bool = True) -> None:
        self.world.forward(600)
        for customer in (self.first, self.second):
            self.world.change(Customer, "id", customer, changed_at=self.world.now())
        if look:
            work.run(self.world.hub, "invoices", "all")

    def sent(self, make: Any, *given: Any, **named: Any) -> str:
        """Something of the second's, dispatched and sent."""
        ref: str = make(*given, profile=self.lent, **named)
        self.world.dispatch()
        self.world.settle_all(2)
        return ref


def booked(world: Any) -> dict[str, int]:
    """Party -> the sum of what is over there."""
    found: dict[str, int] = {}
    for entry in (entry for entries in world.ledger.entries.values() for entry in entries):
        found[entry["party"]] = found.get(entry["party"], 0) + entry["amount"].minor
    return {party: amount for party, amount in found.items() if amount}


def marked(world: Any) -> list[bool]:
    return sorted(row["needs_amendment"] for row in delivery.list_(world.hub))


def asked(world: Any) -> int:
    return sum(world.steps(row.id).count(("party", "needs_amendment")) for row in world.deliveries())


def test_a_bill_that_a_wrong_merge_sent_to_the_other_is_found_when_the_merge_is_taken_back(world: Any) -> None:
    two = Two(world, DEALS, AGAIN, NUMBER)
    two.sent(world.deal, 1_000)
    assert booked(world) == {customer_code(two.first): 1_000}
    two.undo()
    row = world.one(kind="receivable")
    (shown,) = delivery.list_(world.hub, to_do=True)
    assert shown["id"] == row.id and world.steps(row.id)[-1] == ("party", "needs_amendment")
    assert booked(world) == {customer_code(two.first): 1_000}, "nothing is taken back by itself, and no rule does it"
    assert reconcile(world.hub, "books-main")["causes"] == {"needs_amendment": 1}
    delivery.amend(world.hub, row.id, by="chen")
    for _ in range(2):
        world.settle_all(2)
        world.dispatch()
    assert booked(world) == {customer_code(two.second): 1_000} and not any(marked(world))
    assert delivery.list_(world.hub, to_do=True) == []
    assert reconcile(world.hub)["differences"] == [] and sheet(world.hub)["differences"] == 0
    assert len(world.deliveries(kind="write_back")) == 2, "the new number goes back to the source"
    two.undo()
    assert not any(marked(world))


def test_what_was_not_sent_is_made_anew_for_its_own_customer(world: Any) -> None:
    two = Two(world)
    world.deal(1_000, profile=two.lent)
    world.dispatch()
    number = world.one().number
    two.undo()
    assert (world.one().number, world.one().document["party"]["code"]) == (number, customer_code(two.second))
    world.settle_all(2)
    assert booked(world) == {customer_code(two.second): 1_000} and asked(world) == 0


def test_one_that_is_due_before_anybody_has_looked_does_not_go_to_the_other(world: Any) -> None:
    two = Two(world)
    world.deal(1_000, profile=two.lent)
    world.dispatch()
    two.undo(look=False)
    world.settle_all(3)
    assert booked(world) == {customer_code(two.second): 1_000}
    assert ("amend", "made_anew") in world.steps(world.one().id)


def test_one_whose_rule_is_gone_is_not_sent_to_the_other_and_is_shown(world: Any) -> None:
    two = Two(world)
    world.deal(1_000, profile=two.lent)
    world.dispatch()
    world.rules(ORDERS)
    two.undo(look=False)
    world.settle_all(2)
    assert booked(world) == {} and (world.one().state, world.one().error["key"]) == ("rejected", "rule.gone")
    world.rules(DEALS)
    assert delivery.retry(world.hub, world.one().id, by="chen") == "pending"
    world.settle_all(2)
    assert booked(world) == {customer_code(two.second): 1_000}


def test_a_merge_and_another_name_make_no_document_wrong(world: Any) -> None:
    two = Two(world)
    two.undo()
    two.sent(world.deal, 1_000)
    two.merge()
    world.change(Customer, "id", two.first, changed_at=world.now())
    walk.look(world.hub)
    assert marked(world) == [False] and asked(world) == 0
    two.sent(world.deal, 500)
    assert booked(world) == {customer_code(two.second): 1_500}, "and the destination keeps one customer"


def test_a_person_who_leaves_it_is_not_asked_again(world: Any) -> None:
    two = Two(world)
    two.sent(world.deal, 1_000)
    two.undo()
    delivery.settle_amendment(world.hub, world.one().id, by="chen", note="the firm pays for him")
    two.undo()
    assert marked(world) == [False] and asked(world) == 1
    third = world.customer(world.crm)[1]
    world.change(Profile, "ref", two.lent, customer_id=third)
    world.forward(60)
    world.change(Customer, "id", third, changed_at=world.now())
    walk.look(world.hub)
    assert marked(world) == [True] and asked(world) == 2, "somebody else is another question"


def test_merged_again_nothing_is_asked_any_more(world: Any) -> None:
    two = Two(world)
    two.sent(world.deal, 1_000)
    two.undo()
    assert marked(world) == [True]
    two.merge()
    assert marked(world) == [False]
    two.undo()
    assert marked(world) == [True], "the hub's own answer is no answer"


def test_a_deal_that_the_source_gives_to_another_customer(world: Any) -> None:
    world.rules(DEALS, {**INVOICES, "name": "iv"}, AGAIN, invoicing=Invoicing(kind="digital_special", items=[ITEM]))
    (one, _), (other, customer) = world.customer(world.crm, **OWN), world.customer(world.crm, **_named(OTHER))
    ref = world.deal(106_000, profile=one)
    world.dispatch()
    world.settle_all(2)
    world.forward(1)
    world.change(Deal, "ref", ref, profile_ref=other)
    data = {"amount": 106_000, "before": 106_000, "currency": "CNY", "number": "x"}
    at = to_us(world.now())
    with world.hub.db.write() as conn:
        insert_events(conn, [mint("deal.amended", world.crm, ref, at, at, data, fact="f", pending=True)])
    world.dispatch()
    assert marked(world) == [True, True], "the invoice of the deal as well, which nobody asked for"
    issue(world)
    for row in world.deliveries():
        delivery.amend(world.hub, row.id, by="chen")
    world.settle_all(3)
    assert booked(world) == {customer_code(customer): 212_000} and not any(marked(world))
    (new,) = (row for row in world.deliveries(kind="invoice") if row.amount > 0 and row.event_id.startswith(f"{ref}|deal.am"))
    assert new.document["invoice"]["buyer_title"] == OTHER["buyer_title"]


def _named(buyer: dict[str, str]) -> dict[str, str]:
    return {"company": buyer["buyer_title"], "tax_id": buyer["buyer_tax_id"]}


def test_an_invoice_of_one_of_the_same_title_is_found_as_well(world: Any) -> None:
    two = Two(world, INVOICES, **OWN)
    two.sent(world.deal, 106_000)
    two.undo()
    steps = world.steps(world.one().id)
    assert ("party", "needs_amendment") in steps and ("buyer", "needs_amendment") not in steps


def test_orders_and_refunds_are_issued_again_for_their_own_customer(world: Any) -> None:
    two = Two(world, ORDERS, REFUNDS)
    order = two.sent(world.order, 1_000)
    world.refund(300, order=order)
    world.dispatch()
    world.settle_all(2)
    assert booked(world) == {customer_code(two.first): 700}
    two.undo()
    assert marked(world) == [True, True]
    for row in world.deliveries():
        delivery.amend(world.hub, row.id, by="chen")
    world.settle_all(3)
    assert booked(world) == {customer_code(two.second): 700} and not any(marked(world))
    assert reconcile(world.hub)["differences"] == [] and sheet(world.hub)["unexplained"] == 0
    kinds = sorted(row.kind for row in world.rows(Event) if row.kind.endswith("amended"))
    assert kinds == ["order.amended", "refund.amended"]


def test_shops_void_deals_and_copies_are_none_of_its_business(world: Any) -> None:
    two = Two(world, DEALS, BACK, ORDERS, NUMBER)
    ref = two.sent(world.deal, 1_000)
    world.order(500, profile=None)
    world.reverse(ref)
    for _ in range(2):
        world.dispatch()
        world.settle_all(2)
    assert {row.kind for row in world.deliveries()} == {"receivable", "write_back"}
    world.change(Deal, "ref", ref, state="reversed")
    two.undo()
    written = [row for row in world.deliveries() if row.kind == "write_back" or row.amount < 0 or row.amount == 500]
    with world.hub.db.read() as conn:
        assert len(written) == 3 and not outbox.needing_amendment(conn, [row.id for row in written])


def test_many_are_settled_by_one_command(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    two = Two(world)
    for _ in range(3):
        two.sent(world.deal, 1_000)
    two.undo()
    monkeypatch.setattr(records, "opened", lambda: nullcontext(world.hub))
    first, second, third = (row["id"] for row in delivery.list_(world.hub, to_do=True))
    told = CliRunner().invoke(app, ["deliveries", "amend", first, "none", second, first])
    assert told.exit_code == 1 and "none: 没有这次投递" in told.output and told.output.count("冲销并重开") == 2
    told = CliRunner().invoke(app, ["deliveries", "settle", third, "--note", "the firm pays", "--json"])
    assert told.exit_code == 0 and json.loads(told.output) == {"done": [third], "failed": []}
    world.settle_all(3)
    assert booked(world) == {customer_code(two.first): 1_000, customer_code(two.second): 2_000}
    assert delivery.list_(world.hub, to_do=True) == []
    assert CliRunner().invoke(app, ["deliveries", "settle", third, "--note", "again"]).exit_code == 1


def test_two_questions_about_one_document_are_settled_together(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    two = Two(world)
    ref = two.sent(world.deal, 1_000)
    two.undo()
    world.reverse(ref)
    world.dispatch()
    monkeypatch.setattr(records, "opened", lambda: nullcontext(world.hub))
    (row,) = delivery.list_(world.hub, to_do=True)
    assert row["open_steps"] == ["party", "reverse"]
    assert CliRunner().invoke(app, ["deliveries", "settle", row["id"], "--note", "booked by hand"]).exit_code == 0
    assert delivery.list_(world.hub, to_do=True) == []


def test_only_what_is_wrong_is_loaded(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy customer's other documents cost one look, not a build each."""
    two = Two(world)
    for _ in range(20):
        world.deal(1_000, profile=two.profile)
    two.sent(world.deal, 1_000)
    loaded: list[int] = []
    plain = walk._locked
    monkeypatch.setattr(walk, "_locked", lambda conn, ids: loaded.append(len(ids)) or plain(conn, ids))
    two.undo()
    assert loaded == [1] and sum(marked(world)) == 1


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
def test_the_walk_reads_no_table_whole(world: Any) -> None:
    """Among a million documents a look at some customers costs what theirs cost. SQLite tells its plan in words."""
    asked: list[tuple[str, Any]] = []
    with world.hub.db.write() as conn:
        event.listen(conn, "before_cursor_execute", lambda c, cur, statement, values, *rest: asked.append((statement, values)))
        subjects = walk._subjects(conn, ["c1", "c2"])
        walk._documents(conn, {**subjects, "1|d": "c1"})
        plans = [row for what, values in list(asked) for row in conn.exec_driver_sql("EXPLAIN QUERY PLAN " + what, values)]
    told = [row[-1] for row in plans]
    assert len(asked) >= 2 and any("ix_delivery_subject" in line for line in told)
    assert [line for line in told if line.startswith("SCAN") and "SUBQUERY" not in line] == []
