"""Invoice applications of the simulated tenant: taken once by their serial, issued by people. Fields are 拼音 abbreviations."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from connectors.yonyou.sim_books import Books, known_only, local, needed, no_nulls
from connectors.yonyou.sim_documents import number
from connectors.yonyou.sim_gate import Refused

STATIONS = ("KP001",)
KINDS = ("1", "2", "3", "4", "31", "32")
SPECIAL = ("2", "4", "31")
HEAD = {
    "djqqlsh", "orgCode", "lylx", "lydjh", "autoMake", "zdrq", "fplx", "gmfMc", "gmfNsrsbh", "gmfDz", "gmfDh", "gmfYh", "gmfZh",
    "gmfDzdh", "gmfYhzh", "revemail", "revphone", "bz", "yfpHm", "yfpDm", "hcyy", "hzxxbbh", "invoiceWillBs",
}  # fmt: skip
LINE = {"hh", "xmmc", "sl", "xmjshj", "xmje", "se", "spssflbm", "spbm", "xmsl", "xmdj", "dw", "ggxh", "lslbs"}


@dataclass
class Invoices:
    """real: invoices that were issued without anybody's decision, which a test can forbid."""

    books: Books
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    real: list[str] = field(default_factory=list)
    _numbers: int = 0

    def save(self, body: dict[str, Any]) -> dict[str, Any]:
        """A flat body, and an answer without id. Raises Refused."""
        no_nulls(body, "body")
        known_only(body, HEAD, "开票申请单")
        needed(body, ("djqqlsh", "orgCode", "gmfMc", "zdrq", "invoiceWillBs"))
        if body["djqqlsh"] in self.rows:
            raise Refused("1001", "单据请求流水号已被使用，请重新赋值")
        if body["orgCode"] not in STATIONS:
            raise Refused("999", f"开票点编码{body['orgCode']}不存在")
        kind = str(body.get("fplx", "1"))
        if kind not in KINDS or (kind in SPECIAL and not body.get("gmfNsrsbh")):
            raise Refused("9999", "发票类型或购买方纳税人识别号不正确")
        for line in body["invoiceWillBs"]:
            self._line(line)
        whole, net, tax = (
            sum((number(line[key]) for line in body["invoiceWillBs"]), Decimal(0)) for key in ("xmjshj", "xmje", "se")
        )
        if (whole < 0) != bool(body.get("yfpHm")) or (whole < 0 and kind in ("2", "4") and not body.get("hzxxbbh")):
            raise Refused("9999", "红字发票须有蓝字发票号码，专票须有红字信息表编号")
        row = {**body, "jshj": whole, "je": net, "se": tax, "verifyState": "0", "invoiceState": "0", "invoices": []}
        self.rows[str(body["djqqlsh"])] = row
        self.books.note("invoice", row)
        if str(body.get("autoMake", "")).lower() == "true":
            self.real.append(self.issue(row, whole))
        return {"code": "200", "message": "操作成功"}

    @staticmethod
    def _line(line: dict[str, Any]) -> None:
        known_only(line, LINE, "项目明细")
        needed(line, ("hh", "xmmc", "xmjshj"))
        whole, net, tax, rate = (number(line[key]) for key in ("xmjshj", "xmje", "se", "sl"))
        if not 0 <= rate < Decimal("0.5"):
            raise Refused("9999", "税率应为小数，例如0.13")
        if net + tax != whole or abs(tax - net * rate) > Decimal("0.06"):
            raise Refused("9999", "金额、税额与价税合计不一致")
        if not re.fullmatch(r"[1-6]\d{18}", str(line.get("spssflbm", ""))):
            raise Refused("9999", "商品税收分类编码应为19位")
        if not rate and line.get("lslbs") not in ("0", "1", "2", "3"):
            raise Refused("9999", "零税率须有零税率标志")

    def result(self, body: dict[str, Any]) -> dict[str, Any]:
        """Applications by serial or source; nothing found is an empty list."""
        if not body.get("djqqlsh") and not body.get("lyid"):
            raise Refused("1001", "单据请求流水号和来源单据号不能同时为空")
        needed(body, ("orgCode", "pageNum", "pageSize"))
        row = self.rows.get(str(body.get("djqqlsh")))
        found = [row] if row is not None and row["orgCode"] == body["orgCode"] else []
        shown = [{key: value for key, value in item.items() if key != "invoices"} for item in found]
        invoices = found[0]["invoices"] if found and body.get("withInvoice") == "Y" else []
        data = {"dtos": shown, "totalCount": len(found), "invoices": invoices}
        return {"code": "200", "message": "SUCCESS", "data": data}

    def issue(self, row: dict[str, Any], amount: Decimal) -> str:
        """Somebody issues an invoice over so much; its number of 20 digits."""
        self._numbers += 1
        issued = f"26332000000{self._numbers:09d}"
        share = f"https://fp.example/{issued}"
        row["invoices"].append({"fpDm": "", "fpHm": issued, "shareUrl": share, "jshj": amount})
        record = {"fpHm": issued, "kprq": local(self.books.now()), "xmjshj": amount}
        first = row["invoiceWillBs"][0]
        row["invoiceWillBs"] = [{**first, "records": [*first.get("records", []), record]}, *row["invoiceWillBs"][1:]]
        row["invoiceState"] = "2"
        return issued
