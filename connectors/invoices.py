"""Invoices: what a finance system or an invoicing service is asked to issue, and what it says became of a document.

An ``InvoiceRequest`` that exists is complete and adds up to the fen: its constructor refuses anything else, so that no sink
can be handed half of one. The rules are those of fully digital invoices (数电票) as the invoicing services publish them.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Literal

from connectors.money import Money, rounded

InvoiceKind = Literal[
    "digital_special", "digital_general", "electronic_special", "electronic_general", "paper_special", "paper_general"
]
INVOICE_KINDS: tuple[InvoiceKind, ...] = (
    "digital_special", "digital_general", "electronic_special", "electronic_general", "paper_special", "paper_general",
)  # fmt: skip
"""数电票, the older 电子发票 and paper, each 增值税专用发票 (special: the buyer deducts the tax) or 普通发票 (general)."""
RED_REASONS = ("wrong", "returned", "stopped", "allowance")
"""Why an invoice is reversed: issued wrongly, goods returned, service stopped, allowance. Services number them differently."""
TAX_CODE = re.compile(r"[1-6]\d{18}")
LINE_TAIL = Decimal(6)
"""Fen by which a line's tax may differ from net × rate."""
TOTAL_TAIL = 127
"""Fen by which the taxes of all lines together may differ from those computed line by line."""
MOST_LINES = 2000
MOST_TEXT = 100
"""Longest buyer title, and longest printed line of address and phone, or bank and account."""


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One line. amount = net + tax, in the request's currency; tax_rate: percent as decimal text ("13", "0").

    tax_code: 税收分类编码, 19 digits. quantity: decimal text, empty where the line has no price. policy: the code of a
    relief (数电票 01…18) where one applies, for example "03" exempt.
    """

    title: str
    amount: Money
    net: Money
    tax: Money
    tax_rate: str
    tax_code: str
    quantity: str = "1"
    unit: str = ""
    spec: str = ""
    item_code: str = ""
    policy: str = ""

    def __post_init__(self) -> None:
        if self.net.minor + self.tax.minor != self.amount.minor:
            raise ValueError("invoice line: net and tax do not add up to the amount")
        if not TAX_CODE.fullmatch(self.tax_code):
            raise ValueError("invoice line: a tax classification code has 19 digits")
        if abs(self.tax.minor - self.net.minor * self.rate / 100) > LINE_TAIL:
            raise ValueError("invoice line: the tax is not that of the rate")

    @property
    def rate(self) -> Decimal:
        """The rate as a number of percent. Raises ValueError."""
        try:
            found = Decimal(self.tax_rate)
        except InvalidOperation:
            raise ValueError("invoice line: the tax rate is not a number") from None
        if not 0 <= found < 100:
            raise ValueError("invoice line: the tax rate is not between 0 and 100")
        return found


@dataclass(frozen=True, slots=True)
class RedLetter:
    """The issued (blue) invoice that a red-letter one reverses. code: only invoices before 数电票 have one."""

    number: str
    reason: str
    code: str = ""
    issued_on: dt.date | None = None

    def __post_init__(self) -> None:
        if not self.number or self.reason not in RED_REASONS:
            raise ValueError(f"a red-letter invoice names the invoice it reverses, and one of {', '.join(RED_REASONS)}")


@dataclass(frozen=True, slots=True)
class InvoiceRequest:
    """What the buyer's invoice says. Complete by construction; raises ValueError that names what is wrong, never a value.

    buyer_tax_id: required of everybody but natural persons, and of every special invoice. email, mobile: where the file goes.
    red: set on a red-letter invoice, whose amounts are below zero.
    """

    kind: InvoiceKind
    buyer_title: str = field(repr=False)
    lines: tuple[InvoiceLine, ...]
    buyer_tax_id: str = field(default="", repr=False)
    buyer_is_person: bool = False
    buyer_address: str = field(default="", repr=False)
    buyer_phone: str = field(default="", repr=False)
    buyer_bank: str = field(default="", repr=False)
    buyer_account: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    mobile: str = field(default="", repr=False)
    remark: str = field(default="", repr=False)
    red: RedLetter | None = None

    def __post_init__(self) -> None:
        if self.kind not in INVOICE_KINDS:
            raise ValueError("invoice: the kind is not known")
        if not self.buyer_title or len(self.buyer_title) > MOST_TEXT:
            raise ValueError(f"invoice: the buyer's title has 1 to {MOST_TEXT} characters")
        if not self.buyer_tax_id and (self.special or not self.buyer_is_person):
            raise ValueError("invoice: the buyer's tax id is missing")
        if self.special and self.buyer_is_person:
            raise ValueError("invoice: a natural person gets no special invoice")
        if not 1 <= len(self.lines) <= MOST_LINES:
            raise ValueError(f"invoice: it has 1 to {MOST_LINES} lines")
        self._check_money()

    def _check_money(self) -> None:
        if any(line.amount.currency != "CNY" for line in self.lines):
            raise ValueError("invoice: only yuan can be invoiced")
        tail = sum(line.tax.minor - rounded(line.net.minor * line.rate / 100) for line in self.lines)
        if abs(tail) > TOTAL_TAIL:
            raise ValueError("invoice: the taxes of the lines are too far from their rates")
        if not self.amount.minor or (self.amount.minor < 0) != (self.red is not None):
            raise ValueError("invoice: a red-letter invoice is below zero and names what it reverses, any other is above")

    @property
    def special(self) -> bool:
        """Whether it is a 增值税专用发票."""
        return self.kind.endswith("special")

    @property
    def amount(self) -> Money:
        """With tax: the sum of the lines."""
        return Money(sum(line.amount.minor for line in self.lines))

    @property
    def net(self) -> Money:
        """Without tax: the sum of the lines."""
        return Money(sum(line.net.minor for line in self.lines))

    @property
    def tax(self) -> Money:
        """The tax: the sum of the lines."""
        return Money(sum(line.tax.minor for line in self.lines))


# ---------------------------------------------------------------- what became of a document


@dataclass(frozen=True, slots=True)
class IssuedInvoice:
    """An invoice that was issued for a document. amount: with tax, below zero for a red-letter one; None = not said.

    code: only invoices before 数电票 have one. url: where the file is, if the platform says.
    """

    number: str
    date: dt.date | None = None
    amount: Money | None = None
    code: str = ""
    url: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Payment:
    """Money that was booked as received for a document. key: the receipt over there, always the same for the same money."""

    key: str
    amount: Money
    date: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """What the destination says of a document now. state: its own word. approved: audited, nobody edits it any more.

    received: all that was received by now; where payments are listed, their sum. gone: deleted or cancelled over there.
    problem: why it is stuck, in the platform's words without personal data (an invoice that could not be issued). final:
    nothing will change any more, it need not be asked again.
    """

    state: str
    approved: bool = False
    invoices: tuple[IssuedInvoice, ...] = ()
    payments: tuple[Payment, ...] = ()
    received: Money | None = None
    gone: bool = False
    problem: str = ""
    final: bool = False
