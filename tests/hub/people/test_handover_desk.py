"""Where people order hand-overs: the admin page and the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from hub.admin.users import create_user
from hub.app import create_app
from hub.models import Handover
from hub.people import handing, orphans
from hub.store.database import Database
from tests.hub.admin.conftest import Browser
from tests.hub.admin.seed import PASSWORD
from tests.hub.people.conftest import House
from tests.hub.people.test_handover import DAY, SOON, Office

People = dict[str, Browser]


@pytest.fixture
def db(lite: Database) -> Database:
    """Pages and commands are the same on both databases; what they call is tested on both."""
    return lite


@pytest.fixture
def office(house: House) -> Office:
    return Office(house)


@pytest.fixture
def people(office: Office) -> People:
    """A browser for each role."""
    app = create_app(office.hub)
    app.testing = True
    found = {}
    for role in ("viewer", "operator"):
        create_user(office.hub, f"{role}@hub.local", PASSWORD, [role])
        found[role] = Browser(app.test_client()).sign_in(role)
    return found


# ---------------------------------------------------------------- the page


def name_of(office: Office, key: str) -> str:
    return str(office.sim.world.contacts[key.split("/")[1]]["name"])


def test_an_operator_gives_the_customers_of_who_left_to_another(office: Office, people: People) -> None:
    page = people["operator"].get("/handover")
    assert office.old in page and "选择接替成员" in page and "3 客户" in page
    url = f"/handover/of/wecom/{office.old}"
    page = people["operator"].get(url)
    assert all(name_of(office, key) in page for key in office.keys) and f'<option value="{office.new}">' in page
    assert f'<option value="{office.old}">' not in page and "24 小时" in page
    page = people["operator"].post(url, stream="customer", left="1", to=office.new, key=office.keys[:2])
    assert "已安排交接 2 个" in page and page.count("等待提交") >= 2
    office.work()
    office.work(after=SOON)
    page = people["viewer"].get("/handover?state=sent")
    assert "已提交，等待生效" in page and "预计生效" in page and name_of(office, office.keys[0]) in page
    assert "1 客户" in page and "已在交接中" in people["viewer"].get(url)
    office.work(after=DAY)
    assert "已交接" in people["viewer"].get("/handover?state=accepted")
    english = people["viewer"].get("/handover", headers={"Cookie": "lang=en"})
    assert "交接" in english or "handed over" in english


def test_all_at_once_and_what_is_skipped_is_said(office: Office, people: People) -> None:
    office.order(keys=office.keys[:1])
    page = people["operator"].post(
        f"/handover/of/wecom/{office.old}", stream="customer", left="1", to=office.new, all="1", key=office.keys[:1]
    )
    assert "已安排交接 2 个" in page and "1 个已在交接中，跳过" in page
    assert office.states() == ["waiting"] * 3


def test_a_member_who_is_here_is_found_by_the_form(house: House) -> None:
    office = Office(house, left=False)
    create_user(office.hub, "operator@hub.local", PASSWORD, ["operator"])
    app = create_app(office.hub)
    app.testing = True
    browser = Browser(app.test_client()).sign_in("operator")
    assert f'<option value="{office.old}">' in browser.get("/handover")
    page = browser.get(f"/handover/of/wecom?staff={office.old}", follow_redirects=True)
    assert name_of(office, office.keys[0]) in page and "90 天内最多交接 2 次" in page and "告诉客户的话" in page
    url = f"/handover/of/wecom/{office.old}"
    browser.post(url, stream="customer", left="0", to=office.new, key=office.keys[:1], message="以后由他为您服务")
    (row,) = office.house.rows(Handover)
    assert (row.left, row.message, row.by) == (False, "以后由他为您服务", "operator@hub.local")
    browser.get("/handover/of/wecom", 404)


def test_what_the_form_lacks_is_said(office: Office, people: People) -> None:
    url = f"/handover/of/wecom/{office.old}"
    assert "请至少勾选一个" in people["operator"].post(url, stream="customer", left="1", to=office.new)
    assert "请选择一名在职的接替成员" in people["operator"].post(url, stream="customer", left="1", to="", key=office.keys)
    for wrong in ("/handover/of/none/x", "/handover/of/none"):
        people["operator"].get(wrong, 404)
    assert office.states() == []


def test_a_viewer_sees_and_may_not_change(office: Office, people: People) -> None:
    url, number = f"/handover/of/wecom/{office.old}", office.order()["queued"][0]
    assert "交接勾选的" not in people["viewer"].get(url)
    for target in (url, f"/handover/{number}/withdraw", f"/handover/{number}/retry", "/handover/look/wecom"):
        people["viewer"].post(target, 403, stream="customer", to=office.new, all="1")
    assert office.states() == ["waiting"] * 3


def test_one_is_taken_back_and_tried_again(office: Office, people: People) -> None:
    number = office.order()["queued"][0]
    assert "已撤回" in people["operator"].post(f"/handover/{number}/withdraw")
    assert office.states()[0] == "withdrawn"
    assert "已经提交给平台" in people["operator"].post(f"/handover/{number}/withdraw")
    people["operator"].post(f"/handover/{number}/retry")
    assert office.states()[0] == "waiting"
    assert "不能重试" in people["operator"].post(f"/handover/{number}/retry")
    people["operator"].post(f"/handover/{number}/else", 404)


def test_a_refusal_shows_its_reason_and_next_step(office: Office, people: People) -> None:
    office.order()
    office.sim.world.staff[office.new].verified = False
    office.work()
    page = people["viewer"].get("/handover?state=failed")
    assert "接替成员还没有实名认证" in page and "完成实名认证" in page


def test_the_dashboard_says_who_waits_and_what_came_to_nothing(office: Office, people: People) -> None:
    assert "3 位客户（群）的跟进成员已离职" in people["viewer"].get("/")
    office.order()
    assert "跟进成员已离职" not in people["viewer"].get("/")
    office.sim.world.staff[office.new].verified = False
    office.work()
    assert "近两周有 3 次交接没有成功" in people["viewer"].get("/")
    office.house.later(timedelta(days=366))
    orphans.look(office.hub, office.number)
    assert "跟进成员已离职" not in people["viewer"].get("/"), "nothing can be done any more"


def test_reading_now_asks_the_platform_soon(office: Office, people: People) -> None:
    office.order()
    office.work()
    assert orphans.due_accounts(office.hub) == []
    people["operator"].post("/handover/look/wecom")
    assert orphans.due_accounts(office.hub) == [office.number] and handing.work(office.hub, office.number) == 3
    office.sim.faults.error["get_unassigned_list"] = [502] * 9
    orphans.look(office.hub, office.number)
    assert "暂时不可用" in people["viewer"].get("/handover") or "没有正常应答" in people["viewer"].get("/handover")


# ---------------------------------------------------------------- the command line


@pytest.fixture
def run(office: Office, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """``hub handover …`` on the office's hub; the JSON, or what was said where it ends otherwise."""
    from hub.cli import handover
    from hub.cli.main import app

    @contextmanager
    def opened(**_: Any) -> Any:
        yield office.hub

    monkeypatch.setattr(handover, "opened", opened)

    def call(*words: str, code: int = 0) -> Any:
        result = CliRunner().invoke(app, ["handover", *words, "--json"])
        assert result.exit_code == code, f"{result.output} {result.exception!r}"
        plain = CliRunner().invoke(app, ["handover", words[0], *words[1:]]) if words[0] in ("waiting", "list") else None
        assert plain is None or plain.exit_code == code
        # Logs are not set up here, and come before the answer.
        return json.loads("{" + ("\n" + result.stdout).split("\n{", 1)[1]) if code == 0 else result.stderr

    return call


