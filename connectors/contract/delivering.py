"""Rules about documents: exactly one at the destination, whatever breaks while it is written."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from datetime import date
from decimal import Decimal

from connectors.base import Document, DocumentLine, InvoiceRequest, Money, Party, Receipt, Request, Sink
from connectors.contract.bench import Bench, evenly
from connectors.contract.reading import names_a_wrong_clock
from connectors.contract.scenario import scenario, skip
from connectors.errors import ConnectorError, InDoubt, ReauthNeeded, Rejected, Throttled
from connectors.invoices import InvoiceLine
from connectors.money import split_tax

MOST_WRITES = 6
STRANGER = Party(code="C999999999", name="别家有限公司")


def sample_document(bench: Bench, kind: str, number: int = 1) -> Document:
    """An ordinary document of the kind. What is special at this platform comes from ``Simulator.document_source``."""
    lines = (
        DocumentLine("年度服务费", Money(1_060_000), quantity="2", tax_rate="6", item_code="SVC-01"),
        DocumentLine("实施服务", Money(318_001), quantity="1", tax_rate="6", item_code="SVC-02"),
    )
    return Document(
        kind=kind,
        number=f"LS{number:010d}",
        date=date(2026, 11, 2),
        amount=Money(1_378_001),
        party=Party(code=f"C{number:09d}", name="杭州样例科技有限公司"),
        lines=lines,
        note="contract suite",
        due=date(2026, 12, 2),
        source=bench.sim.document_source(kind, number),
        invoice=sample_invoice(lines) if kind == "invoice" else None,
    )


def sample_invoice(lines: tuple[DocumentLine, ...]) -> InvoiceRequest:
    """A company's invoice over these lines. The tax id is made up; its check characters hold."""
    split = [(line, *split_tax(line.amount.minor, Decimal(line.tax_rate))) for line in lines]
    return InvoiceRequest(
        kind="digital_special",
        buyer_title="杭州样例科技有限公司",
        buyer_tax_id="92330106MABCDEF103",
        buyer_address="杭州市文三路 1 号",
        buyer_phone="0571-88000000",
        buyer_bank="样例银行杭州支行",
        buyer_account="6222000000000001",
        email="invoice@example.com",
        lines=tuple(
            InvoiceLine(
                line.title, line.amount, Money(net), Money(tax), line.tax_rate, "3049900000000000000",
                quantity=line.quantity, unit="项", item_code=line.item_code,
            )
            for line, net, tax in split
        ),
    )  # fmt: skip


def held(bench: Bench, document: Document) -> int:
    """How often the simulator's own ledger holds the document's number."""
    return sum(1 for entry in bench.sim.ledger if entry.get("number") == document.number)


def agrees(receipt: Receipt, document: Document) -> None:
    """The receipt is about this document, complete, and says what the destination holds."""
    assert receipt.number == document.number, f"asked for {document.number}, the receipt says {receipt.number}"
    assert receipt.complete, f"not complete: state {receipt.state!r}"
    assert receipt.platform_id, "no platform id"
    assert receipt.amount in (None, document.amount), f"sent {document.amount}, the destination holds {receipt.amount}"
    assert receipt.party_code in (None, document.party.code), f"sent to {document.party.code}, holds {receipt.party_code}"


@scenario(each="document", role="sink")
def a_document_is_absent_then_sent_then_found(bench: Bench, kind: str) -> None:
    """find says absent, send writes, find gives what was sent; the platform's own ledger holds it once."""
    document, sink = sample_document(bench, kind), bench.sink()
    assert sink.find(document) is None, "found before it was sent"
    sent = sink.send(document)
    agrees(sent, document)
    found = bench.sink().find(document)
    assert found is not None, "sent, but find says absent"
    agrees(found, document)
    assert found.platform_id == sent.platform_id
    assert held(bench, document) == 1, f"the ledger holds it {held(bench, document)} times"
    assert bench.sink().find(sample_document(bench, kind, 2)) is None, "another number is found too"


