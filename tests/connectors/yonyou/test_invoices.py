"""Invoice applications, and what comes back of documents. Traps of the fact sheets: 4.2, 9.13; einvoice sections 5 and 6."""

from __future__ import annotations

import dataclasses
from datetime import date
from decimal import Decimal

import pytest

from connectors import errors
from connectors.base import Document, InvoiceRequest, Money, Party, Receipt
from connectors.invoices import InvoiceLine, IssuedInvoice, RedLetter
from connectors.yonyou import invoices

TAX_CODE = "3049900000000000000"


def line(amount: int, net: int, rate: str = "13", **more: str) -> InvoiceLine:
    return InvoiceLine("技术服务", Money(amount), Money(net), Money(amount - net), rate, TAX_CODE, **more)


def document(number: str = "IV1", *lines: InvoiceLine, kind: str = "digital_special", **more) -> Document:
    lines = lines or (line(1_130_000, 1_000_000), line(10_000, 8850))
    buyer = {"buyer_title": "杭州云杉软件有限公司", "buyer_tax_id": "92330106MABCDEF103"}
    request = InvoiceRequest(kind=kind, lines=lines, **{**buyer, **more})
    return Document("invoice", number, date(2026, 11, 2), request.amount, Party("C1", "云杉"), invoice=request,
                    source={"number": "HT-7"})  # fmt: skip


def body(wanted: Document) -> dict:
    assert wanted.invoice is not None
    return invoices.application("KP001", wanted, wanted.invoice)


def test_an_application(sim) -> None:
    sent = body(document(email="a@b.cn", buyer_address="文三路1号", buyer_phone="0571"))
    assert (sent["djqqlsh"], sent["orgCode"], sent["fplx"], sent["lylx"], sent["lydjh"]) == ("IV1", "KP001", "31", "2", "HT-7")
    assert sent["autoMake"] == "false"  # anything else issues a real invoice
    assert (sent["gmfDz"], sent["gmfDh"], sent["revemail"]) == ("文三路1号", "0571", "a@b.cn")
    first = sent["invoiceWillBs"][0]
    assert first["sl"] == Decimal("0.13")  # a fraction here, percent on a receivable
    assert (first["xmjshj"], first["xmje"], first["se"]) == (Decimal("11300.00"), Decimal("10000.00"), Decimal("1300.00"))
    assert "data" not in sent and "xmdj" not in first


@pytest.mark.parametrize(
    ("kind", "code"),
    [("electronic_general", "1"), ("electronic_special", "2"), ("paper_general", "3"), ("paper_special", "4"),
     ("digital_special", "31"), ("digital_general", "32")],
)  # fmt: skip
def test_kinds(kind: str, code: str) -> None:
    sent = body(document(kind=kind, buyer_address="文三路", buyer_phone="0571", buyer_bank="样例银行", buyer_account="62"))
    assert sent["fplx"] == code
    older = {"gmfDzdh": "文三路 0571", "gmfYhzh": "样例银行 62"}
    assert ({key: sent.get(key) for key in older} == older) is not kind.startswith("digital")


def test_a_person_has_no_tax_id(connect, sim) -> None:
    wanted = document(kind="digital_general", buyer_title="张三", buyer_tax_id="", buyer_is_person=True)
    assert "gmfNsrsbh" not in body(wanted)
    assert connect().send(wanted).complete


@pytest.mark.parametrize(("policy", "flag"), [("", "3"), ("03", "1"), ("04", "2")])
def test_a_zero_rate_says_why(connect, policy: str, flag: str) -> None:
    wanted = document("IV1", line(10_000, 10_000, "0", policy=policy))
    assert body(wanted)["invoiceWillBs"][0]["lslbs"] == flag
    assert connect().send(wanted).complete


@pytest.mark.parametrize("bad", [line(10_300, 10_000, "3", policy="08"), line(10_000, 10_000, "0", policy="11")])
def test_other_reliefs_are_for_people(connect, sim, bad) -> None:
    with pytest.raises(errors.Rejected, match=r"yonyou\.relief"):
        connect().send(document("IV1", bad))
    assert not sim.ledger


def test_the_serial_is_taken_once(connect, sim) -> None:
    """1001: adopted after a look, for the answer to a save has no id."""
    connect().send(document())
    with pytest.raises(errors.Duplicate) as there:
        connect().send(document())
    assert there.value.code == "1001"
    found = connect().find(document())
    assert (found.platform_id, found.complete, found.amount) == ("IV1", True, Money(1_140_000))
    assert len(sim.ledger) == 1


def test_another_buyer_or_amount_is_a_conflict(connect) -> None:
    connect().send(document())
    assert connect().find(document(buyer_title="别家有限公司")).party_code == "another buyer"
    assert connect().find(document("IV1", line(100, 88))).amount == Money(1_140_000)


def test_a_lost_answer_is_looked_up(connect, sim) -> None:
    sim.answers["invoice-will/save"] = ["after:310504"]
    with pytest.raises(errors.InDoubt):
        connect().send(document())
    assert connect().find(document()).complete and len(sim.ledger) == 1


