"""What must be known of one 金蝶云星空 account: the server, who signs in and how, and the codes its documents need."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import urlsplit

from pydantic import field_validator, model_validator

from connectors import book_settings
from connectors.base import Config, setting
from connectors.book_settings import Pairs, Percentage

_APP_ID = re.compile(r"[^_,\s]+_[A-Za-z0-9+/]{32}")
_AUTH_ZH = "系统管理 → 第三方系统登录授权"
_AUTH_EN = "System management → Third-party system login authorisation"


class KingdeeConfig(Config):
    """Configuration of a 金蝶云星空 account (docs: vip.kingdee.com article 490771221039228672)."""

    server_url: str = setting(
        "服务器地址",
        "Server URL",
        where_zh="浏览器登录金蝶云星空的地址，到 /k3cloud/ 为止，例如 https://erp.example.com/k3cloud/；大小写要一致",
        where_en="The address in the browser up to /k3cloud/, for example https://erp.example.com/k3cloud/; case matters",
    )
    acct_id: str = setting(
        "账套 ID",
        "Account set id",
        where_zh=f"{_AUTH_ZH}：生成测试链接时显示的账套 ID",
        where_en=f"{_AUTH_EN}: shown when the test link is made",
        min_length=1,
    )
    user_name: str = setting(
        "集成用户",
        "Integration user",
        where_zh=f"{_AUTH_ZH}：授权的集成用户；它的数据权限就是本系统能看到的范围",
        where_en=f"{_AUTH_EN}: the authorised user; its data rights are what this system can see",
        min_length=1,
    )
    auth_mode: Literal["signature", "app_secret", "sign", "password"] = setting(
        "登录方式",
        "Sign-in",
        where_zh="signature 每次请求签名（推荐）；app_secret、sign、password 先登录再用会话",
        where_en="signature signs each request (recommended); app_secret, sign and password log in and keep a session",
        default="signature",
    )
    app_id: str = setting(
        "应用 ID",
        "App id",
        where_zh=f"{_AUTH_ZH}：形如 123456_ 加 32 个字符；后半段就是密钥，按密钥保管",
        where_en=f"{_AUTH_EN}: like 123456_ and 32 characters; the second half is a key, keep it as one",
        secret=True,
        default="",
    )
    app_secret: str = setting("应用密钥", "App secret", where_zh=_AUTH_ZH, where_en=_AUTH_EN, secret=True, default="")
    password: str = setting(
        "密码",
        "Password",
        where_zh="仅 password 方式需要：集成用户的登录密码",
        where_en="Only for sign-in by password: the integration user's password",
        secret=True,
        default="",
    )
    org_num: str = setting(
        "组织编码",
        "Organisation code",
        where_zh="系统管理 → 组织机构：单据所属组织的编码，例如 100",
        where_en="System management → Organisations: code of the organisation that owns the documents, for example 100",
        min_length=1,
    )
    material_code: str = setting(
        "默认物料编码",
        "Default material code",
        where_zh="基础管理 → 物料：单据行使用的物料或服务，须已审核",
        where_en="Basic data → Material: the goods or service on the lines; it must be audited",
        min_length=1,
    )
    unit_code: str = setting(
        "计量单位编码", "Unit code", where_zh="基础管理 → 计量单位", where_en="Basic data → Unit", default="Pcs", min_length=1
    )
    finish: Literal["audit", "submit", "save"] = book_settings.finish(
        "audit 保存、提交并审核；submit 交给人审核；save 只保存",
        "audit saves, submits and audits; submit leaves the audit to a person; save only saves",
        default="audit",
    )
    saler_code: str = setting(
        "销售员编码",
        "Salesperson code",
        where_zh="基础管理 → 销售员；销售订单必填",
        where_en="Basic data → Salesperson; sales orders need it",
        default="",
    )
    dept_code: str = setting(
        "销售部门编码", "Sales department code", where_zh="基础管理 → 部门", where_en="Basic data → Department", default=""
    )
    pay_condition: str = setting(
        "收款条件编码", "Receipt terms code", where_zh="基础管理 → 收款条件", where_en="Basic data → Receipt terms", default=""
    )
    tax_rate: Percentage = book_settings.tax_rate()
    use_item_codes: bool = setting(
        "用来源的商品编码作物料编码",
        "Use the source's item codes as material codes",
        where_zh="只有两边编码一致时打开；关闭时都用默认物料，品名写在物料说明",
        where_en="Only when both sides use the same codes; otherwise the default material, with the title as description",
        default=False,
        advanced=True,
    )
    materials: Pairs = setting(
        "物料对照表",
        "Material table",
        where_zh="每行“来源商品编码=金蝶物料编码”，来源编码可用 *；填了以后，没有对应的编码会停下等人，不再用默认物料",
        where_en="A line each: source code=Kingdee material, * allowed on the left; any other code stops the document",
        default="",
        advanced=True,
    )
    customers: Pairs = setting(
        "客户对照表",
        "Customer table",
        where_zh="每行“本系统客户编码或税号=金蝶客户编码”",
        where_en="A line each: our customer code or a tax id=Kingdee customer code",
        default="",
        advanced=True,
    )
    match_tax_id: bool = setting(
        "按税号沿用已有客户",
        "Adopt customers by tax id",
        where_zh="金蝶里已有同一纳税登记号的客户时用它，不另建",
        where_en="A customer with the same tax id in Kingdee is used, and no second one made",
        default=False,
        advanced=True,
    )
    create_customers: bool = book_settings.create_customers("金蝶", "Kingdee")
    send_contact: bool = setting(
        "发送电话和地址",
        "Send phone and address",
        where_zh="默认不发送：应收单不需要个人联系方式",
        where_en="Off by default: a receivable needs no personal contact data",
        default=False,
        advanced=True,
    )
    lcid: int = setting("语言", "Language", where_zh="2052 简体中文", where_en="2052 is zh-CN", default=2052, advanced=True)
    currency_code: str = setting(
        "人民币的币别编码", "Code of the yuan", where_zh="基础管理 → 币别", where_en="Basic data → Currency",
        default="PRE001", advanced=True,
    )  # fmt: skip
    exchange_type: str = setting(
        "汇率类型编码", "Exchange rate type", where_zh="基础管理 → 汇率类型", where_en="Basic data → Exchange rate type",
        default="HLTX01_SYS", advanced=True,
    )  # fmt: skip
    order_bill_type: str = setting(
        "销售订单单据类型", "Bill type of sales orders", where_zh="必须允许手工编号", where_en="It must allow manual numbers",
        default="XSDD01_SYS", advanced=True,
    )  # fmt: skip
    receivable_bill_type: str = setting(
        "应收单单据类型", "Bill type of receivables", where_zh="必须允许手工编号", where_en="It must allow manual numbers",
        default="YSD01_SYS", advanced=True,
    )  # fmt: skip
    settlement_bill_type: str = setting(
        "日结单单据类型", "Bill type of settlements", where_zh="必须允许手工编号", where_en="It must allow manual numbers",
        default="YSD01_SYS", advanced=True,
    )  # fmt: skip
    settlement_mark: str = book_settings.settlement_mark(
        "日结单备注前缀", "Remark prefix of settlements", "应收单", "receivables"
    )

    @field_validator("server_url")
    @classmethod
    def _server(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
            raise ValueError("应为 http(s)://主机/k3cloud/ / must be http(s)://host/k3cloud/")
        if not re.fullmatch(r"/[\w./-]*\w/?", parts.path, re.ASCII):
            raise ValueError("地址里缺少路径，一般是 /k3cloud/ / the path is missing, usually /k3cloud/")
        return value if value.endswith("/") else value + "/"

    @field_validator("acct_id", "user_name", "org_num")
    @classmethod
    def _no_comma(cls, value: str) -> str:
        # these are joined by commas in X-Kd-Appdata; a comma inside would sign in as somebody else
        if "," in value:
            raise ValueError("不能含逗号 / must not contain a comma")
        return value

    @model_validator(mode="after")
    def _complete(self) -> KingdeeConfig:
        if self.auth_mode == "password":
            if not self.password:
                raise ValueError("password 方式需要密码 / sign-in by password needs the password")
            return self
        if not self.app_id or not self.app_secret:
            raise ValueError("需要应用 ID 和应用密钥 / app id and app secret are needed")
        if self.auth_mode == "signature" and not _APP_ID.fullmatch(self.app_id):
            raise ValueError(
                "应用 ID 应是 客户端号_32 个字符，请整段复制 / the app id is {client id}_{32 characters}, copy the whole of it"
            )
        return self
