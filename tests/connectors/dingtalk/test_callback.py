"""Traps of HTTP pushes: owner keys, spellings, times, events of other subjects."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from connectors.base import RawRequest
from connectors.dingtalk import sim_callback
from connectors.dingtalk.simulator import CONTRACT, CORP_ID
from connectors.errors import BadPush, BadSignature

FINISH = {"EventType": "bpms_instance_change", "EventTime": 1768881600123, "processCode": CONTRACT, "processInstanceId": "pi1",
          "type": "finish", "result": "agree", "eventId": "e1"}  # fmt: skip


def events(org, message, **changes):
    connector = org.connector()
    return connector.events(connector.open(org.pushed(json.dumps(message, ensure_ascii=False), **changes)))


@pytest.mark.parametrize("owner", [None, CORP_ID])
def test_both_owner_keys_are_taken_and_the_answer_has_the_one_that_came(org, owner):
    org.sim.sender.owner = owner or org.sim.sender.owner
    opened = org.connector().open(org.pushed(json.dumps(FINISH)))
    sealed = json.loads(opened.ack.body)["encrypt"]
    assert sim_callback.unseal(org.sim.sender.aes_key, sealed) == ("success", org.sim.sender.owner)


def test_a_push_for_another_organisation_is_refused(org):
    org.sim.sender.owner = "dingSomebodyElse"
    with pytest.raises(BadPush) as caught:
        org.connector().open(org.pushed(json.dumps(FINISH)))
    assert caught.value.key == "dingtalk.callback_owner"


def test_another_aes_key_is_told_as_such(org):
    org.sim.sender.aes_key = "Q" * 43
    with pytest.raises(BadPush) as caught:
        org.connector().open(org.pushed(json.dumps(FINISH)))
    assert caught.value.key == "dingtalk.callback_aes_key"


@pytest.mark.parametrize("name", ["signature", "msg_signature"])
def test_either_name_of_the_signature_will_do(org, name):
    request = org.pushed(json.dumps(FINISH))
    query = {name: request.query["signature"], "timeStamp": request.query["timestamp"], "nonce": request.query["nonce"]}
    assert org.connector().open(RawRequest("POST", query, {}, request.body)).dedup_key == "e1"


def test_seconds_and_milliseconds_are_both_times(org):
    org.sim.sender.seconds = True
    assert events(org, FINISH)


@pytest.mark.parametrize("hours", [-1.1, 1.1])
def test_a_push_more_than_an_hour_away_is_refused(org, hours):
    request = org.pushed(json.dumps(FINISH))
    org.sleep(hours * 3600)
    with pytest.raises(BadSignature):
        org.connector().open(request)


def test_line_breaks_in_the_ciphertext_are_taken_out(org):
    request = org.pushed(json.dumps(FINISH))
    sealed = json.loads(request.body)["encrypt"]
    broken = json.dumps({"encrypt": sealed[:76] + "\n" + sealed[76:]}).encode()
    assert org.connector().open(RawRequest("POST", request.query, {}, broken)).dedup_key == "e1"


def test_old_and_new_spelling_give_the_same_record(org):
    new = events(org, {"EventType": "user_modify_org", "EventTime": 1768881600000, "eventId": "e", "UserId": ["u1", "u2"]})
    old = events(org, {"EventType": "user_modify_org", "TimeStamp": "1768881600000", "userId": ["u1", "u2"]})
    assert [(e.stream, e.record_key, e.time) for e in new] == [(e.stream, e.record_key, e.time) for e in old]
    assert new[0].time == datetime(2026, 1, 20, 4, tzinfo=UTC)


def test_without_an_event_id_the_text_tells_pushes_apart(org):
    connector = org.connector()
    keys = {connector.open(org.pushed(json.dumps({"EventType": "check_url", "n": n}))).dedup_key for n in (1, 1, 2)}
    assert len(keys) == 2


def test_an_approval_of_the_template_is_a_deal(org):
    assert [(e.stream, e.record_key, e.kind) for e in events(org, FINISH)] == [("deal", "pi1", "bpms_instance_change")]


@pytest.mark.parametrize(
    "message",
    [
        {"EventType": "check_url"},
        {**FINISH, "processCode": "PROC-LEAVE"},
        {"EventType": "bpms_task_change", "processCode": CONTRACT, "processInstanceId": "pi1"},
        {"EventType": "ding_paas_object_data_update", "DataId": "x", "ObjectType": "crm_custom_thing"},
        {"EventType": "something_new", "eventId": "n"},
    ],
)
def test_other_subjects_are_answered_and_change_nothing(org, message):
    assert events(org, message) == []


def test_a_changed_form_stands_for_all_its_tags(org):
    org.sim.crm.add_option("crm_customer", "重点")
    org.sim.crm.add_option("crm_customer_personal", "高意向")
    (event,) = events(org, {"EventType": "ding_crm_object_meta", "eventId": "m", "objectName": "crm_customer_personal"})
    found = dict(org.connector().fetch_many(event.stream, [event.record_key]))
    assert [tag["option"]["value"] for tag in found.values()] == ["高意向"]


def test_without_keys_a_push_says_where_to_set_them(org):
    with pytest.raises(BadPush) as caught:
        org.connector(callback_token="", callback_aes_key="").open(org.pushed("{}"))
    assert caught.value.key == "dingtalk.callback_unset"


def test_a_sealed_text_that_is_no_object_is_refused(org):
    with pytest.raises(BadPush):
        org.connector().open(org.pushed("[1]"))
