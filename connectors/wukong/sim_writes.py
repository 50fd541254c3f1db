"""The simulator's writes: add, update, updateInformation, delete, owner, pool, and the invoice number."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from connectors.wukong.sim_fields import FIXED, CrmObject, Field
from connectors.wukong.sim_flow import APPROVED, DELETED, IN_FORCE, IN_REVIEW, NO_FLOW, VOID, WAITING, Flow
from connectors.wukong.sim_login import User
from connectors.wukong.sim_store import CONTACTS, CONTRACT, CUSTOMER, INVOICE, RECEIVABLES, Refusal, Row, Store, is_deleted

MONEY = ("money", "invoiceMoney", "contractMoney", "totalPrice")
TAKEN = {CONTRACT: 2010, RECEIVABLES: 2019}
EXAMINED = (CONTRACT, RECEIVABLES, INVOICE)
ENTRY = re.compile(r"(?P<contract>[^:;\n]+):(?P<number>[A-Z0-9-]{1,24})(?=$|[\s;])")


class Writes:
    """What changes rows. ledger: where accepted write-backs of document numbers are noted."""

    def __init__(self, store: Store, flow: Flow, ledger: list[dict[str, Any]]) -> None:
        self.store, self.flow, self.ledger = store, flow, ledger

    def add(self, user: User, item: CrmObject, body: dict[str, Any]) -> Any:
        """A new row. Neither uniqueness nor required fields are checked, except numbers of contracts and receivables."""
        columns, custom = self._columns(body["entity"]), self._customs(item, body)
        owner = columns.get("ownerUserId") if item.label == CUSTOMER else None
        columns |= {"ownerUserId": owner or user.id, "createUserId": user.id}
        if item.label == CONTACTS and not columns.get("customerId"):
            raise Refusal(2083, "请选择客户")
        self._check(item, columns, None)
        if item.label == CUSTOMER:
            columns = {"status": 1, "dealStatus": 0, "isReceive": 1, **columns}
        if item.label in EXAMINED:
            status, log = self.flow.outcome(item.label, body, columns.get("checkStatus"))
            columns |= {"checkStatus": status, "examineRecordId": log}
        if item.label == CONTRACT:
            columns |= {
                "receivedMoney": Decimal("0.00"),
                "unreceivedMoney": columns.get("money"),
                "receivedProgress": Decimal(0),
            }
        row = self.store.insert(item.label, columns, custom)
        row.lines = list(body.get("product") or [])
        if item.label == RECEIVABLES:
            told = {"kind": "payment", "number": columns.get("number"), "contractId": columns.get("contractId")}
            self.ledger.append({**told, "amount": int(columns["money"] * 100)})
        if columns.get("checkStatus") in IN_FORCE:
            self.flow.took_force(item.label, row)
        if item.label != CUSTOMER:
            return None
        return {"customerId": row.id, "customerName": columns.get("customerName")}

    def update(self, user: User, item: CrmObject, body: dict[str, Any]) -> Any:
        """Change a row. Without entity.batchId custom values part company with the row; field[] replaces all of them."""
        row = self._row(item, body["entity"][item.key])
        columns = self._columns({name: value for name, value in body["entity"].items() if value is not None})
        batch = columns.pop("batchId", None)
        columns.pop(item.key)
        status = row.detail.get("checkStatus")
        if item.label in EXAMINED and status in (APPROVED, WAITING, IN_REVIEW):
            raise Refusal(2085 if status == APPROVED else 2015, "审核状态不允许编辑")
        self._check(item, {**row.detail, **columns}, row)
        if item.label in EXAMINED:
            status, log = self.flow.outcome(item.label, body, columns.get("checkStatus"))
            columns |= {"checkStatus": status, "examineRecordId": log}
        self.store.change(item.label, row, columns, moved=True)
        self.store.change_custom(row, self._customs(item, body), batch, replace=True)
        self._followed(item, row, columns)
        return None

    def update_information(self, user: User, item: CrmObject, body: dict[str, Any]) -> Any:
        """The only partial write, and the only one that checks uniqueness."""
        row = self._row(item, body["id"])
        status = row.detail.get("checkStatus")
        if item.label in EXAMINED and status in (APPROVED, WAITING, IN_REVIEW):
            raise Refusal(2014 if status == APPROVED else 2015, "审核状态不允许编辑")
        for change in body["list"]:
            field = self._field(item, change["fieldId"])
            self._check_unique(item, row, field, change.get("value"))
            if field.kind == FIXED:
                self.store.change(item.label, row, self._columns({field.name: change.get("value")}), moved=True)
                self._followed(item, row, {field.name: True})
                continue
            before = str(self.store.custom.get(row.batch, {}).get(field.name) or "")
            self.store.change(item.label, row, {}, moved=True)
            self.store.change_custom(row, {field.name: change.get("value")}, body.get("batchId"))
            if item.label == CUSTOMER and body.get("batchId") == row.batch:
                self._note(row, before, str(change.get("value") or ""))
        return None

    def delete(self, user: User, item: CrmObject, ids: list[Any]) -> Any:
        """Customers, contracts and receivables are marked, the others go; what others hang on stays (2017)."""
        for key in ids:
            row = self._row(item, key)
            if self._is_linked(item.label, row.id):
                raise Refusal(2017, "该条数据与其他数据有必要关联，请勿删除")
            if item.label == CUSTOMER:
                self.store.change(item.label, row, {"status": 3}, moved=False)
            elif item.label in (CONTRACT, RECEIVABLES):
                self.store.change(item.label, row, {"checkStatus": DELETED}, moved=False)
            else:
                del self.store.tables[item.label][row.id]
        return None

    def change_owner(self, user: User, item: CrmObject, body: dict[str, Any]) -> Any:
        """Another owner; the list's update time does not move. Customers need the key changeType."""
        if item.label == CUSTOMER and body["changeType"] is None:
            raise Refusal(500, "网络错误，请稍候再试！")
        for key in body["ids"]:
            row = self._row(item, key)
            if row.detail.get("checkStatus") == VOID:
                raise Refusal(2016, "作废的合同不能转移")
            self.store.change(item.label, row, {"ownerUserId": int(body["ownerUserId"])}, moved=False)
        return None

    def to_pool(self, user: User, body: dict[str, Any]) -> Any:
        """Customers lose their owner and leave the list; the index time does not move."""
        for key in body["ids"]:
            row = self._row(self.store.objects[CUSTOMER], key)
            row.pools.add(int(body["poolId"]))
            seen = {"preOwnerUserId": row.detail.get("ownerUserId"), "poolTime": self.store.stamp(), "ownerUserId": None}
            self.store.change(CUSTOMER, row, seen, moved=False)
        return None

    def from_pool(self, user: User, body: dict[str, Any]) -> Any:
        """Taken (receiveByIds) or given (distributeByIds with userId)."""
        for key in body["ids"]:
            row = self._row(self.store.objects[CUSTOMER], key)
            row.pools.discard(int(body["poolId"]))
            seen = {"ownerUserId": int(body.get("userId") or user.id), "receiveTime": self.store.stamp(), "isReceive": 2}
            self.store.change(CUSTOMER, row, seen, moved=True)
        return None

    def invoice_status(self, user: User, body: dict[str, Any]) -> Any:
        """Write the invoice number: a plain overwrite that asks neither for state nor for rights."""
        row = self._row(self.store.objects[INVOICE], body["invoiceId"])
        names = ("invoiceNumber", "realInvoiceDate", "logisticsNumber")
        if row.detail.get("invoiceNumber") != body.get("invoiceNumber"):
            self.ledger.append({"kind": "invoice_number", "number": body.get("invoiceNumber"), "invoiceId": row.id})
        self.store.change(INVOICE, row, {**{name: body.get(name) for name in names}, "invoiceStatus": 1}, moved=True)
        return None

    # -- parts

    def _row(self, item: CrmObject, key: Any) -> Row:
        row = self.store.get(item.label, int(key))
        if row is None:
            raise Refusal(2064, "数据已删除")
        return row

    def _field(self, item: CrmObject, number: Any) -> Field:
        found = next((field for field in item.fields if field.id == int(number)), None)
        if found is None:
            raise Refusal(500, "网络错误，请稍候再试！")
        return found

    def _columns(self, entity: dict[str, Any]) -> dict[str, Any]:
        money = {
            name: Decimal(str(entity[name])).quantize(Decimal("0.01")) for name in MONEY if entity.get(name) not in (None, "")
        }
        ids = {name: int(value) for name, value in entity.items() if name.endswith("Id") and name != "batchId" and value}
        return {**entity, **money, **ids}

    def _customs(self, item: CrmObject, body: dict[str, Any]) -> dict[str, Any]:
        found = [(self._field(item, one["fieldId"]), one.get("value")) for one in body.get("field") or []]
        return {field.name: value for field, value in found if field.kind != FIXED}

    def _check(self, item: CrmObject, columns: dict[str, Any], own: Row | None) -> None:
        start, end = columns.get("startTime"), columns.get("endTime")
        if start and end and str(start) > str(end):
            raise Refusal(2009, "合同结束时间应大于开始时间")
        if item.label == RECEIVABLES:
            contract = self.store.get(CONTRACT, int(columns.get("contractId") or 0))
            if contract is None or contract.detail.get("checkStatus") not in IN_FORCE:
                raise Refusal(2018, "合同未通过审核")
        if item.label in TAKEN and not self._is_free(item, item.number, columns.get(item.number), own):
            raise Refusal(TAKEN[item.label], "编号已存在")

    def _check_unique(self, item: CrmObject, row: Row, field: Field, value: Any) -> None:
        if field.unique and not self._is_free(item, field.name, value, row):
            raise Refusal(2079, f"{field.title}已存在！")

    def _is_free(self, item: CrmObject, column: str, value: Any, own: Row | None) -> bool:
        rows = [row for row in self.store.tables[item.label].values() if not is_deleted(item.label, row)]
        return all(self.store.detail(item.label, row).get(column) != value for row in rows if row is not own)

    def _is_linked(self, label: int, key: int) -> bool:
        column = {CUSTOMER: "customerId", CONTRACT: "contractId"}.get(label)
        rows = [(other, row) for other, table in self.store.tables.items() if other != label for row in table.values()]
        return any(column and row.detail.get(column) == key and not is_deleted(other, row) for other, row in rows)

    def _followed(self, item: CrmObject, row: Row, columns: dict[str, Any]) -> None:
        if item.label == CUSTOMER and "customerName" in columns:
            self._renamed(row)
        if row.detail.get("checkStatus") in (NO_FLOW, APPROVED):
            self.flow.took_force(item.label, row)

    def _renamed(self, customer: Row) -> None:
        """A customer's name stands in the index rows of its contacts, contracts and so on, whose times do not move."""
        for label, table in self.store.tables.items():
            for row in table.values() if label != CUSTOMER else ():
                if row.detail.get("customerId") == customer.id:
                    row.index["customerName"] = customer.detail.get("customerName")

    def _note(self, row: Row, before: str, after: str) -> None:
        """Entries 'contract:number' that a customer's text field gained."""
        known = {found["number"] for found in ENTRY.finditer(before)}
        for found in ENTRY.finditer(after):
            if found["number"] not in known:
                entry = {"kind": "write_back", "number": found["number"], "contract": found["contract"].strip()}
                self.ledger.append({**entry, "customerId": row.id})
