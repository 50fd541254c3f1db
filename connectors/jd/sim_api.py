"""The methods that the simulated gateway serves: which parameters each takes, what it refuses, what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors.jd.sim_access import Grant
from connectors.jd.sim_protocol import BEIJING, FORMAT, Business, JdError
from connectors.jd.sim_shop import Shop

MONTH, QUARTER, TWO_YEARS = timedelta(days=31), timedelta(days=92), timedelta(days=730)
Params = dict[str, Any]


def _words(*names: str) -> frozenset[str]:
    return frozenset(word for text in names for word in text.split())


ORDER_STATES = _words(
    "WAIT_SELLER_STOCK_OUT WAIT_GOODS_RECEIVE_CONFIRM WAIT_SELLER_DELIVERY FINISHED_L TRADE_CANCELED PARENT_TRADE_CANCELED "
    "LOCKED PAUSE POP_ORDER_PAUSE WAIT_SEND_CODE ALL"
)
ORDER_FIELDS = _words(
    "orderId venderId parentOrderId directParentOrderId orderType payType orderTotalPrice orderSellerPrice orderPayment "
    "freightPrice sellerDiscount balanceUsed taxFee serviceFee shouldPay actualPay totalOriginalPrice totalSellerDiscount "
    "totalSellerReceivable payDiscount paymentDetailList orderState orderStateRemark orderStartTime orderEndTime "
    "paymentConfirmTime modified dataVersion orderRemark venderRemark venderRemarkFlagAlias flag pin realPin open_id_buyer "
    "xid_buyer open_id_seller xid_seller consigneeInfo itemInfoList couponDetailList invoiceInfo invoiceCode invoiceEasyInfo "
    "vatInfo storeOrder returnOrder waybill logisticsId idSopShipmenttype scDT orderSource orderSign sendpayMap orderMarkDesc "
    "orderExt tuiHuoWuYou customs customsModel storeId tradeOrderId"
)
NO_ORDER = 10_500_001
"""The number that the service gives an unknown order is not published; this one stands for it. Clients go by the words."""


@dataclass(frozen=True)
class Method:
    """One API. takes, needs: its business parameters. token: whether it is about a shop."""

    do: Callable[[Api, Params, Grant | None], dict[str, Any]]
    takes: frozenset[str]
    needs: frozenset[str] = frozenset()
    token: bool = True
    pages: str = ""

    def check(self, params: Params) -> None:
        """Raises 61 for an unknown parameter, 60 for a missing one."""
        if set(params) - self.takes:
            raise JdError(61, f"unknown parameter {sorted(set(params) - self.takes)[0]}")
        for name in sorted(self.needs):
            if params.get(name) in (None, ""):
                raise JdError(60, f"parameter {name} is missing")


class Api:
    """The services behind the gateway, for one shop."""

    def __init__(self, shop: Shop, now: Callable[[], datetime]) -> None:
        self.shop, self._now = shop, now

    def search(self, params: Params, grant: Grant | None) -> dict[str, Any]:
        """pop.order.enSearch: by creation or by modification, ascending unless told otherwise."""
        holder = "searchorderinfo_result"
        fields = _fields(params, holder)
        states = set(str(params["order_state"]).split(","))
        if not states <= ORDER_STATES:
            raise Business(holder, 10_100_021, "order_state 不合法")
        size, page = _number(params, "page_size", holder, 100), _number(params, "page", holder)
        by = "created" if str(params.get("dateType", "0")) == "1" else "modified"
        reach = TWO_YEARS if by == "created" else QUARTER
        start, end = self._window(params, "start_date", "end_date", holder, empty=states == {"WAIT_SELLER_STOCK_OUT"})
        rows = [
            row
            for row in self.shop.between("order", by, max(start, self.now() - reach), end)
            if "ALL" in states or row.record["orderState"] in states
        ]
        if str(params.get("sortType", "0")) == "1":
            rows.reverse()
        shown = [self.shop.shown("order", row, fields) for row in rows[(page - 1) * size : page * size]]
        return {holder: {"apiResult": _good(), "orderTotal": len(rows), "orderInfoList": shown}}

    def get(self, params: Params, grant: Grant | None) -> dict[str, Any]:
        """pop.order.enGet"""
        holder = "orderDetailInfo"
        fields = _fields(params, holder)
        if not isinstance(params["order_id"], int):
            raise JdError(61)
        row = self.shop.one("order", str(params["order_id"]))
        if row is None:
            raise Business(holder, NO_ORDER, "订单不存在")
        return {holder: {"apiResult": _good(), "orderInfo": self.shop.shown("order", row, fields)}}

    def unpaid(self, params: Params, grant: Grant | None) -> dict[str, Any]:
        """pop.order.notPayOrderInfo"""
        holder = "paginatedInfo"
        size, page = _number(params, "pageSize", holder, 100), _number(params, "page", holder)
        rows = self.shop.between("unpaid", "created", *self._window(params, "startDate", "endDate", holder))
        shown = [self.shop.shown("unpaid", row) for row in rows[(page - 1) * size : page * size]]
        pages = -(-len(rows) // size)
        return {holder: {"pageSize": size, "index": page, "totalItem": len(rows), "totalPage": pages, "pageList": shown}}

    def unpaid_one(self, params: Params, grant: Grant | None) -> dict[str, Any]:
        """pop.order.notPayOrderById: nothing for an order that is not, or no longer, unpaid."""
        row = self.shop.one("unpaid", str(params["orderId"]))
        return {"orderDataNotPayInfo": self.shop.shown("unpaid", row) if row else None}

    def refunds(self, params: Params, grant: Grant | None) -> dict[str, Any]:
        """refundapply.queryPageList: at most 100 pages of 50."""
        holder = "queryResult"
        size, page = _number(params, "pageSize", holder, 50), _number(params, "pageIndex", holder, 100)
        wanted = set(str(params["ids"]).split(",")) if params.get("ids") else None
        applied, checked = (self._pair(params, "refund", name, holder) for name in ("applyTime", "checkTime"))
        rows = applied if applied is not None else checked if checked is not None else self.shop.all("refund")
        rows = [row for row in rows if wanted is None or row.key in wanted]
        shown = [self.shop.shown("refund", row) for row in rows[(page - 1) * size : page * size]]
        return {holder: {"success": True, "totalCount": len(rows), "result": shown}}

    def after_sales(self, params: Params, grant: Grant | None) -> dict[str, Any]:
        """asc.serviceAndRefund.view: by order, or by a pair of times. Counts come as text here."""
        holder = "pageResult"
        size, page = _number(params, "pageSize", holder, 50, 10), _number(params, "pageNumber", holder, 100, 1)
        if params.get("orderId"):
            rows = [row for row in self.shop.all("after_sale") if row.key.startswith(f"{params['orderId']}/")]
        else:
            found = self._pair(params, "after_sale", "applyTime", holder)
            rows = found if found is not None else self._pair(params, "after_sale", "approveTime", holder) or []
            if not {"applyTimeBegin", "approveTimeBegin"} & set(params):
                raise Business(holder, 10_100_021, "orderId 与时间不能同时为空")
        shown = [self.shop.shown("after_sale", row) for row in rows[(page - 1) * size : page * size]]
        return {holder: {"success": True, "code": "200", "msg": "", "totalCount": str(len(rows)), "data": shown}}

    def scan(self, params: Params, grant: Grant | None) -> dict[str, Any]:
        """crm.member.scan: the platform keeps the place; each call moves it on, answered or not."""
        holder = "crm_member_scan_result"
        scroll = params.get("scroll_id")
        if scroll:
            rows = self.shop.scroll(str(scroll), self._now())
            if rows is None or set(params) - {"scroll_id"}:
                raise Business(holder, 10_100_021, "scroll_id 无效")
        else:
            size = _number(params, "page_size", holder, 100)
            scroll, rows = self.shop.open_scroll(size, self._now())
        total = len(self.shop.all("member"))
        return {
            holder: {"total_result": total, "crm_members": [self.shop.shown("member", r) for r in rows], "scroll_id": scroll}
        }

    def members(self, params: Params, grant: Grant | None) -> dict[str, Any]:
        """crm.member.searchNew: customer_pin is a prefix; a page beyond the end is empty."""
        holder = "crm_member_result"
        size, page = _number(params, "page_size", holder, 100), _number(params, "current_page", holder, 100)
        rows = [self.shop.shown("member", row) for row in self.shop.all("member")]
        if pin := params.get("customer_pin"):
            rows = [row for row in rows if str(row.get("customer_pin", "")).startswith(str(pin))]
        if open_id := params.get("open_id_buyer"):
            rows = [row for row in rows if row.get("open_id_buyer") == open_id]
        if xid := params.get("xid_buyer"):
            rows = [row for row in rows if row.get("xid_buyer") == xid]
        return {holder: {"total_result": len(rows), "crm_members": rows[(page - 1) * size : page * size]}}

    def shop_info(self, params: Params, grant: Grant | None) -> dict[str, Any]:
        """vender.shop.query"""
        return {"shop_jos_result": {"vender_id": int(self.shop.vender), "shop_id": 20_000_001, "shop_name": self.shop.name}}

    def voucher(self, params: Params, grant: Grant | None) -> dict[str, Any]:
        """jos.voucher.info.get"""
        return {"response": {"errorCode": "0", "errorMsg": "", "data": {"voucher": self.shop.vault.voucher(self._now())}}}

    def master_keys(self, params: Params, grant: Grant | None) -> dict[str, Any]:
        """jos.master.key.get"""
        return {"response": self.shop.vault.master_keys(params, self._now())}

    def report(self, params: Params, grant: Grant | None) -> dict[str, Any]:
        """jos.secret.api.report.get: usage statistics of a key client."""
        return {"response": {"serviceCode": 0, "errorMsg": ""}}

    def to_xid(self, params: Params, grant: Grant | None) -> dict[str, Any]:
        """jos.oauth.rpc.xid.mixPin2Xid: an old account name against the newest id, within the application."""
        if params["appKey"] != self.shop.app_key:
            return {"returnType": {"code": 400, "data": None, "requestId": "r-1"}}
        found = self.shop.xid_of(str(params["mixPin"]))
        return {"returnType": {"code": 200 if found else 404, "data": found, "requestId": "r-2"}}

    def now(self) -> datetime:
        """The shop's clock, naive Beijing time."""
        return self._now().astimezone(BEIJING).replace(tzinfo=None)

    def _window(self, params: Params, first: str, last: str, holder: str, *, empty: bool = False) -> tuple[datetime, datetime]:
        start, end = _moment(params, first, holder), _moment(params, last, holder)
        if empty and start is None and end is None:
            return self.now() - MONTH, self.now()
        if start is None or end is None or end < start or end - start > MONTH:
            raise Business(holder, 10_100_021, f"{first} 与 {last} 必填，跨度不超过一个月")
        return start, end

    def _pair(self, params: Params, stream: str, name: str, holder: str) -> list[Any] | None:
        start, end = _moment(params, f"{name}{BEGIN[stream]}", holder), _moment(params, f"{name}End", holder)
        if start is None and end is None:
            return None
        if start is None or end is None:
            raise Business(holder, 10_100_021, f"{name} 两两不为空")
        return self.shop.between(stream, name, start, end)


