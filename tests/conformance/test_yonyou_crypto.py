"""Written by others: wechatpy knows the cipher of YonBIP's events under another name, openssl knows its HMACs.

Yonyou publishes no client for YonBIP that could be installed. Its demo classes use the layout and the SHA-1 signature of
WeChat's callbacks, so wechatpy stands in for the platform: it seals what our receiver opens, and opens what we answer.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from datetime import UTC, datetime

import pytest
import requests

pytest.importorskip("wechatpy", reason="wechatpy is a development dependency")

from wechatpy.crypto import PrpCrypto
from wechatpy.crypto import _get_signature as wechat_signature
from wechatpy.exceptions import InvalidAppIdException

from connectors import registry
from connectors.base import RawRequest
from connectors.contract.pushed import Receiver
from connectors.errors import BadPush, BadSignature
from connectors.http import Runtime
from connectors.sandbox import Served
from connectors.yonyou.simulator import YonyouSimulator

NOW = datetime(2026, 11, 2, 3, 4, 5, tzinfo=UTC)
EVENT = {"type": "YXYBASEDOC_AA_MERCHANT_UPDATE", "eventId": "e-1", "timestamp": 1700000000000, "code": "000805"}


@pytest.fixture
def sim():
    simulator = YonyouSimulator(now=lambda: NOW)
    simulator.app.logger.disabled = True
    return simulator


@pytest.fixture
def url(sim):
    served = Served(sim)
    yield served.url
    served.close()


@pytest.fixture
def connector(sim, url):
    kind = registry.get("yonyou").load()
    return kind(kind.Config(**sim.settings(url)), Runtime(clock=lambda: NOW))


def theirs(connector) -> PrpCrypto:
    """wechatpy's cipher with the key as the platform derives it from the App Secret."""
    secret = connector.config.app_secret.replace("-", "")
    return PrpCrypto(base64.b64decode((secret + "0" * 43)[:43] + "="))


def envelope(connector, message: str, *, app_key: str = "", secret: str = "") -> bytes:
    encrypt = theirs(connector).encrypt(message, app_key or connector.config.app_key)
    encrypt = encrypt.decode() if isinstance(encrypt, bytes) else encrypt
    signature = wechat_signature(secret or connector.config.app_secret, "1700000000000", "uM48M4qajlEtVCz4", encrypt)
    body = {"msgSignature": signature, "timestamp": 1700000000000, "nonce": "uM48M4qajlEtVCz4", "encrypt": encrypt}
    return json.dumps(body).encode()


def test_what_wechatpy_seals_is_received_and_wechatpy_reads_the_answer(connector) -> None:
    with Receiver(connector) as receiver:
        answer = requests.post(receiver.url, data=envelope(connector, json.dumps(EVENT)), timeout=5)
    assert [event.record_key for event in receiver.events] == ["000805"] and not receiver.errors
    word = theirs(connector).decrypt(answer.json()["encrypt"], connector.config.app_key)
    assert answer.status_code == 200 and word in ("success", b"success")


def test_a_test_event_of_wechatpy_is_answered(connector) -> None:
    message = '{"type":"CHECK_URL","eventId":"e-1","timestamp":1700000000000,"tenantId":"租户一"}'
    opened = connector.open(RawRequest("POST", {}, {}, envelope(connector, message)))
    assert opened.payload["tenantId"] == "租户一"
    assert theirs(connector).decrypt(json.loads(opened.answer)["encrypt"], connector.config.app_key) in ("success", b"success")


def test_what_wechatpy_forges_is_refused(connector) -> None:
    for body, refusal in (
        (envelope(connector, "{}", secret="another"), BadSignature),
        (envelope(connector, "{}", app_key="another-app"), BadPush),
    ):
        with pytest.raises(refusal):
            connector.open(RawRequest("POST", {}, {}, body))


def test_wechatpy_reads_the_simulators_events(sim, connector) -> None:
    body = json.loads(sim.events.envelope(EVENT))
    assert json.loads(theirs(connector).decrypt(body["encrypt"], connector.config.app_key)) == EVENT
    sim.events.variant = "sha1"
    body = json.loads(sim.events.envelope(EVENT))
    expected = wechat_signature(connector.config.app_secret, str(body["timestamp"]), body["nonce"], body["encrypt"])
    assert body["signature"] == expected
    with pytest.raises(InvalidAppIdException):
        theirs(connector).decrypt(json.loads(sim.events.envelope(EVENT, app_key="x"))["encrypt"], connector.config.app_key)


def openssl_hmac(secret: str, text: str) -> str:
    """Base64 of an HMAC-SHA256, by openssl."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    command = [openssl, "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{secret.encode().hex()}", "-binary"]
    return base64.b64encode(subprocess.run(command, input=text.encode(), capture_output=True, check=True).stdout).decode()


def test_openssl_signs_a_token_request_that_the_simulator_accepts(sim, url, connector) -> None:
    where = requests.get(f"{url}/open-auth/dataCenter/getGatewayAddress", {"tenantId": sim.gate.tenant}, timeout=5).json()[
        "data"
    ]
    stamp = "1700000000000"
    signature = openssl_hmac(sim.gate.app_secret, f"appKey{sim.gate.app_key}timestamp{stamp}")
    query = {"appKey": sim.gate.app_key, "timestamp": stamp, "signature": signature}
    there = f"{where['tokenUrl']}/open-auth/selfAppAuth/getAccessToken"
    answer = requests.get(there, query, timeout=5).json()
    assert (answer["code"], answer["data"]["expire"]) == ("00000", 7200)
    assert requests.get(there, {**query, "signature": signature[:-2] + "A="}, timeout=5).json()["code"] == "10018"


def test_openssl_agrees_with_the_token_signature_and_the_events(sim, connector) -> None:
    from connectors.yonyou.callback import signatures
    from connectors.yonyou.calls import signature

    parameters = {"timestamp": "1568098531823", "appKey": "键"}
    assert signature("测试密钥", parameters) == openssl_hmac("测试密钥", "appKey键timestamp1568098531823")
    body = json.loads(sim.events.envelope(EVENT))
    text = "".join(sorted([str(body["timestamp"]), body["nonce"], body["encrypt"]]))
    made = openssl_hmac(sim.gate.app_secret, text)
    assert body["signature"] == made
    assert signatures(sim.gate.app_secret, str(body["timestamp"]), body["nonce"], body["encrypt"])["hmac"] == made
