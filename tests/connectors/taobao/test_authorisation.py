"""Sessions: renewed where the kind of application can, else a person is asked; and what check() says."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from connectors.base import Request
from connectors.errors import (
    ConfigError,
    Gone,
    InvalidRecord,
    ReauthNeeded,
    ScopeMissing,
    Throttled,
    Unavailable,
    UnknownAnswer,
)
from connectors.http import Response, as_error
from connectors.tokens import MemoryTokens

ORDERS, REFRESH = "taobao.trades.sold.increment.get", "taobao.top.auth.token.refresh"
DAY = timedelta(days=1)


def refreshes(shop):
    return shop.sim.calls[f"/router/rest {REFRESH}"]


def test_a_dead_session_is_renewed_once_and_the_walk_goes_on(shop):
    keys = shop.orders(250)
    pages = shop.connector().pages("order", shop.window(), None)
    got = [str(record["tid"]) for record in next(pages).records]
    shop.sim.kill_tokens()
    got += [str(record["tid"]) for page in pages for record in page.records]
    assert set(got) == set(keys)
    assert refreshes(shop) == 1


def test_renewal_uses_the_newest_refresh_token_not_the_configured_one(shop):
    shop.orders(1)
    tokens = MemoryTokens(shop.sim.now)
    for _ in range(3):
        shop.sim.kill_tokens()
        assert len(shop.read(connector=shop.connector(tokens=tokens))) == 1
    assert refreshes(shop) == 3


def test_a_back_office_application_asks_for_a_new_authorisation_and_does_not_loop(back_office):
    back_office.orders(1)
    back_office.sim.kill_tokens()
    with pytest.raises(ReauthNeeded) as caught:
        back_office.read()
    assert caught.value.key == "taobao.reauth"
    assert back_office.sim.calls[f"/router/rest {ORDERS}"] == 1
    assert refreshes(back_office) == 0


def test_a_withdrawn_consent_asks_for_a_new_authorisation(shop):
    shop.sim.access.withdraw(shop.settings["app_key"], shop.settings["shop"])
    with pytest.raises(ReauthNeeded) as caught:
        shop.read()
    assert caught.value.key == "taobao.reauth"
    assert refreshes(shop) == 1


def test_a_new_session_in_the_settings_replaces_the_stored_one(back_office):
    back_office.orders(1)
    tokens = MemoryTokens(back_office.sim.now)
    back_office.read(connector=back_office.connector(tokens=tokens))
    new = back_office.sim.access.authorise(back_office.settings["app_key"], back_office.settings["shop"], back_office.sim.now())
    with pytest.raises(ReauthNeeded):
        back_office.read(connector=back_office.connector(tokens=tokens))
    assert len(back_office.read(connector=back_office.connector(tokens=tokens, session=new.value))) == 1


def test_a_session_is_renewed_before_its_end(shop):
    tokens = MemoryTokens(shop.sim.now)
    ends = (shop.sim.now() + 30 * DAY).date()
    shop.read(connector=shop.connector(tokens=tokens, session_ends=ends))
    shop.sim.offset += 20 * DAY
    shop.read(connector=shop.connector(tokens=tokens, session_ends=ends))
    assert refreshes(shop) == 0
    shop.sim.offset += 8 * DAY
    shop.read(connector=shop.connector(tokens=tokens, session_ends=ends))
    assert refreshes(shop) == 1
    shop.read(connector=shop.connector(tokens=tokens, session_ends=ends))
    assert refreshes(shop) == 1


def test_a_short_session_is_renewed_after_half_its_life(shop):
    tokens = MemoryTokens(shop.sim.now)
    key = shop.settings["app_key"]
    short = shop.sim.access.authorise(key, shop.settings["shop"], shop.sim.now(), DAY)
    settings = {"session": short.value, "refresh_token": short.refresh_token}
    shop.sim.kill_tokens()
    shop.read(connector=shop.connector(tokens=tokens, **settings))
    assert refreshes(shop) == 1
    shop.sim.offset += timedelta(hours=13)
    shop.read(connector=shop.connector(tokens=tokens, **settings))
    assert refreshes(shop) == 2


def test_an_odd_token_answer_is_said_so(shop, monkeypatch):
    monkeypatch.setattr("connectors.taobao.sim_access.Access.refresh", lambda *_: {"expires_in": "soon"})
    shop.sim.kill_tokens()
    with pytest.raises(UnknownAnswer, match=r"taobao\.odd_answer"):
        shop.read()


def test_secrets_are_not_shown(shop):
    text = repr(shop.connector().config)
    for name in ("app_secret", "session", "refresh_token"):
        assert shop.settings[name] not in text


# -- what each code means


@pytest.mark.parametrize(
    ("code", "sub", "kind", "key"),
    [
        (27, "invalid-sessionkey", ReauthNeeded, "taobao.reauth"),
        (27, "session-expired", ReauthNeeded, "taobao.reauth"),
        (53, "invalid-sessionkey", ReauthNeeded, "taobao.reauth"),
        (15, "isv.r2-security-authorize-invalid", ReauthNeeded, "taobao.level"),
        (12, "isv.w2-security-authorize-invalid", ReauthNeeded, "taobao.level"),
        (4, "", Throttled, None),
        (5, "", Throttled, None),
        (6, "", Throttled, None),
        (7, "accesscontrol.limited-by-app-access-count", Throttled, None),
        (7, "accesscontrol.limited-by-dynamic-access-count", Throttled, None),
        (8, "", Throttled, None),
        (15, "isp.call-limited", Throttled, None),
        (10, "", Unavailable, None),
        (15, "", Unavailable, None),
        (15, "isp.remote-service-error", Unavailable, None),
        (15, "isp.remote-service-timeout-tmall", Unavailable, None),
        (15, "isp.top-remote-connection-timeout", Unavailable, None),
        (15, "isp.system-busy", Unavailable, None),
        (520, "isp.unknown-error", Unavailable, None),
        (15, "isv.request-replay-error", Unavailable, None),
        (15, "isv.trade-not-exist", Gone, None),
        (15, "isv.refund-not-exist", Gone, None),
        (15, "isv.shop-not-exist", InvalidRecord, "taobao.refused"),
        (15, "isv.user-not-exist:invalid-nick", InvalidRecord, "taobao.refused"),
        (15, "isv.oaid-field-miss", InvalidRecord, "taobao.refused"),
        (520, "isv.something-old", InvalidRecord, "taobao.refused"),
        (40, "isv.missing-parameter:tid", InvalidRecord, "taobao.parameter"),
        (41, "isv.invalid-parameter:tid", InvalidRecord, "taobao.parameter"),
        (11, "isv.permission-api-package-limit", ScopeMissing, "taobao.package"),
        (11, "isv.permission-ip-whitelist-limit", ScopeMissing, "taobao.ip"),
        (12, "", ScopeMissing, "taobao.owner"),
        (13, "", ScopeMissing, "taobao.package"),
        (24, "", ConfigError, "taobao.secret"),
        (25, "", ConfigError, "taobao.secret"),
        (28, "", ConfigError, "taobao.app_key"),
        (29, "isv.appkey not exists", ConfigError, "taobao.app_key"),
        (30, "", ConfigError, "taobao.clock"),
        (31, "isv.timestamp-limit-error", ConfigError, "taobao.clock"),
        (22, "", UnknownAnswer, "taobao.fault"),
        (26, "", UnknownAnswer, "taobao.fault"),
        (43, "", UnknownAnswer, "taobao.fault"),
        (999, "", UnknownAnswer, None),
    ],
)
@pytest.mark.parametrize("as_text", [False, True])
def test_every_family_of_codes_has_its_next_step(shop, code, sub, kind, key, as_text):
    error = {"code": str(code) if as_text else code, "msg": "m", "request_id": "r1"} | ({"sub_code": sub} if sub else {})
    request = Request("POST", "/router/rest", name=ORDERS)
    connector = shop.connector()
    verdict = connector.interpret(request, Response(200, {}, json.dumps({"error_response": error}).encode()))
    raised = as_error(verdict, request, "taobao")
    assert type(raised) is kind
    assert raised.request_id == "r1"
    if key:
        assert raised.key == key
        assert key in connector.manifest.messages


@pytest.mark.parametrize("status", [400, 403, 404, 500, 502])
def test_any_other_http_status_is_a_passing_fault(shop, status):
    verdict = shop.connector().interpret(Request("POST", "/", name=ORDERS), Response(status, {}, b"<html>"))
    assert verdict.action == "retry"


# -- check


def said(findings):
    return {finding.what_en: finding for finding in findings}


def test_check_is_content(shop):
    assert all(finding.ok for finding in shop.connector().check())


def test_check_names_a_wrong_clock(shop):
    found = shop.connector(clock=lambda: shop.sim.now() + timedelta(minutes=7)).check()
    assert [finding.ok for finding in found] == [False, True, True, True, True, True, True]
    assert "NTP" in found[0].fix_en


def test_check_names_another_shop(shop):
    found = shop.connector(shop="别人的店").check()
    assert [finding.ok for finding in found] == [True, False, True, True, True, True, True]
    assert "another shop" in found[1].fix_en


def test_check_names_a_missing_package(crm):
    """An application of the CRM kind that was entered as a back-office one gets neither orders nor refunds."""
    found = crm.connector(app_kind="back_office").check()
    assert [finding.ok for finding in found] == [True, True, False, False, True, True, True]
    assert found[2].code == "11/isv.permission-api-package-limit"
    assert "crm" in found[2].fix_zh and "crm" in found[2].fix_en


def test_check_warns_two_weeks_before_a_fixed_end(back_office):
    today = back_office.sim.now().date()
    assert all(finding.ok for finding in back_office.connector(session_ends=today + 20 * DAY).check())
    (last,) = [f for f in back_office.connector(session_ends=today + 10 * DAY).check() if not f.ok]
    assert "two weeks" in last.what_en


def test_check_names_a_wrong_secret(shop):
    found = shop.connector(app_secret="not the secret").check()
    assert not found[0].ok
    assert found[0].code == "25"
    assert "md5" in found[0].fix_en


def test_check_survives_a_platform_that_is_down(shop):
    shop.sim.faults.error[""] = [503] * 100
    found = shop.connector().check()
    assert [finding.ok for finding in found] == [False, False, False, False, False, False, True]
    assert all(finding.fix_zh and finding.fix_en for finding in found if not finding.ok)
