"""Calling DingTalk: the settings of an account, its token, and what an answer of either generation means.

(docs: server-api-calling-guide, server-api-error-codes-1, how-to-process-api-throttling-on-the-dingtalk-server)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any, Literal

from connectors import settings
from connectors.base import Config, Connector, Request, Token, Verdict, setting
from connectors.http import Response, Runtime, interpret_status, judge, with_headers

CST = timezone(timedelta(hours=8))
"""What DingTalk means where it writes no zone, and by whose months and days it counts calls."""
COUNTED = "counted/"
"""Begins the name of each call that eats of the organisation's monthly quota. Staff and external contacts do not."""
PUNISHED = 300.0
"""Seconds for which an address is shut out after 10 000 calls within 20 s."""
EARLY = 300.0
"""Seconds before a token's end that are left unused, beside those that the runtime leaves."""
TOKEN_HEADER = "x-acs-dingtalk-access-token"  # noqa: S105 - a name


class DingTalkConfig(Config):
    """An internal app (企业内部应用) of the company's own organisation."""

    corp_id: str = setting(
        "企业 CorpId",
        "CorpId",
        where_zh="开发者后台首页右上角,或管理后台 → 设置 → 企业信息",
        where_en="Developer console, top right; or admin console → Settings → Organisation",
        min_length=4,
        pattern=r"^[A-Za-z0-9_-]+$",
    )
    client_id: str = setting(
        "Client ID(原 AppKey)",
        "Client ID (formerly AppKey)",
        where_zh="开发者后台 → 应用开发 → 企业内部应用 → 本应用 → 凭证与基础信息",
        where_en="Developer console → App development → Internal apps → this app → Credentials",
        min_length=4,
        pattern=r"^[A-Za-z0-9_-]+$",
    )
    client_secret: str = setting(
        "Client Secret(原 AppSecret)",
        "Client Secret (formerly AppSecret)",
        where_zh="开发者后台 → 企业内部应用 → 本应用 → 凭证与基础信息",
        where_en="Developer console → Internal apps → this app → Credentials",
        secret=True,
        min_length=8,
    )
    event_mode: Literal["stream", "http"] = setting(
        "事件推送方式",
        "How events come",
        where_zh="与“本应用 → 事件订阅 → 推送方式”一致:stream 由联枢主动连接,不需要公网地址;http 由钉钉推送到回调地址",
        where_en="As chosen under Event subscription: stream (we connect, no public address needed) or http (pushed to us)",
        default="stream",
    )
    callback_token: str = settings.callback_token(
        "回调签名 token",
        "Callback token",
        "本应用 → 事件订阅 → 推送方式选 HTTP → 签名 token;用 Stream 方式时留空",
        "This app → Event subscription → HTTP → token; empty with Stream mode",
        least=3,
    )
    callback_aes_key: str = settings.callback_aes_key(
        "回调加密 aes_key",
        "Callback aes_key",
        "本应用 → 事件订阅 → 推送方式选 HTTP → 加密 aes_key(43 位);用 Stream 方式时留空",
        "This app → Event subscription → HTTP → aes_key (43 characters); empty with Stream mode",
    )
    with_crm: bool = setting(
        "读取客户管理",
        "Read the CRM app",
        where_zh="企业没有安装“客户管理”应用时关闭",
        where_en="Switch off where the organisation has not installed 客户管理",
        default=True,
    )
    agent_id: str = setting(
        "AgentId",
        "AgentId",
        where_zh="本应用 → 凭证与基础信息 → AgentId;用于发送工作通知,不发则留空",
        where_en="This app → Credentials → AgentId; for work notices, empty for none",
        default="",
        pattern=r"^[0-9]*$",
    )
    robot_token: str = setting(
        "群机器人 access_token",
        "Group robot's access_token",
        where_zh="群设置 → 机器人 → 自定义机器人 → Webhook 地址中 access_token= 后面的部分;通知同时发到该群,可留空",
        where_en="Group → Settings → Robots → Custom robot: what follows access_token= in its webhook; empty for no group",
        secret=True,
        default="",
        pattern=r"^[A-Za-z0-9]*$",
        advanced=True,
    )
    robot_secret: str = setting(
        "群机器人加签密钥",
        "Group robot's signing secret",
        where_zh="自定义机器人 → 安全设置 → 加签,以 SEC 开头",
        where_en="Custom robot → Security → Signature; it begins with SEC",
        secret=True,
        default="",
        advanced=True,
    )
    process_codes: str = setting(
        "合同审批模板",
        "Contract approval templates",
        where_zh="OA 审批 → 管理后台 → 编辑表单,地址栏中的 processCode(PROC- 开头);多个用逗号隔开,不读审批则留空",
        where_en="OA approvals → console → edit the form, processCode in its address (PROC-…); several with commas, or none",
        default="",
        pattern=r"^[A-Za-z0-9_,\s-]*$",
    )
    monthly_calls: int = setting(
        "每月接口调用额度",
        "API calls granted a month",
        where_zh="开发者后台 → 资源用量;标准版 5000,购买专业版或加量包后填新的额度。只用于预警,企业其他应用的调用不在其中",
        where_en="Developer console → Resource usage; 5000 in the standard edition. For warnings; other apps not in it",
        default=5000,
        ge=1,
    )
    amount_field: str = setting(
        "合同金额控件",
        "Amount component",
        where_zh="审批表单中控件的名称、业务别名或编号;各模板不同时用逗号隔开",
        where_en="Name, alias or id of the form's component; with commas where templates differ",
        default="合同金额",
        advanced=True,
    )
    customer_field: str = setting(
        "客户控件",
        "Customer component",
        where_zh="客户名称(文字),或关联客户管理的控件",
        where_en="The customer's name (a text), or a component linked to the CRM",
        default="客户名称",
        advanced=True,
    )
    phone_field: str = setting("客户电话控件", "Customer phone component", default="联系电话", advanced=True)
    tax_field: str = setting("客户税号控件", "Customer tax id component", default="税号", advanced=True)
    number_field: str = setting(
        "合同编号控件",
        "Contract number component",
        where_zh="没有时用审批编号",
        where_en="Without one the approval's own number is used",
        default="合同编号",
        advanced=True,
    )
    signed_field: str = setting("签订日期控件", "Signing date component", default="签订日期", advanced=True)
    api_base: str = settings.address("新版接口地址", "API address (new generation)", "https://api.dingtalk.com")
    login_base: str = settings.address("登录页地址", "Sign-in address", "https://login.dingtalk.com")
    oapi_base: str = settings.address("旧版接口地址", "API address (old generation)", "https://oapi.dingtalk.com")

    @property
    def codes(self) -> list[str]:
        """The approval templates that are contracts."""
        return names(self.process_codes)


