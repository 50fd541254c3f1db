"""JD's own (overseas) Python SDK, PyPI jd-sdk, against our simulated gateway: signing, envelopes, and the whole flow of
encrypted fields; and its ciphertexts opened by our connector.

It always speaks to port 80 and verifies vouchers with JD's key, so its connection and that key are put in their places; it
wants the root without the domestic misspelling.
"""

from __future__ import annotations

import http.client
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import serialization

from connectors import registry
from connectors.base import Window
from connectors.http import Runtime
from connectors.jd import sim_tde, tde
from connectors.jd.connector import signature
from connectors.jd.simulator import JdSimulator
from connectors.sandbox import Served

pytest.importorskip("jd.security", reason="the published SDK jd-sdk is not installed")

import jd
import rsa
from jd.api import base
from jd.security.tde import constants
from jd.security.tde_client import tde_client


@pytest.fixture
def gateway(monkeypatch):
    """The simulator on the real clock, reached by the SDK under the name it is given."""
    sim = JdSimulator()
    sim.spelling = "_response"
    served = Served(sim)
    sim.app.logger.disabled = True
    host, port = served.url.removeprefix("http://").split(":")

    class Redirected(http.client.HTTPConnection):
        def __init__(self, *_: object) -> None:
            super().__init__(host, int(port), timeout=10)

    monkeypatch.setattr(base.client, "HTTPConnection", Redirected)
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    pem = sim_tde.signing_key().public_key().public_bytes(encoding, form).decode()
    monkeypatch.setattr(constants, "TMS_PROD_TOKEN_PUB_KEY", pem)
    yield sim
    served.close()


class Call(base.RestApi):
    """Any method with any parameters."""

    def __init__(self, method: str, **params: object) -> None:
        super().__init__("api.jd.com")
        self._params = params
        self._method = method

    def getapiname(self) -> str:
        return self._method

    def getApplicationParameters(self) -> dict[str, object]:
        return self._params


def call(sim, method, token=None, secret=None, **params):
    settings = sim.settings("")
    request = Call(method, **params)
    request.set_app_info(jd.appinfo(settings["app_key"], secret or settings["app_secret"]))
    return request.getResponse(settings["access_token"] if token is None else token)


def client(sim):
    settings = sim.settings("")
    return tde_client.TdeClient("api.jd.com", settings["access_token"], settings["app_key"], settings["app_secret"])


def test_it_signs_as_we_do():
    params = {
        "method": "jingdong.vender.shop.query",
        "app_key": "A",
        "v": "2.0",
        "360buy_param_json": '{"a":"1"}',
        "timestamp": "t",
    }
    assert base.sign("secret", params) == signature("secret", params)


def test_it_reads_what_our_connector_reads(gateway):
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=40)
    keys = gateway.populate("order", 120, start=start, step=timedelta(seconds=1))
    window = Window(start - timedelta(minutes=1), start + timedelta(minutes=30))
    settings = gateway.settings("http://unused")
    beijing = [moment.astimezone(tz=None) for moment in (window.start, window.end)]
    from connectors.jd.walk import text_of

    asked = {
        "start_date": text_of(beijing[0]), "end_date": text_of(beijing[1]), "order_state": "ALL", "page_size": "100",
        "optional_fields": "orderId,orderState,shouldPay,modified",
    }  # fmt: skip
    theirs = {}
    for page in ("1", "2"):
        answer = call(gateway, "jingdong.pop.order.enSearch", page=page, **asked)
        rows = answer["jingdong_pop_order_enSearch_response"]["searchorderinfo_result"]["orderInfoList"]
        theirs |= {row["orderId"]: (row["orderState"], row["shouldPay"], row["modified"]) for row in rows}
    served = Served(gateway)
    try:
        kind = registry.get("jd").load()
        connector = kind(kind.Config(**{**settings, "gateway": served.url, "oauth": served.url}), Runtime())
        ours = {
            row["orderId"]: (row["orderState"], row["shouldPay"], row["modified"])
            for page in connector.pages("order", window, None)
            for row in page.records
        }
    finally:
        served.close()
    assert set(theirs) == set(keys) and theirs == ours


def test_it_understands_every_refusal(gateway):
    assert call(gateway, "jingdong.vender.shop.query", token="dead")["error_response"]["code"] == "19"
    assert call(gateway, "jingdong.vender.shop.query", secret="not the secret")["error_response"]["code"] == "12"
    assert call(gateway, "jingdong.no.such")["error_response"]["code"] == "15"
    assert call(gateway, "jingdong.vender.shop.query", strange=1)["error_response"]["code"] == "61"


def test_vouchers_keys_and_ciphertexts(gateway):
    """The whole flow: it verifies our voucher, fetches our keys, opens what the shop's data hold, and seals what we open."""
    sdk = client(gateway)
    vault = gateway.shop.vault
    for text in ("张三丰", "13955500001", "a" * 16, "文三路 1 号 🏠"):
        sealed = vault.seal(text)
        assert sdk.is_encrypt_data(sealed) and tde.is_cipher(sealed)
        assert sdk.decrypt_string(sealed) == text
    vault.rotate()
    sdk.fetch_master_keys()
    assert sdk.decrypt_string(vault.seal("李四")) == "李四" and sdk.decrypt_string(vault.seal("李四", 0)) == "李四"
    ring = opener(gateway)
    for text in ("张三丰", "13955500001"):
        assert ring.open(sdk.encrypt_string(text)) == text


def opener(gateway):
    kind = registry.get("jd").load()
    served = Served(gateway)
    connector = kind(kind.Config(**gateway.settings(served.url)), Runtime())
    connector._opener.ring.keys()
    served.close()
    return connector._opener.ring


def test_it_refuses_what_we_refuse(gateway):
    gateway.shop.vault.wrong = "signature"
    with pytest.raises(KeyError) as caught:  # its handler stumbles over the voucher that it has just refused
        client(gateway)
    assert isinstance(caught.value.__context__, rsa.VerificationError)


def test_its_reports_are_taken(gateway):
    sdk = client(gateway)
    sdk.hrlc.flush()
    assert gateway.calls["/routerjson jingdong.jos.secret.api.report.get"] >= 1


def test_it_cannot_sign_chinese_but_escaped_it_can(gateway):
    """A limit of the SDK that the fact sheet names; the platform takes both writings of the JSON text."""
    method, asked = "jingdong.crm.member.searchNew", {"current_page": 1, "page_size": 1, "customer_pin": "客户"}
    with pytest.raises(UnicodeEncodeError):
        call(gateway, method, **asked)
    original = json.dumps
    try:
        base.json.dumps = lambda value, **options: original(value)
        assert "error_response" not in call(gateway, method, **asked)
    finally:
        base.json.dumps = original
