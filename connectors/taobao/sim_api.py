"""The APIs that the simulated gateway serves: which parameters each takes, what it refuses, what it answers.

(docs: apiId 128, 21470, 54, 52, 53, 25387)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors.taobao.sim_access import Access, Session
from connectors.taobao.sim_data import ENDED, SHIPPED, UNPAID
from connectors.taobao.sim_members import Group, Member
from connectors.taobao.sim_protocol import BEIJING, COMMON, TopError, invalid, missing
from connectors.taobao.sim_store import FORMAT, Row, Table, text_of
from connectors.taobao.sim_tmc import Service

DAY = timedelta(days=1)


def words(text: str) -> frozenset[str]:
    """Names in a text."""
    return frozenset(text.split())


TYPES = words(
    "fixed auction guarantee_trade step independent_simple_trade independent_shop_trade auto_delivery ec cod game_equipment "
    "shopex_trade netcn_trade external_trade instant_trade b2c_cod hotel_trade super_market_trade super_market_cod_trade "
    "taohua waimai o2o_offlinetrade nopaid eticket tmall_i18n insurance_plus finance pre_auth_type lazada fenxiao"
)
GUARANTEED = {"fixed", "auction"}
TRADE_STATES = frozenset((*UNPAID, *SHIPPED, *ENDED, "WAIT_SELLER_SEND_GOODS", "PAID_FORBID_CONSIGN"))
REFUND_STATES = words(
    "WAIT_SELLER_AGREE WAIT_BUYER_RETURN_GOODS WAIT_SELLER_CONFIRM_GOODS SELLER_REFUSE_BUYER CLOSED SUCCESS "
    "WAIT_BUYER_CONFIRM_EXCHANGE_SELLER_SEND_GOODS EXCHANGE_TRANSFORM_TO_REFUND WAIT_SELLER_CONSIGN_GOODS"
)
LISTED = words(
    "tid status type created pay_time consign_time end_time modified payment total_fee discount_fee adjust_fee post_fee "
    "received_payment step_trade_status step_paid_fee seller_nick buyer_nick buyer_open_uid title num num_iid price pic_path "
    "receiver_name receiver_mobile receiver_phone receiver_address receiver_country receiver_state receiver_city "
    "receiver_district receiver_town receiver_zip oaid seller_flag has_buyer_message shipping_type credit_card_fee buyer_rate "
    "seller_rate mark_desc rx_audit_status service_orders orders"
)
FULL = LISTED | words(
    "tid_str timeout_action_time buyer_message buyer_memo seller_memo promotion_details trade_from available_confirm_fee "
    "commission_fee cod_fee paid_coupon_fee platform_subsidy_fee coupon_fee alipay_no is_part_consign"
)
REFUND = words(
    "refund_id tid oid total_fee refund_fee payment status order_status good_status has_good_return reason desc created "
    "modified good_return_time refund_phase refund_version dispute_type cs_status advance_status company_name sid num num_iid "
    "price title sku outer_id attribute buyer_nick buyer_open_uid ouid seller_nick alipay_no address shipping_type"
)
OAID_NEEDS = words("receiver_name receiver_address receiver_mobile receiver_phone created")
Params = Mapping[str, str]


@dataclass(frozen=True)
class Method:
    """One API. takes: its parameters; needs: those that must be there; package: permission, '' for none."""

    do: Callable[[Api, Params, Session | None], dict[str, Any]]
    takes: frozenset[str]
    needs: frozenset[str] = frozenset()
    package: str = ""
    session: bool = True
    pages: bool = False

    def check(self, params: Params) -> None:
        """Raises error 40 or 41 for a missing or an unknown parameter."""
        for name in params:
            if name not in self.takes and name not in COMMON:
                raise invalid(name, f"{name} is no parameter of this method")
        for name in sorted(self.needs):
            if not params.get(name):
                raise missing(name)


class Api:
    """The business side of the gateway, for one shop."""

    def __init__(self, trades: Table, refunds: Table, access: Access, now: Callable[[], datetime], tmc: Service) -> None:
        self.trades, self.refunds, self.access, self.clock = trades, refunds, access, now
        self.members: dict[str, Member] = {}
        self.tags: dict[str, Group] = {}
        self.tmc = tmc
        self.written: list[tuple[int, str, int]] = []

    def now(self) -> datetime:
        """The simulated shop's clock as its rows keep time."""
        return self.clock().astimezone(BEIJING).replace(tzinfo=None)

    def seller(self, params: Params, session: Session | None) -> dict[str, Any]:
        """taobao.user.seller.get"""
        known = {"nick": session.shop if session else "", "type": "B", "user_id": 263685215, "status": "normal"}
        wanted = params["fields"].split(",")
        if not set(wanted) <= known.keys():
            raise invalid("fields")
        return {"user": {name: known[name] for name in wanted}}

    def increment(self, params: Params, session: Session | None) -> dict[str, Any]:
        """taobao.trades.sold.increment.get: by modification time, newest first."""
        return self.trades_page(params, ("modified", "start_modified", "end_modified"), LISTED)

    def incrementv(self, params: Params, session: Session | None) -> dict[str, Any]:
        """taobao.trades.sold.incrementv.get: by the time the row reached the database."""
        return self.trades_page(params, ("entered", "start_create", "end_create"), LISTED)

    def trade(self, params: Params, session: Session | None) -> dict[str, Any]:
        """taobao.trade.fullinfo.get"""
        fields = fields_of(params, FULL)
        row = self.trades.one(number_of(params, "tid", 1, (1 << 63) - 1), self.now())
        if row is None:
            raise TopError(15, "isv.trade-not-exist", "trade does not exist")
        if params.get("include_oaid") == "true" and not fields >= OAID_NEEDS:
            raise TopError(15, "isv.oaid-field-miss", "fields for oaid are missing")
        return {"trade": project(row, fields | {"oaid"} if params.get("include_oaid") == "true" else fields)}

    def refunds_list(self, params: Params, session: Session | None) -> dict[str, Any]:
        """taobao.refunds.receive.get: window optional, fewer types by default than for trades."""
        start, end = _moment(params, "start_modified"), _moment(params, "end_modified")
        if start and end and end <= start:
            raise invalid("end_modified")
        wanted = _types(params, GUARANTEED | {"auto_delivery"})
        rows = self.refunds.between("modified", start, end, self.now())
        return self._page(params, _chosen(params, rows, wanted, REFUND_STATES), fields_of(params, REFUND), "refunds", "refund")

    def refund(self, params: Params, session: Session | None) -> dict[str, Any]:
        """taobao.refund.get. The sub_code for an unknown number is not documented; it follows that of trades here."""
        fields = fields_of(params, REFUND)
        row = self.refunds.one(number_of(params, "refund_id", 1, (1 << 63) - 1), self.now())
        if row is None:
            raise TopError(15, "isv.refund-not-exist", "refund does not exist")
        return {"refund": project(row, fields)}

    def trades_page(self, params: Params, how: tuple[str, str, str], known: frozenset[str]) -> dict[str, Any]:
        """A page of trades. how: the time that the window is over, and the names of its two ends."""
        index, first, last = how
        start, end = _moment(params, first), _moment(params, last)
        if start is None or end is None or end <= start or end - start > DAY:
            raise invalid(last, "the span must be positive and at most one day")
        if params.get("ext_type", "service") not in ("ershou", "service", "mark"):
            raise invalid("ext_type")
        if params.get("tag", "time_card") not in ("time_card", "fee_card"):
            raise invalid("tag")
        wanted = _types(params, GUARANTEED | {"auto_delivery", "ec", "cod", "step"})
        # No simulated trade is second-hand, a service or tagged.
        rows = [] if {"ext_type", "tag"} & params.keys() else self.trades.between(index, start, end, self.now())
        return self._page(params, _chosen(params, rows, wanted, TRADE_STATES), fields_of(params, known), "trades", "trade")

    def _page(self, params: Params, rows: list[Row], fields: set[str], outer: str, inner: str) -> dict[str, Any]:
        size, number = number_of(params, "page_size", 1, 100, 40), number_of(params, "page_no", 1, 1 << 31, 1)
        if params.get("use_has_next", "false") not in ("true", "false"):
            raise invalid("use_has_next")
        part = rows[(number - 1) * size : number * size]
        # An empty list is an absent key. With has_next there is no total.
        body: dict[str, Any] = {outer: {inner: [project(row, fields) for row in part]}} if part else {}
        if params.get("use_has_next") == "true":
            return {"has_next": len(rows) > number * size, **body}
        return {"total_results": len(rows), **body}


