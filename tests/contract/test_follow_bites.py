"""The rules about what comes back, and about invoices: each fails a connector that breaks it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from connectors import errors
from connectors.base import Document, Money, Receipt, Status
from connectors.contract import Scenario, contract_tests
from tests.contract.invoicing import InvoicingCrm, InvoicingSimulator, invoicing
from tests.contract.test_suite_bites import FOLDER, named, variant

SAID = invoicing(FOLDER / "manifest.yaml")
RULES = ("invoice", "red_letter", "approval", "payments", "status", "removed", "just_sent", "document")


def taking_invoices(kind: type[Any] = InvoicingCrm) -> Any:
    return variant(kind, sim=InvoicingSimulator, said=SAID)


FINE = [s for s in contract_tests(taking_invoices()) if any(word in str(s) for word in RULES)]


@pytest.mark.parametrize("scenario", FINE, ids=str)
def test_a_platform_that_takes_invoices_passes(scenario: Scenario) -> None:
    if scenario.rule.check.__name__ not in ("a_document_sent_twice_is_there_once", "readme_tells_the_known_limits"):
        scenario.run()


class SeesMoneyEverywhere(InvoicingCrm):
    def status(self, document: Document, receipt: Receipt) -> Status:
        return dataclasses.replace(super().status(document, receipt), received=Money(1))


class NeverApproved(InvoicingCrm):
    def status(self, document: Document, receipt: Receipt) -> Status:
        return dataclasses.replace(super().status(document, receipt), approved=False)


class RoundsPayments(InvoicingCrm):
    def status(self, document: Document, receipt: Receipt) -> Status:
        known = super().status(document, receipt)
        return dataclasses.replace(known, payments=(), received=Money(known.received.minor // 100 * 100))  # type: ignore[union-attr]


class NumbersPaymentsAnew(InvoicingCrm):
    def status(self, document: Document, receipt: Receipt) -> Status:
        known = super().status(document, receipt)
        count = len(known.payments)
        return dataclasses.replace(
            known, payments=tuple(dataclasses.replace(p, key=f"{n}/{count}") for n, p in enumerate(known.payments))
        )


class TellsNoInvoice(InvoicingCrm):
    def status(self, document: Document, receipt: Receipt) -> Status:
        return dataclasses.replace(super().status(document, receipt), invoices=())


class NeverGone(InvoicingCrm):
    def status(self, document: Document, receipt: Receipt) -> Status:
        return dataclasses.replace(super().status(document, receipt), gone=False)


class GuessesItsStatus(InvoicingCrm):
    def status(self, document: Document, receipt: Receipt) -> Status:
        try:
            return super().status(document, receipt)
        except errors.ConnectorError:
            return Status("confirmed", received=Money(0))


class SplitsTaxItself(InvoicingCrm):
    def body(self, document: Document) -> dict[str, Any]:
        return super().body(document) | {"tax": "0.00", "net": str(document.amount)}


class ForgetsWhatItReverses(InvoicingCrm):
    def body(self, document: Document) -> dict[str, Any]:
        return super().body(document) | {"reverses": ""}


BROKEN = [
    (SeesMoneyEverywhere, "a_document_just_sent_has_no_invoice_and_no_payment"),
    (NeverApproved, "an_approval_comes_back"),
    (RoundsPayments, "payments_come_back_to_the_fen"),
    (NumbersPaymentsAnew, "payments_come_back_to_the_fen"),
    (TellsNoInvoice, "an_issued_invoice_comes_back"),
    (NeverGone, "a_document_removed_over_there_is_gone"),
    (GuessesItsStatus, "status_never_guesses"),
    (SplitsTaxItself, "an_invoice_arrives_as_it_was_asked_for"),
    (ForgetsWhatItReverses, "a_red_letter_names_what_it_reverses"),
]


@pytest.mark.parametrize(("kind", "name"), BROKEN, ids=[f"{kind.__name__}-{name}" for kind, name in BROKEN])
def test_a_broken_connector_fails(kind: type[Any], name: str) -> None:
    with pytest.raises(AssertionError):
        named(taking_invoices(kind), name).run()
