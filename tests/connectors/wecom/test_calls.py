"""Token rules, what refusals become, and the connection check."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connectors import errors
from connectors.base import Request
from connectors.http import Response
from connectors.wecom.sim_gate import App

FOLLOW = "externalcontact/get_follow_user_list"


def verdict(corp, text, path="x", status=200):
    return corp.connector().interpret(Request("GET", path), Response(status, {}, text.encode()))


# ---------------------------------------------------------------- tokens


def test_one_token_serves_many_calls(corp):
    source = corp.connector()
    for _ in range(3):
        source.http.get(FOLLOW)
    assert corp.calls("gettoken") == 1


def test_a_token_is_renewed_before_its_end(corp):
    source = corp.connector()
    source.http.get(FOLLOW)
    corp.sim.gate.same_token = False
    corp.sim.offset += timedelta(seconds=7200 - 299)
    source.http.get(FOLLOW)
    assert corp.calls("gettoken") == 2 and corp.calls(FOLLOW) == 2


def test_tokens_that_die_at_once_are_replaced_a_few_times_and_then_left_for_later(corp, monkeypatch):
    source = corp.connector()
    source.http.get(FOLLOW)
    issue = corp.sim.gate.issue

    def dead(*arguments):
        answer = issue(*arguments)
        corp.sim.kill_tokens()
        return answer

    monkeypatch.setattr(corp.sim.gate, "issue", dead)
    corp.sim.kill_tokens()
    with pytest.raises(errors.Unavailable) as caught:
        source.http.get(FOLLOW)
    assert (caught.value.key, caught.value.code, caught.value.final) == ("error.token_refused", "40014", True)
    assert corp.calls("gettoken") == 4 and corp.calls(FOLLOW) == 5


@pytest.mark.parametrize(
    ("changes", "code"), [({"secret": "not-the-right-one"}, "40001"), ({"corp_id": "ww_another_corp"}, "40013")]
)
def test_a_wrong_secret_is_asked_once_and_never_again(corp, changes, code):
    with pytest.raises(errors.ConfigError) as caught:
        corp.connector(**changes).http.get(FOLLOW)
    assert (caught.value.key, caught.value.code) == ("wecom.secret", code)
    assert corp.calls("gettoken") == 1


def test_a_blocked_address_waits_an_hour(corp):
    corp.sim.gate.wrong_secrets = 2
    for _ in range(2):
        with pytest.raises(errors.ConfigError):
            corp.connector(secret="not-the-right-one").http.get(FOLLOW)
    with pytest.raises(errors.Throttled) as caught:
        corp.connector().http.get(FOLLOW)
    assert (caught.value.key, caught.value.wait) == ("wecom.address_blocked", 3600.0)
    corp.sim.offset += timedelta(seconds=3601)
    assert corp.connector().http.get(FOLLOW)["errcode"] == 0


def test_the_token_travels_in_the_query_alone(corp):
    source = corp.connector()
    token = source.fetch_token()
    signed = source.sign(Request("POST", "x", query={"a": "b"}, json={"c": "d"}), token)
    assert signed.query == {"a": "b", "access_token": token.value}
    assert signed.json == {"c": "d"} and not signed.headers
    assert token.value not in repr(token)


# ---------------------------------------------------------------- verdicts


@pytest.mark.parametrize(
    ("code", "action", "hint"),
    [
        (-1, "retry", None),
        (40001, "config_error", "wecom.secret"),
        (40013, "config_error", "wecom.secret"),
        (40014, "refresh_token", "wecom.token"),
        (42001, "refresh_token", "wecom.token"),
        (42009, "refresh_token", "wecom.token"),
        (60111, "gone", None),
        (40096, "gone", None),
        (84061, "gone", None),
        (40068, "gone", None),
        (45009, "throttle", "wecom.frequency"),
        (45033, "throttle", "wecom.concurrency"),
        (48002, "scope_missing", "wecom.grant_api"),
        (48009, "config_error", "wecom.sync_secret"),
        (60020, "config_error", "wecom.trusted_ip"),
        (701008, "scope_missing", "wecom.licence"),
        (40058, "stop_and_alert", "wecom.bad_request"),
        (99999, "stop_and_alert", None),
    ],
)
def test_each_code_has_its_action(corp, code, action, hint):
    found = verdict(corp, f'{{"errcode":{code},"errmsg":"x"}}')
    assert (found.action, found.hint) == (action, hint)


@pytest.mark.parametrize(
    "text", ['{"errcode":0,"errmsg":"ok"}', '{"ip_list":[]}', '{"errcode":0,"errmsg":"Warning: wrong json format. ok"}']
)
def test_success_is_zero_or_absent(corp, text):
    assert verdict(corp, text).action == "ok"


def test_the_hint_becomes_the_request_id_and_the_address_stays(corp):
    text = "not allow to access from your ip, hint: [1767225600_12_0123ab], from ip: 203.0.113.9, more info at https://x"
    found = verdict(corp, f'{{"errcode":60020,"errmsg":"{text}"}}')
    assert found.request_id == "1767225600_12_0123ab"
    assert found.message == "not allow to access from your ip, from ip: 203.0.113.9"
    bare = verdict(corp, '{"errcode":84061,"errmsg":"not external contact"}')
    assert (bare.message, bare.request_id) == ("not external contact", None)


def test_an_unknown_path_stops_the_stream(corp):
    with pytest.raises(errors.UnknownAnswer) as caught:
        corp.connector().http.get("externalcontact/of_the_future")
    assert caught.value.code == "http 404"


# ---------------------------------------------------------------- configuration


def test_the_open_account_defaults_to_the_corp(corp):
    assert corp.connector().config.open_account == "ww0123456789abcdef"
    assert corp.connector(open_account="brand-a").config.open_account == "brand-a"


@pytest.mark.parametrize(
    "changes",
    [
        {"corp_id": ""},
        {"secret": ""},
        {"callback_aes_key": "short"},
        {"callback_aes_key": "a" * 42 + "!"},
        {"callback_token": "x" * 33},
        {"api_base": "qyapi.weixin.qq.com"},
        {"unknown": "x"},
    ],
)
def test_impossible_settings_are_refused(corp, changes):
    with pytest.raises(ValueError, match="validation error"):
        corp.connector(**changes)


# ---------------------------------------------------------------- check


def bad(findings):
    return {finding.what_en: finding for finding in findings if not finding.ok}


def test_a_healthy_account_has_nothing_to_fix(corp):
    corp.populate("customer", 3)
    findings = corp.connector().check()
    assert bad(findings) == {} and len(findings) == 10
    assert any(finding.what_zh == "看得到 2 名有客户联系功能的成员" for finding in findings)


def test_an_empty_range_is_told(corp):
    findings = corp.connector().check()
    (told,) = [finding for finding in findings if "0 members" in finding.what_en]
    assert "使用范围" in told.fix_zh and "可见范围" in told.fix_zh


def test_a_wrong_secret_ends_the_check_at_once(corp):
    findings = corp.connector(secret="not-the-right-one").check()
    (finding,) = findings
    assert (finding.ok, finding.code) == (False, "40001") and "Secret" in finding.fix_zh
    assert corp.calls("gettoken") == 1


def test_an_untrusted_address_is_told_apart_from_a_wrong_secret(corp):
    corp.sim.app_grant.trusted = {"203.0.113.9"}
    findings = corp.connector().check()
    assert [finding.ok for finding in findings] == [True, False]
    assert findings[1].code == "60020" and "可信 IP" in findings[1].fix_zh


def test_a_missing_right_says_where_to_grant_it(corp):
    corp.sim.app_grant.customer_contact = False
    (finding,) = bad(corp.connector().check()).values()
    assert finding.code == "48002" and "可调用接口的应用" in finding.fix_zh


def test_a_secret_of_another_kind_is_told(corp):
    corp.sim.gate.add(App("the-contacts-sync-secret", kind="contacts_sync"))
    (finding,) = bad(corp.connector(secret="the-contacts-sync-secret").check()).values()
    assert finding.code == "48002" and "通讯录同步" in finding.fix_zh


def test_missing_licences_are_told(corp):
    corp.populate("customer", 2)
    for member in corp.sim.world.staff.values():
        member.licensed = False
    (finding,) = bad(corp.connector().check()).values()
    assert finding.code == "701008" and "接口许可" in finding.fix_zh


def test_a_member_without_customers_is_no_fault(corp):
    corp.populate("staff", 1)
    assert bad(corp.connector().check()) == {}


def test_missing_callback_settings_are_told(corp):
    (finding,) = bad(corp.connector(callback_token="", callback_aes_key="").check()).values()
    assert "EncodingAESKey" in finding.fix_zh


def test_a_platform_that_is_down_is_told_without_blame(corp):
    corp.sim.faults.error["get_api_domain_ip"] = [503] * 9
    (finding,) = corp.connector().check()
    assert (finding.ok, finding.code) == (False, "http 503") and "稍后" in finding.fix_zh
