"""Tokens: renewed once in their last day, never after their end, and a person is asked where nothing helps."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connectors.errors import ConfigError, ReauthNeeded
from connectors.jd.connector import REFRESH
from connectors.tokens import MemoryTokens

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
RENEWALS = "/oauth2/refresh_token "


def test_a_token_is_left_alone_until_its_last_day(shop):
    tokens = MemoryTokens(shop.sim.now)
    connector = shop.connector(tokens=tokens)
    shop.read(connector=connector)
    shop.sim.offset += timedelta(days=363, hours=23)
    shop.read(connector=connector)
    assert not shop.sim.calls[RENEWALS]
    shop.sim.offset += 2 * HOUR
    shop.read(connector=connector)
    shop.read(connector=connector)
    assert shop.sim.calls[RENEWALS] == 1 and tokens.current().value != shop.settings["access_token"]


def test_the_same_value_with_a_longer_life_counts_too(shop):
    shop.sim.access.same_value = True
    tokens = MemoryTokens(shop.sim.now)
    connector = shop.connector(tokens=tokens)
    shop.sim.offset += timedelta(days=364, hours=12)
    shop.read(connector=connector)
    shop.read(connector=connector)
    assert shop.sim.calls[RENEWALS] == 1 and tokens.current().value == shop.settings["access_token"]
    shop.sim.offset += timedelta(days=100)
    assert shop.read(connector=connector) == []


def test_a_renewed_token_outlives_a_restart(shop):
    tokens = MemoryTokens(shop.sim.now)
    shop.sim.kill_tokens()
    shop.read(connector=shop.connector(tokens=tokens))
    shop.read(connector=shop.connector(tokens=tokens))
    assert shop.sim.calls[RENEWALS] == 1


def test_an_expired_token_is_not_even_tried(shop):
    connector = shop.connector()
    shop.read(connector=connector)
    shop.sim.offset += timedelta(days=366)
    with pytest.raises(ReauthNeeded) as caught:
        shop.read(connector=connector)
    assert caught.value.key == "jd.reauth" and not shop.sim.calls[RENEWALS]


def test_a_dead_token_is_renewed_once(shop):
    connector = shop.connector()
    shop.sim.kill_tokens()
    shop.read(connector=connector)
    assert shop.sim.calls[RENEWALS] == 1


def test_without_a_refresh_token_a_person_is_asked(shop):
    shop.sim.kill_tokens()
    with pytest.raises(ReauthNeeded):
        shop.read(connector=shop.connector(refresh_token=""))
    assert not shop.sim.calls[RENEWALS]


def test_a_refused_renewal_is_final(shop):
    shop.sim.kill_tokens()
    with pytest.raises(ReauthNeeded) as caught:
        shop.read(connector=shop.connector(refresh_token="of somebody else"))
    assert caught.value.request_id and shop.sim.calls[RENEWALS] == 1


def test_a_new_consent_replaces_what_was_stored(shop):
    tokens = MemoryTokens(shop.sim.now)
    shop.read(connector=shop.connector(tokens=tokens))
    shop.sim.kill_tokens()
    fresh = shop.sim.access.authorise(shop.settings["app_key"], "10000001", shop.sim.now())
    changes = {"access_token": fresh.value, "refresh_token": fresh.refresh_token, "token_ends": fresh.ends.isoformat()}
    assert shop.read(connector=shop.connector(tokens=tokens, **changes)) == []
    assert tokens.current().value == fresh.value and not shop.sim.calls[RENEWALS]


def test_the_renewal_is_not_signed_and_travels_alone(shop):
    connector = shop.connector()
    shop.sim.kill_tokens()
    sent = []
    sign = connector.sign
    connector.sign = lambda request, token: sent.append((request, sign(request, token))) or sent[-1][1]
    shop.read(connector=connector)
    [renewal] = [signed for request, signed in sent if request.name == REFRESH]
    assert set(renewal.query) == {"app_key", "app_secret", "grant_type", "refresh_token"} and renewal.form is None


def test_the_authorisation_of_another_vendor_is_noticed(shop):
    bad = [finding for finding in shop.connector(vender_id="999").check() if not finding.ok]
    assert len(bad) == 1 and "商家" in bad[0].fix_zh


def test_an_end_within_a_week_is_told_where_nothing_renews(shop):
    ends = (shop.sim.now() + timedelta(days=6)).isoformat()
    findings = shop.connector(refresh_token="", token_ends=ends).check()
    assert [finding.ok for finding in findings].count(False) == 1
    assert all(finding.ok for finding in shop.connector(token_ends=ends).check())


@pytest.mark.parametrize("ends", ["2026-03-01T12:00:00", "soon"])
def test_an_end_without_zone_is_refused(shop, ends):
    with pytest.raises(ValueError, match="token_ends"):
        shop.connector(token_ends=ends)


def test_a_wrong_clock_is_named(shop):
    connector = shop.connector()
    connector.clock = lambda: shop.sim.now() + timedelta(minutes=10)
    with pytest.raises(ConfigError) as caught:
        shop.read(connector=connector)
    assert caught.value.key == "jd.clock"
