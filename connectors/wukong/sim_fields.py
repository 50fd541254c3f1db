"""The simulator's CRM objects: their fields, the columns of their lists, and which column stands for which link."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

TEXT, TEXTAREA, SELECT, DATE, NUMBER, DECIMAL, MOBILE, CHECKBOX, USER = 1, 2, 3, 4, 5, 6, 7, 9, 10
DATETIME, EMAIL, CUSTOMER, BUSINESS, CONTACTS, CONTRACT = 13, 14, 15, 16, 17, 20
FORM_TYPES = {
    TEXT: "text", TEXTAREA: "textarea", SELECT: "select", DATE: "date", NUMBER: "number", DECIMAL: "floatnumber",
    MOBILE: "mobile", CHECKBOX: "checkbox", USER: "user", DATETIME: "datetime", EMAIL: "email", CUSTOMER: "customer",
    BUSINESS: "business", CONTACTS: "contacts", CONTRACT: "contract",
}  # fmt: skip
CUSTOM, FIXED, BUILT_IN = 0, 1, 2
TAG_FIELD, NUMBER_FIELD = "客户标签", "财务单据号"
LINKS = {
    "ownerUserName": "ownerUserId", "createUserName": "createUserId", "companyUserName": "companyUserId",
    "customerName": "customerId", "contactsName": "contactsId", "businessName": "businessId", "contractNum": "contractId",
}  # fmt: skip


@dataclass
class Field:
    """A field of an object's form. kind: fieldType 0 custom, 1 fixed column, 2 built-in stored as a custom value."""

    id: int
    name: str
    title: str
    type: int
    kind: int = FIXED
    unique: bool = False
    max_length: int | None = None

    def as_answer(self, value: object = None) -> dict[str, object]:
        """As the field calls show it."""
        return {
            "fieldId": self.id,
            "fieldName": self.name,
            "name": self.title,
            "formType": FORM_TYPES[self.type],
            "type": self.type,
            "fieldType": self.kind,
            "isUnique": int(self.unique),
            "isNull": 0,
            "options": "",
            "setting": [],
            "maxLength": self.max_length,
            "defaultValue": "",
            "authLevel": 3,
            "value": value,
        }


@dataclass
class CrmObject:
    """One object. system: further columns of the list that no form has. computed: in every row, visible or not."""

    label: int
    path: str
    key: str
    fields: list[Field]
    system: dict[str, tuple[str, int]]
    computed: tuple[str, ...] = ()
    number: str = ""
    searched: tuple[str, ...] = ("name",)

    def heads(self) -> Iterator[tuple[str, str, int, int | None]]:
        """Columns of the list: name, title, type, field id."""
        for item in self.fields:
            yield item.name, item.title, item.type, item.id
        for name, (title, kind) in self.system.items():
            yield name, title, kind, None

    def type_of(self, column: str) -> int:
        """The column's type number; text for anything unknown."""
        return next((kind for name, _, kind, _ in self.heads() if name == column), TEXT)

    def link(self, column: str) -> str | None:
        """The id column behind a name column, unless the name is the object's own."""
        found = LINKS.get(column)
        return None if found == self.key else found


_SYSTEM = {
    "ownerUserName": ("负责人", USER),
    "createUserName": ("创建人", USER),
    "createTime": ("创建时间", DATETIME),
    "updateTime": ("更新时间", DATETIME),
    "lastTime": ("最后跟进时间", DATETIME),
    "lastContent": ("最后跟进记录", TEXTAREA),
}


@dataclass
class _Numbers:
    next: int = 1000

    def __call__(self, name: str, title: str, form: int, **options: object) -> Field:
        self.next += 1
        return Field(self.next, name, title, form, **options)  # type: ignore[arg-type]


def _customer(make: _Numbers) -> CrmObject:
    fields = [
        make("customerName", "客户名称", TEXT, unique=True),
        make("source", "客户来源", SELECT, kind=BUILT_IN),
        make("mobile", "手机", MOBILE),
        make("telephone", "电话", TEXT),
        make("website", "网址", TEXT),
        make("industry", "客户行业", SELECT, kind=BUILT_IN),
        make("level", "客户级别", SELECT, kind=BUILT_IN),
        make("nextTime", "下次联系时间", DATETIME),
        make("remark", "备注", TEXTAREA),
        make("email", "邮箱", EMAIL),
        make("fieldTagabc", TAG_FIELD, CHECKBOX, kind=CUSTOM),
        make("field_1numbr", NUMBER_FIELD, TEXTAREA, kind=CUSTOM, max_length=800),
    ]
    system = {
        **_SYSTEM,
        "dealStatus": ("成交状态", SELECT),
        "dealTime": ("成交时间", DATETIME),
        "status": ("锁定状态", SELECT),
        "receiveTime": ("负责人获取客户时间", DATETIME),
        "address": ("省、市、区", TEXT),
        "detailAddress": ("详细地址", TEXT),
        "poolDay": ("距进入公海天数", NUMBER),
    }
    computed = ("star", "businessCount", "isReceive", "preOwnerUserId", "poolTime", "location", "lng", "lat", "contactsId",
                "contactsName", "contactsMobile", "contactsAddress")  # fmt: skip
    return CrmObject(2, "crmCustomer", "customerId", fields, system, computed, searched=("customerName", "telephone", "mobile"))