def names(setting_text: str) -> list[str]:
    """The parts of a setting that lists several."""
    return [part.strip() for part in setting_text.replace("，", ",").split(",") if part.strip()]


class DingTalkCalls(Connector):
    """What all calls of an internal app have in common."""

    Config = DingTalkConfig
    config: DingTalkConfig

    def __init__(self, config: DingTalkConfig, runtime: Runtime) -> None:
        self.base_url = config.api_base.rstrip("/") + "/"
        self._old_url = config.oapi_base.rstrip("/") + "/"
        self.clock = runtime.clock
        super().__init__(config, runtime)

    def fetch_token(self) -> Token:
        """The app's token, good for both generations. Asking again within its life gives the same one."""
        body = {"appKey": self.config.client_id, "appSecret": self.config.client_secret}
        answer = self.http.call(Request("POST", "v1.0/oauth2/accessToken", json=body, auth=False))
        return Token(answer["accessToken"], expires_in=max(float(answer["expireIn"]) - EARLY, 60.0))

    def sign(self, request: Request, token: Token | None) -> Request:
        """The token: in the query for the old generation, in a header for the new one; elsewhere it counts as missing."""
        if token is None:
            return request
        if "://" in request.path:
            return replace(request, query={**request.query, "access_token": token.value})
        return with_headers(request, **{TOKEN_HEADER: token.value})

    def interpret(self, request: Request, response: Response) -> Verdict:
        """By the code of the generation that was asked; HTTP status decides only where the body says nothing."""
        body = response.json
        if isinstance(body, Mapping) and "punish" in body:
            return Verdict("throttle", code="1111", wait=PUNISHED, hint="dingtalk.punished")
        verdict = self._old(response) if "://" in request.path else self._new(response)
        if verdict.hint == "dingtalk.month_quota":
            return replace(verdict, wait=self._until_next("month"))
        return replace(verdict, wait=self._until_next("day")) if verdict.hint == "dingtalk.day_limit" else verdict

    def _old(self, response: Response) -> Verdict:
        body = response.json
        if response.status != 200 or not isinstance(body, Mapping):
            return interpret_status(response) or Verdict("retry", code="not json")
        code, sub = str(body.get("errcode", "")), str(body.get("sub_code") or "")
        known: dict[str, Any] = {
            "message": str(body.get("sub_msg") or body.get("errmsg") or ""),
            "request_id": body.get("request_id"),
            "body": body,
        }
        if code == "0":
            return Verdict("ok", code=code, **known)
        if code == "88":
            # The gateway's wrapper: what is meant stands inside, and with nothing inside it has timed out.
            return judge(self.manifest, sub, **known) if sub else Verdict("retry", code=code, **known)
        return judge(self.manifest, code, **known)

    def _new(self, response: Response) -> Verdict:
        body = response.json
        if response.status < 300:
            return Verdict("retry", code="not json") if body is None else Verdict("ok", body=body)
        if not isinstance(body, Mapping) or not body.get("code"):
            return interpret_status(response) or Verdict("stop_and_alert", code=f"http {response.status}")
        code, scopes = str(body["code"]), (body.get("accessdenieddetail") or {}).get("requiredScopes")
        message = str(body.get("message") or "") + (f" requiredScopes: {', '.join(scopes)}" if scopes else "")
        known: dict[str, Any] = {"message": message, "request_id": body.get("requestid"), "body": body}
        if self.manifest.errors.rule(code) is None and response.status != 403:
            # Codes come in more spellings than the documentation lists: the class of the status is then all there is.
            by_status = interpret_status(response)
            if by_status is not None:
                return replace(by_status, code=code, message=message, request_id=body.get("requestid"))
        return judge(self.manifest, code, **known)

    def _until_next(self, span: str) -> float:
        """Seconds until DingTalk's next day or month begins, and a minute more."""
        now: datetime = self.clock().astimezone(CST)
        day = now.replace(hour=0, minute=0, second=0, microsecond=0)
        following = (day.replace(day=1) + timedelta(days=32)).replace(day=1) if span == "month" else day + timedelta(days=1)
        return (following - now).total_seconds() + 60

    def new(self, path: str, body: Any = None, *, name: str = "", **query: str) -> Any:
        """A counted read of the new generation: POST where there is a body, else GET."""
        method = "GET" if body is None else "POST"
        shown = COUNTED + (name or path.removeprefix("v1.0/"))
        return self.http.call(Request(method, path, query=query, json=body, name=shown))

    def old(self, path: str, body: Mapping[str, Any], *, counted: bool = False) -> Any:
        """A read of the old generation."""
        return self.http.call(Request("POST", self._old_url + path, json=dict(body), name=(COUNTED if counted else "") + path))

    def write(self, path: str, body: Mapping[str, Any], *, counted: bool = False) -> Any:
        """A write of the old generation: sent once."""
        name = (COUNTED if counted else "") + path
        return self.http.call(Request("POST", self._old_url + path, json=dict(body), write=True, name=name))
