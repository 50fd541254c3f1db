"""Payments written back: once, to the fen, never more than the contract, never taken back by the hub."""

from __future__ import annotations

import dataclasses
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connectors import errors
from connectors.base import Document, Money, Party
from connectors.contract.bench import Bench
from connectors.registry import get
from connectors.wukong.sim_flow import REFUSED
from connectors.wukong.sim_store import CONTRACT, RECEIVABLES

PAY = "PM00000000000001"


@pytest.fixture
def bench() -> Any:
    with Bench(get("wukong")) as made:
        yield made


def contract(bench: Bench, money: str = "1060.00", status: int = 1) -> str:
    sim: Any = bench.sim
    return str(sim.add_contract(sim.add_customer("样例"), f"HT-{sim.store.number()}", money, "2026-03-01", status))


def payment(key: str, fen: int, number: str = PAY, **changes: Any) -> Document:
    return Document(
        kind="payment", number=number, date=date(2026, 3, 6), amount=Money(fen), party=Party("C1", "样例"),
        note=f"收款 {Money(fen)}", source={"stream": "deal", "key": key}, **changes,
    )  # fmt: skip


def row(bench: Bench, number: str = PAY) -> dict[str, Any]:
    rows = bench.sim.store.tables[RECEIVABLES].values()  # type: ignore[attr-defined]
    return next(row.detail for row in rows if row.detail["number"] == number)


