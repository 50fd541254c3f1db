"""What must be known of one U8 account set: who calls whom, and the codes that its documents need."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from connectors import books
from connectors.base import Config, setting

_CONSOLE_ZH = "U8 开放平台 → 我的应用"
_CONSOLE_EN = "U8 open platform → My applications"


class U8Config(Config):
    """Configuration of a U8 account (docs: open.yonyouup.com; yonyouup.apifox.cn)."""

    from_account: str = setting(
        "调用方账号", "Calling account", where_zh=f"{_CONSOLE_ZH}：开发者账号", where_en=f"{_CONSOLE_EN}: developer account",
        min_length=1,
    )  # fmt: skip
    to_account: str = setting(
        "提供方账号", "Providing account", where_zh=f"{_CONSOLE_ZH}：企业账号，客户端代理登录的那个",
        where_en=f"{_CONSOLE_EN}: the company's account, the one its client proxy signs in with", min_length=1,
    )  # fmt: skip
    app_key: str = setting("App Key", "App Key", where_zh=_CONSOLE_ZH, where_en=_CONSOLE_EN, min_length=1)
    app_secret: str = setting("App Secret", "App Secret", where_zh=_CONSOLE_ZH, where_en=_CONSOLE_EN, secret=True, min_length=1)
    ds_sequence: str = setting(
        "数据源序号", "Data source number", where_zh="客户端代理里账套的数据源序号，一般是 1",
        where_en="The account set's data source in the client proxy, usually 1", default="1", pattern=r"^\d{1,4}$",
    )  # fmt: skip
    finish: Literal["verify", "save"] = setting(
        "单据做到哪一步", "How far a document goes", where_zh="save 只保存（推荐，由财务审核）；verify 保存并审核",
        where_en="save only saves (recommended, finance verifies); verify saves and verifies", default="save",
    )  # fmt: skip
    customer_class: str = setting(
        "客户分类编码", "Customer class code", where_zh="U8 → 基础档案 → 客商信息 → 客户分类",
        where_en="U8 → Basic archives → Customers → Customer class", min_length=1,
    )  # fmt: skip
    inventory_code: str = setting(
        "默认存货编码", "Default inventory code", where_zh="U8 → 基础档案 → 存货档案；销售订单必填",
        where_en="U8 → Basic archives → Inventory; sales orders need it", default="",
    )  # fmt: skip
    sale_type: str = setting(
        "销售类型编码", "Sale type code", where_zh="U8 → 基础档案 → 业务 → 销售类型；销售订单必填",
        where_en="U8 → Basic archives → Business → Sale type; sales orders need it", default="",
    )  # fmt: skip
    unit_code: str = setting(
        "计量单位编码", "Unit code", where_zh="U8 → 基础档案 → 计量单位", where_en="U8 → Basic archives → Unit", default=""
    )
    dept_code: str = setting(
        "部门编码", "Department code", where_zh="U8 → 基础档案 → 部门", where_en="U8 → Basic archives → Department", default=""
    )
    person_code: str = setting(
        "业务员编码", "Salesperson code", where_zh="U8 → 基础档案 → 人员", where_en="U8 → Basic archives → Staff", default=""
    )
    tax_rate: str = setting(
        "默认税率（%）", "Default tax rate (%)", where_zh="来源没有给税率的行使用，例如 13；金额按含税处理",
        where_en="For lines whose source gives no rate, for example 13; amounts include tax", default="0",
    )  # fmt: skip
    settlement_mark: str = setting(
        "日结摘要前缀", "Digest prefix of settlements", where_zh="财务据此与普通应收区分",
        where_en="Tells them from ordinary receivables", default="店铺日结", min_length=1, max_length=20, advanced=True,
    )  # fmt: skip
    use_item_codes: bool = setting(
        "用来源的商品编码作存货编码", "Use the source's item codes as inventory codes", where_zh="只有两边编码一致时打开",
        where_en="Only when both sides use the same codes", default=False, advanced=True,
    )  # fmt: skip
    currency_name: str = setting("人民币的币种名称", "Name of the yuan", default="人民币", min_length=1, advanced=True)
    server_url: str = setting(
        "接口地址", "API address", where_zh="保持默认", where_en="Leave as it is", default="https://api.yonyouup.com",
        advanced=True,
    )  # fmt: skip

    @field_validator("server_url")
    @classmethod
    def _address(cls, value: str) -> str:
        return books.host_url(value)

    @field_validator("tax_rate")
    @classmethod
    def _rate(cls, value: str) -> str:
        return books.percentage(value)
