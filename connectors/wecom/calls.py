"""Calling WeCom: the settings of an account, its token, and what an answer means. (docs: path/91039, path/90313)"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from pydantic import model_validator

from connectors import settings
from connectors.base import Config, Connector, Request, Token, Verdict, setting
from connectors.errors import ConfigError
from connectors.http import Response, Runtime, interpret_by_table

IP_BLOCK = 3600.0
"""Seconds for which gettoken shuts an address out after many wrong secrets. (docs: path/90312)"""

_MESSAGE = re.compile(r"^(?P<text>.*?)(, hint: \[(?P<hint>[^\]]*)\])?(?P<ip>, from ip: [^,]*)?(, more info at .*)?$", re.DOTALL)


def _control(zh: str, en: str, default: str = "") -> Any:
    return setting(
        f"{zh}控件",
        f"{en}: control",
        where_zh="审批模板中控件的编号(如 Money-1700000000000),用 oa/gettemplatedetail 可查;模板改动后会变,多个用逗号隔开",
        where_en="The control's id in the template (Money-1700000000000), see oa/gettemplatedetail; changes with the template",
        default=default,
        advanced=True,
    )


class WeComConfig(Config):
    """A self-built app (自建应用) of the company's own corp."""

    corp_id: str = setting(
        "企业 ID",
        "Corp ID",
        where_zh="管理后台 → 我的企业 → 企业信息 → 企业 ID",
        where_en="Admin console → My company → Company information → Corp ID",
        min_length=4,
        pattern=r"^[A-Za-z0-9_-]+$",
    )
    secret: str = setting(
        "自建应用的 Secret",
        "Secret of the self-built app",
        where_zh="管理后台 → 应用管理 → 自建 → 应用详情 → Secret(不是“客户联系”或“通讯录同步”的 Secret)",
        where_en="Admin console → Apps → Self-built → the app → Secret (not that of Customer Contact or Contacts Sync)",
        secret=True,
        min_length=8,
    )
    agent_id: str = setting(
        "应用 AgentId",
        "AgentId of the app",
        where_zh="管理后台 → 应用管理 → 自建 → 应用详情 → AgentId;发通知与扫码登录需要,只读取时可不填",
        where_en="Admin console → Apps → Self-built → the app → AgentId; needed for notices and sign-in, not for reading",
        default="",
        pattern=r"^\d{0,12}$",
    )
    contract_templates: str = setting(
        "合同审批模板",
        "Contract approval templates",
        where_zh="管理后台 → 应用管理 → 审批 → 合同的审批模板,地址栏中的模板 ID;多个用逗号隔开,不读审批则留空",
        where_en="Admin console → Apps → Approvals → the contract's template, id in its address; commas, or none",
        default="",
        pattern=r"^[A-Za-z0-9_,，\s-]*$",
    )
    amount_control: str = _control("合同金额", "Amount", "Money-1")
    number_control: str = _control("合同编号", "Contract number")
    customer_control: str = _control("客户名称", "Customer's name")
    tax_control: str = _control("客户税号", "Customer's tax id")
    phone_control: str = _control("客户电话", "Customer's phone")
    signed_control: str = _control("签订日期", "Date of signing")
    callback_token: str = settings.callback_token(
        "回调 Token",
        "Callback token",
        "应用详情 → 接收消息 → 设置 API 接收 → Token",
        "The app → Receive messages → Set API reception → Token",
    )
    callback_aes_key: str = settings.callback_aes_key(
        "回调 EncodingAESKey",
        "Callback EncodingAESKey",
        "应用详情 → 接收消息 → 设置 API 接收 → EncodingAESKey(43 位)",
        "The app → Receive messages → Set API reception → EncodingAESKey (43 characters)",
    )
    open_account: str = setting(
        "微信开放平台账号",
        "WeChat open platform account",
        where_zh="客户联系 → 客户 → API 绑定的微信开发者账号;各平台填同一个名字,unionid 才能互相对上。默认为企业 ID",
        where_en="The WeChat developer account bound under Customer Contact; give all platforms bound to it the same name, "
        "so that their unionids match. Default: the corp ID",
        default="",
        advanced=True,
    )
    api_base: str = settings.address("接口地址", "API address", "https://qyapi.weixin.qq.com")

    login_base: str = settings.address("登录页地址", "Sign-in page", "https://login.work.weixin.qq.com")

    inside_base: str = settings.address("客户端内登录页地址", "Sign-in inside WeCom's client", "https://open.weixin.qq.com")

    @property
    def templates(self) -> list[str]:
        """The contract templates, in the order given."""
        return [name.strip() for name in self.contract_templates.replace("，", ",").split(",") if name.strip()]

    @model_validator(mode="before")
    @classmethod
    def _own_open_account(cls, values: Any) -> Any:
        if isinstance(values, dict) and not values.get("open_account"):
            return {**values, "open_account": values.get("corp_id", "")}
        return values


class WeComCalls(Connector):
    """What all WeCom calls of a self-built app have in common."""

    Config = WeComConfig
    config: WeComConfig

    def __init__(self, config: WeComConfig, runtime: Runtime) -> None:
        self.base_url = config.api_base.rstrip("/") + "/cgi-bin/"
        super().__init__(config, runtime)

    def agent(self) -> int:
        """The app's number. Raises ConfigError where the account has none."""
        if not self.config.agent_id:
            raise ConfigError("wecom.agent_unset")
        return int(self.config.agent_id)

    def fetch_token(self) -> Token:
        """A token for this app; never repeated on a wrong secret, which would get our address blocked. (docs: path/91039)"""
        query = {"corpid": self.config.corp_id, "corpsecret": self.config.secret}
        body = self.http.call(Request("GET", "gettoken", query=query, auth=False))
        return Token(body["access_token"], expires_in=float(body["expires_in"]))

    def sign(self, request: Request, token: Token | None) -> Request:
        """The token goes into the query and nowhere else: in a header or the body it counts as missing (41001)."""
        return replace(request, query={**request.query, "access_token": token.value}) if token else request

    def interpret(self, request: Request, response: Response) -> Verdict:
        """The table, plus the trace id inside the message and the one-hour block of gettoken that shares code 45009."""
        verdict = interpret_by_table(self.manifest, response)
        found = _MESSAGE.match(verdict.message)
        if found:
            text = found["text"] + (found["ip"] or "")
            verdict = replace(verdict, message=text, request_id=found["hint"])
        if request.path == "gettoken" and verdict.code == "45009":
            return replace(verdict, wait=IP_BLOCK, hint="wecom.address_blocked")
        return verdict
