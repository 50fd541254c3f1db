"""The books behind the simulated platform: one account set with its archives, sales orders and outbound notes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

FEN = Decimal("0.01")
MATERIALS = {
    "SVC-001": {"name": "年度服务", "kind": "service"}, "SVC-002": {"name": "实施服务", "kind": "service"},
    "GOODS-1": {"name": "货物", "kind": "goods"}, "OLD-1": {"name": "停用的服务", "kind": "service", "enable": "0"},
}  # fmt: skip
UNIT = "1512345678901"
STOCKS, GROUPS, STAFF, DEPARTMENTS = ("CK001",), ("G01",), ("P07",), ("D01",)
CUSTOMER = {"id", "number", "name", "group_number", "group_id", "invoice_name", "taxpayer_no", "addr", "remark", "ignore_warn"}
SHARED = {
    "id", "bill_no", "bill_date", "customer_id", "customer_number", "emp_id", "emp_number", "remark", "total_amount",
    "bill_dis_amount", "bill_dis_rate", "material_entity", "operation_key", "ignore_warn", "custom_field",
}  # fmt: skip
ROW = {
    "id", "material_id", "material_number", "stock_id", "qty", "unit_id", "price", "tax_price", "cess", "tax_amount",
    "dis_amount", "discount", "comment", "amount", "all_amount", "is_free",
}  # fmt: skip
ENTITIES = {"sal_bill_order": "sal_order", "sal_bill_outbound": "sal_out_bound"}
OUTBOUND = {"bill_source", "dept_id", "dept_number", "total_un_settle_amount", "diff_amount"}
HEADS = {"sal_order": SHARED | {"default_bill_source"}, "sal_out_bound": SHARED | OUTBOUND}
ROWS = {"sal_order": ROW | {"delivery_date"}, "sal_out_bound": ROW | {"stock_number", "unit_number"}}


class Refused(Exception):
    """A refusal of the account set, with its code."""

    def __init__(self, message: str, code: int = 1001001) -> None:
        self.code = code
        super().__init__(message)


@dataclass
class Books:
    """note: told of what was made. renumber: the coding rule ignores the number that is given. closed_until: a day."""

    note: Callable[[str, dict[str, Any]], None]
    renumber: bool = False
    closed_until: str = ""
    refuse_audit: str = ""
    customers: dict[str, dict[str, Any]] = field(default_factory=dict)
    bills: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: {"sal_order": {}, "sal_out_bound": {}})
    last: int = 1_700_000_000_000

    def save_customer(self, body: dict[str, Any]) -> dict[str, Any]:
        """A new customer. Raises Refused, and then nothing was written."""
        known(body, CUSTOMER)
        if not body.get("name") or not body.get("number"):
            raise Refused("参数name[]不能为空")
        if body["number"] in self.customers:
            raise Refused(f"编码[{body['number']}]已存在")
        listed(body, "group_number", GROUPS)
        entry = {**body, "id": self._id(), "enable": "1"}
        self.customers[body["number"]] = entry
        self.note("customer", entry)
        return {"id": entry["id"], "ids": [entry["id"]], "id_number_map": {entry["id"]: entry["number"]}}

    def customer(self, number: str, key: str = "") -> dict[str, Any]:
        """The customer of this number, or of this id. Raises Refused."""
        if key:
            number = next((held["number"] for held in self.customers.values() if held["id"] == key), "")
        if number not in self.customers:
            raise Refused(f"参数number[{number}]不存在")
        return self.customers[number]

    def material(self, number: str) -> dict[str, Any]:
        """The material of this number. Raises Refused."""
        if number not in MATERIALS:
            raise Refused(f"参数number[{number}]不存在")
        entry = {"id": f"9{list(MATERIALS).index(number):012d}", "number": number, "enable": "1", "base_unit_id": UNIT,
                 "sale_unit_id": UNIT, "base_unit_name": "次"}  # fmt: skip
        return entry | MATERIALS[number]

    def save(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        """A new bill. Raises Refused, and then nothing was written."""
        known(body, HEADS[kind])
        if body.get("id"):
            raise Refused("本模拟器不做修改")
        rows = body.get("material_entity")
        if not body.get("bill_date") or not isinstance(rows, list) or not rows:
            raise Refused("单据日期和商品分录不能为空")
        if self.closed_until and str(body["bill_date"]) <= self.closed_until:
            raise Refused("该日期所在期间已结账")
        customer = self._customer_of(body)
        listed(body, "emp_number", STAFF)
        listed(body, "dept_number", DEPARTMENTS)
        lines = [self._row(kind, row) for row in rows]
        total = sum(line["all_amount"] for line in lines)
        if "total_amount" in body and decimal(body["total_amount"]) != total:
            raise Refused("单据金额与分录合计不一致")
        number = "" if self.renumber else str(body.get("bill_no") or "")
        number = number or f"XS-20261102-{len(self.bills[kind]) + 1:05d}"
        if number in self.bills[kind]:
            raise Refused(f"单据编号[{number}]已存在，请修改")
        held = {**body, "id": self._id(), "bill_no": number, "bill_status": "Z", "customer_id": customer["id"],
                "total_amount": total, "total_un_settle_amount": total, "material_entity": lines}  # fmt: skip
        self.bills[kind][number] = held
        self.note(kind, {**held, "customer_number": customer["number"]})
        return {"ids": [held["id"]], "id_number_map": {held["id"]: number}}

    def held(self, kind: str, number: str) -> dict[str, Any]:
        """The bill of this number. Raises Refused."""
        if number not in self.bills[kind]:
            raise Refused(f"参数number[{number}]不存在")
        return self.bills[kind][number]

    def rows(self, kind: str, part: str) -> list[dict[str, Any]]:
        """Rows of the list whose number holds this."""
        names = ("id", "bill_no", "bill_date", "bill_status", "customer_id", "customer_number")
        found = [held for number, held in self.bills[kind].items() if part in number]
        return [{name: held.get(name) for name in names} | {"total_amount": str(held["total_amount"])} for held in found]

    def operate(self, body: dict[str, Any]) -> dict[str, Any]:
        """Audit bills. Raises Refused."""
        known(body, {"ids", "numbers", "entity_number", "operate_type", "ignore_warn"})
        kind = ENTITIES.get(str(body.get("entity_number")))
        if kind is None or body.get("operate_type") != "audit":
            raise Refused("参数entity_number或operate_type错误")
        ids = {str(each) for each in body.get("ids") or ()}
        wanted = [held for held in self.bills[kind].values() if held["id"] in ids]
        if not ids or len(wanted) != len(ids):
            raise Refused("参数ids不存在")
        for held in wanted:
            if self.refuse_audit or held["bill_status"] != "Z":
                raise Refused(self.refuse_audit or f"单据[{held['bill_no']}]已审核")
        for held in wanted:
            held["bill_status"] = "C"
        return {"ids": sorted(ids), "id_number_map": {held["id"]: held["bill_no"] for held in wanted}}

    def _customer_of(self, body: dict[str, Any]) -> dict[str, Any]:
        found = [row for row in self.customers.values() if row["id"] == body.get("customer_id")]
        if body.get("customer_number") and not found:
            found = [row for row in self.customers.values() if row["number"] == body["customer_number"]]
        if not found:
            raise Refused(f"参数customer_number[{body.get('customer_number')}]不存在")
        if found[0]["enable"] != "1":
            raise Refused("客户已禁用")
        return found[0]

    def _row(self, kind: str, row: dict[str, Any]) -> dict[str, Any]:
        known(row, ROWS[kind])
        material = self.material(str(row.get("material_number")))
        if row.get("material_id", material["id"]) != material["id"] or row.get("unit_id") != UNIT:
            raise Refused("商品或计量单位错误")
        if kind == "sal_out_bound" and material["kind"] == "goods" and not row.get("stock_number"):
            raise Refused("非服务类商品的仓库不能为空")
        listed(row, "stock_number", STOCKS)
        names = ("qty", "tax_price", "cess", "tax_amount", "amount", "all_amount")
        values = {name: decimal(row.get(name)) for name in names}
        if values["qty"] <= 0:
            raise Refused("数量必须大于0")
        if (values["qty"] * values["tax_price"]).quantize(FEN, ROUND_HALF_UP) != values["all_amount"]:
            raise Refused("数量、含税单价与价税合计不一致")
        net = (values["all_amount"] * 100 / (100 + values["cess"])).quantize(FEN, ROUND_HALF_UP)
        if values["amount"] + values["tax_amount"] != values["all_amount"] or net != values["amount"]:
            raise Refused("金额、税额与价税合计不一致")
        return {**row, **values}

    def _id(self) -> str:
        self.last += 1
        return str(self.last)


def known(node: dict[str, Any], keys: set[str]) -> None:
    """Raises Refused for a key that the description of the interface lacks."""
    if strange := sorted(set(node) - keys):
        raise Refused(f"未知参数{strange[0]}")


def listed(node: dict[str, Any], key: str, values: tuple[str, ...]) -> None:
    """Raises Refused for a reference that leads nowhere."""
    if node.get(key) and node[key] not in values:
        raise Refused(f"参数{key}[{node[key]}]不存在")


def decimal(value: Any) -> Decimal:
    """A number of a request. Raises Refused."""
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise Refused("数字格式错误") from None
