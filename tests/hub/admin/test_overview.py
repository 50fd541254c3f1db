"""The dashboard, runs, users and the page on the system: each number leads to its evidence, each notice to a next step."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from connectors import errors
from hub import accounts
from hub.admin import overview
from hub.models import AccountStream, Delivery, Run, User
from hub.models.base import table
from tests.hub.admin.conftest import Browser
from tests.hub.admin.seed import open_hub

STREAM, RUN = table(AccountStream), table(Run)


def notices(text: str) -> dict[str, str]:
    items = re.findall(
        r'<span class="subject">([^<]+)</span>\s*<span class="what">([^<]+)<br>.*?href="([^"]+)"', text, re.DOTALL
    )
    return {f"{subject}: {what}": url.replace("&amp;", "&") for subject, what, url in items}


def test_an_empty_hub_says_what_to_do_first(tmp_path: Any) -> None:
    from hub.app import create_app

    hub = open_hub(tmp_path)
    app = create_app(hub)
    app.testing = True
    person = Browser(app.test_client()).sign_in("admin")
    assert "还没有连接任何账号" in person.get("/") and 'href="/accounts/new"' in person.get("/")
    for url in ("/customers", "/deliveries", "/quarantine", "/inbox", "/runs", "/accounts", "/reconcile"):
        assert 'class="empty"' in person.get(url), url
    hub.close()


def test_what_needs_a_person_comes_first(viewer: Any) -> None:
    found = notices(viewer.get("/"))
    assert len(found) == 9
    assert next(iter(found)).startswith("金蝶云星空: 1 张单据被对方拒绝")
    for url in found.values():
        viewer.get(url)


def test_every_number_is_a_link_that_opens(viewer: Any) -> None:
    links = set(re.findall(r'href="(/[^"]*)"', viewer.get("/"))) - {"/password"}
    assert len(links) > 25
    for link in links:
        if not link.startswith(("/static", "/bootstrap", "/users")):
            viewer.get(link.replace("&amp;", "&"))


def test_a_late_stream_has_a_next_step_that_fits(viewer: Any, made: Any) -> None:
    crm = made.account["crm"]
    text = viewer.get("/accounts/crm")
    assert "超时" in text and "平台或网络没有正常应答" in text
    with made.hub.db.write() as conn:
        late = {"error": None, "next_run_at": made.ago(hours=2), "last_ok_at": made.ago(days=9)}
        conn.execute(update(STREAM).where(STREAM.c.account_id == crm).values(**late))
    assert "请确认 hub serve（或 hub worker）正在运行" in viewer.get("/")
    accounts.set_state(made.hub, "crm", "paused", reason="盘点", by="ops")
    assert "悟空 CRM" not in "".join(notices(viewer.get("/")))
    assert "账号已暂停（盘点）" in viewer.get("/accounts/crm")


@pytest.mark.parametrize("state", ["needs_auth", "failed"])
def test_an_account_that_stopped_is_on_top(viewer: Any, made: Any, state: str) -> None:
    error = errors.ReauthNeeded("error.reauth").as_dict()
    with made.hub.db.write() as conn:
        conn.execute(update(STREAM).where(STREAM.c.account_id == made.account["tmall"]).values(error=error))
    accounts.set_state(made.hub, "tmall", state, reason="error.reauth", by="hub")
    text = viewer.get("/")
    assert "/accounts/tmall" in notices(text).values()
    assert "error.reauth" not in text + viewer.get("/accounts/tmall")


def test_all_is_well_when_it_is(viewer: Any, made: Any) -> None:
    for key in made.account:
        accounts.set_state(made.hub, key, "removed", reason="x", by="test")
    assert "还没有连接任何账号" in viewer.get("/")
    with made.hub.db.write() as conn:
        conn.exec_driver_sql("UPDATE account SET state = 'active' WHERE key = 'wecom'")
        for name in ("inbox", "orphan", "handover"):
            conn.exec_driver_sql(f"DELETE FROM {name}")
    assert "一切正常" in viewer.get("/")


def test_counts_stop_at_a_cap_and_say_so(viewer: Any, made: Any) -> None:
    with made.hub.db.write() as conn:
        sample = dict(conn.execute(select(table(Delivery)).where(table(Delivery).c.state == "rejected")).one()._mapping)
        many = [{**sample, "id": f"r{n}", "number": f"R{n}"} for n in range(overview.CAP + 50)]
        conn.execute(insert(table(Delivery)), many)
    with made.hub.db.read() as conn:
        assert sum(overview.deliveries(conn, made.hub.now())["rejected"].values()) == overview.CAP
    assert "1,000+" in viewer.get("/")


def test_today_begins_at_midnight_in_china(made: Any) -> None:
    now = overview.midnight(made.hub.now())
    assert now.utcoffset() == timedelta(hours=8) and (now.hour, now.minute) == (0, 0)
    with made.hub.db.write() as conn:
        conn.execute(update(RUN).where(RUN.c.id == 1).values(started_at=now - timedelta(minutes=1)))
        conn.execute(update(RUN).where(RUN.c.id == 2).values(started_at=now + timedelta(minutes=1)))
    with made.hub.db.read() as conn:
        ran = conn.execute(select(RUN.c.fetched).where(RUN.c.started_at >= now)).scalars()
        expected = sum(ran)
        assert sum(item["fetched"] for item in overview.today(conn, made.hub.now()).values()) == expected


def test_a_running_run_is_watched_and_then_left(viewer: Any, made: Any) -> None:
    text = viewer.get(f"/runs/{made.running}")
    assert f'data-poll="/runs/{made.running}/progress"' in text and '<progress class="bar" max="100"' in text
    answer = viewer.client.get(f"/runs/{made.running}/progress")
    assert "<html" not in answer.text and "X-Poll" not in answer.headers
    with made.hub.db.write() as conn:
        conn.execute(update(RUN).where(RUN.c.id == made.running).values(state="ok", ended_at=made.hub.now()))
    assert viewer.client.get(f"/runs/{made.running}/progress").headers["X-Poll"] == "stop"
    assert "data-poll" not in viewer.get(f"/runs/{made.running}")


def test_runs_can_be_narrowed(viewer: Any, made: Any) -> None:
    def shown(url: str) -> list[str]:
        return re.findall(r'href="/runs/(\d+)"', viewer.get(url))

    assert shown("/runs") == ["4", "3", "2", "1"]
    assert shown("/runs?account=crm") == ["3"] and shown("/runs?state=partial") == ["2"]
    assert shown("/runs?account=tmall&state=ok") == ["1"] and shown("/runs?before=2") == ["1"]
    assert "order.state: WAIT_PRE_AUTH" in viewer.get("/runs/2")
    viewer.get("/runs/99", 404)


def test_users_are_made_with_a_password_shown_once(admin: Any, anyone: Any) -> None:
    text = admin.post("/users", email="New@hub.local", role="operator")
    password = re.search(r'<code class="fs-6">(\w{20})</code>', text)[1]  # type: ignore[index]
    assert password not in admin.get("/users")
    anyone.post("/login", email="new@hub.local", password=password)
    assert "运营" in anyone.get("/")
    assert "已经存在" in admin.post("/users", email="new@hub.local", role="viewer")
    assert "不是一个邮箱地址" in admin.post("/users", email="new", role="viewer")
    assert "角色只能是" in admin.post("/users", email="x@hub.local", role="root")


def test_roles_and_passwords_change(admin: Any, made: Any, anyone: Any) -> None:
    with made.hub.db.read() as conn:
        ids = dict(conn.execute(select(table(User).c.email, table(User).c.id)).all())
    admin.post(f"/users/{ids['viewer@hub.local']}", do="role", role="operator")
    text = admin.post(f"/users/{ids['viewer@hub.local']}", do="password", email="viewer@hub.local")
    password = re.search(r'<code class="fs-6">(\w{20})</code>', text)[1]  # type: ignore[index]
    anyone.post("/login", email="viewer@hub.local", password=password)
    anyone.post("/accounts/crm/pause", reason="x")
    assert accounts.get(made.hub, "crm").state_by == "viewer@hub.local"
    for do in ({"do": "role", "role": "viewer"}, {"do": "close"}):
        assert "最后一个管理员" in admin.post(f"/users/{ids['admin@hub.local']}", **do)
    admin.post("/users/999", do="close")
    admin.get("/users")


def test_the_system_page(admin: Any, viewer: Any, made: Any) -> None:
    assert "SQLite" in viewer.get("/about")
    with made.hub.db.write() as conn:
        conn.execute(update(STREAM).values(next_run_at=made.ago(hours=1)))
    assert "请确认 hub serve" in admin.get("/about")


def test_a_grant_that_runs_out_is_told_on_both_pages(tmp_path: Any) -> None:
    from connectors.dingtalk.simulator import DingTalkSimulator
    from hub.app import create_app
    from hub.models import CallCount, Listening

    hub = open_hub(tmp_path)
    accounts.add(hub, "dingtalk", "ding", "钉钉", DingTalkSimulator().settings("http://127.0.0.1:9"), by="t")
    month = hub.now().astimezone(overview.ZONE)
    counts = [
        {"account_id": 1, "quota": "counted/*", "day": f"{month - timedelta(days=back):%Y-%m-%d}", "count": 900}
        for back in range(6)
    ]
    with hub.db.write() as conn:
        conn.execute(insert(table(CallCount)), counts)
    line = {"account_id": 1, "next_at": hub.now(), "lease_until": hub.now(), "fence": 1, "failures": 0}
    with hub.db.write() as conn:
        conn.execute(insert(table(Listening)), [{**line, "opened_at": hub.now(), "heard_at": hub.now()}])
    app = create_app(hub)
    app.testing = True
    person = Browser(app.test_client()).sign_in("admin")
    home, page = person.get("/"), person.get("/accounts/ding")
    assert "每月接口调用" in home and "买加量包" in home
    assert "已连接（" in page and "最近一条推送" in page and "&lt;time" not in page
    assert "本月已用" in page and "/ 5,000" in page and "用完" in page
    hub.close()
