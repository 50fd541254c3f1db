"""Call budgets: several at once, matched by name, people first."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from pyrate_limiter import InMemoryBucket

from connectors.budgets import BACKGROUND, DAY, MemoryBudgets, rates
from connectors.errors import Throttled
from connectors.manifest import Budget

PERSON, BACKFILL = 0, 3


def budgets(*limits: dict[str, Any], longest: float = 0.05) -> MemoryBudgets:
    return MemoryBudgets([Budget.model_validate(limit) for limit in limits], longest=longest)


def taken(held: MemoryBudgets, name: str, priority: int = PERSON, most: int = 50) -> int:
    """How many calls in a row get a place."""
    for count in range(most):
        try:
            with held.hold(name, priority, time.sleep):
                pass
        except Throttled:
            return count
    return most


def test_a_budget_limits_and_says_whose_it_was() -> None:
    held = budgets({"per_minute": 3})
    assert taken(held, "a") == 3
    with pytest.raises(Throttled, match=r"error\.own_budget.*name=a") as caught, held.hold("a", PERSON, time.sleep):
        pass
    assert caught.value.wait > 0


def test_all_budgets_that_match_are_drawn_on() -> None:
    held = budgets({"match": "*", "per_minute": 5}, {"match": "order.*", "per_minute": 2})
    assert taken(held, "order.list") == 2
    assert taken(held, "user.get") in (2, 3), "a refused order may already have taken its place in the wider budget"


def test_a_budget_for_other_names_does_not_limit() -> None:
    assert taken(budgets({"match": "order.*", "per_minute": 1}), "user.get", most=20) == 20
    assert taken(budgets(), "anything", most=20) == 20


def test_background_work_leaves_a_fifth_to_people() -> None:
    held = budgets({"per_minute": 10})
    assert taken(held, "a", BACKFILL) == 8
    assert taken(held, "a", BACKGROUND) == 0
    assert taken(held, "a", PERSON) == 2


def test_the_rates_of_a_budget() -> None:
    found = rates(Budget(per_second=3, per_minute=100, per_day=5000))
    assert [(rate.limit, rate.interval) for rate in found] == [(3, 1000), (100, 60_000), (5000, DAY)]
    assert [rate.limit for rate in rates(Budget(per_second=1), 0.8)] == [1], "a share is never nothing"
    assert rates(Budget(parallel=2)) == []


def test_a_place_that_comes_free_in_time_is_waited_for() -> None:
    held = budgets({"per_second": 2}, longest=3)
    started = time.monotonic()
    assert taken(held, "a", most=3) == 3
    assert 0.5 < time.monotonic() - started < 3


def test_parallel_calls_are_limited_while_they_run() -> None:
    held, running, most, lock = budgets({"parallel": 2}), 0, [0], threading.Lock()

    def call() -> None:
        nonlocal running
        with held.hold("a", PERSON, time.sleep):
            with lock:
                running += 1
                most[0] = max(most[0], running)
            time.sleep(0.02)
            with lock:
                running -= 1

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 2


def test_a_slot_is_given_back_when_the_call_fails() -> None:
    held = budgets({"parallel": 1})
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), held.hold("a", PERSON, time.sleep):
            raise ZeroDivisionError
    assert taken(held, "a", most=1) == 1


def test_slow_makes_everybody_wait_and_the_longest_wins() -> None:
    held, slept = budgets(), []
    held.slow(30)
    held.slow(5)
    with held.hold("a", PERSON, slept.append):
        pass
    assert 29 < slept[0] <= 30


def test_budgets_start_no_threads_and_forget_old_calls() -> None:
    before = threading.active_count()
    many = [MemoryBudgets([Budget(match="*", per_second=5, per_minute=100)]) for _ in range(50)]
    for budgets in many:
        with budgets.hold("call", 0, time.sleep):
            pass
    assert threading.active_count() == before
    bucket = InMemoryBucket(rates(Budget(match="*", per_second=100)))
    budgets = MemoryBudgets([Budget(match="*", per_second=100)], bucket=lambda found, key: bucket)
    with budgets.hold("call", 0, time.sleep):
        pass
    time.sleep(1.05)
    with budgets.hold("call", 0, time.sleep):
        pass
    assert bucket.count() == 1, "what is older than the longest span is not kept"
