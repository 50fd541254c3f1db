"""Invoice applications (开票申请单): the buyer's invoice as it is asked for; whoever issues invoices in Yonyou issues it.

Never issued by itself (``autoMake`` false): an invoice that was issued can only be reversed. ``djqqlsh`` is our number, which
the platform takes once. (docs: open.yonyoucloud.com, 开票申请单新增, 开票申请单查询)
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from connectors import books, errors
from connectors.base import Document, InvoiceRequest, Money, Status
from connectors.invoices import InvoiceLine, IssuedInvoice
from connectors.money import fen, yuan
from connectors.yonyou import documents
from connectors.yonyou.calls import YonyouCalls
from connectors.yonyou.ledgers import Held

SAVE = "/yonbip/tax/invoiceclient-web/api/invoice-will/save"
RESULT = "/yonbip/tax/invoiceclient-web/api/invoice-will/result"
KINDS = {
    "electronic_general": "1", "electronic_special": "2", "paper_general": "3", "paper_special": "4",
    "digital_special": "31", "digital_general": "32",
}  # fmt: skip
"""``fplx``."""
REASONS = {"returned": "1", "wrong": "2", "stopped": "3", "allowance": "4"}
"""``hcyy``: 销货退回, 开票有误, 服务中止, 销售折让."""
ZERO_RATES = {"03": "1", "04": "2", "": "3"}
"""``lslbs`` of a line at rate 0: 免税, 不征税, 普通零税率. Other reliefs have words of their own that are for people."""


class Invoices:
    """Applications of one invoicing point."""

    def __init__(self, calls: YonyouCalls) -> None:
        self._calls, self._config = calls, calls.config
        self.steps: Mapping[str, str] = {}  # nothing to take: issuing is for people

    def check(self, document: Document) -> None:
        """Raises what can be said before anything is sent."""
        if document.invoice is None or not self._config.invoice_station:
            raise errors.ConfigError("yonyou.station")
        request = document.invoice
        if request.red is not None and request.kind in ("electronic_special", "paper_special"):
            # needs the number of a 红字信息表, which nobody has told us
            raise errors.Rejected("yonyou.red_special", number=document.number)
        for line in request.lines:
            if (line.policy if line.rate else "") or line.policy not in ZERO_RATES:
                raise errors.Rejected("yonyou.relief", number=document.number, policy=line.policy)

    def look(self, number: str) -> Held | None:
        """The application of this number."""
        only = {"djqqlsh": number, "orgCode": self._config.invoice_station}
        try:
            data = self._calls.ask(RESULT, {**only, "withInvoice": "Y", "pageNum": "1", "pageSize": "15"})
        except errors.Gone:  # 1002 数据不存在
            return None
        found = data.get("dtos") if isinstance(data, dict) else None
        if found is None and isinstance(data, dict) and str(data.get("totalCount")) == "0":
            return None
        if not isinstance(found, list):
            raise errors.UnknownAnswer("yonyou.unreadable", name=RESULT)
        mine = [dto for dto in found if str(dto.get("djqqlsh")) == number]
        if len(mine) > 1:
            raise errors.Rejected("yonyou.ambiguous", number=number)
        if not mine:
            return None
        if mine[0].get("jshj") is None:
            raise errors.UnknownAnswer("yonyou.unreadable", name=RESULT)
        raw = {**mine[0], "invoices": data.get("invoices") or []}
        # the answer to a save holds no id: our number is the only name it has
        return Held(number, "issued" if raw["invoices"] else "applied", fen(raw["jshj"]), "", "", raw)

    def save(self, document: Document, customer_code: str) -> None:
        """Written once: the number is taken by the first (code 1001 afterwards). No ``data`` around the body here."""
        assert document.invoice is not None
        self._calls.write(SAVE, application(self._config.invoice_station, document, document.invoice))

    def step(self, name: str, held: Held) -> None:
        """There is none."""
        raise errors.Rejected("yonyou.step_refused", number=held.id, state=held.state, step=name)

    @staticmethod
    def status(document: Document, held: Held) -> Status:
        """The invoices that were issued for it."""
        issued = tuple(_issued(row, held.raw) for row in held.raw["invoices"] if row.get("fpHm"))
        done = sum(invoice.amount.minor for invoice in issued if invoice.amount)
        return Status(held.state, invoices=issued, final=bool(issued) and done == document.amount.minor)


def same_buyer(request: InvoiceRequest, held: Held) -> bool:
    """Whether the application over there is for the same title and tax id."""
    theirs = str(held.raw.get("gmfMc") or ""), str(held.raw.get("gmfNsrsbh") or "")
    return theirs == (request.buyer_title, request.buyer_tax_id)


def application(station: str, document: Document, request: InvoiceRequest) -> dict[str, Any]:
    """The flat body of an application."""
    digital, red = request.kind.startswith("digital"), request.red
    return {
        "djqqlsh": document.number,
        "orgCode": station,
        "lylx": "2",
        "autoMake": "false",
        "zdrq": document.date.isoformat(),
        "fplx": KINDS[request.kind],
        "gmfMc": request.buyer_title,
        **books.given(
            lydjh=document.source.get("number", ""), gmfNsrsbh=request.buyer_tax_id, bz=request.remark[: documents.TEXT],
            revemail=request.email, revphone=request.mobile,
        ),
        **(_digital_buyer(request) if digital else _older_buyer(request)),
        **({"yfpHm": red.number, "hcyy": REASONS[red.reason], **books.given(yfpDm=red.code)} if red else {}),
        "invoiceWillBs": [_line(row, line) for row, line in enumerate(request.lines, 1)],
    }  # fmt: skip


def _digital_buyer(request: InvoiceRequest) -> dict[str, str]:
    return books.given(
        gmfDz=request.buyer_address, gmfDh=request.buyer_phone, gmfYh=request.buyer_bank, gmfZh=request.buyer_account
    )


def _older_buyer(request: InvoiceRequest) -> dict[str, str]:
    """Invoices before 数电票 have one line for each pair."""
    return books.given(
        gmfDzdh=f"{request.buyer_address} {request.buyer_phone}".strip(),
        gmfYhzh=f"{request.buyer_bank} {request.buyer_account}".strip(),
    )


def _line(row: int, line: InvoiceLine) -> dict[str, Any]:
    """``sl`` is a fraction here, where receivables have percent; the price is worked out over there from net and quantity."""
    zero = {"lslbs": ZERO_RATES[line.policy]} if not line.rate else {}
    return {
        "hh": str(row),
        "xmmc": line.title,
        "spssflbm": line.tax_code,
        "sl": line.rate / 100,
        "xmje": yuan(line.net.minor),
        "se": yuan(line.tax.minor),
        "xmjshj": yuan(line.amount.minor),
        **({"xmsl": Decimal(line.quantity)} if line.quantity else {}),
        **books.given(dw=line.unit, ggxh=line.spec),
        **zero,
    }


def _issued(row: dict[str, Any], application: dict[str, Any]) -> IssuedInvoice:
    """An issued invoice; its day stands with the lines that it covers."""
    number = str(row["fpHm"])
    amount = Money(fen(row["jshj"])) if row.get("jshj") is not None else None
    day = next((record.get("kprq") for record in _records(application) if str(record.get("fpHm")) == number), "")
    issued_on = date.fromisoformat(str(day)[:10]) if day else None
    return IssuedInvoice(number, issued_on, amount, str(row.get("fpDm") or ""), str(row.get("shareUrl") or ""))


def _records(application: dict[str, Any]) -> list[dict[str, Any]]:
    """``records`` of the lines: an object in the documentation's example, several where a line was invoiced in parts."""
    found: list[dict[str, Any]] = []
    for line in application.get("invoiceWillBs") or []:
        records = line.get("records") or []
        found += records if isinstance(records, list) else [records]
    return found
