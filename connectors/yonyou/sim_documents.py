"""Receivables (应收结算清单) of the simulated tenant: saving with its checks, lists, and their life.

``verifyState``: 0 open, 1 in approval, 2 approved, 3 stopped, 4 turned down.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from connectors.yonyou.sim_books import FEN, Books, known_only, local, needed, no_nulls
from connectors.yonyou.sim_gate import Refused

HEAD = {
    "resubmitCheckKey", "extSystemCode", "extVouchCode", "_status", "financeOrg", "financeOrgCode", "org", "orgCode",
    "bustype", "bustypeCode", "billDate", "direction", "objectType", "customer", "customerCode", "oriCurrency",
    "oriCurrencyCode", "exchangeRateType", "exchangeRateTypeCode", "exchangeRate", "exchangeRateDate", "staffCode", "deptCode",
    "remarks", "bodyItem", "srcBillId", "srcBillType",
}  # fmt: skip
ROW = {
    "_status", "extRowNo", "materialCode", "expenseItemCode", "quantity", "taxRate", "oriTaxExcludedAmount", "oriTaxAmount",
    "oriTaxIncludedAmount", "localTaxExcludedAmount", "localTaxAmount", "localTaxIncludedAmount", "oriCurrencyCode",
    "exchangeRate", "exchangeRateTypeCode", "exchangeRateDate", "objectType", "customerCode", "orgCode", "orderNo",
    "contractNo", "grandsonItem",
}  # fmt: skip
SUBMITTED, AUDITED, TO_SUBMIT = "当前单据, 不允许提交!", "单据已审核", "该单据为开立态，请先去提交！"


def number(value: Any) -> Decimal:
    """A JSON number. Text is no amount. Raises Refused."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Refused("310008", "参数校验失败，金额应为数字")
    return Decimal(value)