@scenario(each="document", role="sink")
def a_document_sent_twice_is_there_once(bench: Bench, kind: str) -> None:
    """A second send of the same number is refused (Duplicate where the platform says so) and writes nothing."""
    document = sample_document(bench, kind)
    bench.sink().send(document)
    with contextlib.suppress(Rejected):
        bench.sink().send(document)
    assert held(bench, document) == 1, f"the ledger holds it {held(bench, document)} times"


@scenario(each="document", role="sink")
def a_conflict_is_visible(bench: Bench, kind: str) -> None:
    """Where the number is taken by a document over another amount or party, the receipt shows theirs, not ours."""
    document = sample_document(bench, kind)
    bench.sink().send(document)
    other = dataclasses.replace(document, amount=Money(500), lines=(), invoice=smaller(document), party=STRANGER)
    found = bench.sink().find(other)
    assert found is not None, "the number is taken, but find says absent"
    if found.amount is None and found.party_code is None:
        capability = bench.manifest.capabilities.get("compare")
        assert capability and capability.level == "cannot", "receipts say neither amount nor party: fill them, or declare it"
        skip(f"the manifest says of 'compare': {capability.title.en} (cannot)")
    assert found.amount in (None, document.amount), f"the receipt says {found.amount}; the destination holds {document.amount}"
    assert found.party_code in (None, document.party.code)


def smaller(document: Document) -> InvoiceRequest | None:
    """The document's invoice over 5.00."""
    if document.invoice is None:
        return None
    line = DocumentLine("年度服务费", Money(500), tax_rate="6")
    return dataclasses.replace(document.invoice, lines=sample_invoice((line,)).lines)


@scenario(each="document", role="sink")
def finish_may_be_repeated(bench: Bench, kind: str) -> None:
    """finish on a complete document changes nothing, however often."""
    document, sink = sample_document(bench, kind), bench.sink()
    receipt = sink.send(document)
    for _ in range(2):
        receipt = sink.finish(document, receipt)
        agrees(receipt, document)
    assert held(bench, document) == 1


@scenario(each="document", role="sink")
def find_never_guesses(bench: Bench, kind: str) -> None:
    """Absent is what the platform says, never what is left when it says nothing: an error on any call of find is raised."""
    document = sample_document(bench, kind)
    bench.sink().send(document)
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
        assert sink.find(document) is not None
        put()
        try:
            found = sink.find(document)
        except ConnectorError:
            continue
        raise AssertionError(f"the platform did not answer, and find said {found!r}")


@scenario(each="document", role="sink")
def a_throttled_write_ends_as_one_document(bench: Bench, kind: str) -> None:
    """A limit answer to each writing call: waited out or handed back, and one document in the end."""
    document, sink = sample_document(bench, kind), bench.sink()
    met: set[str] = set()

    def limit(_: int, request: Request) -> None:
        if bench.writes(request) and request.path not in met:
            met.add(request.path)
            bench.sim.faults.throttle.update({"": 1})

    bench.arm = limit
    with contextlib.suppress(Throttled, InDoubt):
        sink.send(document)
    agrees(settle(bench, kind, document), document)
    assert held(bench, document) == 1, f"the ledger holds it {held(bench, document)} times"


@scenario(each="document", role="sink")
def a_token_that_dies_before_a_write_costs_nothing(bench: Bench, kind: str) -> None:
    """All tokens die between find and send: a new one is fetched and the document written once, or a person is asked."""
    if bench.tokenless:
        skip("this connector fetches no tokens, and its simulator has none to kill")
    document, sink = sample_document(bench, kind), bench.sink()
    assert sink.find(document) is None
    before = len(bench.tokens)
    bench.steer("kill_tokens")
    try:
        agrees(sink.send(document), document)
    except ReauthNeeded:
        assert held(bench, document) == 0, "written, and yet a person is asked to connect again"
        return
    assert held(bench, document) == 1
    assert len(bench.tokens) - before <= 1, f"{len(bench.tokens) - before} tokens fetched after the death"


