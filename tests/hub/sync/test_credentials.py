"""Credentials that change: stored with the token or not at all, shared, sealed, and told when one is lost."""

from __future__ import annotations

import dataclasses
import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from connectors import errors
from connectors.base import Credential, Opened, RawRequest, Token
from hub import accounts
from hub.jobs import work
from hub.jobs.plan import Planner
from hub.models import AccountToken, Inbox
from hub.sync import alive
from hub.sync.connect import FETCH_LEASE, StoredTokens, connect
from webhooks.inbox import Inbox as Front

Site = Any


class Killed(BaseException):
    """The process dies here."""


class Platform:
    """Exchanges a refresh token for a token and the next one; the old one is dead at once."""

    def __init__(self) -> None:
        self.valid, self.count = "r0", 0

    def exchange(self, refresh: str) -> Token:
        if refresh != self.valid:
            raise errors.ReauthNeeded(code="4001")
        self.count += 1
        self.valid = f"r{self.count}"
        return Token(f"t{self.count}", 7200, keep={"refresh": self.valid}, renew_in=3600)


@pytest.fixture
def platform() -> Platform:
    return Platform()


def seeded(site: Site) -> StoredTokens:
    stored = tokens(site)
    stored.keep({"refresh": Credential("r0", site.now)})
    return stored


def tokens(site: Site) -> StoredTokens:
    return StoredTokens(site.hub, site.account())


def fetch(site: Site, stored: StoredTokens, platform: Platform, after: Any = None) -> Any:
    """What a connector does: announce, exchange, hand back."""

    def fetched() -> Token:
        stored.spend("refresh")
        token = platform.exchange(stored.credentials()["refresh"].value)
        if after is not None:
            raise after
        return token

    return fetched


def renew(site: Site, platform: Platform, after: Any = None) -> Token | None:
    """One renewal by a process of its own."""
    stored = tokens(site)
    return stored.renew(stored.current(), fetch(site, stored, platform, after))


def test_what_changed_is_stored_with_the_token(site: Site, platform: Platform) -> None:
    seeded(site)
    for number in (1, 2, 3):
        assert renew(site, platform).value == f"t{number}"
        assert tokens(site).credentials()["refresh"].value == f"r{number}" == platform.valid
    row = site.one(AccountToken)
    assert row.spending is None and row.renew_at == site.now + timedelta(seconds=3600)
    assert row.credentials["refresh"]["value"] == "r3" and row.token["value"] == "t3"


def test_they_are_sealed(site: Site) -> None:
    tokens(site).keep({"ticket": Credential("s3cret-ticket", site.now)})
    with site.hub.db.read() as conn:
        held = conn.execute(text("SELECT credentials, token FROM account_token")).one()
    assert b"s3cret" not in bytes(held[0]) and held[1] is None
    assert "s3cret" not in repr(tokens(site).credentials())


def test_an_older_one_never_replaces_a_newer(site: Site) -> None:
    stored = tokens(site)
    stored.keep({"ticket": Credential("new", site.now)})
    stored.keep({"ticket": Credential("old", site.now - timedelta(seconds=1)), "other": Credential("x", site.now)})
    assert {name: one.value for name, one in stored.credentials().items()} == {"ticket": "new", "other": "x"}


def test_a_push_while_a_token_is_fetched_loses_nothing(site: Site, platform: Platform) -> None:
    stored = seeded(site)

    def fetched() -> Token:
        token = fetch(site, stored, platform)()
        alive.received(site.hub, accounts.get(site.hub, "crm"), {"ticket": Credential("t", site.now)})
        return token

    stored.renew(None, fetched)
    assert {name: one.value for name, one in stored.credentials().items()} == {"ticket": "t", "refresh": "r1"}


def test_pushes_at_once_lose_nothing(site: Site) -> None:
    account = accounts.by_id(site.hub, site.account())
    keep = [{f"c{number}": Credential(str(number), site.now)} for number in range(8)]
    threads = [threading.Thread(target=alive.received, args=(site.hub, account, one)) for one in keep]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(tokens(site).credentials()) == 8