def renew(api: Api, params: Params, session: Session | None) -> dict[str, Any]:
    """taobao.top.auth.token.refresh: the token comes as JSON inside a text."""
    token = api.access.refresh(params["app_key"], params["refresh_token"], api.clock())
    return {"token_result": json.dumps(token, ensure_ascii=False)}


def _time(api: Api, params: Params, session: Session | None) -> dict[str, Any]:
    return {"time": text_of(api.now())}


def _chosen(params: Params, rows: Iterable[Row], types: set[str], states: frozenset[str]) -> list[Row]:
    status, nick, buyer = params.get("status"), params.get("buyer_nick"), params.get("buyer_open_uid")
    if status and status not in states:
        raise invalid("status")
    found = (row for row in rows if row.type in types)
    if not (status or nick or buyer):
        return list(found)
    return [
        row
        for row in found
        if (not status or row.record["status"] == status)
        and (not nick or row.nick == nick)
        and (not buyer or row.record["buyer_open_uid"] == buyer)
    ]


def _types(params: Params, default: set[str]) -> set[str]:
    if "type" not in params:
        return default
    wanted = set(params["type"].split(","))
    if not wanted <= TYPES:
        raise invalid("type")
    return wanted - {"guarantee_trade"} | (GUARANTEED if "guarantee_trade" in wanted else set())


