"""The official Python SDK (kingdee.cdp.webapi.sdk 8.2.0) against our simulator and our signatures."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from connectors import registry
from connectors.base import Document, DocumentLine, Money, Party
from connectors.budgets import MemoryBudgets
from connectors.http import Runtime, exact_json
from connectors.kingdee import documents, signin
from connectors.kingdee.simulator import KingdeeSimulator
from connectors.sandbox import Served

main = pytest.importorskip("k3cloud_webapi_sdk.main", reason="the official SDK is not installed")
SERVICE = "Kingdee.BOS.WebApi.ServicesStub.DynamicFormService"


@pytest.fixture
def sim() -> KingdeeSimulator:
    return KingdeeSimulator()


@pytest.fixture
def url(sim: KingdeeSimulator) -> Iterator[str]:
    served = Served(sim)
    yield served.url
    served.close()


@pytest.fixture
def official(sim: KingdeeSimulator, url: str) -> Callable[..., Any]:
    """``official(**changes)``: the vendor's client for the simulator's account."""

    def make(**changes: Any) -> Any:
        gate = sim.gate
        who = {"acct_id": gate.acct_id, "user_name": gate.user, "app_id": gate.app_id, "app_secret": gate.app_secret}
        sdk = main.K3CloudApiSdk(url + "/k3cloud/", timeout=10)
        sdk.InitConfig(**{**who, "server_url": url + "/k3cloud/", "org_num": 100, **changes})
        return sdk

    return make


@pytest.fixture
def ours(sim: KingdeeSimulator, url: str) -> Any:
    """Our connector to the same account."""
    kind = registry.get("kingdee").load()
    return kind(kind.Config(**sim.settings(url)), Runtime(budgets=MemoryBudgets([])))


def sample(number: str, kind: str = "receivable") -> Document:
    party = Party("C000000001", "杭州云杉软件有限公司", tax_id="91330100MA2XXXXX0X")
    lines = (DocumentLine("年度服务", Money(1_130_000), tax_rate="13"), DocumentLine("实施", Money(33_334), "3", "6"))
    return Document(kind, number, date(2026, 11, 2), Money(1_163_334), party, lines, "deal 7001", date(2026, 12, 2))


def plain(model: dict[str, Any]) -> dict[str, Any]:
    """Our model as the SDK can serialise it."""
    return json.loads(exact_json(model))


def customer_by(sdk: Any, ours: Any) -> None:
    """The sample's customer, saved, submitted and audited by the SDK."""
    model = plain(documents.customer(ours.config, sample("X").party))
    assert said(sdk.Save("BD_Customer", {"IsVerifyBaseDataField": "true", "Model": model}))["IsSuccess"]
    for step in (sdk.Submit, sdk.Audit):
        assert said(step("BD_Customer", {"Numbers": ["C000000001"]}))["IsSuccess"]


def said(answer: str) -> dict[str, Any]:
    """The ResponseStatus of an answer."""
    body = json.loads(answer)
    return (body[0][0] if isinstance(body, list) else body)["Result"]["ResponseStatus"]


@pytest.mark.parametrize("service", ["Save", "BatchSave", "ExecuteBillQuery", "Submit", "QueryAsyncResult"])
@pytest.mark.parametrize("base", ["/k3cloud/", "/K3Cloud/"])
def test_the_headers_are_the_same(official, ours, url, monkeypatch, service: str, base: str) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_700_000_000.9)
    path = f"{url}{base}{SERVICE}.{service}.common.kdsvc"
    theirs = official().BuildHeader(path)
    mine = signin.signed_headers(ours.config, path, datetime.fromtimestamp(1_700_000_000.9, UTC))
    assert mine == {name: theirs[name] for name in mine}
    assert {name.lower() for name in theirs if name.lower().startswith("x-")} == {name.lower() for name in mine}


def test_no_organisation_is_the_same_too(official, ours, url) -> None:
    theirs = official(org_num=0).BuildHeader(url + "/k3cloud/x")
    bare = ours.config.model_copy(update={"org_num": ""})
    mine = signin.signed_headers(bare, url + "/k3cloud/x", datetime.now(UTC))
    assert (mine["X-Kd-Signature"], mine["X-Kd-Appdata"]) == (theirs["X-Kd-Signature"], theirs["X-Kd-Appdata"])


