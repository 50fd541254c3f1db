"""dingtalk-sdk 1.3.8, written by others: it opens our answers and our simulator's pushes, our connector opens its, and it
drives the simulator's old generation."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

pytest.importorskip("dingtalk", reason="dingtalk-sdk is a development dependency")

from dingtalk.client import AppKeyClient
from dingtalk.core.exceptions import DingTalkClientException
from dingtalk.crypto import DingTalkCrypto

from connectors import registry
from connectors.base import RawRequest
from connectors.dingtalk.simulator import CALLBACK_KEY, CALLBACK_TOKEN, CLIENT_ID, CORP_ID, SECRET, DingTalkSimulator
from connectors.errors import BadSignature
from connectors.http import Runtime
from connectors.sandbox import Served

NOW = datetime(2026, 1, 20, 4, tzinfo=UTC)
MESSAGES = (
    '{"EventType":"check_url"}',
    '{"EventType":"bpms_instance_change","title":"张三提交的合同审批😀"}',
    json.dumps({"EventType": "long", "text": "客" * 5000}, ensure_ascii=False),
)


@pytest.fixture
def served():
    sim = DingTalkSimulator(now=lambda: NOW)
    sim.app.logger.disabled = True
    server = Served(sim)
    yield sim, server.url
    server.close()


@pytest.fixture
def connector(served):
    sim, url = served
    kind = registry.get("dingtalk").load()
    return kind(kind.Config(**sim.settings(url)), Runtime(clock=sim.now))


def crypto(owner=CLIENT_ID, token=CALLBACK_TOKEN):
    return DingTalkCrypto(token, CALLBACK_KEY, owner)


@pytest.mark.parametrize("message", MESSAGES, ids=["check", "chinese", "long"])
@pytest.mark.parametrize("owner", [CLIENT_ID, CORP_ID])
def test_our_connector_opens_what_it_seals_and_it_opens_our_answer(connector, message, owner):
    sealed = crypto(owner).encrypt_message(message, timestamp=int(NOW.timestamp() * 1000))
    query = {"msg_signature": sealed["msg_signature"], "timestamp": sealed["timeStamp"], "nonce": sealed["nonce"]}
    opened = connector.open(RawRequest("POST", query, {}, json.dumps({"encrypt": sealed["encrypt"]}).encode()))
    assert opened.plaintext.decode() == message
    answer = json.loads(opened.ack.body)
    place = (answer["msg_signature"], answer["timeStamp"], answer["nonce"], answer["encrypt"])
    assert crypto(owner).decrypt_encrypt_str(*place) == "success"


def test_what_it_seals_with_another_token_is_forged(connector):
    sealed = crypto(token="another").encrypt_message(MESSAGES[0], timestamp=int(NOW.timestamp() * 1000))
    query = {"msg_signature": sealed["msg_signature"], "timestamp": sealed["timeStamp"], "nonce": sealed["nonce"]}
    with pytest.raises(BadSignature):
        connector.open(RawRequest("POST", query, {}, json.dumps({"encrypt": sealed["encrypt"]}).encode()))


@pytest.mark.parametrize("message", MESSAGES, ids=["check", "chinese", "long"])
def test_it_opens_the_pushes_of_our_simulator(served, message):
    query, body = served[0].sender.request(message)
    assert crypto().decrypt_message(body, query["signature"], query["timestamp"], query["nonce"]) == message


def test_our_simulator_takes_an_answer_that_it_seals(served):
    answer = crypto().encrypt_message("success", timestamp=int(NOW.timestamp() * 1000))
    assert served[0].sender._accepts(json.dumps(answer).encode())
    assert not served[0].sender._accepts(json.dumps(crypto().encrypt_message("done")).encode())


def test_it_drives_the_old_generation(served, monkeypatch):
    sim, url = served
    monkeypatch.setattr(AppKeyClient, "API_BASE_URL", url + "/")
    client = AppKeyClient(CORP_ID, CLIENT_ID, SECRET)
    label = sim.people.add_label("级别", "重点客户")
    sim.people.add_staff("u1", "王珊", [1])
    userid = sim.people.add_contact("陈先生", "13600000001", label_ids=[label])
    assert client.post("/topapi/v2/user/get", {"userid": "u1"})["result"]["name"] == "王珊"
    rows = client.post("/topapi/extcontact/list", {"size": 100, "offset": 0})["results"]
    assert [(row["userid"], row["label_ids"]) for row in rows] == [(userid, [label])]
    with pytest.raises(DingTalkClientException) as caught:
        client.post("/topapi/v2/user/get", {"userid": "nobody"})
    assert caught.value.errcode == 60121
    assert sim.gate.fetch() == client.access_token, "the token of the old door is that of the new ones"
