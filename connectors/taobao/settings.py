"""The settings of one shop's authorisation."""

from __future__ import annotations

from datetime import date
from typing import Literal

from connectors import settings
from connectors.base import Config, setting


class TaobaoConfig(Config):
    """One shop's authorisation of one application."""

    app_key: str = settings.app_key(
        r"^\d{4,20}$",
        "淘宝开放平台控制台 → 应用管理 → 应用概览",
        "TOP console → applications → overview",
    )
    app_secret: str = settings.app_secret("应用概览，点击“查看”", "application overview, behind “show”")
    shop: str = setting(
        "店铺主账号昵称", "Shop (seller nick)", min_length=1,
        where_zh="千牛 → 店铺信息中的主账号，不是子账号", where_en="the main account shown by Qianniu, not a sub-account",
    )  # fmt: skip
    app_kind: Literal["service_market", "back_office", "crm"] = setting(
        "应用类型", "Kind of application", default="back_office",
        where_zh="服务市场订购类（service_market）可自动续期；商家后台类（back_office）到期须重新授权；客户管理类（crm）只见精简订单",
        where_en="service-market apps renew themselves; back-office apps do not; CRM apps see reduced orders and no refunds",
    )  # fmt: skip
    session: str = settings.consent("SessionKey（access_token）", "Session key (access_token)")
    refresh_token: str = setting(
        "Refresh Token（仅服务市场应用）", "Refresh token (service market only)", secret=True, default="",
        where_zh="与 access_token 一起返回", where_en="returned beside the access_token",
    )  # fmt: skip
    session_ends: date | None = setting(
        "授权到期日", "Authorised until", default=None,
        where_zh="access_token 的 expires_in 所指的日期", where_en="the day that expires_in of the access_token points to",
    )  # fmt: skip
    memo_flag: int | None = setting(
        "回写单号时插的旗帜", "Flag set with a number written back", default=None, ge=0, le=5, advanced=True,
        where_zh="0 灰 1 红 2 黄 3 绿 4 蓝 5 粉；空 = 不改旗帜",
        where_en="0 grey 1 red 2 yellow 3 green 4 blue 5 pink; empty = as it is",
    )  # fmt: skip
    messages: Literal["off", "pull", "socket"] = setting(
        "消息服务 TMC", "Message service TMC", default="off",
        where_zh="pull：定时取消息，计入调用量；socket：保持一条连接，不计调用量，但官方地址不加密。先在控制台订阅消息",
        where_en="pull: messages are asked for, which the quota counts; socket: a connection is kept, free of quota, but the "
        "published address is not encrypted. Subscribe to topics in the console first",
    )  # fmt: skip
    message_group: str = setting(
        "消息分组", "Message group", default="default", advanced=True, min_length=1, max_length=32,
        where_zh="一个应用接多家店铺时，每家填一个不同的名字，不要以 default 开头；系统自动建组",
        where_en="where one application has several shops: a name for each, not beginning with default; the group is made",
    )  # fmt: skip
    message_pause: float = setting(
        "取消息的间隔（秒）", "Seconds between asking for messages", default=10.0, ge=1, le=300, advanced=True
    )
    message_channel: str = setting(
        "消息服务地址", "Address of the message service", default="ws://mc.api.taobao.com/", advanced=True,
        pattern=r"^wss?://[^/]+/?$",
    )  # fmt: skip
    sign_method: Literal["hmac-sha256", "hmac", "md5"] = setting("签名方式", "Signature", default="hmac-sha256", advanced=True)
    gateway: str = settings.address("网关地址", "Gateway", "https://gw.api.taobao.com")
