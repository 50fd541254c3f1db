"""Who may call the DingTalk simulator: the token of three doors, rights, limits, the month's quota, and refusals.

(docs: server-api-calling-guide, server-api-error-codes-1, how-to-process-api-throttling-on-the-dingtalk-server)
"""

from __future__ import annotations

import secrets
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

CST = timezone(timedelta(hours=8))
LIFE = 7200
SECOND = timedelta(seconds=1)
OLD_TEXTS = {
    15: "远程服务调用超时",
    88: "ISV access_token error",
    33012: "无效的userid",
    40001: "获取access_token时Secret错误",
    40003: "无效的userid",
    40014: "不合法的access_token",
    40035: "不合法的参数",
    40069: "不合法的size",
    40089: "不合法的appkey或appsecret",
    41001: "缺少access_token参数",
    42001: "access_token超时",
    50004: "请检查部门id是否在授权范围内",
    60003: "部门不存在",
    60011: "没有调用该接口的权限",
    60020: "访问ip不在白名单之中",
    60121: "找不到该用户",
    90018: "您的服务器调用钉钉接口所有请求都被暂时禁用了",
    90020: "企业接口调用次数已超过本月限额",
}


class Refusal(Exception):
    """A call that is refused. status None: the old generation, HTTP 200 with errcode; else the new one, with code."""

    def __init__(self, code: int | str, status: int | None = None, **extra: Any) -> None:
        super().__init__(code)
        self.code, self.status, self.extra = code, status, extra

    def body(self, request_id: str) -> dict[str, Any]:
        """The answer's body."""
        if self.status is None:
            return {
                "errcode": self.code,
                "errmsg": OLD_TEXTS.get(int(self.code), "error"),
                "request_id": request_id,
                **self.extra,
            }
        return {"code": self.code, "message": str(self.extra.pop("message", self.code)), "requestid": request_id, **self.extra}


@dataclass
class Gate:
    """The app of one organisation. rights: permission points it has. trusted: addresses it may call from (None = any).

    per_second: calls per API; quota: counted calls a month, over all; spent: those of each month; punished: until when our
    address is shut out.
    """

    corp_id: str
    client_id: str
    secret: str
    now: Callable[[], datetime]
    rights: set[str] = field(default_factory=set)
    trusted: set[str] | None = None
    per_second: int = 20
    quota: int = 5000
    spent: Counter[str] = field(default_factory=Counter)
    punished: datetime | None = None
    token: str = ""
    until: datetime | None = None
    dead: set[str] = field(default_factory=set)
    _recent: dict[str, deque[datetime]] = field(default_factory=lambda: defaultdict(deque))

    # -- tokens

    def fetch(self) -> str:
        """The token: the same one within its life, which begins anew with each fetch. (docs: obtain-the-access-token)"""
        now = self.now()
        if not self.token or self.until is None or self.until <= now:
            if self.token:
                self.dead.add(self.token)
            self.token = secrets.token_hex(16)
        self.until = now + timedelta(seconds=LIFE)
        return self.token

    def door_new(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """POST /v1.0/oauth2/accessToken."""
        if (body.get("appKey"), body.get("appSecret")) != (self.client_id, self.secret):
            raise Refusal("invalidClientIdOrSecret", 400, message="无效的clientId或者clientSecret")
        return {"accessToken": self.fetch(), "expireIn": LIFE}

    def door_corp(self, corp_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """POST /v1.0/oauth2/{corpId}/token."""
        if body.get("grant_type") != "client_credentials":
            raise Refusal("unsupported.grant.type", 400)
        if (corp_id, body.get("client_id"), body.get("client_secret")) != (self.corp_id, self.client_id, self.secret):
            raise Refusal("invalid.client", 400)
        return {"access_token": self.fetch(), "expires_in": LIFE}

    def door_old(self, query: Mapping[str, str]) -> dict[str, Any]:
        """GET /gettoken."""
        if query.get("appkey") != self.client_id:
            raise Refusal(40089)
        if query.get("appsecret") != self.secret:
            raise Refusal(40001)
        return {"access_token": self.fetch(), "expires_in": LIFE}

    def kill(self) -> None:
        """The token is dead before its time."""
        self.dead.add(self.token)
        self.token = ""

    def _known(self, token: str) -> str:
        """'' for a living token, else how it is wrong."""
        if not token:
            return "missing"
        if token == self.token and self.until is not None:
            return "" if self.until > self.now() else "expired"
        return "unknown"

    # -- admission

    def admit_old(self, token: str, api: str, right: str, counted: bool, address: str) -> None:
        """An old-generation call; the token stands in the query."""
        wrong = self._known(token)
        if wrong:
            raise Refusal({"missing": 41001, "expired": 42001, "unknown": 40014}[wrong])
        if self.trusted is not None and address not in self.trusted:
            raise Refusal(60020)
        if right and right not in self.rights:
            raise Refusal(60011, sub_code="60011", sub_msg=f"应用尚未开通所需的权限：[{right}]")
        if not self._in_time(api):
            raise Refusal(90018)
        if counted and not self._count():
            raise Refusal(90020)

    def admit_new(self, token: str, api: str, right: str, counted: bool, address: str) -> None:
        """A new-generation call; the token stands in a header, and a dead one is HTTP 400."""
        if self._known(token):
            raise Refusal("InvalidAuthentication", 400, message="不合法的access_token")
        if self.trusted is not None and address not in self.trusted:
            raise Refusal("Forbidden.AccessDenied.IpNotInWhiteList", 403)
        if right and right not in self.rights:
            detail = {"requiredScopes": [right]}
            raise Refusal("Forbidden.AccessDenied.AccessTokenPermissionDenied", 403, accessdenieddetail=detail)
        if not self._in_time(api):
            raise Refusal("Forbidden.AccessDenied.QpsLimitForAppkeyAndApi", 403)
        if counted and not self._count():
            raise Refusal("Forbidden.AccessDenied.ApiCountLimitForOrg", 403)

    def _in_time(self, api: str) -> bool:
        now, recent = self.now(), self._recent[api]
        while recent and recent[0] <= now - SECOND:
            recent.popleft()
        if len(recent) >= self.per_second:
            return False
        recent.append(now)
        return True

    @property
    def month(self) -> str:
        """The calendar month, as the quota counts."""
        return f"{self.now().astimezone(CST):%Y-%m}"

    def _count(self) -> bool:
        if self.spent[self.month] >= self.quota:
            return False
        self.spent[self.month] += 1
        return True
