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
    Window,
)
from connectors.http import Runtime
from connectors.yonyou import callback, checkup, documents, walk
from connectors.yonyou.calls import YonyouCalls
from connectors.yonyou.config import YonyouConfig
from connectors.yonyou.customers import Customers
from connectors.yonyou.ledgers import Held, Orders, Receivables

NEXT: dict[str, dict[str, str]] = {
    "save": {},
    "submit": {"open": "submit"},
    "audit": {"open": "submit", "in_approval": "audit"},
}
"""Goal -> state -> the step to take. A state that is not here has reached the goal."""
GOOD = ("open", "in_approval", "approved", "closed")
MOST_STEPS = 4


class Yonyou(YonyouCalls, Source, EventSource, Sink):
    """One tenant as one self-built application sees it."""

    def __init__(self, config: YonyouConfig, runtime: Runtime) -> None:
        super().__init__(config, runtime)
        self._customers = Customers(self)
        receivables = Receivables(self)
        self._ledgers: dict[str, Receivables | Orders] = {
            "receivable": receivables,
            "settlement": receivables,
            "sales_order": Orders(self),
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
        """Customers that changed."""
        return callback.platform_events(opened.payload or {})

    def reply(self, outcome: Outcome) -> Reply:
        """Stored is ``success``, encrypted as the documentation wants it, or plain."""
        return callback.reply(self.config, outcome, self.clock())

    # -- documents

    def find(self, document: Document) -> Receipt | None:
        """The document of this number: open, in_approval, approved, closed, stopped or turned_down."""
        documents.check(self.config, document)
        held = self._ledgers[document.kind].look(document.number)
        return self._receipt(document, held) if held else None

    def send(self, document: Document) -> Receipt:
        """Ensure the customer, save, submit, audit. What goes wrong after the save says so in its params."""
        documents.check(self.config, document)
        ledger = self._ledgers[document.kind]
        customer = self._customers.ensure(document.party)
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
        held = self._ledgers[document.kind].look(document.number)
        if held is None:
            raise errors.Rejected("yonyou.vanished", number=document.number)
        return self._complete(document, held)

    def _complete(self, document: Document, held: Held) -> Receipt:
        receipt = self._receipt(document, held)
        if receipt.complete:
            return receipt
        if receipt.state not in GOOD:
            raise errors.Rejected("yonyou.not_open", number=document.number, state=receipt.state)
        if receipt.amount != document.amount or receipt.party_code != document.party.code:
            raise errors.Rejected("yonyou.conflict", number=document.number, state=receipt.state, amount=receipt.amount)
        return self._receipt(document, self._advance(document, held))

    def _advance(self, document: Document, held: Held) -> Held:
        """Step from state to state until the goal, reading the state after each. Raises Rejected when a step is refused."""
        ledger, steps = self._ledgers[document.kind], NEXT[self.config.finish]
        for _ in range(MOST_STEPS):
            step = steps.get(held.state)
            if step is None:
                return held
            refusal = self._step(document, held, step)
            now = ledger.look(document.number)
            if now is None:
                raise errors.Rejected("yonyou.vanished", number=document.number)
            # somebody else, or the approval flow, may have taken the step meanwhile
            if refusal is not None and now.state == held.state:
                params = {**refusal.params, "number": document.number, "state": held.state, "step": step}
                raise errors.Rejected("yonyou.step_refused", code=refusal.code, **params)
            held = now
        raise errors.InDoubt("yonyou.step_pending", number=document.number, state=held.state)

    def _step(self, document: Document, held: Held, step: str) -> errors.ConnectorError | None:
        """Take the step; the refusal, if there was one. A document that somebody has just changed is read and tried again."""
        try:
            self._ledgers[document.kind].step(step, held)
        except errors.Rejected as refusal:
            return refusal
        except errors.Unavailable as error:
            if error.key != "yonyou.stale":
                raise
        return None

    def _receipt(self, document: Document, held: Held) -> Receipt:
        return Receipt(
            number=document.number,
            platform_id=held.id,
            state=held.state,
            complete=held.state in GOOD and held.state not in NEXT[self.config.finish],
            amount=Money(held.amount),
            party_code=self._party(document, held),
        )

    def _party(self, document: Document, held: Held) -> str:
        """Our code of the document's customer where it is the party's; else what the platform calls it."""
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
