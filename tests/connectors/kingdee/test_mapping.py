"""Customers and materials are looked up by table, and a missing one stops the document; states come back."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from connectors import errors
from connectors.base import Money, Party
from connectors.contract.bench import Bench
from connectors.contract.delivering import sample_document
from connectors.contract.following import taken_back_sample
from connectors.registry import get

TAX_ID = "913100001234567883"


@pytest.fixture
def bench() -> Any:
    with Bench(get("kingdee")) as made:
        yield made


def document(bench: Bench, **party: str) -> Any:
    made = sample_document(bench, "receivable")
    return dataclasses.replace(made, party=dataclasses.replace(made.party, **party))


def lines(bench: Bench, number: str) -> list[str]:
    from connectors.kingdee.sim_forms import RECEIVABLE

    bill = bench.sim.books.by_number(RECEIVABLE, number)  # type: ignore[attr-defined]
    return [row["FMATERIALID"] for row in bill.lines["FEntityDetail"]]


def test_items_become_materials_by_the_table(bench: Bench) -> None:
    sink = bench.connector(changes={"materials": "SVC-01=SVC-002\nSVC-*=SVC-001"})
    sink.send(document(bench))
    assert lines(bench, "LS0000000001") == ["SVC-002", "SVC-001"]


def test_an_item_that_the_table_lacks_stops_before_anything_is_written(bench: Bench) -> None:
    sink = bench.connector(changes={"materials": "SVC-01=SVC-002"})
    with pytest.raises(errors.Rejected) as caught:
        sink.send(document(bench))
    assert caught.value.key == "kingdee.material_unmapped" and caught.value.params["item"] == "SVC-02"
    assert not [entry for entry in bench.sim.ledger if entry["kind"] == "receivable"]


def test_a_table_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="left=right"), Bench(get("kingdee")) as bench:
        bench.connector(changes={"materials": "SVC-01"})


def existing(bench: Bench, code: str, tax_id: str = TAX_ID) -> None:
    """A customer that finance has made itself."""
    party = Party(code, "老客户有限公司", tax_id=tax_id)
    bench.connector()._ensure_customer(party)


@pytest.mark.parametrize("changes", [{"match_tax_id": True}, {"customers": f"{TAX_ID}=OLD1"}, {"customers": "C000000001=OLD1"}])
def test_a_known_customer_is_used_and_found_again(bench: Bench, changes: dict[str, Any]) -> None:
    existing(bench, "OLD1")
    sink, made = bench.connector(changes=changes), document(bench, tax_id=TAX_ID)
    sent = sink.send(made)
    entry = next(entry for entry in bench.sim.ledger if entry["kind"] == "receivable")
    assert entry["party_code"] == "OLD1"
    found = bench.connector(changes=changes).find(made)
    assert found is not None and found.party_code == sent.party_code == made.party.code
    assert sum(entry["kind"] == "customer" for entry in bench.sim.ledger) == 1, "no second customer was made"
    other = bench.connector().find(made)
    assert other is not None and other.party_code == "OLD1", "without the table it is another customer, and that is seen"


def test_two_customers_with_one_tax_id_are_for_a_person(bench: Bench) -> None:
    existing(bench, "OLD1")
    existing(bench, "OLD2")
    with pytest.raises(errors.Rejected) as caught:
        bench.connector(changes={"match_tax_id": True}).send(document(bench, tax_id=TAX_ID))
    assert caught.value.key == "kingdee.customer_several"


@pytest.mark.parametrize("changes", [{"create_customers": False}, {"customers": "C000000001=NOBODY"}])
def test_a_missing_customer_is_a_clear_stop(bench: Bench, changes: dict[str, Any]) -> None:
    with pytest.raises(errors.Rejected) as caught:
        bench.connector(changes=changes).send(document(bench))
    assert caught.value.key == "kingdee.customer_unmapped" and not bench.sim.ledger


def test_what_finance_does_comes_back(bench: Bench) -> None:
    sink, made = bench.connector(), document(bench)
    receipt = sink.send(made)
    assert sink.status(made, receipt).received == Money(0)
    bench.sim.advance(made.number, "pay", 378_001)
    assert (status := sink.status(made, receipt)).received == Money(378_001) and status.approved and not status.final
    bench.sim.advance(made.number, "pay", 1_000_000)
    assert sink.status(made, receipt).final


def test_a_receivable_is_taken_back_by_a_red_one(bench: Bench) -> None:
    sink, made = bench.connector(), document(bench)
    sink.send(made)
    red = taken_back_sample(made)
    assert sink.send(red).amount == Money(-made.amount.minor)
    amounts = [entry["amount"] for entry in bench.sim.ledger if entry["kind"] == "receivable"]
    assert amounts == [made.amount.minor, -made.amount.minor] and bench.sim.ledger[-2]["state"] == "C"
