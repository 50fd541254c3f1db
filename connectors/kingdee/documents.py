"""The documents as K/3 Cloud wants them: models whose key order is kept, and money as exact decimals.

Field keys are those of the official object pages (docs: openapi.open.kingdee.com/ApiDoc, objects BD_Customer,
SAL_SaleOrder, AR_receivable). Changing an organisation clears what depends on it, so keys stay in the pages' order.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from connectors import books
from connectors.base import Document, DocumentLine, Party, Status
from connectors.errors import ConfigError, Rejected
from connectors.kingdee.config import KingdeeConfig
from connectors.money import Money, fen, priced, split_tax, yuan

FEN = Decimal("0.01")
TEXT = 200
"""Longest remark or description that is sent; the platform's own limits differ by form and are not published."""


@dataclass(frozen=True)
class Form:
    """A business object and the keys under which it is queried. key: its primary key; amount: total, tax included."""

    id: str
    key: str
    number: str
    amount: str
    party: str

    @property
    def keys(self) -> tuple[str, ...]:
        """What is asked to recognise a document. Header fields only."""
        return self.key, self.number, "FDocumentStatus", "FCancelStatus", self.amount, self.party


_RECEIVABLE = Form("AR_receivable", "FID", "FBillNo", "FALLAMOUNTFOR", "FCUSTOMERID.FNumber")
FORMS = {
    "receivable": _RECEIVABLE,
    "settlement": _RECEIVABLE,
    "sales_order": Form("SAL_SaleOrder", "FID", "FBillNo", "FBillAllAmount", "FCustId.FNumber"),
}
"""Document kind -> form."""


RECEIVED = "FRelateHadPayAmount"
"""What was received on a receivable (docs: object AR_receivable)."""
FOLLOWED: dict[str, tuple[str, ...]] = {"receivable": (RECEIVED,), "settlement": (RECEIVED,), "sales_order": ()}
CUSTOMER_KEYS = ("FCUSTID", "FNumber", "FDocumentStatus", "FForbidStatus", "FUseOrgId.FNumber")


def quoted(code: str) -> str:
    """The code as it stands between quotes in a FilterString."""
    return code.replace("'", "''")


def check(config: KingdeeConfig, document: Document) -> None:
    """Raises what can be said before anything is sent: Rejected for the document, ConfigError for the account."""
    number = document.number
    if document.kind not in FORMS:
        raise ConfigError("kingdee.kind", kind=document.kind)
    if document.amount.currency != "CNY":
        raise Rejected("kingdee.currency", number=number, currency=document.amount.currency)
    if document.kind == "sales_order":
        if not config.saler_code:
            raise ConfigError("kingdee.saler_missing")
        if document.amount.minor <= 0:
            raise Rejected("kingdee.order_amount", number=number)
    elif not any(line.amount.minor for line in lines_of(document)):
        raise Rejected("kingdee.nothing_to_book", number=number)


def lines_of(document: Document) -> tuple[DocumentLine, ...]:
    """The lines; a document without any is one line of its amount."""
    return document.lines or (DocumentLine(title=document.note or document.number, amount=document.amount),)


def status(form: Form, row: dict[str, Any]) -> Status:
    """What a queried row says of a document."""
    state = "cancelled" if row["FCancelStatus"] == "B" else str(row["FDocumentStatus"])
    received = Money(fen(row[RECEIVED] or 0)) if RECEIVED in row else None
    whole = received is not None and received.minor == fen(row[form.amount])
    return Status(state, approved=state == "C", received=received, gone=state == "cancelled", final=whole and state == "C")


def named_customer(config: KingdeeConfig, party: Party) -> str:
    """The Kingdee code that the account's table gives a party; '' where it gives none."""
    return next((right for left, right in books.table(config.customers) if left in (party.code, party.tax_id)), "")


def customer(config: KingdeeConfig, party: Party) -> dict[str, Any]:
    """BD_Customer: the contact data only where the account says so."""
    contact = {"FADDRESS": party.address, "FTEL": party.phone} if config.send_contact else {}
    invoice = {"FINVOICETITLE": party.name, "FTAXREGISTERCODE": party.tax_id} if party.tax_id else {}
    return {
        "FCUSTID": 0,
        "FCreateOrgId": _number(config.org_num),
        "FNumber": party.code,
        "FUseOrgId": _number(config.org_num),
        "FName": party.name,
        "FShortName": party.name,
        **_given(contact),
        **_given(invoice),
        "FTRADINGCURRID": _number(config.currency_code),
    }


def model(config: KingdeeConfig, document: Document) -> dict[str, Any]:
    """The model of a document's form."""
    return _order(config, document) if document.kind == "sales_order" else _receivable(config, document)


