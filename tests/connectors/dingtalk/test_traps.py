"""Traps of the sheet that no other file tests: spellings of one state, paddings, shapes of one event."""

from __future__ import annotations

import base64
import json
import struct

import pytest

from connectors.dingtalk import sim_callback
from connectors.http import Response

NEW = "v1.0/crm/personalCustomers"


def verdict(org, body, status):
    from connectors.base import Request

    connector = org.connector()
    return connector.interpret(Request("GET", NEW), Response(status, {}, json.dumps(body).encode()))


@pytest.mark.parametrize("status", [400, 403, 404])
@pytest.mark.parametrize("code", ["crmAppNotExisted", "crm.not.installed", "crmApp.not.installed", "crm.not.created"])
def test_a_missing_crm_app_has_four_names(org, code, status):
    found = verdict(org, {"code": code, "message": "m"}, status)
    assert (found.action, found.hint) == ("config_error", "dingtalk.no_crm")


def test_a_push_padded_to_sixteen_is_read(org):
    """One of the platform's own demonstrations pads to 16 and not to 32."""
    sender = org.sim.sender
    message = json.dumps({"EventType": "check_in", "eventId": "e16", "fill": "x" * 7})
    for extra in range(32):
        body = (message + " " * extra).encode()
        content = b"abcdefghij012345" + struct.pack("!I", len(body)) + body + sender.owner.encode()
        missing = 16 - len(content) % 16
        box = sim_callback._cipher(sender.aes_key).encryptor()
        encrypted = base64.b64encode(box.update(content + bytes([missing]) * missing) + box.finalize()).decode()
        request = org.pushed("{}")
        signature = sim_callback.sign(sender.token, request.query["timestamp"], request.query["nonce"], encrypted)
        query = {**request.query, "signature": signature, "msg_signature": signature}
        opened = org.connector().open(type(request)("POST", query, {}, json.dumps({"encrypt": encrypted}).encode()))
        assert opened.dedup_key == "e16"


@pytest.mark.parametrize("people", ["u1", ["u1", "u2"]])
@pytest.mark.parametrize("change", [{"userid": "u1"}, [{"userid": "u1", "prev": {"name": "a"}, "curr": {"name": "b"}}]])
@pytest.mark.parametrize("name", ["UserId", "userId"])
def test_a_changed_member_comes_in_several_shapes(org, people, change, name):
    """diffInfo is an object on the page and a list in reality; UserId is a list or one; case differs with age."""
    push = {"EventType": "user_modify_org", "EventTime": 1768881600123, name: people, "diffInfo": change, "eventId": "e2"}
    connector = org.connector()
    found = connector.events(connector.open(org.pushed(json.dumps(push))))
    wanted = [people] if isinstance(people, str) else people
    assert [(event.stream, event.record_key) for event in found] == [("staff", one) for one in wanted]


@pytest.mark.parametrize("status", [400, 401])
def test_a_dead_token_is_a_400_in_the_new_generation(org, status):
    assert verdict(org, {"code": "InvalidAuthentication", "message": "不合法的access_token"}, status).action == "refresh_token"


def test_success_is_a_word_in_one_answer_and_a_truth_in_another(org):
    """The detail of an approval says "true" as a text: it is not what decides, the result is."""
    for success in ("true", True):
        assert verdict(org, {"success": success, "result": {"status": "RUNNING"}}, 200).action == "ok"
