"""The services of DynamicFormService, and the shapes in which they answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from connectors.kingdee.sim_books import Bill, Books, Refused, form_of
from connectors.kingdee.sim_forms import DATE, FLAG, NUMBER, TEXT, Form
from connectors.kingdee.sim_query import Query, Reader

LOST = "会话信息已丢失，请重新登录"


class UnknownService(Exception):
    """There is no service of that name."""


@dataclass(frozen=True)
class Call:
    """A call after its body form has been undone. top: keys beside form id and data."""

    service: str
    form: str
    data: dict[str, Any]
    top: dict[str, Any]


def unwrap(service: str, body: Any) -> Call:
    """The call in any of the body forms that real servers take: named with an object, named with text, positional."""
    if not isinstance(body, dict):
        raise Refused(8, "请求数据包不是有效的JSON")
    top = {str(key).lower(): value for key, value in body.items()}
    given = _loaded(top["parameters"]) if "parameters" in top else None
    if isinstance(given, list):
        form, data = (given[0], given[-1]) if len(given) > 1 else ("", given[0] if given else {})
    else:
        form, data = top.get("formid", ""), top.get("data", {})
    data = _loaded(data) if isinstance(data, str) else data
    if not isinstance(data, dict):
        raise Refused(8, "请求数据包不是有效的JSON", "data")
    return Call(service, str(form or data.get("FormId") or ""), data, top)


def _loaded(text: Any) -> Any:
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text, parse_float=Decimal)
    except ValueError:
        raise Refused(8, "请求数据包不是有效的JSON") from None


def failure(service: str, refusals: list[Refused], done: list[Bill | None] | None = None) -> Any:
    """A failing answer in the shape of its service: a query's stands inside ``[[…]]``."""
    errors = [{"FieldName": r.field_name, "Message": r.message, "DIndex": i} for i, r in enumerate(refusals)]
    status = {
        "ErrorCode": 500, "IsSuccess": False, "Errors": errors, "SuccessEntitys": _entities(done or []),
        "SuccessMessages": [], "MsgCode": refusals[0].code,
    }  # fmt: skip
    answer = {"Result": {"ResponseStatus": status, "Id": "", "NeedReturnData": [{}]}}
    return [[answer]] if service == "ExecuteBillQuery" else answer


def success(done: list[Bill | None], **more: Any) -> dict[str, Any]:
    """A succeeding answer."""
    status = {"IsSuccess": True, "Errors": [], "SuccessEntitys": _entities(done), "SuccessMessages": [], "MsgCode": 0}
    return {"Result": {"ResponseStatus": status, **more}}


def _entities(done: list[Bill | None]) -> list[dict[str, Any]]:
    return [{"Id": bill.id, "Number": bill.number, "DIndex": i} for i, bill in enumerate(done) if bill]


