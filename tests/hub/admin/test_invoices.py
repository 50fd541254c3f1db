"""The invoices page: what is missing, who fills it, filling it; what came back; reversal from the delivery's page."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert, select, update

from hub.invoices.fault import Held
from hub.models import Delivery, DocumentStatus, InvoiceFill
from hub.models.base import table

D, S, F = table(Delivery), table(DocumentStatus), table(InvoiceFill)


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
