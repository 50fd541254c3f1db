"""Makes the rows of the simulated shop: orders of many shapes, unpaid ones, refunds, after-sale refunds, members.

Amounts here are fen; the platform writes yuan as text in orders and fen as numbers in refunds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from connectors.jd.sim_protocol import BEIJING, FORMAT
from connectors.jd.sim_tde import Vault

NEVER, EPOCH = "0001-01-01 00:00:00", "1970-01-01 00:00:00"
FIRST_ORDER = 290_000_000_001
STATES = (
    "WAIT_SELLER_STOCK_OUT", "WAIT_GOODS_RECEIVE_CONFIRM", "FINISHED_L", "TRADE_CANCELED", "LOCKED", "PAUSE",
    "POP_ORDER_PAUSE", "PARENT_TRADE_CANCELED",
)  # fmt: skip
ENDED = {"FINISHED_L", "TRADE_CANCELED", "PARENT_TRADE_CANCELED"}
WORDS = {
    "WAIT_SELLER_STOCK_OUT": "等待出库", "WAIT_GOODS_RECEIVE_CONFIRM": "等待确认收货", "FINISHED_L": "完成",
    "TRADE_CANCELED": "取消", "LOCKED": "锁定", "PAUSE": "暂停", "POP_ORDER_PAUSE": "业务暂停",
    "PARENT_TRADE_CANCELED": "父单取消",
    "WAIT_SELLER_DELIVERY": "等待发货", "WAIT_SEND_CODE": "等待发码",
}  # fmt: skip
ONLINE, COD = "4-在线支付", "1-货到付款"
REGION = ("浙江", "杭州市", "西湖区", "")


def yuan(fen: int) -> str:
    """Money as orders write it."""
    return f"{fen // 100}.{fen % 100:02d}"


def text_of(moment: datetime | None) -> str:
    """A time as orders write it; none is a sentinel."""
    return moment.strftime(FORMAT) if moment else NEVER


def millis(moment: datetime | None) -> int | None:
    """A time as after-sale rows write it."""
    return int(moment.replace(tzinfo=BEIJING).timestamp() * 1000) if moment else None


def handle(kind: str, *parts: str) -> str:
    """A stable opaque id within one application."""
    return f"{kind}-" + hashlib.sha256("|".join((kind, *parts)).encode()).hexdigest()[:24]


def buyer_ids(buyer: str, app_key: str, stage: str) -> dict[str, str]:
    """What the platform calls a buyer. stage: how far the migration is: pin, both (all three), xid (the newest alone)."""
    known = {kind: handle(kind, buyer, app_key) for kind in ("pin", "open_id_buyer", "xid_buyer")}
    shown = {"pin": ("pin",), "both": tuple(known), "xid": ("xid_buyer",)}[stage]
    return {kind: known[kind] for kind in shown}


@dataclass
class Row:
    """One record. times: by the names of the platform's time filters, naive Beijing time. extra: fields nobody knows."""

    key: str
    record: dict[str, Any]
    times: dict[str, datetime]
    buyer: str
    removed: bool = False
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Person:
    """The receiver of an order. masked: the platform shows the phone as 138*******0 and name and address as ciphertext."""

    name: str
    mobile: str
    address: str = "文三路 1 号"
    masked: bool = True


@dataclass
class Sale:
    """What an order is made from. invoice: 0 none, 1 ordinary, 2 VAT special, 3 electronic; title and code with it."""

    number: int
    buyer: str
    person: Person
    created: datetime
    modified: datetime
    goods: int
    paid: int
    paid_at: datetime | None
    state: str = "WAIT_SELLER_STOCK_OUT"
    freight: int = 600
    pay: str = ONLINE
    parent: int = 0
    again: int = 0
    invoice: int = 0
    title: str = ""
    code: str = ""
    vat: Any = None
    actual: bool = True


