"""The signature against the platform's published examples, in the connector and, written separately, in the simulator."""

from datetime import UTC, datetime

import pytest

from connectors import registry
from connectors.base import Request, Token
from connectors.http import Runtime
from connectors.taobao.connector import signature
from connectors.taobao.sim_protocol import digest

COMMON = {"app_key": "12345678", "session": "test", "timestamp": "2016-01-01 12:00:00", "format": "json", "v": "2.0"}
ITEM = {**COMMON, "method": "taobao.item.seller.get", "fields": "num_iid,title,nick,price,num", "num_iid": "11223344"}
MEMO = {
    **COMMON,
    "method": "taobao.trade.memo.update",
    "tid": "2211223344556677889",
    "flag": "1",
    "memo": "加急发货：送礼，勿放价签 & 电话联系",
}
SYNC = {
    **COMMON,
    "method": "taobao.trades.sold.increment.get",
    "simplify": "true",
    "fields": "tid,status,payment,orders",
    "start_modified": "2016-01-01 11:30:00",
    "end_modified": "2016-01-01 12:00:00",
    "page_no": "1",
    "page_size": "40",
    "use_has_next": "true",
}
VECTORS = [
    (ITEM, "md5", "66987CB115214E59E6EC978214934FB8"),  # published (docs: articleId 101617)
    (ITEM, "hmac", "D56D7858309C31B6251083A874D48273"),
    (ITEM, "hmac-sha256", "04DB15AD0774D5CFCE2C837DE43E3FCEA9011ED74F3038FB6AB5F3C4CEA119E8"),
    (MEMO, "md5", "43A53B6A683402532A2F53D406418E9C"),
    (MEMO, "hmac", "B249CC3CE7659A8B27845480A3C7D6E7"),
    (MEMO, "hmac-sha256", "BD3753A0A903FD1A80A9512D596FC618F70B6F11950CFEAB1661D7F274C805DC"),
    (SYNC, "md5", "CEB9D3CE11586253F16F59ED3E1DAB52"),
    (SYNC, "hmac", "DD67112374498589C85B17137ABDE361"),
    (SYNC, "hmac-sha256", "BD7912E35BECFE57CAC6B9A1824B284A9F7780F513BA620E2FA2B0B3DD356BAA"),
]


@pytest.mark.parametrize(("params", "how", "expected"), VECTORS)
@pytest.mark.parametrize("sign", [signature, digest])
def test_known_answers(sign, params, how, expected):
    assert sign("helloworld", {**params, "sign_method": how}, how) == expected


@pytest.mark.parametrize("sign", [signature, digest])
def test_the_older_published_example(sign):
    params = {"app_key": "test", "fields": "nick", "format": "xml", "method": "taobao.user.seller.get", "session": "test"}
    params |= {"sign_method": "md5", "timestamp": "2013-05-06 13:52:03", "v": "2.0"}
    assert sign("test", params, "md5") == "72CB4D809B375A54502C09360D879C64"


def connector(**changes):
    kind = registry.get("taobao").load()
    settings = {"app_key": "12345678", "app_secret": "helloworld", "shop": "s", "session": "testtest", **changes}
    return kind(kind.Config(**settings), Runtime(clock=lambda: datetime(2016, 1, 1, 4, 0, tzinfo=UTC)))


@pytest.mark.parametrize(("params", "how", "expected"), VECTORS)
def test_requests_go_out_as_the_examples_say(params, how, expected):
    business = {k: v for k, v in params.items() if k not in (*COMMON, "method")}
    request = Request("POST", "/router/rest", form=business, name=params["method"])
    sent = connector(sign_method=how).sign(request, Token("test"))
    assert sent.form == {**params, "sign_method": how, "sign": expected}
    assert not sent.query


def test_a_call_without_authorisation_carries_no_session():
    sent = connector().sign(Request("POST", "/router/rest", name="taobao.time.get", auth=False), None)
    assert "session" not in sent.form
    assert sent.form["sign_method"] == "hmac-sha256"
    assert len(sent.form["sign"]) == 64
