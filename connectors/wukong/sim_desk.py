"""The simulator's calls: which body each takes, who may ask, and what it answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from connectors.wukong.sim_fields import FORM_TYPES, CrmObject
from connectors.wukong.sim_flow import Flow
from connectors.wukong.sim_lists import Lists, masked
from connectors.wukong.sim_login import Logins, User
from connectors.wukong.sim_store import CONTRACT, CUSTOMER, RECEIVABLES, Refusal, Row, Store, is_deleted
from connectors.wukong.sim_writes import Writes

Handler = Callable[[User, Any, str], Any]
GATES = ("admin", "crm", "examine", "bi", "work", "oa", "hrm")


class Desk:
    """Answers calls. handlers: path -> (takes JSON, handler)."""

    def __init__(self, store: Store, logins: Logins, flow: Flow, lists: Lists, writes: Writes) -> None:
        self.store, self.logins, self.flow, self.lists, self.writes = store, logins, flow, lists, writes
        self.pools = {1: "系统默认公海"}
        self.handlers: dict[str, tuple[bool, Handler]] = {}
        for item in store.objects.values():
            self._serve_object(item)
        self._serve_customers(store.objects[CUSTOMER])
        self._serve_rest()

    def answer(self, path: str, token: str, content_type: str, raw: bytes, form: Mapping[str, str]) -> Any:
        """The data of the answer, or Refusal."""
        if path == "login":
            return self.logins.login(_json_body(content_type, raw))
        name, argument = (path, "") if path in self.handlers else tuple(path.rpartition("/")[::2])
        if name not in self.handlers or not name.startswith((*GATES, "logout")):
            raise Refusal(404, "请求路径不存在")
        user = self.logins.who(token)
        if any(path.startswith(denied) for denied in user.denied):
            raise Refusal(401, "无权操作", status=401)
        takes_json, handler = self.handlers[name]
        try:
            return handler(user, _json_body(content_type, raw) if takes_json else _form_body(content_type, form), argument)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise Refusal(500, "网络错误，请稍候再试！") from None

    # -- which calls there are

    def _json(self, path: str, handler: Handler) -> None:
        self.handlers[path] = (True, handler)

    def _form(self, path: str, handler: Handler) -> None:
        self.handlers[path] = (False, handler)

    def _serve_object(self, item: CrmObject) -> None:
        writes = self.writes
        self._json(f"{item.path}/queryPageList", lambda user, body, _: self.lists.query(user, item, {**body, "poolId": None}))
        self._json(f"{item.path}/add", lambda user, body, _: writes.add(user, item, body))
        self._json(f"{item.path}/update", lambda user, body, _: writes.update(user, item, body))
        self._json(f"{item.path}/updateInformation", lambda user, body, _: writes.update_information(user, item, body))
        self._json(f"{item.path}/deleteByIds", lambda user, body, _: writes.delete(user, item, body))
        self._json(f"{item.path}/changeOwnerUser", lambda user, body, _: writes.change_owner(user, item, body))
        self._form(f"{item.path}/queryById", lambda user, form, key: self._by_id(user, item, key))
        self._form(f"{item.path}/field", lambda user, form, key: self._fields(item, key))

    def _serve_customers(self, item: CrmObject) -> None:
        writes = self.writes
        self._json("crmCustomer/updateCustomerByIds", lambda user, body, _: writes.to_pool(user, body))
        self._json("crmCustomer/receiveByIds", lambda user, body, _: writes.from_pool(user, body))
        self._json("crmCustomer/distributeByIds", lambda user, body, _: writes.from_pool(user, body))
        self._json("crmCustomer/dataCheck", lambda user, body, _: self._data_check(body))
        self._form("crmCustomer/lock", lambda user, form, _: self._mark(form, {"status": int(form["status"])}))
        self._form("crmCustomer/setDealStatus", lambda user, form, _: self._mark(form, {"dealStatus": int(form["dealStatus"])}))
        self._form(
            "crmCustomerPool/queryPoolNameList", lambda *_: [{"poolId": k, "poolName": v} for k, v in self.pools.items()]
        )
        self._json("crmCustomerPool/queryPageList", lambda user, body, _: self._pool(user, item, body))

    def _serve_rest(self) -> None:
        self._form("crmContract/contractDiscard", lambda user, form, _: self.flow.discard(int(form["contractId"])))
        self._json("crmContract/queryProductListByContractId", lambda user, body, _: self._products(body))
        self._json("crmContract/qureyReceivablesListByContractId", lambda user, body, _: self._receivables(body))
        self._json("crmInvoice/updateInvoiceStatus", lambda user, body, _: self.writes.invoice_status(user, body))
        self._form("examineRecord/queryExamineRecordLog", lambda user, form, _: self.store.logs.get(int(form["recordId"]), []))
        self._form("crmField/queryListHead", lambda user, form, label: self._heads(user, int(label)))
        self._form("crmField/list", lambda user, form, label: self._fields(self.store.objects[int(label)], ""))
        self._json("crmField/verify", lambda user, body, _: self._verify(body))
        self._json("adminUser/queryUserList", lambda user, body, _: self._users(body))
        self._form("adminUser/queryLoginUser", lambda user, form, _: user.as_self())

    # -- reading

    def _by_id(self, user: User, item: CrmObject, key: str) -> Any:
        row = self.store.tables[item.label].get(int(key))
        if row is None:
            return None
        if is_deleted(item.label, row):
            raise Refusal(2064, f"{row.detail.get('customerName') or row.detail.get('name')}已删除")
        if not self.lists.visible(user, row):
            return {"dataAuth": 0}
        found = self.store.detail(item.label, row)
        for name, _, kind, _ in item.heads():
            if name in user.masked and not user.admin and found.get(name):
                found[name] = masked(kind, found[name])
        return found

    def _receivables(self, body: dict[str, Any]) -> Any:
        """The receipts of a contract that are not deleted; the misspelling in the path is the product's."""
        mine = [
            row for row in self.store.tables[RECEIVABLES].values() if row.detail.get("contractId") == int(body["contractId"])
        ]
        rows = [{"receivablesId": row.id, **row.detail} for row in mine if not is_deleted(RECEIVABLES, row)]
        page, limit = int(body.get("page") or 1), min(int(body.get("limit") or 15), 100)
        return {"list": rows[(page - 1) * limit : page * limit], "totalRow": len(rows), "pageNumber": page}

    def _fields(self, item: CrmObject, key: str) -> Any:
        if not key:
            return [field.as_answer() for field in item.fields]
        row = self.store.get(item.label, int(key))
        if row is None:
            raise Refusal(2064, "数据已删除")
        values = self.store.detail(item.label, row)
        return [field.as_answer(values.get(field.name)) for field in item.fields]

    def _heads(self, user: User, label: int) -> Any:
        item, hidden = self.store.objects[label], user.hidden.get(label, set())
        return [
            {
                "id": number,
                "fieldId": field,
                "fieldName": name,
                "formType": FORM_TYPES[kind],
                "name": title,
                "type": kind,
                "width": 100,
            }
            for number, (name, title, kind, field) in enumerate(item.heads(), 1)
            if name not in hidden
        ]

    def _pool(self, user: User, item: CrmObject, body: dict[str, Any]) -> Any:
        if not user.admin:
            raise Refusal(2091, "没有公海权限")
        return self.lists.query(user, item, {**body, "poolId": int(body["poolId"])})

    def _products(self, body: dict[str, Any]) -> Any:
        row = self.store.get(CONTRACT, int(body["contractId"]))
        if row is None:
            raise Refusal(2064, "数据已删除")
        page, limit = int(body.get("page") or 1), min(int(body.get("limit") or 15), 100)
        lines = row.lines[(page - 1) * limit : page * limit]
        return {"money": row.detail.get("totalPrice"), "discountRate": row.detail.get("discountRate") or 0, "list": lines}

    def _users(self, body: dict[str, Any]) -> Any:
        page, limit = int(body.get("page") or 1), min(int(body.get("limit") or 15), 100)
        status = body.get("status")
        users = [user for key, user in sorted(self.logins.users.items()) if status in (None, "", user.status)]
        shown = users[(page - 1) * limit : page * limit]
        pages = -(-len(users) // limit)
        flags = {"pageNumber": page, "firstPage": page == 1, "lastPage": page >= pages}
        return {
            "list": [one.as_listed() for one in shown],
            "totalRow": len(users),
            "totalPage": pages,
            "pageSize": limit,
            **flags,
        }

    # -- small writes and searches

    def _mark(self, form: Mapping[str, str], change: dict[str, Any]) -> None:
        for key in form["ids"].split(","):
            row = self.store.get(CUSTOMER, int(key))
            if row is None:
                raise Refusal(2064, "数据已删除")
            self.store.change(CUSTOMER, row, change, moved=False)

    def _verify(self, body: dict[str, Any]) -> Any:
        for item in self.store.objects.values():
            for field in item.fields:
                if field.id == int(body["fieldId"]):
                    return {**body, "status": int(not self._taken(item, field.name, body))}
        raise Refusal(500, "网络错误，请稍候再试！")

    def _taken(self, item: CrmObject, column: str, body: dict[str, Any]) -> bool:
        rows = [row for row in self.store.tables[item.label].values() if not is_deleted(item.label, row)]
        wanted = str(body["value"]).strip()
        return any(self.store.detail(item.label, row).get(column) == wanted for row in rows if row.batch != body.get("batchId"))

    def _data_check(self, body: dict[str, Any]) -> Any:
        """At most ten customers by name (LIKE) or phone; an empty name is LIKE everything."""
        name, phone = body.get("name"), body.get("phone")
        rows = [row for row in self.store.tables[CUSTOMER].values() if not is_deleted(CUSTOMER, row)]
        by_name = [row for row in rows if name is not None and str(name) in str(row.detail.get("customerName"))]
        by_phone = [row for row in rows if phone and phone in (row.detail.get("mobile"), row.detail.get("telephone"))]
        found = {row.id: row for row in (*by_name, *by_phone)}
        return [self._checked(row) for row in list(found.values())[:10]]

    def _checked(self, row: Row) -> dict[str, Any]:
        owner = row.detail.get("ownerUserId")
        names = {"id": row.id, "name": row.detail.get("customerName"), "type": 2 if owner else 9}
        return {**names, "ownerUserId": owner, "ownerUserName": self.store.names.get(owner or 0)}


def _json_body(content_type: str, raw: bytes) -> Any:
    if not content_type.startswith("application/json"):
        raise Refusal(500, "网络错误，请稍候再试！")
    try:
        return json.loads(raw)
    except ValueError:
        raise Refusal(500, "网络错误，请稍候再试！") from None


def _form_body(content_type: str, form: Mapping[str, str]) -> Mapping[str, str]:
    if content_type and not content_type.startswith("application/x-www-form-urlencoded"):
        raise Refusal(400, "参数错误")
    return form
