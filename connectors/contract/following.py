"""Rules about what comes back of a document: approval, invoices, payments. And that an invoice arrives as it was asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date

from connectors.base import Document, InvoiceRequest, Money, Receipt, Status
from connectors.contract.bench import Bench
from connectors.contract.delivering import sample_document
from connectors.contract.scenario import scenario, skip
from connectors.errors import ConnectorError, Rejected
from connectors.invoices import RedLetter


def sent(bench: Bench, kind: str, number: int = 1) -> tuple[Document, Receipt]:
    """A document that has arrived."""
    document = sample_document(bench, kind, number)
    return document, bench.sink().send(document)


def follows(bench: Bench, kind: str, what: str) -> None:
    """Skip where the manifest does not say that ``status`` tells this."""
    if what not in bench.manifest.documents[kind].follow:
        skip(f"documents.{kind}.follow does not name {what}")


def asked(bench: Bench, document: Document, receipt: Receipt) -> Status:
    """The status by a new connector, as another process would ask; in bulk it is the same."""
    status = bench.sink().status(document, receipt)
    assert list(bench.sink().statuses([(document, receipt)])) == [(document.number, status)], "statuses() says other things"
    return status


@scenario(each="document", role="sink")
def a_document_just_sent_has_no_invoice_and_no_payment(bench: Bench, kind: str) -> None:
    """Right after it was sent, its status names the platform's state, and no invoice or payment that nobody made."""
    if not bench.manifest.documents[kind].follow:
        skip(f"the manifest follows nothing of {kind}")
    status = asked(bench, *sent(bench, kind))
    assert status.state, "the status does not say the platform's own state"
    assert not status.gone and not status.final, "a document just sent is not at its end"
    assert not status.invoices and not status.payments, "something was received or issued for a document just sent"
    assert status.received in (None, Money(0)), f"{status.received} received for a document just sent"


@scenario(each="document", role="sink")
def an_approval_comes_back(bench: Bench, kind: str) -> None:
    """When somebody approves the document over there, its status says approved."""
    follows(bench, kind, "approval")
    document, receipt = sent(bench, kind)
    bench.sim.advance(document.number, "approve")
    assert asked(bench, document, receipt).approved, "approved over there, and the status does not say so"


@scenario(each="document", role="sink")
def payments_come_back_to_the_fen(bench: Bench, kind: str) -> None:
    """After each of two payments ``received`` is their sum to the fen; listed ones keep their keys; others have none."""
    follows(bench, kind, "payments")
    (document, receipt), other = sent(bench, kind), sent(bench, kind, 2)
    bench.sim.advance(document.number, "pay", 100_001)
    first = asked(bench, document, receipt)
    assert first.received == Money(100_001), f"1000.01 was paid, the status says {first.received}"
    bench.sim.advance(document.number, "pay", document.amount.minor - 100_001)
    both = asked(bench, document, receipt)
    assert both.received == document.amount, f"{document.amount} was paid, the status says {both.received}"
    if both.payments:
        assert len({payment.key for payment in both.payments}) == len(both.payments) == 2, "two payments, two keys"
        assert set(first.payments) <= set(both.payments), "a payment changed when another came"
        assert sum(payment.amount.minor for payment in both.payments) == document.amount.minor
    assert asked(bench, *other).received in (None, Money(0)), "the payment shows on another document too"


@scenario(each="document", role="sink")
def an_issued_invoice_comes_back(bench: Bench, kind: str) -> None:
    """The number of the invoice that was issued, and its date and amount where the status says them, are those over there."""
    follows(bench, kind, "invoices")
    (document, receipt), other = sent(bench, kind), sent(bench, kind, 2)
    number = bench.sim.advance(document.number, "invoice", document.amount.minor)
    status = asked(bench, document, receipt)
    assert [invoice.number for invoice in status.invoices] == [number], f"issued {number}, the status says {status.invoices}"
    assert status.invoices[0].amount in (None, document.amount), "the amount of the invoice is another"
    assert status.invoices[0].date in (None, _today(bench)), "the date of the invoice is another"
    assert not asked(bench, *other).invoices, "the invoice shows on another document too"


def _today(bench: Bench) -> date:
    from zoneinfo import ZoneInfo

    return bench.sim.now().astimezone(ZoneInfo("Asia/Shanghai")).date()