@pytest.mark.parametrize("kind", ["receivable", "sales_order", "settlement"])
def test_a_document_of_ours_saved_by_the_sdk_is_found_by_us(sim, official, ours, kind: str) -> None:
    sdk, document = official(), sample("SDK1", kind)
    form = documents.FORMS[kind].id
    customer_by(sdk, ours)
    saved = json.loads(
        sdk.Save(form, {"IsVerifyBaseDataField": "true", "Model": plain(documents.model(ours.config, document))})
    )
    assert saved["Result"]["Number"] == "SDK1"
    found = ours.find(document)
    assert (found.state, found.complete, found.amount) == ("A", False, Money(1_163_334))
    for step, state in ((sdk.Submit, "B"), (sdk.Audit, "C")):
        assert said(step(form, {"Ids": found.platform_id}))["IsSuccess"]
        assert ours.find(document).state == state
    assert json.loads(sdk.View(form, {"Number": "SDK1"}))["Result"]["Result"]["DocumentStatus"] == "C"
    assert [entry["kind"] for entry in sim.ledger] == ["customer", kind]


def test_what_we_deliver_is_what_the_sdk_reads(official, ours) -> None:
    ours.send(sample("OURS1"))
    rows = json.loads(
        official().ExecuteBillQuery(
            {
                "FormId": "AR_receivable",
                "FieldKeys": "FBillNo,FDocumentStatus,FALLAMOUNTFOR,FCUSTOMERID.FName,FPriceQty,FTaxPrice,FALLAMOUNTFOR_D",
                "FilterString": "FBillNo = 'OURS1'",
                "OrderString": "FEntityDetail_FEntryID ASC",
                "TopRowCount": 0,
                "Limit": 10,
            }
        )
    )
    assert rows == [
        ["OURS1", "C", 11633.34, "杭州云杉软件有限公司", 1.0, 11300.0, 11300.0],
        ["OURS1", "C", 11633.34, "杭州云杉软件有限公司", 3.0, 111.113, 333.34],
    ]


def test_batches_by_the_sdk(sim, official, ours) -> None:
    sdk = official()
    customer_by(sdk, ours)
    models = [plain(documents.model(ours.config, sample(f"B{n}"))) for n in range(3)]
    told = said(sdk.BatchSave("AR_receivable", {"Model": [*models[:2], models[0]]}))
    assert [item["Number"] for item in told["SuccessEntitys"]] == ["B0", "B1"]
    assert [item["DIndex"] for item in told["Errors"]] == [2] and "已经被使用" in told["Errors"][0]["Message"]
    told = said(sdk.BatchSaveQuery("AR_receivable", {"Model": models[2:]}))
    assert [item["Number"] for item in told["SuccessEntitys"]] == ["B2"]


def test_the_sdk_keeps_the_session_it_is_given(sim, official) -> None:
    sdk = official()
    query = {"FormId": "BD_UNIT", "FieldKeys": "FNumber,FName"}
    assert json.loads(sdk.ExecuteBillQuery(query)) == [["Pcs", "个"]]
    session = sdk.cookiesStore.SID
    assert session in sim.gate.sessions
    assert json.loads(sdk.BillQuery(query)) == [{"FNumber": "Pcs", "FName": "个"}]
    assert session == sdk.cookiesStore.SID and len(sim.gate.sessions) == 1


@pytest.mark.parametrize(
    "change", [{"app_secret": "f" * 32}, {"user_name": "nobody"}, {"app_id": "300001_" + "B" * 32}, {"lcid": 9999}]
)
def test_wrong_credentials_are_refused(sim, official, change: dict[str, Any]) -> None:
    sdk = official(**change)
    told = said(sdk.Save("BD_Customer", {"Model": {}}))
    assert (told["MsgCode"], told["Errors"][0]["Message"]) == (1, "会话信息已丢失，请重新登录")
    assert said(sdk.ExecuteBillQuery({"FormId": "BD_UNIT", "FieldKeys": "FNumber"}))["MsgCode"] == 1
    assert sim.ledger == []


def test_a_wrong_account_set_is_an_error_outside_the_envelope(official) -> None:
    with pytest.raises(RuntimeError, match="thirty passport"):
        official(acct_id="6499999999none").View("BD_UNIT", {"Number": "Pcs"})


def test_a_server_exception_reaches_the_sdk_as_one(sim, official) -> None:
    sim.answers["View"] = ["response_error"]
    with pytest.raises(RuntimeError):
        official().View("BD_UNIT", {"Number": "Pcs"})
