"""What each stream is read by: methods, parameters, where the rows stand. (docs: apiId 15660, 15661, 14061; JD's Java SDK)"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors.base import Record, Window
from connectors.jd.settings import JdConfig
from connectors.jd.walk import text_of

SEARCH, GET = "jingdong.pop.order.enSearch", "jingdong.pop.order.enGet"
UNPAID, UNPAID_ONE = "jingdong.pop.order.notPayOrderInfo", "jingdong.pop.order.notPayOrderById"
REFUNDS, BILLS = "jingdong.pop.afs.soa.refundapply.queryPageList", "jingdong.asc.serviceAndRefund.view"
SCAN, MEMBERS = "jingdong.crm.member.scan", "jingdong.crm.member.searchNew"
SHOP, TO_XID = "jingdong.vender.shop.query", "jingdong.jos.oauth.rpc.xid.mixPin2Xid"
CREATED, MODIFIED = "created", "modified"
REACH = timedelta(days=88)
"""Searches by modification reach back three months, by creation two years. (docs: apiId 15660)"""
UNPAID_FOR = timedelta(days=7)
"""How far back unpaid orders are looked for; older ones are as good as cancelled."""
PLAIN = (
    "orderId,venderId,parentOrderId,directParentOrderId,orderType,payType,orderTotalPrice,orderSellerPrice,orderPayment,"
    "freightPrice,sellerDiscount,balanceUsed,taxFee,serviceFee,shouldPay,actualPay,totalOriginalPrice,totalSellerDiscount,"
    "orderState,orderStateRemark,orderStartTime,orderEndTime,paymentConfirmTime,modified,dataVersion,pin,open_id_buyer,"
    "xid_buyer,itemInfoList,storeOrder,returnOrder,waybill"
)
WISHES, RECEIVER = "invoiceInfo,invoiceCode,invoiceEasyInfo,vatInfo", "consigneeInfo"


def order_fields(config: JdConfig) -> str:
    """What is asked for: of personal data only what the account uses. A field that is not named is not returned."""
    parts = [PLAIN, WISHES if config.invoices else "", RECEIVER if config.consignee == "contact" else ""]
    return ",".join(filter(None, parts))


@dataclass(frozen=True)
class Listing:
    """A stream read in windows. holder, rows, totals: where the answer has them; most: pages served of one query."""

    method: str
    holder: str
    rows: str
    totals: tuple[str, ...]
    key: str
    params: Callable[[JdConfig, str, Window, int, int], Mapping[str, Any]]
    kinds: tuple[str, ...]
    most: int = 0
    known: Callable[[int, Record, Window], bool] = lambda number, row, window: False


def _orders(config: JdConfig, kind: str, part: Window, page: int, size: int) -> Mapping[str, Any]:
    # dateType: 1 is creation, anything else modification. sortType: 1 is descending, anything else ascending.
    return {
        "start_date": text_of(part.start), "end_date": text_of(part.end), "order_state": "ALL", "page": str(page),
        "page_size": str(size), "optional_fields": order_fields(config), "dateType": 1 if kind == CREATED else 0, "sortType": 0,
    }  # fmt: skip


def _unpaid(config: JdConfig, kind: str, part: Window, page: int, size: int) -> Mapping[str, Any]:
    return {"startDate": text_of(part.start), "endDate": text_of(part.end), "page": page, "pageSize": size}


def _refunds(config: JdConfig, kind: str, part: Window, page: int, size: int) -> Mapping[str, Any]:
    return {f"{kind}Start": text_of(part.start), f"{kind}End": text_of(part.end), "pageIndex": page, "pageSize": size}


def _bills(config: JdConfig, kind: str, part: Window, page: int, size: int) -> Mapping[str, Any]:
    return {f"{kind}Begin": text_of(part.start), f"{kind}End": text_of(part.end), "pageNumber": page, "pageSize": size}


def _within(value: Any, window: Window) -> bool:
    """Whether a time of a record (Beijing text, or milliseconds) lies in the window, both ends inside."""
    if isinstance(value, int):
        moment = datetime.fromtimestamp(value / 1000, window.start.tzinfo)
        return window.start <= moment <= window.end
    return bool(value) and text_of(window.start) <= str(value) <= text_of(window.end)


def _bill(row: Record) -> Record:
    found = row.get("sameOrderServiceBill")
    return found if isinstance(found, dict) else {}


LISTINGS = {
    "order": Listing(
        SEARCH, "searchorderinfo_result", "orderInfoList", ("orderTotal",), "orderId", _orders, (CREATED, MODIFIED),
        known=lambda number, row, window: number == 1 and _within(row.get("orderStartTime"), window),
    ),
    "unpaid": Listing(UNPAID, "paginatedInfo", "pageList", ("totalItem",), "orderId", _unpaid, (CREATED,)),
    # New applications have a time of application only, decided ones were changed at their check: both are asked for.
    "refund": Listing(
        REFUNDS, "queryResult", "result", ("totalCount",), "id", _refunds, ("applyTime", "checkTime"), 100,
        lambda number, row, window: number == 1 and _within(row.get("applyTime"), window),
    ),
    "after_sale": Listing(
        BILLS, "pageResult", "data", ("totalCount",), "afsRefundId", _bills, ("applyTime", "approveTime"), 100,
        lambda number, row, window: number == 1 and _within(_bill(row).get("afsApplyTime"), window),
    ),
}  # fmt: skip


def order_kinds(window: Window, now: datetime) -> list[str]:
    """By modification, which reaches back three months; a window that begins earlier by creation too, or else alone."""
    edge = now - REACH
    kinds = [CREATED] if window.start < edge else []
    return [*kinds, MODIFIED] if window.end > edge else kinds
