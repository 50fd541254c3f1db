"""The demo, whole: what the README promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connectors.budgets import MemoryBudgets
from hub import demo, demo_invoices
from hub.sync import connect


@pytest.fixture(autouse=True)
def _no_budgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The platforms' call budgets (ten a second in Kingdee) would make up most of the time."""
    monkeypatch.setattr(connect, "budgets_of", lambda hub, account, kind: MemoryBudgets([]))


def test_the_demo_agrees_to_the_fen(tmp_path: Path) -> None:
    with demo.staged(demo.demo_settings(tmp_path)) as stage:
        found = demo.play(stage)
    assert found["consistent"] is True and found["differences"] == []
    assert all(found["accounts"].values())
    assert found["second_run_changed_nothing"] is True
    assert found["duplicate_push"]["refused"] and found["duplicate_push"]["adopted"]
    hero = found["hero"]
    assert (hero["persons"], hero["companies"]) == (1, 1) and {"wecom", "taobao", "jd", "wukong"} <= set(hero["sources"])
    assert hero["tags"] == ["京东会员 1 级", "询价", "重点客户"]
    assert list(hero["deals"]) == ["HT-2026-0000"] and hero["deals"]["HT-2026-0000"].startswith("AR")
    assert found["deliveries"]["sent"] + 1 == sum(found["deliveries"].values())
    _invoices(found)
    ledger = found["ledgers"]["kingdee"]
    assert ledger["receivable"]["count"] == found["events"]["deal.signed"]
    assert set(found["ledgers"]["yonyou"]) == {"customer", "settlement", "invoice"}  # the shop's books are kept elsewhere
    approved = 2  # in DingTalk, to which no number is written back
    assert found["ledgers"]["wukong"]["write_back"]["count"] == ledger["receivable"]["count"] - approved
    assert found["pulled"]["dingtalk"]["deal"]["fetched"] == 3 and "dingtalk" in hero["sources"]


def _invoices(found: dict[str, Any]) -> None:
    """One is issued: its number is in the CRM and on the screen of whoever serves the customer. One waits for its tax id."""
    (issued,) = found["invoices"]["issued"]
    assert issued["deal"] == "HT-2026-0000" and issued["document"].startswith("IV") and len(issued["invoice"]) == 20
    assert issued["written_back"] is True and issued["told"] == ["sales_wang"] and issued["amount"] == 12_800_50
    (waiting,) = found["invoices"]["waiting"]
    assert waiting["deal"] == "HT-2026-0003" and found["deliveries"]["incomplete"] == 1
    assert [(fault["field"], fault["reason"], fault["who"]) for fault in waiting["faults"]] == [
        ("buyer_tax_id", "missing", "sales")
    ]
    assert found["ledgers"]["yonyou"]["invoice"] == {"count": 1, "amount": 12_800_50}
    assert found["ledgers"]["wukong"]["invoice_number"]["count"] == 1
    said = "\n".join(demo_invoices.lines(found["invoices"]))
    assert issued["invoice"] in said and "税号" in said and "tax id" in said and "销售" in said and "sales" in said


def test_a_ledger_that_disagrees_is_told(tmp_path: Path) -> None:
    """A document booked twice, one missing and one of another amount each have their own line."""
    with demo.staged(demo.demo_settings(tmp_path)) as stage:
        demo.connect(stage)
        demo.pull_all(stage)
        assert demo.compare(stage) == []
        mine = {"A": 100, "B": 200, "C": 300}
        told = demo._against(
            "kingdee", mine, [{"number": "A", "amount": 100}] * 2 + [{"number": "B", "amount": 201}, {"number": "X"}]
        )
    assert told == [
        "kingdee C: not in the ledger",
        "kingdee A: 2 times in the ledger",
        "kingdee X: unknown to the hub",
        "kingdee B: 201 in the ledger, 200 in the hub",
    ]
