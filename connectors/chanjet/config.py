"""What must be known of one 畅捷通 T+ account: the application, how it is authorised, and the codes of its documents."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from connectors import book_settings
from connectors.base import Config, setting
from connectors.book_settings import HostUrl, Pairs, Percentage

_APP_ZH, _APP_EN = "畅捷通开放平台 → 管理中心 → 我的应用", "Chanjet open platform → Console → My applications"


class ChanjetConfig(Config):
    """Configuration of a T+ account (docs: open.chanjet.com, 自建应用 and 商店应用)."""

    app_type: Literal["self_built", "store"] = setting(
        "应用类型", "Kind of application", where_zh="self_built 自建应用（本企业自己用）；store 商店应用（授权码）",
        where_en="self_built: for one company; store: authorised with a code", default="self_built",
    )  # fmt: skip
    app_key: str = setting("App Key", "App Key", where_zh=_APP_ZH, where_en=_APP_EN, min_length=1)
    app_secret: str = setting("App Secret", "App Secret", where_zh=_APP_ZH, where_en=_APP_EN, secret=True, min_length=1)
    message_secret: str = setting(
        "消息密钥", "Message secret", where_zh=f"{_APP_ZH} → 消息订阅：16 个字符",
        where_en=f"{_APP_EN} → Messages: 16 characters", secret=True, pattern=r"^[!-~]{16}$",
    )  # fmt: skip
    certificate: str = setting(
        "企业授权证书", "Company certificate", where_zh=f"{_APP_ZH} → 授权证书；自建应用必填",
        where_en=f"{_APP_EN} → Certificate; self-built applications need it", secret=True, default="",
    )  # fmt: skip
    authorization_code: str = setting(
        "授权码", "Authorisation code",
        where_zh="商店应用：企业管理员授权后，回调地址里的 code，10 分钟内有效，只能用一次",
        where_en="Store applications: the code in the callback address after the administrator agreed; 10 minutes, once",
        secret=True, default="",
    )  # fmt: skip
    redirect_uri: str = setting(
        "OAuth 回调地址", "OAuth callback address", where_zh=f"{_APP_ZH}：与应用里填的完全一致；商店应用必填",
        where_en=f"{_APP_EN}: exactly as entered there; store applications need it", default="",
    )  # fmt: skip
    sign_key: str = setting(
        "加签密钥", "Signing key", where_zh="应用开启了“接口加签”才填", where_en="Only where signing of calls is switched on",
        secret=True, default="", advanced=True,
    )  # fmt: skip
    finish: Literal["save", "audit"] = book_settings.finish()
    customer_class: str = setting(
        "往来单位类别编码", "Partner class code", where_zh="T+ → 基础档案 → 往来单位分类",
        where_en="T+ → Basic archives → Partner class", min_length=1,
    )  # fmt: skip
    inventory_code: str = setting(
        "默认存货编码", "Default inventory code", where_zh="T+ → 基础档案 → 存货", where_en="T+ → Basic archives → Inventory",
        min_length=1,
    )  # fmt: skip
    unit_name: str = setting(
        "计量单位名称", "Unit name", where_zh="T+ → 基础档案 → 计量单位", where_en="T+ → Basic archives → Unit", min_length=1
    )
    warehouse_code: str = setting(
        "仓库编码", "Warehouse code", where_zh="T+ → 基础档案 → 仓库；销货单必填",
        where_en="T+ → Basic archives → Warehouse; sale deliveries need it", default="",
    )  # fmt: skip
    business_type: str = setting(
        "业务类型编码", "Business type code", where_zh="15 普通销售", where_en="15 is ordinary sale", default="15",
        advanced=True,
    )  # fmt: skip
    invoice_type: str = setting(
        "票据类型编码", "Invoice type code", where_zh="T+ 的票据类型，例如 01 普通发票；空着按 T+ 的默认",
        where_en="T+'s kind of invoice, for example 01; T+'s own default when empty", default="", advanced=True,
    )  # fmt: skip
    department_code: str = book_settings.department("T+ → 基础档案 → 部门", "T+ → Basic archives → Department")
    clerk_code: str = book_settings.salesperson("T+ → 基础档案 → 员工", "T+ → Basic archives → Staff")
    tax_rate: Percentage = book_settings.tax_rate()
    materials: Pairs = book_settings.materials("存货", "Inventory", "T+", "T+")
    customers: Pairs = book_settings.customers("T+", "T+")
    create_customers: bool = book_settings.create_customers("T+ ", "T+")
    settlement_mark: str = book_settings.settlement_mark("日结备注前缀", "Remark prefix of settlements", "销货单", "deliveries")
    server_url: HostUrl = book_settings.server_url("https://openapi.chanjet.com")

    @model_validator(mode="after")
    def _authorised(self) -> ChanjetConfig:
        if self.app_type == "self_built" and not self.certificate:
            raise ValueError("自建应用需要企业授权证书 / a self-built application needs the company's certificate")
        if self.app_type == "store" and not self.redirect_uri:
            raise ValueError("商店应用需要 OAuth 回调地址 / a store application needs its OAuth callback address")
        return self
