"""Signing in: the published vectors of both official SDKs, the four ways, lost sessions, and the lock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import requests
from pydantic import ValidationError

from connectors import errors
from connectors.kingdee import signin
from connectors.kingdee.config import KingdeeConfig
from connectors.kingdee.sim_auth import unveil

SERVICE = "Kingdee.BOS.WebApi.ServicesStub.DynamicFormService"
BASE = {
    "server_url": "https://erp.example.com/k3cloud/", "acct_id": "6400000000demo", "user_name": "演示用户",
    "app_id": "300001_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcY", "app_secret": "0123456789abcdef0123456789abcdef",
    "org_num": "100", "material_code": "SVC-001",
}  # fmt: skip
CONFIG = KingdeeConfig(**BASE)
X_KD = "NzI3MjMxMDZmNGUwNzczZDcyMGRjOTQwNDY2ZWI4OGU1NTUyN2ZlNWViMmMxODJhMDlhNWUwMGNkYTI2YmViOA=="
X_KD_NO_ORG = "MjhiOTlhODEzM2ZhYjBkN2M3NGRlZjE1NjhhMzczZjhkZTdhOWZkYzA2N2Q5MjA2ZjYxZDc2Mjg4NGM3YTlmNw=="
SIGNATURES = [
    ("Save", "k3cloud", "M2M5NmZiYjQ5NWZmYTIwMTY1ZWE2YjgxZTlhOGUzN2M0NjRjNDExNmJjNzYzZTg4NmEwOWVkMzBjZDM3ZjA1OQ=="),
    ("ExecuteBillQuery", "k3cloud", "ZDQ4NTViM2EzY2VjYjI1OTY2MmZjZjVhNjE0OTZiNDA3MmY4M2VjYzNlZDQ1YTNkMmY1NDdlNzQxYzI4OWMzYw=="),
    ("BatchSave", "k3cloud", "MWJkNDRhM2Q2Y2QyYzUyNDY0N2ZlMGE4MmMyODE3YzA3YjBmZWZmY2RmMTE0OWZkNGFhZjA5ZDI0M2EzNzY5Mg=="),
    ("QueryAsyncResult", "k3cloud", "MmFhYzliNzI4OGVhZTg1NTU0NThiYmQxMjI0YTY1YmMxYjEwN2Y4MzYyM2JkNDQxOTYxZTljOGZmOGU4YzFlMA=="),
    ("Save", "K3Cloud", "ZjZmOGRkMDUxOTk5YzE4NzRlYzFhMTAyMjk3ODFhZWQwNTEzZTQ0NjQ1NjgxMWNhYTFkNzkwZjM3MmQ2YWUyMA=="),
    ("View", "k3cloud", "YTQ4OGM4OTVmZjQ0MjUwOGNiMzI0MzMwY2FkNmExODljYWI3YzAwZTA2MmJjNTU0MWJiNDlkYmI0OTE1YWZhZg=="),
]
JAVA = [
    ("Save", "1795343436955", "MWE0OTJmZGFiMWYzZGIxMmQxY2QwMGNmZWUxYzk2MzI1YTQ2ZDM4MWE5NmE4NTQ4ZDQ4OWFjYTRiZTQzODIwYw=="),
    (
        "ExecuteBillQuery",
        "1795343437163",
        "YTkzMjNhZGMyYmU3ZjgyZWM4MzIzNmNiZWIzYjgwNWY2YTkwNzUxZDg1YjcxMjM5MmNjMjg3MDllMDU2ZWM1Yw==",
    ),
]
LOGIN_SIGNS = {
    "演示用户": "9cfac413f49d72ce87d11fc1dd51dfea6df2a2b580c393c8ae74c8c5b3b727d9",
    "demo": "bacedcc8669755d907ba190834f471221af913cd1ab501301b96ee8b5fd3dbad",
    "Administrator": "d939abf9834e255e5facc8197643ed0233ff1e78af19f8136543799768d33c1e",
}


def headers(service: str, path: str = "k3cloud", stamp: int = 1_700_000_000) -> dict[str, str]:
    url = f"https://erp.example.com/{path}/{SERVICE}.{service}.common.kdsvc"
    return signin.signed_headers(CONFIG, url, datetime.fromtimestamp(stamp, UTC))


def test_client_secret_is_unveiled_on_both_sides() -> None:
    known = "MTI2MGM1Pj9qPDk/OT04KHMiKnd0IXMr"
    assert signin.client_secret(CONFIG.app_id) == known
    assert unveil(CONFIG.app_id) == known


def test_account_headers() -> None:
    sent = headers("Save")
    assert sent["X-Kd-Appdata"] == "NjQwMDAwMDAwMGRlbW8s5ryU56S655So5oi3LDIwNTIsMTAw"
    assert sent["X-Kd-Signature"] == X_KD
    bare = CONFIG.model_copy(update={"user_name": "demo", "org_num": ""})
    assert signin.app_data(bare) == "6400000000demo,demo,2052,0"
    assert signin.signed_headers(bare, "https://h/k3cloud/x", datetime.now(UTC))["X-Kd-Signature"] == X_KD_NO_ORG


@pytest.mark.parametrize(("service", "path", "signature"), SIGNATURES)
def test_request_signature(service: str, path: str, signature: str) -> None:
    sent = headers(service, path)
    assert sent["X-Api-Signature"] == signature
    assert len(signature) == 88 and sent["x-api-nonce"] == sent["x-api-timestamp"] == "1700000000"


@pytest.mark.parametrize(("service", "stamp", "signature"), JAVA)
def test_java_sdk_signature_in_milliseconds_passes_the_simulator(sim, service: str, stamp: str, signature: str) -> None:
    path = f"/k3cloud/{SERVICE}.{service}.common.kdsvc"
    sent = {**headers(service), "x-api-timestamp": stamp, "x-api-nonce": stamp, "X-Api-Signature": signature}
    sent["x-api-signheaders"] = "X-Api-TimeStamp,X-Api-Nonce"
    assert sim.gate.admits(sent, {}, path, sim.now())
    assert not sim.gate.admits({**sent, "X-Api-Signature": signature[:-2] + "0="}, {}, path, sim.now())


@pytest.mark.parametrize("user", LOGIN_SIGNS)
def test_login_sign(user: str) -> None:
    config = CONFIG.model_copy(update={"user_name": user})
    assert signin.login_sign(config, "1700000000") == LOGIN_SIGNS[user]


@pytest.mark.parametrize("mode", ["signature", "app_secret", "sign", "password"])
def test_each_way_in(connect, document, mode: str) -> None:
    receipt = connect(mode).send(document())
    assert (receipt.state, receipt.complete, receipt.amount.minor) == ("C", True, 1_130_000)


@pytest.mark.parametrize("mode", ["app_secret", "sign", "password"])
def test_a_lost_session_is_renewed_once_and_the_write_done_once(sim, connect, document, entries, mode: str) -> None:
    sink = connect(mode)
    assert sink.find(document()) is None
    sim.kill_tokens()
    assert sink.send(document()).complete
    assert len(entries("ARTEST0001")) == 1 and entries("ARTEST0001")[0]["creates"] == 1
    logins = sum(count for path, count in sim.calls.items() if "AuthService" in path)
    assert logins == 2


def test_signed_calls_have_no_session(sim, connect, document) -> None:
    sink = connect()
    sink.find(document())
    assert sink.fetch_token() is None and sink.http.tokens.current() is None
    assert not [path for path in sim.calls if "AuthService" in path]


def test_a_session_ends_by_the_clock(sim, connect, document) -> None:
    sink = connect("password")
    sink.find(document())
    token = sink.http.tokens.current()
    sim.offset += timedelta(hours=2)
    sink.find(document())
    assert sink.http.tokens.current().value != token.value


def test_the_session_travels_as_header_and_cookies(connect, document) -> None:
    sink = connect("app_secret")
    sink.find(document())
    token = sink.http.tokens.current()
    assert set(token.extra) == {"ASP.NET_SessionId"}
    sent = signin.session_headers(token)
    assert sent["kdservice-sessionid"] == token.value
    assert sent["Cookie"] == f"kdservice-sessionid={token.value}; ASP.NET_SessionId={token.extra['ASP.NET_SessionId']}"


@pytest.mark.parametrize("field", ["app_secret", "user_name", "app_id"])
def test_wrong_credentials_in_signed_calls_are_not_repeated(sim, connect, document, field: str) -> None:
    wrong = {"app_secret": "f" * 32, "user_name": "nobody", "app_id": "300001_" + "B" * 32}[field]
    sink = connect(**{field: wrong})
    with pytest.raises(errors.ReauthNeeded) as refused:
        sink.find(document())
    assert (refused.value.key, refused.value.code) == ("kingdee.signature", "1/signature")
    assert sum(sim.calls.values()) == 1


def test_an_unknown_account_set_is_a_matter_of_configuration(connect, document) -> None:
    with pytest.raises(errors.ConfigError) as refused:
        connect(acct_id="6499999999none").find(document())
    assert refused.value.key == "kingdee.acct_id"


def test_on_premise_servers_check_only_the_account_headers(sim, url) -> None:
    path = f"/k3cloud/{SERVICE}.View.common.kdsvc"
    sent = {**headers("View"), "X-Api-Signature": "wrong"}
    body = {"formid": "BD_UNIT", "data": {"Number": "Pcs"}}
    refused = requests.post(url + path, headers=sent, json=body, timeout=5).json()
    assert refused["Result"]["ResponseStatus"]["MsgCode"] == 1
    sim.gate.on_premise = True
    assert requests.post(url + path, headers=sent, json=body, timeout=5).json()["Result"]["ResponseStatus"]["IsSuccess"]
    sent["X-Kd-Signature"] = X_KD_NO_ORG
    assert not requests.post(url + path, headers=sent, json=body, timeout=5).json()["Result"]["ResponseStatus"]["IsSuccess"]


def test_two_refused_logins_and_no_third(sim, connect, document) -> None:
    for _ in range(2):
        with pytest.raises(errors.ReauthNeeded) as refused:
            connect("password", password="wrong").find(document())
        assert refused.value.key == "kingdee.login"
    asked = sum(sim.calls.values())
    with pytest.raises(errors.ReauthNeeded) as refused:
        connect("password", password="wrong").find(document())
    assert refused.value.key == "kingdee.login_paused"
    assert sum(sim.calls.values()) == asked == 2
    assert connect("password").find(document()) is None  # corrected credentials are tried at once
    sim.offset += timedelta(minutes=31)
    with pytest.raises(errors.ReauthNeeded) as refused:
        connect("password", password="wrong").find(document())
    assert refused.value.key == "kingdee.login"


def test_an_accepted_login_forgets_the_refused_one(sim, connect, document) -> None:
    right, wrong = sim.gate.password, "changed over there"
    for password, key in ((wrong, "login"), (right, ""), (wrong, "login"), (wrong, "login"), (right, "login_paused")):
        sim.gate.password = password
        try:
            assert connect("password", password=right).find(document()) is None and not key
        except errors.ReauthNeeded as error:
            assert error.key == f"kingdee.{key}"


def test_a_locked_user_is_told_so(sim, connect, document) -> None:
    sim.gate.failures_allowed = 1
    with pytest.raises(errors.ReauthNeeded):
        connect("app_secret", app_secret="0" * 32).find(document())
    with pytest.raises(errors.ReauthNeeded) as refused:
        connect("app_secret").find(document())
    assert refused.value.key == "kingdee.login_locked"
    sim.offset += timedelta(minutes=31)
    assert connect("app_secret").find(document()) is None


def test_a_wrong_sign_is_told_apart(connect, document) -> None:
    with pytest.raises(errors.ReauthNeeded) as refused:
        connect("sign", app_secret="0" * 32).find(document())
    assert (refused.value.key, refused.value.code) == ("kingdee.login_sign", "002005000003016")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("server_url", "erp.example.com/k3cloud", "http"),
        ("server_url", "https://erp.example.com", "path"),
        ("server_url", "https://erp.example.com/k3cloud/?a=1", "http"),
        ("acct_id", "64,00", "comma"),
        ("app_id", "300001", "32"),
        ("app_secret", "", "app secret"),
        ("tax_rate", "13%", "percentage"),
        ("org_num", "", "at least 1"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_reason(field: str, value: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        KingdeeConfig(**{**BASE, field: value})


def test_the_server_url_keeps_its_case_and_gets_its_slash() -> None:
    assert (
        KingdeeConfig(**{**BASE, "server_url": "https://h.example.com/K3Cloud"}).server_url == "https://h.example.com/K3Cloud/"
    )
    with pytest.raises(ValidationError, match="password"):
        KingdeeConfig(**{**BASE, "auth_mode": "password"})
