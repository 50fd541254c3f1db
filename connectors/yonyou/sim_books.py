"""The books of the simulated tenant: archives that documents refer to, customers, and what both have in common.

Texts quoted in the fact sheet are the platform's own; the others are ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from connectors.yonyou.sim_gate import Refused

ZONE = ZoneInfo("Asia/Shanghai")
FEN = Decimal("0.01")
ARCHIVES = {
    "org": {"1001": "杭州总公司", "2001": "宁波分公司"},
    "material": {"SVC-001": "技术服务", "SHOP-001": "店铺销售"},
    "unit": {"CI": "次"},
    "tax": {"VAT13": "13", "VAT6": "6", "VAT9": "9", "VAT0": "0"},
    "transaction": {"ar_invoice": "应收发票", "ar_settle": "店铺日结", "SO002": "普通销售"},
    "staff": {"009": "演示员"},
    "dept": {"SS2": "销售部"},
    "currency": {"CNY": "人民币"},
    "exchange": {"01": "基准汇率"},
    "class": {"01": "默认分类"},
}
TITLES = {
    "org": "组织", "material": "物料", "unit": "计量单位", "tax": "税目", "transaction": "交易类型", "staff": "员工",
    "dept": "部门", "currency": "币种", "exchange": "汇率类型", "class": "客户分类", "customer": "客户",
}  # fmt: skip
CUSTOMER_KEYS = {
    "resubmitCheckKey", "code", "name", "createOrgCode", "enterpriseNature", "enterpriseName", "personName", "orgName",
    "licenseType", "creditCode", "contactName", "contactTel", "email", "customerClassCode", "merchantContactInfos",
    "merchantAgentInvoiceInfos", "merchantApplyRanges", "merchantRole",
}  # fmt: skip
NAMED = {0: "enterpriseName", 1: "personName", 2: "orgName"}
FIRST_ID = 2_285_747_004_510_464_001
"""Ids have 19 digits and do not fit a double."""


def local(at: datetime) -> str:
    """A time as the platform writes it."""
    return at.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")


def no_nulls(node: Any, place: str = "data") -> None:
    """Null is handed through since 2025-03-15 and erases: a client leaves out what it does not set. Raises Refused."""
    if node is None:
        raise Refused("310008", f"参数校验失败，参数[{place}]为null")
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        no_nulls(value, f"{place}.{key}")


def known_only(given: dict[str, Any], known: set[str], where: str) -> None:
    """Stricter than the platform, which ignores what it does not know: a misspelt field is noticed. Raises Refused."""
    for key in given:
        if key not in known:
            raise Refused("310008", f"参数校验失败，{where}没有参数[{key}]")


def needed(given: dict[str, Any], keys: tuple[str, ...]) -> None:
    """Raises Refused where a required parameter is missing."""
    for key in keys:
        if given.get(key) in ("", None, []):
            raise Refused("310008", f"参数校验失败，参数[{key}]是必填的")


@dataclass
class Books:
    """Archives, customers and ids. closed_until: last day of the closed period, as yyyy-mm-dd."""

    now: Callable[[], datetime]
    note: Callable[[str, dict[str, Any]], None]
    closed_until: str = ""
    customers: dict[int, dict[str, Any]] = field(default_factory=dict)
    archives: dict[str, dict[str, int]] = field(default_factory=dict)
    _ids: int = FIRST_ID

    def __post_init__(self) -> None:
        for kind, codes in ARCHIVES.items():
            self.archives[kind] = {code: self.next_id() for code in codes}

    def next_id(self) -> int:
        """A new id."""
        self._ids += 1
        return self._ids

    def resolve(self, kind: str, value: Any, *, id: Any = None) -> int:
        """The id behind an id or a code; where both are given the id wins. Raises Refused when there is none such."""
        wanted = str(id if id not in (None, "") else value)
        known = self.customer_codes() if kind == "customer" else self.archives[kind]
        found = next((number for code, number in known.items() if wanted in (code, str(number))), None)
        if found is None:
            raise Refused("999", f"{TITLES[kind]}编码:{wanted}未找到")
        return found

    def code_of(self, kind: str, number: int) -> str:
        """The code of an archive's id."""
        known = self.customer_codes() if kind == "customer" else self.archives[kind]
        return next(code for code, id in known.items() if id == number)

    def customer_codes(self) -> dict[str, int]:
        """Customers by code."""
        return {row["code"]: id for id, row in self.customers.items()}

    def open_period(self, day: str) -> None:
        """Raises Refused for a day in the closed period."""
        if self.closed_until and str(day)[:10] <= self.closed_until:
            raise Refused("999", "当前会计期间已经结账,单据不能维护")

    # -- customers

    def insert_customer(self, data: dict[str, Any]) -> tuple[dict[str, Any], int]:
        """A new customer. A business refusal has the number 0 as its code."""
        no_nulls(data)
        known_only(data, CUSTOMER_KEYS, "客户")
        name = (data.get("name") or {}).get("simplifiedName")
        nature = data.get("enterpriseNature", 0)
        for value, words in ((name, "客户名称不能为空!"), (data.get("code"), "客户编码不能为空!"),
                             (data.get(NAMED.get(nature, "enterpriseName")), f"{NAMED.get(nature)}不能为空!")):  # fmt: skip
            if not value:
                raise Refused(0, words)
        if data["code"] in self.customer_codes():
            raise Refused(0, f"客户编码[{data['code']}]已存在!")
        self.resolve("org", data.get("createOrgCode"))
        if data.get("customerClassCode"):
            self.resolve("class", data["customerClassCode"])
        row = self.add_customer(str(data["code"]), str(name), nature, data)
        self.note("customer", row)
        return {"code": "200", "success": True, "data": [{"id": row["id"], "code": row["code"]}]}, row["id"]

    def add_customer(
        self, code: str, name: str, nature: int, more: dict[str, Any], at: datetime | None = None
    ) -> dict[str, Any]:
        """A customer as the list shows it."""
        id, moment = self.next_id(), local(at or self.now())
        tongues = {"englishName": "", "traditionalName": ""}
        self.customers[id] = {
            "id": id, "code": code, "name": {"simplifiedName": name, **tongues},
            "shortname": {"simplifiedName": "", **tongues}, "enterpriseNature": nature,
            "licenseType": more.get("licenseType", 0), "creditCode": more.get("creditCode", ""),
            "contactName": more.get("contactName", ""), "contactTel": more.get("contactTel", ""),
            "email": more.get("email", ""), "address": {"simplifiedName": more.get("address", ""), **tongues},
            "createOrgId": str(self.archives["org"]["1001"]), "createOrgCode": "1001", "stopStatus": False,
            "createTime": moment, "modifyTime": moment, "pubts": moment,
        }  # fmt: skip
        return self.customers[id]

    def list_customers(self, body: dict[str, Any]) -> dict[str, Any]:
        """``data`` is the array itself, without a total; the code is a number here."""
        for key in ("pageIndex", "pageSize"):
            if not isinstance(body.get(key), int):
                raise Refused("310061", f"网关扩展执行失败，{key}不能为空")
        if body["pageSize"] > 5000:
            raise Refused("310015", "参数[pageSize]未通过正则匹配")
        rows = [row for _, row in sorted(self.customers.items()) if self._wanted(row, body)]
        first = (body["pageIndex"] - 1) * body["pageSize"]
        return {"code": 200, "message": "操作成功", "data": rows[first : first + body["pageSize"]]}

    @staticmethod
    def _wanted(row: dict[str, Any], body: dict[str, Any]) -> bool:
        same = all(str(row[key]) == str(body[key]) for key in ("id", "code", "creditCode") if body.get(key))
        named = not body.get("name") or row["name"]["simplifiedName"] == body["name"]
        return same and named and str(row["pubts"]) >= str(body.get("pubts") or "")
