"""What must be known of one 金蝶云星辰 account: the application, the authorised account set, the codes of its documents."""

from __future__ import annotations

from typing import Literal

from connectors import book_settings
from connectors.base import Config, setting
from connectors.book_settings import HostUrl, Pairs, Percentage

_APP_ZH, _APP_EN = (
    "金蝶云星辰开放平台（open.jdy.com）→ 应用管理",
    "Kingdee Xingchen open platform (open.jdy.com) → Applications",
)


class KingdeeCloudConfig(Config):
    """Configuration of an account set (docs: open.jdy.com, 应用授权)."""

    client_id: str = setting("Client ID", "Client ID", where_zh=_APP_ZH, where_en=_APP_EN, min_length=1)
    client_secret: str = setting(
        "Client Secret", "Client Secret", where_zh=_APP_ZH, where_en=_APP_EN, secret=True, min_length=1
    )
    outer_instance_id: str = setting(
        "第三方实例 ID", "Outer instance ID", where_zh="企业授权应用时生成的 outerInstanceId",
        where_en="The outerInstanceId given when the company authorised the application", min_length=1,
    )  # fmt: skip
    account_id: str = setting(
        "账套 ID", "Account set ID", where_zh="这个实例授权了多个账套时必填（accountId）",
        where_en="Needed where the instance covers several account sets (accountId)", default="",
    )  # fmt: skip
    finish: Literal["save", "audit"] = book_settings.finish()
    material_number: str = setting(
        "默认商品编码",
        "Default material code",
        where_zh="星辰 → 资料 → 商品",
        where_en="Xingchen → Archives → Materials",
        min_length=1,
    )
    stock_number: str = setting(
        "仓库编码", "Stock code", where_zh="星辰 → 资料 → 仓库；出库单里有非服务类商品时必填",
        where_en="Xingchen → Archives → Stocks; needed where an outbound note holds goods and not only services", default="",
    )  # fmt: skip
    customer_group: str = setting(
        "新客户的分类编码", "Group code of new customers", where_zh="星辰 → 资料 → 客户分类；空着用星辰的默认",
        where_en="Xingchen → Archives → Customer groups; Xingchen's own default when empty", default="",
    )  # fmt: skip
    dept_number: str = book_settings.department(
        "星辰 → 资料 → 部门；写在出库单上", "Xingchen → Archives → Departments; for outbound notes"
    )
    emp_number: str = book_settings.salesperson("星辰 → 资料 → 职员", "Xingchen → Archives → Staff")
    tax_rate: Percentage = book_settings.tax_rate()
    materials: Pairs = book_settings.materials("商品", "Material", "星辰", "Xingchen")
    customers: Pairs = book_settings.customers("星辰", "Xingchen")
    create_customers: bool = book_settings.create_customers("星辰", "Xingchen")
    settlement_mark: str = book_settings.settlement_mark(
        "日结备注前缀", "Remark prefix of settlements", "出库单", "outbound notes"
    )
    server_url: HostUrl = book_settings.server_url("https://api.kingdee.com")
