"""Lists go to their end: nothing that the hub holds is out of reach of its pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import insert

from hub.models import Deal, Handover, Order, OwnerConflict
from hub.models.base import table
from tests.hub.admin.conftest import Browser


def test_all_orders_and_deals_of_a_customer(viewer: Browser, made: Any) -> None:
    shop, crm, cid = made.account["tmall"], made.account["crm"], made.customers["王小红"]
    of_shop = {"account_id": shop, "profile_ref": f"{shop}|b-7781", "currency": "CNY", "deleted": False, "state": "paid"}
    of_crm = {"account_id": crm, "profile_ref": f"{shop}|b-7781", "currency": "CNY", "deleted": False, "state": "signed"}
    for n in range(120):
        # Some say nothing of when they came.
        at = None if n % 10 == 0 else made.ago(days=1, minutes=n // 3)
        ref = {"source_ref": f"{shop}|order|z{n}", "number": f"ZZ{n:04d}", "created_at": at}
        made.insert(Order, {**of_shop, **ref, "ref": f"{shop}|z{n}", "paid": 100})
        made.insert(Deal, {**of_crm, **ref, "ref": f"{crm}|z{n}", "amount": 100, "received": 0})
    page = viewer.get(f"/customers/{cid}")
    assert "全部订单" in page and f'href="/customers/{cid}/all/deals"' in page
    for what, link in (
        ("orders", r"fact\?kind=order&amp;ref=\d+%7Cz(\d+)"),
        ("deals", r"fact\?kind=deal&amp;ref=\d+%7Cz(\d+)"),
    ):
        found = [int(n) for n in viewer.walk(f"/customers/{cid}/all/{what}", link)]
        assert sorted(found) == list(range(120))
        assert all(n % 10 for n in found[:108]) and not any(n % 10 for n in found[108:]), "without a time come last"
    viewer.get(f"/customers/{cid}/all/tags", 404)
    viewer.get("/customers/nobody/all/orders", 404)
    assert "HT-2026-0117" in viewer.get(f"/customers/{made.customers['杭州云栖']}")


def test_the_list_of_a_merged_customer_is_the_survivors(viewer: Browser, made: Any) -> None:
    with made.hub.db.read() as conn:
        gone = conn.exec_driver_sql("SELECT id FROM customer WHERE state = 'merged'").scalar()
    answer = viewer.client.get(f"/customers/{gone}/all/orders")
    assert (answer.status_code, answer.location) == (303, f"/customers/{made.customers['李伟']}/all/orders")


def test_every_hand_over_can_be_reached(viewer: Browser, made: Any) -> None:
    wecom, now = made.account["wecom"], made.hub.now()
    row = {
        "account_id": wecom, "stream": "customer", "staff": "wangwu", "to": "zhanglei", "left": True, "by": "x", "becomes": "",
        "message": "", "attempts": 1, "asks": 0, "doubts": 0, "fence": 0, "next_at": now, "lease_until": now, "asked_at": now,
    }  # fmt: skip
    with made.hub.db.write() as conn:
        for n in range(120):
            conn.execute(insert(table(Handover)).values(**row, key=f"k-{n:04d}", state="accepted"))
    found = viewer.walk("/handover", r"k-(\d{4})<")
    assert [int(n) for n in found] == list(range(119, -1, -1))
    assert len(viewer.walk("/handover?state=accepted", r"k-(\d{4})<")) == 120
    page = viewer.get("/handover?number=1")
    assert 'href="/handover">全部' in page and "k-0001" not in page and page.count("王五 →") == 1
    assert 'href="/handover">全部' not in viewer.get("/handover")


def test_every_conflict_can_be_reached(viewer: Browser, made: Any) -> None:
    with made.hub.db.read() as conn:
        ids = [row[0] for row in conn.exec_driver_sql("SELECT id FROM customer WHERE state = 'active'")]
    before = set(viewer.walk("/conflicts", r'href="/customers/(c\w{26})">'))
    now, rest = made.hub.now(), [cid for cid in ids if cid not in before]
    with made.hub.db.write() as conn:
        for n, cid in enumerate(rest):
            conn.execute(insert(table(OwnerConflict)).values(
                customer_id=cid, state="open", reason="profiles", owners=[], parties=b"x", since=now,
                changed_at=now - timedelta(minutes=n // 7),
            ))  # fmt: skip
    found = viewer.walk("/conflicts", r'main-cell"><div><a href="/customers/(c\w{26})">')
    assert len(rest) > 60 and len(found) == len(set(found)) and set(found) == before | set(rest)
