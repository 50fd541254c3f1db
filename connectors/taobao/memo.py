"""A document's number in the seller's memo of its order: read first, added behind what people wrote, never twice.

(docs: developer.alibaba.com apiId 49, 54) The memo is overwritten whole by each write, so that a write without a read would
erase the shop's notes; and writing the same twice changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from connectors.base import Document, Receipt
from connectors.errors import Gone, InvalidRecord, Rejected

ROOM = 1000
"""Bytes of a memo. (docs: apiId 49)"""
READ, WRITE = "taobao.trade.fullinfo.get", "taobao.trade.memo.update"
Call = Callable[[str, Mapping[str, str]], dict[str, Any]]


def find(call: Call, document: Document) -> Receipt | None:
    """Whether the order's memo holds the number."""
    trade = _trade(call, document)
    return _receipt(document) if trade is not None and _holds(_memo(trade), document.number) else None


def send(call: Call, write: Call, document: Document, flag: int | None) -> Receipt:
    """Add the number behind what stands there. flag: the colour to set, None = as it is.

    Raises Rejected where there is no such order or no room: what people wrote is never cut.
    """
    trade = _trade(call, document)
    if trade is None:
        raise Rejected("taobao.memo_no_order")
    memo = _memo(trade)
    if not _holds(memo, document.number):
        colour = flag if flag is not None else int(trade.get("seller_flag") or 0)
        params = {"tid": document.source["key"], "memo": _added(memo, document), "flag": str(colour)}
        try:
            write(WRITE, params)
        except InvalidRecord as error:
            raise Rejected("taobao.memo_refused", code=error.code, request_id=error.request_id) from None
    return _receipt(document)


def _trade(call: Call, document: Document) -> Mapping[str, Any] | None:
    key = document.source.get("key", "")
    if document.source.get("stream") != "order" or not key.isdecimal():
        return None
    try:
        found = call(READ, {"fields": "tid,seller_memo,seller_flag", "tid": key}).get("trade")
    except Gone:
        return None
    return found if isinstance(found, dict) else None


def _memo(trade: Mapping[str, Any]) -> str:
    return str(trade.get("seller_memo") or "").rstrip()


def _holds(memo: str, number: str) -> bool:
    return re.search(rf"(?<![A-Za-z0-9-]){re.escape(number)}(?![A-Za-z0-9-])", memo) is not None


def _added(memo: str, document: Document) -> str:
    glue = "\n" if memo else ""
    for entry in (f"{document.number} {document.note}".strip(), document.number):
        if len((whole := f"{memo}{glue}{entry}").encode()) <= ROOM:
            return whole
    raise Rejected("taobao.memo_full", room=ROOM)


def _receipt(document: Document) -> Receipt:
    return Receipt(document.number, document.source["key"], "written", complete=True)
