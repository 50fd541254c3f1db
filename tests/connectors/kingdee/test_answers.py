"""What each answer of the platform leads to, and that nothing private is repeated."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors import errors, registry
from connectors.base import Request
from connectors.budgets import MemoryBudgets
from connectors.http import Response, Runtime
from connectors.kingdee import answers
from connectors.kingdee.simulator import KingdeeSimulator
from connectors.messages import explain

ROWS = [  # code, message, on a read, on a write
    (0, "未知", errors.Rejected, errors.Rejected),
    (1, "会话信息已丢失，请重新登录", errors.ReauthNeeded, errors.ReauthNeeded),
    (2, "您没有应收单的查看权限", errors.ScopeMissing, errors.ScopeMissing),
    (3, "操作编码为空", errors.ConfigError, errors.ConfigError),
    (4, "发生异常", errors.Unavailable, errors.InDoubt),
    (4, "标识为“AR_receivable”的业务对象不存在，或者被删除。", errors.ConfigError, errors.ConfigError),
    (5, "业务对象标识为空", errors.ConfigError, errors.ConfigError),
    (6, "数据库异常", errors.Unavailable, errors.InDoubt),
    (7, "许可不足", errors.ConfigError, errors.ConfigError),
    (8, "data数据包中的参数FieldKeys的值不能为空。", errors.Rejected, errors.Rejected),
    (9, "元数据中标识为FNoSuchField的字段不存在", errors.ConfigError, errors.ConfigError),
    (10, "没有数据", errors.Gone, errors.Gone),
    (11, "违反字段唯一性要求：编码唯一。[test5]在当前系统中已经被使用。", errors.Duplicate, errors.Duplicate),
    (11, "期间已关闭", errors.Rejected, errors.Rejected),
    (11, "单据已被其他用户修改", errors.Unavailable, errors.Unavailable),
    (12, "当前状态不允许", errors.Rejected, errors.Rejected),
    (13, "网络控制冲突", errors.Unavailable, errors.Unavailable),
    (14, "调用次数已达上限", errors.Throttled, errors.Throttled),
    (15, "禁止管理员登录", errors.ConfigError, errors.ConfigError),
    (99, "从未见过", errors.UnknownAnswer, errors.InDoubt),
]


SAVE = "/k3cloud/Kingdee.BOS.WebApi.ServicesStub.DynamicFormService.Save.common.kdsvc"


def status(code: int, message: str) -> dict[str, Any]:
    failed = {"IsSuccess": False, "Errors": [{"FieldName": "FBillNo", "Message": message, "DIndex": 0}], "MsgCode": code}
    return {"Result": {"ResponseStatus": {"ErrorCode": 500, **failed}, "Id": "", "NeedReturnData": [{}]}}


class Canned:
    """A session that always gives the same answer."""

    def __init__(self, body: Any, code: int = 200) -> None:
        self.status_code, self.headers, self.asked = code, {}, 0
        self.content = body.encode() if isinstance(body, str) else json.dumps(body).encode()

    def request(self, *args: Any, **options: Any) -> Canned:
        self.asked += 1
        return self


def call(connect, body: Any, service: str, *, code: int = 200, mode: str = "signature", **data: Any) -> tuple[Any, Canned]:
    sink = connect(mode)
    if mode != "signature":
        sink.http.tokens.renew(None, sink.fetch_token)
    sink.http.session = canned = Canned(body, code)
    try:
        return sink._call(service, "AR_receivable", {"data": data}, write=service != "ExecuteBillQuery"), canned
    except errors.ConnectorError as error:
        return error, canned


@pytest.mark.parametrize(("code", "message", "read", "write"), ROWS)
def test_each_row_of_the_error_table(connect, code: int, message: str, read: type, write: type) -> None:
    failed = status(code, message)
    error, canned = call(connect, [[failed]], "ExecuteBillQuery")
    assert type(error) is read
    assert canned.asked == (4 if read is errors.Unavailable else 1)
    error, canned = call(connect, failed, "Save")
    assert type(error) is write and canned.asked == 1
    assert (error.params["form"], error.params["operation"]) == ("AR_receivable", "Save")
    manifest = registry.get("kingdee").manifest
    if code != 99:
        assert error.key in manifest.messages
        assert "{" not in "".join(explain(error, "zh", manifest) + explain(error, "en", manifest))


def test_every_row_of_the_manifest_is_tried_above() -> None:
    table = registry.get("kingdee").manifest.errors.table
    tried = {str(code) for code, *_ in ROWS} | {"1/signature", "11/duplicate", "*/no_form", "*/busy"}
    assert set(table) <= tried


@pytest.mark.parametrize(("times", "asked"), [(1, 2), (2, 3), (9, 4)])
def test_a_lost_session_is_renewed_a_few_times_and_then_left_for_later(sim, connect, document, times: int, asked: int) -> None:
    connect("password").send(document("receivable", "FIRST"))  # the customer is there
    before = sim.calls[SAVE]
    sim.answers["Save"] = ["msg:1"] * times
    try:
        assert connect("password").send(document()).complete and times < 9
    except errors.Unavailable as error:
        assert error.key == "error.token_refused" and error.final and times == 9
    assert sim.calls[SAVE] - before == asked
    assert sum(count for path, count in sim.calls.items() if "ValidateUser" in path) == asked + 1


def test_a_limit_waits_minutes(connect) -> None:
    error, _ = call(connect, status(14, "x"), "Save")
    assert error.wait == 180


def test_the_permission_error_names_form_and_operation(connect) -> None:
    error, _ = call(connect, status(2, "您没有权限"), "Audit")
    zh, fix = explain(error, "zh", registry.get("kingdee").manifest)
    assert "AR_receivable" in zh and "Audit" in zh and "批量授权" in fix


@pytest.mark.parametrize(
    ("body", "code", "read", "write"),
    [
        ("response_error: 未将对象引用设置到对象的实例", 200, errors.Unavailable, errors.InDoubt),
        ("<html>登录</html>", 200, errors.Unavailable, errors.InDoubt),
        ("", 200, errors.Unavailable, errors.InDoubt),
        ("<html>bad gateway</html>", 502, errors.Unavailable, errors.InDoubt),
        ('{"Result":{"ResponseStatus":null}}', 200, errors.Unavailable, errors.InDoubt),
        ('{"Result":[{"a":1}]}', 200, errors.Unavailable, errors.InDoubt),
        ('"text"', 200, errors.Unavailable, errors.InDoubt),
        ("null", 200, errors.Unavailable, errors.InDoubt),
        ("Fail to verify thirty passport", 500, errors.ConfigError, errors.ConfigError),
        ("<html>404</html>", 404, errors.ConfigError, errors.ConfigError),
        ("", 401, errors.ConfigError, errors.ConfigError),
        ("", 403, errors.ConfigError, errors.ConfigError),
        ("", 302, errors.ConfigError, errors.ConfigError),
        ("", 429, errors.Throttled, errors.Throttled),
    ],
)
def test_answers_outside_the_envelope(connect, body: str, code: int, read: type, write: type) -> None:
    assert type(call(connect, body, "ExecuteBillQuery", code=code)[0]) is read
    assert type(call(connect, body, "Save", code=code)[0]) is write


def test_a_server_exception_is_called_so(connect) -> None:
    error, _ = call(connect, "response_error: 未将对象引用设置到对象的实例", "Save")
    assert (error.key, error.code) == ("kingdee.exception", "response_error") and "对象引用" in error.params["message"]


def test_a_list_is_no_answer_to_a_write(connect) -> None:
    assert type(call(connect, [], "Save")[0]) is errors.InDoubt
    assert call(connect, [], "ExecuteBillQuery")[0] == []


@pytest.mark.parametrize("code", [200, 206])
def test_success_in_either_spelling(connect, code: int) -> None:
    for said in (True, "true", "True"):
        body = {"Result": {"ResponseStatus": {"IsSuccess": said, "MsgCode": 0}, "Number": "N"}}
        assert call(connect, body, "Save", code=code)[0]["Result"]["Number"] == "N"


@pytest.mark.parametrize("said", [False, "false", None, ""])
def test_failure_in_any_spelling(connect, said: Any) -> None:
    body = {"Result": {"ResponseStatus": {"IsSuccess": said, "MsgCode": 11, "Errors": None}, "Number": "N"}}
    assert type(call(connect, body, "Save")[0]) is errors.Rejected


def test_the_status_is_found_wherever_it_stands() -> None:
    inner = status(4, "x")
    for shape in (inner, [[inner]], inner["Result"], [inner]):
        assert answers.status_of(shape)["MsgCode"] == 4
    for shape in ([], [[]], [["a", 1]], None, "x", 3, {"a": 1}):
        assert answers.status_of(shape) is None


def test_rows_of_an_unexpected_width_are_not_taken_for_absent(connect, document) -> None:
    sink = connect()
    for rows in ([["only one"]], [[]], ["text"]):
        sink.http.session = Canned(rows)
        with pytest.raises(errors.UnknownAnswer):
            sink.find(document())


def test_messages_do_not_repeat_what_is_private() -> None:
    connector = type("C", (), {"manifest": registry.get("kingdee").manifest})()
    connector.config = type("X", (), {"auth_mode": "signature"})()
    model = {"FName": "杭州云杉", "FShortName": "云杉", "FTEL": "13800000000", "FSub": [{"FLinkMan": "李四"}]}
    request = Request("POST", "x", body=json.dumps({"data": {"Model": model}}).encode(), name="Save:BD_Customer")
    said = status(11, "客户杭州云杉(13800000000,李四)的简称云杉重复；编码C1可用")
    verdict = answers.read(connector, request, Response(200, {}, json.dumps(said).encode()))
    assert verdict.message == "FBillNo: 客户***(***,***)的简称***重复；编码C1可用"


def test_a_private_value_stays_out_of_a_real_refusal(sim, connect, document) -> None:
    sink = connect()
    sim.books.refuse["BD_Customer", "Submit"] = "客户杭州云杉软件有限公司信用不足"
    with pytest.raises(errors.Rejected) as refused:
        sink.send(document())
    assert refused.value.params["step"] == "Submit"


# -- the check


def test_a_healthy_account(connect) -> None:
    findings = connect().check()
    assert [finding.ok for finding in findings] == [True] * 11
    assert findings[0].what_en == "Signed in"


def test_the_check_stops_where_nobody_gets_in(sim, connect) -> None:
    (finding,) = connect(app_secret="f" * 32).check()
    assert not finding.ok and "第三方系统登录授权" in finding.fix_zh and finding.code == "1/signature"
    assert sum(sim.calls.values()) == 1


def test_the_check_names_rights_and_codes_that_lack(sim, connect) -> None:
    sim.services.denied.add(("AR_receivable", "ExecuteBillQuery"))
    findings = connect(material_code="NONE", org_num="999", saler_code="").check()
    bad = {finding.what_en: finding for finding in findings if not finding.ok}
    assert set(bad) == {"Query AR_receivable", "Organisation 999", "Material NONE"}
    assert bad["Query AR_receivable"].code == "2" and "批量授权" in bad["Query AR_receivable"].fix_zh
    assert all(finding.fix_zh and finding.fix_en for finding in bad.values())


@pytest.mark.parametrize(
    ("server", "seen"),
    [
        ("http://erp.example.com/k3cloud/", False), ("https://erp.example.com/k3cloud/", True),
        ("http://10.1.2.3/k3cloud/", None), ("http://erp/k3cloud/", None), ("http://8.8.8.8/k3cloud/", False),
    ],
)  # fmt: skip
def test_the_check_wants_encryption_outside_the_house(server: str, seen: bool | None) -> None:
    kind = registry.get("kingdee").load()
    settings = {**KingdeeSimulator().settings("http://127.0.0.1"), "server_url": server}
    sink = kind(kind.Config(**settings), Runtime(budgets=MemoryBudgets([])))
    sink.http.session = Canned([["x"]])
    found = [finding.ok for finding in sink.check() if finding.what_en == "Encrypted connection"]
    assert found == ([] if seen is None else [seen])