def order(sale: Sale, vault: Vault, vender: str) -> Row:
    """The row of an order; the personal fields are sealed with the shop's keys."""
    discount = max(sale.goods + sale.freight - sale.paid, 0)
    record: dict[str, Any] = {
        "orderId": str(sale.number), "venderId": vender, "parentOrderId": str(sale.parent),
        "directParentOrderId": str(sale.parent),
        "orderType": "22", "payType": sale.pay, "orderState": sale.state, "orderStateRemark": WORDS[sale.state],
        "orderTotalPrice": yuan(sale.goods), "orderSellerPrice": yuan(sale.goods - discount), "sellerDiscount": yuan(discount),
        "freightPrice": yuan(sale.freight), "orderPayment": yuan(sale.paid), "shouldPay": yuan(sale.paid),
        "balanceUsed": "0.00", "taxFee": "0.00", "serviceFee": "0.00", "orderRemark": "", "venderRemark": "",
        "orderStartTime": text_of(sale.created), "paymentConfirmTime": text_of(sale.paid_at) if sale.paid_at else EPOCH,
        "orderEndTime": text_of(sale.modified if sale.state in ENDED else None), "modified": text_of(sale.modified),
        "dataVersion": str(millis(sale.modified)), "storeOrder": "", "returnOrder": str(sale.again),
        "itemInfoList": _items(sale), "couponDetailList": [],
        "consigneeInfo": _receiver(sale.person, vault),
        "invoiceInfo": "发票类型:电子发票" if sale.invoice else "不需要开具发票",
        "invoiceEasyInfo": _invoice(sale, vault), "vatInfo": sealed_vat(sale.vat, vault),
    }  # fmt: skip
    if sale.actual and sale.paid_at:
        record["actualPay"] = yuan(sale.paid)
    if sale.invoice == 1:
        record["invoiceCode"] = sale.code
    return Row(str(sale.number), record, {"modified": sale.modified, "created": sale.created}, sale.buyer)


