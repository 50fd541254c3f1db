"""The business objects that the simulator knows: their keys, what they require, and the codes of its account set."""

from __future__ import annotations

from dataclasses import dataclass, field

TEXT, DATE, FLAG, NUMBER = "text", "date", "flag", "number"
AUTOMATIC = ("FDocumentStatus", "FCreateDate", "FModifyDate", "FApproveDate")
"""Header keys that every form has and the server keeps."""


@dataclass(frozen=True)
class Entry:
    """Lines of a bill. id: the key of a line's own id."""

    key: str
    id: str
    fields: dict[str, str]
    required: tuple[str, ...] = ()


@dataclass(frozen=True)
class Form:
    """A business object. id, number: its primary key and its code. fields: key -> type, or the form it refers to.

    groups: sub-heads, whose fields are queried like header fields. clears: changing the one key empties the others.
    """

    name: str
    title: str
    id: str
    number: str
    fields: dict[str, str]
    required: tuple[str, ...] = ()
    groups: dict[str, dict[str, str]] = field(default_factory=dict)
    entries: tuple[Entry, ...] = ()
    clears: dict[str, tuple[str, ...]] = field(default_factory=dict)
    prefix: str = ""
    base: bool = False

    @property
    def header(self) -> dict[str, str]:
        """All header fields, those of the sub-heads included."""
        return {**self.fields, **{key: kind for group in self.groups.values() for key, kind in group.items()}}

    def entry(self, key: str) -> Entry | None:
        """The lines of that key."""
        return next((entry for entry in self.entries if entry.key == key), None)


def _base(name: str, title: str, key: str, **fields: str) -> Form:
    common = {"FNumber": TEXT, "FName": TEXT, "FForbidStatus": TEXT}
    return Form(name, title, key, "FNumber", {**common, **fields}, ("FName",), base=True, prefix=name[:4].upper())


_ORG, _CUSTOMER, _MATERIAL, _UNIT = "ORG_Organizations", "BD_Customer", "BD_MATERIAL", "BD_UNIT"
_BILL = {"FCancelStatus": TEXT, "FNote": TEXT}

CUSTOMER = Form(
    _CUSTOMER, "客户", "FCUSTID", "FNumber",
    {
        "FCreateOrgId": _ORG, "FNumber": TEXT, "FUseOrgId": _ORG, "FName": TEXT, "FShortName": TEXT, "FADDRESS": TEXT,
        "FTEL": TEXT, "FINVOICETITLE": TEXT, "FTAXREGISTERCODE": TEXT, "FINVOICEBANKNAME": TEXT,
        "FTRADINGCURRID": "BD_Currency", "FSELLER": "BD_Saler", "FForbidStatus": TEXT,
    },
    required=("FName", "FCreateOrgId", "FTRADINGCURRID"), prefix="CUST", base=True,
)  # fmt: skip
ORDER = Form(
    "SAL_SaleOrder", "销售订单", "FID", "FBillNo",
    {
        **_BILL, "FBillTypeID": "BOS_BillType", "FBillNo": TEXT, "FDate": DATE, "FSaleOrgId": _ORG, "FCustId": _CUSTOMER,
        "FSaleDeptId": "BD_Department", "FSalerId": "BD_Saler", "FNetOrderBillNo": TEXT, "FLinkMan": TEXT,
        "FLinkPhone": TEXT, "FReceiveAddress": TEXT, "FCloseStatus": TEXT,
    },
    required=("FBillTypeID", "FDate", "FSaleOrgId", "FCustId", "FSalerId", "FSettleCurrId"),
    groups={
        "FSaleOrderFinance": {
            "FSettleCurrId": "BD_Currency", "FExchangeTypeId": "BD_RateType", "FIsIncludedTax": FLAG,
            "FIsPriceExcludeTax": FLAG, "FBillAllAmount": NUMBER,
        }
    },
    entries=(
        Entry(
            "FSaleOrderEntry", "FEntryId",
            {
                "FMaterialId": _MATERIAL, "FUnitID": _UNIT, "FQty": NUMBER, "FPriceUnitId": _UNIT, "FTaxPrice": NUMBER,
                "FEntryTaxRate": NUMBER, "FDeliveryDate": DATE, "FSettleOrgIds": _ORG, "FStockUnitID": _UNIT,
                "FReserveType": TEXT, "FOUTLMTUNIT": TEXT,
            },
            ("FMaterialId", "FUnitID", "FPriceUnitId", "FStockUnitID", "FSettleOrgIds", "FDeliveryDate", "FReserveType",
             "FOUTLMTUNIT"),
        ),
    ),
    clears={"FSaleOrgId": ("FCustId", "FSaleDeptId", "FSalerId")},
    prefix="XSDD",
)  # fmt: skip
RECEIVABLE = Form(
    "AR_receivable", "应收单", "FID", "FBillNo",
    {
        "FBillTypeID": "BOS_BillType", "FBillNo": TEXT, "FDATE": DATE, "FENDDATE_H": DATE, "FCUSTOMERID": _CUSTOMER,
        "FCURRENCYID": "BD_Currency", "FPayConditon": "BD_RecCondition", "FISTAX": FLAG, "FSETTLEORGID": _ORG,
        "FPAYORGID": _ORG, "FSALEORGID": _ORG, "FSALEDEPTID": "BD_Department", "FSALEERID": "BD_Saler",
        "FBUSINESSTYPE": TEXT, "FSetAccountType": TEXT, "FCancelStatus": TEXT, "FAR_Remark": TEXT,
        "FALLAMOUNTFOR": NUMBER, "FWRITTENOFFSTATUS": TEXT, "FOPENSTATUS": TEXT,
        "FRelateHadPayAmount": NUMBER,
    },
    required=("FBillTypeID", "FDATE", "FENDDATE_H", "FCUSTOMERID", "FCURRENCYID", "FSETTLEORGID", "FPAYORGID"),
    groups={
        "FsubHeadSuppiler": {"FORDERID": _CUSTOMER, "FTRANSFERID": _CUSTOMER, "FChargeId": _CUSTOMER},
        "FsubHeadFinc": {
            "FACCNTTIMEJUDGETIME": DATE, "FMAINBOOKSTDCURRID": "BD_Currency", "FEXCHANGETYPE": "BD_RateType",
            "FExchangeRate": NUMBER,
        },
    },
    entries=(
        Entry(
            "FEntityDetail", "FEntryID",
            {
                "FMATERIALID": _MATERIAL, "FMaterialDesc": TEXT, "FPRICEUNITID": _UNIT, "FPriceQty": NUMBER,
                "FTaxPrice": NUMBER, "FEntryTaxRate": NUMBER, "FNoTaxAmountFor_D": NUMBER, "FTAXAMOUNTFOR_D": NUMBER,
                "FALLAMOUNTFOR_D": NUMBER,
            },
            ("FMATERIALID", "FPRICEUNITID"),
        ),
        Entry("FEntityPlan", "FEntryID", {"FENDDATE": DATE, "FPAYRATE": NUMBER, "FPAYAMOUNTFOR": NUMBER}),
    ),
    prefix="AR",
)  # fmt: skip