def test_a_death_before_the_answer_is_stored_is_told_and_not_repeated_in_silence(
    site: Site, platform: Platform, feed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody needs the token: the planner follows up by itself, and a person is told what was lost and what to do."""
    seeded(site)
    with pytest.raises(Killed):
        renew(site, platform, Killed())
    row = site.one(AccountToken)
    assert row.spending and row.token is None and row.credentials["refresh"]["value"] == "r0" != platform.valid
    monkeypatch.setattr(feed.Feed, "fetch_token", lambda self: fetch(site, self.http.tokens, platform)())
    assert ("renew", "1") not in list(Planner(site.hub).due())
    site.forward(FETCH_LEASE + 2)
    assert ("renew", "1") in list(Planner(site.hub).due())
    work.run(site.hub, "renew", "1")
    account = accounts.get(site.hub, "crm")
    assert (account.state, account.state_reason) == ("needs_auth", "error.credential_lost")
    assert ("renew", "1") not in list(Planner(site.hub).due())


def test_the_death_of_a_process_that_had_not_asked_yet_costs_nothing(
    site: Site, platform: Platform, feed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = seeded(site)

    def dies() -> Token:
        stored.spend("refresh")
        raise Killed

    with pytest.raises(Killed):
        stored.renew(None, dies)
    monkeypatch.setattr(feed.Feed, "fetch_token", lambda self: fetch(site, self.http.tokens, platform)())
    site.forward(FETCH_LEASE + 2)
    work.run(site.hub, "renew", "1")
    assert tokens(site).current().value == "t1" and site.one(AccountToken).spending is None
    assert accounts.get(site.hub, "crm").state == "active"


@pytest.mark.parametrize(
    ("fault", "open_"),
    [
        (errors.InDoubt(), True),
        (errors.UnknownAnswer(), True),
        (errors.Unavailable(), False),
        (errors.Throttled(5), False),
        (errors.ReauthNeeded(), False),
        (errors.ConfigError(), False),
    ],
)
def test_an_announcement_stays_as_long_as_its_outcome_is_not_known(small: Site, fault: Any, open_: bool) -> None:
    stored = seeded(small)

    def fails() -> Token:
        stored.spend("refresh")
        raise fault

    with pytest.raises(type(fault)) as caught:
        stored.renew(None, fails)
    assert caught.value is fault and bool(small.one(AccountToken).spending) is open_


def test_a_fault_after_an_open_announcement_does_not_settle_it(small: Site, platform: Platform) -> None:
    seeded(small)
    with pytest.raises(errors.InDoubt):
        renew(small, platform, errors.InDoubt())
    stored = tokens(small)

    def down() -> Token:
        stored.spend("refresh")
        raise errors.Unavailable

    with pytest.raises(errors.Unavailable):
        stored.renew(None, down)
    for _ in range(2):
        with pytest.raises(errors.ReauthNeeded) as caught:
            renew(small, platform)
        assert caught.value.key == "error.credential_lost" and caught.value.params["credential"] == "refresh"


def test_a_new_authorisation_ends_the_alarm(small: Site, platform: Platform) -> None:
    seeded(small)
    with pytest.raises(errors.InDoubt):
        renew(small, platform, errors.InDoubt())
    tokens(small).keep({"refresh": Credential(platform.valid, small.now)})
    assert small.one(AccountToken).spending is None
    assert renew(small, platform).value == "t2"


def test_steps_that_are_stored_on_the_way_survive_a_later_fault(small: Site) -> None:
    small.account()
    connector = connect(small.hub, accounts.get(small.hub, "crm"))

    def fetched() -> Token:
        connector.kept.spend("code")
        connector.kept.keep(code="", permanent="p1")
        raise errors.Unavailable

    with pytest.raises(errors.Unavailable):
        connector.http.tokens.renew(None, fetched)
    assert connector.kept.value("permanent") == "p1" and not connector.kept.value("code")
    assert small.one(AccountToken).spending is None


def test_a_renewal_in_doubt_is_no_document_in_doubt(small: Site, feed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    small.account()

    def cut(self: Any) -> Token:
        self.kept.spend("refresh")
        raise errors.InDoubt(reason="ConnectionError")

    monkeypatch.setattr(feed.Feed, "fetch_token", cut)
    with pytest.raises(errors.Unavailable) as caught:
        connect(small.hub, accounts.get(small.hub, "crm")).http.get("/x")
    assert caught.value.key == "error.credential_in_doubt" and caught.value.final
    assert small.one(AccountToken).spending


def test_a_token_is_renewed_before_its_refresh_token_lapses(
    site: Site, platform: Platform, feed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded(site)
    monkeypatch.setattr(feed.Feed, "fetch_token", lambda self: fetch(site, self.http.tokens, platform)())
    renew(site, platform)
    site.forward(3599)
    assert ("renew", "1") not in list(Planner(site.hub).due())
    site.forward(2)
    assert ("renew", "1") in list(Planner(site.hub).due())
    work.run(site.hub, "renew", "1")
    assert tokens(site).current().value == "t2"
    work.run(site.hub, "renew", "1")
    assert platform.count == 2, "a ring that comes twice renews once"


def test_a_renewal_that_fails_for_now_is_tried_again(
    small: Site, platform: Platform, feed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded(small)
    renew(small, platform)

    def down(self: Any) -> Token:
        raise errors.Unavailable

    monkeypatch.setattr(feed.Feed, "fetch_token", down)
    small.forward(3601)
    work.run(small.hub, "renew", "1")
    assert accounts.get(small.hub, "crm").state == "active"
    assert ("renew", "1") not in list(Planner(small.hub).due())
    small.forward(alive.AGAIN.total_seconds() + 1)
    assert ("renew", "1") in list(Planner(small.hub).due())


def pushes_tickets(feed: Any, monkeypatch: pytest.MonkeyPatch, site: Site) -> None:
    opened = feed.Feed.open

    def open_(self: Any, request: RawRequest) -> Opened:
        found = opened(self, request)
        if not isinstance(found.payload, dict):
            return found
        return dataclasses.replace(found, keep={"ticket": Credential(found.payload["ticket"], site.now)})

    monkeypatch.setattr(feed.Feed, "open", open_)


def take(site: Site, body: Any) -> None:
    account = accounts.get(site.hub, "crm")
    connector = connect(site.hub, account)
    opened = connector.open(RawRequest("POST", {}, {"x-secret": "s3cret"}, json.dumps(body).encode()))
    Front(site.hub).take(connector, account, opened)


def test_a_pushed_ticket_is_kept_and_stands_nowhere_else(site: Site, feed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    site.account()
    pushes_tickets(feed, monkeypatch, site)
    take(site, {"ticket": "s3cret-ticket"})
    assert site.rows(Inbox) == [] and tokens(site).credentials()["ticket"].value == "s3cret-ticket"
    take(site, [{"stream": "person", "key": "a"}])
    assert len(site.rows(Inbox)) == 1


@pytest.mark.parametrize(("by", "state"), [("hub", "active"), ("anna", "needs_auth")])
def test_a_new_credential_wakes_what_the_hub_had_put_to_sleep(
    small: Site, feed: Any, monkeypatch: pytest.MonkeyPatch, by: str, state: str
) -> None:
    small.account()
    pushes_tickets(feed, monkeypatch, small)
    accounts.set_state(small.hub, "crm", "needs_auth", reason="error.reauth", by=by)
    take(small, {"ticket": "t1"})
    assert accounts.get(small.hub, "crm").state == state


def test_a_repeated_push_does_not_wake(small: Site, feed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    small.account()
    pushes_tickets(feed, monkeypatch, small)
    take(small, {"ticket": "t1"})
    accounts.set_state(small.hub, "crm", "needs_auth", reason="error.reauth", by="hub")
    take(small, {"ticket": "t1"})
    assert accounts.get(small.hub, "crm").state == "needs_auth"


def test_a_removed_account_keeps_none(small: Site) -> None:
    tokens(small).keep({"ticket": Credential("t", small.now)})
    accounts.remove(small.hub, "crm", by="test")
    assert small.rows(AccountToken) == []
