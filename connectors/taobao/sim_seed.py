"""Reads an order export of Taobao or Tmall (CSV) for the simulated shop, and fills in what an export does not say.

What is decided here, since the file cannot tell:

* 买家实际支付金额 is taken as what the buyer has paid *after* refunds when in every refunded row it and 退款金额 together
  stay within 总金额; else as paid in full. The platform's ``payment`` is never lowered by refunds, so in the first case it is
  their sum.
* Without 订单状态: unpaid orders wait for a day and are then closed; paid orders are to be shipped; fully refunded ones closed.
* A refund has no time of its own: it succeeds 1 to 48 hours after payment (fixed by the order number), but before "now".
* Without 买家会员名 every order has a buyer of its own, so that strangers are never one customer.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from connectors.taobao import sim_data
from connectors.taobao.sim_data import Draft, Line
from connectors.taobao.sim_store import Row

DAY = timedelta(days=1)
COLUMNS = {
    "number": ("订单编号", "订单号", "主订单编号"),
    "nick": ("买家会员名", "买家昵称", "买家旺旺"),
    "goods": ("买家应付货款",),
    "total": ("总金额", "订单总金额"),
    "paid": ("买家实际支付金额", "买家实付金额"),
    "address": ("收货地址",),
    "created": ("订单创建时间", "下单时间"),
    "paid_at": ("订单付款时间", "付款时间"),
    "refund": ("退款金额", "已退款金额"),
    "status": ("订单状态", "交易状态"),
    "title": ("宝贝标题", "商品标题"),
    "count": ("宝贝总数量", "商品数量"),
}
NEEDED = ("number", "total", "paid", "created", "paid_at")
STATES = {
    "等待买家付款": "WAIT_BUYER_PAY",
    "买家已付款等待卖家发货": "WAIT_SELLER_SEND_GOODS",
    "卖家部分发货": "SELLER_CONSIGNED_PART",
    "卖家已发货等待买家确认": "WAIT_BUYER_CONFIRM_GOODS",
    "交易成功": "TRADE_FINISHED",
    "交易关闭": "TRADE_CLOSED",
}


class SeedError(ValueError):
    """The file cannot be used; the text names row and column, never the value."""


@dataclass(frozen=True)
class Exported:
    """One order of the export; money in fen, times naive Beijing time."""

    row: int
    number: int
    total: int
    goods: int
    paid: int
    refund: int
    created: datetime
    paid_at: datetime | None
    status: str
    nick: str
    region: tuple[str, str, str]
    title: str
    count: int


def read_export(path: Path) -> list[Exported]:
    """All orders of the file. Raises SeedError."""
    lines = list(csv.reader(io.StringIO(_text(path))))
    if len(lines) < 2:
        raise SeedError(f"{path.name}: 文件里没有订单 / there are no orders in the file")
    places = _places([cell.strip() for cell in lines[0]], path.name)
    rows = (_Cells(cells, places, path.name, row) for row, cells in enumerate(lines[1:], 2) if any(map(str.strip, cells)))
    orders = [_order(row) for row in rows]
    seen: dict[int, int] = {}
    for order in orders:
        if order.number in seen:
            raise _bad(path.name, order.row, "订单编号", "重复", f"the same as in row {seen[order.number]}")
        seen[order.number] = order.row
    return orders


def _text(path: Path) -> str:
    data = path.read_bytes()
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise SeedError(f"{path.name}: 编码既不是 UTF-8 也不是 GBK / neither UTF-8 nor GBK")


def _places(header: list[str], name: str) -> dict[str, int]:
    places = {}
    for column, titles in COLUMNS.items():
        found = next((header.index(title) for title in titles if title in header), None)
        if found is not None:
            places[column] = found
        elif column in NEEDED:
            raise SeedError(f"{name}: 缺少“{titles[0]}”列 / row 1: column {titles[0]} is missing")
    return places


def _bad(name: str, row: int, column: str, zh: str, en: str) -> SeedError:
    return SeedError(f"{name}: 第 {row} 行“{column}”{zh} / row {row}, column {column}: {en}")


class _Cells:
    """The cells of one row by column, with the error for each that cannot be read."""

    def __init__(self, cells: Sequence[str], places: dict[str, int], name: str, row: int) -> None:
        self._cells, self._places, self._name, self.row = cells, places, name, row

    def text(self, column: str) -> str:
        """The cell without blanks and the marks that spreadsheets put around long numbers; '' where there is none."""
        place = self._places.get(column)
        if place is None or place >= len(self._cells):
            return ""
        return self._cells[place].strip().removeprefix("=").strip("\"'\t ")

    def read(self, column: str, change: Callable[[str], Any], zh: str, en: str) -> Any:
        """The cell through ``change``, which raises ValueError for what it cannot read."""
        try:
            return change(self.text(column))
        except (ValueError, ArithmeticError):
            raise self.bad(column, zh, en) from None

    def bad(self, column: str, zh: str, en: str) -> SeedError:
        """The error for this cell."""
        return _bad(self._name, self.row, COLUMNS[column][0], zh, en)

    def money(self, column: str) -> int:
        """Fen; an empty cell is nothing."""
        found: int = self.read(column, _fen, "不是金额", "not an amount of yuan with at most two decimals")
        return found

    def time(self, column: str) -> datetime | None:
        """A time, None where the cell is empty."""
        found: datetime | None = self.read(column, _moment, "不是时间", "not a time (yyyy-MM-dd HH:mm:ss)")
        return found


def _fen(text: str) -> int:
    value = Decimal(text.replace(",", "") or "0") * 100
    if not value.is_finite() or value < 0 or value != value.to_integral_value():
        raise InvalidOperation
    return int(value)


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"):
        try:
            return datetime.strptime(text.replace("/", "-"), form)  # noqa: DTZ007 (exports are in Beijing time)
        except ValueError:
            continue
    raise ValueError


def _order(cells: _Cells) -> Exported:
    number = cells.read("number", int, "不是数字", "not a number")
    created, paid_at = cells.time("created"), cells.time("paid_at")
    if not 0 < number < 1 << 63:
        raise cells.bad("number", "不是订单号", "not an order number")
    if created is None:
        raise cells.bad("created", "为空", "empty")
    if paid_at and paid_at < created:
        raise cells.bad("paid_at", "早于创建时间", "before the order was made")
    total, paid, refund = cells.money("total"), cells.money("paid"), cells.money("refund")
    for column, value in (("paid", paid), ("refund", refund)):
        if value and not paid_at:
            raise cells.bad(column, "大于零，但没有付款时间", "above zero without a time of payment")
    if refund > max(total, paid):
        raise cells.bad("refund", "大于订单金额", "more than the order")
    status = "".join(mark for mark in cells.text("status") if mark not in "，, ")
    if status and status not in STATES:
        raise cells.bad("status", "不是已知状态", "not a state that exports have")
    parts = [*cells.text("address").split(), "", "", ""]
    count = cells.read("count", lambda text: int(text or "1"), "不是数量", "not a number of items")
    return Exported(
        row=cells.row, number=number, total=total, goods=min(cells.money("goods") or total, total), paid=paid, refund=refund,
        created=created, paid_at=paid_at, status=STATES.get(status, ""), nick=cells.text("nick"),
        region=(parts[0], parts[1], parts[2]), title=cells.text("title") or "商品", count=max(count, 1),
    )  # fmt: skip


def rows_of(
    orders: Sequence[Exported], now: datetime, shop: str, app_key: str, refunds_from: int
) -> tuple[list[Row], list[Row]]:
    """The trades and the refunds that the orders stand for."""
    after_refunds = all(order.paid + order.refund <= order.total for order in orders if order.refund)
    trades, refunds = [], []
    for index, order in enumerate(orders):
        paid = order.paid + order.refund if after_refunds else order.paid
        done = _refunded_at(order, now)
        row = sim_data.trade(_draft(order, paid, done, now), shop, app_key)
        trades.append(row)
        if done and order.paid_at:
            asked = order.paid_at + (done - order.paid_at) / 2
            number = refunds_from + index
            refunds.append(sim_data.refund(number, row, order.refund, "SUCCESS", asked.replace(microsecond=0), done, app_key))
    return trades, refunds


def _refunded_at(order: Exported, now: datetime) -> datetime | None:
    if not order.refund or order.paid_at is None:
        return None
    return min(order.paid_at + timedelta(hours=1 + order.number % 48), max(now - timedelta(minutes=10), order.paid_at))


def _draft(order: Exported, paid: int, refunded_at: datetime | None, now: datetime) -> Draft:
    payment = paid if order.paid_at else order.total
    status = _status(order, paid, now)
    ended = refunded_at or (order.created + DAY if status == "TRADE_CLOSED_BY_TAOBAO" else None)
    modified = max(moment for moment in (order.created, order.paid_at, refunded_at, ended) if moment)
    post = order.total - order.goods
    line = Line(order.number, order.title, order.count, order.goods // order.count, order.goods, max(payment - post, 0))
    return Draft(
        tid=order.number, status=status, created=order.created, modified=min(modified, now), payment=payment, goods=order.goods,
        post=post, lines=[line], buyer=order.nick or f"order {order.number}", nick=order.nick, pay_time=order.paid_at,
        end_time=min(modified, now) if status in sim_data.ENDED else None, region=order.region,
        refunds={order.number: "SUCCESS"} if refunded_at else {},
    )  # fmt: skip


def _status(order: Exported, paid: int, now: datetime) -> str:
    if order.paid_at is None:
        open_still = order.status == "WAIT_BUYER_PAY" or (not order.status and order.created + DAY > now)
        return "WAIT_BUYER_PAY" if open_still else "TRADE_CLOSED_BY_TAOBAO"
    if order.refund >= paid > 0:
        return "TRADE_CLOSED"
    if order.status in ("", "WAIT_BUYER_PAY"):
        return "WAIT_SELLER_SEND_GOODS"
    return order.status