def test_no_real_invoice_is_ever_issued_by_itself(connect, sim) -> None:
    """Issuing cannot be taken back: neither ``autoMake`` nor the direct way, whose ``autoAudit`` is true when left out."""
    connect().send(document())
    connect().find(document())
    assert sim.invoices.real == [] and not any("insertWithJsonArray" in path or "invoicing" in path for path in sim.calls)
    sent = {**body(document("IV2")), "autoMake": "true"}
    connect().write(invoices.SAVE, sent)
    assert len(sim.invoices.real) == 1  # the simulator does what the platform would


def test_a_missing_station_and_an_unknown_one(connect) -> None:
    with pytest.raises(errors.ConfigError, match=r"yonyou\.station"):
        connect(invoice_station="").find(document())
    with pytest.raises(errors.Rejected, match="开票点编码"):
        connect(invoice_station="KP404").send(document())


def red(reason: str = "returned", kind: str = "digital_special") -> Document:
    return document("IV9", line(-11_300, -10_000), kind=kind, red=RedLetter("26332000000000000001", reason))


@pytest.mark.parametrize(("reason", "code"), [("returned", "1"), ("wrong", "2"), ("stopped", "3"), ("allowance", "4")])
def test_a_red_letter_names_its_blue_one_and_the_reason(connect, reason: str, code: str) -> None:
    sent = body(red(reason))
    assert (sent["yfpHm"], sent["hcyy"], sent["invoiceWillBs"][0]["xmjshj"]) == (
        "26332000000000000001",
        code,
        Decimal("-113.00"),
    )
    assert connect().send(red(reason)).amount == Money(-11_300)


@pytest.mark.parametrize("kind", ["electronic_special", "paper_special"])
def test_older_red_special_invoices_are_for_people(connect, kind: str) -> None:
    with pytest.raises(errors.Rejected, match=r"yonyou\.red_special"):
        connect().send(red(kind=kind))


def test_invoices_come_back_with_number_day_and_amount(connect, sim) -> None:
    receipt = connect().send(document())
    assert connect().status(document(), receipt).state == "applied"
    first = sim.advance("IV1", "invoice", 1_000_000)
    status = connect().status(document(), receipt)
    assert status.invoices == (IssuedInvoice(first, date(2026, 11, 2), Money(1_000_000), url=f"https://fp.example/{first}"),)
    assert not status.final
    second = sim.advance("IV1", "invoice", 140_000)
    status = connect().status(document(), receipt)
    assert [invoice.number for invoice in status.invoices] == [first, second] and status.final and status.state == "issued"


def test_records_may_be_one_object_as_in_the_documentation() -> None:
    application = {"invoiceWillBs": [{"records": {"fpHm": "7", "kprq": "2026-06-07 12:03:43"}}, {"records": None}]}
    assert invoices._issued({"fpHm": "7", "jshj": Decimal("1.23")}, application).date == date(2026, 6, 7)
    assert invoices._issued({"fpHm": "8"}, application) == IssuedInvoice("8")


@pytest.mark.parametrize("data", [{}, {"totalCount": 1}, [], {"dtos": [{"djqqlsh": "IV1"}]}])
def test_another_shape_is_no_absence(connect, sim, data) -> None:
    sim.apis[invoices.RESULT] = ("POST", lambda body: {"code": "200", "data": data})
    with pytest.raises(errors.UnknownAnswer):
        connect().find(document())


def test_no_such_data_is_absence(connect, sim) -> None:
    sim.answers["invoice-will/result"] = ["1002"]
    assert connect().find(document()) is None


# ---------------------------------------------------------------- states back


def test_a_receivable_says_how_far_it_is(connect, sim, document) -> None:
    receipt = connect(finish="submit").send(document())
    assert connect().status(document(), receipt).state == "in_approval"
    bill = sim.receivables.rows[int(receipt.platform_id)]
    for verify, post, state, approved, problem in (
        (2, "2", "approved, posted", True, ""),
        (2, "3", "approved, posting failed", True, ""),
        (4, "0", "turned_down", False, "turned_down"),
        (3, "0", "stopped", False, "stopped"),
    ):
        bill.update(verifyState=verify, postStatus=post)
        status = connect().status(document(), receipt)
        assert (status.state, status.approved, status.problem, status.final) == (state, approved, problem, False)
    sim.receivables.rows.clear()
    assert connect().status(document(), receipt).gone


@pytest.mark.parametrize(
    ("state", "paid", "received"),
    [
        ("NOTPAYMENT", 0, 0),
        ("PARTPAYMENT", 100, 10_000),
        ("FINISHPAYMENT", 11300, 1_130_000),
        ("FINISHPAYMENT", 100, None),  # the two do not agree: nothing is said
        ("NOTPAYMENT", 100, None),
        ("CONFIRMPAYMENT_ALL", 11300, None),
        ("", 11300, None),
    ],
)
def test_what_was_paid_for_an_order(connect, sim, document, state: str, paid: int, received: int | None) -> None:
    receipt: Receipt = connect().send(document("sales_order", "SO1"))
    sim.orders.rows[int(receipt.platform_id)].update(payStatusCode=state, confirmPrice=Decimal(paid))
    status = connect().status(document("sales_order", "SO1"), receipt)
    assert status.received == (None if received is None else Money(received))
    assert status.final is (received == 1_130_000)
    assert dataclasses.asdict(status)["payments"] == ()
