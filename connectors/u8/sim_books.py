"""The books behind the simulated gateway: an account set of U8 with its archives, receivables and sales orders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

CODES = {
    "sort_code": ("01", "02"), "inventorycode": ("SVC-001",), "typecode": ("01",), "deptcode": ("D01",),
    "personcode": ("P07",), "unitid": ("01",), "currency_name": ("人民币",),
}  # fmt: skip
NEEDED = {
    "customer": ("code", "name", "abbrname", "sort_code"),
    "oughtreceive": ("cust_vendor_code", "amount", "entry"),
    "saleorder": ("code", "date", "custcode", "typecode", "entry"),
}
NUMBERS = {"amount", "natamount", "currency_rate", "quantity", "taxunitprice", "sum", "taxrate"}
PARTY = {"oughtreceive": "cust_vendor_code", "saleorder": "custcode"}


class Refused(Exception):
    """A refusal in words; the platform's codes are not published."""


@dataclass
class Books:
    """note: told of what was made. closed_until: last day of the closed period."""

    note: Callable[[str, dict[str, Any]], None]
    closed_until: str = ""
    refuse_verify: str = ""
    objects: dict[str, dict[str, dict[str, Any]]] = field(
        default_factory=lambda: {"customer": {}, "oughtreceive": {}, "saleorder": {}}
    )

    def add(self, name: str, given: dict[str, Any]) -> str:
        """A new object; its code. Raises Refused, and then nothing was written."""
        for key in NEEDED[name]:
            if given.get(key) in ("", None, []):
                raise Refused(f"{key}不能为空")
        self._check(given)
        code = str(given.get("code") or f"AUTO{len(self.objects[name]) + 1:06d}")
        if code in self.objects[name]:
            raise Refused(f"单据编号{code}已存在")
        if name == "customer":
            if any(row["abbrname"] == given["abbrname"] for row in self.objects[name].values()):
                raise Refused("客户简称重复")
            self.objects[name][code] = {**given, "code": code}
            self.note(name, self.objects[name][code])
            return code
        if given[PARTY[name]] not in self.objects["customer"]:
            raise Refused(f"客户{given[PARTY[name]]}不存在")
        if self.closed_until and str(given.get("date", ""))[:10] <= self.closed_until:
            raise Refused("所在会计期间已结账")
        self._sums(name, given)
        self.objects[name][code] = {**given, "code": code, "state": "开立"}
        self.note(name, self.objects[name][code])
        return code

    def _check(self, given: dict[str, Any]) -> None:
        for key, value in given.items():
            if key in NUMBERS and not _is_number(value):
                raise Refused(f"{key}应为文本形式的数字")
            if key in CODES and value not in CODES[key]:
                raise Refused(f"{key}编码{value}不存在")
        for row in given.get("entry", []):
            self._check(row)

    @staticmethod
    def _sums(name: str, given: dict[str, Any]) -> None:
        rows = given["entry"]
        if name == "oughtreceive":
            if sum(Decimal(row["natamount"]) for row in rows) != Decimal(given["amount"]):
                raise Refused("表头金额与表体金额合计不一致")
            return
        for row in rows:
            product = (Decimal(row["quantity"]) * Decimal(row["taxunitprice"])).quantize(Decimal("0.01"), ROUND_HALF_UP)
            if product != Decimal(row["sum"]):
                raise Refused("数量、含税单价与价税合计不一致")

    def verify(self, name: str, code: str) -> str:
        """Verify an open document. Raises Refused."""
        row = self.objects[name].get(code)
        if row is None:
            raise Refused(f"单据{code}不存在")
        if self.refuse_verify or row["state"] != "开立":
            raise Refused(self.refuse_verify or f"单据{code}当前状态为{row['state']}，不能审核")
        row["state"] = "审核"
        return code

    def listed(self, name: str, begin: str, end: str) -> list[dict[str, Any]]:
        """Rows between two codes, without their entries."""
        rows = [row for code, row in sorted(self.objects[name].items()) if (begin or "") <= code <= (end or "\uffff")]
        return [{key: value for key, value in row.items() if key != "entry"} for row in rows]


def total(row: dict[str, Any]) -> int:
    """A document's amount in fen."""
    amount = row.get("amount") or sum(Decimal(line["sum"]) for line in row["entry"])
    return int(Decimal(amount) * 100)


def _is_number(value: Any) -> bool:
    try:
        return isinstance(value, str) and Decimal(value).is_finite()
    except InvalidOperation:
        return False
