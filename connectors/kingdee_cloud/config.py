"""What must be known of one 金蝶云星辰 account: the application, the authorised account set, the codes of its documents."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from connectors import books
from connectors.base import Config, setting

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
    finish: Literal["save", "audit"] = setting(
        "单据做到哪一步", "How far a document goes", where_zh="save 只保存（推荐，由财务审核）；audit 保存并审核",
        where_en="save only saves (recommended, finance audits); audit saves and audits", default="save",
    )  # fmt: skip
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
    dept_number: str = setting(
        "部门编码", "Department code", where_zh="星辰 → 资料 → 部门；写在出库单上",
        where_en="Xingchen → Archives → Departments; for outbound notes", default="",
    )  # fmt: skip
    emp_number: str = setting(
        "业务员编码", "Salesperson code", where_zh="星辰 → 资料 → 职员", where_en="Xingchen → Archives → Staff", default=""
    )
    tax_rate: str = setting(
        "默认税率（%）", "Default tax rate (%)", where_zh="来源没有给税率的行使用，例如 13；金额按含税处理",
        where_en="For lines whose source gives no rate, for example 13; amounts include tax", default="0",
    )  # fmt: skip
    materials: str = setting(
        "商品对照表", "Material table", where_zh="每行 来源编码=星辰商品编码，左边可用 *；填了以后没有对应的编码会停下",
        where_en="One source code=Xingchen code a line, * allowed on the left; a code that it lacks then stops the document",
        default="", advanced=True,
    )  # fmt: skip
    customers: str = setting(
        "客户对照表", "Customer table", where_zh="每行 本系统客户编码或税号=星辰客户编码",
        where_en="One our code or tax id=Xingchen code a line", default="", advanced=True,
    )  # fmt: skip
    create_customers: bool = setting(
        "自动新增客户", "Create customers", where_zh="关闭时，星辰里没有的客户会停下等人",
        where_en="When off, a customer that Xingchen lacks stops the document", default=True, advanced=True,
    )  # fmt: skip
    settlement_mark: str = setting(
        "日结备注前缀", "Remark prefix of settlements", where_zh="财务据此与普通出库单区分",
        where_en="Tells them from ordinary outbound notes", default="店铺日结", min_length=1, max_length=20, advanced=True,
    )  # fmt: skip
    server_url: str = setting(
        "接口地址",
        "API address",
        where_zh="保持默认",
        where_en="Leave as it is",
        default="https://api.kingdee.com",
        advanced=True,
    )

    @field_validator("server_url")
    @classmethod
    def _address(cls, value: str) -> str:
        return books.host_url(value)

    @field_validator("tax_rate")
    @classmethod
    def _rate(cls, value: str) -> str:
        return books.percentage(value)

    @field_validator("materials", "customers")
    @classmethod
    def _pairs(cls, value: str) -> str:
        return books.pairs(value)
