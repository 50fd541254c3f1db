"""Tokens: fetched by one worker however many ask, renewed in time, sealed at rest."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from connectors import errors
from connectors.base import Token
from connectors.errors import Stop
from hub.models import AccountToken
from hub.sync import connect as connecting
from hub.sync.connect import StoredTokens

Site = Any


class Fetch:
    """Gives token-1, token-2 …, slowly, and counts."""

    def __init__(self, life: float | None = 7200, *, wait: float = 0.0) -> None:
        self.count, self.life, self.wait = 0, life, wait

    def __call__(self) -> Token:
        self.count += 1
        threading.Event().wait(self.wait)
        return Token(f"token-{self.count}", self.life, {"cookie": "c"})


def tokens(site: Site) -> StoredTokens:
    return StoredTokens(site.hub, site.account())


def test_a_token_is_fetched_once_and_used_until_it_is_about_to_end(site: Site) -> None:
    stored, fetch = tokens(site), Fetch()
    assert stored.current() is None
    assert stored.renew(None, fetch).value == "token-1"
    for _ in range(3):
        assert stored.current().value == stored.renew(None, fetch).value == "token-1"
    assert stored.current().extra == {"cookie": "c"} and fetch.count == 1
    site.forward(7200 - 300 - 1)
    assert stored.current() is not None
    site.forward(2)
    assert stored.current() is None and stored.renew(None, fetch).value == "token-2"


@pytest.mark.parametrize(("life", "alive"), [(60, 29), (600, 299), (86400, 86400 - 301)])
def test_short_lives_are_halved_and_long_ones_end_five_minutes_early(small: Site, life: float, alive: float) -> None:
    stored = tokens(small)
    stored.renew(None, Fetch(life))
    small.forward(alive)
    assert stored.current() is not None
    small.forward(2)
    assert stored.current() is None


def test_a_token_without_end_stays(small: Site) -> None:
    stored = tokens(small)
    stored.renew(None, Fetch(None))
    small.now += timedelta(days=4000)
    assert stored.current() is not None


def test_a_dead_token_is_replaced_and_somebody_elses_fresh_one_is_taken(site: Site) -> None:
    stored, fetch = tokens(site), Fetch()
    dead = stored.renew(None, fetch)
    assert stored.renew(dead, fetch).value == "token-2"
    assert tokens(site).renew(dead, fetch).value == "token-2" and fetch.count == 2


def test_workers_that_ask_at_once_fetch_once(site: Site) -> None:
    fetch, found = Fetch(wait=0.2), []
    site.account()
    site.hub.sleep = lambda seconds: threading.Event().wait(0.02)
    gate = threading.Barrier(4, timeout=10)

    def work() -> None:
        gate.wait()
        found.append(tokens(site).renew(None, fetch).value)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == ["token-1"] * 4 and fetch.count == 1


def test_a_failed_fetch_frees_the_lease_at_once(site: Site) -> None:
    def broken() -> Token:
        raise errors.ReauthNeeded

    with pytest.raises(errors.ReauthNeeded):
        tokens(site).renew(None, broken)
    began = site.now
    assert tokens(site).renew(None, Fetch()).value == "token-1" and site.now == began


def test_a_worker_that_died_while_fetching_is_waited_for_one_lease(site: Site) -> None:
    tokens(site)._lease()
    began = site.now
    assert tokens(site).renew(None, Fetch()).value == "token-1"
    assert timedelta(seconds=30) < site.now - began <= timedelta(seconds=62)


def test_waiting_for_a_token_ends_when_the_process_is_asked_to_stop(small: Site) -> None:
    tokens(small)._lease()
    small.hub.stopping = lambda: True
    with pytest.raises(Stop):
        tokens(small).renew(None, Fetch())


def test_a_lease_that_never_ends_is_an_error_that_passes(small: Site) -> None:
    small.account()
    small.hub.sleep = lambda seconds: None
    tokens(small)._lease()
    with pytest.raises(errors.Unavailable, match="token_lease"):
        tokens(small).renew(None, Fetch())


def test_a_platform_without_tokens_stores_none(small: Site) -> None:
    assert tokens(small).renew(None, lambda: None) is None
    assert small.one(AccountToken).token is None and tokens(small).current() is None


def test_tokens_are_sealed_and_belong_to_their_account(site: Site) -> None:
    site.account("one")
    StoredTokens(site.hub, site.account("two")).renew(None, lambda: Token("s3cret-t0ken", 7200, {"sid": "s3cret-c00kie"}))
    with site.hub.db.read() as conn:
        stored = bytes(conn.execute(text("SELECT token FROM account_token WHERE token IS NOT NULL")).scalar_one())
    assert b"s3cret" not in stored and StoredTokens(site.hub, site.account("one")).current() is None


def test_an_account_has_one_budget_in_a_process(small: Site) -> None:
    from connectors import registry
    from hub import accounts

    small.account()
    account, kind = accounts.get(small.hub, "crm"), registry.get("feed").load()
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(connecting.budgets_of(small.hub, account, kind))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(item) for item in found}) == 1
