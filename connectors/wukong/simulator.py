"""A simulator of Wukong CRM 11 (Java): login slots and locks, index lists with their traps, approvals, and its writes.

Written from facts about the product's behaviour; none of its code, data or icons is used.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import format_datetime
from typing import Any

from flask import Flask, Response, request

from connectors.story import Story
from connectors.wukong import sim_story
from connectors.wukong.sim_desk import Desk
from connectors.wukong.sim_fields import NUMBER_FIELD, TAG_FIELD
from connectors.wukong.sim_flow import Flow
from connectors.wukong.sim_lists import Lists
from connectors.wukong.sim_login import SUPER_USER, Logins
from connectors.wukong.sim_steering import Steering
from connectors.wukong.sim_store import Refusal, Store
from connectors.wukong.sim_writes import Writes

HEADERS = {"admin_token": "Admin-Token", "auth_token": "AUTH-TOKEN"}
SNOWFLAKE = 1_850_000_000_000_000_000
USERNAME, PASSWORD = "13800000001", "Hub@2026-sandbox"


class WukongSimulator(Steering):
    """One installation. dialect: the token header, and whether ids are numbers or 19-digit texts."""

    name = "wukong"

    def __init__(self, now: Callable[[], datetime] | None = None, dialect: str = "admin_token") -> None:
        super().__init__(now)
        self.dialect = dialect
        self.store = Store(self.now, first_id=SNOWFLAKE if dialect == "auth_token" else 1)
        self.logins = Logins(self.now)
        self.flow = Flow(self.store)
        self.writes = Writes(self.store, self.flow, self.ledger)
        self.desk = Desk(self.store, self.logins, self.flow, Lists(self.store), self.writes)
        self._sources = {}
        self.add_user(USERNAME, PASSWORD, "联枢服务账号", admin=True, id=SUPER_USER)

    def settings(self, base_url: str) -> dict[str, Any]:
        """The service account, the tag field and the field for document numbers."""
        return {
            "base_url": base_url,
            "instance": "sandbox",
            "username": USERNAME,
            "password": PASSWORD,
            "tag_field": TAG_FIELD,
            "writeback_field": NUMBER_FIELD,
            "dialect": self.dialect,
        }

    def play(self, story: Story) -> None:
        """See ``Simulator.play``."""
        sim_story.play(self, story)

    def live(self, story: Story, url: str) -> None:
        """See ``Simulator.live``."""
        sim_story.live(self, story, url)

    def throttled(self) -> Response:
        """The gateway's flow control: HTTP 400 with code 403."""
        return self._reply({"code": 403, "msg": "请求频率过快"}, 400)

    def routes(self, app: Flask) -> None:
        """One door for all calls; only POST is known."""
        app.add_url_rule("/<path:path>", "call", self._call, methods=["GET", "POST", "PUT", "DELETE"])

    def _call(self, path: str) -> Response:
        if request.method != "POST":
            return self._reply({"code": 401, "msg": "无权操作"})
        token = request.headers.get(HEADERS[self.dialect], "")
        form, raw = request.form.to_dict(), request.get_data(cache=True)
        try:
            with self.lock:
                data = self.desk.answer(path, token, request.headers.get("Content-Type", ""), raw, form)
                reply = self._reply({"code": 0, "msg": "success", "data": data})
        except Refusal as refusal:
            body = {"code": refusal.code, "msg": refusal.message}
            return self._reply({**body, "data": refusal.data} if refusal.data else body, refusal.status)
        if self.faults.after_page and path.endswith(("/queryPageList", "/queryUserList")):
            self.faults.after_page(path.split("/")[0], data["pageNumber"])
        return reply

    def _reply(self, body: dict[str, Any], status: int = 200) -> Response:
        """Numbers leave as the index keeps them (doubles); the Date header is the simulator's own clock."""
        shown = ids_as_text(body) if self.dialect == "auth_token" else body
        text = json.dumps(shown, ensure_ascii=False, default=_plain)
        date = format_datetime(self.now().astimezone(UTC).replace(microsecond=0), usegmt=True)
        return Response(text, status, content_type="application/json;charset=UTF-8", headers={"Date": date})


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} cannot be sent")


def ids_as_text(value: Any, name: str = "") -> Any:
    """The later editions' spelling of ids."""
    if isinstance(value, dict):
        return {key: ids_as_text(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [ids_as_text(item, name) for item in value]
    return str(value) if type(value) is int and name.endswith("Id") else value
