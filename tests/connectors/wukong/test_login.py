"""Login: one session per slot, no war over it, no second try with a wrong password, and no password in any log."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from connectors.errors import ConfigError, ReauthNeeded, ScopeMissing, Throttled, Unavailable, UnknownAnswer
from connectors.wukong.sim_store import Refusal

LOGIN = "/login"


def test_another_slot_does_not_kick_us(place, browser, browse):
    connector = place.connector()
    connector.fetch_one("staff", "1")
    settings = place.sim.settings("")
    browse(place.served.url, settings["username"], settings["password"], slot=1)
    browse(place.served.url, settings["username"], settings["password"], slot=2)
    connector.fetch_one("staff", "1")
    assert browser.form("adminUser/queryLoginUser")["data"]["extra"] == 1, "the same slot was not kicked"
    assert place.sim.calls[LOGIN] == 4


def test_a_kicked_session_keeps_away_for_ten_minutes(place):
    first, second = place.connector(), place.connector()
    first.fetch_one("staff", "1")
    second.fetch_one("staff", "1")
    logins = place.sim.calls[LOGIN]
    with pytest.raises(Throttled) as caught:
        first.fetch_one("staff", "1")
    assert caught.value.key == "wukong.kicked"
    assert 595 <= caught.value.wait <= 600
    assert caught.value.params["message"] == "2026-03-01 09:00:00"
    place.sleep(540)
    with pytest.raises(Throttled) as caught:
        first.fetch_one("staff", "1")
    assert 55 <= caught.value.wait <= 61
    assert place.sim.calls[LOGIN] == logins, "logged in while it should keep away"


def test_after_ten_minutes_it_logs_in_once_and_two_rivals_do_not_loop(place):
    first, second = place.connector(), place.connector()
    first.fetch_one("staff", "1")
    second.fetch_one("staff", "1")
    logins = place.sim.calls[LOGIN]
    place.sleep(601)
    first.fetch_one("staff", "1")
    assert place.sim.calls[LOGIN] == logins + 1
    for _ in range(20):
        with pytest.raises(Throttled):
            second.fetch_one("staff", "1")
        first.fetch_one("staff", "1")
    assert place.sim.calls[LOGIN] == logins + 1


def test_the_pause_is_measured_by_the_servers_own_clock(place):
    """Our clock is a day fast: the kick would look long past, and both would log in with every call."""
    first = place.connector(clock=lambda: place.sim.now() + timedelta(days=1))
    first.fetch_one("staff", "1")
    place.connector().fetch_one("staff", "1")
    with pytest.raises(Throttled):
        first.fetch_one("staff", "1")


def test_a_token_that_is_over_is_fetched_once(place):
    connector = place.connector()
    connector.fetch_one("staff", "1")
    place.sim.logins.life = timedelta(days=7)
    place.sleep(8 * 86_400)
    connector.fetch_one("staff", "1")
    assert place.sim.calls[LOGIN] == 2


def test_a_token_in_daily_use_lives_for_ever(place):
    connector = place.connector()
    for _ in range(10):
        connector.fetch_one("staff", "1")
        place.sleep(86_400)
    assert place.sim.calls[LOGIN] == 1


def test_a_wrong_password_is_tried_once(place):
    connector = place.connector(password="wrong-Password1")
    with pytest.raises(ReauthNeeded) as caught:
        connector.fetch_one("staff", "1")
    assert caught.value.key == "wukong.login_refused"
    assert caught.value.code == "login:1004"
    assert place.sim.calls[LOGIN] == 1


def test_a_locked_account_waits(place, browse):
    settings = place.sim.settings(place.served.url)
    codes = [browse(place.served.url, settings["username"], "wrong").login["code"] for _ in range(4)]
    assert codes == [1004, 1004, 1004, 1010]
    with pytest.raises(Throttled) as caught:
        place.connector().fetch_one("staff", "1")
    assert (caught.value.key, caught.value.wait) == ("wukong.locked", 180.0)
    place.sleep(121)
    place.connector().fetch_one("staff", "1")


def test_a_disabled_account_says_so(place):
    place.sim.logins.users[14773].status = 0
    with pytest.raises(ReauthNeeded) as caught:
        place.connector().fetch_one("staff", "1")
    assert caught.value.key == "wukong.login_disabled"


def test_1003_and_1004_mean_other_things_elsewhere(place, monkeypatch):
    def refuse(code):
        def handler(*_):
            raise Refusal(code)

        monkeypatch.setitem(place.sim.desk.handlers, "adminUser/queryUserList", (True, handler))

    connector = place.connector()
    for code, expected in ((1004, Unavailable), (1003, UnknownAnswer), (1001, Unavailable), (410, ConfigError)):
        refuse(code)
        with pytest.raises(expected) as caught:
            connector.fetch_one("staff", "1")
        assert caught.value.code == str(code)
    assert place.sim.calls[LOGIN] == 1


def test_an_unknown_code_stops_the_stream(place, monkeypatch):
    def handler(*_):
        raise Refusal(2999, "某公司已存在")

    monkeypatch.setitem(place.sim.desk.handlers, "adminUser/queryUserList", (True, handler))
    with pytest.raises(UnknownAnswer) as caught:
        place.connector().fetch_one("staff", "1")
    assert caught.value.code == "2999"
    assert "某公司" not in str(caught.value), "the server's sentences may hold names"


def test_http_401_is_a_missing_right_not_a_dead_token(place):
    place.sim.logins.users[14773].denied.add("adminUser/queryUserList")
    with pytest.raises(ScopeMissing) as caught:
        place.connector().fetch_one("staff", "1")
    assert caught.value.key == "wukong.no_right"
    assert place.sim.calls[LOGIN] == 1


def test_another_edition_is_named(place):
    """A server without these paths (PHP, cloud) answers 404."""
    connector = place.connector(base_url=f"{place.served.url}/index.php")
    with pytest.raises(ConfigError) as caught:
        connector.fetch_one("staff", "1")
    assert caught.value.key == "wukong.edition"


def test_the_check_names_a_lesser_role(place):
    place.sim.add_user("13800000009", "Sales@2026", "销售")
    findings = place.connector(username="13800000009", password="Sales@2026").check()
    bad = [finding for finding in findings if not finding.ok]
    assert [finding.what_en for finding in bad] == ["The service account is a super administrator"]


def test_the_check_stops_at_a_refused_login(place):
    (finding,) = place.connector(password="wrong-Password1").check()
    assert not finding.ok and finding.fix_zh and finding.code == "login:1004"


def test_the_password_must_not_travel_in_clear(place):
    with pytest.raises(ValidationError) as caught:
        place.connector(base_url="http://crm.example.com")
    assert "https" in str(caught.value)
    place.connector(base_url="https://crm.example.com/crm")


def test_nothing_secret_is_logged(place, caplog):
    password = place.sim.settings("")["password"]
    connector = place.connector()
    with capture_logs() as logged, caplog.at_level(logging.DEBUG):
        connector.check()
        place.sim.faults.cut_after[LOGIN] = 9
        with pytest.raises(Unavailable) as caught:
            place.connector().fetch_token()
    token = connector.http.tokens.current().value
    text = f"{logged} {caplog.text} {caught.value!r} {caught.value} {connector.config!r}"
    assert password not in text and token not in text
    assert any(entry["name"] == "login" for entry in logged if "name" in entry)