def _contacts(make: _Numbers) -> CrmObject:
    fields = [
        make("name", "姓名", TEXT),
        make("customerName", "客户名称", CUSTOMER),
        make("mobile", "手机", MOBILE),
        make("telephone", "电话", TEXT),
        make("email", "邮箱", EMAIL),
        make("post", "职务", TEXT),
        make("policymakers", "是否关键决策人", SELECT, kind=BUILT_IN),
        make("address", "地址", TEXT),
        make("nextTime", "下次联系时间", DATETIME),
        make("remark", "备注", TEXTAREA),
        make("sex", "性别", SELECT, kind=BUILT_IN),
    ]
    return CrmObject(3, "crmContacts", "contactsId", fields, {**_SYSTEM, "detailAddress": ("详细地址", TEXT)}, ("star",))


def _contract(make: _Numbers) -> CrmObject:
    fields = [
        make("num", "合同编号", TEXT, unique=True),
        make("name", "合同名称", TEXT),
        make("customerName", "客户名称", CUSTOMER),
        make("businessName", "商机名称", BUSINESS),
        make("money", "合同金额", DECIMAL),
        make("orderDate", "下单时间", DATE),
        make("startTime", "合同开始时间", DATE),
        make("endTime", "合同结束时间", DATE),
        make("contactsName", "客户签约人", CONTACTS),
        make("companyUserName", "公司签约人", USER),
        make("remark", "备注", TEXTAREA),
        make("fliedXucqai", "合同类型", SELECT, kind=CUSTOM),
    ]
    system = {
        **_SYSTEM,
        "checkStatus": ("审核状态", SELECT),
        "receivedMoney": ("已收款金额", DECIMAL),
        "unreceivedMoney": ("未收款金额", DECIMAL),
    }
    computed = ("receivedProgress", "discountRate", "totalPrice", "types", "paymentType")
    searched = ("name", "num", "customerName")
    return CrmObject(6, "crmContract", "contractId", fields, system, computed, number="num", searched=searched)


def _receivables(make: _Numbers) -> CrmObject:
    fields = [
        make("number", "回款编号", TEXT, unique=True),
        make("customerName", "客户名称", CUSTOMER),
        make("contractNum", "合同编号", CONTRACT),
        make("returnTime", "回款日期", DATE),
        make("returnType", "回款方式", SELECT, kind=BUILT_IN),
        make("money", "回款金额", DECIMAL),
        make("remark", "备注", TEXTAREA),
    ]
    system = {**_SYSTEM, "checkStatus": ("审核状态", SELECT)}
    return CrmObject(7, "crmReceivables", "receivablesId", fields, system, number="number", searched=("number",))


def _invoice(make: _Numbers) -> CrmObject:
    fields = [
        make("invoiceApplyNumber", "发票申请编号", TEXT),
        make("customerName", "客户名称", CUSTOMER),
        make("contractNum", "合同编号", CONTRACT),
        make("invoiceMoney", "开票金额", DECIMAL),
        make("invoiceDate", "开票日期", DATE),
        make("invoiceType", "开票类型", SELECT),
        make("titleType", "抬头类型", SELECT),
        make("invoiceTitle", "开票抬头", TEXT),
        make("taxNumber", "纳税识别号", TEXT),
        make("depositBank", "开户行", TEXT),
        make("depositAccount", "开户账号", TEXT),
        make("depositAddress", "开票地址", TEXT),
        make("telephone", "电话", TEXT),
        make("contactsName", "联系人", TEXT),
        make("contactsMobile", "联系方式", MOBILE),
        make("contactsAddress", "邮寄地址", TEXT),
        make("remark", "备注", TEXTAREA),
    ]
    system = {
        **_SYSTEM,
        "checkStatus": ("审核状态", SELECT),
        "invoiceStatus": ("开票状态", SELECT),
        "invoiceNumber": ("发票号码", TEXT),
        "realInvoiceDate": ("实际开票日期", DATE),
        "logisticsNumber": ("物流单号", TEXT),
    }
    return CrmObject(18, "crmInvoice", "invoiceId", fields, system, searched=("invoiceApplyNumber",))


def objects() -> dict[int, CrmObject]:
    """A fresh set of objects by label, so that a test may change the fields of its own simulator."""
    make = _Numbers()
    return {
        item.label: item for item in (_customer(make), _contacts(make), _contract(make), _receivables(make), _invoice(make))
    }
