"""The simulator's approvals: what a contract, a receivable or an invoice becomes, and what follows for others."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from connectors.wukong.sim_store import CONTRACT, CUSTOMER, INVOICE, RECEIVABLES, Refusal, Row, Store

WAITING, APPROVED, REFUSED, IN_REVIEW, WITHDRAWN, DRAFT, CREATED, DELETED, VOID, NO_FLOW = 0, 1, 2, 3, 4, 5, 6, 7, 8, 10
IN_FORCE = (APPROVED, NO_FLOW)
FlowState = Literal["active", "inactive", "no_step"]


class Flow:
    """Approval flows by object; all active, as the product is shipped."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.states: dict[int, FlowState] = {CONTRACT: "active", RECEIVABLES: "active", INVOICE: "active"}

    def outcome(self, label: int, body: dict[str, Any], asked: Any) -> tuple[int, int | None]:
        """checkStatus and approval log id of a submitted record. A missing optionalList is a null pointer over there."""
        if self.states[label] != "inactive" and (body.get("examineFlowData") or {}).get("optionalList") is None:
            raise Refusal(500, "网络错误，请稍候再试！")
        if str(asked) == str(DRAFT):
            return DRAFT, None
        if self.states[label] == "inactive":
            return NO_FLOW, None
        if self.states[label] == "no_step":
            return APPROVED, None
        return IN_REVIEW, self.open_log()

    def open_log(self, *decisions: int, at: datetime | None = None) -> int:
        """A new approval log: the creation, then these decisions."""
        number = self.store.number()
        self.store.logs[number] = []
        for status in (CREATED, *decisions):
            self._log(number, status, at)
        return number

    def decide(self, label: int, key: int, status: int) -> None:
        """An approver's decision on a record in review: lists show the new state, their update time does not move."""
        row = self._row(label, key)
        if row.detail.get("checkStatus") not in (WAITING, IN_REVIEW):
            raise ValueError(f"record {key} is not in review")
        if row.detail.get("examineRecordId"):
            self._log(row.detail["examineRecordId"], status)
        self.store.change(label, row, {"checkStatus": status}, moved=False)
        if status == APPROVED:
            self.took_force(label, row)

    def took_force(self, label: int, row: Row) -> None:
        """What a contract or receivable in force changes elsewhere; no update time in any list moves."""
        if label == CONTRACT:
            customer = self.store.get(CUSTOMER, row.detail.get("customerId") or 0)
            if customer:
                dealt = row.detail.get("orderDate")
                seen = {"dealStatus": 1, "dealTime": f"{dealt} 00:00:00" if dealt else self.store.stamp()}
                self.store.change(CUSTOMER, customer, seen, moved=False)
        if label == RECEIVABLES:
            self.recount(row.detail.get("contractId") or 0)

    def recount(self, contract: int) -> None:
        """Received money of a contract: the sum of its receivables in force."""
        row = self.store.get(CONTRACT, contract)
        if row is None:
            return
        own = [one.detail for one in self.store.tables[RECEIVABLES].values() if one.detail.get("contractId") == contract]
        received = sum((one["money"] for one in own if one.get("checkStatus") in IN_FORCE), Decimal("0.00"))
        total = row.detail.get("money") or Decimal("0.00")
        sums = {"receivedMoney": received, "unreceivedMoney": total - received, "receivedProgress": progress(received, total)}
        self.store.change(CONTRACT, row, sums, moved=False)

    def discard(self, key: int) -> None:
        """Make a contract in force void; the one change of state that moves the list's update time."""
        row = self._row(CONTRACT, key)
        if row.detail.get("checkStatus") not in IN_FORCE:
            raise Refusal(2013, "当前状态不能作废")
        self.store.change(CONTRACT, row, {"checkStatus": VOID}, moved=True)

    def _row(self, label: int, key: int) -> Row:
        row = self.store.get(label, key)
        if row is None:
            raise Refusal(2064, "数据已删除")
        return row

    def _log(self, number: int, status: int, at: datetime | None = None) -> None:
        stamp = self.store.stamp(at)
        self.store.logs[number].append(
            {
                "logId": self.store.number(),
                "examineStatus": status,
                "examineUserId": 14773,
                "examineUserName": self.store.names.get(14773),
                "examineTime": None if status == CREATED else stamp,
                "createTime": stamp,
                "remarks": "",
            }
        )


def progress(received: Decimal, total: Decimal) -> Decimal:
    """Received part in percent; 100 for a contract over nothing."""
    return (received / total * 100).quantize(Decimal("0.01")) if total else Decimal(100)