@dataclass
class Services:
    """All services over the books. denied: (form, service) that the user has no right to.

    async_polls: how often an asynchronous batch answers "running" before it is done.
    """

    books: Books
    query: Query
    denied: set[tuple[str, str]] = field(default_factory=set)
    async_polls: int = 0
    tasks: dict[str, tuple[int, Any]] = field(default_factory=dict)

    def answer(self, call: Call) -> Any:
        """Do it. Raises Refused or UnknownService."""
        services: dict[str, Callable[[Call], Any]] = {
            "Save": self._save, "BatchSave": self._batch_save, "Draft": self._draft, "Submit": self._move,
            "Audit": self._move, "UnAudit": self._move, "Delete": self._delete, "View": self._view,
            "ExecuteBillQuery": self._execute_bill_query, "BillQuery": self._bill_query,
            "QueryBusinessInfo": self._business_info, "QueryAsyncResult": self._async_result,
        }  # fmt: skip
        if call.service not in services:
            raise UnknownService
        if call.service != "QueryAsyncResult":
            form = form_of(call.form)
            if (form.name, call.service) in self.denied:
                raise Refused(2, f"您没有{form.title}的{call.service}权限")
        return services[call.service](call)

    # -- writing

    def _save(self, call: Call) -> Any:
        bill = self.books.save(form_of(call.form), call.data)
        wanted = call.data.get("NeedReturnFields") or []
        reader = Reader(self.books, bill.form)
        extra = {key: reader.cell(key)((bill, None, {})) for key in wanted}
        return success([bill], Id=bill.id, Number=bill.number, NeedReturnData=[extra])

    def _draft(self, call: Call) -> Any:
        bill = self.books.draft(form_of(call.form), call.data)
        return success([bill], Id=bill.id, Number=bill.number, NeedReturnData=[{}])

    def _batch_save(self, call: Call) -> Any:
        if call.top.get("beginmethod") == "BeginQueryImpl":
            task = f"task-{len(self.tasks) + 1}"
            self.tasks[task] = (self.async_polls, self._batch(call))
            return {"Status": 1, "TaskId": task, "Successful": False, "Result": None}
        return self._batch(call)

    def _batch(self, call: Call) -> Any:
        """Partial success is normal: what can be saved is saved, and DIndex says which."""
        done: list[Bill | None] = []
        errors: list[dict[str, Any]] = []
        code = 0
        for index, model in enumerate(call.data.get("Model") or []):
            try:
                done.append(self.books.save(form_of(call.form), {**call.data, "Model": model}))
            except Refused as refusal:
                done.append(None)
                code = code or refusal.code
                errors.append({"FieldName": refusal.field_name, "Message": refusal.message, "DIndex": index})
        answer = success(done, Id="", Number="", NeedReturnData=[{}])
        answer["Result"]["ResponseStatus"].update(IsSuccess=not errors, Errors=errors, MsgCode=code)
        return answer

    def _async_result(self, call: Call) -> Any:
        asked = _loaded(call.top.get("queryinfo", "{}"))
        if asked.get("TaskId") not in self.tasks:
            raise Refused(10, "任务不存在", "TaskId")
        left, result = self.tasks[asked["TaskId"]]
        if left > 0:
            self.tasks[asked["TaskId"]] = (left - 1, result)
            return {"Status": 1, "TaskId": asked["TaskId"], "Successful": False, "Result": None}
        return {"Status": 2, "TaskId": asked["TaskId"], "Successful": True, "Result": result}

    def _move(self, call: Call) -> Any:
        return self._each(call, lambda bill: self.books.move(bill, call.service))

    def _delete(self, call: Call) -> Any:
        return self._each(call, self.books.delete)

    def _each(self, call: Call, do: Callable[[Bill], None]) -> Any:
        done: list[Bill | None] = []
        refusals: list[Refused] = []
        for target in list(self.books.targets(form_of(call.form), call.data)):
            try:
                if isinstance(target, Refused):
                    raise target
                do(target)
                done.append(target)
            except Refused as refusal:
                done.append(None)
                refusals.append(refusal)
        return failure(call.service, refusals, done) if refusals else success(done)

    # -- reading

    def _execute_bill_query(self, call: Call) -> Any:
        return self.query.rows(call.data)

    def _bill_query(self, call: Call) -> Any:
        keys = [key.strip() for key in str(call.data.get("FieldKeys", "")).split(",")]
        return [dict(zip(keys, row, strict=True)) for row in self.query.rows(call.data)]

    def _view(self, call: Call) -> Any:
        form = form_of(call.form)
        number, id = str(call.data.get("Number") or ""), str(call.data.get("Id") or "")
        bill = self.books.bills.get(form.name, {}).get(int(id)) if id.isdigit() else self.books.by_number(form, number)
        if bill is None:
            raise Refused(10, f"编码{number or id}不存在", form.number)
        return success([], Result=self._properties(bill))

    def _properties(self, bill: Bill) -> dict[str, Any]:
        """A bill by property names, which are not the field keys."""
        shown: dict[str, Any] = {"Id": bill.id, "DocumentStatus": bill.state}
        for key, kind in bill.form.header.items():
            name, value = key.removeprefix("F"), bill.values.get(key)
            if kind in (TEXT, DATE, FLAG, NUMBER):
                shown[name] = value
                continue
            other = self.books.by_number(form_of(kind), str(value or ""))
            shown[f"{name}_Id"] = other.id if other else 0
            shown[name] = (
                {"Number": other.number, "Name": [{"Key": 2052, "Value": other.values.get("FName")}]} if other else None
            )
        return shown

    @staticmethod
    def _business_info(call: Call) -> Any:
        form = form_of(call.form)
        return success([], NeedReturnData={"Id": form.name, "Name": form.title, "Entrys": _described(form)})


def _described(form: Form) -> list[dict[str, Any]]:
    def fields(keys: Any, required: tuple[str, ...]) -> list[dict[str, Any]]:
        return [{"Key": key, "MustInput": int(key in required)} for key in keys]

    head = {"Key": "FBillHead", "Fields": fields(form.header, form.required)}
    return [head, *({"Key": entry.key, "Fields": fields(entry.fields, entry.required)} for entry in form.entries)]
