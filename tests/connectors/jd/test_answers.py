"""The four layers in which a call can fail, all with HTTP 200, and what each code makes us do."""

from __future__ import annotations

import json

import pytest

from connectors.errors import (
    AuthError,
    ConfigError,
    InvalidRecord,
    ReauthNeeded,
    ScopeMissing,
    Throttled,
    Unavailable,
    UnknownAnswer,
)

SHOP = "jingdong.vender.shop.query"
ROOT = "jingdong_vender_shop_query_responce"


@pytest.fixture
def answering(shop, monkeypatch):
    """Calls are answered with these bodies, one after the other, the last for ever."""

    def use(*bodies):
        texts = [json.dumps(body) for body in bodies]
        asked = []

        def answer():
            asked.append(1)
            return shop.sim.app.response_class(texts[min(len(asked), len(texts)) - 1], content_type="application/json")

        monkeypatch.setitem(shop.sim.app.view_functions, "_gateway", answer)
        return asked

    return use


def call(shop, method=SHOP):
    return shop.connector()._call(method, {})


GATEWAY = [
    ("1", Unavailable), ("33", Unavailable), ("65", Unavailable), ("67", Unavailable), ("78", Unavailable), ("2", Throttled),
    ("3", ConfigError), ("8", ConfigError), ("12", ConfigError), ("21", ConfigError), ("22", ConfigError), ("92", ConfigError),
    ("18", ReauthNeeded), ("24", ScopeMissing), ("88", ScopeMissing), ("73", ScopeMissing), ("80", ScopeMissing),
    ("61", UnknownAnswer), ("63", UnknownAnswer), ("87", ConfigError), ("10100018", InvalidRecord), ("999", UnknownAnswer),
]  # fmt: skip


@pytest.mark.parametrize(("code", "error"), GATEWAY)
def test_layer_one_the_gateway(shop, answering, code, error):
    answering({"error_response": {"code": code, "zh_desc": "错误", "en_desc": "error"}})
    with pytest.raises(error) as caught:
        call(shop)
    assert str(caught.value.code).endswith(code)


def test_layer_two_the_root(shop, answering):
    answering({"code": "21", "errorMessage": "Invalid app_key"})
    with pytest.raises(ConfigError) as caught:
        call(shop)
    assert caught.value.key == "jd.app_key" and caught.value.params["message"] == "Invalid app_key"


def test_layer_three_the_outer_code(shop, answering):
    answering({ROOT: {"code": "65", "zh_desc": "超时"}})
    with pytest.raises(Unavailable):
        call(shop)


@pytest.mark.parametrize("success", [False, "false", "False"])
@pytest.mark.parametrize("nested", [True, False], ids=["apiResult", "direct"])
def test_layer_four_the_service(shop, answering, success, nested):
    said = {"success": success, "chineseErrCode": "参数错误", "numberCode": 10100021}
    asked = answering({ROOT: {"code": "0", "result": {"apiResult": said} if nested else said}})
    with pytest.raises(InvalidRecord) as caught:
        call(shop)
    assert caught.value.code == "service/10100021" and len(asked) == 2, "asked once more, and no more often"


@pytest.mark.parametrize("success", [True, "true", "True"])
def test_a_success_may_be_a_word(shop, answering, success):
    answering({ROOT: {"code": "0", "result": {"apiResult": {"success": success}, "x": 1}}})
    assert call(shop)["result"]["x"] == 1


def test_a_refusal_that_passes_when_asked_again(shop, answering):
    bad = {ROOT: {"code": "0", "result": {"success": False, "code": "10500001"}}}
    answering(bad, {ROOT: {"code": "0", "result": {"success": True}}})
    assert call(shop)["result"]["success"] is True


def test_a_closed_shop_is_for_a_person(shop, answering):
    answering({ROOT: {"code": "0", "result": {"success": False, "code": "11100006"}}})
    with pytest.raises(AuthError) as caught:
        call(shop)
    assert caught.value.key == "jd.shop_closed"


@pytest.mark.parametrize("root", [ROOT, ROOT.replace("responce", "response")])
def test_both_spellings_of_the_root(shop, answering, root):
    answering({root: {"code": "0", "shop_jos_result": {}}})
    assert "shop_jos_result" in call(shop)


@pytest.mark.parametrize("body", [{}, {"jingdong_other_responce": {"code": "0"}}, [], "text"])
def test_what_is_no_answer_of_jd_is_a_passing_fault(shop, answering, body):
    answering(body)
    with pytest.raises(Unavailable):
        call(shop)


@pytest.mark.parametrize(
    "inside",
    [
        {}, {"searchorderinfo_result": None}, {"searchorderinfo_result": {"apiResult": {"success": True}}},
        {"searchorderinfo_result": {"orderTotal": 5}}, {"searchorderinfo_result": {"orderTotal": 5, "orderInfoList": [None]}},
    ],
)  # fmt: skip
def test_a_missing_result_is_an_error_and_no_empty_page(shop, answering, inside):
    answering({"jingdong_pop_order_enSearch_responce": {"code": "0", **inside}})
    with pytest.raises(UnknownAnswer):
        shop.read()


def test_a_refused_list_stops_the_stream(shop, answering):
    said = {"apiResult": {"success": False, "chineseErrCode": "x", "numberCode": 10100021}}
    answering({"jingdong_pop_order_enSearch_responce": {"code": "0", "searchorderinfo_result": said}})
    with pytest.raises(UnknownAnswer):
        shop.read()


def test_the_quota_comes_back_after_midnight_in_beijing(shop, answering):
    answering({"error_response": {"code": "2"}})
    with pytest.raises(Throttled) as caught:
        call(shop)  # it is noon in Beijing
    assert caught.value.wait == 12 * 3600 + 60 and caught.value.key == "jd.quota"


def test_a_number_that_is_a_text_counts(shop, answering):
    rows = [{"orderId": "1", "modified": "2026-03-01 11:59:00"}]
    inside = {"apiResult": {"success": "true"}, "orderTotal": "1", "orderInfoList": rows}
    answering({"jingdong_pop_order_enSearch_responce": {"code": "0", "searchorderinfo_result": inside}})
    assert [row["orderId"] for row in shop.read()] == ["1"]