@scenario(each="document", role="sink")
def a_wrong_clock_stops_a_sink_with_a_clear_error(bench: Bench, kind: str) -> None:
    """With our clock an hour off, looking a document up gives an error that names the fault, and never 'absent'."""
    document = sample_document(bench, kind)
    bench.sink().send(document)

    def ask(sink: Sink) -> None:
        assert sink.find(document) is not None, "with a wrong clock the document is 'absent'"

    names_a_wrong_clock(bench, ask)


def writes_of_a_send(bench: Bench, kind: str) -> int:
    """How many writing calls one undisturbed send takes."""
    before = len(bench.calls)
    bench.sink().send(sample_document(bench, kind, 9000))
    count = sum(bench.writes(request) for request in bench.calls[before:])
    assert count, "send() made no call with write=True: a cut connection would be repeated and the document doubled"
    return count


def on_write(bench: Bench, number: int, do: Callable[[], None]) -> None:
    """Do it when the given writing call from now on goes out."""
    seen = iter(range(1_000_000))

    def arm(_: int, request: Request) -> None:
        if bench.writes(request) and next(seen) == number:
            do()

    bench.arm = arm


def settle(bench: Bench, kind: str, document: Document, sink: Sink | None = None) -> Receipt:
    """What the hub does after an outcome in doubt: wait, look, and only then send or finish. sink: None = after a restart."""
    bench.sim.faults.clear()
    bench.arm = lambda number, request: None
    bench.sleep(bench.manifest.documents[kind].settle.total_seconds() + 1)
    sink = sink or bench.sink()
    found = sink.find(document)
    if found is None:
        assert held(bench, document) == 0, "the platform holds the document, but find says absent"
        return sink.send(document)
    return found if found.complete else sink.finish(document, found)


def one_document_in_spite_of(bench: Bench, kind: str, fault: Callable[[], None]) -> None:
    """The fault on the first writing call of a send, the second, and so on: InDoubt, then exactly one document."""
    count = writes_of_a_send(bench, kind)
    for number in evenly(count, MOST_WRITES):
        document, before, slowed = sample_document(bench, kind, number + 1), len(bench.calls), len(bench.budgets.slowed)
        on_write(bench, number, fault)
        try:
            bench.sink().send(document)
        except InDoubt:
            pass
        else:
            raise AssertionError(f"fault on writing call {number + 1} of {count}: no InDoubt")
        made, throttled = sum(bench.writes(request) for request in bench.calls[before:]), len(bench.budgets.slowed) - slowed
        assert made <= number + 1 + throttled, f"{made} writing calls up to a fault on call {number + 1}: a write was repeated"
        agrees(settle(bench, kind, document), document)
        assert held(bench, document) == 1, f"fault on writing call {number + 1}: {held(bench, document)} documents"


@scenario(each="document", role="sink")
def a_write_cut_before_it_happened_ends_as_one_document(bench: Bench, kind: str) -> None:
    """The connection breaks before the platform has written."""
    one_document_in_spite_of(bench, kind, lambda: bench.sim.faults.cut_before.update({"": 1}))


@scenario(each="document", role="sink")
def a_write_cut_after_it_happened_ends_as_one_document(bench: Bench, kind: str) -> None:
    """The connection breaks after the platform has written: the worst moment."""
    one_document_in_spite_of(bench, kind, lambda: bench.sim.faults.cut_after.update({"": 1}))


@scenario(each="document", role="sink")
def a_5xx_on_a_write_is_in_doubt(bench: Bench, kind: str) -> None:
    """A 502 instead of the answer to a write says nothing about the write."""
    one_document_in_spite_of(bench, kind, lambda: bench.sim.faults.error.update({"": [502]}))


@scenario(each="document", role="sink")
def an_html_page_as_answer_to_a_write_is_in_doubt(bench: Bench, kind: str) -> None:
    """A gateway's page with status 200 says nothing about the write either."""
    one_document_in_spite_of(bench, kind, lambda: bench.sim.faults.error.update({"": [200]}))
