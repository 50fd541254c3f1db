"""What people do, in a real browser, on a desk and on a phone."""

from __future__ import annotations

import re
import time
from typing import Any

from sqlalchemy import select, update

from connectors import registry
from connectors.sandbox import serving
from hub import accounts
from hub.identity.desk import service
from hub.models import Delivery, Run
from hub.models.base import table
from tests.e2e.conftest import PASSWORD


def confirm(page: Any, label: str, reason: str = "") -> None:
    """Press a button that asks back, and say yes."""
    page.get_by_role("button", name=label, exact=True).first.click()
    box = page.locator(".ask:popover-open")
    box.wait_for()
    if reason:
        box.locator("input[name=reason]").fill(reason)
    box.locator("button.btn-primary, button.btn-danger").first.click()
    page.wait_for_load_state()


def test_signing_in(visitor: Any, site: Any) -> None:
    page = visitor.open("/customers")
    assert "/login" in page.url
    page.fill("#email", "operator@hub.local")
    page.fill("#password", "not the password")
    page.click("button.btn-primary")
    assert "邮箱或密码不对" in page.locator(".flash-bad").inner_text()
    visitor.shoot("zh-login-wrong")
    page.fill("#password", PASSWORD)
    page.click("button.btn-primary")
    page.wait_for_url(site.url + "/customers")
    if visitor.size == "phone":
        page.get_by_text("菜单", exact=True).click()
        visitor.shoot("zh-menu")
    page.locator("button:visible", has_text="退出").click()
    page.wait_for_url(re.compile("/login"))
    assert not visitor.complaints


def test_connecting_an_account(visitor: Any, site: Any) -> None:
    simulator = registry.get("wecom").simulator()()  # type: ignore[misc]
    with serving(simulator) as url:
        config = simulator.settings(url)
        visitor.sign_in()
        page = visitor.open("/accounts/new")
        page.locator('a[href="/accounts/new/wecom"]').click()
        page.fill("#own-title", "华东企业微信")
        page.fill("#own-key", "corp-east")
        page.fill("[name='c.corp_id']", str(config["corp_id"]))
        page.fill("[name='c.secret']", "a wrong secret")
        page.locator("details.fold summary").click()
        page.fill("[name='c.api_base']", str(config["api_base"]))
        page.get_by_role("button", name="检查", exact=True).click()
        page.get_by_text("有未通过的项").wait_for()
        assert "下一步" in page.locator(".findings").inner_text()
        visitor.shoot("zh-check-failed")
        page.fill("[name='c.secret']", str(config["secret"]))
        page.get_by_role("button", name="再检查一次").click()
        page.locator(".findings").wait_for()
        visitor.shoot("zh-check")
        assert str(config["secret"]) not in page.content()
        page.get_by_role("button", name=re.compile("^(保存并启用|仍然保存)$")).click()
        page.get_by_text("已连接“华东企业微信”").wait_for()
    saved = accounts.get(site.made.hub, "corp-east")
    assert (saved.state, saved.config["secret"]) == ("active", config["secret"])
    assert visitor.overflow() == 0 and not visitor.complaints


def test_retrying_a_rejected_delivery(visitor: Any, site: Any) -> None:
    made = site.made
    visitor.sign_in("operator")
    page = visitor.open("/")
    page.get_by_role("link", name="查看").first.click()
    page.get_by_role("link", name=re.compile("^AR")).first.click()
    page.get_by_role("button", name="重试", exact=True).click()
    visitor.shoot("zh-ask")
    page.keyboard.press("Escape")
    assert page.locator(".ask:popover-open").count() == 0
    confirm(page, "重试")
    page.get_by_text("已安排").wait_for()
    assert "人工重试" in page.content()
    with made.hub.db.read() as conn:
        steps = service_steps(conn, made.deliveries["rejected"])
    assert ("retry", "operator@hub.local") in steps
    assert not visitor.complaints


def service_steps(conn: Any, delivery: str) -> set[tuple[str, str]]:
    from hub.models import DeliveryAttempt

    attempt = table(DeliveryAttempt)
    return set(conn.execute(select(attempt.c.step, attempt.c.by).where(attempt.c.delivery_id == delivery)).tuples())


def test_cancelling_cannot_be_done_without_a_reason(visitor: Any, site: Any) -> None:
    made = site.made
    visitor.sign_in("operator")
    page = visitor.open(f"/deliveries/{made.deliveries['pending']}")
    page.get_by_role("button", name="取消单据").first.click()
    page.locator(".ask:popover-open button.btn-danger").click()
    delivery = table(Delivery)
    with made.hub.db.read() as conn:
        assert conn.execute(select(delivery.c.state).where(delivery.c.id == made.deliveries["pending"])).scalar() == "pending"
    page.locator(".ask:popover-open input[name=reason]").fill("合并开票")
    page.locator(".ask:popover-open button.btn-danger").click()
    page.get_by_text("已由人取消").wait_for()


def test_splitting_a_customer(visitor: Any, site: Any) -> None:
    made = site.made
    cid = made.customers["王小红"]
    visitor.sign_in("operator")
    page = visitor.open("/customers")
    page.fill("#q", "13812341234")
    page.get_by_role("button", name="搜索").click()
    page.get_by_role("link", name="王小红").click()
    page.get_by_role("link", name="拆分").click()
    page.get_by_role("checkbox", name=re.compile("天猫旗舰店 · b-7781")).check()
    page.get_by_role("button", name="预览").click()
    page.get_by_text("拆出的新客户").wait_for()
    visitor.shoot("zh-split-preview")
    assert visitor.overflow() == 0
    page.get_by_role("button", name="确认拆分").click()
    page.get_by_text("已拆分").wait_for()
    assert len(service.show(made.hub, cid)["profiles"]) == 1
    visitor.shoot("zh-split-done")
    assert not visitor.complaints


def test_a_running_run_moves_by_itself(visitor: Any, site: Any) -> None:
    made, run = site.made, table(Run)
    visitor.sign_in("viewer")
    page = visitor.open(f"/runs/{made.running}")
    assert page.get_by_text("1,180").count() == 1
    with made.hub.db.write() as conn:
        conn.execute(update(run).where(run.c.id == made.running).values(fetched=4321, state="ok", ended_at=made.hub.now()))
    page.get_by_text("4,321").wait_for(timeout=6000)
    page.get_by_text("成功", exact=True).wait_for()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    time.sleep(2.5)
    assert not asked, "it goes on asking although the run has ended"
    assert not visitor.complaints


def test_a_filter_is_applied_when_it_is_chosen(visitor: Any, site: Any) -> None:
    visitor.sign_in("viewer")
    page = visitor.open("/runs")
    page.select_option("#account-filter", "crm")
    page.wait_for_url(re.compile("account=crm"))
    assert page.locator("tbody tr").count() == 1
