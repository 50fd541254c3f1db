"""From what a buyer asked for, and what the hub knows beside it, to a complete invoice request; or what it lacks.

Of each field counts what a person filled in, else what the request says, else what the deal, order or customer says. Tax
codes and rates come from the request or from the accountants' table: they are never guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from config.settings import Invoicing, TaxItem
from connectors.base import InvoiceRequest, Money
from connectors.invoices import INVOICE_KINDS, MOST_TEXT, TAX_CODE, InvoiceLine
from connectors.money import allocate, split_tax
from hub.events.facts import Facts
from hub.events.notready import NotReady, Reversed
from hub.invoices import taxid
from hub.invoices.fault import Fault, Incomplete

WANTED = ("requested", "issued")
"""States of a request that count against what can still be invoiced."""


@dataclass(frozen=True)
class Asked:
    """What an invoice is made of. request: the buyer's, if there is one; parent: the deal or order it is about (kind)."""

    request: Any
    parent: Any
    kind: str

    @property
    def row(self) -> Any:
        """Where the customer, the number and the source stand."""
        return self.request if self.request is not None else self.parent


def asked(facts: Facts, event: Any) -> Asked:
    """The request and its deal or order. Raises NotReady where they are not there, Reversed where they were taken back."""
    if event.kind in ("invoice.requested", "invoice.amended"):
        request = facts.requests.get(event.subject)
        if request is None:
            raise NotReady("document.subject_missing")
        kind = "deal" if request.deal_ref else "order"
        parent = facts.deals.get(request.deal_ref) if request.deal_ref else facts.orders.get(request.order_ref or "")
    else:
        kind = event.kind.split(".")[0]
        parent = (facts.deals if kind == "deal" else facts.orders).get(event.subject)
        if parent is None:
            raise NotReady("document.subject_missing")
        request = next(iter(facts.requests_about(kind, parent.ref)), None)
    if taken_back(request, parent):
        raise Reversed
    return Asked(request, parent, kind)


def taken_back(request: Any, parent: Any) -> bool:
    """Whether there is nothing to invoice any more."""
    if request is not None and (request.deleted or request.state in ("withdrawn", "refused")):
        return True
    return parent is not None and (bool(parent.deleted) or parent.state in ("reversed", "cancelled"))


@dataclass(frozen=True)
class Completed:
    """A complete request, and what is odd about it without being wrong."""

    request: InvoiceRequest
    warnings: tuple[str, ...]


def complete(facts: Facts, what: Asked, day: date, filled: dict[str, str]) -> Completed:
    """The request. Raises Incomplete with everything that is missing or wrong, not only the first."""
    work = _Work(facts, what, filled)
    buyer = work.buyer()
    lines = work.lines(day)
    if work.faults:
        raise Incomplete(work.faults)
    try:
        return Completed(InvoiceRequest(lines=tuple(lines), **buyer), work.warnings)
    except ValueError:
        raise Incomplete([Fault("document", "invalid", "finance")]) from None


def buyer_of(facts: Facts, what: Asked, filled: dict[str, str]) -> dict[str, Any]:
    """What the invoice says besides its lines, by the fields of ``InvoiceRequest``; '' = missing, what is wrong as it is."""
    return _Work(facts, what, filled).buyer()


def amount_of(facts: Facts, what: Asked) -> int | None:
    """What is to be invoiced, in fen, tax included: of the request, else of the whole deal, or what was paid of the order."""
    if what.request is not None and what.request.amount is not None:
        return int(what.request.amount)
    if what.parent is None:
        return None
    return whole_of(what)


def whole_of(what: Asked) -> int | None:
    """What the deal is over, or what was paid of the order."""
    found = what.parent.amount if what.kind == "deal" else what.parent.paid
    return None if found is None else int(found)


