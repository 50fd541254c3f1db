"""Traps of answers: two generations, codes behind every HTTP status, quotas, punishment."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from connectors import errors
from connectors.base import Request
from connectors.http import Response


def verdict(org, body, status=200, path="v1.0/crm/personalCustomers"):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return org.connector().interpret(Request("GET", path), Response(status, {}, content))


OLD = "https://oapi.example/topapi/v2/user/get"


@pytest.mark.parametrize(
    ("status", "code", "action"),
    [
        (400, "InvalidAuthentication", "refresh_token"),
        (401, "whatever", "refresh_token"),
        (400, "invalidClientIdOrSecret", "config_error"),
        (400, "request.too.frequent", "throttle"),
        (400, "same.data.exists", "duplicate"),
        (403, "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi", "throttle"),
        (403, "Forbidden.AccessDenied.QpmLimitForAppkeyAndApi", "throttle"),
        (403, "Forbidden.AccessDenied.AccessTokenPermissionDenied", "scope_missing"),
        (403, "crm.not.created", "config_error"),
        (403, "some.new.refusal", "stop_and_alert"),
        (429, "some.new.busy", "throttle"),
        (500, "some.new.failure", "retry"),
        (504, "service.timeout", "retry"),
        (400, "some.new.code", "stop_and_alert"),
    ],
)
def test_the_new_generation_is_judged_by_code_and_not_by_status(org, status, code, action):
    assert verdict(org, {"code": code, "message": "m", "requestid": "R1"}, status).action == action


@pytest.mark.parametrize(
    ("body", "action"),
    [
        ({"errcode": 0}, "ok"),
        ({"errcode": "0"}, "ok"),
        ({"errcode": 88, "sub_code": "40014", "sub_msg": "token"}, "refresh_token"),
        ({"errcode": 88, "errmsg": "timeout"}, "retry"),
        ({"errcode": 15, "sub_code": "isp.top-remote-connection-timeout"}, "retry"),
        ({"errcode": 40014}, "refresh_token"),
        ({"errcode": 60121}, "gone"),
        ({"errcode": 90018}, "throttle"),
        ({"errcode": 99999}, "stop_and_alert"),
        ({}, "stop_and_alert"),
    ],
)
def test_the_old_generation_says_200_and_means_its_code(org, body, action):
    assert verdict(org, body, path=OLD).action == action


@pytest.mark.parametrize("path", ["v1.0/crm/personalCustomers", OLD])
def test_a_punished_address_keeps_still_for_five_minutes(org, path):
    found = verdict(org, {"status": 1111, "wait": 5, "source": "x5", "punish": "deny", "uuid": "u"}, path=path)
    assert (found.action, found.wait) == ("throttle", 300.0)


def test_a_month_that_is_used_up_waits_for_the_first(org):
    org.sim.gate.quota = 1
    org.read("person", org.window(hours=1))
    with pytest.raises(errors.Throttled) as caught:
        org.read("person", org.window(hours=1))
    assert caught.value.key == "dingtalk.month_quota"
    # 2026-01-20 12:00 in Shanghai; the month ends 11.5 days later, and a minute is added.
    assert caught.value.wait == 11.5 * 86400 + 60
    org.sleep(caught.value.wait)
    assert org.read("person", org.window(hours=1)) == []


def test_both_generations_say_it_their_own_way(org):
    assert verdict(org, {"errcode": 90020, "errmsg": "m"}, path=OLD).wait == 11.5 * 86400 + 60
    assert verdict(org, {"code": "daily.call.limit", "message": "m"}, 400).wait == 12 * 3600 + 60


def test_the_token_is_in_the_query_or_in_the_header_and_never_in_both(org):
    org.connector().fetch_one("staff", "nobody")
    org.read("person", org.window(hours=1))
    token, gate = org.sim.gate.token, org.sim.gate
    with pytest.raises(Exception, match="41001"):
        gate.admit_old("", "x", "", False, "")
    gate.admit_old(token, "x", "", False, "")
    gate.admit_new(token, "y", "", False, "")


def test_a_token_is_given_back_before_its_end_and_works_for_both(org):
    connector = org.connector()
    first = connector.fetch_token()
    org.sim.offset += timedelta(hours=1)
    again = connector.fetch_token()
    assert again.value == first.value and again.expires_in == 6900


def test_wrong_secrets_are_tried_once(org):
    with pytest.raises(errors.ConfigError) as caught:
        org.connector(client_secret="wrong-secret-wrong").fetch_one("staff", "u")
    assert caught.value.key == "dingtalk.credentials" and org.sim.calls["/v1.0/oauth2/accessToken"] == 1


def test_twenty_calls_a_second_and_the_next_one_waits(org):
    keys = [org.sim.people.add_staff(f"u{i}", "某", [1])["userid"] for i in range(25)]
    assert len(dict(org.connector().fetch_many("staff", keys))) == 25
    assert org.slept and max(org.slept) <= 1.0


def test_an_address_off_the_list_says_where_to_add_it(org):
    org.sim.gate.trusted = {"203.0.113.9"}
    findings = {f.what_en: f for f in org.connector().check()}
    assert "Security settings" in findings["Departments and members can be read"].fix_en
