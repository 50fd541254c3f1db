"""OA approvals inside the DingTalk simulator.

(docs: obtain-an-approval-list-of-instance-ids, obtains-the-details-of-a-single-approval-instance)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from connectors.dingtalk.sim_gate import Refusal

CONTRACT = "PROC-CONTRACT-2026"
DAY = 86_400_000
MOST_PAGE, MOST_IDS = 20, 10_000


@dataclass
class Instance:
    """One approval. created, finished: ms. action: NONE, or MODIFY or REVOKE of ``main``."""

    id: str
    code: str
    business_id: str
    created: int
    form: dict[str, tuple[str, str, str | None]]
    status: str = "RUNNING"
    result: str = ""
    finished: int | None = None
    action: str = "NONE"
    main: str = ""
    title: str = "李强提交的合同审批"
    originator: str = "sales_li"
    attached: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)


def minute(ms: int) -> str:
    """A time as approvals write it: UTC, to the minute."""
    return f"{datetime.fromtimestamp(ms // 1000, UTC):%Y-%m-%dT%H:%MZ}"


class Flow:
    """The organisation's approvals. codes: templates there are."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now, self._numbers = now, 0
        self.codes = {CONTRACT}
        self.instances: dict[str, Instance] = {}

    @property
    def ms(self) -> int:
        """Now, in ms."""
        return int(self._now().timestamp() * 1000)

    # -- acts

    def start(self, amount: str, customer: str, *, at: int | None = None, number: str = "", **more: Any) -> Instance:
        """Somebody submits a contract for approval. link: instance id of a CRM customer."""
        self._numbers += 1
        link, phone, tax = more.pop("link", None), more.pop("phone", ""), more.pop("tax_id", "")
        signed = more.pop("signed_on", "2026-01-05")
        form = {
            "合同编号": ("TextField", number or f"HT-{self._numbers:05d}", None),
            "客户名称": ("TextField", customer, None),
            "联系电话": ("PhoneField", phone, None),
            "税号": ("TextField", tax, None),
            "合同金额": ("MoneyField", amount, json.dumps({"upper": "…"}, ensure_ascii=False)),
            "签订日期": ("DDDateField", signed, None),
            "备注": ("TextareaField", "null", None),
        }
        if link:
            extend = json.dumps({"list": [{"instanceId": link}]})
            form["客户名称"] = ("RelateField", json.dumps([customer], ensure_ascii=False), extend)
        at = self.ms if at is None else at
        identity = f"pi{self._numbers:06d}-0000-4000-8000-{self._numbers:012d}"
        instance = Instance(identity, more.pop("code", CONTRACT), f"2026010108{self._numbers:08d}", at, form, **more)
        self.instances[identity] = instance
        return instance

    def finish(self, key: str, result: str = "agree", at: int | None = None) -> Instance:
        """The last approver decides."""
        instance = self.instances[key]
        instance.status, instance.result, instance.finished = "COMPLETED", result, self.ms if at is None else at
        return instance

    def terminate(self, key: str) -> Instance:
        """The originator withdraws it."""
        instance = self.instances[key]
        instance.status, instance.finished = "TERMINATED", self.ms
        return instance

    def amend(self, key: str, action: str, amount: str = "") -> Instance:
        """A further approval that changes (MODIFY) or cancels (REVOKE) a finished one."""
        main = self.instances[key]
        self._numbers += 1
        form = {**main.form, **({"合同金额": ("MoneyField", amount, None)} if amount else {})}
        identity = f"pi{self._numbers:06d}-0000-4000-8000-{self._numbers:012d}"
        child = Instance(identity, main.code, f"2026010109{self._numbers:08d}", self.ms, form, action=action, main=key)
        self.instances[identity] = child
        main.attached.append(identity)
        return child

    # -- answers

    def ids(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """POST /v1.0/workflow/processes/instanceIds/query: by creation time, at most 120 days at once, 365 days back."""
        if body.get("processCode") not in self.codes:
            raise Refusal("invalidProcessCode", 400)
        start, end, token, size = (body.get(name) for name in ("startTime", "endTime", "nextToken", "maxResults"))
        longest = 120 if end is None else 365
        if not isinstance(start, int) or self.ms - start > longest * DAY:
            raise Refusal("invalidInstanceListIdsStartTime", 400)
        if end is not None and (not isinstance(end, int) or end < start or end - start > 120 * DAY):
            raise Refusal("invalidEndTime", 400)
        if not isinstance(token, int) or token < 0:
            raise Refusal("invalidNextToken", 400)
        if not isinstance(size, int) or not 1 <= size <= MOST_PAGE:
            raise Refusal("invalidMaxResults", 400)
        until, states = end if end is not None else self.ms, body.get("statuses")
        found = [
            item.id
            for item in self.instances.values()
            if item.code == body["processCode"] and start <= item.created <= until and (not states or item.status in states)
        ][:MOST_IDS]
        more = {"nextToken": str(token + size)} if token + size < len(found) else {}
        return {"result": {"list": found[token : token + size], **more}, "success": True}

    def detail(self, query: Mapping[str, str]) -> dict[str, Any]:
        """GET /v1.0/workflow/processInstances: ``success`` is a text here, and neither code nor id stands in the answer."""
        found = self.instances.get(query.get("processInstanceId", ""))
        if found is None:
            raise Refusal("aflowProcessInstNotExist", 400, message="流程实例不存在")
        return {"result": self._shown(found), "success": "true"}

    @staticmethod
    def _shown(item: Instance) -> dict[str, Any]:
        form = [
            {"id": f"{kind}-{place:04d}", "name": name, "componentType": kind, "value": value}
            | ({"extValue": extend} if extend is not None else {})
            for place, (name, (kind, value, extend)) in enumerate(item.form.items())
        ]
        head = {"title": item.title, "businessId": item.business_id, "createTime": minute(item.created), "status": item.status}
        people = {"originatorUserId": item.originator, "originatorDeptId": "-1", "originatorDeptName": "销售部"}
        flow = {"approverUserIds": ["boss"], "ccUserIds": [], "bizAction": item.action, "bizData": ""}
        record = {"userId": item.originator, "date": minute(item.created), "type": "START_PROCESS_INSTANCE", "result": "NONE"}
        task = {"taskId": 1, "userId": "boss", "status": "COMPLETED" if item.finished else "RUNNING", "result": "AGREE"}
        links = {"mainProcessInstanceId": item.main, "attachedProcessInstanceIds": list(item.attached)}
        ends = {"finishTime": minute(item.finished)} if item.finished else {}
        body = {"formComponentValues": form, "operationRecords": [record], "tasks": [task]}
        return {**head, "result": item.result, **people, **flow, **links, **body, **ends, **item.extra}
