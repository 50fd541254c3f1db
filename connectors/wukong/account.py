"""The account: its settings, its login, and what the server's answers mean.

There is no public API; this is the interface that the vendor's own browser client uses. Facts were read in the
vendor's server source 11.3.3 and are named here by path; no code of theirs is used.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import field_validator

from connectors import errors
from connectors.base import Config, Connector, Request, Token, Verdict, setting
from connectors.http import Response, interpret_by_table, judge, with_headers

CST = timezone(timedelta(hours=8))
"""All times of the server are GMT+8 without saying so."""
KICK_PAUSE = 600.0
"""Seconds that we keep away after another login took our slot: two clients that log in at once kick each other for ever."""
HEADERS = {"admin_token": "Admin-Token", "auth_token": "AUTH-TOKEN"}
FORM = "application/x-www-form-urlencoded"


class WukongConfig(Config):
    """A dedicated service account of one Wukong CRM installation."""

    base_url: str = setting(
        "服务地址",
        "Server address",
        where_zh="浏览器打开悟空CRM时的地址（网关地址，例如 https://crm.example.com）；必须是 https",
        where_en="The address at which the browser opens Wukong CRM (its gateway, e.g. https://crm.example.com); https only",
        pattern=r"^https?://[^\s?#]+$",
    )
    instance: str = setting(
        "实例代号",
        "Instance name",
        where_zh="自己取的短名，小写字母、数字、短横线；同一套悟空系统永远用同一个名字，用于区分多套系统的客户编号",
        where_en="A short name of your choice (a-z, 0-9, -); always the same for the same installation, it keeps ids apart",
        pattern=r"^[a-z0-9][a-z0-9-]{0,30}$",
    )
    username: str = setting(
        "服务账号",
        "Service account",
        where_zh="企业管理后台 → 员工与部门管理：新建一个专用员工，填他的登录名（一般是手机号）",
        where_en="Administration → Staff and departments: create a user for the hub alone; its login name (usually a mobile)",
        min_length=1,
    )
    password: str = setting(
        "密码",
        "Password",
        where_zh="新建该员工时设置的登录密码",
        where_en="The login password set when that user was created",
        secret=True,
        min_length=1,
    )
    writeback_field: str = setting(
        "财务单号回写字段",
        "Field for document numbers",
        where_zh="企业管理后台 → 客户管理 → 自定义字段设置 → 客户：一个多行文本自定义字段的名称；留空则不回写",
        where_en="Administration → CRM → Custom fields → Customer: name of a multi-line text field; empty = no write-back",
        default="",
    )
    payment_way: str = setting(
        "回款方式",
        "Way of payment",
        where_zh="写回的回款单上的“回款方式”；须是悟空“回款”里有的选项",
        where_en="What receipts that are written back say under 回款方式; one of the options that Wukong has there",
        default="网银转账",
        advanced=True,
        max_length=20,
    )
    tag_field: str = setting(
        "客户标签字段",
        "Customer tag field",
        where_zh="企业管理后台 → 客户管理 → 自定义字段设置 → 客户：用作标签的多选自定义字段的名称；留空则不取标签",
        where_en="Administration → CRM → Custom fields → Customer: name of the multi-select field used for tags; empty = none",
        default="",
    )
    login_slot: int = setting(
        "登录位",
        "Login slot",
        where_zh="悟空每个员工每个登录位只允许一个会话；默认 4，不会挤掉浏览器（1）和手机（2）",
        where_en="Wukong keeps one session per user and slot; 4 by default, which leaves browser (1) and phone (2) alone",
        default=4,
        ge=1,
        le=4,
        advanced=True,
    )
    dialect: Literal["admin_token", "auth_token"] = setting(
        "令牌请求头",
        "Token header",
        where_zh="11.x 用 Admin-Token（admin_token）；12.x 及以后用 AUTH-TOKEN（auth_token，编号为字符串，未经验证）",
        where_en="admin_token (Admin-Token) for 11.x; auth_token (AUTH-TOKEN, ids as text, unverified) for 12.x and later",
        default="admin_token",
        advanced=True,
    )
    with_lines: bool = setting(
        "读取合同产品明细",
        "Read contract lines",
        where_zh="每份已签合同多一次调用；只需要合同总额时可关闭",
        where_en="One more call for each signed contract; switch off when the total is enough",
        default=True,
        advanced=True,
    )

    @field_validator("base_url")
    @classmethod
    def _encrypted(cls, value: str) -> str:
        """The password travels in clear inside the body of /login, so only TLS or this very machine will do."""
        parts = urlsplit(value)
        if parts.scheme == "https" or _is_loopback(parts.hostname or ""):
            return value
        raise ValueError("must begin with https:// (Wukong sends the password in clear); put a TLS proxy before the server")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class WukongAccount(Connector):
    """Login, token header and the reading of answers."""

    Config = WukongConfig
    config: WukongConfig

    def __init__(self, config: WukongConfig, runtime: Any) -> None:
        self.base_url = config.base_url.rstrip("/") + "/"
        super().__init__(config, runtime)

    def fetch_token(self) -> Token:
        """Log in. The token's week starts again with every call, so no end is declared; 302 tells when it is over.

        Declaring an end would make us log in while other workers still use the old token, and kick them.
        """
        body = {
            "username": self.config.username,
            "password": self.config.password,
            "loginType": 1,
            "type": self.config.login_slot,
        }
        data = self.http.call(Request("POST", "login", json=body, auth=False)).get("data")
        token = data.get("adminToken") if isinstance(data, Mapping) else None
        if not token:
            raise errors.ConfigError("wukong.edition")
        return Token(str(token))

    def sign(self, request: Request, token: Token | None) -> Request:
        """The header of the account's dialect."""
        return with_headers(request, **{HEADERS[self.config.dialect]: token.value}) if token else request

    def interpret(self, request: Request, response: Response) -> Verdict:
        """Decide by ``code`` alone, whatever the HTTP status; the same numbers mean other things on /login.

        The server's sentences are not passed on: several of them contain names or phone numbers.
        """
        body = response.json
        if response.status >= 500 or response.status == 429 or not isinstance(body, Mapping) or "code" not in body:
            return judge(self.manifest, "401") if response.status == 401 else interpret_by_table(self.manifest, response)
        code, data = str(body["code"]), body.get("data")
        if code == "0":
            return Verdict("ok", code=code, body=body)
        if code == "302" and isinstance(data, Mapping) and str(data.get("extra")) == "1":
            return self._kicked(str(data.get("extraTime") or ""), response)
        return judge(self.manifest, f"login:{code}" if request.path == "login" else code, body=body)

    def _kicked(self, since: str, response: Response) -> Verdict:
        """Another login took our slot: keep away for ten minutes from then, and only then log in, once.

        The kicked token goes on answering with the time of the kick, so no memory of our own is needed; both times
        are the server's, so that its clock may be wrong.
        """
        try:
            kicked = datetime.fromisoformat(since).replace(tzinfo=CST)
        except ValueError:
            return judge(self.manifest, "302", "1", wait=KICK_PAUSE)
        left = KICK_PAUSE - (self._server_now(response) - kicked).total_seconds()
        if left <= 0:
            return Verdict("refresh_token", code="302/1")
        return judge(self.manifest, "302", "1", wait=min(max(left, 1.0), KICK_PAUSE), message=since)

    def _server_now(self, response: Response) -> datetime:
        """By the Date header (the last one, where a proxy has put its own before it), else by our own clock."""
        last = response.headers.get("Date", "").rpartition(", ")[2]
        try:
            return parsedate_to_datetime(last).astimezone(CST)
        except (ValueError, TypeError):
            return self.clock()

    # -- the two body types: a wrong one is answered with 400 or 500 (vendor client's request layer)

    def _json(self, path: str, body: Mapping[str, Any], name: str = "") -> Any:
        return self.http.call(Request("POST", path, json=body, name=name)).get("data")

    def _form(self, path: str, name: str = "", **form: str) -> Any:
        return self.http.call(Request("POST", path, form=form, headers={"Content-Type": FORM}, name=name)).get("data")
