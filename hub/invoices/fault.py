"""What an invoice lacks: the field, why, and who can fill it. No value stands in here, so it may be shown and logged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hub.events.notready import NotReady

BUYER_FIELDS = {
    "invoice_kind": ("发票种类", "kind of invoice"),
    "buyer_kind": ("购方是个人还是企业", "whether the buyer is a person or a company"),
    "buyer_title": ("购方抬头", "the buyer's title"),
    "buyer_tax_id": ("购方税号", "the buyer's tax id"),
    "buyer_address": ("购方地址", "the buyer's address"),
    "buyer_phone": ("购方电话", "the buyer's telephone"),
    "buyer_bank": ("购方开户行", "the buyer's bank"),
    "buyer_account": ("购方账号", "the buyer's account"),
    "email": ("收票邮箱", "e-mail for the file"),
    "mobile": ("收票手机", "mobile for the file"),
    "remark": ("备注", "remark"),
}
LINE_FIELDS = {
    "title": ("货物或服务名称", "what it is called"),
    "tax_code": ("税收分类编码", "tax classification code"),
    "tax_rate": ("税率", "tax rate"),
    "unit": ("单位", "unit"),
}
OTHER_FIELDS = {"amount": ("金额", "amount"), "lines": ("明细", "lines"), "document": ("单据", "document")}
REASONS = {
    "missing": ("没有填", "is missing"),
    "shape": ("格式不对", "has the wrong form"),
    "check": ("校验位不对，可能抄错了一位", "has a wrong check character; a character may be miscopied"),
    "letter": ("含有不会出现的字母（I O S V Z）", "has a letter that never occurs (I O S V Z)"),
    "letter_swapped": ("像是把 0、1、5、2 写成了 O、I、S、Z", "seems to have O, I, S, Z in place of 0, 1, 5, 2"),
    "too_long": ("太长，印不下", "is too long to be printed"),
    "differs": ("来源的税率与税目表不同", "differs between the source and the table of tax items"),
    "over": ("超过合同或订单还能开票的金额", "is more than what can still be invoiced of the deal or order"),
    "unequal": ("各行合计与金额不等", "do not add up to the amount"),
    "special_for_person": ("个人不能开专用发票", "cannot be special: the buyer is a person"),
    "invalid": ("不成立", "does not hold together"),
    "currency": ("不是人民币", "is not in yuan"),
    "amended": ("合同改了金额，申请还是原来的", "is still that of before, and the deal's has changed"),
    "changed": ("来源刚刚变了，正在重做", "has just changed at its source; it is being made anew"),
}
WHO = {"sales": ("销售", "sales"), "finance": ("财务", "finance")}


@dataclass(frozen=True)
class Fault:
    """One thing that is missing or wrong. field: 'buyer_tax_id', 'lines.2.tax_code'. who: sales | finance."""

    field: str
    reason: str = "missing"
    who: str = "sales"


class Incomplete(NotReady):
    """The invoice waits until somebody fills what is missing."""

    default_key = "invoice.incomplete"

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(missing=", ".join(f"{fault.field} ({fault.reason})" for fault in faults))

    def as_dict(self) -> dict[str, Any]:
        """As rows store it: the faults one by one beside the message."""
        return super().as_dict() | {"faults": [asdict(fault) for fault in self.faults]}


class Held(Incomplete):
    """The deal's amount has changed and the request's has not: the invoice waits for the request, or for a person's word."""

    default_key = "invoice.held"

    def __init__(self, *, before: str, now: str) -> None:
        super().__init__([Fault("amount", "amended")])
        self.params = {"before": before, "now": now}


def words(fault: Fault, language: str) -> str:
    """The fault as a sentence: '购方税号：校验位不对'."""
    place, label = 0 if language == "zh" else 1, field_label(fault.field, language)
    reason = REASONS.get(fault.reason, (fault.reason, fault.reason))[place]
    return f"{label}：{reason}" if language == "zh" else f"{label} {reason}"


def field_label(field: str, language: str) -> str:
    """'第 2 行税率' or 'line 2: tax rate'."""
    place = 0 if language == "zh" else 1
    if field.startswith("lines."):
        _, number, name = field.split(".", 2)
        label = LINE_FIELDS.get(name, (name, name))[place]
        return f"第 {number} 行{label}" if language == "zh" else f"line {number}: {label}"
    known = BUYER_FIELDS | OTHER_FIELDS
    return known.get(field, (field, field))[place]
