"""Members of the simulated shop, their grades and tags. (docs: apiId 10836, 57604, 10833)"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.taobao.sim_data import handle, yuan
from connectors.taobao.sim_store import text_of

GRADES = ("非会员", "店铺客户", "普通会员", "高级会员", "VIP会员")


@dataclass
class Group:
    """A tag. count: how many bear it; -1 while the platform is counting."""

    id: int
    name: str
    count: int = 0
    made: datetime | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def shown(self) -> dict[str, Any]:
        """As the list shows it."""
        moment = text_of(self.made) if self.made else "2020-01-01 00:00:00"
        times = {"group_create": moment, "group_modify": moment}
        return {"group_id": self.id, "group_name": self.name, "member_count": self.count, "status": "2", **times, **self.extra}


@dataclass
class Member:
    """A member. There is no name, phone or mailbox at all."""

    buyer: str
    ouid: str
    last: datetime
    grade: int = 1
    groups: list[int] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    def shown(self, *, privy: bool) -> dict[str, Any]:
        """As the search shows it; an application of the CRM kind gets no nick."""
        record = {
            "ouid": self.ouid, "buyer_nick": "买**", "status": "normal", "grade": self.grade,
            "grade_name": GRADES[self.grade % len(GRADES)], "group_ids": ",".join(map(str, self.groups)), "trade_count": 2,
            "trade_amount": yuan(22_800), "close_trade_count": 0, "close_trade_amount": "0.00", "item_num": 3,
            "avg_price": yuan(11_400), "last_trade_time": text_of(self.last), "relation_source": 1, "province": 330000,
            "city": "杭州市", **self.extra,
        }  # fmt: skip
        return {name: value for name, value in record.items() if not (privy and name == "buyer_nick")}


def ouid_of(shop: str, buyer: str) -> str:
    """The buyer's id within the shop."""
    return handle("ou", shop, buyer)
