"""Sign-in with a platform: bound to the browser, once, for linked members alone; refusals say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from hub import accounts
from hub.admin.users import create_user, set_active
from hub.app import create_app
from hub.models import AuditEntry, SignInState
from hub.people import links
from hub.store.database import Database
from tests.hub.people.conftest import House


@pytest.fixture
def db(lite: Database) -> Database:
    """Pages are the same on both databases; what they call is tested on both."""
    return lite


@pytest.fixture
def lobby(house: House) -> Iterator[tuple[House, Any, str, int]]:
    """The pages, a member, and a user who is linked to him."""
    member = house.sim.employ(1)[0]
    user = create_user(house.hub, "wang@hub.local", "a long enough password", ["operator"])
    links.link(house.hub, user, "wecom", member.lower(), by="test")
    app = create_app(house.hub)
    app.testing = True
    yield house, app, member, user


def there(client: Any) -> str:
    """To the platform's page; its address."""
    answer = client.get("/sign-in/wecom")
    assert answer.status_code == 303
    return str(answer.headers["Location"])


def returned(house: House, client: Any, member: str | None, *, url: str = "") -> Any:
    back = urlsplit(house.sim.visit(url or there(client), member))
    return client.get(f"{back.path}?{back.query}")


def test_a_linked_member_is_signed_in_whatever_the_case_of_his_id(lobby: tuple[House, Any, str, int]) -> None:
    house, app, member, _ = lobby
    client = app.test_client()
    assert "用 企业微信 wecom 登录" in client.get("/login").text
    assert returned(house, client, member).status_code == 303
    assert "wang@hub.local" in client.get("/").text
    assert "user.sign_in" in {row.what for row in house.rows(AuditEntry)}
    assert house.rows(SignInState) == []


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_an_outsider_and_an_unlinked_member_see_why(lobby: tuple[House, Any, str, int], lang: str) -> None:
    house, app, _, _ = lobby
    client = app.test_client()
    client.set_cookie("lang", lang)
    other = house.sim.employ(1)[0]
    for who, words in ((None, ("没有登录", "Not signed in")), (other, ("请管理员", "Ask an admin"))):
        answer = returned(house, client, who)
        assert answer.status_code == 403 and words[lang == "en"] in answer.text
        assert client.get("/").status_code == 302, "and is not signed in"
    refused = [row for row in house.rows(AuditEntry) if row.what == "user.sign_in_refused"]
    assert len(refused) == 1


def test_another_browser_cannot_use_the_state(lobby: tuple[House, Any, str, int]) -> None:
    house, app, member, _ = lobby
    victim, thief = app.test_client(), app.test_client()
    url = there(thief)
    assert returned(house, victim, member, url=url).status_code == 403
    there(victim)
    assert returned(house, victim, member, url=url).status_code == 403, "also with a sign-in of its own begun"


def test_a_way_back_works_once_and_not_for_ever(lobby: tuple[House, Any, str, int]) -> None:
    house, app, member, _ = lobby
    client = app.test_client()
    back = urlsplit(house.sim.visit(there(client), member))
    with client.session_transaction() as held:
        state = held["sign_in_state"]
    assert client.get(f"{back.path}?{back.query}").status_code == 303
    fresh = app.test_client()
    with fresh.session_transaction() as held:
        held["sign_in_state"] = state  # an old cookie, put back
    assert fresh.get(f"{back.path}?{back.query}").status_code == 403
    late = app.test_client()
    url = there(late)
    house.later(links.LIFE + timedelta(seconds=1))
    assert returned(house, late, member, url=url).status_code == 403


def test_who_declined_or_sends_no_state_is_refused(lobby: tuple[House, Any, str, int]) -> None:
    _, app, _, _ = lobby
    client = app.test_client()
    url = there(client)
    state = url.split("state=")[1]
    for query in ("", "?code=x", "?state=" + state, "?state=%E5%90%8D&code=x"):
        assert client.get("/sign-in/wecom/back" + query).status_code == 403


def test_a_user_who_is_shut_out_stays_out(lobby: tuple[House, Any, str, int]) -> None:
    house, app, member, user = lobby
    create_user(house.hub, "admin@hub.local", "a long enough password", ["admin"])
    set_active(house.hub, user, False, by="test")
    answer = returned(house, app.test_client(), member)
    assert answer.status_code == 403 and "停用" in answer.text


def test_only_accounts_in_service_that_can(lobby: tuple[House, Any, str, int]) -> None:
    house, app, _, _ = lobby
    client = app.test_client()
    assert client.get("/sign-in/nothing").status_code == 403
    accounts.set_state(house.hub, "wecom", "paused", reason="holiday", by="test")
    assert client.get("/sign-in/wecom").status_code == 403
    assert "用 企业微信" not in client.get("/login").text


def test_the_way_back_uses_the_public_address(house: House, tmp_path: Path) -> None:
    from dataclasses import replace

    hub = replace(house.hub, settings=house.hub.settings.model_copy(update={"public_url": "https://hub.example"}))
    client = create_app(hub).test_client()
    assert "redirect_uri=https%3A%2F%2Fhub.example%2Fsign-in%2Fwecom%2Fback" in there(client)


def test_many_beginnings_of_one_address_are_slowed(lobby: tuple[House, Any, str, int]) -> None:
    _, app, _, _ = lobby
    client = app.test_client()
    assert {client.get("/sign-in/wecom").status_code for _ in range(25)} == {303, 429}


def test_a_member_is_linked_to_one_user_and_can_be_unlinked(lobby: tuple[House, Any, str, int]) -> None:
    house, _, member, user = lobby
    other = create_user(house.hub, "li@hub.local", "a long enough password", ["viewer"])
    for who, account, staff, key in (
        (other, "wecom", member.upper(), "links.fault_taken"), (other, "nothing", "x", "links.fault_account"),
        (other, "wecom", " ", "links.fault_member"), (999, "wecom", "x", "users.fault_gone"),
    ):  # fmt: skip
        with pytest.raises(links.LinkFault) as caught:
            links.link(house.hub, who, account, staff, by="test")
        assert caught.value.key == key
    (item,) = links.links(house.hub)
    assert (item["user_id"], item["account"]) == (user, "wecom")
    links.unlink(house.hub, item["id"], by="test")
    links.link(house.hub, other, "wecom", member, by="test")
    with pytest.raises(links.LinkFault):
        links.unlink(house.hub, 999, by="test")
    assert {"user.link", "user.unlink"} <= {row.what for row in house.rows(AuditEntry)}
