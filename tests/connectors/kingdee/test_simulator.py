"""The simulator refuses what the platform refuses, and has its quirks."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests

FORMS = "Kingdee.BOS.WebApi.ServicesStub.DynamicFormService"
AUTH = "Kingdee.BOS.WebApi.ServicesStub.AuthService"
Post = Callable[..., Any]
ORG, CNY = {"FNumber": "100"}, {"FNumber": "PRE001"}
LINE = {
    "FMATERIALID": {"FNumber": "SVC-001"}, "FPRICEUNITID": {"FNumber": "Pcs"}, "FPriceQty": 1, "FTaxPrice": 113,
    "FEntryTaxRate": 13, "FNoTaxAmountFor_D": 100, "FTAXAMOUNTFOR_D": 13, "FALLAMOUNTFOR_D": 113,
}  # fmt: skip


@pytest.fixture
def post(sim, url) -> Post:
    """``post(service, body)`` within a session; the parsed answer (text where it is none)."""
    session = requests.Session()

    def send(service: str, body: Any = None, base: str = "k3cloud", stub: str = FORMS, **options: Any) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = session.post(f"{url}/{base}/{stub}.{service}.common.kdsvc", data=data, timeout=5, **options)
        try:
            return answer.json()
        except ValueError:
            return answer.text

    gate = sim.gate
    assert (
        send("ValidateUser", {"parameters": [gate.acct_id, gate.user, gate.password, 2052]}, stub=AUTH)["LoginResultType"] == 1
    )
    return send


def customer(post: Post, number: str = "C1", **more: Any) -> dict[str, Any]:
    model = {"FCreateOrgId": ORG, "FNumber": number, "FUseOrgId": ORG, "FName": "某公司", "FTRADINGCURRID": CNY, **more}
    return post("Save", {"formid": "BD_Customer", "data": {"Model": model}})


def receivable(number: str | None = "AR1", *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    given = {"FBillNo": number} if number else {}
    return {
        "FBillTypeID": {"FNUMBER": "YSD01_SYS"}, **given, "FDATE": "2026-11-02", "FENDDATE_H": "2026-12-02",
        "FCUSTOMERID": {"FNumber": "C1"}, "FCURRENCYID": CNY, "FSETTLEORGID": ORG, "FPAYORGID": ORG,
        "FEntityDetail": [*(lines or (LINE,))], **more,
    }  # fmt: skip


def save(post: Post, model: dict[str, Any], form: str = "AR_receivable", **data: Any) -> dict[str, Any]:
    return post("Save", {"formid": form, "data": {"IsVerifyBaseDataField": "true", "Model": model, **data}})


def status(answer: Any) -> dict[str, Any]:
    return (answer[0][0] if isinstance(answer, list) else answer)["Result"]["ResponseStatus"]


def ready(post: Post) -> None:
    """An audited customer."""
    customer(post)
    for step in ("Submit", "Audit"):
        assert status(post(step, {"formid": "BD_Customer", "data": {"Numbers": ["C1"]}}))["IsSuccess"]


def query(post: Post, keys: str, form: str = "AR_receivable", **more: Any) -> Any:
    return post("ExecuteBillQuery", {"data": {"FormId": form, "FieldKeys": keys, "FilterString": "", "Limit": 100, **more}})


def test_nobody_gets_in_without_a_session(url) -> None:
    body = {"data": {"FormId": "BD_UNIT", "FieldKeys": "FNumber"}}
    answer = requests.post(f"{url}/k3cloud/{FORMS}.ExecuteBillQuery.common.kdsvc", json=body, timeout=5)
    assert answer.status_code == 200 and status(answer.json()) == {
        "ErrorCode": 500, "IsSuccess": False, "SuccessEntitys": [],
        "Errors": [{"FieldName": "", "Message": "会话信息已丢失，请重新登录", "DIndex": 0}],
        "SuccessMessages": [], "MsgCode": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        {"formid": "BD_UNIT", "data": {"Number": "Pcs"}},
        {"formid": "BD_UNIT", "data": '{"Number": "Pcs"}'},
        {"parameters": ["BD_UNIT", '{"Number": "Pcs"}']},
        {"format": 1, "useragent": "ApiClient", "parameters": '["BD_UNIT", "{\\"Number\\": \\"Pcs\\"}"]', "v": "1.0"},
        b'{"parameters":["BD_UNIT","{\\"Number\\"\\u003a\\"Pcs\\"}"]}',
    ],
)
def test_all_body_forms_and_any_content_type(post, body) -> None:
    assert post("View", body, headers={"Content-Type": "applicatin/json"})["Result"]["Result"]["Number"] == "Pcs"
    assert post("View", body, base="K3Cloud")["Result"]["Result"]["Id"]


def test_what_is_unknown_is_said_so(post) -> None:
    assert post("Nonsense", {"data": {}}).startswith("response_error:")
    assert post("View", b"{not json").startswith("response_error:")
    assert "业务对象不存在" in status(post("View", {"formid": "NO_SUCH", "data": {}}))["Errors"][0]["Message"]
    assert status(query(post, "FNoSuchField"))["MsgCode"] == 9
    assert status(query(post, "FBillTypeID.FNope"))["MsgCode"] == 9
    assert status(query(post, ""))["MsgCode"] == 8
    assert "<html>" in post("View", {}, base="other")


def test_each_call_in_the_url_is_a_violation(sim, post) -> None:
    post("View", {"formid": "BD_UNIT", "data": {"Number": "Pcs"}}, params={"password": "x"})
    assert len(sim.violations) == 1


# -- saving


def test_unique_numbers_with_the_true_words(sim, post) -> None:
    ready(post)
    assert save(post, receivable())["Result"]["Number"] == "AR1"
    told = status(save(post, receivable()))
    assert (told["MsgCode"], told["ErrorCode"], told["Errors"][0]["FieldName"]) == (11, 500, "FBillNo")
    assert told["Errors"][0]["Message"] == "违反字段唯一性要求：编码唯一。[AR1]在当前系统中已经被使用。"
    assert status(customer(post))["Errors"][0]["FieldName"] == "FNumber"
    assert [v.split(":")[0] for v in sim.violations] == ["AR_receivable AR1", "BD_Customer C1"]


def test_automatic_numbers(sim, post) -> None:
    ready(post)
    assert save(post, receivable(None))["Result"]["Number"] == "AR00000001"
    sim.books.manual_numbers = False
    assert save(post, receivable("MINE"))["Result"]["Number"] == "AR00000002"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"FDATE": ""}, "FDATE"),
        ({"FEntityDetail": []}, "FEntityDetail"),
        ({"FEntityDetail": [{**LINE, "FMATERIALID": {"FNumber": "NONE"}}]}, "FMATERIALID"),
        ({"FEntityDetail": [{k: v for k, v in LINE.items() if k != "FMATERIALID"}]}, "FMATERIALID"),
        ({"FEntityDetail": [{**LINE, "FTAXAMOUNTFOR_D": 12}]}, "FALLAMOUNTFOR_D"),
        ({"FEntityDetail": [{**LINE, "FNoTaxAmountFor_D": 99, "FTAXAMOUNTFOR_D": 14}]}, "FALLAMOUNTFOR_D"),
        ({"FEntityDetail": [{**LINE, "FTaxPrice": 112}]}, "FTaxPrice"),
        ({"FEntityDetail": [{**LINE, "FPriceQty": 0, "FNoTaxAmountFor_D": 0, "FTAXAMOUNTFOR_D": 0, "FALLAMOUNTFOR_D": 0}]},
         "FALLAMOUNTFOR_D"),
        ({"FEntityPlan": [{"FENDDATE": "2026-12-02", "FPAYRATE": 100, "FPAYAMOUNTFOR": 112.99}]}, "FPAYAMOUNTFOR"),
        ({"FCUSTOMERID": {"FNumber": "C2"}}, "FCUSTOMERID"),
        ({"FNonsense": 1}, "FNonsense"),
        ({"FEntityDetail": [{**LINE, "FPriceQty": "one"}]}, "FPriceQty"),
    ],
)  # fmt: skip
def test_a_save_that_is_refused_changes_nothing(sim, post, change, field) -> None:
    ready(post)
    customer(post, "C2")  # never audited: not usable
    told = status(save(post, receivable(**change)))
    assert not told["IsSuccess"] and told["Errors"][0]["FieldName"] == field
    assert query(post, "FBillNo") == [] and len(sim.ledger) == 2


def test_unknown_codes_are_stored_empty_unless_verified(post) -> None:
    ready(post)
    model = receivable(FSALEERID={"FNumber": "NONE"})
    assert status(save(post, model))["Errors"][0]["FieldName"] == "FSALEERID"
    assert status(post("Save", {"formid": "AR_receivable", "data": {"Model": model}}))["IsSuccess"]
    assert query(post, "FBillNo,FSALEERID.FNumber") == [["AR1", None]]


def test_the_organisation_clears_the_customer_that_came_before_it(post) -> None:
    ready(post)
    unit = {"FNumber": "Pcs"}
    line = {
        "FMaterialId": {"FNumber": "SVC-001"}, "FUnitID": unit, "FQty": 2, "FPriceUnitId": unit, "FTaxPrice": 10.5,
        "FDeliveryDate": "2026-12-01", "FSettleOrgIds": ORG, "FStockUnitID": unit, "FReserveType": "1", "FOUTLMTUNIT": "SAL",
    }  # fmt: skip
    head = {"FBillTypeID": {"FNUMBER": "XSDD01_SYS"}, "FBillNo": "SO1", "FDate": "2026-11-02"}
    rest = {"FSalerId": {"FNumber": "S007"}, "FSaleOrderFinance": {"FSettleCurrId": CNY}, "FSaleOrderEntry": [line]}
    wrong = {**head, "FCustId": {"FNumber": "C1"}, "FSaleOrgId": ORG, **rest}
    assert status(save(post, wrong, "SAL_SaleOrder"))["Errors"][0]["FieldName"] == "FCustId"
    right = {**head, "FSaleOrgId": ORG, "FCustId": {"FNumber": "C1"}, **rest}
    assert status(save(post, right, "SAL_SaleOrder"))["IsSuccess"]
    assert query(post, "FBillNo,FBillAllAmount", "SAL_SaleOrder") == [["SO1", 21.0]]


def test_updates_replace_and_delete_lines_unless_told_not_to(post) -> None:
    ready(post)
    two = receivable("AR1", LINE, {**LINE, "FMaterialDesc": "b"})
    id = save(post, two)["Result"]["Id"]
    first, second = sorted(row[0] for row in query(post, "FEntityDetail_FEntryID"))
    kept = {"FID": id, "FEntityDetail": [{"FEntryID": second, "FMaterialDesc": "c"}]}
    assert status(save(post, kept, IsDeleteEntry="false"))["IsSuccess"]
    rows = query(post, "FEntityDetail_FEntryID,FMaterialDesc,FALLAMOUNTFOR", OrderString="FEntityDetail_FEntryID ASC")
    assert rows == [[first, None, 226.0], [second, "c", 226.0]]
    assert status(save(post, kept))["IsSuccess"]
    assert query(post, "FEntityDetail_FEntryID,FALLAMOUNTFOR") == [[second, 113.0]]
    limited = {"FID": id, "FAR_Remark": "x", "FENDDATE_H": "2027-01-01"}
    assert status(save(post, limited, NeedUpDateFields=["FAR_Remark"]))["IsSuccess"]
    assert query(post, "FAR_Remark,FENDDATE_H") == [["x", "2026-12-02"]]
    assert status(save(post, {"FID": 999, **receivable("X")}))["MsgCode"] == 10


def test_a_FID_in_base_data_is_no_key(post) -> None:
    id = customer(post)["Result"]["Id"]
    assert customer(post, "C2", FID=id)["Result"]["Id"] != id
    changed = {"FCUSTID": id, "FName": "改名"}
    assert save(post, changed, "BD_Customer")["Result"]["Id"] == id
    assert query(post, "FName", "BD_Customer", FilterString="FNumber='C1'") == [["改名"]]


def test_the_same_json_twice_and_a_closed_period(sim, post) -> None:
    ready(post)
    assert status(save(post, receivable(None), ValidateRepeatJson="true"))["IsSuccess"]
    assert status(save(post, receivable(None), ValidateRepeatJson="true"))["MsgCode"] == 11
    sim.books.closed_until = "2026-11-02"
    assert status(save(post, receivable("LATE")))["Errors"][0]["FieldName"] == "FDATE"


def test_save_submit_audit_in_one_transaction(sim, post) -> None:
    ready(post)
    sim.books.refuse["AR_receivable", "Audit"] = "不许"
    assert not status(save(post, receivable(), IsAutoSubmitAndAudit="true"))["IsSuccess"]
    assert query(post, "FBillNo") == [] and [e["number"] for e in sim.ledger] == ["C1"]
    sim.books.refuse.clear()
    assert status(save(post, receivable(), IsAutoSubmitAndAudit="true"))["IsSuccess"]
    assert query(post, "FDocumentStatus") == [["C"]]


def test_a_batch_succeeds_in_part(post) -> None:
    ready(post)
    models = [receivable("B0"), receivable("B1", FDATE=""), receivable("B2")]
    told = status(post("BatchSave", {"formid": "AR_receivable", "data": {"Model": models}}))
    assert [item["DIndex"] for item in told["SuccessEntitys"]] == [0, 2]
    assert [(item["DIndex"], item["FieldName"]) for item in told["Errors"]] == [(1, "FDATE")]


def test_an_asynchronous_batch(sim, post) -> None:
    ready(post)
    sim.services.async_polls = 1
    body = {"formid": "AR_receivable", "data": {"Model": [receivable("B0")]}, "beginmethod": "BeginQueryImpl"}
    begun = post("BatchSave", {**body, "querymethod": "QueryAsyncResult"})
    assert begun["Status"] == 1 and begun["Result"] is None
    ask = {"queryInfo": json.dumps({"TaskId": begun["TaskId"], "Cancelled": False})}
    assert post("QueryAsyncResult", ask)["Status"] == 1
    done = post("QueryAsyncResult", ask)
    assert done["Status"] == 2 and status(done["Result"])["SuccessEntitys"][0]["Number"] == "B0"
    assert status(post("QueryAsyncResult", {"queryInfo": '{"TaskId": "none"}'}))["MsgCode"] == 10


# -- the life of a bill


def test_the_life_of_a_bill(sim, post) -> None:
    ready(post)
    id = save(post, receivable())["Result"]["Id"]

    def step(service: str, **named: Any) -> int:
        return status(post(service, {"formid": "AR_receivable", "data": named or {"Ids": str(id)}}))["MsgCode"]

    assert step("Audit") == 12  # not submitted yet
    assert step("Submit", Ids=[id]) == 8 and step("Submit", Numbers="AR1") == 8 and step("Submit", Ids="") == 8
    assert step("Submit") == 0 and step("Submit") == 12
    assert status(save(post, {"FID": id, **receivable()}))["MsgCode"] == 11  # in approval
    assert step("Audit", Numbers=["AR1"]) == 0 and step("Audit") == 12
    assert step("Delete") == 11
    assert step("UnAudit") == 0
    assert query(post, "FDocumentStatus") == [["D"]]
    assert step("Delete") == 0 and step("Delete") == 10
    assert sim.ledger[-1]["state"] == "deleted"
    assert step("Audit", Numbers=["NONE"]) == 10


def test_a_draft_is_not_validated_and_becomes_a_bill_when_saved(post) -> None:
    ready(post)
    made = post("Draft", {"formid": "AR_receivable", "data": {"Model": {"FBillNo": "Z1"}}})["Result"]
    assert query(post, "FDocumentStatus") == [["Z"]]
    assert status(post("Submit", {"formid": "AR_receivable", "data": {"Numbers": ["Z1"]}}))["MsgCode"] == 12
    assert status(save(post, {"FID": made["Id"], **receivable("Z1")}))["IsSuccess"]
    assert query(post, "FDocumentStatus") == [["A"]]


def test_rights(sim, post) -> None:
    sim.services.denied.add(("BD_Customer", "Save"))
    assert status(customer(post))["MsgCode"] == 2


# -- queries


@pytest.fixture
def many(post) -> Post:
    """Five bills: AR0 … AR4; AR3 and AR4 submitted; AR2 has two lines."""
    ready(post)
    for n in range(5):
        save(post, receivable(f"AR{n}", *([LINE] * (2 if n == 2 else 1)), FAR_Remark=f"it's {n}"))
    post("Submit", {"formid": "AR_receivable", "data": {"Numbers": ["AR3", "AR4"]}})
    return post


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("FBillNo = 'AR1'", [1]),
        ("FBillNo='AR1' or FBillNo='AR3'", [1, 3]),
        ("FDocumentStatus='A' and (FBillNo like 'AR1%' or FBillNo like '%2')", [1, 2, 2]),
        ("FBillNo in ('AR0', 'AR4')", [0, 4]),
        ("FBillNo <> 'AR0' and FDocumentStatus != 'B'", [1, 2, 2]),
        ("FALLAMOUNTFOR > 113", [2, 2]),
        ("FALLAMOUNTFOR >= 113 and FALLAMOUNTFOR < 200.5", [0, 1, 3, 4]),
        ("FAR_Remark = 'it''s 4'", [4]),
        ("FCUSTOMERID.FNumber = 'C1' AND FBillNo <= 'AR0'", [0]),
        ("FModifyDate >= '2026-11-02 03:00:00' and FBillNo = N'AR0'", [0]),
        ([{"Left": "(", "FieldName": "FBillNo", "Compare": "67", "Value": "AR1", "Right": ")", "Logic": "1"},
          {"Left": "(", "FieldName": "FBillNo", "Compare": "67", "Value": "AR0", "Right": ")", "Logic": "0"}], [0, 1]),
    ],
)  # fmt: skip
def test_filters(many, text, numbers) -> None:
    rows = query(many, "FBillNo", FilterString=text, OrderString="FBillNo ASC")
    assert [row[0] for row in rows] == [f"AR{n}" for n in numbers]


@pytest.mark.parametrize(
    "text", ["FBillNo = 'it's'", "FBillNo =", "(FBillNo='1'", "FBillNo 'x'", "1=1 --", "FALLAMOUNTFOR > 'x'"]
)
def test_filters_that_cannot_be_read(many, text) -> None:
    assert status(query(many, "FBillNo", FilterString=text))["MsgCode"] == 4
    assert status(query(many, "FBillNo", FilterString="FNope = '1'"))["MsgCode"] == 9
    unknown = [{"FieldName": "FBillNo", "Compare": "17", "Value": "x"}]
    assert status(query(many, "FBillNo", FilterString=unknown))["MsgCode"] == 8


def test_pages_and_the_trap_of_TopRowCount(sim, many) -> None:
    page = {"OrderString": "FBillNo DESC, FID ASC", "Limit": 2}
    assert [row[0] for row in query(many, "FBillNo", StartRow=2, **page)] == ["AR2", "AR2"]
    assert len(query(many, "FBillNo", StartRow=2, TopRowCount=3, **page)) == 1
    assert query(many, "FBillNo", StartRow=2, TopRowCount=2, **page) == []
    assert len(query(many, "FBillNo", Limit=5000)) == 6
    sim.services.query.cut = False
    assert status(query(many, "FBillNo", Limit=5000))["MsgCode"] == 8


def test_cells_have_their_types(many) -> None:
    (row,) = query(
        many, "FID,FBillNo,FALLAMOUNTFOR,FISTAX,FCUSTOMERID,FCUSTOMERID.FName,FAPPROVEDATE", FilterString="FBillNo='AR0'"
    )
    assert [type(cell) for cell in row] == [int, str, float, bool, int, str, type(None)]
    objects = many(
        "BillQuery",
        {"data": {"FormId": "AR_receivable", "FieldKeys": "FBillNo,FALLAMOUNTFOR", "FilterString": "FBillNo='AR0'"}},
    )
    assert objects == [{"FBillNo": "AR0", "FALLAMOUNTFOR": 113.0}]


def test_without_an_order_there_is_none(many) -> None:
    seen = {tuple(row[0] for row in query(many, "FBillNo")) for _ in range(30)}
    assert len(seen) > 1


def test_view_shows_properties_and_business_info_shows_keys(many) -> None:
    shown = many("View", {"formid": "AR_receivable", "data": {"Number": "AR0"}})["Result"]["Result"]
    assert shown["CUSTOMERID"]["Number"] == "C1" and shown["CUSTOMERID_Id"] and "FCUSTOMERID" not in shown
    assert status(many("View", {"formid": "AR_receivable", "data": {"Number": "NONE"}}))["MsgCode"] == 10
    told = many("QueryBusinessInfo", {"data": {"FormId": "AR_receivable"}})["Result"]["NeedReturnData"]
    must = {field["Key"] for field in told["Entrys"][0]["Fields"] if field["MustInput"]}
    assert {"FDATE", "FCUSTOMERID"} <= must


def test_a_session_ends(sim, post) -> None:
    sim.offset += timedelta(hours=1, seconds=1)
    assert status(query(post, "FBillNo"))["MsgCode"] == 1
