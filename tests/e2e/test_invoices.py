"""The queue of invoices on the screen: it fits, and a person fills what is missing."""

from __future__ import annotations

from typing import Any

from sqlalchemy import update

from hub.models import Delivery
from hub.models.base import table

D = table(Delivery)
FAULTS = [
    {"field": "buyer_tax_id", "reason": "check", "who": "sales"},
    {"field": "invoice_kind", "reason": "missing", "who": "sales"},
    {"field": "lines.1.tax_code", "reason": "missing", "who": "finance"},
    {"field": "amount", "reason": "over", "who": "sales"},
]


def test_a_person_fills_what_is_missing(visitor: Any, site: Any) -> None:
    error = {"type": "Incomplete", "key": "invoice.incomplete", "params": {"missing": "buyer_tax_id"}, "faults": FAULTS}
    with site.made.hub.db.write() as conn:
        mine = update(D).where(D.c.id == site.made.deliveries["rejected"])
        conn.execute(mine.values(state="incomplete", kind="invoice", error=error))
    visitor.open("/login")
    visitor.sign_in()
    visitor.open("/invoices")
    visitor.shoot("invoices-waiting")
    assert visitor.overflow() <= 0
    visitor.page.get_by_label("税号").fill("913100001234567883")
    visitor.page.get_by_role("button", name="补充并继续").click()
    visitor.page.get_by_text("还缺别的内容").wait_for()
    visitor.open(f"/deliveries/{site.made.deliveries['sent']}")
    visitor.page.get_by_text("冲销", exact=True).first.click()
    visitor.shoot("invoices-reverse")
    assert visitor.overflow() <= 0 and not visitor.complaints, visitor.complaints
