"""What must be known of one U8 account set: who calls whom, and the codes that its documents need."""

from __future__ import annotations

from typing import Literal

from connectors import book_settings
from connectors.base import Config, setting
from connectors.book_settings import HostUrl, Percentage

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
    finish: Literal["verify", "save"] = book_settings.finish(
        "save 只保存（推荐，由财务审核）；verify 保存并审核",
        "save only saves (recommended, finance verifies); verify saves and verifies",
    )
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
    dept_code: str = book_settings.department("U8 → 基础档案 → 部门", "U8 → Basic archives → Department")
    person_code: str = book_settings.salesperson("U8 → 基础档案 → 人员", "U8 → Basic archives → Staff")
    tax_rate: Percentage = book_settings.tax_rate()
    settlement_mark: str = book_settings.settlement_mark("日结摘要前缀", "Digest prefix of settlements", "应收", "receivables")
    use_item_codes: bool = setting(
        "用来源的商品编码作存货编码", "Use the source's item codes as inventory codes", where_zh="只有两边编码一致时打开",
        where_en="Only when both sides use the same codes", default=False, advanced=True,
    )  # fmt: skip
    currency_name: str = setting("人民币的币种名称", "Name of the yuan", default="人民币", min_length=1, advanced=True)
    server_url: HostUrl = book_settings.server_url("https://api.yonyouup.com")
