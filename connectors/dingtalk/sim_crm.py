"""客户管理 inside the DingTalk simulator: customers of both kinds, contacts, forms, and the query language.

(docs: obtain-a-single-batch-of-crm-customer-data, inner-query-dsl-description, query-the-contact-data-of-a-crm-customer)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.dingtalk.sim_gate import CST, Refusal

KINDS = ("crm_customer", "crm_customer_personal", "crm_contact")
MOST = 100
TAGS = {"crm_customer": "MultiTagField-K7COMPANY", "crm_customer_personal": "MultiTagField-AB12CD34"}
STATES = {
    "新获取": "option_new_acquisition",
    "待跟进": "option_to_follow",
    "初步意向": "option_intention",
    "成交": "option_done",
}
LIMITS_TAKEN = {"SEARCH", "EQ", "IN", "BETWEEN"}


@dataclass
class Row:
    """One record. created, modified: ms. status: of the approval that its creation needed."""

    id: str
    kind: str
    data: dict[str, Any]
    created: int
    modified: int
    extend: dict[str, str] = field(default_factory=dict)
    owners: list[str] = field(default_factory=list)
    participants: list[str] = field(default_factory=list)
    creator: str = "u001"
    status: str = "COMPLETED"
    extra: dict[str, Any] = field(default_factory=dict)


def shown(ms: int) -> str:
    """A time as the CRM writes it: Shanghai, no zone, no fraction."""
    return f"{datetime.fromtimestamp(ms // 1000, CST):%Y-%m-%d %H:%M:%S}"


class Crm:
    """shape: how select and tag values are read: label | json (text of {value, extendValue}) | object | key.

    options: tag options of each kind, key -> label. installed: whether 客户管理 is there at all.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now, self._numbers = now, 0
        self.rows: dict[str, Row] = {}
        self.options: dict[str, dict[str, str]] = {kind: {} for kind in TAGS}
        self.extra_options: dict[tuple[str, str], dict[str, Any]] = {}
        self.groups: dict[str, dict[str, Any]] = {}
        self.shape = "label"
        self.installed = True

    @property
    def ms(self) -> int:
        """Now, in ms."""
        return int(self._now().timestamp() * 1000)

    def add(self, kind: str, data: dict[str, Any], at: int | None = None, **more: Any) -> Row:
        """A new record."""
        self._numbers += 1
        at = self.ms if at is None else at
        row = Row(more.pop("id", f"INST-{self._numbers:08x}"), kind, data, at, at, **more)
        self.rows[row.id] = row
        return row

    def edit(self, key: str, **data: Any) -> Row:
        """Somebody edits a record now."""
        row = self.rows[key]
        row.data.update(data)
        row.modified = self.ms
        return row

    def add_option(self, kind: str, label: str) -> str:
        """A new tag of the kind's tag field; its option key."""
        self._numbers += 1
        key = f"option_{self._numbers:06x}"
        self.options[kind][key] = label
        return key

    # -- answers

    def customers(self, query: Mapping[str, str]) -> dict[str, Any]:
        """GET /v1.0/crm/personalCustomers."""
        self._there()
        kind = query.get("relationType", "")
        if kind not in TAGS:
            raise Refusal("invalid.relationType", 400)
        rows = self._found(kind, query.get("queryDsl", ""), "queryDsl.invalid.json")
        part, token = self._page(rows, query, "invalidMaxResults")
        more = {"hasMore": token is not None} | ({"nextToken": token} if token else {})
        return {"values": [self._new(row) for row in part], "maxResults": len(part), "totalCount": len(rows), **more}

    def contacts(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """POST /v1.0/crm/customObjects/contacts/datas/query: no totalCount, other names for the owners."""
        self._there()
        if body.get("objectType", "crm_contact") != "crm_contact":
            raise Refusal("invalid.objectType", 400)
        rows = self._found("crm_contact", str(body.get("queryDsl") or ""), "queryDsl.json.error")
        part, token = self._page(rows, body, "pageSize.exceeds")
        more = {"hasMore": token is not None} | ({"nextToken": token} if token else {})
        return {"result": {"values": [self._contact(row) for row in part], "maxResults": len(part), **more}}

    def batch(self, query: Mapping[str, str], ids: Any) -> dict[str, Any]:
        """POST /v1.0/crm/personalCustomers/batchQuery: a bare array; what is not there is left out."""
        self._there()
        if not isinstance(ids, list) or not ids or len(ids) > 50:
            raise Refusal("invalid.instanceIds", 400)
        kind = query.get("relationType", "crm_customer_personal")
        rows = [row for key in ids if (row := self.rows.get(str(key))) and row.kind == kind]
        more = {"appUuid": "swapp-1", "formCode": "PROC-FORM-CRM"}
        return {"result": [{**self._new(row), **more} for row in rows]}

    def old_list(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """POST /topapi/crm/objectdata/contact/list: the old generation's spelling, ``data`` as text."""
        wanted = str(body.get("data_id_list") or "").split(",")
        rows = [row for key in wanted if (row := self.rows.get(key)) and row.kind == "crm_contact"]
        return {"result": [self._old(row) for row in rows]}

    def form(self, query: Mapping[str, str]) -> dict[str, Any]:
        """GET /v1.0/crm/personalCustomers/objectMeta."""
        self._there()
        kind = query.get("relationType", "")
        if kind not in TAGS:
            raise Refusal("invalid.relationType", 400)
        status = [{"key": key, "value": label} for label, key in STATES.items()]
        tags = [
            {"key": key, "value": label, **self.extra_options.get((kind, key), {})} for key, label in self.options[kind].items()
        ]
        fields = [
            {"name": "customer_name", "label": "客户名称", "type": "Text", "customized": False, "nillable": False},
            {"name": "customer_follow_up_status", "label": "跟进状态", "type": "Select", "selectOptions": status},
            {"name": TAGS[kind], "label": "客户标签", "type": "MultiTag", "customized": True, "selectOptions": tags},
        ]
        return {"name": kind, "code": f"PROC-{kind}", "customized": False, "status": "PUBLISHED", "fields": fields}

    def add_group(self, name: str, owner: str, at: int | None = None) -> str:
        """A new customer group; its openConversationId."""
        self._numbers += 1
        key = f"cidStory{self._numbers:06d}=="
        at = self.ms if at is None else at
        people = {"ownerUserId": owner, "ownerUserName": "李强", "memberCount": 3, "gmtCreate": at}
        self.groups[key] = {"openConversationId": key, "openGroupSetId": "set1", "name": name, **people}
        return key

    def group_list(self, query: Mapping[str, str]) -> dict[str, Any]:
        """GET /v1.0/crm/crmGroupChats."""
        self._there()
        text, token = query.get("maxResults", ""), query.get("nextToken") or "0"
        if query.get("relationType") not in TAGS:
            raise Refusal("invalid.relationType", 400)
        if not text.isdigit() or not 1 <= int(text) <= MOST:
            raise Refusal("invalidMaxResults", 400)
        rows = list(self.groups.values()) if query["relationType"] == "crm_customer" else []
        end = int(token) + int(text)
        more = {"hasMore": True, "nextToken": str(end)} if end < len(rows) else {"hasMore": False}
        return {"resultList": rows[int(token) : end], "totalCount": len(rows), **more}

    def group_batch(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """POST /v1.0/crm/crmGroupChats/batchQuery; with a field that the list lacks."""
        self._there()
        rows = [row for key in body.get("openConversationIds") or [] if (row := self.groups.get(str(key)))]
        return {"result": [{**row, "iconUrl": "https://img.example/g.png"} for row in rows]}

    # -- how it is found and shown

    def _there(self) -> None:
        if not self.installed:
            raise Refusal("crmAppNotExisted", 400)

    @staticmethod
    def _page(rows: list[Row], asked: Mapping[str, Any], refusal: str) -> tuple[list[Row], str | None]:
        text, token = str(asked.get("maxResults", "")), str(asked.get("nextToken") or "0")
        if not text.isdigit() or not 1 <= int(text) <= MOST:
            raise Refusal(refusal, 400)
        if not token.isdigit():
            raise Refusal("invalid.nextToken", 400)
        start, end = int(token), int(token) + int(text)
        return rows[start:end], str(end) if end < len(rows) else None

    def _found(self, kind: str, dsl: str, refusal: str) -> list[Row]:
        rows = [row for row in self.rows.values() if row.kind == kind]
        if not dsl:
            return sorted(rows, key=lambda row: row.created)
        try:
            query = json.loads(dsl)
            groups = query.get("queryGroupList") or []
            tests = [self._group(group) for group in groups]
            order = {"gmt_create": lambda row: row.created, "gmt_modified": lambda row: row.modified}
            by, down = order[query.get("orderFieldId", "gmt_create")], {"ASC": False, "DESC": True}[query.get("order", "ASC")]
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Refusal(refusal, 400) from None
        return sorted((row for row in rows if all(test(row) for test in tests)), key=by, reverse=down)

    def _group(self, group: Mapping[str, Any]) -> Callable[[Row], bool]:
        tests = [self._condition(item) for item in group["queryObjectList"]]
        joined = {"AND": all, "OR": any}[group["logicType"]]
        return lambda row: joined(test(row) for test in tests)

    def _condition(self, item: Mapping[str, Any]) -> Callable[[Row], bool]:
        name, kind, value = item["fieldId"], item["filterType"], item["value"]
        if kind not in LIMITS_TAKEN:
            raise ValueError(kind)
        if kind == "BETWEEN":
            low, high = (int(text) for text in value if isinstance(text, str))
            return lambda row: low <= self._number(row, name) <= high
        if kind == "IN":
            wanted = [str(part) for part in value]
            return lambda row: bool(set(wanted) & set(self._words(row, name)))
        if kind == "EQ":
            return lambda row: str(value) in self._words(row, name)
        return lambda row: any(str(value) in word for word in self._words(row, name))

    @staticmethod
    def _number(row: Row, name: str) -> int:
        return {"gmt_create": row.created, "gmt_modified": row.modified}[name]

    @staticmethod
    def _words(row: Row, name: str) -> list[str]:
        if name in ("principal", "participant"):
            return row.owners if name == "principal" else row.participants
        value = row.data.get(name, "")
        return [str(part) for part in value] if isinstance(value, list) else [str(value)]

    def value(self, kind: str, name: str, value: Any) -> Any:
        """A value of ``data`` as it is read; lists are select-like."""
        if not isinstance(value, list):
            if name == "customer_follow_up_status" and self.shape == "key":
                return STATES.get(value, value)
            return value
        keys = {label: key for key, label in self.options.get(kind, {}).items()}
        if self.shape == "key":
            return json.dumps([keys.get(label, label) for label in value], ensure_ascii=False)
        text = json.dumps(value, ensure_ascii=False)
        if self.shape == "label":
            return text
        extend = json.dumps([{"key": keys.get(label, label), "label": label} for label in value], ensure_ascii=False)
        both = {"value": text, "extendValue": extend}
        return both if self.shape == "object" else json.dumps(both, ensure_ascii=False)

    def _data(self, row: Row) -> dict[str, Any]:
        return {name: self.value(row.kind, name, value) for name, value in row.data.items()}

    def _new(self, row: Row) -> dict[str, Any]:
        permission = {"ownerStaffIds": row.owners, "participantStaffIds": row.participants}
        # COMPLETED is misspelt by some of the platform's own flows.
        status = "COMPLATE" if row.status == "COMPLETED" and len(row.id) % 2 else row.status
        head = {"instanceId": row.id, "objectType": row.kind, "creatorUserId": row.creator, "creatorNick": "小李"}
        times = {"gmtCreate": shown(row.created), "gmtModified": shown(row.modified)}
        state = {"procInstStatus": status, "procOutResult": "agree"}
        return {
            **head,
            "data": self._data(row),
            "extendData": row.extend,
            "permission": permission,
            **state,
            **times,
            **row.extra,
        }

    def _contact(self, row: Row) -> dict[str, Any]:
        return {**self._new(row), "permission": {"ownerUserIds": row.owners, "participantUserIds": row.participants}}

    def _old(self, row: Row) -> dict[str, Any]:
        permission = {"owner_userid_list": row.owners, "participant_userid_list": row.participants}
        head = {"instance_id": row.id, "object_type": row.kind, "creator_userid": row.creator, "permission": permission}
        body = {
            "data": json.dumps(self._data(row), ensure_ascii=False),
            "extend_data": json.dumps(row.extend, ensure_ascii=False),
        }
        return {**head, **body, "gmt_create": shown(row.created), "gmt_modified": shown(row.modified), **row.extra}
