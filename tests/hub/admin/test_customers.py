"""Customers: finding, masking, opening, splitting, merging, undoing."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from hub.identity.desk import service
from hub.identity.records import golden
from hub.models import AuditEntry, Customer
from hub.models.base import table
from tests.hub.admin.seed import _incoming, resolve

PHONE, MAIL, STREET = "13812341234", "xiaohong.wang@example.com", "文三路"


def entries(made: Any, what: str) -> list[Any]:
    with made.hub.db.read() as conn:
        return list(conn.execute(select(table(AuditEntry)).where(table(AuditEntry).c.what == what)))


@pytest.mark.parametrize("asked", [PHONE, "1234", "王小红", "小红", "wxh", "3829104477120012", "b-7781"])
def test_found_by_whatever_is_known(operator: Any, made: Any, asked: str) -> None:
    assert made.customers["王小红"] in operator.get(f"/customers?q={asked}")


def test_found_by_its_number(operator: Any, made: Any) -> None:
    assert "王小红" in operator.get(f"/customers?q={made.customers['王小红']}")
    assert "没有找到“nobody at all”" in operator.get("/customers?q=nobody at all")


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
def test_personal_values_are_masked_until_opened(request: pytest.FixtureRequest, made: Any, role: str) -> None:
    person = request.getfixturevalue(role)
    for url in (f"/customers/{made.customers['王小红']}", "/customers?q=王小红"):
        text = person.get(url)
        assert "138****1234" in text
        assert PHONE not in text and MAIL not in text and STREET not in text
        assert ("王小红" in text.replace("q=王小红", "").replace('value="王小红"', "")) == (role != "viewer"), url


def test_opening_is_for_operators_and_on_record(viewer: Any, operator: Any, made: Any) -> None:
    url = f"/customers/{made.customers['王小红']}/reveal"
    viewer.post(url, 403)
    assert not entries(made, "customer.reveal")
    text = operator.post(url)
    assert PHONE in text and MAIL in text and STREET in text
    [entry] = entries(made, "customer.reveal")
    assert (entry.who, entry.subject) == ("operator@hub.local", f"customer:{made.customers['王小红']}")
    assert PHONE not in operator.get(f"/customers/{made.customers['王小红']}")


def test_every_value_says_where_it_is_from(operator: Any, made: Any) -> None:
    text = re.sub(r"\s+", " ", operator.get(f"/customers/{made.customers['王小红']}"))
    assert re.search(r"<dt>阶段</dt><dd><span>成交</span><span class=\"from\">来自 企业微信·华东", text)
    assert re.search(r"<dt>邮箱</dt><dd><span>x\*\*\*@example.com</span><span class=\"from\">来自 天猫旗舰店", text)
    assert "张磊" in text and "高意向" in text and "¥34,567.89" in text
    assert "电话号码相同" in text and "姓名相同" in text


def test_what_other_sources_say_is_not_lost(operator: Any, made: Any) -> None:
    fields = {"display_name": "王小宏", "phones": ["+8613812341234"], "region": "江苏省 南京市", "aliases": ["王小红"]}
    resolve(made.hub, [_incoming(made, "form", "f-99", fields)])
    text = operator.get(f"/customers/{made.customers['王小红']}")
    assert "来自 官网表单" in text and "天猫旗舰店 写的是：浙江省 杭州市" in text


def test_paging_shows_everyone_once(operator: Any, made: Any) -> None:
    with made.hub.db.read() as conn:
        active = set(conn.execute(select(table(Customer).c.id).where(table(Customer).c.state == "active")).scalars())
    assert len(active) > 50
    url, seen = "/customers", []
    while url:
        text = operator.get(url)
        seen += re.findall(r'href="/customers/(c[0-9a-z]{20,})"', text)
        older = re.search(r'href="(/customers\?before=[^"]+)" rel="next"', text)
        url = older[1].replace("&amp;", "&") if older else ""
    assert len(seen) == len(active) and set(seen) == active


def test_a_number_that_was_merged_leads_on(operator: Any, made: Any) -> None:
    with made.hub.db.read() as conn:
        merged = conn.execute(select(table(Customer)).where(table(Customer).c.state == "merged")).first()
    answer = operator.client.get(f"/customers/{merged.id}")
    assert answer.headers["Location"] == f"/customers/{made.customers['李伟']}"
    operator.get("/customers/c-nobody", 404)


def test_a_split_is_shown_before_it_is_done(operator: Any, made: Any) -> None:
    cid, ref = made.customers["王小红"], f"{made.account['tmall']}|b-7781"
    assert "确认拆分" not in operator.get(f"/customers/{cid}/split")
    assert "至少留下一份" in operator.get(f"/customers/{cid}/split?profile=nonsense")
    preview = operator.get(f"/customers/{cid}/split?profile={ref}")
    assert "留下的客户" in preview and "拆出的新客户" in preview and "确认拆分" in preview
    assert service.show(made.hub, cid)["profiles"].__len__() == 2

    text = operator.post(f"/customers/{cid}/split", profile=ref)
    fresh = re.search(r"新客户编号 (\w+)", text)[1]  # type: ignore[index]
    stays, leaves = service.show(made.hub, cid), service.show(made.hub, fresh)
    assert [p["ref"] for p in leaves["profiles"]] == [ref] and len(stays["profiles"]) == 1
    for side, shown in ((stays, preview), (leaves, preview)):
        region = side["fields"].get("region", {}).get("value")
        assert region is None or region in shown
    assert "operator@hub.local" in operator.get(f"/customers/{cid}")
    assert entries(made, "customer.split")[0].who == "operator@hub.local"


def test_a_split_of_everything_is_refused_in_the_readers_language(operator: Any, made: Any) -> None:
    cid = made.customers["王小红"]
    refs = [profile["ref"] for profile in service.show(made.hub, cid)["profiles"]]
    assert "至少留下一份" in operator.post(f"/customers/{cid}/split", profile=refs)
    operator.post("/language", language="en")
    assert "at least one to stay" in operator.post(f"/customers/{cid}/split", profile=refs)


def test_a_merge_is_shown_before_it_is_done_and_undone_after(operator: Any, made: Any) -> None:
    one, two = made.customers["王小红"], made.customers["杭州云栖"]
    assert two in operator.get(f"/customers/{one}/merge?q=云栖")
    preview = operator.get(f"/customers/{one}/merge?other={two}")
    assert "合并以后" in preview and "3 份档案" in preview
    operator.post(f"/customers/{one}/merge", other=two)
    together = service.show(made.hub, one)
    assert len(together["profiles"]) == 3
    shown = dict(re.findall(r"<dt>(地区|阶段)</dt><dd>([^<]+)</dd>", preview.split("合并以后")[1]))
    names = {"地区": "region", "阶段": "stage"}
    assert shown and all(golden.values(together["fields"])[names[name]] == value for name, value in shown.items())

    text = operator.get(f"/customers/{together['id']}")
    entry = re.search(r'name="entry" value="(\d+)"', text)[1]  # type: ignore[index]
    operator.post(f"/customers/{together['id']}/undo", entry=entry)
    assert len(service.show(made.hub, one)["profiles"]) == 2 and len(service.show(made.hub, two)["profiles"]) == 1
    assert "没有执行" in operator.post(f"/customers/{one}/undo", entry=entry)
    assert "没有执行" in operator.post(f"/customers/{one}/undo", entry="nonsense")


def test_merging_with_itself_is_refused(operator: Any, made: Any) -> None:
    cid = made.customers["王小红"]
    assert "合并以后" not in operator.get(f"/customers/{cid}/merge?other={cid}")
    assert "没有执行" in operator.post(f"/customers/{cid}/merge", other=cid)


def test_what_people_type_is_text(admin: Any, made: Any) -> None:
    nasty = "<script>alert(1)</script>"
    fields = {"display_name": nasty, "note": nasty, "region": nasty}
    resolve(made.hub, [_incoming(made, "form", "f-x", fields)])
    cid = service.find(made.hub, nasty)[0]["id"]
    for url in ("/customers", f"/customers/{cid}", f"/customers?q={nasty}", f"/customers/{cid}/merge?q={nasty}"):
        text = admin.get(url)
        assert nasty not in text and "&lt;script&gt;" in text, url


def test_hints_follow_the_clock(operator: Any, made: Any) -> None:
    moment = made.hub.now()
    with made.hub.db.write() as conn:
        changed = update(table(Customer)).where(table(Customer).c.id == made.customers["王小红"])
        conn.execute(changed.values(changed_at=moment - timedelta(hours=5)))
    assert "5 小时前" in operator.get("/customers?q=王小红")