def fields_of(params: Params, known: frozenset[str]) -> set[str]:
    """The fields asked for. Whether the platform minds an unknown name is not documented; here it does."""
    wanted = {name.strip() for name in params["fields"].split(",")}
    if not all(name in known or (name.startswith("orders.") and "orders" in known) for name in wanted):
        raise invalid("fields")
    return wanted


def project(row: Row, fields: set[str]) -> dict[str, Any]:
    """Only what was asked for; ``orders`` gives whole lines, ``orders.oid`` a part of them; oaid needs its five fields."""
    record, found = row.record, dict[str, Any]()
    for name in fields:
        if name in record and (name != "oaid" or fields >= OAID_NEEDS):
            found[name] = record[name]
    if parts := [name.removeprefix("orders.") for name in fields if name.startswith("orders.")]:
        lines = record["orders"]["order"]
        found.setdefault("orders", {"order": [{part: line[part] for part in parts if part in line} for line in lines]})
    return {**found, **row.extra} if row.extra else found


def _moment(params: Params, name: str) -> datetime | None:
    if name not in params:
        return None
    try:
        return datetime.strptime(params[name], FORMAT)  # noqa: DTZ007 (the platform's times bear no zone)
    except ValueError:
        raise invalid(name) from None


def number_of(params: Params, name: str, least: int, most: int, default: int = 0) -> int:
    text = params.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise invalid(name)
    return int(text)


_LIST = words("fields status type buyer_nick buyer_open_uid page_no page_size use_has_next")
_MODIFIED, _ENTERED = words("start_modified end_modified"), words("start_create end_create")
LISTING = _LIST | words("ext_type tag")
METHODS = {
    "taobao.time.get": Method(_time, frozenset(), session=False),
    "taobao.user.seller.get": Method(Api.seller, words("fields"), words("fields")),
    "taobao.trades.sold.increment.get": Method(Api.increment, LISTING | _MODIFIED, _MODIFIED | {"fields"}, "trade", pages=True),
    "taobao.trades.sold.incrementv.get": Method(Api.incrementv, LISTING | _ENTERED, _ENTERED | {"fields"}, "trade", pages=True),
    "taobao.trade.fullinfo.get": Method(Api.trade, words("fields tid include_oaid"), words("fields tid"), "trade"),
    "taobao.refunds.receive.get": Method(Api.refunds_list, _LIST | _MODIFIED, words("fields"), "refund", pages=True),
    "taobao.refund.get": Method(Api.refund, words("fields refund_id"), words("fields refund_id"), "refund"),
    "taobao.top.auth.token.refresh": Method(renew, words("refresh_token"), words("refresh_token"), session=False),
}