def received(bench: Bench, key: str) -> Decimal:
    return bench.sim.row("deal", key).detail["receivedMoney"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("fen", [1, 10, 33_333, 105_999, 106_000])
def test_the_amount_arrives_to_the_fen(bench: Bench, fen: int) -> None:
    key = contract(bench)
    receipt = bench.sink().send(payment(key, fen))
    held = row(bench)
    assert (held["money"], receipt.amount) == (Decimal(fen) / 100, Money(fen))
    assert (held["returnTime"], held["returnType"], held["contractId"]) == ("2026-03-06", "网银转账", int(key))
    assert held["customerId"] == bench.sim.row("deal", key).detail["customerId"]  # type: ignore[attr-defined]


def test_amounts_leave_as_exact_numbers(bench: Bench) -> None:
    """No double comes near them, whatever their size."""
    key = contract(bench, "99999999999999.99")
    bench.sink().send(payment(key, 9_007_199_254_740_993))
    [call] = [call for call in bench.calls if call.path == "crmReceivables/add"]
    assert b'"money":90071992547409.93' in (call.body or b"")


def test_it_counts_once_an_administrator_has_approved(bench: Bench) -> None:
    key, sink = contract(bench), bench.sink()
    receipt = sink.send(payment(key, 50_000))
    assert (receipt.state, received(bench, key)) == ("in_review", Decimal("0.00"))
    assert not sink.status(payment(key, 50_000), receipt).approved
    bench.sim.advance(PAY, "approve")
    said = sink.status(payment(key, 50_000), receipt)
    assert said.approved and said.final and received(bench, key) == Decimal("500.00")


def test_without_a_flow_it_counts_at_once(bench: Bench) -> None:
    bench.sim.flow.states[RECEIVABLES] = "inactive"  # type: ignore[attr-defined]
    key = contract(bench)
    assert bench.sink().send(payment(key, 50_000)).state == "in_force" and received(bench, key) == Decimal("500.00")


def test_a_refusal_is_told_and_a_deletion_is_gone(bench: Bench) -> None:
    key, sink = contract(bench), bench.sink()
    receipt = sink.send(payment(key, 50_000))
    number = next(one.id for one in bench.sim.store.tables[RECEIVABLES].values())  # type: ignore[attr-defined]
    bench.sim.flow.decide(RECEIVABLES, number, REFUSED)  # type: ignore[attr-defined]
    said = sink.status(payment(key, 50_000), receipt)
    assert said.state == "refused" and said.problem and not said.final
    bench.sim.advance(PAY, "remove")
    assert sink.status(payment(key, 50_000), receipt).gone


def test_the_same_payment_is_there_once_and_another_beside_it(bench: Bench) -> None:
    key, sink = contract(bench), bench.sink()
    for _ in range(2):
        sink.send(payment(key, 50_000))
    sink.send(payment(key, 56_000, "PM00000000000002"))
    assert [entry["amount"] for entry in bench.sim.ledger] == [50_000, 56_000]


@pytest.mark.parametrize("status", [1, 3, 10])
def test_more_than_the_contract_is_for_a_person(bench: Bench, status: int) -> None:
    """Somebody has entered the money by hand, in force or in review: it is not entered twice."""
    key, sim = contract(bench), bench.sim
    sim.store.insert(  # type: ignore[attr-defined]
        RECEIVABLES, {"number": "HK-1", "contractId": int(key), "money": Decimal("560.01"), "checkStatus": status}, {}
    )
    with pytest.raises(errors.Rejected) as caught:
        bench.sink().send(payment(key, 50_000))
    assert caught.value.key == "wukong.payment_over" and caught.value.params["there"] == "560.01" and not sim.ledger
    bench.sink().send(payment(key, 49_999))


def test_what_was_refused_or_deleted_does_not_count(bench: Bench) -> None:
    key, sim = contract(bench), bench.sim
    for number, status in (("HK-1", 2), ("HK-2", 4), ("HK-3", 7)):
        sim.store.insert(  # type: ignore[attr-defined]
            RECEIVABLES, {"number": number, "contractId": int(key), "money": Decimal("1060.00"), "checkStatus": status}, {}
        )
    bench.sink().send(payment(key, 106_000))
    assert len(sim.ledger) == 1


@pytest.mark.parametrize("amount", [Money(-100), Money(0), Money(100, "USD")])
def test_what_finance_takes_back_is_for_a_person(bench: Bench, amount: Money) -> None:
    document = dataclasses.replace(payment(contract(bench), 1), amount=amount)
    with pytest.raises(errors.Rejected) as caught:
        bench.sink().send(document)
    assert caught.value.key == "wukong.payment_back" and not bench.sim.ledger


@pytest.mark.parametrize("status", [3, 8])
def test_a_contract_that_is_not_in_force_takes_none(bench: Bench, status: int) -> None:
    key = contract(bench)
    bench.sim.store.change(CONTRACT, bench.sim.row("deal", key), {"checkStatus": status}, moved=False)  # type: ignore[attr-defined]
    with pytest.raises(errors.Rejected) as caught:
        bench.sink().send(payment(key, 100))
    assert caught.value.key == "wukong.payment_contract"


def test_a_number_taken_at_another_contract_is_a_duplicate(bench: Bench) -> None:
    first, second = contract(bench), contract(bench)
    bench.sink().send(payment(first, 100))
    with pytest.raises(errors.Duplicate):
        bench.sink().send(payment(second, 100))
    assert len(bench.sim.ledger) == 1


def test_the_payment_of_an_invoice_goes_to_its_contract(bench: Bench) -> None:
    key = contract(bench)
    bench.sink().send(dataclasses.replace(payment(key, 100), source={"stream": "invoice", "key": "9", "deal": key}))
    assert row(bench)["contractId"] == int(key)


def test_a_list_of_more_than_a_page_is_read_to_its_end(bench: Bench) -> None:
    key = contract(bench, "100000.00")
    for number in range(150):
        bench.sim.store.insert(  # type: ignore[attr-defined]
            RECEIVABLES, {"number": f"HK-{number}", "contractId": int(key), "money": Decimal("1.00"), "checkStatus": 1}, {}
        )
    sink = bench.sink()
    sink.send(payment(key, 100))
    assert sink.find(payment(key, 100)) is not None


def test_a_payment_without_a_contract_has_nowhere_to_go(bench: Bench) -> None:
    document = dataclasses.replace(payment("1", 1), source={})
    assert bench.sink().find(document) is None
    with pytest.raises(errors.Rejected) as caught:
        bench.sink().send(document)
    assert caught.value.key == "wukong.nothing_to_write_to"