def _items(sale: Sale) -> list[dict[str, Any]]:
    item = {
        "skuId": str(100_000_000_000 + sale.number % 50), "wareId": "100000000000", "outerSkuId": f"SKU-{sale.number % 50}",
        "skuName": "龙井礼盒 250g", "jdPrice": yuan(sale.goods // 2), "itemTotal": "2", "giftPoint": "0",
        "productNo": "", "newStoreId": "0",
    }  # fmt: skip
    return [item]


def _receiver(person: Person, vault: Vault) -> dict[str, str]:
    masked = person.mobile[:3] + "*******" + person.mobile[-1:]
    shown = masked if person.masked else vault.seal(person.mobile)
    blurred = hashlib.sha256(person.mobile.encode()).hexdigest() + "abcdef"
    return {
        "fullname": vault.seal(person.name), "mobile": shown, "telephone": shown, "desen_mobile": blurred,
        "desen_telephone": blurred, "fullAddress": vault.seal(person.address), "province": REGION[0], "city": REGION[1],
        "county": REGION[2], "town": REGION[3], "provinceId": "15", "cityId": "1213", "countyId": "3408", "townId": "0",
    }  # fmt: skip


def _invoice(sale: Sale, vault: Vault) -> dict[str, str]:
    if not sale.invoice:
        return {"invoiceType": "0"}
    found = {"invoiceType": str(sale.invoice), "invoiceContentId": "1", "invoiceCode": sale.code, "invoiceState": "0"}
    found["invoiceTitle"] = vault.seal(sale.title) if sale.title else ""
    if sale.invoice == 3:
        found["invoiceConsigneeEmail"] = vault.seal("finance@example.com")
        found["invoiceConsigneePhone"] = vault.seal(sale.person.mobile)
    return found


def sealed_vat(vat: Any, vault: Vault) -> Any:
    """The VAT block, whose personal parts are ciphertext; ``None`` and an empty list stay as they are."""
    personal = {"bankAccount", "userAddress", "userName", "userPhone"}
    if not isinstance(vat, dict):
        return vat
    return {name: vault.seal(value) if name in personal and value else value for name, value in vat.items()}


def invented(number: int, modified: datetime) -> Sale:
    """The n-th invented order, of changing shape."""
    state = STATES[number % len(STATES)]
    cod = number % 8 == 0 and number % 16 == 8
    created = modified - timedelta(minutes=30)
    person = Person(f"收货人{number % 40}", f"139{number % 10_000:08d}", masked=number % 3 == 0)
    paid_at = None if cod else created + timedelta(minutes=2)
    invoice = (0, 3, 1, 2)[number % 4]
    title = "" if not invoice else ("个人" if number % 8 == 1 else f"示例{number % 9}贸易有限公司")
    return Sale(
        number=FIRST_ORDER + number, buyer=f"buyer {number % 40}", person=person, created=created, modified=modified,
        goods=22_600, paid=22_200, paid_at=paid_at, state=state, pay=COD if cod else ONLINE, again=0,
        parent=FIRST_ORDER + number - 1 if number % 11 == 10 else 0, invoice=invoice, title=title,
        code="" if title in ("", "个人") else "91330106MA2DEM003K", vat=_vat(invoice, number),
    )  # fmt: skip


def _vat(invoice: int, number: int) -> Any:
    if invoice != 2:
        return (None, [], {})[number % 3]
    return {
        "vatNo": "91330106MA2DEM003K", "addressRegIstered": "杭州市西湖区文三路 1 号", "phoneRegIstered": "0571-88000000",
        "depositBank": "示例银行杭州支行", "bankAccount": "1202000009000000001", "userAddress": "杭州市西湖区文三路 1 号",
        "userName": "财务部", "userPhone": "13955500000",
    }  # fmt: skip


def unpaid(number: int, created: datetime, buyer: str, vender: str, vault: Vault) -> Row:
    """An order that nobody has paid yet. (OrderDataNotPayInfo of JD's Java SDK)"""
    key = 280_000_000_001 + number
    record: dict[str, Any] = {
        "id": number + 1, "orderId": key, "venderId": int(vender), "payment": 4, "orderType": 22, "parentId": 0,
        "orderCreated": text_of(created), "status": 1, "userName": vault.seal("收货人"), "address": vault.seal("文三路 1 号"),
        "mobile": "139*******1", "phone": "139*******1", "created": millis(created), "modified": millis(created),
        "sendPay": "00000", "itemList": [{"skuId": 100_000_000_001, "num": 1}], "provinceId": 15, "cityId": 1213,
        "countyId": 3408, "townId": 0, "desen_mobile": "ab" * 35, "desen_phone": "ab" * 35,
    }  # fmt: skip
    return Row(str(key), record, {"created": created}, buyer)


def refund(number: int, order_id: str, fen: int, status: int, applied: datetime, checked: datetime | None, buyer: str) -> Row:
    """A refund application from before the goods went out. The sum is fen. (docs: refundapply.queryPageList)"""
    record: dict[str, Any] = {
        "id": number, "buyerName": "buyer", "orderId": order_id, "applyTime": applied.strftime(FORMAT),
        "checkTime": checked.strftime(FORMAT) if checked else None, "applyRefundSum": fen, "status": status,
        "checkUserName": "客服" if checked else None, "checkRemark": "", "reason": "不想要了", "systemId": 14, "storeId": 0,
    }  # fmt: skip
    times = {"applyTime": applied} | ({"checkTime": checked} if checked else {})
    return Row(str(number), record, times, buyer)


def after_sale(number: int, order_id: str, amount: int, status: int, times: Sequence[datetime | None], buyer: str) -> Row:
    """A refund after delivery with its service bill. times: applied, approved, completed."""
    applied, approved, completed = times
    bill: dict[str, Any] = {
        "serviceId": 7_000_000 + number, "afsApplyId": 8_000_000 + number, "orderId": int(order_id), "wareId": 100_000_000_000,
        "wareName": "龙井礼盒 250g", "approveName": "客服" if approved else None, "afsApplyTime": millis(applied),
        "approveDate": millis(approved), "questionDesc": "有破损", "approveNotes": "", "applyReason": "质量问题",
    }  # fmt: skip
    record = {
        "afsRefundId": number, "refoundAmount": amount, "completeTime": millis(completed), "status": status,
        "sameOrderServiceBill": bill,
    }  # fmt: skip
    found = {"applyTime": applied, "approveTime": approved}
    return Row(f"{order_id}/{number}", record, {name: moment for name, moment in found.items() if moment}, buyer)


def member(number: int, last: datetime, buyer: str, grade: int, app_key: str) -> Row:
    """A row of the shop's CRM. Amounts are yuan as JSON numbers, the last trade is milliseconds."""
    record: dict[str, Any] = {
        "grade": str(grade), "trade_count": 1 + number % 5, "trade_amount": 222.5, "close_trade_count": 0,
        "close_trade_amount": 0.0, "item_num": 2, "avg_price": 222.5, "last_trade_time": millis(last),
    }  # fmt: skip
    return Row(handle("xid_buyer", buyer, app_key), record, {"last": last}, buyer)