class _Work:
    def __init__(self, facts: Facts, what: Asked, filled: dict[str, str]) -> None:
        self.facts, self.what, self.filled = facts, what, filled
        self.settings: Invoicing = facts.settings.invoicing
        self.faults: list[Fault] = []
        self.warnings: tuple[str, ...] = ()
        known = facts.customer(what.row.profile_ref)
        self.customer: dict[str, Any] = known[1] if known else {}

    def _miss(self, field: str, reason: str = "missing", who: str = "sales") -> None:
        self.faults.append(Fault(field, reason, who))

    def _said(self, field: str) -> str:
        own = getattr(self.what.request, field, None) if self.what.request is not None else None
        return str(self.filled.get(field) or own or "").strip()

    # -- the buyer

    def buyer(self) -> dict[str, Any]:
        """Everything of the request but its lines."""
        kind, person = self._kind(), self._is_person()
        if person and kind.endswith("special"):
            self._miss("invoice_kind", "special_for_person")
        found: dict[str, Any] = {"kind": kind, "buyer_is_person": person, "buyer_title": self._title(person=person)}
        found["buyer_tax_id"] = self._tax_id(needed=kind.endswith("special") or not person)
        for field in ("buyer_phone", "buyer_bank", "buyer_account", "email", "mobile", "remark"):
            found[field] = self._said(field)
        address = "" if person else str(self.customer.get("address") or "")
        found["buyer_address"] = self._said("buyer_address") or address
        for first, second in (("buyer_address", "buyer_phone"), ("buyer_bank", "buyer_account")):
            if len(f"{found[first]} {found[second]}") > MOST_TEXT:
                self._miss(first, "too_long")
        return found

    def _kind(self) -> str:
        said = self._said("invoice_kind")
        kind = said if said in INVOICE_KINDS else self.settings.kind
        if not kind:
            self._miss("invoice_kind")
        return kind

    def _is_person(self) -> bool:
        said = self._said("buyer_kind")
        if said in ("person", "company"):
            return said == "person"
        return self.customer.get("kind") == "person" and not self._said("buyer_tax_id") and not self.customer.get("tax_id")

    def _title(self, *, person: bool) -> str:
        known = "个人" if person else str(self.customer.get("company") or self.customer.get("display_name") or "")
        title = self._said("buyer_title") or known
        if not title:
            self._miss("buyer_title")
        elif len(title) > MOST_TEXT:
            self._miss("buyer_title", "too_long")
        return title

    def _tax_id(self, *, needed: bool) -> str:
        told = self._said("buyer_tax_id")
        if not told and not self._said("buyer_title"):
            told = str(self.customer.get("tax_id") or "")  # of another title the customer's id would be the wrong one
        if not told and not needed:
            return ""
        found = taxid.check(told, self.settings.accepted_tax_ids)
        if found.error:
            self._miss("buyer_tax_id", found.error)
        self.warnings = tuple(f"buyer_tax_id.{warning}" for warning in found.warnings)
        return found.value

    # -- the money

    def lines(self, day: date) -> list[InvoiceLine]:
        """The lines, whose amounts add up to what is to be invoiced."""
        if self.what.row.currency != "CNY":
            self._miss("amount", "currency", "finance")
        total = amount_of(self.facts, self.what)
        if not total or total < 0:
            self._miss("amount")
            return []
        self._check_rest(total)
        rows, amounts = self._amounts(total)
        made = [self._line(n, row, amount, day) for n, (row, amount) in enumerate(zip(rows, amounts, strict=True), 1)]
        return [line for line in made if line is not None]

    def _check_rest(self, total: int) -> None:
        """Together the invoices of one sale are not over more than the sale."""
        if self.what.parent is None or (whole := whole_of(self.what)) is None:
            return
        others = [
            row for row in self.facts.requests_about(self.what.kind, self.what.parent.ref)
            if row.state in WANTED and (self.what.request is None or row.ref != self.what.request.ref)
        ]  # fmt: skip
        if total + sum(row.amount or 0 for row in others) > whole:
            self._miss("amount", "over")

    def _amounts(self, total: int) -> tuple[Sequence[Any], list[int]]:
        """The lines of the request, else of the sale, with what each is over; else one line over all."""
        request, parent = self.what.request, self.what.parent
        rows: Sequence[Any] = self.facts.request_lines(request.ref) if request is not None else ()
        if not rows and parent is not None:
            rows = self.facts.lines(parent.ref)
        if not rows or any(row.amount is None for row in rows):
            return [_Whole(rows, self.what)], [total]
        kept = [row for row in rows if row.amount]
        weights = [int(row.amount) for row in kept]
        if sum(weights) == total:
            return kept, weights
        if not kept or min(weights) < 0:
            self._miss("lines", "unequal", "finance")
            return [], []
        return kept, allocate(total, weights)

    def _line(self, number: int, row: Any, amount: int, day: date) -> InvoiceLine | None:
        title, code = row.title or "", row.item_code or ""
        item = next((item for item in self.settings.items if item.takes(code, title, day)), None)
        place = f"lines.{number}"
        tax_code, rate = self._tax_code(place, row, item), self._rate(place, row, item)
        named = self.filled.get(f"{place}.title") or (item.name if item else "") or title
        if not named:
            self._miss(f"{place}.title", who="finance")
        if self.faults or not amount:
            return None
        net, tax = split_tax(amount, Decimal(rate))
        return InvoiceLine(
            named, Money(amount), Money(net), Money(tax), rate, tax_code, quantity=_quantity(row),
            unit=self.filled.get(f"{place}.unit") or getattr(row, "unit", None) or (item.unit if item else ""),
            spec=getattr(row, "spec", None) or "", item_code=code, policy=item.policy if item else "",
        )  # fmt: skip

    def _tax_code(self, place: str, row: Any, item: TaxItem | None) -> str:
        own = self.filled.get(f"{place}.tax_code") or getattr(row, "tax_code", None)
        code = str(own or (item.tax_code if item else ""))
        if not TAX_CODE.fullmatch(code):
            self._miss(f"{place}.tax_code", "shape" if code else "missing", "finance")
        return code

    def _rate(self, place: str, row: Any, item: TaxItem | None) -> str:
        if given := self.filled.get(f"{place}.tax_rate"):
            return self._usable(place, given)
        own = getattr(row, "tax_rate", None)
        if own is None and item is None:
            self._miss(f"{place}.tax_rate", who="finance")
            return "0"
        rate = self._usable(place, str(own if own is not None else item.rate if item else ""))
        if own is not None and item is not None and Decimal(rate) != Decimal(item.rate):
            self._miss(f"{place}.tax_rate", "differs", "finance")
        return rate

    def _usable(self, place: str, text: str) -> str:
        try:
            known = 0 <= Decimal(text) < 100
        except InvalidOperation:
            known = False
        if not known:
            self._miss(f"{place}.tax_rate", "shape", "finance")
        return text if known else "0"


class _Whole:
    """The one line of a sale whose lines are not known: what they share, if they share it."""

    def __init__(self, rows: Sequence[Any], what: Asked) -> None:
        first = rows[0] if len(rows) == 1 else None
        self.title = first.title if first else getattr(what.parent, "title", None) or ""
        self.item_code = first.item_code if first else ""
        self.quantity, self.unit, self.spec = "1", "", ""
        self.tax_code = getattr(first, "tax_code", None)
        self.tax_rate = getattr(first, "tax_rate", None)


def _quantity(row: Any) -> str:
    try:
        found = Decimal(row.quantity or "1")
    except InvalidOperation:
        return "1"
    return str(row.quantity or "1") if found > 0 else "1"
