"""The invoices page: what is missing, who fills it, filling it; what came back; reversal from the delivery's page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import insert, select, update

from hub.invoices.fault import Held
from hub.models import AuditEntry, Delivery, DocumentStatus, InvoiceApplication, InvoiceFill
from hub.models.base import table

D, S, F = table(Delivery), table(DocumentStatus), table(InvoiceFill)
A, R = table(AuditEntry), table(InvoiceApplication)


@pytest.fixture
def waiting(made: Any) -> str:
    """The seed's rejected delivery as an invoice that lacks a tax id and a tax code."""
    faults = [
        {"field": "buyer_tax_id", "reason": "check", "who": "sales"},
        {"field": "invoice_kind", "reason": "missing", "who": "sales"},
        {"field": "lines.1.tax_code", "reason": "missing", "who": "finance"},
        {"field": "amount", "reason": "over", "who": "sales"},
    ]  # fmt: skip
    error = {"type": "Incomplete", "key": "invoice.incomplete", "params": {"missing": "…"}, "faults": faults}
    with made.hub.db.write() as conn:
        conn.execute(
            update(D).where(D.c.id == made.deliveries["rejected"]).values(state="incomplete", kind="invoice", error=error)
        )
    return str(made.deliveries["rejected"])


def test_the_queue_names_what_is_missing_and_who_fills_it(viewer: Any, waiting: str) -> None:
    text = viewer.get("/invoices")
    for said in (
        "购方税号：校验位不对",
        "第 1 行税收分类编码：没有填",
        "财务",
        "销售",
        "请在来源系统里改",
        'name="f:buyer_tax_id"',
    ):
        assert said in text
    assert "补充并继续" not in text, "a viewer fills nothing"
    viewer.post(f"/invoices/{waiting}/fill", 403, **{"f:buyer_tax_id": "x"})
    assert "资料不全" in viewer.get("/deliveries?state=incomplete")


def test_an_operator_fills_it(operator: Any, made: Any, waiting: str) -> None:
    assert "没有填任何内容" in operator.post(f"/invoices/{waiting}/fill", **{"f:remark": " "})
    text = operator.post(f"/invoices/{waiting}/fill", **{"f:buyer_tax_id": "913100001234567883"})
    assert "还缺别的内容" in text
    with made.hub.db.read() as conn:
        row = conn.execute(select(F)).one()
    assert row.filled == {"buyer_tax_id": "913100001234567883"} and row.by == "operator@hub.local"
    assert "没有补上" in operator.post(f"/invoices/{waiting}/fill", **{"f:amount": "1"})


def test_what_came_back_is_shown(viewer: Any, made: Any) -> None:
    assert "还没有回传信息" in viewer.get("/invoices?view=issued")
    now = made.hub.now()
    with made.hub.db.write() as conn:
        conn.execute(insert(S).values(
            delivery_id=made.deliveries["sent"], account_id=1, source_account_id=1, state="C", approved=True, gone=False,
            problem="", received=12_345, payments=[],
            invoices=[{"number": "26312000000000000001", "date": "2026-11-22", "amount": 12_345}],
            final=False, quiet=0, next_at=now, lease_until=now, fence=0, changed_at=now, checked_at=now,
        ))  # fmt: skip
    text = viewer.get("/invoices?view=issued")
    assert "26312000000000000001" in text and "123.45" in text and "已审核" in text


def test_a_sent_document_is_reversed_by_an_operator(operator: Any, viewer: Any, made: Any) -> None:
    url = f"/deliveries/{made.deliveries['sent']}"
    assert "/reverse" in operator.get(url) and "/reverse" not in viewer.get(url)
    text = operator.post(f"/invoices/{made.deliveries['sent']}/reverse", reason="returned")
    assert "冲销单据已安排" in text
    with made.hub.db.read() as conn:
        amounts = dict(conn.execute(select(D.c.rule, D.c.amount).where(D.c.rule == "reversal")).all())
    assert amounts and amounts["reversal"] < 0
    viewer.post(f"/invoices/{made.deliveries['sent']}/reverse", 403, reason="returned")


