"""The settings of one shop's authorisation."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from connectors import settings
from connectors.base import Config, setting


class JdConfig(Config):
    """One shop's authorisation of one application."""

    app_key: str = settings.app_key(
        r"^[0-9A-Za-z]{8,64}$",
        "宙斯开放平台 → 控制台 → 应用管理 → 应用详情",
        "JOS console → applications → details",
    )
    app_secret: str = settings.app_secret("应用详情，与 App Key 同页", "application details, beside the app key")
    vender_id: str = setting(
        "商家 ID（venderId）", "Vender id", pattern=r"^\d{1,20}$",
        where_zh="京麦 → 店铺信息；用来确认授权属于这家店",
        where_en="Jingmai → shop; confirms that the authorisation is this shop's",
    )  # fmt: skip
    access_token: str = settings.consent("Access Token", "Access token")
    refresh_token: str = setting(
        "Refresh Token", "Refresh token", secret=True, default="",
        where_zh="与 access_token 一起返回；没有就不能自动续期",
        where_en="returned beside the access_token; without it nothing renews",
    )  # fmt: skip
    token_ends: AwareDatetime | None = setting(
        "授权到期时间", "Authorised until", default=None,
        where_zh="取得授权的时刻加 expires_in 秒，带时区，如 2027-03-01T12:00:00+08:00",
        where_en="the moment of the consent plus expires_in seconds, with zone: 2027-03-01T12:00:00+08:00",
    )  # fmt: skip
    consignee: Literal["leave_out", "contact"] = setting(
        "收货人", "Receiver", default="leave_out",
        where_zh="leave_out：不读取收货人；contact：把收货人的姓名、未遮蔽的电话和地址当作买家的（送礼时会认错人）",
        where_en="leave_out: not read; contact: his name, phone and address are taken for the buyer's (not so for gifts)",
    )  # fmt: skip
    invoices: bool = setting(
        "读取发票要求", "Read invoice wishes", default=True,
        where_zh="抬头、税号、专票资料；其中的密文用店铺的密钥解开",
        where_en="title, tax id, VAT details; what is encrypted is opened with the shop's keys",
    )  # fmt: skip
    after_sale_unit: Literal["unknown", "fen", "yuan"] = setting(
        "售后退款金额的单位", "Unit of after-sale refunds", default="unknown",
        where_zh="平台没有写明 refoundAmount 的单位：拿一笔真实退款核对后再选；unknown 时金额不入账",
        where_en="JD does not say the unit of refoundAmount: compare one real refund first; with unknown no amount is booked",
    )  # fmt: skip
    convert_pins: bool = setting(
        "只有旧账号（pin）时换取 xid", "Ask for the xid of a buyer known by pin only", default=True, advanced=True
    )
    gateway: str = settings.address("网关地址", "Gateway", "https://api.jd.com")
    oauth: str = settings.address("授权地址", "Token service", "https://open-oauth.jd.com")
    voucher_certificate: str = setting(
        "凭证验签公钥（空 = 京东）",
        "Public key of vouchers (empty = JD's)",
        default="",
        advanced=True,
        pattern=r"^[0-9A-Za-z+/=]*$",
    )