@dataclass
class Receivables:
    """应收结算清单. auto_approve: no approval flow, so that submitting approves. refuse: step -> words."""

    books: Books
    auto_approve: bool = False
    refuse: dict[str, str] = field(default_factory=dict)
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)

    def save(self, data: dict[str, Any]) -> tuple[dict[str, Any], int]:
        """Insert only. Raises Refused, and then nothing was written."""
        no_nulls(data)
        known_only(data, HEAD, "应收结算清单")
        needed(data, ("direction", "billDate", "objectType", "exchangeRate", "exchangeRateDate", "_status", "bodyItem"))
        self._external(data)
        bill = self._head(data)
        bill["bodyItem"] = [self._row(data, row) for row in data["bodyItem"]]
        for part in ("oriTaxIncludedAmount", "localTaxIncludedAmount", "oriTaxAmount"):
            bill[part] = sum((row[part] for row in bill["bodyItem"]), Decimal(0))
        if not bill["oriTaxIncludedAmount"] or (bill["oriTaxIncludedAmount"] < 0) != (str(data["direction"]) == "-1"):
            raise Refused("999", "单据方向与金额不一致")
        self.rows[bill["id"]] = bill
        self.books.note("receivable", bill)
        keys = ("code", "verifyState", "status", "postStatus", "effectState", "pubts")
        answer = {"id": str(bill["id"]), **{key: bill[key] for key in keys}}
        return {"code": "200", "message": "操作成功", "data": answer}, str(bill["id"])  # type: ignore[return-value]

    def _external(self, data: dict[str, Any]) -> None:
        """Checked together: the number alone is silently no guard, the system alone is refused."""
        system, theirs = data.get("extSystemCode"), data.get("extVouchCode")
        if system and not theirs:
            raise Refused("999", "外部系统编码有值时，外部系统单号不允许为空!")
        taken = (bill for bill in self.rows.values() if (bill["extSystemCode"], bill["extVouchCode"]) == (system, theirs))
        if system and next(taken, None):
            raise Refused("999", f"外部系统单号{theirs}已存在")

    def _head(self, data: dict[str, Any]) -> dict[str, Any]:
        books = self.books
        if not data.get("financeOrg") and not data.get("financeOrgCode"):
            raise Refused("999", "开票组织不允许为空!")
        books.resolve("org", data.get("financeOrgCode"), id=data.get("financeOrg"))
        books.resolve("org", data.get("orgCode"), id=data.get("org"))
        books.resolve("transaction", data.get("bustypeCode"), id=data.get("bustype"))
        books.resolve("currency", data.get("oriCurrencyCode"), id=data.get("oriCurrency"))
        for kind, key in (("staff", "staffCode"), ("dept", "deptCode"), ("exchange", "exchangeRateTypeCode")):
            if data.get(key):
                books.resolve(kind, data[key])
        if data["_status"] != "Insert" or str(data["direction"]) not in ("1", "-1") or str(data["objectType"]) != "1":
            raise Refused("310015", "参数未通过正则匹配")
        customer = books.resolve("customer", data.get("customerCode"), id=data.get("customer"))
        books.open_period(data["billDate"])
        id = books.next_id()
        return {
            "id": id, "code": f"OAR{id % 10**12:012d}", "extSystemCode": data.get("extSystemCode"),
            "extVouchCode": data.get("extVouchCode"), "customer": str(customer),
            "customerCode": books.code_of("customer", customer), "remarks": data.get("remarks", ""),
            "bustypeCode": data.get("bustypeCode"), "billDate": data["billDate"], "direction": str(data["direction"]),
            "verifyState": 0, "status": 0, "effectState": "0", "postStatus": "0", "writeOffState": "0",
            "pubts": local(books.now()), "steps": ["save"],
        }  # fmt: skip

    def _row(self, data: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
        known_only(row, ROW, "表体")
        needed(row, ("_status", "oriTaxIncludedAmount", "taxRate"))
        self.books.resolve("material", row.get("materialCode"))
        self.books.resolve("customer", row.get("customerCode"))
        whole, bare, tax = (number(row[f"ori{part}"]) for part in ("TaxIncludedAmount", "TaxExcludedAmount", "TaxAmount"))
        local_ = tuple(number(row[f"local{part}"]) for part in ("TaxIncludedAmount", "TaxExcludedAmount", "TaxAmount"))
        expected = (whole / (1 + number(row["taxRate"]) / 100)).quantize(FEN, ROUND_HALF_UP)
        if bare + tax != whole or abs(bare - expected) > FEN or local_ != (whole, bare, tax):
            raise Refused("999", "无税金额、税额与含税金额不一致")
        planned = [number(item["oriTaxIncludedAmount"]) for item in row.get("grandsonItem", [])]
        if planned and sum(planned) != whole:
            raise Refused("999", "账期金额合计与含税金额不一致")
        return {**row, "id": str(self.books.next_id())}

    def listed(self, body: dict[str, Any]) -> dict[str, Any]:
        """Page fields are texts; one record for each body row unless isSum."""
        for key in ("pageIndex", "pageSize"):
            if not isinstance(body.get(key), str):
                raise Refused("310061" if key not in body else "310015", f"参数[{key}]未通过正则匹配")
        if int(body["pageSize"]) > 500:
            raise Refused("310015", "参数[pageSize]未通过正则匹配")
        wanted = {key: body[key] for key in ("extSystemCode", "extVouchCode", "code") if body.get(key)}
        since = str((body.get("simple") or {}).get("open_pubts_begin") or "")
        bills = [b for b in self.rows.values() if all(b[k] == v for k, v in wanted.items()) and b["pubts"] >= since]
        shown = [record for bill in sorted(bills, key=lambda b: (b["pubts"], b["id"])) for record in self._records(bill, body)]
        return paged(shown, int(body["pageIndex"]), int(body["pageSize"]))

    @staticmethod
    def _records(bill: dict[str, Any], body: dict[str, Any]) -> list[dict[str, Any]]:
        head = {key: bill[key] for key in bill if key not in ("bodyItem", "steps", "customer", "customerCode")}
        head["id"] = str(bill["id"])
        if body.get("isSum") is True:
            return [head]
        rows = bill["bodyItem"]
        return [{**head, "bodyItemId": row["id"], "bodyItemOriTaxIncludedAmount": row["oriTaxIncludedAmount"],
                 "bodyItemCustomer": bill["customer"], "bodyItem_extRowNo": row.get("extRowNo")} for row in rows]  # fmt: skip

    def detail(self, id: str) -> dict[str, Any]:
        """One receivable by id."""
        bill = self._bill(id)
        data = {key: value for key, value in bill.items() if key != "steps"} | {"id": str(bill["id"])}
        return {"code": "200", "message": "操作成功", "data": data}

    def _bill(self, id: Any) -> dict[str, Any]:
        bill = self.rows.get(int(id)) if str(id).isdigit() else None
        if bill is None:
            raise Refused("999", "当前单据被删除或没有权限")
        return bill

    def move(self, step: str, data: dict[str, Any]) -> dict[str, Any]:
        """submit, audit, unaudit, unsubmit, delete."""
        bill = self._bill(data.get("id"))
        state = bill["verifyState"]
        allowed = {"submit": (0, 1), "audit": (1, 2), "unaudit": (2, 1), "unsubmit": (1, 0), "delete": (0, 0)}
        start, end = allowed[step]
        if self.refuse.get(step):
            raise Refused("999", self.refuse[step])
        if state != start:
            raise Refused("999", SUBMITTED if step in ("submit", "delete") else AUDITED if state == 2 else TO_SUBMIT)
        if step == "delete":
            del self.rows[bill["id"]]
        bill["verifyState"] = 2 if step == "submit" and self.auto_approve else end
        bill["effectState"], bill["postStatus"] = ("1", "2") if bill["verifyState"] == 2 else ("0", "0")
        bill["pubts"] = local(self.books.now())
        bill["steps"].append(step)
        return {"code": "200", "message": "操作成功", "data": {"id": str(bill["id"])}}


def paged(rows: list[dict[str, Any]], index: int, size: int) -> dict[str, Any]:
    """A list in the platform's envelope."""
    count = -(-len(rows) // size)
    data = {
        "pageIndex": index, "pageSize": size, "recordCount": len(rows), "pageCount": count, "beginPageIndex": 1,
        "endPageIndex": count, "recordList": rows[(index - 1) * size : index * size],
    }  # fmt: skip
    return {"code": "200", "message": "操作成功", "data": data}
