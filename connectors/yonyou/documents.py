"""The documents as YonBIP wants them. Values that are not known are left out: null is written through and erases.

(docs: open.yonyoucloud.com, 应收结算清单保存, 销售订单单个保存, 客户档案保存. ``!`` is part of a sales order's flat keys.)
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from typing import Any

from connectors import books
from connectors.base import Document, DocumentLine, Party
from connectors.errors import ConfigError, Rejected
from connectors.money import priced, split_tax, yuan
from connectors.yonyou.config import YonyouConfig

FEN = Decimal("0.01")
PRICE_DECIMALS = 6
TEXT = 200
"""Longest remark that is sent; the platform's own limits differ by document and are not published."""
KINDS = ("receivable", "settlement", "sales_order", "invoice")


def check(config: YonyouConfig, document: Document) -> None:
    """Raises what can be said before anything is sent: Rejected for the document, ConfigError for the account."""
    number = document.number
    if document.kind not in KINDS:
        raise ConfigError("yonyou.kind", kind=document.kind)
    if document.amount.currency != "CNY":
        raise Rejected("yonyou.currency", number=number, currency=document.amount.currency)
    if not any(line.amount.minor for line in lines_of(document)):
        raise Rejected("yonyou.nothing_to_book", number=number)
    if document.kind == "sales_order":
        _check_order(config, document)


def _check_order(config: YonyouConfig, document: Document) -> None:
    if not (config.order_type and config.unit_code):
        raise ConfigError("yonyou.order_codes")
    if document.amount.minor <= 0:
        raise Rejected("yonyou.order_amount", number=document.number)
    for line in lines_of(document):
        if not config.tax_code(rate_of(config, line)):
            raise ConfigError("yonyou.tax_code", rate=rate_of(config, line))


def lines_of(document: Document) -> tuple[DocumentLine, ...]:
    """The lines that say something; a document without any is one line of its amount."""
    lines = tuple(line for line in document.lines if line.amount.minor)
    return lines or (DocumentLine(title=document.note or document.number, amount=document.amount),)


def rate_of(config: YonyouConfig, line: DocumentLine) -> Decimal:
    """The line's tax rate in percent. Raises Rejected."""
    rate = books.rate(line.tax_rate, config.tax_rate, partial(_bad, "tax_rate"))
    return rate.quantize(FEN) if rate == rate.quantize(FEN) else rate


def customer(config: YonyouConfig, party: Party) -> dict[str, Any]:
    """``merchant/idempotent/newinsert``: the phone only where the account says so."""
    company = bool(party.tax_id)
    tax = {"licenseType": 0, "creditCode": party.tax_id} if company else {}
    invoice = [{"title": party.name, "taxNo": party.tax_id, "isDefault": True}] if company else []
    return {
        "code": party.code,
        "name": {"simplifiedName": party.name},
        "createOrgCode": config.org_code,
        "enterpriseNature": 0 if company else 2,
        ("enterpriseName" if company else "orgName"): party.name,
        **tax,
        **books.given(customerClassCode=config.customer_class, contactTel=party.phone if config.send_contact else ""),
        **({"merchantAgentInvoiceInfos": invoice} if invoice else {}),
        "merchantApplyRanges": [{"orgIdCode": config.org_code}],
    }


def receivable(config: YonyouConfig, document: Document, customer_code: str) -> dict[str, Any]:
    """``EFI/receivable/save``. ``extSystemCode`` and ``extVouchCode`` are checked together, and either alone is no guard."""
    settlement = document.kind == "settlement"
    note = f"{config.settlement_mark} {document.note}".strip() if settlement else document.note
    lines = [line for line in lines_of(document) if line.amount.minor]
    return {
        "extSystemCode": config.ext_system,
        "extVouchCode": document.number,
        "_status": "Insert",
        "financeOrgCode": config.org_code,
        "orgCode": config.org_code,
        "bustypeCode": config.settlement_type if settlement else config.receivable_type,
        "billDate": moment(document.date),
        "direction": "-1" if document.amount.minor < 0 else "1",
        **_exchanged(config, document, customer_code),
        **books.given(staffCode=config.staff_code, deptCode=config.dept_code, remarks=note[:TEXT]),
        "bodyItem": [_receivable_line(config, document, customer_code, row, line) for row, line in enumerate(lines, 1)],
    }


