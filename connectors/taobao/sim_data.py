"""Makes the rows of the simulated shop: invented ones in many shapes, or ones after an operator's own export."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from connectors.taobao.sim_store import Row, text_of

BASE = 2_211_223_344_556_000_889
"""Invented numbers have 19 digits, so that a client that reads them as floating point loses some."""
_EPOCH = datetime(1970, 1, 1, 8)  # noqa: DTZ001 (in Beijing, as all times of the simulated shop)
UNPAID = ("TRADE_NO_CREATE_PAY", "WAIT_BUYER_PAY", "PAY_PENDING", "WAIT_PRE_AUTH_CONFIRM", "TRADE_CLOSED_BY_TAOBAO")
SHIPPED = ("SELLER_CONSIGNED_PART", "WAIT_BUYER_CONFIRM_GOODS", "TRADE_BUYER_SIGNED", "TRADE_FINISHED")
ENDED = ("TRADE_FINISHED", "TRADE_CLOSED", "TRADE_CLOSED_BY_TAOBAO")
_STATES = (
    "WAIT_SELLER_SEND_GOODS", "WAIT_BUYER_CONFIRM_GOODS", "TRADE_FINISHED", "WAIT_BUYER_PAY", "TRADE_CLOSED",
    "TRADE_CLOSED_BY_TAOBAO", "SELLER_CONSIGNED_PART", "PAID_FORBID_CONSIGN",
)  # fmt: skip
_TYPES = ("fixed", "fixed", "auction", "eticket", "step", "cod", "fixed", "tmall_i18n")
_REGIONS = (
    ("浙江省", "杭州市", "西湖区"),
    ("广东省", "广州市", "天河区"),
    ("河南省", "", "济源市"),
    ("上海", "上海市", "浦东新区"),
)
_REFUNDS = ("SUCCESS", "WAIT_SELLER_AGREE", "CLOSED", "WAIT_BUYER_RETURN_GOODS", "SELLER_REFUSE_BUYER")


def yuan(fen: int) -> str:
    """Money as the platform writes it."""
    return f"{fen // 100}.{fen % 100:02d}" if fen >= 0 else f"-{yuan(-fen)}"


def handle(kind: str, *parts: str) -> str:
    """A stable opaque id of a buyer: ``open`` within an application, ``ou`` within a shop. (docs: articleId 120961, 120397)"""
    return "AA" + hashlib.sha256("|".join((kind, *parts)).encode()).hexdigest()[:30]


@dataclass
class Line:
    """One line of a trade. fee: price × number; paid: what is left of it after the trade's discount. All in fen."""

    oid: int
    title: str
    num: int
    price: int
    fee: int
    paid: int


@dataclass
class Draft:
    """What a trade is made from; money in fen. buyer: whoever it is, the same text for the same person. ``nick`` may be ''."""

    tid: int
    status: str
    created: datetime
    modified: datetime
    payment: int
    goods: int
    post: int
    lines: Sequence[Line]
    buyer: str
    nick: str = ""
    type: str = "fixed"
    pay_time: datetime | None = None
    consign_time: datetime | None = None
    end_time: datetime | None = None
    region: tuple[str, str, str] = ("", "", "")
    refunds: dict[int, str] = field(default_factory=dict)


def trade(draft: Draft, shop: str, app_key: str) -> Row:
    """The row of a trade."""
    discount = draft.goods + draft.post - draft.payment
    single = len(draft.lines) == 1
    record: dict[str, Any] = {
        "tid": draft.tid, "tid_str": str(draft.tid), "status": draft.status, "type": draft.type,
        "title": shop, "seller_nick": shop,
        "created": text_of(draft.created), "modified": text_of(draft.modified), "async_modified": text_of(draft.modified),
        "payment": yuan(draft.payment), "total_fee": yuan(draft.goods), "post_fee": yuan(draft.post),
        "discount_fee": yuan(max(discount, 0)), "adjust_fee": yuan(max(-discount, 0) if single else 0),
        "received_payment": yuan(draft.payment if draft.status == "TRADE_FINISHED" else 0), "seller_flag": 0,
        # Product fields stand on the trade only when it has one line; with several, num is 0. (docs: apiId 54)
        "num": draft.lines[0].num if single else 0,
        "buyer_open_uid": handle("open", app_key, draft.buyer), "has_buyer_message": False,
        "receiver_name": "李**", "receiver_mobile": "*******1234", "receiver_phone": "", "receiver_address": "****",
        "orders": {"order": [_order(line, draft, single) for line in draft.lines]},
    }  # fmt: skip
    record["ouid"] = handle("ou", shop, record["buyer_open_uid"])
    if draft.nick:
        record["buyer_nick"] = draft.nick[0] + "**"
    if single:
        record |= {"num_iid": 600000000000 + draft.lines[0].oid % 1000, "price": yuan(draft.lines[0].price)}
    for name in ("pay_time", "consign_time", "end_time"):
        if moment := getattr(draft, name):
            record[name] = text_of(moment)
    for name, value in zip(("receiver_state", "receiver_city", "receiver_district"), draft.region, strict=True):
        if value:
            record[name] = value
    record["oaid"] = "1" + handle("oaid", shop, draft.buyer, str(draft.created.isocalendar()[:2]))
    return Row(draft.tid, record, draft.created, draft.modified, draft.created, draft.type, draft.nick)


