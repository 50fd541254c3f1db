"""Invoice requests: approved ones are asked for, issued ones are not; a number is never written over another."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from connectors import errors
from connectors.contract.bench import Bench
from connectors.contract.delivering import sample_document
from connectors.registry import get


@pytest.fixture
def bench() -> Any:
    with Bench(get("wukong")) as made:
        yield made


def canonical(bench: Bench, key: str) -> dict[str, Any]:
    record = bench.source().fetch_one("invoice", key)
    assert record is not None
    return dict(bench.mapping("invoice").apply(record).records[0]["fields"])


@pytest.mark.parametrize(
    ("status", "state"),
    [(0, "in_review"), (1, "requested"), (2, "refused"), (3, "in_review"), (4, "withdrawn"), (5, "draft"), (10, "requested")],
)
def test_only_an_approved_one_is_asked_for(bench: Bench, status: int, state: str) -> None:
    sim: Any = bench.sim
    contract = sim.add_contract(sim.add_customer("样例"), "HT-1", "1060", "2026-03-01", 1)
    fields = canonical(bench, str(sim.add_invoice(contract, "KP-1", "1060.00", status)))
    assert (fields["state"], fields["amount"], fields["deal"]) == (state, 106_000, str(contract))
    assert (fields["invoice_kind"], fields["buyer_kind"], fields["buyer_tax_id"]) == (
        "digital_special",
        "company",
        "92330106MABCDEF103",
    )


def test_what_was_issued_by_hand_is_not_asked_for_again(bench: Bench) -> None:
    sim: Any = bench.sim
    contract = sim.add_contract(sim.add_customer("样例"), "HT-1", "1060", "2026-03-01", 1)
    key = str(
        sim.add_invoice(contract, "KP-1", "1060.00", 1, invoiceStatus=1, invoiceNumber="263", realInvoiceDate="2026-03-02")
    )
    fields = canonical(bench, key)
    assert (fields["state"], fields["issued_number"]) == ("issued", "263")


@pytest.mark.parametrize("change", [{"invoiceNumber": "999"}, {"checkStatus": 3}])
def test_a_number_is_never_written_over_another_or_before_approval(bench: Bench, change: dict[str, Any]) -> None:
    document = sample_document(bench, "invoice_number")
    sim: Any = bench.sim
    sim.store.change(18, sim.row("invoice", document.source["key"]), change, moved=True)
    with pytest.raises(errors.Rejected) as caught:
        bench.sink().send(document)
    assert caught.value.key == "wukong.invoice_closed" and not bench.sim.ledger


def test_the_number_of_the_invoice_is_written_not_ours(bench: Bench) -> None:
    document = dataclasses.replace(sample_document(bench, "invoice_number"), extra={"invoice": "26312000000000000001"})
    bench.sink().send(document)
    sim: Any = bench.sim
    row = sim.row("invoice", document.source["key"]).detail
    assert (row["invoiceNumber"], row["realInvoiceDate"], row["invoiceStatus"]) == ("26312000000000000001", "2026-11-02", 1)
    assert bench.sink().find(document) is not None


def test_the_number_can_go_to_the_customer_of_an_invoice_too(bench: Bench) -> None:
    source = sample_document(bench, "invoice_number").source
    document = dataclasses.replace(sample_document(bench, "write_back", 7), source=source)
    bench.sink().send(document)
    assert bench.sim.ledger[-1]["kind"] == "write_back" and bench.sink().find(document) is not None
