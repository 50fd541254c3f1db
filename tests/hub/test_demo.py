"""The demo, whole: what the README promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.budgets import MemoryBudgets
from hub import demo
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
    assert hero["customers"] == 1 and {"wecom", "taobao", "jd", "wukong"} <= set(hero["sources"])
    assert hero["tags"] == ["京东会员 1 级", "询价", "重点客户"]
    assert list(hero["deals"]) == ["HT-2026-0000"] and hero["deals"]["HT-2026-0000"].startswith("AR")
    assert found["deliveries"]["sent"] == sum(found["deliveries"].values())
    ledger = found["ledgers"]["kingdee"]
    assert ledger["receivable"]["count"] == found["events"]["deal.signed"]
    assert set(found["ledgers"]["yonyou"]) == {"customer", "settlement"}  # the shop's books are kept elsewhere
    approved = 2  # in DingTalk, to which no number is written back
    assert found["ledgers"]["wukong"]["write_back"]["count"] == ledger["receivable"]["count"] - approved
    assert found["pulled"]["dingtalk"]["deal"]["fetched"] == 3 and "dingtalk" in hero["sources"]


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
