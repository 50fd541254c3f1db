"""What comes back of sent documents: asked with growing pauses, told once, written back, reversed when somebody says so."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from connectors import errors
from connectors.base import Money, Status
from connectors.invoices import IssuedInvoice, Payment
from hub.events import delivery
from hub.events.documents import from_json
from hub.invoices import follow
from hub.invoices.status import ring
from hub.models import Account, DocumentStatus, Event
from tests.hub.events.test_invoices import BUYER, RULE, SERVICES, Invoicing, asking  # noqa: F401

NUMBER = "26312000000000000001"
INVOICE = IssuedInvoice(NUMBER, date(2026, 11, 22), Money(106))


def sent(world: Any) -> Any:
    world.deal(1_378_001)
    world.dispatch()
    world.deliver()
    return world.one()


def asked(world: Any, minutes: int = 10_000) -> int:
    """Let time pass and count how often the destination was asked."""
    before = sum(step == "status" for step, _ in world.ledger.calls)
    for _ in range(minutes):
        world.forward(60)
        for account in follow.due_accounts(world.hub):
            follow.follow(world.hub, account)
    return sum(step == "status" for step, _ in world.ledger.calls) - before


def happened(world: Any, kind: str) -> list[dict[str, Any]]:
    return [row.data for row in sorted(world.rows(Event, kind=kind), key=lambda row: row.recorded_at)]


def test_a_quiet_document_is_asked_less_and_less(world: Any) -> None:
    sent(world)
    assert asked(world, 60) == 4, "after 5 minutes there is news; then after 10, 20 and 40"
    assert asked(world, 24 * 60) <= 9
    assert len(happened(world, "delivery.approved")) == 1 and not happened(world, "payment.received")


def test_payments_are_told_once_each_and_a_sum_by_what_it_grew(world: Any) -> None:
    row = sent(world)
    paid = Payment("SK1", Money(1000), date(2026, 11, 21))
    world.ledger.statuses[row.number] = Status("C", True, payments=(paid,), received=Money(1000))
    asked(world, 10)
    asked(world, 60)
    assert [(each["payment"], each["amount"], each["received"]) for each in happened(world, "payment.received")] == [
        ("SK1", 1000, 1000)
    ]
    world.ledger.statuses[row.number] = Status(
        "C", True, payments=(paid, Payment("SK2", Money(5))), received=Money(1005), final=True
    )
    asked(world, 400)
    assert [each["amount"] for each in happened(world, "payment.received")] == [1000, 5]
    assert follow.shown(world.hub, row.id)["received"] == 1005  # type: ignore[index]
    assert asked(world, 1000) == 0, "final: it is not asked any more"


def test_where_only_a_sum_is_told_it_is_told_by_what_it_grew(world: Any) -> None:
    row = sent(world)
    for total in (300, 300, 1000, 900):
        world.ledger.statuses[row.number] = Status("C", True, received=Money(total))
        asked(world, 400)
    assert [each["amount"] for each in happened(world, "payment.received")] == [300, 700, -100]
    assert [each["payment"] for each in happened(world, "payment.received")] == ["total-300", "total-1000", "total-900"]


def test_gone_and_failed_are_told(world: Any) -> None:
    row = sent(world)
    world.ledger.statuses[row.number] = Status("A", problem="额度不足")
    asked(world, 10)
    world.ledger.statuses[row.number] = Status("deleted", gone=True)
    asked(world, 60)
    assert [len(happened(world, kind)) for kind in ("invoice.failed", "delivery.gone")] == [1, 1]
    assert asked(world, 1000) == 0


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (errors.Unavailable(), "active"),
        (errors.ReauthNeeded(), "needs_auth"),
        (errors.ConfigError(), "active"),
        (errors.ScopeMissing(), "active"),
    ],
)
def test_an_error_changes_nothing_that_is_known(world: Any, error: errors.ConnectorError, state: str) -> None:
    row = sent(world)
    world.ledger.statuses[row.number] = error
    asked(world, 20)
    (known,) = world.rows(DocumentStatus)
    assert known.error["type"] == type(error).__name__ and not known.approved and known.checked_at is None
    assert world.rows(Account, key="books-main")[0].state == state
    assert not happened(world, "delivery.gone")


def test_one_that_cannot_be_told_holds_up_no_other(world: Any) -> None:
    first, second = (world.deal(), world.deal())
    world.dispatch()
    world.deliver()
    bad = world.one(subject=first)
    world.ledger.statuses[bad.number] = errors.Rejected()
    asked(world, 10)
    assert [each["subject"] for each in happened(world, "delivery.approved")] == [second]


def test_a_limit_is_waited_out(world: Any) -> None:
    row = sent(world)
    world.ledger.statuses[row.number] = errors.Throttled(120)
    asked(world, 6)
    assert world.rows(DocumentStatus)[0].next_at - world.now() <= timedelta(seconds=120)


def test_a_push_makes_it_due_at_once(world: Any) -> None:
    row = sent(world)
    asked(world, 2000)
    with world.hub.db.write() as conn:
        ring(conn, world.books, [row.number, "unknown"], world.now())
    assert follow.due_accounts(world.hub) == [world.books]


def test_the_invoice_number_comes_back_to_the_crm(asking: Any) -> None:  # noqa: F811
    back = {"on": "invoice.issued", "source": "crm-*", "to": "@origin", "make": "write_back", "name": "number-back"}
    money = {"on": "payment.received", "source": "crm-*", "to": "@origin", "make": "payment", "name": "money-back"}
    asking.rules(RULE, back, money, invoicing=Invoicing(kind="digital_special", items=[SERVICES]))
    profile = asking.customer(asking.crm)[0]
    asking.request(deal=asking.deal(106, profile=profile), profile_ref=profile, **BUYER)
    asking.dispatch()
    asking.deliver()
    row = asking.one()
    paid = (Payment("SK1", Money(106), date(2026, 11, 21)),)
    asking.ledger.statuses[row.number] = Status("issued", True, (INVOICE,), paid, Money(106))
    asked(asking, 10)
    asked(asking, 60)
    asking.dispatch()
    asking.settle_all(2)
    number, payment = asking.one(kind="write_back"), asking.one(kind="payment")
    assert (number.number, number.state, payment.amount, payment.state) == (NUMBER, "sent", 106, "sent")
    told = from_json(number.document)
    assert (
        told.source["stream"] == "invoice" and told.source["deal"].startswith("contract/") and told.extra["invoice"] == NUMBER
    )
    assert from_json(payment.document).extra["payment"] == "SK1" and from_json(payment.document).date == date(2026, 11, 21)


# ---------------------------------------------------------------- reversal


def test_a_person_reverses_and_twice_makes_one(world: Any) -> None:
    row = sent(world)
    made = delivery.reverse(world.hub, row.id, by="cfo")
    assert delivery.reverse(world.hub, row.id, by="cfo") == made
    world.settle_all(2)
    back = world.one(id=made)
    document = from_json(back.document)
    assert back.state == "sent" and document.reverses == row.number and document.amount.minor == -row.amount
    assert sum(line.amount.minor for line in document.lines) == -row.amount and back.number != row.number
    assert ("cfo", "delivery.reverse", f"delivery:{row.id}") in world.audit()
    assert world.one(id=row.id).document == row.document, "the document itself is never edited"
    with pytest.raises(delivery.DeliveryFault):
        delivery.reverse(world.hub, made, by="cfo")


def test_a_rule_reverses_what_was_sent_and_nothing_else(world: Any) -> None:
    back = {"on": "deal.reversed", "source": "crm-*", "to": "books-main", "make": "receivable", "name": "back"}
    world.rules({"on": "deal.signed", "source": "crm-*", "to": "books-main", "make": "receivable", "name": "deals"}, back)
    gone, kept = world.deal(500), world.deal(700)
    world.dispatch()
    world.deliver()
    unsent = world.deal(900)
    for deal in (gone, unsent):
        world.reverse(deal)
    world.dispatch()
    world.settle_all(2)
    amounts = sorted((row.amount, row.state) for row in world.deliveries())
    assert amounts == [(-500, "sent"), (500, "sent"), (700, "sent"), (900, "cancelled")], amounts
    assert not any(row["needs_reversal"] for row in delivery.list_(world.hub)), "the rule has done what a person would"
    assert world.one(subject=kept).state == "sent"


def test_without_a_rule_a_person_is_asked(world: Any) -> None:
    row = sent(world)
    world.reverse(row.subject)
    world.dispatch()
    assert delivery.show(world.hub, row.id)["needs_reversal"]
    delivery.reverse(world.hub, row.id, by="cfo")
    assert not delivery.show(world.hub, row.id)["needs_reversal"]


def test_a_red_letter_needs_the_number_that_was_issued(asking: Any) -> None:  # noqa: F811
    profile = asking.customer(asking.crm)[0]
    asking.request(deal=asking.deal(106, profile=profile), profile_ref=profile, **BUYER)
    asking.dispatch()
    asking.deliver()
    row = asking.one()
    with pytest.raises(delivery.DeliveryFault):
        delivery.reverse(asking.hub, row.id, by="cfo", reason="wrong")
    asking.ledger.statuses[row.number] = Status("issued", True, (INVOICE,))
    asked(asking, 10)
    with pytest.raises(delivery.DeliveryFault):
        delivery.reverse(asking.hub, row.id, by="cfo", reason="because")
    made = from_json(asking.one(id=delivery.reverse(asking.hub, row.id, by="cfo", reason="wrong")).document)
    assert made.invoice is not None and made.invoice.red is not None
    assert (made.invoice.red.number, made.invoice.red.reason, made.invoice.net.minor, made.invoice.tax.minor) == (
        NUMBER,
        "wrong",
        -100,
        -6,
    )
