"""What must be known of one YonBIP / YonSuite tenant: the application, and the codes that its documents need."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Literal

from pydantic import field_validator

from connectors import book_settings
from connectors.base import Config, setting
from connectors.book_settings import HostUrl, Percentage

DISCOVERY = "https://apigateway.yonyoucloud.com"
_APP_ZH = "工作台 → 数字化建模 → 系统管理 → 我的应用（或 API 授权）"
_APP_EN = "Workbench → Digital modelling → System management → My applications (or API authorisation)"
_RATE = re.compile(r"\s*(\d{1,2}(?:\.\d{1,2})?)\s*[=:：]\s*([\w.-]+)\s*")


class YonyouConfig(Config):
    """Configuration of a YonBIP / YonSuite account (docs: open.yonyoucloud.com, 开放平台接入文档)."""

    tenant_id: str = setting(
        "租户 ID", "Tenant id",
        where_zh="工作台 → 企业信息 → 租户 ID；由它找到所在的数据中心",
        where_en="Workbench → Company information → Tenant id; it leads to the data centre",
        min_length=1,
    )  # fmt: skip
    app_key: str = setting("App Key", "App Key", where_zh=_APP_ZH, where_en=_APP_EN, min_length=1)
    app_secret: str = setting(
        "App Secret", "App Secret", where_zh=f"{_APP_ZH}；事件推送也用它验签和解密",
        where_en=f"{_APP_EN}; pushed events are verified and decrypted with it too", secret=True, min_length=1,
    )  # fmt: skip
    org_code: str = setting(
        "组织编码", "Organisation code",
        where_zh="数字化建模 → 组织管理 → 业务单元：开票、销售、结算所用组织的编码",
        where_en="Digital modelling → Organisations → Business unit: code of the unit that invoices, sells and settles",
        min_length=1,
    )  # fmt: skip
    material_code: str = setting(
        "默认物料编码", "Default material code", where_zh="数字化建模 → 物料：单据行使用的物料或服务",
        where_en="Digital modelling → Materials: the goods or service on the lines", min_length=1,
    )  # fmt: skip
    finish: Literal["audit", "submit", "save"] = book_settings.finish(
        "audit 保存、提交并审核；submit 提交，审批流里由人审批；save 只保存",
        "audit saves, submits and audits; submit leaves the approval to people; save only saves",
        default="audit",
    )
    unit_code: str = setting(
        "计量单位编码", "Unit code", where_zh="数字化建模 → 计量单位；销售订单必填，主、销售、计价单位须相同",
        where_en="Digital modelling → Units; sales orders need it, main, sales and pricing unit are the same",
        default="",
    )  # fmt: skip
    order_type: str = setting(
        "销售订单交易类型编码", "Transaction type of sales orders",
        where_zh="数字化建模 → 交易类型 → 销售订单；销售订单必填，编码规则要允许手工编号",
        where_en="Digital modelling → Transaction types → Sales order; sales orders need it, and manual numbers",
        default="",
    )  # fmt: skip
    tax_codes: str = setting(
        "税率对应的税目编码", "Tax items by rate",
        where_zh="数字化建模 → 税率；销售订单必填，例如 13=VAT13, 6=VAT6",
        where_en="Digital modelling → Tax rates; sales orders need them, for example 13=VAT13, 6=VAT6",
        default="",
    )  # fmt: skip
    invoice_station: str = setting(
        "开票点编码", "Invoicing point code", where_zh="税务云 → 基础设置 → 开票点；开票申请必填",
        where_en="Tax cloud → Settings → Invoicing points; invoice applications need it", default="",
    )  # fmt: skip
    staff_code: str = book_settings.salesperson("数字化建模 → 员工", "Digital modelling → Staff")
    dept_code: str = book_settings.department("数字化建模 → 部门", "Digital modelling → Departments")
    tax_rate: Percentage = book_settings.tax_rate()
    receivable_type: str = setting(
        "应收交易类型编码", "Transaction type of receivables", where_zh="数字化建模 → 交易类型 → 应收结算清单",
        where_en="Digital modelling → Transaction types → Receivable", default="ar_invoice", min_length=1,
    )  # fmt: skip
    settlement_type: str = setting(
        "日结交易类型编码", "Transaction type of settlements", where_zh="可与应收相同",
        where_en="May be that of receivables", default="ar_invoice", min_length=1, advanced=True,
    )  # fmt: skip
    settlement_mark: str = book_settings.settlement_mark(
        "日结单备注前缀", "Remark prefix of settlements", "应收", "receivables"
    )
    customer_class: str = setting(
        "客户分类编码", "Customer class code", where_zh="数字化建模 → 客户分类；新建客户时使用",
        where_en="Digital modelling → Customer classes; for customers that are made", default="", advanced=True,
    )  # fmt: skip
    use_item_codes: bool = setting(
        "用来源的商品编码作物料编码", "Use the source's item codes as material codes",
        where_zh="只有两边编码一致时打开；关闭时都用默认物料",
        where_en="Only when both sides use the same codes; otherwise the default material", default=False, advanced=True,
    )  # fmt: skip
    send_contact: bool = setting(
        "发送电话", "Send the phone", where_zh="默认不发送：应收不需要个人联系方式",
        where_en="Off by default: a receivable needs no personal contact data", default=False, advanced=True,
    )  # fmt: skip
    event_reply: Literal["encrypted", "plain"] = setting(
        "事件应答方式", "Answer to events",
        where_zh="官方文档要求加密的 success；若保存回调地址时校验不过，改为 plain",
        where_en="The documentation wants an encrypted success; use plain if saving the callback address fails its check",
        default="encrypted", advanced=True,
    )  # fmt: skip
    ext_system: str = setting(
        "外部系统编码", "External system code", where_zh="与我方单号一起防止重复；上线后不要改",
        where_en="Guards against doubles together with our number; never change it once in use",
        default="LIANSHU", pattern="^[A-Za-z0-9_-]{1,20}$", advanced=True,
    )  # fmt: skip
    currency_code: str = setting("人民币的币种编码", "Code of the yuan", default="CNY", min_length=1, advanced=True)
    exchange_type: str = setting("汇率类型编码", "Exchange rate type", default="01", min_length=1, advanced=True)
    discovery_url: HostUrl = setting(
        "数据中心查询地址", "Where the data centre is asked for", where_zh="公有云保持默认",
        where_en="Leave as it is in the public cloud", default=DISCOVERY, advanced=True,
    )  # fmt: skip

    @field_validator("tax_codes")
    @classmethod
    def _pairs(cls, value: str) -> str:
        if value and not all(_RATE.fullmatch(part) for part in re.split("[,，;；]", value)):
            raise ValueError(
                "应为 税率=税目编码，用逗号分开，例如 13=VAT13, 6=VAT6 / must be rate=code pairs, as 13=VAT13, 6=VAT6"
            )
        return value

    def tax_code(self, rate: Decimal) -> str:
        """The code of the tax item of this rate in percent, or ''."""
        found = (_RATE.fullmatch(part) for part in re.split("[,，;；]", self.tax_codes))
        return next((pair[2] for pair in found if pair and Decimal(pair[1]) == rate), "")
