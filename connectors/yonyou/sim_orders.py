"""Sales orders (销售订单) of the simulated tenant. ``!`` is part of flat keys; batches answer 200 though rows failed."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from connectors.yonyou.sim_books import FEN, Books, known_only, local, needed, no_nulls
from connectors.yonyou.sim_documents import AUDITED, SUBMITTED, TO_SUBMIT, number, paged
from connectors.yonyou.sim_gate import Refused

PRICES = ("currency", "exchRate", "exchangeRateType", "natCurrency", "taxInclusive")
MUST = (
    "salesOrgId", "transactionTypeId", "vouchdate", "agentId", "settlementOrgId", "invoiceAgentId", "payMoney",
    "orderDetails", "_status", *(f"orderPrices!{name}" for name in PRICES if name != "taxInclusive"),
)  # fmt: skip
HEAD = {*MUST, "orderPrices!taxInclusive", "resubmitCheckKey", "code", "memo", "corpContact", "saleDepartmentId"}
DETAIL_PRICES = ("oriUnitPrice", "oriMoney", "oriTax", "natSum", "natMoney", "natTax", "natUnitPrice", "natTaxUnitPrice")
LINE_MUST = (
    "_status", "productId", "qty", "subQty", "priceQty", "masterUnitId", "iProductAuxUnitId", "iProductUnitId", "invExchRate",
    "invPriceExchRate", "stockOrgId", "settlementOrgId", "taxId", "oriTaxUnitPrice", "oriSum", "orderProductType",
    *(f"orderDetailPrices!{name}" for name in DETAIL_PRICES),
)  # fmt: skip
LINE = {*LINE_MUST, "skuId", "unitExchangeType", "unitExchangeTypePrice", "consignTime"}
REFERENCES = {
    "salesOrgId": "org", "settlementOrgId": "org", "transactionTypeId": "transaction", "agentId": "customer",
    "invoiceAgentId": "customer", "orderPrices!currency": "currency", "orderPrices!natCurrency": "currency",
    "orderPrices!exchangeRateType": "exchange", "corpContact": "staff", "saleDepartmentId": "dept",
}  # fmt: skip
LINE_REFERENCES = {
    "productId": "material", "masterUnitId": "unit", "iProductAuxUnitId": "unit", "iProductUnitId": "unit",
    "stockOrgId": "org", "settlementOrgId": "org", "taxId": "tax",
}  # fmt: skip


@dataclass
class Orders:
    """manual_numbers: whether the coding rule lets callers choose the code. refuse: step -> words."""

    books: Books
    manual_numbers: bool = True
    refuse: dict[str, str] = field(default_factory=dict)
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)

    def save(self, data: dict[str, Any]) -> tuple[dict[str, Any], int]:
        """Insert. Raises Refused, and then nothing was written."""
        no_nulls(data)
        known_only(data, HEAD, "销售订单")
        needed(data, MUST)
        if not isinstance(data.get("orderPrices!taxInclusive"), bool):
            raise Refused("310008", "参数校验失败，参数[orderPrices!taxInclusive]是必填的")
        ids = {key: self.books.resolve(kind, data[key]) for key, kind in REFERENCES.items() if data.get(key)}
        self.books.open_period(data["vouchdate"])
        for line in data["orderDetails"]:
            self._line(line)
        total = sum((number(line["oriSum"]) for line in data["orderDetails"]), Decimal(0))
        if number(data["payMoney"]) != total:
            raise Refused("999", "合计含税金额与表体含税金额合计不一致")
        id = self.books.next_id()
        code = str(data.get("code") or "") if self.manual_numbers else ""
        code = code or f"UO-{id % 10**12:012d}"
        if any(row["code"] == code for row in self.rows.values()):
            raise Refused("999", f"单据编号{code}已存在")
        self.rows[id] = {
            "id": id, "code": code, "vouchdate": data["vouchdate"], "agentId": ids["agentId"], "agentId_name": "",
            "status": 0, "nextStatus": "CONFIRMORDER", "payMoney": total, "realMoney": total, "pubts": local(self.books.now()),
            "payStatusCode": "NOTPAYMENT", "confirmPrice": Decimal(0),
            "memo": data.get("memo", ""), "orderDetails": data["orderDetails"], "steps": ["save"],
        }  # fmt: skip
        self.books.note("sales_order", self.rows[id])
        return {"code": "200", "message": "操作成功", "data": {"id": id, "code": code, "status": 0}}, id

    def _line(self, line: dict[str, Any]) -> None:
        known_only(line, LINE, "表体")
        needed(line, LINE_MUST)
        for key, kind in LINE_REFERENCES.items():
            self.books.resolve(kind, line[key])
        units = {line[key] for key in ("masterUnitId", "iProductAuxUnitId", "iProductUnitId")}
        if len(units) > 1 or {line["qty"], line["subQty"], line["priceQty"]} != {line["qty"]}:
            raise Refused("999", "换算率与数量不一致")
        whole, bare, tax = (number(line[key]) for key in ("oriSum", "orderDetailPrices!oriMoney", "orderDetailPrices!oriTax"))
        if bare + tax != whole or (number(line["qty"]) * number(line["oriTaxUnitPrice"])).quantize(FEN, ROUND_HALF_UP) != whole:
            raise Refused("999", "数量、含税单价与含税金额不一致")

    def listed(self, body: dict[str, Any]) -> dict[str, Any]:
        """Header filters; one record for each line unless isSum."""
        for key in ("pageIndex", "pageSize"):
            if not isinstance(body.get(key), int):
                raise Refused("310061", f"网关扩展执行失败，{key}不能为空")
        found = [row for row in self.rows.values() if not body.get("code") or row["code"] == body["code"]]
        shown = []
        for row in found:
            head = {key: value for key, value in row.items() if key not in ("orderDetails", "steps")}
            lines = row["orderDetails"] if body.get("isSum") is not True else [{}]
            shown += [{**head, **({"oriSum": line["oriSum"]} if line else {})} for line in lines]
        return paged(shown, body["pageIndex"], body["pageSize"])

    def detail(self, id: str) -> dict[str, Any]:
        """One order with its lines."""
        row = self.rows.get(int(id)) if str(id).isdigit() else None
        if row is None:
            raise Refused("999", "当前单据被删除或没有权限")
        return {"code": "200", "message": "操作成功", "data": {key: value for key, value in row.items() if key != "steps"}}

    @staticmethod
    def pay(row: dict[str, Any], amount: Decimal) -> None:
        """Money is booked for an order."""
        row["confirmPrice"] += amount
        row["payStatusCode"] = "FINISHPAYMENT" if row["confirmPrice"] >= row["payMoney"] else "PARTPAYMENT"

    def batch(self, step: str, items: list[dict[str, Any]]) -> dict[str, Any]:
        """submit, audit, unaudit of several: code 200 whatever became of each."""
        infos, messages = [], []
        for item in items:
            try:
                infos.append(self._move(step, item.get("id")))
            except Refused as refusal:
                messages.append(refusal.message)
        data = {
            "count": len(items), "sucessCount": len(infos), "failCount": len(messages), "messages": messages, "infos": infos,
        }  # fmt: skip
        return {"code": "200", "message": "操作成功", "data": data}

    def _move(self, step: str, id: Any) -> dict[str, Any]:
        row = self.rows.get(int(id)) if str(id).isdigit() else None
        if row is None:
            raise Refused("999", "当前单据被删除或没有权限")
        start, end = {"submit": (0, 3), "audit": (3, 1), "unaudit": (1, 3)}[step]
        if self.refuse.get(step):
            raise Refused("999", self.refuse[step])
        if row["status"] != start:
            raise Refused("999", SUBMITTED if step == "submit" else AUDITED if row["status"] == 1 else TO_SUBMIT)
        row["status"], row["pubts"] = end, local(self.books.now())
        row["nextStatus"] = "APPROVING" if end == 3 else "DELIVERGOODS"
        row["steps"].append(step)
        return {"id": row["id"], "status": row["status"], "pubts": row["pubts"]}