def _receivable_line(
    config: YonyouConfig, document: Document, customer_code: str, row: int, line: DocumentLine
) -> dict[str, Any]:
    rate = rate_of(config, line)
    bare, tax = (yuan(part) for part in split_tax(line.amount.minor, rate))
    whole, due = yuan(line.amount.minor), document.due or document.date
    return {
        "_status": "Insert",
        "extRowNo": str(row),
        "materialCode": material(config, line),
        "quantity": priced(line.amount.minor, books.number(line.quantity, partial(_bad, "quantity")))[0],
        "taxRate": rate,
        "oriTaxExcludedAmount": bare,
        "oriTaxAmount": tax,
        "oriTaxIncludedAmount": whole,
        "localTaxExcludedAmount": bare,
        "localTaxAmount": tax,
        "localTaxIncludedAmount": whole,
        **_exchanged(config, document, customer_code),
        "orgCode": config.org_code,
        "grandsonItem": [
            {
                "_status": "Insert", "issueNo": 1, "startDate": moment(document.date), "expireDate": moment(due), "ratio": 100,
                "oriTaxIncludedAmount": whole, "localTaxIncludedAmount": whole, "blnPrepare": 0, "blnDeposit": 0,
            }
        ],
    }  # fmt: skip


def _exchanged(config: YonyouConfig, document: Document, customer_code: str) -> dict[str, Any]:
    """Currency and party, which head and rows both carry."""
    return {
        "objectType": "1", "customerCode": customer_code, "oriCurrencyCode": config.currency_code,
        "exchangeRateTypeCode": config.exchange_type, "exchangeRate": 1, "exchangeRateDate": moment(document.date),
    }  # fmt: skip


def order(config: YonyouConfig, document: Document, customer_code: str) -> dict[str, Any]:
    """``sd/voucherorder/singleSave``: our number is the order's ``code``; references take an id or a code."""
    return {
        "_status": "Insert",
        "code": document.number,
        "salesOrgId": config.org_code,
        "settlementOrgId": config.org_code,
        "transactionTypeId": config.order_type,
        "vouchdate": moment(document.date),
        "agentId": customer_code,
        "invoiceAgentId": customer_code,
        **books.given(corpContact=config.staff_code, saleDepartmentId=config.dept_code, memo=document.note[:TEXT]),
        "payMoney": yuan(document.amount.minor),
        "orderPrices!currency": config.currency_code,
        "orderPrices!natCurrency": config.currency_code,
        "orderPrices!exchRate": 1,
        "orderPrices!exchangeRateType": config.exchange_type,
        "orderPrices!taxInclusive": True,
        "orderDetails": [_order_line(config, document, line) for line in lines_of(document) if line.amount.minor],
    }


def _order_line(config: YonyouConfig, document: Document, line: DocumentLine) -> dict[str, Any]:
    rate = rate_of(config, line)
    bare, tax = (yuan(part) for part in split_tax(line.amount.minor, rate))
    quantity, price = priced(line.amount.minor, books.number(line.quantity, partial(_bad, "quantity")))
    bare_price = (bare / quantity).quantize(Decimal(1).scaleb(-PRICE_DECIMALS), ROUND_HALF_UP)
    code, unit = material(config, line), config.unit_code
    return {
        "_status": "Insert",
        "productId": code,
        "skuId": code,
        "orderProductType": "SALE",
        **dict.fromkeys(("qty", "subQty", "priceQty"), quantity),
        # one unit for all three, so that every rate of exchange between them is one and fixed
        **dict.fromkeys(("masterUnitId", "iProductAuxUnitId", "iProductUnitId"), unit),
        "invExchRate": 1,
        "invPriceExchRate": 1,
        "unitExchangeType": 0,
        "unitExchangeTypePrice": 0,
        "stockOrgId": config.org_code,
        "settlementOrgId": config.org_code,
        "consignTime": moment(document.due or document.date),
        "taxId": config.tax_code(rate),
        "oriTaxUnitPrice": price,
        "oriSum": yuan(line.amount.minor),
        "orderDetailPrices!oriUnitPrice": bare_price,
        "orderDetailPrices!oriMoney": bare,
        "orderDetailPrices!oriTax": tax,
        "orderDetailPrices!natTaxUnitPrice": price,
        "orderDetailPrices!natUnitPrice": bare_price,
        "orderDetailPrices!natSum": yuan(line.amount.minor),
        "orderDetailPrices!natMoney": bare,
        "orderDetailPrices!natTax": tax,
    }


def material(config: YonyouConfig, line: DocumentLine) -> str:
    """The material of a line."""
    return line.item_code if config.use_item_codes and line.item_code else config.material_code


def moment(day: Any) -> str:
    """A date as the platform writes it, in the tenant's own time."""
    return f"{day.isoformat()} 00:00:00"


def _bad(field: str) -> Rejected:
    return Rejected("yonyou.line", field=field)
