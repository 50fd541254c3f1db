"""Reading the customers (客户档案列表查询): an array without total, from a row timestamp on. (docs: open.yonyoucloud.com)"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connectors import errors
from connectors.base import Page, Record, Window
from connectors.yonyou.calls import YonyouCalls
from connectors.yonyou.customers import LIST

ZONE = ZoneInfo("Asia/Shanghai")
PAGE = 200
"""The API gives up after ten seconds, so pages stay far below the 5000 that are allowed."""
OURS = re.compile(r"[CS][A-Z2-7]{16}")
"""Codes of customers that were made for our own documents. They carry nothing that we did not know, and a person without a
phone among them would become a second customer here."""

LICENCES = ("0", "1")
"""``licenseType`` of a company: 统一社会信用代码, 营业执照."""
NEVER = ("leaderName", "leaderNameIdNo", "leaderPhone")


def pages(calls: YonyouCalls, window: Window | None, resume: str | None) -> Iterator[Page]:
    """All customers written since the window began, page by page by number; ``pubts`` has no upper bound.

    Whether it means "after" or "from" is documented both ways, so it is set a second early.
    """
    number = int(resume or 1)
    since = {"pubts": f"{window.start.astimezone(ZONE) - timedelta(seconds=1):%Y-%m-%d %H:%M:%S}"} if window else {}
    while True:
        rows = calls.ask(LIST, {"pageIndex": number, "pageSize": PAGE, **since}) or []
        if not isinstance(rows, list):
            raise errors.UnknownAnswer("yonyou.unreadable", name=LIST)
        number += 1
        last = len(rows) < PAGE
        yield Page([kept(row) for row in rows if not OURS.fullmatch(str(row.get("code")))], None if last else str(number), last)
        if last:
            return


def kept(row: Mapping[str, Any]) -> Record:
    """The customer without what is nobody's business here: ID-card numbers, which stand where a company has its credit code."""
    licence, nature = str(row.get("licenseType") or "0"), str(row.get("enterpriseNature"))
    personal = nature == "1" or licence not in LICENCES
    return {key: value for key, value in row.items() if key not in NEVER and not (personal and key == "creditCode")}
