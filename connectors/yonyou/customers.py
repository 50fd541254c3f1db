"""Customers (客户档案): found by our code, else by credit code, else made.

(docs: open.yonyoucloud.com, 客户档案列表查询, 客户档案保存)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors import errors
from connectors.base import Party
from connectors.yonyou import documents
from connectors.yonyou.calls import YonyouCalls

LIST = "/yonbip/digitalModel/merchant/newlist"
INSERT = "/yonbip/digitalModel/merchant/idempotent/newinsert"


class Customers:
    """The customers of the tenant, as documents need them."""

    def __init__(self, calls: YonyouCalls) -> None:
        self._calls, self._config = calls, calls.config

    def ensure(self, party: Party) -> str:
        """The code of the party's customer over there: ours, that of the company with this credit code, or a new one's."""
        row = self.of(party)
        if row is None:
            row = self._make(party)
        if str(row.get("stopStatus")).lower() in ("true", "1"):
            raise errors.Rejected("yonyou.customer_stopped", customer=row.get("code"))
        return str(row["code"])

    def of(self, party: Party) -> Mapping[str, Any] | None:
        """The customer that stands for the party, or None."""
        found = self.by(code=party.code)
        if not found and party.tax_id:
            found = self.by(creditCode=party.tax_id)
        if len(found) > 1:
            raise errors.Rejected("yonyou.customer_ambiguous", customer=party.code)
        return found[0] if found else None

    def by(self, **only: str) -> list[Mapping[str, Any]]:
        """Customers whose field is exactly this. ``data`` is the array itself; nobody says whether it matches loosely."""
        rows = self._calls.ask(LIST, {"pageIndex": 1, "pageSize": 50, **only}) or []
        if not isinstance(rows, list):
            raise errors.UnknownAnswer("yonyou.unreadable", name=LIST)
        same = {str(row.get("id")): row for row in rows if all(str(row.get(key)) == value for key, value in only.items())}
        return list(same.values())

    def _make(self, party: Party) -> Mapping[str, Any]:
        """A new customer; one that somebody else has just made under this code is adopted."""
        body = {"data": documents.customer(self._config, party)}
        try:
            self._calls.write(INSERT, body, "customer", party.code)
        except errors.Rejected:
            row = self.of(party)
            if row is None:
                raise
            return row
        row = self.of(party)
        if row is None:
            raise errors.Rejected("yonyou.customer_unseen", customer=party.code)
        return row
