"""The audit log as administrators read it: every entry can be reached, by person, thing and day, and leads to its evidence."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from sqlalchemy import update

from hub.admin.show import ZONE
from hub.models import AuditEntry
from hub.models.base import table
from hub.security import audit

AUDIT = table(AuditEntry)
NUMBER = r'data-label="#"><div>(\d+)</div>'


def record(made: Any, *entries: tuple[str, str], who: str = "hub", **detail: Any) -> None:
    with made.hub.db.write() as conn:
        for what, subject in entries:
            audit.record(conn, who, what, subject, **detail)


def numbers(page: str) -> list[int]:
    return [int(found) for found in re.findall(NUMBER, page)]


def test_an_entry_leads_to_what_it_is_about(admin: Any, made: Any) -> None:
    profile = f"{made.account['tmall']}|b-7781"
    record(
        made, ("customer.merge", "c01x"), ("delivery.retry", "delivery:d 1"), ("inbox.reveal", "inbox:4|a&b"),
        ("identity.rebuild.golden", "all"), ("old.name", "thing:1"), ("notice.retry", "notice:ab12"),
        ("handover.withdraw", "handover:7"), ("quarantine.dismiss", "4|person|a:b"), ("tag.ask", f"profile:{profile}"),
        ("invoice.reveal", "request:3|a/b"), ("tag.retry", "profile:9|nobody"),
    )  # fmt: skip
    text = admin.get("/audit")
    assert ">登录</div>" in text and "用户 " in text
    assert '<a href="/customers/c01x">客户 c01x</a>' in text and ">合并客户</div>" in text
    assert '<a href="/deliveries/d%201">' in text and '<a href="/inbox/push?key=4%7Ca%26b">' in text
    assert ">重算全部客户的资料</div>" in text and ">old.name</div>" in text and "thing:1" in text
    assert "/customers/all" not in text and "/customers/9" not in text
    assert '<a href="/outgoing?number=ab12">通知 ab12</a>' in text and '<a href="/handover?number=7">' in text
    assert '<a href="/quarantine/record?ref=4%7Cperson%7Ca%3Ab">' in text
    assert f'<a href="/customers/{made.customers["王小红"]}">档案 {profile}</a>' in text
    assert '<a href="/invoices/request?ref=3%7Ca%2Fb">开票申请' in text


def test_all_of_it_can_be_reached(admin: Any, made: Any) -> None:
    record(made, *[("account.sync", "account:crm")] * 120)
    found = [int(number) for number in admin.walk("/audit", NUMBER)]
    assert found == list(range(max(found), 0, -1)) and len(found) > 120


def test_what_one_person_did_and_what_was_done_to_one_thing(admin: Any, made: Any) -> None:
    sent = made.deliveries["sent"]
    record(made, ("delivery.retry", f"delivery:{sent}"), ("customer.reveal", "customer:c9"), who="a@hub.local", reason="核对")
    record(made, ("customer.merge", "c9"), ("account.sync", "account:crm"), who="b@hub.local")
    page = admin.get("/audit?who=a@hub.local")
    assert len(numbers(page)) == 2 and "原因 核对" in page
    assert len(numbers(admin.get("/audit?about=c9"))) == 2, "with the kind before it, and without"
    with made.hub.db.read() as conn:
        number = conn.exec_driver_sql(f"SELECT number FROM delivery WHERE id = '{sent}'").scalar()
    for about in (sent, number, f" {number} "):
        assert len(numbers(admin.get("/audit", query_string={"about": about}))) == 1
    assert len(numbers(admin.get("/audit?about=c9&who=b@hub.local"))) == 1
    assert "没有这样的记录" in admin.get("/audit?who=nobody")


def test_details_are_in_the_readers_words(admin: Any, made: Any) -> None:
    record(made, ("identity.answer", "c1"), other="c2", verdict="related", kind="household")
    record(made, ("tag.ask", "profile:x"), tag="1|t", add=False)
    record(made, ("user.create", "user:9"), roles=["viewer", "admin"])
    record(made, ("handover.order", "account:wecom"), skipped={"open": 2}, unheard="<b>")
    page = admin.get("/audit")
    assert '另一位客户 <a href="/customers/c2">c2</a> · 答复 不是，但有关系 · 关系 household' in page
    assert "加上 否" in page and "角色 只读、管理员" in page and "没有安排 open 2 · unheard &lt;b&gt;" in page
    admin.post("/language", language="en", next="/audit")
    assert "answer Not the same but related" in admin.get("/audit")


def test_up_to_a_day(admin: Any, made: Any) -> None:
    record(made, *[("account.sync", "account:crm")] * 4)
    with made.hub.db.write() as conn:  # the log knows its own time only
        for back in range(4):
            conn.execute(update(AUDIT).where(AUDIT.c.seq == back + 1).values(at=made.hub.now() - timedelta(days=9 - back)))
    day = (made.hub.now() - timedelta(days=8)).astimezone(ZONE).date().isoformat()
    assert numbers(admin.get(f"/audit?until={day}")) == [2, 1]
    assert numbers(admin.get("/audit?until=1999-01-01")) == []
    for odd in ("x", "0001-01-01", "9999-12-31", "2026-02-30"):
        assert len(numbers(admin.get(f"/audit?until={odd}&before={odd}"))) > 4
    assert len(numbers(admin.get(f"/audit?before={'9' * 40}"))) > 4


def test_only_administrators_read_it(operator: Any, viewer: Any, admin: Any) -> None:
    for person in (operator, viewer):
        person.get("/audit", 403)
        assert 'href="/audit"' not in person.get("/")
    assert 'href="/audit"' in admin.get("/")