@scenario(each="document", role="sink")
def a_document_removed_over_there_is_gone(bench: Bench, kind: str) -> None:
    """Deleted or cancelled by somebody over there: the status says gone, and never 'nothing new'."""
    if not bench.manifest.documents[kind].follow:
        skip(f"the manifest follows nothing of {kind}")
    document, receipt = sent(bench, kind)
    bench.sim.advance(document.number, "remove")
    assert bench.sink().status(document, receipt).gone, "removed over there, and the status does not say gone"


@scenario(each="document", role="sink")
def status_never_guesses(bench: Bench, kind: str) -> None:
    """What the platform does not answer is no status: an error on any call of it is raised."""
    if not bench.manifest.documents[kind].follow:
        skip(f"the manifest follows nothing of {kind}")
    document, receipt = sent(bench, kind)
    faults = bench.sim.faults
    silent: list[Callable[[], None]] = [
        lambda: faults.error.update({"": [502] * 200}),
        lambda: faults.error.update({"": [200] * 200}),
        lambda: faults.cut_after.update({"": 200}),
        lambda: faults.throttle.update({"": 200}),
    ]
    for put in silent:
        faults.clear()
        sink = bench.sink()
        sink.status(document, receipt)
        put()
        try:
            said = sink.status(document, receipt)
        except ConnectorError:
            continue
        raise AssertionError(f"the platform did not answer, and status said {said!r}")


# ---------------------------------------------------------------- invoices


@scenario(each="document", role="sink")
def an_invoice_arrives_as_it_was_asked_for(bench: Bench, kind: str) -> None:
    """Net, tax and amount in the platform's ledger are those of the request to the fen, and so are title and tax id."""
    document = sample_document(bench, kind)
    if document.invoice is None:
        skip(f"{kind} is no invoice")
    bench.sink().send(document)
    entry = next(entry for entry in bench.sim.ledger if entry["number"] == document.number)
    asked_for = document.invoice
    expected: dict[str, object] = {"amount": asked_for.amount.minor, "net": asked_for.net.minor, "tax": asked_for.tax.minor}
    expected |= {"title": asked_for.buyer_title, "tax_id": asked_for.buyer_tax_id}
    found = {name: entry.get(name) for name in expected}
    assert found == expected, f"asked for {expected}, the ledger holds {found}"


@scenario(each="document", role="sink")
def a_red_letter_names_what_it_reverses(bench: Bench, kind: str) -> None:
    """A red-letter invoice arrives below zero with the number it reverses, or is refused: never as a blue one."""
    document = sample_document(bench, kind)
    if document.invoice is None:
        skip(f"{kind} is no invoice")
    blue = bench.sink().send(document)
    number = bench.sim.advance(document.number, "invoice", document.amount.minor)
    red = reversal_of(document, document.invoice, number)
    try:
        bench.sink().send(red)
    except Rejected:
        capability = bench.manifest.capabilities.get("red_letter")
        assert capability and capability.level in ("cannot", "not_yet"), "refused, and the manifest does not say red_letter"
        assert not any(entry["number"] == red.number for entry in bench.sim.ledger), "refused, and yet written"
        return
    entry = next(entry for entry in bench.sim.ledger if entry["number"] == red.number)
    assert entry["amount"] == red.amount.minor and entry.get("reverses") == number, f"the ledger holds {entry}"
    assert blue.number == document.number


def reversal_of(document: Document, invoice: InvoiceRequest, number: str) -> Document:
    """The whole invoice taken back."""

    def back(money: Money) -> Money:
        return Money(-money.minor)

    lines = tuple(
        dataclasses.replace(line, amount=back(line.amount), net=back(line.net), tax=back(line.tax)) for line in invoice.lines
    )
    red = dataclasses.replace(invoice, lines=lines, red=RedLetter(number, "returned"))
    return dataclasses.replace(
        document,
        number="LSR0000001",
        amount=back(document.amount),
        lines=tuple(dataclasses.replace(line, amount=back(line.amount)) for line in document.lines),
        invoice=red,
        reverses=document.number,
    )


def taken_back_sample(document: Document) -> Document:
    """A document without an invoice taken back, as the hub makes it."""
    lines = tuple(dataclasses.replace(line, amount=Money(-line.amount.minor)) for line in document.lines)
    amount = Money(-document.amount.minor)
    return dataclasses.replace(document, number="LSR0000001", amount=amount, lines=lines, reverses=document.number)