def _order(line: Line, draft: Draft, single: bool) -> dict[str, Any]:
    # With one line its payment is the trade's and holds the postage; with several it does not, and the discount on the
    # whole trade is not taken off either. (docs: apiId 54, 128)
    return {
        "oid": line.oid, "oid_str": str(line.oid), "status": draft.status, "title": line.title, "num": line.num,
        "num_iid": 600000000000 + line.oid % 1000, "sku_id": str(4800000000000 + line.oid % 1000),
        "outer_iid": f"ITEM-{line.oid % 1000}", "outer_sku_id": f"SKU-{line.oid % 1000}",
        "price": yuan(line.price), "total_fee": yuan(line.fee), "payment": yuan(draft.payment if single else line.fee),
        "divide_order_fee": yuan(line.paid), "part_mjz_discount": yuan(max(line.fee - line.paid, 0)),
        "discount_fee": "0.00", "adjust_fee": "0.00", "refund_status": draft.refunds.get(line.oid, "NO_REFUND"),
        "seller_type": "B", "buyer_rate": False, "seller_rate": False, "is_oversold": False, "cid": 50011999,
    }  # fmt: skip


def invented(number: int, modified: datetime) -> Draft:
    """The n-th invented trade, of changing shape: one line or two, free postage or not, all states and several types."""
    status, tid = _STATES[number % len(_STATES)], BASE + number * 1000
    created = modified - timedelta(minutes=30)
    post = 0 if number % 2 else 1000
    single = number % 3 != 0
    first = Line(tid if single else tid + 1, f"示例商品{number % 50}", 2, 6400, 12800, 11120)
    lines = [first] if single else [first, Line(tid + 2, f"示例配件{number % 20}", 1, 10000, 10000, 8687)]
    paid = status not in UNPAID
    return Draft(
        tid=tid, status=status, created=created, modified=modified, post=post, lines=lines,
        type=_TYPES[number // 2 % len(_TYPES)],
        goods=sum(line.fee for line in lines), payment=sum(line.paid for line in lines) + post,
        pay_time=created + timedelta(minutes=2) if paid else None,
        consign_time=created + timedelta(minutes=10) if status in SHIPPED else None,
        end_time=modified if status in ENDED else None,
        buyer=f"buyer {number % 40}", nick=f"买家{number % 40}", region=_REGIONS[number % len(_REGIONS)],
        refunds={first.oid: "SUCCESS"} if status == "TRADE_CLOSED" else {},
    )  # fmt: skip


def refund(number: int, of: Row, fee: int, status: str, created: datetime, modified: datetime, app_key: str) -> Row:
    """The row of a refund of a trade's first line. fee: fen. Refund numbers are text here. (docs: apiId 52)"""
    line, sold = of.record["orders"]["order"][0], of.record
    record: dict[str, Any] = {
        "refund_id": str(number), "tid": of.key, "oid": line["oid"], "status": status, "refund_fee": yuan(fee),
        "total_fee": sold["payment"], "payment": "0.00", "created": text_of(created), "modified": text_of(modified),
        "order_status": sold["status"], "good_status": "BUYER_NOT_RECEIVED", "has_good_return": False,
        "reason": "不想要了", "desc": "", "title": line["title"], "num": line["num"], "price": line["price"],
        "num_iid": line["num_iid"], "outer_id": line["outer_iid"], "sku": "", "refund_phase": "onsale",
        "dispute_type": "REFUND", "refund_version": int((modified - _EPOCH).total_seconds() * 1000), "cs_status": 1,
        "seller_nick": sold["seller_nick"], "buyer_open_uid": sold["buyer_open_uid"],
        "ouid": handle("ou", sold["seller_nick"], sold["buyer_open_uid"]),
    }  # fmt: skip
    if "buyer_nick" in sold:
        record["buyer_nick"] = sold["buyer_nick"]
    record["payment"] = yuan(_fen(sold["payment"]) - fee)
    return Row(number, record, created, modified, created, of.type, of.nick)


def refund_state(number: int) -> str:
    """The state of the n-th invented refund."""
    return _REFUNDS[number % len(_REFUNDS)]


def _fen(text: str) -> int:
    return int(text.replace(".", ""))
