"""A DingTalk organisation on loopback, both generations of the interface under one address; refuses what DingTalk refuses.

Where the behaviour of the real platform is not documented the stricter one is chosen.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, Response, request

from connectors.dingtalk import sim_steering, sim_story
from connectors.dingtalk.sim_callback import Sender
from connectors.dingtalk.sim_crm import Crm
from connectors.dingtalk.sim_desk import AGENT, Desk
from connectors.dingtalk.sim_flow import CONTRACT, Flow
from connectors.dingtalk.sim_gate import Gate, Refusal
from connectors.dingtalk.sim_people import People
from connectors.dingtalk.sim_stream import Gateway
from connectors.sandbox import Simulator
from connectors.story import Story

CORP_ID, CLIENT_ID = "ding0a1b2c3d4e5f6a7b", "dingk1x2y3z4owner"
SECRET = "Sandbox-0123456789-app-secret-of-the-internal-app-abcdefghijklmn"  # noqa: S105 - a made-up organisation
CALLBACK_TOKEN = "hubtoken2026"  # noqa: S105
CALLBACK_KEY = "aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789AbCdEfG"
HEADER = "x-acs-dingtalk-access-token"
STAFF, EXT, CRM, FLOW = "qyapi_get_member", "qyapi_ext_read", "qyapi_crm_maindata_read", "Workflow.Instance.Read"
GROUPS = "Crm.CustomerGroup.Read"
RIGHTS = {STAFF, EXT, "qyapi_ext_write", CRM, GROUPS, FLOW}


@dataclass(frozen=True)
class Path:
    """An API. right: the permission point it needs. counted: whether it eats of the month's quota."""

    method: str
    answer: Callable[[], dict[str, Any]]
    right: str = ""
    counted: bool = False
    open: bool = False


