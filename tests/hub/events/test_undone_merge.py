"""From the CRM to Kingdee and back out: two people of one name are merged by mistake, one's bill goes to the other, and
the undo of the merge finds it."""

from __future__ import annotations

from datetime import timedelta

from hub.events import delivery
from hub.events.reconcile import reconcile
from hub.identity.desk import service
from hub.jobs import work
from tests.hub.events.house import House


def owing(house: House) -> dict[str, int]:
    """Party -> what the bills of the ledger come to, in fen."""
    found: dict[str, int] = {}
    for entry in house.k3.ledger:
        if entry["kind"] != "customer":
            found[entry["party_code"]] = found.get(entry["party_code"], 0) + entry["amount"]
    return {party: amount for party, amount in found.items() if amount}


def look(house: House) -> None:
    house.at += timedelta(minutes=10)
    work.run(house.hub, "invoices", "all")


def test_the_bill_goes_back_to_whom_it_belongs_to(house: House) -> None:
    one, two = (
        house.crm.add_customer("张伟", mobile=phone, at=house.at - timedelta(hours=1))
        for phone in ("13800000002", "13900000003")
    )
    look(house)
    house.round()
    first, second = (row["id"] for row in service.find(house.hub, "张伟"))
    kept = service.merge(house.hub, first, second, by="li")
    for customer, number in ((one, "HT-1"), (two, "HT-2")):
        house.crm.add_contract(customer, number, "100.00", "2026-11-01", 1, at=house.at - timedelta(minutes=9))
    house.round()
    assert sorted(owing(house).values()) == [20_000, 1_378_001], "both bills stand under one of them"
    merge = next(entry["id"] for entry in service.show(house.hub, kept)["ledger"] if entry["kind"] == "merge")  # type: ignore[index]
    service.undo(house.hub, merge, by="li")
    look(house)
    (asked,) = (row for row in delivery.list_(house.hub) if row["needs_amendment"])
    assert reconcile(house.hub)["causes"] == {"needs_amendment": 1}
    delivery.amend(house.hub, asked["id"], by="li")
    house.round()
    assert sorted(owing(house).values()) == [10_000, 10_000, 1_378_001]
    assert reconcile(house.hub)["differences"] == [] and not any(row["needs_amendment"] for row in delivery.list_(house.hub))