def _order(config: KingdeeConfig, document: Document) -> dict[str, Any]:
    day = document.date.isoformat()
    party = document.party
    contact = {"FLinkPhone": party.phone, "FReceiveAddress": party.address} if config.send_contact else {}
    return {
        "FID": 0,
        "FBillTypeID": {"FNUMBER": config.order_bill_type},
        "FBillNo": document.number,
        "FDate": day,
        "FSaleOrgId": _number(config.org_num),
        "FCustId": _number(party.code),
        **_codes(FSaleDeptId=config.dept_code, FSalerId=config.saler_code),
        **_given(contact),
        "FNote": document.note[:TEXT],
        "FSaleOrderFinance": {
            "FSettleCurrId": _number(config.currency_code),
            "FExchangeTypeId": _number(config.exchange_type),
            "FIsIncludedTax": True,
            "FIsPriceExcludeTax": True,
        },
        "FSaleOrderEntry": [_order_line(config, line, document.due or document.date) for line in lines_of(document)],
    }


def _order_line(config: KingdeeConfig, line: DocumentLine, due: Any) -> dict[str, Any]:
    unit = _number(config.unit_code)
    quantity, price = priced(line.amount.minor, books.number(line.quantity, partial(_bad, "quantity")))
    return {
        "FMaterialId": _number(_material(config, line)),
        "FUnitID": unit,
        "FQty": quantity,
        "FPriceUnitId": unit,
        "FTaxPrice": price,
        "FEntryTaxRate": _rate(config, line),
        "FDeliveryDate": f"{due.isoformat()} 00:00:00",
        "FSettleOrgIds": _number(config.org_num),
        "FStockUnitID": unit,
        "FReserveType": "1",
        "FOUTLMTUNIT": "SAL",
    }


def _receivable(config: KingdeeConfig, document: Document) -> dict[str, Any]:
    day, due = document.date.isoformat(), (document.due or document.date).isoformat()
    settlement = document.kind == "settlement"
    bill_type = config.settlement_bill_type if settlement else config.receivable_bill_type
    note = f"{config.settlement_mark} {document.note}".strip() if settlement else document.note
    who, org = _number(document.party.code), _number(config.org_num)
    return {
        "FID": 0,
        "FBillTypeID": {"FNUMBER": bill_type},
        "FBillNo": document.number,
        "FDATE": day,
        "FENDDATE_H": due,
        "FCUSTOMERID": who,
        "FCURRENCYID": _number(config.currency_code),
        **_codes(FPayConditon=config.pay_condition),
        "FISTAX": True,
        "FSETTLEORGID": org,
        "FPAYORGID": org,
        "FSALEORGID": org,
        **_codes(FSALEDEPTID=config.dept_code, FSALEERID=config.saler_code),
        "FBUSINESSTYPE": "BZ",
        "FSetAccountType": "1",
        "FCancelStatus": "A",
        "FAR_Remark": note[:TEXT],
        "FsubHeadSuppiler": {"FORDERID": who, "FTRANSFERID": who, "FChargeId": who},
        "FsubHeadFinc": {
            "FACCNTTIMEJUDGETIME": day,
            "FMAINBOOKSTDCURRID": _number(config.currency_code),
            "FEXCHANGETYPE": _number(config.exchange_type),
            "FExchangeRate": Decimal("1.0"),
        },
        # a line of nothing is refused, and books nothing
        "FEntityDetail": [_receivable_line(config, line) for line in lines_of(document) if line.amount.minor],
        "FEntityPlan": [{"FENDDATE": due, "FPAYRATE": 100, "FPAYAMOUNTFOR": yuan(document.amount.minor)}],
    }


def _receivable_line(config: KingdeeConfig, line: DocumentLine) -> dict[str, Any]:
    rate = _rate(config, line)
    quantity, price = priced(line.amount.minor, books.number(line.quantity, partial(_bad, "quantity")))
    bare, tax = split_tax(line.amount.minor, rate)
    return {
        "FMATERIALID": _number(_material(config, line)),
        "FMaterialDesc": line.title[:TEXT],
        "FPRICEUNITID": _number(config.unit_code),
        "FPriceQty": quantity,
        "FTaxPrice": price,
        "FEntryTaxRate": rate,
        "FNoTaxAmountFor_D": yuan(bare),
        "FTAXAMOUNTFOR_D": yuan(tax),
        "FALLAMOUNTFOR_D": yuan(line.amount.minor),
    }


def _rate(config: KingdeeConfig, line: DocumentLine) -> Decimal:
    rate = books.rate(line.tax_rate, config.tax_rate, partial(_bad, "tax_rate"))
    return rate.quantize(FEN) if rate == rate.quantize(FEN) else rate


def _bad(field: str) -> Rejected:
    return Rejected("kingdee.line", field=field)


def _material(config: KingdeeConfig, line: DocumentLine) -> str:
    """The material of a line. Raises Rejected for a code that the account's table lacks: none is guessed."""
    if config.materials and line.item_code:
        found = next((right for left, right in books.table(config.materials) if fnmatchcase(line.item_code, left)), None)
        if found is None:
            raise Rejected("kingdee.material_unmapped", item=line.item_code)
        return found
    return line.item_code if config.use_item_codes and line.item_code else config.material_code


def _number(code: str) -> dict[str, str]:
    return {"FNumber": code}


def _codes(**codes: str) -> dict[str, dict[str, str]]:
    return {key: _number(code) for key, code in codes.items() if code}


def _given(values: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in values.items() if value}