FORMS = {
    form.name.lower(): form
    for form in (
        CUSTOMER,
        ORDER,
        RECEIVABLE,
        _base(_ORG, "组织机构", "FOrgID"),
        _base(_MATERIAL, "物料", "FMATERIALID", FCreateOrgId=_ORG, FUseOrgId=_ORG, FSpecification=TEXT),
        _base(_UNIT, "计量单位", "FUNITID"),
        _base("BD_Currency", "币别", "FCURRENCYID"),
        _base("BD_RateType", "汇率类型", "FRATETYPEID"),
        _base("BD_Saler", "销售员", "FSALERID"),
        _base("BD_Department", "部门", "FDEPTID", FUseOrgId=_ORG),
        _base("BD_RecCondition", "收款条件", "FRECCONDITIONID"),
        _base("BOS_BillType", "单据类型", "FBILLTYPEID"),
    )
}
"""Forms by name in lower case: the official samples spell BD_MATERIAL and BD_Material."""

SEED: dict[str, dict[str, dict[str, str]]] = {
    _ORG: {"100": {"FName": "演示组织"}, "200": {"FName": "演示二部"}},
    "BD_Currency": {"PRE001": {"FName": "人民币"}},
    "BD_RateType": {"HLTX01_SYS": {"FName": "固定汇率"}},
    _UNIT: {"Pcs": {"FName": "个"}},
    _MATERIAL: {
        "SVC-001": {"FName": "年度服务", "FCreateOrgId": "100", "FUseOrgId": "100"},
        "SVC-002": {"FName": "实施服务", "FCreateOrgId": "100", "FUseOrgId": "100"},
    },
    "BD_Saler": {"S007": {"FName": "演示销售员"}},
    "BD_Department": {"D01": {"FName": "演示销售部", "FUseOrgId": "100"}},
    "BD_RecCondition": {"SKTJ01": {"FName": "货到收款"}},
    "BOS_BillType": {"XSDD01_SYS": {"FName": "标准销售订单"}, "YSD01_SYS": {"FName": "标准应收单"}},
}
"""Form -> code -> fields of the account set; all invented, or defaults that every new account set has."""