def test_the_command_line_does_all_of_it(office: Office, run: Callable[..., Any]) -> None:
    (entry,) = run("waiting", "--refresh")["waiting"]
    assert (entry["staff"], entry["counts"]) == (office.old, {"customer": 3})
    done = run("start", "wecom", office.old, office.new, "--key", office.keys[0], "--key", office.keys[1])
    assert len(done["queued"]) == 2 and done["skipped"] == {}
    assert run("withdraw", str(done["queued"][0])) == {"withdrawn": 1}
    assert {item["state"] for item in run("result", "wecom")["handovers"]} == {"withdrawn", "sent"}
    office.house.later(DAY + timedelta(minutes=1))
    assert [item["state"] for item in run("result", "wecom")["handovers"]] == ["accepted", "withdrawn"]
    assert run("retry", str(done["queued"][0])) == {"retried": done["queued"][0]}
    (item,) = run("list", "--state", "accepted")["handovers"]
    assert (item["account"], item["staff"], item["to"], item["error"]) == ("wecom", office.old, office.new, None)
    assert "message" not in item and office.owner(office.keys[1]) == office.new


def test_the_command_line_says_what_cannot_be_done(office: Office, run: Callable[..., Any]) -> None:
    assert "new owner" in run("start", "wecom", office.old, "nobody", code=1)
    assert "account" in run("start", "none", office.old, office.new, code=1)
    assert "taken back" in run("withdraw", "99", code=1) and "tried again" in run("retry", "99", code=1)
    assert "waiting" in run("list", "--state", "lost", code=2)
    assert "kind" in run("start", "wecom", office.new, office.third, "--active", "--stream", "group", code=1)
