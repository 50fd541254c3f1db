"""Approvals in the WeCom simulator: forms of templates, submitted, decided, withdrawn; times as texts, odd pages."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.wecom.sim_gate import App, Refusal
from connectors.wecom.sim_world import Event, World

Answer = dict[str, Any]
Params = Mapping[str, Any]
TEMPLATE = "HubTpl01"
MONTH = 31 * 86400
STEP = {2: 2, 3: 3, 4: 6, 6: 8}
"""StatuChangeEvent of a new state."""


@dataclass
class Form:
    """One approval."""

    number: str
    template: str
    applicant: str
    submitted: int
    contents: list[dict[str, Any]]
    status: int = 1
    decided: list[int] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Approvals:
    """The forms. granted: the app is listed under 审批 → API. dead_cursors: so many of the next cursors count as dead."""

    world: World
    granted: bool = True
    dead_cursors: int = 0
    forms: dict[str, Form] = field(default_factory=dict)
    _cursors: dict[str, tuple[Any, int]] = field(default_factory=dict)

    def submit(
        self, applicant: str, amount: str, customer: str, *, at: int | None = None, number: str = "", template: str = TEMPLATE
    ) -> Form:
        """Somebody hands in a contract; amounts are texts in yuan."""
        own = f"2026{self.world.number():08d}"
        contents = [
            control("Money", "Money-1", "合同金额", new_money=amount),
            control("Text", "Text-1", "客户名称", text=customer),
            control("Text", "Text-2", "合同编号", text=number),
            control(
                "Date",
                "Date-1",
                "签订日期",
                date={"type": "day", "s_timestamp": str((at or self.world.seconds) // 86400 * 86400)},
            ),
        ]
        form = Form(own, template, applicant, at or self.world.seconds, contents)
        self.forms[own] = form
        return form

    def decide(self, number: str, status: int = 2) -> Event:
        """An approver agrees (2) or refuses (3), the applicant withdraws (4; after approval 6); the event to push."""
        form = self.forms[number]
        if status == 6 and form.status != 2:
            raise ValueError("only an approved form is withdrawn after approval")
        form.status = status
        form.decided.append(self.world.seconds)
        return self.event(number, STEP.get(status, 10))

    def event(self, number: str, step: int = 10) -> Event:
        """sys_approval_change: no ChangeType; what matters stands one level down."""
        form = self.forms.get(number)
        template, status = (form.template, form.status) if form else (TEMPLATE, 7)
        info: dict[str, str | int] = {"SpNo": int(number), "SpNoStr": number, "SpStatus": status, "TemplateId": template}
        info |= {"StatuChangeEvent": step}
        return {"Event": "sys_approval_change", "CreateTime": self.world.seconds, "AgentID": "3010040", "ApprovalInfo": info}

    # -- the API

    def info(self, app: App, params: Params) -> Answer:
        """Numbers by the time of submission; strings for times, a month at most, pages shortened by the invisible."""
        self._right()
        start, end = (self._moment(params.get(name)) for name in ("starttime", "endtime"))
        size = params.get("size")
        if end < start or not isinstance(size, int) or not 1 <= size <= 100:
            raise Refusal(301025)
        if end - start > MONTH:
            raise Refusal(301112)
        wanted = [each["value"] for each in params.get("filters") or [] if each.get("key") == "template_id"]
        found = [f for f in self.forms.values() if start <= f.submitted <= end and (not wanted or f.template in wanted)]
        found.sort(key=lambda form: (form.submitted, form.number))
        query = (start, end, tuple(wanted))
        first = self._resume(query, str(params.get("new_cursor") or ""))
        page = found[first : first + size]
        answer: Answer = {"sp_no_list": [form.number for form in page if app.sees(form.applicant)]}
        if len(found) > first + len(page):
            cursor = secrets.token_urlsafe(12)
            self._cursors[cursor] = (query, first + len(page))
            answer["new_next_cursor"] = cursor
        return answer

    def _resume(self, query: Any, cursor: str) -> int:
        if not cursor:
            return 0
        asked, position = self._cursors.get(cursor, (None, 0))
        if self.dead_cursors or asked != query:
            self.dead_cursors = max(0, self.dead_cursors - 1)
            raise Refusal(301025)
        return position

    def detail(self, app: App, params: Params) -> Answer:
        """One form. Its values carry empty parts of other controls too."""
        self._right()
        form = self.forms.get(str(params.get("sp_no") or ""))
        if form is None or not app.sees(form.applicant):
            raise Refusal(301025)
        steps = [{"userid": "boss", "speech": "", "sp_yj": 2, "sptime": at, "media_ids": []} for at in form.decided or [0]]
        node = {"node_type": 1, "sp_status": min(form.status, 3), "apv_rel": 2, "sub_node_list": steps}
        return {
            "info": {
                "sp_no": form.number, "sp_name": "销售合同", "sp_status": form.status,
                "template_id": form.template,
                "apply_time": form.submitted, "applyer": {"userid": form.applicant, "partyid": "1"}, "sp_record": [],
                "process_list": {"node_list": [node]}, "notifyer": [], "apply_data": {"contents": form.contents},
                "comments": [], **form.extra,
            }
        }  # fmt: skip

    def template(self, app: App, params: Params) -> Answer:
        """The controls of a template."""
        self._right()
        if params.get("template_id") != TEMPLATE:
            raise Refusal(301025)
        controls = [{"property": {"id": i, "control": i.split("-")[0]}} for i in ("Money-1", "Text-1", "Text-2", "Date-1")]
        return {"template_names": [{"text": "销售合同", "lang": "zh_CN"}], "template_content": {"controls": controls}}

    def _right(self) -> None:
        if not self.granted:
            raise Refusal(301055)

    @staticmethod
    def _moment(value: Any) -> int:
        if not isinstance(value, str) or not value.isdigit():
            raise Refusal(301025)
        return int(value)


def control(kind: str, own: str, title: str, **value: Any) -> dict[str, Any]:
    """A control as filled in."""
    empty: dict[str, Any] = {"tips": [], "members": [], "departments": [], "files": [], "children": [], "stat_field": []}
    return {"control": kind, "id": own, "title": [{"text": title, "lang": "zh_CN"}], "value": {**empty, **value}}
