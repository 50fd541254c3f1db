"""The ledger of monthly grants: counted as made, foretold, warned about."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors import registry
from connectors.dingtalk.simulator import DingTalkSimulator
from connectors.manifest import Budget, Text
from connectors.sandbox import Served
from hub import accounts
from hub.admin import overview
from hub.models import CallCount
from hub.sync.connect import connect
from hub.sync.quotas import forget, pace, usage

Site = Any
TITLE = Text(zh="每月接口调用", en="API calls a month")
CHINA = ZoneInfo("Asia/Shanghai")


def days(month: int, counts: dict[int, int]) -> dict[date, int]:
    return {date(2026, month, day): count for day, count in counts.items()}


def at(month: int, day: int, hour: int = 12) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=CHINA)


def test_a_steady_pace_goes_on_to_the_months_end() -> None:
    found = usage(TITLE, 5000, days(6, dict.fromkeys(range(1, 11), 100) | {11: 50}), at(6, 11))
    assert (found.used, found.expected, found.runs_out, found.level) == (1050, 3000, None, "fine")


def test_a_pace_that_is_too_fast_is_told_long_before_the_end() -> None:
    found = usage(TITLE, 5000, days(6, dict.fromkeys(range(1, 11), 300) | {11: 150}), at(6, 11))
    assert (found.used, found.expected, found.level) == (3150, 9000, "warn")
    assert found.runs_out == date(2026, 6, 17)


@pytest.mark.parametrize(("used", "level"), [(3499, "fine"), (3500, "warn"), (4499, "warn"), (4500, "bad"), (6000, "bad")])
def test_what_is_used_is_told_at_seventy_and_ninety_percent(used: int, level: str) -> None:
    assert usage(TITLE, 5000, days(6, {28: used}), at(6, 29, 23)).level == level


def test_the_first_days_foretell_nothing() -> None:
    found = usage(TITLE, 5000, days(6, {1: 2000, 2: 10}), at(6, 3))
    assert (found.expected, found.runs_out, found.level) == (None, None, "fine")
    assert pace(days(6, {1: 30, 2: 30, 3: 30, 4: 15}), at(6, 4)) == 30


def test_only_the_last_week_says_how_it_goes_on() -> None:
    """The reading of all that was there, on the first day, is forgotten after a week."""
    found = usage(TITLE, 5000, days(6, {1: 2000} | dict.fromkeys(range(2, 15), 50) | {15: 25}), at(6, 15))
    assert found.expected == 2000 + 13 * 50 + 25 + round(50 * 15.5)


def test_a_new_month_begins_at_nothing_with_the_old_pace() -> None:
    found = usage(TITLE, 5000, days(5, dict.fromkeys(range(1, 32), 200)), at(6, 1, 0))
    assert (found.used, found.expected) == (0, 6000) and found.level == "warn"


def test_december_ends_in_january() -> None:
    assert usage(TITLE, 5000, days(12, dict.fromkeys(range(1, 31), 10)), at(12, 31, 0)).expected == 310


def test_a_grant_that_is_used_up_runs_out_today() -> None:
    found = usage(TITLE, 100, days(6, dict.fromkeys(range(1, 11), 50)), at(6, 11))
    assert (found.runs_out, found.share) == (date(2026, 6, 11), 100)


def test_a_monthly_budget_has_a_title() -> None:
    with pytest.raises(ValueError, match="title"):
        Budget(match="*", per_month=5)
    with pytest.raises(ValueError, match="zone"):
        Budget(match="*", per_month=5, title=TITLE, zone="Mars")


# -- with an account


@pytest.fixture
def sim(site: Site) -> Iterator[DingTalkSimulator]:
    made = DingTalkSimulator(now=lambda: site.now)
    made.app.logger.disabled = True
    served = Served(made)
    accounts.add(site.hub, "dingtalk", "ding", "钉钉", made.settings(served.url), by="test")
    yield made
    served.close()


def ask(site: Site) -> Any:
    return connect(site.hub, accounts.get(site.hub, "ding"))


def told(site: Site) -> list[Any]:
    with site.hub.db.read() as conn:
        return overview.quotas(site.hub, conn, {"id": 1, "platform": "dingtalk"})


def test_the_ledger_agrees_with_the_platforms(site: Site, sim: DingTalkSimulator) -> None:
    row = sim.crm.add("crm_customer", {"customer_name": "远山"})
    sim.people.add_contact("陈先生", "13600000001")
    connector = ask(site)
    for _ in range(3):
        connector.fetch_one("company", row.id)
    list(connector.pages("external", None, None))
    (found,) = told(site)
    assert found.used == 3 == sum(sim.gate.spent.values()), "external contacts are not counted"


def test_a_limit_answer_is_no_call(site: Site, sim: DingTalkSimulator) -> None:
    row = sim.crm.add("crm_customer", {"customer_name": "远山"})
    sim.faults.throttle["batchQuery"] = 2
    ask(site).fetch_one("company", row.id)
    assert told(site)[0].used == 1


def test_days_are_those_of_china(site: Site, sim: DingTalkSimulator) -> None:
    row = sim.crm.add("crm_customer", {"customer_name": "远山"})
    site.now = datetime(2026, 11, 30, 15, 59, tzinfo=UTC)
    ask(site).fetch_one("company", row.id)
    site.now += timedelta(minutes=2)
    ask(site).fetch_one("company", row.id)
    assert sorted((item.day, item.count) for item in site.rows(CallCount)) == [("2026-11-30", 1), ("2026-12-01", 1)]
    assert told(site)[0].used == 1, "the month is December by now, in China"


def test_what_was_bought_is_a_setting(site: Site, sim: DingTalkSimulator) -> None:
    config = accounts.get(site.hub, "ding").config
    accounts.change_config(site.hub, "ding", {**config, "monthly_calls": 200000}, by="t")
    assert told(site)[0].limit == 200000


def test_old_days_are_forgotten(site: Site, sim: DingTalkSimulator) -> None:
    row = sim.crm.add("crm_customer", {"customer_name": "远山"})
    ask(site).fetch_one("company", row.id)
    with site.hub.db.write() as conn:
        forget(conn, site.now + timedelta(days=399))
    assert len(site.rows(CallCount)) == 1
    with site.hub.db.write() as conn:
        forget(conn, site.now + timedelta(days=401))
    assert site.rows(CallCount) == []


def test_platforms_without_a_grant_have_no_ledger(site: Site) -> None:
    with site.hub.db.read() as conn:
        assert overview.quotas(site.hub, conn, {"id": 1, "platform": "wecom"}) == []
    assert not [budget for budget in registry.get("wecom").manifest.budgets if budget.per_month]
