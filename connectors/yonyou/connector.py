"""用友 YonBIP / YonSuite: customers are read; sales orders and receivables are found, saved, submitted and audited."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from connectors import errors
from connectors.base import (
    Document,
    EventSource,
    Finding,
    Money,
    Opened,
    Outcome,
    Page,
    PlatformEvent,
    RawRequest,
    Receipt,
    Record,
    Reply,
    Sink,
    Source,
    Status,
    Window,
)
from connectors.http import Runtime
from connectors.yonyou import callback, checkup, documents, walk
from connectors.yonyou.calls import YonyouCalls
from connectors.yonyou.config import YonyouConfig
from connectors.yonyou.customers import Customers
from connectors.yonyou.invoices import Invoices, same_buyer
from connectors.yonyou.ledgers import GOOD, Held, Ledger, Orders, Receivables, advance


class Yonyou(YonyouCalls, Source, EventSource, Sink):
    """One tenant as one self-built application sees it."""

    def __init__(self, config: YonyouConfig, runtime: Runtime) -> None:
        super().__init__(config, runtime)
        self._customers = Customers(self)
        receivables = Receivables(self)
        self._ledgers: dict[str, Ledger] = {
            "receivable": receivables,
            "settlement": receivables,
            "sales_order": Orders(self),
            "invoice": Invoices(self),
        }

    def check(self) -> list[Finding]:
        """The tenant is known and lets us in; each list that is used may be read; the customers' list too."""
        return checkup.findings(self)

    # -- customers

    def pages(self, stream: str, window: Window | None, resume: str | None) -> Iterator[Page]:
        """Customers that were written since the window began; those that we made ourselves are left out."""
        return walk.pages(self, window, resume)

    def fetch_one(self, stream: str, key: str) -> Record | None:
        """The customer of this code."""
        return next((walk.kept(row) for row in self._customers.by(code=key)), None)

    # -- events

    def open(self, request: RawRequest) -> Opened:
        """See ``callback``: verified by any of the published rules, decrypted, and meant for this application."""
        return callback.opened(self.config, request, self.clock())

    def events(self, opened: Opened) -> list[PlatformEvent]:
        """Customers, and sales orders of ours, that changed."""
        return callback.platform_events(opened.payload or {})

    def reply(self, outcome: Outcome) -> Reply:
        """Stored is ``success``, encrypted as the documentation wants it, or plain."""
        return callback.reply(self.config, outcome, self.clock())

    # -- documents

    def find(self, document: Document) -> Receipt | None:
        """The document of this number: open, in_approval, approved, closed, stopped or turned_down; applied or issued."""
        held = self._ledger(document).look(document.number)
        return self._receipt(document, held) if held else None

    def send(self, document: Document) -> Receipt:
        """Ensure the customer, save, submit, audit. What goes wrong after the save says so in its params."""
        ledger = self._ledger(document)
        # an invoice is for the buyer that it names, and needs no customer
        customer = "" if document.kind == "invoice" else self._customers.ensure(document.party)
        try:
            ledger.save(document, customer)
        except errors.Duplicate:
            raise
        except errors.Rejected as refusal:
            # the words for a taken number are not published
            if refusal.key != "yonyou.number_replaced" and ledger.look(document.number) is not None:
                raise errors.Duplicate("yonyou.duplicate", number=document.number, code=refusal.code) from None
            raise
        with _saved(document.number):
            held = ledger.look(document.number)
            if held is None:
                raise errors.InDoubt("yonyou.unseen", number=document.number)
            return self._complete(document, held)

    def finish(self, document: Document, receipt: Receipt) -> Receipt:
        """Take the steps that are still lacking, after reading how far the document is now."""
        held = self._ledger(document).look(document.number)
        if held is None:
            raise errors.Rejected("yonyou.vanished", number=document.number)
        return self._complete(document, held)

    def status(self, document: Document, receipt: Receipt) -> Status:
        """Approval of receivables and orders, payment of orders, the invoices issued for an application."""
        ledger = self._ledger(document)
        held = ledger.look(document.number)
        return ledger.status(document, held) if held else Status("deleted", gone=True, final=True)

    def _ledger(self, document: Document) -> Ledger:
        """Where documents of this kind live. Raises what can be said of the document before anything is sent."""
        documents.check(self.config, document)
        ledger = self._ledgers[document.kind]
        ledger.check(document)
        return ledger

    def _complete(self, document: Document, held: Held) -> Receipt:
        receipt = self._receipt(document, held)
        if receipt.complete:
            return receipt
        if receipt.state not in GOOD:
            raise errors.Rejected("yonyou.not_open", number=document.number, state=receipt.state)
        if receipt.amount != document.amount or receipt.party_code != document.party.code:
            raise errors.Rejected("yonyou.conflict", number=document.number, state=receipt.state, amount=receipt.amount)
        return self._receipt(document, advance(self._ledgers[document.kind], document.number, held))

    def _receipt(self, document: Document, held: Held) -> Receipt:
        return Receipt(
            number=document.number,
            platform_id=held.id,
            state=held.state,
            complete=held.state in GOOD and held.state not in self._ledgers[document.kind].steps,
            amount=Money(held.amount),
            party_code=self._party(document, held),
        )

    def _party(self, document: Document, held: Held) -> str | None:
        """Our code of the document's customer where it is the party's; else what the platform calls it."""
        if document.invoice is not None:
            # an application names a buyer and no customer
            return None if same_buyer(document.invoice, held) else "another buyer"
        if held.customer_code == document.party.code:
            return held.customer_code
        mine = self._customers.of(document.party)
        if mine is not None and str(mine.get("id")) == held.customer:
            return document.party.code
        theirs = self._customers.by(id=held.customer) if held.customer and not held.customer_code else []
        return held.customer_code or (str(theirs[0]["code"]) if theirs else f"id {held.customer}")


@contextmanager
def _saved(number: str) -> Iterator[None]:
    """Once a document is saved, a passing fault leaves its further steps in doubt, and errors name the document."""
    try:
        yield
    except (errors.Retryable, errors.Stop) as error:
        reason: Any = error.key if isinstance(error, errors.ConnectorError) else "stopped"
        raise errors.InDoubt("yonyou.saved_unfinished", number=number, reason=reason) from None
    except errors.ConnectorError as error:
        error.params.setdefault("number", number)
        raise
