"""The books of the simulated account set: saving with its checks, and the life of a bill (Z, A, B, C, D).

Texts that are the platform's own: the uniqueness text, the unknown field and the unknown form. The others are ours.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from connectors.kingdee.sim_forms import AUTOMATIC, DATE, FLAG, FORMS, NUMBER, SEED, TEXT, Entry, Form

FEN = Decimal("0.01")
_KINDS = {"SAL_SaleOrder": "sales_order", "BD_Customer": "customer"}
_MOVES = {  # operation -> states it starts from, state it leads to, words for a refusal
    "Submit": ("AD", "B", "提交"),
    "Audit": ("B", "C", "审核"),
    "UnAudit": ("C", "D", "反审核"),
}


class Refused(Exception):
    """A business refusal: the platform's MsgCode, the field it is about, and what it says."""

    def __init__(self, code: int, message: str, field_name: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.field_name = code, message, field_name


@dataclass
class Bill:
    """A stored bill or base record. values: header by key (references as codes). lines: entry key -> rows."""

    form: Form
    id: int
    values: dict[str, Any]
    lines: dict[str, list[dict[str, Any]]]
    state: str = "A"
    created: datetime | None = None
    modified: datetime | None = None
    approved: datetime | None = None

    @property
    def number(self) -> str:
        """Its code."""
        return str(self.values[self.form.number])


@dataclass
class Books:
    """All bills. note: told of each create, change, move, deletion, rollback (undo) and refused duplicate.

    strict: refuse amounts that do not add up. manual_numbers: whether the coding rule lets callers choose numbers.
    refuse: (form, operation) -> words with which the operation is refused. closed_until: last day of the closed period.
    """

    now: Callable[[], datetime]
    note: Callable[[str, Bill], None]
    strict: bool = True
    manual_numbers: bool = True
    refuse: dict[tuple[str, str], str] = field(default_factory=dict)
    closed_until: str = ""
    bills: dict[str, dict[int, Bill]] = field(default_factory=dict)
    numbers: dict[tuple[str, str], int] = field(default_factory=dict)
    _ids: int = 100230
    _auto: Counter[str] = field(default_factory=Counter)
    _seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for form_name, codes in SEED.items():
            for code, values in codes.items():
                self._store(Bill(form_of(form_name), self._id(), {"FNumber": code, "FForbidStatus": "A", **values}, {}, "C"))

    # -- reading

    def all(self, form: Form) -> list[Bill]:
        """The bills of a form, oldest first."""
        return list(self.bills.get(form.name, {}).values())

    def by_number(self, form: Form, number: str) -> Bill | None:
        """The bill of that code."""
        id = self.numbers.get((form.name, number))
        return self.bills[form.name][id] if id is not None else None

    # -- saving

    def save(self, form: Form, data: dict[str, Any]) -> Bill:
        """Insert, or replace where the model names an id. Raises Refused, and then nothing is changed."""
        model = data.get("Model")
        if not isinstance(model, dict):
            raise Refused(8, "data数据包中的参数Model的值不能为空。", "Model")
        self._no_unknown_keys(form, model)
        repeat = json.dumps([form.name, model], sort_keys=True, default=str)
        if _yes(data, "ValidateRepeatJson", False) and repeat in self._seen:
            raise Refused(11, "重复提交的数据")
        old = self._target(form, model)
        bill = self._drafted(form, model, data, old)
        self._check(bill, data, old)
        self._seen.add(repeat)
        if old is None:
            self._store(bill)
            self.note("create", bill)
        else:
            bill.modified, bill.state = self.now(), "A" if old.state == "Z" else old.state
            self.numbers.pop((form.name, old.number), None)
            self._store(bill)
            self.note("change", bill)
        if _yes(data, "IsAutoSubmitAndAudit", False):
            self._submit_and_audit(bill, old)
        return bill

    def draft(self, form: Form, data: dict[str, Any]) -> Bill:
        """Save without validation (暂存)."""
        bill = self._drafted(form, data.get("Model") or {}, data, None)
        self._unique(bill, None)
        bill.state = "Z"
        self._store(bill)
        self.note("create", bill)
        return bill

    def _submit_and_audit(self, bill: Bill, old: Bill | None) -> None:
        try:
            self.move(bill, "Submit")
            self.move(bill, "Audit")
        except Refused:  # one transaction: a failing audit takes the save back
            self._forget(bill)
            if old is not None:
                self._store(old)
            self.note("undo", bill)
            raise

    def _no_unknown_keys(self, form: Form, model: dict[str, Any]) -> None:
        def check(given: Any, known: Any) -> None:
            for key in given:
                if key not in known:
                    raise Refused(9, f"元数据中标识为{key}的字段不存在", str(key))

        known = {*form.fields, *form.groups, *(entry.key for entry in form.entries), form.id, "FID", *AUTOMATIC}
        check(model, known)
        for name, group in form.groups.items():
            check(model.get(name) or {}, group)
        for entry in form.entries:
            for row in model.get(entry.key) or []:
                check(row, {*entry.fields, entry.id})

    def _target(self, form: Form, model: dict[str, Any]) -> Bill | None:
        """The bill that the model updates. ``FID`` in base data is no key and says nothing."""
        id = int(model.get(form.id) or 0)
        if not id:
            return None
        old = self.bills.get(form.name, {}).get(id)
        if old is None:
            raise Refused(10, f"内码{id}不存在", form.id)
        if old.state not in "ADZ":
            raise Refused(11, f"{form.title}{old.number}已提交或已审核，不允许修改")
        return old

    def _drafted(self, form: Form, model: dict[str, Any], data: dict[str, Any], old: Bill | None) -> Bill:
        verify = _yes(data, "IsVerifyBaseDataField", False)
        only = set(data.get("NeedUpDateFields") or []) if old else set()
        values = dict(old.values) if old else {"FCancelStatus": "A", "FForbidStatus": "A"}
        lines = {key: list(rows) for key, rows in old.lines.items()} if old else {}
        for key, value in model.items():
            if only and key not in only:
                continue
            entry = form.entry(key)
            if entry is not None:
                lines[key] = self._rows(entry, value, lines.get(key, []), verify, _yes(data, "IsDeleteEntry", True))
            elif key in form.groups:
                values.update({k: self._value(form.groups[key][k], v, k, verify) for k, v in value.items()})
            elif key in form.fields:
                values[key] = self._value(form.fields[key], value, key, verify)
                for gone in form.clears.get(key, ()):  # changing the organisation empties what depends on it
                    values.pop(gone, None)
        moment = old.created if old else self.now()
        return Bill(form, old.id if old else self._id(), values, lines, old.state if old else "A", moment, self.now())

    def _rows(
        self, entry: Entry, sent: list[dict[str, Any]], old: list[dict[str, Any]], verify: bool, delete: bool
    ) -> list[dict[str, Any]]:
        known = {row[entry.id]: row for row in old}
        rows = []
        for item in sent:
            row = dict(known.pop(int(item.get(entry.id) or 0), {entry.id: self._id()}))
            row.update({k: self._value(entry.fields[k], v, k, verify) for k, v in item.items() if k != entry.id})
            rows.append(row)
        return rows if delete else [*known.values(), *rows]

    def _value(self, kind: str, value: Any, key: str, verify: bool) -> Any:
        if kind == NUMBER:
            try:
                return Decimal(str(value))
            except InvalidOperation:
                raise Refused(8, f"字段{key}的值不是数字", key) from None
        if kind == FLAG:
            return str(value).lower() == "true"
        if kind in (TEXT, DATE):
            return "" if value is None else str(value)
        code = next((v for k, v in value.items() if k.lower() == "fnumber"), "") if isinstance(value, dict) else ""
        target = self.by_number(form_of(kind), str(code))
        usable = target is not None and target.state == "C" and target.values.get("FForbidStatus") != "B"
        if code and not usable and verify:
            raise Refused(11, f"字段{key}录入的{form_of(kind).title}编码{code}不存在或不可用", key)
        return str(code) if usable else ""

    # -- the checks of a save

    def _check(self, bill: Bill, data: dict[str, Any], old: Bill | None) -> None:
        form = bill.form
        for key in form.required:
            if bill.values.get(key) in (None, ""):
                raise Refused(11, f"字段{key}是必填项", key)
        for entry in form.entries:
            for row in bill.lines.get(entry.key, []):
                for key in entry.required:
                    if row.get(key) in (None, ""):
                        raise Refused(11, f"分录字段{key}是必填项", key)
        if form.entries and not bill.lines.get(form.entries[0].key):
            raise Refused(11, "分录不能为空", form.entries[0].key)
        if str(bill.values.get("FDATE", bill.values.get("FDate", "9")))[:10] <= self.closed_until:
            raise Refused(11, "单据日期所在期间已关闭", "FDATE")
        _total(bill, self.strict and _yes(data, "ValidateFlag", True))
        self._unique(bill, old)

    def _unique(self, bill: Bill, old: Bill | None) -> None:
        key = bill.form.number
        if old is None and (not bill.values.get(key) or not (self.manual_numbers or bill.form.base)):
            self._auto[bill.form.prefix] += 1
            bill.values[key] = f"{bill.form.prefix}{self._auto[bill.form.prefix]:08d}"
        other = self.by_number(bill.form, bill.number)
        if other is not None and other.id != bill.id:
            self.note("duplicate", other)
            raise Refused(11, f"违反字段唯一性要求：编码唯一。[{bill.number}]在当前系统中已经被使用。", key)

    # -- the life of a bill

    def move(self, bill: Bill, operation: str) -> None:
        """Submit, Audit or UnAudit one bill. Raises Refused."""
        start, end, words = _MOVES[operation]
        reason = self.refuse.get((bill.form.name, operation))
        if reason:
            raise Refused(11, reason)
        if bill.state not in start or bill.values.get("FCancelStatus") == "B":
            raise Refused(12, f"{bill.form.title}{bill.number}当前状态为{bill.state}，不能{words}")
        bill.state = end
        if operation == "Audit":
            bill.approved = self.now()
        self.note(operation, bill)

    def delete(self, bill: Bill) -> None:
        """Delete a bill that is neither submitted nor audited."""
        if bill.state not in "ADZ":
            raise Refused(11, f"{bill.form.title}{bill.number}已提交或已审核，不允许删除")
        self._forget(bill)
        self.note("delete", bill)

    def targets(self, form: Form, data: dict[str, Any]) -> Iterator[Bill | Refused]:
        """The bills that an operation names: ``Ids``, a comma string, or ``Numbers``, an array."""
        ids, numbers = data.get("Ids") or "", data.get("Numbers") or []
        if not isinstance(ids, str) or not isinstance(numbers, list) or not (ids or numbers):
            raise Refused(8, "Ids应为逗号分隔的内码，Numbers应为编码数组", "Ids")
        for id in ids.split(",") if ids else ():
            found = self.bills.get(form.name, {}).get(int(id)) if id.strip().isdigit() else None
            yield found or Refused(10, f"内码{id}不存在", form.id)
        for number in numbers if not ids else ():
            yield self.by_number(form, str(number)) or Refused(10, f"编码{number}不存在", form.number)

    # -- storage

    def _id(self) -> int:
        self._ids += 1
        return self._ids

    def _store(self, bill: Bill) -> None:
        self.bills.setdefault(bill.form.name, {})[bill.id] = bill
        self.numbers[bill.form.name, bill.number] = bill.id

    def _forget(self, bill: Bill) -> None:
        del self.bills[bill.form.name][bill.id]
        del self.numbers[bill.form.name, bill.number]


def form_of(name: str) -> Form:
    """The form of that name. Raises Refused as the platform does."""
    form = FORMS.get(name.lower())
    if form is None:
        raise Refused(4, f"标识为“{name}”的业务对象不存在，或者被删除。")
    return form


def kind_of(bill: Bill, settlement_mark: str) -> str:
    """What the ledger calls a bill."""
    if bill.form.name == "AR_receivable":
        return "settlement" if str(bill.values.get("FAR_Remark", "")).startswith(settlement_mark) else "receivable"
    return _KINDS.get(bill.form.name, bill.form.name)


def total_of(bill: Bill) -> Decimal | None:
    """The amount of a bill, tax included; None for base data."""
    value = bill.values.get("FALLAMOUNTFOR", bill.values.get("FBillAllAmount"))
    return value if isinstance(value, Decimal) else None


def _total(bill: Bill, strict: bool) -> None:
    """Set the header's amount from the lines; strict: refuse what does not add up to the fen."""
    rows = bill.lines.get(bill.form.entries[0].key, []) if bill.form.entries else []
    if bill.form.name == "SAL_SaleOrder":
        bill.values["FBillAllAmount"] = sum((_priced(row, "FQty") for row in rows), Decimal(0))
    if bill.form.name != "AR_receivable":
        return
    for row in rows:
        if "FALLAMOUNTFOR_D" not in row:
            row["FALLAMOUNTFOR_D"] = _priced(row, "FPriceQty")
        elif strict:
            _adds_up(row)
    bill.values["FALLAMOUNTFOR"] = total = sum((row["FALLAMOUNTFOR_D"] for row in rows), Decimal(0))
    planned = [row["FPAYAMOUNTFOR"] for row in bill.lines.get("FEntityPlan", []) if "FPAYAMOUNTFOR" in row]
    if strict and planned and sum(planned) != total:
        raise Refused(11, "收款计划金额与明细合计不一致", "FPAYAMOUNTFOR")


def _adds_up(row: dict[str, Any]) -> None:
    whole, bare, tax = (row.get(key, Decimal(0)) for key in ("FALLAMOUNTFOR_D", "FNoTaxAmountFor_D", "FTAXAMOUNTFOR_D"))
    rate = row.get("FEntryTaxRate", Decimal(0))
    expected = (whole / (1 + rate / 100)).quantize(FEN, ROUND_HALF_UP)
    if whole != whole.quantize(FEN) or bare + tax != whole or abs(bare - expected) > FEN:
        raise Refused(11, "不含税金额、税额与价税合计不一致", "FALLAMOUNTFOR_D")
    if _priced(row, "FPriceQty") != whole:
        raise Refused(11, "数量乘以含税单价与价税合计不一致", "FTaxPrice")
    if not whole:
        raise Refused(11, "明细金额不能为零", "FALLAMOUNTFOR_D")


def _priced(row: dict[str, Any], quantity: str) -> Decimal:
    product: Decimal = row.get(quantity, Decimal(0)) * row.get("FTaxPrice", Decimal(0))
    return product.quantize(FEN, ROUND_HALF_UP)


def _yes(data: dict[str, Any], key: str, default: bool) -> bool:
    """A switch of the call, given as a JSON truth value or as its text."""
    return str(data.get(key, default)).lower() == "true"