def test_a_held_one_says_why_who_must_act_and_how_it_goes_on(operator: Any, made: Any, waiting: str) -> None:
    with made.hub.db.write() as conn:
        error = Held(before="1060.00", now="1590.00").as_dict()
        conn.execute(update(D).where(D.c.id == waiting).values(error=error))
    assert "金额：合同改了金额，申请还是原来的" in operator.get("/invoices")
    text = operator.get(f"/deliveries/{waiting}")
    for said in ("从 1060.00 改成了 1590.00", "请销售在来源系统里改申请的金额", "/retry"):
        assert said in text
    operator.post("/language", language="en", next="/invoices")
    assert "Have sales change the request at its source" in operator.get(f"/deliveries/{waiting}")


def test_a_request_shows_what_is_asked_and_what_came_of_it(viewer: Any, operator: Any, made: Any) -> None:
    url = f"/invoices/request?ref={quote(made.request)}"
    with made.hub.db.write() as conn:
        conn.execute(update(D).where(D.c.id == made.deliveries["sent"]).values(subject=made.request))
    text = viewer.get(url)
    for said in (
        "SQ-2026-0031", "已申请", "数电票（专用）", "123,456.78", "年度维保", "3040201010000000000", "HT-2026-0117", "申请开票",
        f"/deliveries/{made.deliveries['sent']}", f"/customers/{made.customers['杭州云栖']}", "杭州云栖科技有限公司",
    ):  # fmt: skip
        assert said in text
    for private in ("91330106MA2B0QJR1P", "571900001110888", "13900001111", "招商银行杭州分行", "/reveal"):
        assert private not in text
    viewer.post("/invoices/request", 403, ref=made.request)
    shown = operator.post("/invoices/request", ref=made.request)
    for private in ("91330106MA2B0QJR1P", "571900001110888", "13900001111", "招商银行杭州分行"):
        assert private in shown
    with made.hub.db.read() as conn:
        (entry,) = conn.execute(select(A.c.who, A.c.subject).where(A.c.what == "invoice.reveal")).all()
    assert tuple(entry) == ("operator@hub.local", f"request:{made.request}")
    assert f'href="{url}"' in viewer.get(f"/deliveries/{made.deliveries['sent']}").replace("&amp;", "&")


def test_a_request_that_is_not_there(viewer: Any, operator: Any) -> None:
    viewer.get("/invoices/request?ref=9%7Cx", 404)
    operator.post("/invoices/request", 404, ref="9|x")


def test_a_private_buyers_title_is_masked(viewer: Any, made: Any) -> None:
    with made.hub.db.write() as conn:
        conn.execute(update(R).values(buyer_kind="person", buyer_title="欧阳小红", deal_ref="9|unread"))
    text = viewer.get(f"/invoices/request?ref={quote(made.request)}")
    assert "欧阳小红" not in text and "欧阳****" in text and "还没有读到" in text


def test_all_that_came_back_can_be_reached(viewer: Any, made: Any) -> None:
    now = made.hub.now()
    with made.hub.db.write() as conn:
        row = dict(conn.execute(select(D).where(D.c.id == made.deliveries["sent"])).one()._mapping)
        for n in range(60):
            more = {"id": f"x{n}", "event_id": f"e{n}", "number": f"ZZ{n:04d}", "document": row["document"]}
            conn.execute(insert(D).values(row | more))
            conn.execute(insert(S).values(
                delivery_id=f"x{n}", account_id=1, source_account_id=1, state="C", problem="", payments=[], invoices=[],
                fence=0, next_at=now, lease_until=now, changed_at=now - timedelta(minutes=n // 7),
            ))  # fmt: skip
    found = viewer.walk("/invoices?view=issued", r"ZZ(\d+)</a>")
    assert sorted(found) == [f"{n:04d}" for n in range(60)]
