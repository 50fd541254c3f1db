"""A contract of the CRM, a receivable in finance, money received in parts: back to the CRM, once each, whatever breaks."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.hub.events.house import House


def test_money_received_in_parts_comes_back_to_the_fen(house: House) -> None:
    house.round()
    assert house.receipts() == []
    house.k3.advance(house.billed(), "pay", 500_001)
    house.round()
    house.k3.advance(house.billed(), "pay", 878_000)
    house.round()
    numbers, amounts = zip(*house.receipts(), strict=True)
    assert amounts == (Decimal("5000.01"), Decimal("8780.00")) and len(set(numbers)) == 2
    for number in numbers:
        house.crm.advance(number, "approve")
    assert house.crm.row("deal", house.contract).detail["receivedMoney"] == Decimal("13780.01")
    house.round()
    assert len(house.receipts()) == 2, "asked again, nothing is written again"


@pytest.mark.parametrize("fault", ["cut_before", "cut_after"])
def test_a_receipt_is_there_once_in_spite_of_a_broken_write(house: House, fault: str) -> None:
    house.round()
    house.k3.advance(house.billed(), "pay", 500_001)
    getattr(house.crm.faults, fault).update({"crmReceivables/add": 1})
    house.round()
    assert [amount for _, amount in house.receipts()] == [Decimal("5000.01")]
    assert ("payment", "sent") in house.states()


def test_what_finance_takes_back_waits_for_a_person(house: House) -> None:
    house.round()
    house.k3.advance(house.billed(), "pay", 500_001)
    house.round()
    house.k3.advance(house.billed(), "pay", -500_001)
    house.round()
    assert [amount for _, amount in house.receipts()] == [Decimal("5000.01")]
    assert sorted(state for kind, state in house.states() if kind == "payment") == ["rejected", "sent"]
