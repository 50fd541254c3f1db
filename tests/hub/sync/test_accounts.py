"""Accounts: connect, check, change, pause, remove; each change says who, and nothing secret is kept longer than needed."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from connectors import errors, registry
from connectors.base import Token
from hub import accounts
from hub.accounts import AccountFault
from hub.models import Account, AccountStream, AccountToken, AuditEntry
from hub.sync.connect import StoredTokens, connect, public_settings

Site = Any
GOOD = {"world": "crm", "secret": "s3cret"}


def row(site: Site, key: str = "crm") -> Any:
    return site.one(Account, key=key)


def audited(site: Site) -> list[tuple[str, str]]:
    return [(entry.who, entry.what) for entry in sorted(site.rows(AuditEntry), key=lambda entry: entry.seq)]


def test_a_new_account_has_its_streams_due(site: Site) -> None:
    site.account()
    tasks = {(item.stream, item.task) for item in site.rows(AccountStream)}
    assert tasks == {(name, "pull") for name in ("staff", "tag", "person", "contact", "order", "refund", "deal", "journal")} | {
        ("order", "rescan")
    }
    assert {item.next_run_at for item in site.rows(AccountStream)} == {site.now} and row(site).config == GOOD | {"spare": ""}
    assert audited(site) == [("test", "account.add")]


@pytest.mark.parametrize(
    ("config", "field", "told"),
    [
        ({"world": "crm"}, "secret", "required"),
        ({"world": "crm", "secret": "abc"}, "secret", "at least 4"),
        (GOOD | {"colour": "red"}, "colour", "not permitted"),
        ({"world": 5, "secret": "s3cret"}, "world", "string"),
    ],
)
def test_a_wrong_configuration_is_told_by_field_and_without_its_values(small: Site, config: Any, field: str, told: str) -> None:
    with pytest.raises(AccountFault) as caught:
        accounts.add(small.hub, "feed", "new", "t", config, by="t")
    assert told in caught.value.problems[field] and "s3cret" not in str(caught.value) and "abc" not in str(caught.value)
    assert small.rows(Account) == []


@pytest.mark.parametrize("key", ["", "A", "a b", "a/b", "-a", "a" * 41, "账号", "a|b", "../x", "a\n"])
def test_a_key_is_part_of_an_address(small: Site, key: str) -> None:
    with pytest.raises(AccountFault) as caught:
        accounts.add(small.hub, "feed", key, "t", GOOD, by="t")
    assert "key" in caught.value.problems


def test_a_key_is_given_once_and_a_platform_must_exist(small: Site) -> None:
    small.account()
    with pytest.raises(AccountFault, match="there is an account 'crm' already"):
        accounts.add(small.hub, "feed", "crm", "t", GOOD, by="t")
    with pytest.raises(AccountFault, match="platform: no connector 'nosuch'; installed: "):
        accounts.add(small.hub, "nosuch", "x", "t", {}, by="t")


# -- check


def test_a_check_finds_what_is_wrong_and_saves_nothing(small: Site) -> None:
    small.world()
    before = small.snapshot()
    assert [finding.ok for finding in accounts.check(small.hub, "feed", GOOD)] == [True]
    (finding,) = accounts.check(small.hub, "feed", GOOD | {"secret": "wrong"})
    assert not finding.ok and finding.fix_zh and finding.fix_en
    assert small.snapshot() == before


def test_an_error_of_the_platform_is_a_finding_with_a_next_step(small: Site) -> None:
    small.world().check_error = errors.ReauthNeeded(code="42001")
    (finding,) = accounts.check_saved(small.hub, "crm")
    assert not finding.ok and finding.code == "42001" and finding.fix_zh and finding.what_en


# -- change


def test_a_secret_left_empty_keeps_its_value_and_a_new_one_replaces_it(site: Site) -> None:
    site.account()
    accounts.change_config(site.hub, "crm", {"world": "crm", "secret": "", "spare": "second"}, by="t")
    assert row(site).config == {"world": "crm", "secret": "s3cret", "spare": "second"}
    accounts.change_config(site.hub, "crm", {"world": "other", "secret": "n3w-one"}, by="t")
    assert row(site).config == {"world": "other", "secret": "n3w-one", "spare": "second"}
    detail = [entry.detail for entry in site.rows(AuditEntry) if entry.what == "account.change"]
    assert detail[0] == {"fields": ["secret", "spare", "world"]} and "n3w-one" not in str(detail)


@pytest.mark.parametrize(
    ("state", "after"), [("failed", "active"), ("needs_auth", "active"), ("paused", "paused"), ("active", "active")]
)
def test_a_change_wakes_what_had_failed_and_not_what_a_person_paused(small: Site, state: str, after: str) -> None:
    small.account()
    if state != "active":
        accounts.set_state(small.hub, "crm", state, reason="x", by="cli:wang")
    accounts.change_config(small.hub, "crm", GOOD, by="t")
    assert row(small).state == after


def test_a_wrong_change_changes_nothing(small: Site) -> None:
    small.account()
    with pytest.raises(AccountFault):
        accounts.change_config(small.hub, "crm", GOOD | {"secret": "abc"}, by="t")
    assert row(small).config["secret"] == "s3cret"


# -- states


def test_pause_and_resume_say_who_and_why(site: Site) -> None:
    site.account()
    with site.hub.db.write() as conn:
        conn.execute(text("UPDATE account_stream SET next_run_at = 9e15, failures = 7"))
    accounts.set_state(site.hub, "crm", "paused", reason="盘点", by="cli:wang")
    assert (row(site).state, row(site).state_reason, row(site).state_by, row(site).state_at) == (
        "paused",
        "盘点",
        "cli:wang",
        site.now,
    )
    accounts.set_state(site.hub, "crm", "active", reason="", by="cli:li")
    assert {(item.next_run_at, item.failures) for item in site.rows(AccountStream)} == {(site.now, 0)}
    assert audited(site)[1:] == [("cli:wang", "account.paused"), ("cli:li", "account.active")]


def test_the_hub_disables_only_what_is_active(small: Site) -> None:
    small.account()
    accounts.set_state(small.hub, "crm", "paused", reason="x", by="cli:wang")
    accounts.set_state(small.hub, "crm", "needs_auth", reason="error.reauth", by="hub")
    assert row(small).state == "paused" and len(audited(small)) == 2


def test_a_removed_account_keeps_its_data_and_none_of_its_secrets(site: Site) -> None:
    site.land(site.person("a", "张伟"))
    StoredTokens(site.hub, site.account()).renew(None, lambda: Token("t0ken", 7200))
    accounts.remove(site.hub, "crm", by="cli:wang")
    assert row(site).state == "removed" and row(site).config == {"world": "crm"}
    assert site.rows(AccountToken) == [] and site.rows(AccountStream) == []
    assert site.golden(site.home("crm/a"))["display_name"] == "张伟"
    for state in ("active", "paused", "failed"):
        with pytest.raises(AccountFault, match="was removed"):
            accounts.set_state(site.hub, "crm", state, reason="", by="t")
    accounts.set_state(site.hub, "crm", "failed", reason="", by="hub")
    assert row(site).state == "removed"


def test_a_removed_account_comes_back_with_its_configuration(site: Site) -> None:
    site.account()
    accounts.remove(site.hub, "crm", by="t")
    with pytest.raises(AccountFault, match="secret"):
        accounts.change_config(site.hub, "crm", {"world": "crm"}, by="t")
    assert row(site).state == "removed"
    accounts.change_config(site.hub, "crm", GOOD, by="t")
    assert row(site).state == "active" and len(site.rows(AccountStream)) == 9


def test_new_streams_of_a_newer_connector_are_planned_and_old_ones_are_off(site: Site) -> None:
    site.account()
    with site.hub.db.write() as conn:
        conn.execute(text("DELETE FROM account_stream WHERE stream IN ('deal', 'tag')"))
        conn.execute(text("UPDATE account_stream SET stream = 'ancient' WHERE stream = 'journal'"))
        conn.execute(text("UPDATE account_stream SET failures = 3 WHERE stream = 'person'"))
    accounts.plan_streams(site.hub)
    streams = {(item.stream, item.task): item for item in site.rows(AccountStream)}
    assert len(streams) == 10 and not streams["ancient", "pull"].enabled and streams["person", "pull"].failures == 3
    before = site.snapshot()
    accounts.plan_streams(site.hub)
    assert site.snapshot() == before


def test_an_account_whose_connector_is_gone_stops_nobody(small: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    small.account("one")
    small.land(small.person("a", "张伟"), key="two")
    with small.hub.db.write() as conn:
        conn.execute(text("UPDATE account SET platform = 'uninstalled' WHERE key = 'one'"))
    accounts.plan_streams(small.hub)
    assert small.land(small.person("b", "李强"), key="two").changed == 1


def test_sync_soon_makes_streams_due(small: Site) -> None:
    small.account()
    small.forward(60)
    accounts.sync_soon(small.hub, "crm", ["person"], by="cli:wang")
    due = {item.stream for item in small.rows(AccountStream) if item.next_run_at > small.now.replace(minute=0)}
    assert due == {"person"} and ("cli:wang", "account.sync") in audited(small)


def test_looking_an_account_up_waits_for_no_writer(small: Site) -> None:
    small.account()
    with small.hub.db.write() as conn:
        conn.execute(text("UPDATE account SET title = 'half written'"))
        assert accounts.get(small.hub, "crm").title == "账号 crm"
        assert [account.key for account in accounts.all_accounts(small.hub)] == ["crm"]


def test_secrets_are_not_among_the_settings_that_mappings_see(small: Site) -> None:
    small.account()
    account = accounts.get(small.hub, "crm")
    assert public_settings(account) == {"account": "crm", "world": "crm"}
    assert connect(small.hub, account).config.secret == "s3cret" and "s3cret" not in repr(account)
    assert registry.get("feed").name == "feed"
