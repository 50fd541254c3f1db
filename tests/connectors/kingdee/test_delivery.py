"""Documents end up at the destination exactly once and complete, whatever breaks on the way."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace

import pytest
import requests

from connectors import errors
from connectors.base import Money, Receipt
from connectors.kingdee.sim_books import Refused, form_of

KINDS = ("receivable", "sales_order", "settlement")


def known_customer(connect, document) -> None:
    """A first document, so that the customer is there and the next send's first write is the document's own."""
    connect().send(document("receivable", "FIRST"))


@pytest.mark.parametrize("kind", KINDS)
def test_the_good_way(sim, connect, document, entries, kind: str) -> None:
    sink = connect()
    sample = document(kind, "LS0000000001", 1_060_000, 318_001)
    assert sink.find(sample) is None
    sent = sink.send(sample)
    assert sent == Receipt("LS0000000001", sent.platform_id, "C", True, Money(1_378_001), "C000000001")
    assert sink.find(sample) == sent
    (entry,) = entries("LS0000000001")
    assert entry == {
        "kind": kind, "number": "LS0000000001", "creates": 1, "refused_duplicates": 0, "steps": ["Save", "Submit", "Audit"],
        "state": "C", "amount": 1_378_001, "party_code": "C000000001",
    }  # fmt: skip
    assert [entry["state"] for entry in sim.ledger if entry["kind"] == "customer"] == ["C"]
    assert sim.violations == []


@pytest.mark.parametrize(("finish", "state", "steps"), [("save", "A", 1), ("submit", "B", 2), ("audit", "C", 3)])
def test_how_far_a_document_goes(connect, document, entries, finish: str, state: str, steps: int) -> None:
    sink = connect(finish=finish)
    receipt = sink.send(document())
    assert (receipt.state, receipt.complete) == (state, True)
    assert sink.find(document()) == receipt and sink.finish(document(), receipt) == receipt
    assert len(entries("ARTEST0001")[0]["steps"]) == steps


def test_a_day_of_more_refunds_than_payments(connect, document, entries) -> None:
    sample = document("settlement", "ST1", 20_000, -50_000, rate="6")
    assert connect().send(sample).amount == Money(-30_000)
    assert (entries("ST1")[0]["kind"], entries("ST1")[0]["amount"], entries("ST1")[0]["state"]) == ("settlement", -30_000, "C")


def test_a_bill_of_many_lines_is_one_document(connect, document) -> None:
    sink = connect()
    sink.send(document("receivable", "MANY", *range(1, 40)))
    assert sink.find(document("receivable", "MANY", 1)).amount == Money(780)


def test_a_taken_number_is_a_duplicate_and_what_is_there_is_shown(connect, document, entries) -> None:
    sink = connect()
    sink.send(document())
    with pytest.raises(errors.Duplicate) as refused:
        sink.send(document())
    assert (refused.value.key, refused.value.code) == ("kingdee.duplicate", "11/duplicate")
    other = document("receivable", "ARTEST0001", 999, code="C000000002")
    assert (sink.find(other).amount, sink.find(other).party_code) == (Money(1_130_000), "C000000001")
    (entry,) = entries("ARTEST0001")
    assert (entry["creates"], entry["refused_duplicates"]) == (2, 1)


def test_a_conflict_is_never_audited(sim, connect, document, entries) -> None:
    saved = connect(finish="save").send(document("receivable", "ARTEST0001", 500))
    for other in (document(), document("receivable", "ARTEST0001", 500, code="C000000002")):
        with pytest.raises(errors.Rejected) as refused:
            connect().finish(other, saved)
        assert refused.value.key == "kingdee.conflict" and refused.value.params["number"] == "ARTEST0001"
    assert entries("ARTEST0001")[0]["steps"] == ["Save"]


@pytest.mark.parametrize("service", ["Save", "Submit", "Audit"])
@pytest.mark.parametrize(
    "fault", ["cut_before", "cut_after", "502", "after:502", "html", "after:html", "after:response_error", "after:msg:4"]
)
@pytest.mark.parametrize("kind", ["receivable", "sales_order"])
def test_a_broken_step_is_in_doubt_and_then_completed(sim, connect, document, entries, kind, fault, service) -> None:
    known_customer(connect, document)
    sample = document(kind, "LS1")
    if fault.startswith("cut"):
        setattr(sim.faults, fault, Counter({f".{service}.": 1}))
    elif fault == "502":
        sim.faults.error[f".{service}."] = [502]
    else:
        sim.answers[service] = [fault]
    with pytest.raises(errors.InDoubt) as doubt:
        connect().send(sample)
    assert service == "Save" or doubt.value.params["number"] == "LS1"
    sink = connect()
    found = sink.find(sample)
    written = service != "Save" or fault == "cut_after" or fault.startswith("after")
    assert (found is not None) == written
    receipt = sink.finish(sample, found) if found else sink.send(sample)
    assert (receipt.state, receipt.complete) == ("C", True)
    (entry,) = entries("LS1")
    assert (entry["creates"], entry["steps"]) == (1, ["Save", "Submit", "Audit"])
    assert sim.violations == []


@pytest.mark.parametrize("service", ["Save", "Submit", "Audit"])
@pytest.mark.parametrize("fault", ["cut_before", "cut_after"])
def test_a_broken_step_of_the_customer_leaves_no_document(sim, connect, document, entries, fault: str, service: str) -> None:
    setattr(sim.faults, fault, Counter({f".{service}.": 1}))
    with pytest.raises(errors.InDoubt):
        connect().send(document())
    assert connect().find(document()) is None and not entries()
    assert connect().send(document()).complete
    customers = [entry for entry in sim.ledger if entry["kind"] == "customer"]
    assert len(customers) == 1 and customers[0]["steps"] == ["Save", "Submit", "Audit"]


def test_what_passes_by_after_the_save_is_in_doubt(sim, connect, document) -> None:
    known_customer(connect, document)
    for number, (service, odd) in enumerate([("Submit", "msg:13"), ("Audit", "msg:14"), ("ExecuteBillQuery", "msg:14")]):
        sample = document("receivable", f"LS{number}")
        sim.answers[service] = [odd] if service != "ExecuteBillQuery" else ["206", odd]  # the customer's query passes
        with pytest.raises(errors.InDoubt) as doubt:
            connect().send(sample)
        assert doubt.value.key == "kingdee.saved_unfinished" and doubt.value.params["number"] == f"LS{number}"
        assert connect().finish(sample, connect().find(sample)).complete


def test_a_stop_after_the_save_is_in_doubt(sim, connect, document) -> None:
    known_customer(connect, document)
    sink = connect()
    sink.http.runtime.stopped = lambda: sim.calls[SAVE] > 2
    with pytest.raises(errors.InDoubt) as doubt:
        sink.send(document())
    assert doubt.value.params == {"number": "ARTEST0001", "reason": "stopped"}
    assert connect().find(document()).state == "A"


SAVE = "/k3cloud/Kingdee.BOS.WebApi.ServicesStub.DynamicFormService.Save.common.kdsvc"


@pytest.mark.parametrize(("service", "state"), [("Submit", "A"), ("Audit", "B")])
def test_a_refused_step_says_where_the_document_stands(sim, connect, document, service: str, state: str) -> None:
    known_customer(connect, document)
    sim.books.refuse["AR_receivable", service] = "信用额度不足"
    with pytest.raises(errors.Rejected) as refused:
        connect().send(document())
    told = refused.value
    assert told.key == "kingdee.step_refused"
    assert (told.params["number"], told.params["state"], told.params["step"]) == ("ARTEST0001", state, service)
    assert "信用额度不足" in told.params["message"]
    found = connect().find(document())
    assert (found.state, found.complete) == (state, False)
    sim.books.refuse.clear()
    assert connect().finish(document(), found).complete


def test_a_refused_save_leaves_nothing(sim, connect, document, entries) -> None:
    sim.books.closed_until = "2026-11-30"
    with pytest.raises(errors.Rejected) as refused:
        connect().send(document())
    assert (refused.value.key, refused.value.params["form"]) == ("kingdee.refused", "AR_receivable")
    assert not entries()
    with pytest.raises(errors.Rejected, match="SVC-999"):
        connect(material_code="SVC-999").send(document("sales_order", "SO9"))


def test_steps_that_somebody_else_took_are_not_an_error(sim, connect, document, entries) -> None:
    saved = connect(finish="save").send(document())
    bill = sim.books.by_number(form_of("AR_receivable"), "ARTEST0001")
    seen = sim.services.books.move

    def move(target, operation: str) -> None:
        if operation == "Submit" and target.state == "A":
            seen(target, "Submit")  # the other one is a moment earlier
        seen(target, operation)

    sim.books.move = move
    assert connect().finish(document(), saved).state == "C"
    assert bill.state == "C" and entries("ARTEST0001")[0]["steps"] == ["Save", "Submit", "Audit"]


def test_an_unaudited_document_is_submitted_again(sim, connect, document, entries) -> None:
    sink = connect()
    receipt = sink.send(document())
    sim.books.move(sim.books.by_number(form_of("AR_receivable"), "ARTEST0001"), "UnAudit")
    found = sink.find(document())
    assert (found.state, found.complete) == ("D", False)
    assert sink.finish(document(), receipt).complete
    assert entries("ARTEST0001")[0]["steps"] == ["Save", "Submit", "Audit", "UnAudit", "Submit", "Audit"]


def test_drafts_and_cancelled_documents_are_left_to_people(sim, connect, document) -> None:
    sink = connect(finish="save")
    receipt = sink.send(document())
    bill = sim.books.by_number(form_of("AR_receivable"), "ARTEST0001")
    for change, state in (
        (lambda: setattr(bill, "state", "Z"), "Z"),
        (lambda: bill.values.update(FCancelStatus="B"), "cancelled"),
    ):
        change()
        assert (sink.find(document()).state, sink.find(document()).complete) == (state, False)
        with pytest.raises(errors.Rejected, match=r"kingdee\.not_open"):
            sink.finish(document(), receipt)
    sim.books.bills["AR_receivable"].clear(), sim.books.numbers.pop(("AR_receivable", "ARTEST0001"))
    with pytest.raises(errors.Rejected, match=r"kingdee\.vanished"):
        sink.finish(document(), receipt)


def test_a_number_that_kingdee_replaced_is_told_and_not_carried_on(sim, connect, document, entries) -> None:
    sim.books.manual_numbers = False
    with pytest.raises(errors.Rejected) as refused:
        connect().send(document())
    assert refused.value.key == "kingdee.number_replaced" and refused.value.params["platform_number"] == "AR00000001"
    assert entries()[0]["state"] == "A"


def test_a_customer_that_is_there_is_adopted(sim, connect, document) -> None:
    party = document().party
    sim.books.save(form_of("BD_Customer"), {"Model": _customer(party.code)})  # state A: another run was cut here
    assert connect().send(document()).complete
    customers = [entry for entry in sim.ledger if entry["kind"] == "customer"]
    assert len(customers) == 1 and customers[0]["creates"] == 1


def test_a_customer_made_by_two_at_once_is_one(sim, connect, document) -> None:
    documents = [document("receivable", f"LS{number}") for number in range(6)]
    sinks = [connect() for _ in documents]
    done: list[Receipt] = []
    threads = [threading.Thread(target=lambda s=s, d=d: done.append(s.send(d))) for s, d in zip(sinks, documents, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert sorted(receipt.number for receipt in done) == [f"LS{number}" for number in range(6)]
    assert all(receipt.complete for receipt in done)
    assert len([entry for entry in sim.ledger if entry["kind"] == "customer"]) == 1


def test_a_customer_of_another_organisation_or_forbidden(sim, connect, document, entries) -> None:
    other = {**_customer("C000000001"), "FCreateOrgId": {"FNumber": "200"}, "FUseOrgId": {"FNumber": "200"}}
    customer = sim.books.save(form_of("BD_Customer"), {"Model": other})
    with pytest.raises(errors.Rejected, match=r"kingdee\.customer_elsewhere"):
        connect().send(document())
    customer.values.update(FUseOrgId="100", FForbidStatus="B")
    with pytest.raises(errors.Rejected, match=r"kingdee\.customer_forbidden"):
        connect().send(document())
    assert not entries()


def test_a_saved_document_that_cannot_be_seen_is_in_doubt(sim, connect, document) -> None:
    known_customer(connect, document)
    rows = sim.services.query.rows
    sim.services.query.rows = lambda data: [] if data["FormId"] == "AR_receivable" else rows(data)
    with pytest.raises(errors.InDoubt, match=r"kingdee\.unseen"):
        connect().send(document())
    sim.services.query.rows = rows
    assert connect().finish(document(), connect().find(document())).complete


def test_steps_end_when_the_document_is_gone_or_never_settles(sim, connect, document) -> None:
    saved = connect(finish="save").send(document())
    form = form_of("AR_receivable")

    def restless(bill, operation: str) -> None:
        bill.state = "D" if bill.state == "A" else "A"
        raise Refused(12, "状态已变")

    def gone(bill, operation: str) -> None:
        sim.books._forget(bill)
        raise Refused(12, "已删除")

    sim.books.move = restless
    with pytest.raises(errors.Rejected, match=r"kingdee\.step_refused"):
        connect().finish(document(), saved)
    assert sum(count for path, count in sim.calls.items() if ".Submit." in path) == 1 + 6  # the customer's, and no more
    sim.books.by_number(form, "ARTEST0001").state = "A"
    sim.books.move = gone
    with pytest.raises(errors.Rejected, match=r"kingdee\.vanished"):
        connect().finish(document(), saved)


def test_two_bills_of_one_number_are_for_people(sim, connect, document) -> None:
    sink = connect(finish="save")
    sink.send(document())
    bill = sim.books.by_number(form_of("AR_receivable"), "ARTEST0001")
    sim.books.bills["AR_receivable"][7] = replace(bill, id=7)
    sim.services.query._candidates = lambda form, parser: sim.books.all(form)
    with pytest.raises(errors.Rejected, match=r"kingdee\.ambiguous"):
        sink.find(document())


def test_the_ledger_can_be_read_from_outside(url, connect, document) -> None:
    connect().send(document())
    told = requests.get(f"{url}/_ledger", timeout=5).json()
    assert [entry["number"] for entry in told["ledger"]] == ["C000000001", "ARTEST0001"]
    assert told["violations"] == []


def _customer(code: str) -> dict[str, object]:
    number = {"FNumber": "100"}
    return {
        "FCreateOrgId": number,
        "FUseOrgId": number,
        "FNumber": code,
        "FName": "某某公司",
        "FTRADINGCURRID": {"FNumber": "PRE001"},
    }
