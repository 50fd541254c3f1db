"""Several workers at once on PostgreSQL: one record, one customer, one budget."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from config.settings import Settings
from connectors.errors import Throttled
from connectors.inbound.simulator import FormSender
from connectors.manifest import Budget
from connectors.taobao import sim_data
from connectors.taobao.simulator import TaobaoSimulator
from hub import accounts
from hub.core import Hub
from hub.identity.core.engine import Engine
from hub.jobs.distributed import install
from hub.jobs.shared_budgets import Cell, SharedBudgets
from hub.store.migrate import upgrade
from hub.sync.landing import Lander


@pytest.fixture
def hub(postgres_schema: str, tmp_path: Path) -> Iterator[Hub]:
    """A hub on PostgreSQL."""
    found = Hub.open(Settings(data_dir=tmp_path, database_url=postgres_schema, engine="distributed"))
    upgrade(found.db)
    install(found)
    yield found
    found.close()


def at_once(*jobs: Callable[[], Any]) -> None:
    """All of them in threads; an error of one is the test's."""
    with ThreadPoolExecutor(len(jobs)) as pool:
        for done in [pool.submit(job) for job in jobs]:
            done.result(30)


def met(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
    """Let two threads wait for each other (a little) after they have read and before they write."""
    original, barrier = getattr(owner, name), threading.Barrier(2)

    def waiting(*args: Any, **kwargs: Any) -> Any:
        found = original(*args, **kwargs)
        with suppress(threading.BrokenBarrierError):  # the other one is kept out, as it should be
            barrier.wait(1.0)
        return found

    monkeypatch.setattr(owner, name, waiting)


@pytest.mark.postgres
def test_an_older_version_never_overwrites_a_newer_one_that_lands_meanwhile(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    account = accounts.by_id(
        hub, accounts.add(hub, "taobao", "shop", "shop", TaobaoSimulator().settings("http://127.0.0.1:9"), by="test")
    )
    older = sim_data.trade(sim_data.invented(1, datetime(2026, 3, 1, 10)), "s", "a").record
    newer = {**older, "modified": "2026-03-01 11:00:00", "payment": "1.00"}
    met(monkeypatch, Lander, "_fresh")

    def land(record: dict[str, Any], wait: float) -> None:
        time.sleep(wait)
        with hub.db.write() as conn:
            Lander(hub, account, "order").land(conn, [record])

    at_once(lambda: land(older, 0.0), lambda: land(newer, 0.2))
    with hub.db.read() as conn:
        assert conn.execute(text("SELECT total FROM orders")).scalars().all() == [100]
        assert conn.execute(text("SELECT count(*) FROM event WHERE kind = 'order.paid'")).scalar_one() <= 1


@pytest.mark.postgres
def test_two_accounts_that_bring_the_same_person_at_once_make_one_customer(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    sender, found = FormSender(), []
    for key in ("one", "two"):
        found.append(accounts.by_id(hub, accounts.add(hub, "inbound", key, key, sender.settings(""), by="test")))
    (key,) = sender.populate("customer", 1, start=datetime(2026, 3, 1, tzinfo=UTC), step=timedelta(0))
    record = sender.records["customer"][key]
    met(monkeypatch, Engine, "_settle")

    def land(account: Any) -> None:
        with hub.db.write() as conn:
            Lander(hub, account, "customer").land(conn, [record])

    at_once(*(lambda account=account: land(account) for account in found))  # type: ignore[misc]
    with hub.db.read() as conn:
        assert conn.execute(text("SELECT count(*) FROM profile")).scalar_one() == 2
        assert conn.execute(text("SELECT count(DISTINCT customer_id) FROM profile")).scalar_one() == 1


@pytest.mark.postgres
def test_workers_of_one_account_draw_on_one_budget(hub: Hub) -> None:
    hosts = [SharedBudgets(hub.db, 1, [Budget(match="*", per_second=20)]) for _ in range(3)]
    calls: list[float] = []

    def work(budgets: SharedBudgets) -> None:
        ends = time.monotonic() + 3
        while time.monotonic() < ends:
            with budgets.hold("x", 0, time.sleep):
                calls.append(time.monotonic())

    at_once(*(lambda host=host: work(host) for host in hosts))  # type: ignore[misc]
    calls.sort()
    for start in calls:
        assert sum(start <= call < start + 0.9 for call in calls) <= 20, "no second has more calls than the budget"
    assert len(calls) >= 45, "and few places stay free"


@pytest.mark.postgres
def test_background_work_leaves_a_part_to_people(hub: Hub) -> None:
    budgets = SharedBudgets(hub.db, 1, [Budget(match="*", per_minute=10)])
    slept: list[float] = []
    for _ in range(8):
        with budgets.hold("x", 3, slept.append):
            pass
    with pytest.raises(Throttled), budgets.hold("x", 3, slept.append):
        pass
    with budgets.hold("x", 0, slept.append):
        pass
    assert slept == []


@pytest.mark.postgres
def test_a_limit_answer_slows_every_host(hub: Hub) -> None:
    one, other = (SharedBudgets(hub.db, 1, [Budget(match="*", per_second=50)]) for _ in range(2))
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        time.sleep(seconds)

    one.slow(0.5)
    with other.hold("x", 0, sleep):
        pass
    assert 0.3 < sum(slept) < 0.8
    with SharedBudgets(hub.db, 2, []).hold("x", 0, slept.append):
        pass
    assert len(slept) == 1, "another account is not slowed"


@given(limit=st.integers(1, 30), span=st.sampled_from([1.0, 60.0]), gaps=st.lists(st.floats(0, 0.4), min_size=1, max_size=120))
def test_no_stretch_of_time_has_more_calls_than_the_limit(limit: int, span: float, gaps: list[float]) -> None:
    cell, state, moment = Cell("c", limit, span), dict[str, Any](), 1_000.0
    calls: list[float] = []
    for gap in gaps:
        moment += gap * span
        if (wait := cell.wait(state, moment)) > 0:
            assert len(calls) >= limit
            assert wait <= span * 1.1
            moment += wait
            assert cell.wait(state, moment) == 0, "waiting as long as it says brings a place"
        cell.take(state, moment)
        calls.append(moment)
    for start in calls:
        assert sum(start <= call < start + span for call in calls) <= limit


def test_a_clock_that_steps_back_forgets_nothing() -> None:
    cell, state = Cell("c", 3, 1.0), dict[str, Any]()
    for moment in (1000.0, 1000.5, 999.9):
        assert cell.wait(state, moment) == 0
        cell.take(state, moment)
    assert cell.wait(state, 1000.5) > 0