class DingTalkSimulator(Simulator):
    """The simulator. gate: who may call; people, crm, flow: the organisation's records; sender, stream: pushes."""

    name = "dingtalk"

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        self.people, self.crm, self.flow = People(), Crm(self.now), Flow(self.now)
        self.gate = Gate(CORP_ID, CLIENT_ID, SECRET, self.now, set(RIGHTS))
        self.sender = Sender(CORP_ID, CLIENT_ID, CALLBACK_TOKEN, CALLBACK_KEY, self.now)
        self.desk = Desk(CLIENT_ID, SECRET, self.people, self.now)
        self.stream = Gateway(CLIENT_ID, SECRET, CORP_ID, self.now)
        self.pages = 0
        super().__init__(now)

    # -- the platform

    def routes(self, app: Flask) -> None:
        """Everything; an unknown path is the gateway's own refusal."""
        self.paths = self._new_paths() | self._old_paths()
        app.add_url_rule("/<path:name>", view_func=self._answer, methods=["GET", "POST", "PUT", "DELETE"])

    def _new_paths(self) -> dict[str, Path]:
        crm, flow, json_body = self.crm, self.flow, self._json
        return {
            "v1.0/oauth2/accessToken": Path("POST", lambda: self.gate.door_new(json_body()), open=True),
            f"v1.0/oauth2/{CORP_ID}/token": Path("POST", lambda: self.gate.door_corp(CORP_ID, json_body()), open=True),
            "v1.0/oauth2/userAccessToken": Path("POST", lambda: self.desk.user_token(json_body()), open=True),
            "v1.0/contact/users/me": Path("GET", lambda: self.desk.me(request.headers.get(HEADER, "")), open=True),
            "v1.0/gateway/connections/open": Path("POST", lambda: self.stream.open(json_body()), open=True),
            "v1.0/crm/personalCustomers": Path("GET", lambda: crm.customers(request.args), CRM, True),
            "v1.0/crm/personalCustomers/batchQuery": Path("POST", lambda: crm.batch(request.args, self._any()), CRM, True),
            "v1.0/crm/personalCustomers/objectMeta": Path("GET", lambda: crm.form(request.args), CRM, True),
            "v1.0/crm/crmGroupChats": Path("GET", lambda: crm.group_list(request.args), GROUPS, True),
            "v1.0/crm/crmGroupChats/batchQuery": Path("POST", lambda: crm.group_batch(json_body()), GROUPS, True),
            "v1.0/crm/customObjects/contacts/datas/query": Path("POST", lambda: crm.contacts(json_body()), CRM, True),
            "v1.0/workflow/processes/instanceIds/query": Path("POST", lambda: flow.ids(json_body()), FLOW, True),
            "v1.0/workflow/processInstances": Path("GET", lambda: flow.detail(request.args), FLOW, True),
        }

    def _old_paths(self) -> dict[str, Path]:
        people, json_body = self.people, self._json
        return {
            "gettoken": Path("GET", lambda: self.gate.door_old(request.args), open=True),
            "topapi/v2/department/listsub": Path("POST", lambda: people.listsub(json_body()), STAFF),
            "topapi/v2/user/list": Path("POST", lambda: people.user_list(json_body()), STAFF),
            "topapi/v2/user/get": Path("POST", lambda: people.user_get(json_body()), STAFF),
            "topapi/user/getbyunionid": Path("POST", lambda: people.by_unionid(json_body()), STAFF),
            "topapi/extcontact/list": Path("POST", lambda: people.contact_list(json_body()), EXT),
            "topapi/extcontact/get": Path("POST", lambda: people.contact_get(json_body()), EXT),
            "topapi/extcontact/listlabelgroups": Path("POST", lambda: people.label_groups(json_body()), EXT),
            "topapi/extcontact/update": Path("POST", lambda: people.contact_update(json_body()), "qyapi_ext_write"),
            "topapi/message/corpconversation/asyncsend_v2": Path("POST", lambda: self.desk.send(json_body()), counted=True),
            "robot/send": Path("POST", lambda: self.desk.say(request.args, json_body()), open=True),
            "topapi/crm/objectdata/contact/list": Path("POST", lambda: self.crm.old_list(json_body()), CRM, True),
        }

    @staticmethod
    def _new(name: str) -> bool:
        return name.startswith("v")

    def _answer(self, name: str) -> Response:
        path, new = self.paths.get(name), self._new(name)
        if self.gate.punished is not None and self.now() < self.gate.punished:
            return self._said({"status": 1111, "wait": 5, "source": "x5", "punish": "deny", "uuid": secrets.token_hex(8)})
        try:
            if path is None or path.method != request.method:
                raise Refusal("InvalidAction.NotFound", 404) if new else Refusal(22)
            with self.lock:
                self._admit(path, name, new)
                body = path.answer()
            return self._paged(
                name, body if new else {"errcode": 0, "errmsg": "ok", **body, "request_id": secrets.token_hex(6)}
            )
        except Refusal as refusal:
            return self._said(refusal.body(secrets.token_hex(8).upper()), refusal.status or 200)

    def _admit(self, path: Path, name: str, new: bool) -> None:
        if path.open:
            return
        admit = self.gate.admit_new if new else self.gate.admit_old
        token = request.headers.get(HEADER, "") if new else request.args.get("access_token", "")
        admit(token, name, path.right, path.counted, request.remote_addr or "")

    def _paged(self, name: str, body: dict[str, Any]) -> Response:
        answer = self._said(body)
        if self.faults.after_page and name.endswith(("list", "query", "personalCustomers", "crmGroupChats")):
            self.pages += 1
            self.faults.after_page(name, self.pages)
        return answer

    @staticmethod
    def _any() -> Any:
        try:
            return json.loads(request.get_data() or b"{}")
        except ValueError:
            raise Refusal("invalidParameter", 400) from None

    def _json(self) -> Mapping[str, Any]:
        """The body; the old generation takes a form as well as JSON."""
        if request.form:
            return request.form
        body = self._any()
        if not isinstance(body, dict):
            raise Refusal("invalidParameter", 400) if self._new(request.path[1:]) else Refusal(40035)
        return body

    @staticmethod
    def _said(body: Mapping[str, Any], status: int = 200) -> Response:
        return Response(json.dumps(body, ensure_ascii=False), status=status, content_type="application/json; charset=utf-8")

    # -- steering

    def settings(self, base_url: str) -> dict[str, Any]:
        """An account connected to this organisation."""
        return {
            "corp_id": CORP_ID,
            "client_id": CLIENT_ID,
            "client_secret": SECRET,
            "event_mode": "http",
            "agent_id": str(AGENT),
            "callback_token": CALLBACK_TOKEN,
            "callback_aes_key": CALLBACK_KEY,
            "process_codes": CONTRACT,
            "api_base": base_url,
            "oapi_base": base_url,
            "login_base": base_url,
        }

    def throttled(self) -> Response:
        """The limit of app and API in the spelling of the generation that was asked."""
        new = self._new(request.path[1:])
        refusal = Refusal("Forbidden.AccessDenied.QpsLimitForAppkeyAndApi", 403) if new else Refusal(90018)
        return self._said(refusal.body(secrets.token_hex(8)), refusal.status or 200)

    def populate(self, stream: str, count: int, *, start: datetime, step: timedelta) -> list[str]:
        """See ``Simulator.populate``."""
        with self.lock:
            return [sim_steering.make(self, stream, i, int((start + i * step).timestamp() * 1000)) for i in range(count)]

    def touch(self, stream: str, key: str) -> None:
        """Somebody edits the record."""
        with self.lock:
            sim_steering.touch(self, stream, key)

    def remove(self, stream: str, key: str) -> None:
        """Somebody deletes it."""
        with self.lock:
            sim_steering.remove(self, stream, key)

    def spoil(self, stream: str, key: str) -> None:
        """A value that cannot be read."""
        sim_steering.spoil(self, stream, key)

    def add_field(self, stream: str, key: str, name: str, value: Any) -> None:
        """A new field of the record."""
        sim_steering.more(self, stream, key)[name] = value

    def kill_tokens(self) -> None:
        """The token is dead."""
        self.gate.kill()

    def push(self, url: str, stream: str, key: str, *, forged: bool = False) -> int:
        """The event that an edit, or the removal, of the record sets off."""
        kind, fields = sim_steering.event(self, stream, key)
        return self.push_event(url, kind, fields, forged=forged)

    def tag_keys(self, stream: str, count: int) -> list[str]:
        """Labels of external contacts."""
        return [str(self.people.add_label("级别", f"标签{self.people.number()}")) for _ in range(count)]

    def tags_of(self, stream: str, key: str) -> set[str]:
        """The labels of an external contact."""
        return {str(label) for label in self.people.contacts[key]["label_ids"]}

    def employ(self, count: int) -> list[str]:
        """Members of the root department."""
        return [self.people.add_staff(f"m{self.people.number():06d}", "顾问", [1])["userid"] for _ in range(count)]

    def told(self, member: str) -> list[dict[str, str]]:
        """Work notices on the member's screen."""
        return list(self.desk.shown[member])

    def visit(self, url: str, member: str | None) -> str:
        """See ``Simulator.visit``."""
        return self.desk.visit(url, member)

    def deliver(self, stream: str, key: str) -> bool:
        """The same event over the open connection."""
        kind, fields = sim_steering.event(self, stream, key)
        return self.stream.push(kind, fields) == "SUCCESS"

    def deliver_again(self) -> bool:
        """What was not acknowledged comes once more."""
        return set(self.stream.again()) == {"SUCCESS"}

    def hang_up(self) -> None:
        """The gateway wants a new connection."""
        self.stream.disconnect()

    def push_event(self, url: str, kind: str, fields: dict[str, Any], *, forged: bool = False) -> int:
        """Push an event of that kind."""
        return self.sender.send(url, self.sender.envelope(kind, fields, secrets.token_hex(16)), forged=forged)

    def play(self, story: Story) -> None:
        """See ``Simulator.play``."""
        sim_story.play(self, story)

    def live(self, story: Story, url: str) -> None:
        """See ``Simulator.live``."""
        sim_story.live(self, story, url)
