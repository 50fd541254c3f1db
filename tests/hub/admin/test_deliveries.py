"""Deliveries: what the list shows, what may be done, and that the document is masked."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select, update

from connectors import registry
from connectors.sandbox import serving
from hub import accounts
from hub.events import delivery, outbox
from hub.models import AuditEntry, Delivery
from hub.models.base import table

D = table(Delivery)
CODE, PHONE, NAME = "91330106MA2B0QJR1P", "13900001111", "杭州云栖科技有限公司"


def state(made: Any, name: str) -> str:
    with made.hub.db.read() as conn:
        return str(conn.execute(select(D.c.state).where(D.c.id == made.deliveries[name])).scalar())


@pytest.mark.parametrize("name", ["pending", "sending", "sent", "rejected", "in_doubt", "cancelled"])
def test_the_list_can_be_narrowed(viewer: Any, made: Any, name: str) -> None:
    text = viewer.get(f"/deliveries?state={name}")
    assert set(re.findall(r'href="/deliveries/(delivery-\w+)"', text)) == {made.deliveries[name]}
    assert made.deliveries[name] not in viewer.get(f"/deliveries?state={name}&account=crm")
    assert made.deliveries[name] in viewer.get("/deliveries?account=erp")


def test_found_by_number(viewer: Any, made: Any) -> None:
    text = viewer.get("/deliveries?number=AR0000000000000004")
    assert re.findall(r'href="/deliveries/(delivery-\w+)"', text) == [made.deliveries["rejected"]]
    assert "没有单据" in viewer.get("/deliveries?number=AR")


def test_buttons_are_those_that_can_do_something(operator: Any, viewer: Any, made: Any) -> None:
    can = {"pending": (0, 1), "sending": (0, 0), "sent": (0, 0), "rejected": (1, 1), "in_doubt": (1, 0), "cancelled": (1, 0)}
    for name, (retry, cancel) in can.items():
        text = operator.get(f"/deliveries/{made.deliveries[name]}")
        assert ("/retry" in text, "/cancel" in text) == (bool(retry), bool(cancel)), name
        text = viewer.get(f"/deliveries/{made.deliveries[name]}")
        assert "/retry" not in text and "/cancel" not in text


def test_a_rejected_one_says_why_and_is_retried(operator: Any, made: Any) -> None:
    url = f"/deliveries/{made.deliveries['rejected']}"
    text = operator.get(url)
    assert "客户未审核" in text and "下一步" in text and "HT-2026-0117" in text
    assert f"/customers/{made.customers['杭州云栖']}" in text
    text = operator.post(url + "/retry")
    assert state(made, "rejected") in ("pending", "rejected")
    assert "人工重试" in text and "operator@hub.local" in text


def test_what_cannot_be_retried_is_refused_with_words(operator: Any, made: Any) -> None:
    text = operator.post(f"/deliveries/{made.deliveries['sent']}/retry")
    assert "没有执行" in text and state(made, "sent") == "sent"
    operator.post("/deliveries/nonsense/retry", 404)


def test_cancelling_needs_a_reason(operator: Any, made: Any) -> None:
    url = f"/deliveries/{made.deliveries['pending']}/cancel"
    assert "请写明原因" in operator.post(url, reason="")
    assert state(made, "pending") == "pending"
    assert "已取消" in operator.post(url, reason="合并开票")
    assert state(made, "pending") == "cancelled"


def test_the_document_is_masked_until_opened(viewer: Any, operator: Any, made: Any) -> None:
    url = f"/deliveries/{made.deliveries['sent']}"
    for person in (viewer, operator):
        text = person.get(url)
        assert CODE not in text and PHONE not in text and "9133****JR1P" in text
    assert NAME not in viewer.get(url) and NAME in operator.get(url)
    viewer.post(url + "/reveal", 403)
    text = operator.post(url + "/reveal")
    assert CODE in text and PHONE in text
    with made.hub.db.read() as conn:
        seen = conn.execute(select(table(AuditEntry)).where(table(AuditEntry).c.what == "delivery.reveal")).all()
    assert [entry.who for entry in seen] == ["operator@hub.local"]


def test_a_reversed_deal_asks_for_a_person(operator: Any, made: Any) -> None:
    key = made.deliveries["sent"]
    with made.hub.db.write() as conn:
        outbox.note(conn, key, "reverse", "needs_reversal", made.hub.now())
    assert "需要人工冲销" in operator.get(f"/deliveries/{key}")
    assert "请写明原因" in operator.post(f"/deliveries/{key}/reversed")
    text = operator.post(f"/deliveries/{key}/reversed", reason="红字应收单 AR-1")
    assert "已记录" in text and "需要人工冲销" not in text


@pytest.mark.parametrize(
    ("kind", "said"), [("amend", "送达后，金额变了"), ("buyer", "购方的抬头"), ("party", "记在另一位客户名下")]
)
def test_an_amended_deal_asks_for_a_person(operator: Any, viewer: Any, made: Any, kind: str, said: str) -> None:
    key = made.deliveries["sent"]
    assert said not in operator.get(f"/deliveries/{key}")
    with made.hub.db.write() as conn:
        outbox.note(conn, key, kind, "needs_amendment", made.hub.now())
    assert said in operator.get(f"/deliveries/{key}")
    number = delivery.show(made.hub, key)["number"]
    assert number in operator.get("/deliveries?state=to_do") and "1 张已送达的单据要人处理" in operator.get("/")
    viewer.post(f"/deliveries/{key}/amend", 403)
    viewer.post(f"/deliveries/{key}/amended", 403, reason="x")
    assert "没有执行" in operator.post(f"/deliveries/{key}/amend"), "no amendment of its deal is known"
    assert "请写明原因" in operator.post(f"/deliveries/{key}/amended")
    text = operator.post(f"/deliveries/{key}/amended", reason="补了一张应收单")
    assert "已记下" in text and said not in text
    assert number not in operator.get("/deliveries?state=to_do") and "要人处理" not in operator.get("/")


def test_reconciling_asks_the_destination(operator: Any, viewer: Any, made: Any) -> None:
    simulator = registry.get("kingdee").simulator()()  # type: ignore[misc]
    viewer.post("/reconcile", 403, account="erp", days="0")
    operator.post("/reconcile", 404, account="crm-nobody", days="0")
    with serving(simulator) as url:
        accounts.change_config(made.hub, "erp", simulator.settings(url), by="test")
        text = operator.post("/reconcile", account="erp", days="0")
    assert "送达过，但对方已没有" in text and made.deliveries["sent"] in text
    assert "结果待确认，对方没有" in text
    assert sum(simulator.calls.values()) > 0 and not simulator.ledger


def test_a_long_reconciling_goes_on_where_it_stopped(operator: Any, made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.admin.reconcile.AT_ONCE", 4)
    simulator = registry.get("kingdee").simulator()()  # type: ignore[misc]
    with serving(simulator) as url:
        accounts.change_config(made.hub, "erp", simulator.settings(url), by="test")
        text = operator.post("/reconcile", account="erp", days="0")
        assert "先核对了 4 张" in text
        resume = re.search(r'name="resume" value="([^"]+)"', text)[1]  # type: ignore[index]
        text = operator.post("/reconcile", account="erp", days="0", resume=resume)
        assert "先核对了" not in text and re.search(r"已核对</dt><dd>6<", text)
        assert "已过期" in operator.post("/reconcile", account="erp", days="7", resume=resume)


def test_a_destination_that_does_not_answer_is_told(operator: Any) -> None:
    text = operator.post("/reconcile", account="erp", days="0")
    assert "flash-bad" in text and "完全一致" not in text


def test_a_document_that_could_not_be_made_is_shown(operator: Any, made: Any) -> None:
    with made.hub.db.write() as conn:
        conn.execute(update(D).where(D.c.id == made.deliveries["rejected"]).values(document={}))
    operator.get(f"/deliveries/{made.deliveries['rejected']}")