BEGIN = {"refund": "Start", "after_sale": "Begin"}


def _good() -> dict[str, Any]:
    return {"success": True, "englishErrCode": "", "chineseErrCode": "", "numberCode": 0}


def _fields(params: Params, holder: str) -> frozenset[str]:
    """The fields asked for: none is refused by the service, an unknown one by the gateway."""
    wanted = frozenset(filter(None, str(params.get("optional_fields", "")).split(",")))
    if not wanted:
        raise Business(holder, 10_100_021, "optional_fields 不能为空")
    if not wanted <= ORDER_FIELDS:
        raise JdError(63, sorted(wanted - ORDER_FIELDS)[0])
    return wanted


def _number(params: Params, name: str, holder: str, most: int = 1 << 31, default: int = 0) -> int:
    text = str(params.get(name, default))
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise Business(holder, 10_100_021, f"{name} 不合法")
    return int(text)


def _moment(params: Params, name: str, holder: str) -> datetime | None:
    if not params.get(name):
        return None
    try:
        return datetime.strptime(str(params[name]), FORMAT)  # noqa: DTZ007 (the platform's times bear no zone)
    except ValueError:
        raise Business(holder, 10_100_021, f"{name} 不是时间") from None


def methods() -> Iterable[tuple[str, Method]]:
    """All methods by name."""
    order = "order_state optional_fields"
    search = Method(
        Api.search, _words(order, "start_date end_date page page_size sortType dateType source_id"),
        _words("order_state page page_size"), pages="page",
    )  # fmt: skip
    get = Method(Api.get, _words(order, "order_id"), _words("order_id"))
    pairs = "applyTimeStart applyTimeEnd checkTimeStart checkTimeEnd"
    more = "status ids orderId buyerId buyerName pageIndex pageSize storeId showSku open_id_buyer xid_buyer"
    yield "jingdong.pop.order.enSearch", search
    yield "jingdong.pop.order.search", search
    yield "jingdong.pop.order.enGet", get
    yield "jingdong.pop.order.get", get
    paged = _words("startDate endDate page pageSize")
    yield "jingdong.pop.order.notPayOrderInfo", Method(Api.unpaid, paged, paged, pages="page")
    yield "jingdong.pop.order.notPayOrderById", Method(Api.unpaid_one, _words("orderId"), _words("orderId"))
    asked = Method(Api.refunds, _words(pairs, more), _words("pageIndex pageSize"), pages="pageIndex")
    yield "jingdong.pop.afs.soa.refundapply.queryPageList", asked
    bills = "orderId applyTimeBegin applyTimeEnd approveTimeBegin approveTimeEnd pageNumber pageSize extJsonStr"
    yield "jingdong.asc.serviceAndRefund.view", Method(Api.after_sales, _words(bills), pages="pageNumber")
    chosen = "customer_pin grade min_last_trade_time max_last_trade_time min_trade_count max_trade_count avg_price"
    chosen += " min_trade_amount open_id_buyer xid_buyer page_size"
    yield "jingdong.crm.member.scan", Method(Api.scan, _words(chosen, "scroll_id"), pages="scroll_id")
    paged = _words("current_page page_size")
    yield "jingdong.crm.member.searchNew", Method(Api.members, _words(chosen, "current_page"), paged)
    yield "jingdong.vender.shop.query", Method(Api.shop_info, frozenset())
    yield "jingdong.jos.voucher.info.get", Method(Api.voucher, _words("access_token customer_user_id"))
    keys = _words("sig sdk_ver ts tid")
    yield "jingdong.jos.master.key.get", Method(Api.master_keys, keys, keys)
    yield "jingdong.jos.secret.api.report.get", Method(Api.report, _words("businessId text attribute"))
    pin = _words("appKey mixPin")
    yield "jingdong.jos.oauth.rpc.xid.mixPin2Xid", Method(Api.to_xid, pin, pin)


METHODS = dict(methods())
