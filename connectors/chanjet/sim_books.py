"""The books behind the simulated platform: one company's T+ with its archives, sales orders and sale deliveries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

FEN = Decimal("0.01")
ARCHIVES = {
    "inventory": {"SVC-001": "年度服务", "SVC-002": "实施服务"}, "warehouse": {"01": "总仓"},
    "department": {"D01": "销售部"}, "person": {"P07": "李四"}, "partner_class": {"001": "客户"},
}  # fmt: skip
UNITS = ("次", "个")
REFERENCES = {
    "Warehouse": "warehouse", "Department": "department", "Clerk": "person", "Inventory": "inventory",
}  # fmt: skip
HEAD = {
    "VoucherDate", "Code", "ExternalCode", "BusinessType", "Customer", "SettleCustomer", "Department", "Clerk", "Memo",
    "Warehouse", "InvoiceType", "Address", "LinkMan", "ContactPhone", "DynamicPropertyKeys", "DynamicPropertyValues",
    "DeliveryDate",
}  # fmt: skip
ROW = {
    "Inventory", "Unit", "Quantity", "OrigTaxPrice", "OrigTaxAmount", "OrigDiscountPrice", "OrigPrice", "TaxRate", "Warehouse",
    "DeliveryDate", "DetailMemo", "IsPresent", "DynamicPropertyKeys", "DynamicPropertyValues",
}  # fmt: skip
LINES = {"saleOrder": "SaleOrderDetails", "saleDelivery": "SaleDeliveryDetails"}
NAMES = {"saleOrder": "销售订单", "saleDelivery": "销货单"}
PARTNER = {"Code", "Name", "Shorthand", "PartnerAbbName", "PartnerType", "PartnerClass", "TaxRegcode"}


class Refused(Exception):
    """A refusal: T+ says nearly everything with code 999."""

    def __init__(self, message: str, code: str = "999") -> None:
        self.code = code
        super().__init__(message)


@dataclass
class Books:
    """note: told of what was made. renumber: T+'s coding rule ignores the number that is given. closed_until: a day."""

    note: Callable[[str, dict[str, Any]], None]
    renumber: bool = False
    closed_until: str = ""
    refuse_audit: str = ""
    partners: dict[str, dict[str, Any]] = field(default_factory=dict)
    vouchers: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: {"saleOrder": {}, "saleDelivery": {}})

    def query(self, archive: str, param: dict[str, Any]) -> list[dict[str, Any]]:
        """Rows of an archive, narrowed by code, with the fields that were asked for."""
        if archive == "partner":
            rows = list(self.partners.values())
        else:
            rows = [
                {"ID": str(place), "Code": code, "Name": name} for place, (code, name) in enumerate(ARCHIVES[archive].items())
            ]
        if param.get("Code"):
            rows = [row for row in rows if row["Code"] == param["Code"]]
        wanted = [name for name in str(param.get("SelectFields") or "ID,Code,Name").split(",") if name]
        return [{name: row.get(name) for name in wanted} for row in rows]

    def create_partner(self, dto: dict[str, Any]) -> None:
        """A new partner. Raises Refused, and then nothing was written."""
        self._known(dto, PARTNER)
        for key in ("Code", "Name", "PartnerType", "PartnerClass"):
            if not dto.get(key):
                raise Refused(f"{key}不能为空")
        if code(dto["PartnerClass"]) not in ARCHIVES["partner_class"] or code(dto["PartnerType"]) not in ("01", "02", "03"):
            raise Refused("往来单位分类或性质不存在")
        if dto["Code"] in self.partners:
            raise Refused(f"往来单位编码{dto['Code']}已存在")
        short = dto.get("PartnerAbbName")
        if short and any(row.get("PartnerAbbName") == short for row in self.partners.values()):
            raise Refused("往来单位简称重复")
        row = {**dto, "ID": str(len(self.partners) + 1), "Disabled": False}
        self.partners[dto["Code"]] = row
        self.note("partner", row)

    def create(self, kind: str, dto: dict[str, Any]) -> dict[str, Any]:
        """A new voucher. Raises Refused, and then nothing was written."""
        rows = dto.get(LINES[kind])
        self._known({key: value for key, value in dto.items() if key != LINES[kind]}, HEAD)
        if not dto.get("ExternalCode"):
            raise Refused("ExternalCode不能为空")
        if any(held["ExternalCode"] == dto["ExternalCode"] for held in self.vouchers[kind].values()):
            raise Refused(f"外部单据号{dto['ExternalCode']}重复，单据已存在")
        if code(dto.get("Customer")) not in self.partners:
            raise Refused(f"客户{code(dto.get('Customer'))}没有找到")
        if not isinstance(rows, list) or not rows:
            raise Refused("单据明细不能为空")
        if self.closed_until and str(dto.get("VoucherDate", ""))[:10] <= self.closed_until:
            raise Refused("所在会计期间已经结账")
        self._references(dto)
        lines = [self._row(kind, row) for row in rows]
        given = "" if self.renumber else str(dto.get("Code") or "")
        number = given or f"SA-2026-11-{len(self.vouchers[kind]) + 1:04d}"
        if number in self.vouchers[kind]:
            raise Refused(f"单据编码{number}已存在")
        held = {**dto, "ID": str(len(self.vouchers[kind]) + 1), "Code": number, LINES[kind]: lines,
                "VoucherState": {"Code": "00", "Name": "未审"}}  # fmt: skip
        named = dict(zip(dto.get("DynamicPropertyKeys") or (), dto.get("DynamicPropertyValues") or (), strict=False))
        if named.get("isautoaudit") is True:
            held["VoucherState"] = {"Code": "01", "Name": "已审"}
        self.vouchers[kind][number] = held
        self.note(kind, held)
        return held

    def audit(self, kind: str, number: str) -> None:
        """Audit an open voucher. Raises Refused."""
        held = self.held(kind, number)
        if self.refuse_audit or held["VoucherState"]["Name"] != "未审":
            raise Refused(self.refuse_audit or f"单据{number}已审核，不能重复审核")
        held["VoucherState"] = {"Code": "01", "Name": "已审"}

    def held(self, kind: str, number: str) -> dict[str, Any]:
        """The voucher of this code. Raises Refused."""
        if number not in self.vouchers[kind]:
            raise Refused(f"{NAMES[kind]}{number}不存在")
        return self.vouchers[kind][number]

    def _references(self, node: dict[str, Any]) -> None:
        for key, archive in REFERENCES.items():
            if key in node and code(node[key]) not in ARCHIVES[archive]:
                raise Refused(f"{key}编码{code(node[key])}没有找到")

    def _row(self, kind: str, row: dict[str, Any]) -> dict[str, Any]:
        self._known(row, ROW)
        self._references(row)
        if "Inventory" not in row or (row.get("Unit") or {}).get("Name") not in UNITS:
            raise Refused("存货和计量单位不能为空")
        if kind == "saleDelivery" and row["Inventory"]["Code"] == "GOODS-1" and "Warehouse" not in row:
            raise Refused("仓库不能为空")
        quantity, rate = decimal(row.get("Quantity")), decimal(row.get("TaxRate", "0"))
        if not 0 <= rate < 1:
            raise Refused("税率应为小数，例如0.13")
        if "OrigTaxPrice" in row:
            price = decimal(row["OrigTaxPrice"])
        else:
            price = decimal(row.get("OrigDiscountPrice", row.get("OrigPrice"))) * (1 + rate)
        amount = (quantity * price).quantize(FEN, ROUND_HALF_UP)
        if "OrigTaxAmount" in row and "OrigTaxPrice" in row and decimal(row["OrigTaxAmount"]) != amount:
            raise Refused("数量、含税单价与含税金额不一致")
        return {**row, "OrigTaxAmount": format(decimal(row.get("OrigTaxAmount", amount)), "f")}

    @staticmethod
    def _known(node: dict[str, Any], keys: set[str]) -> None:
        if strange := sorted(set(node) - keys):
            raise Refused(f"参数{strange[0]}不存在", "14002")


def code(reference: Any) -> str:
    """The code of a reference object."""
    return str(reference.get("Code") or "") if isinstance(reference, dict) else ""


def decimal(value: Any) -> Decimal:
    """A number of a request. Raises Refused."""
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        raise Refused("数字格式错误", "14002") from None
    return found


def total(kind: str, held: dict[str, Any]) -> int:
    """A voucher's amount in fen, tax included."""
    return int(sum(Decimal(row["OrigTaxAmount"]) for row in held[LINES[kind]]) * 100)
