"""The sheet: every deal, order and refund against what is booked of it; the sums add up and every difference has a cause."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hub.events import delivery, settle
from hub.events.sheet import Line, sheet
from hub.events.sheet_file import _texts, meaning, told, written
from hub.models import Deal, Event, Order
from hub.models.base import table

DEALS = {"name": "deals", "on": "deal.signed", "source": "crm-*", "to": "books-main", "make": "receivable"}
DAILY = {"name": "daily", "on": "order.paid", "source": "shop-*", "to": "books-main", "make": "settlement", "per": "day"}
BACK = {"name": "back", "on": "delivery.sent", "source": "crm-*", "to": "@origin", "make": "write_back"}
INVOICE = {"name": "invoices", "on": "invoice.requested", "source": "crm-*", "to": "books-main", "make": "receivable"}
DAY = datetime(2026, 11, 20, 4, tzinfo=UTC)


def made(world: Any, **options: Any) -> tuple[dict[str, Any], dict[str, Line]]:
    """The sheet, and its lines by ref."""
    lines: list[Line] = []
    found = sheet(world.hub, each=lines.append, **options)
    assert len(lines) == found["lines"]
    assert sum(row["amount"] - row["booked"] for row in found["rows"]) == sum(line.amount - line.booked for line in lines)
    for row in found["rows"]:
        assert row["amount"] - row["booked"] == sum(cause["amount"] for cause in row["causes"].values()), (
            "each cent has a cause"
        )
    return found, {line.ref: line for line in lines}


def delivered(world: Any) -> None:
    world.dispatch()
    settle.close_days(world.hub)
    for _ in range(2):
        world.deliver()
        world.dispatch()


def test_all_is_booked(world: Any) -> None:
    world.rules(DEALS, DAILY, BACK)
    world.order(700, DAY)
    world.refund(50, DAY)
    world.order(0, DAY)
    world.deal(1_000)
    delivered(world)
    found, lines = made(world)
    assert (found["lines"], found["differences"], found["unexplained"]) == (3, 0, 0), "what is over nothing has no line"
    sums = {(row["kind"], row["source"]): (row["count"], row["amount"], row["booked"]) for row in found["rows"]}
    assert sums == {
        ("deal", "crm-main"): (1, 1_000, 1_000),
        ("order", "shop-tm"): (1, 700, 700),
        ("refund", "shop-tm"): (1, -50, -50),
    }
    assert found["documents"] == [{"account": "books-main", "currency": "CNY", "count": 2, "amount": 1_650, "booked": 1_650}]
    assert {line.document[:2] for line in lines.values()} == {"AR", "ST"}
    assert sheet(world.hub, "crm-main")["documents"][0]["amount"] == 1_000
    assert sheet(world.hub, look=True)["finance"]["totals"]["CNY"]["found"] == 1_650


def test_each_difference_has_its_cause(world: Any) -> None:
    world.rules(DEALS, DAILY)
    fine, moved, void, gone = (world.deal(amount) for amount in (1, 20, 300, 4_000))
    booked, grown = world.order(50, DAY), world.order(60, DAY)
    delivered(world)
    world.change(Deal, "ref", moved, amount=25)
    world.change(Order, "ref", grown, paid=66)
    world.reverse(void)
    del world.ledger.entries[next(row.number for row in world.deliveries(subject=gone))]
    world.ledger.expect("send", "rejected")
    refused, held, today, waiting = world.deal(7), world.deal(8), world.order(9), world.deal(11)
    world.dispatch()
    delivery.cancel(world.hub, world.one(subject=held).id, by="chen", reason="twice")
    lost = world.deal(12)
    with world.hub.db.write() as conn:
        conn.execute(table(Event).delete().where(table(Event).c.subject == lost))
    found, lines = made(world, look=True)
    causes = {ref: lines[ref].cause for ref in lines}
    assert causes == {
        fine: "", moved: "changed_at_source", void: "needs_reversal", gone: "gone_at_destination", booked: "",
        grown: "changed_at_source", refused: "waiting", held: "cancelled", today: "day_open", waiting: "waiting",
        lost: "no_event",
    }  # fmt: skip
    assert (lines[void].amount, lines[void].booked) == (0, 300)
    assert found["unexplained"] == 1
    world.deliver()
    assert {made(world)[1][ref].cause for ref in (refused, waiting)} == {"", "error.rejected"}


def test_a_rule_that_came_late_or_is_gone(world: Any) -> None:
    world.rules(DAILY)
    deal, order = world.deal(5), world.order(70, DAY)
    delivered(world)
    assert made(world)[1][deal].cause == "no_rule"
    world.rules(DEALS, DAILY | {"not_before": "2026-12-01"})
    later = world.order(80, DAY)
    world.dispatch()
    causes = {ref: line.cause for ref, line in made(world)[1].items()}
    assert causes == {deal: "never_made", order: "", later: "before_rule"}
    world.rules(DEALS)
    found, _ = made(world)
    assert found["unexplained"] == 0, "what a former rule booked is explained"
    (row,) = (row for row in found["rows"] if row["rule"] == "daily")
    assert (row["amount"], row["booked"], list(row["causes"])) == (0, 70, ["rule_gone"])


def test_what_a_person_reversed(world: Any) -> None:
    world.rules(DEALS, DAILY)
    deal, order = world.deal(500), world.order(70, DAY)
    delivered(world)
    for row in world.deliveries(state="sent"):
        delivery.reverse(world.hub, row.id, by="chen")
    world.settle_all(3)
    found, lines = made(world)
    assert (lines[order].cause, lines[order].booked) == ("reversed_by_hand", 0)
    assert (lines[deal].cause, lines[deal].booked) == ("changed_at_source", 0), "the deal stands, its document is taken back"
    assert found["unexplained"] == 0 and found["documents"][0]["amount"] == 0


def test_invoices_are_no_second_booking(world: Any) -> None:
    world.rules(DEALS, INVOICE)
    deal = world.deal(500)
    world.request(deal=deal, amount=500)
    delivered(world)
    found, _ = made(world)
    assert found["unexplained"] == 0
    assert [row["booked"] for row in found["rows"]] == [500]


def test_the_file_and_the_words(world: Any, tmp_path: Path) -> None:
    world.rules(DEALS)
    world.deal(123_456, number="=HT-1")
    world.deal(100)
    world.dispatch()
    world.deliver()
    world.order(50)
    with written(tmp_path / "sheet.csv", "zh") as each:
        found = sheet(world.hub, each=each)
    assert (tmp_path / "sheet.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    with (tmp_path / "sheet.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["编号"] == "'=HT-1" and rows[0]["应记"] == rows[0]["已记"] == "1234.56" and rows[0]["原因"] == ""
    assert rows[2]["类别"] == "订单" and rows[2]["差额"] == "0.50" and rows[2]["原因"] == meaning("no_rule", "zh")
    assert "1235.56" in told(found, "zh") and "✓" in told(found, "en")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_cause_is_a_word(language: str) -> None:
    for group in _texts().values():
        assert all(words[language].strip() for words in group.values())
    assert meaning("delivery.conflict", language) != "delivery.conflict", "an error's key has the error's text"
