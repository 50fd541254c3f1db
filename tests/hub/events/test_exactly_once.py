"""Whatever the destination answers and whenever the process dies: each number is written at most once, and at the end once.

The ledger of these tests takes a number twice, as a destination without a unique index would: only the state machine
keeps it from doubling.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from hub import accounts
from hub.events import delivery, outbox, rules, settle
from hub.models import Account, Event

FAULTS = ("unavailable", "throttled", "auth", "config", "rejected", "unexpected", "crash")
FIND = st.sampled_from(("ok", *FAULTS))
WRITTEN = [f"{when}:{fault}" for when in ("after", "late", "half") for fault in ("doubt", "unexpected", "throttled", "crash")]
SEND = st.sampled_from(("ok", "half", *FAULTS, "doubt", "duplicate", *WRITTEN))
FINISH = st.sampled_from(("ok", "still", *FAULTS, "doubt", "after:doubt", "after:crash", "after:unexpected"))


class DyingDatabase:
    """The hub's database; the process dies when a chosen transaction is about to begin, to commit, or has committed."""

    def __init__(self, real: Any, crash: type[BaseException]) -> None:
        self._real, self._crash, self.deaths = real, crash, []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def _tick(self) -> None:
        if self.deaths:
            self.deaths[0] -= 1
            if self.deaths[0] < 0:
                self.deaths.pop(0)
                raise self._crash

    @contextmanager
    def write(self) -> Iterator[Any]:
        self._tick()
        with self._real.write() as conn:
            yield conn
            self._tick()
        self._tick()


def revive(world: Any) -> None:
    """What people do: they mend the account and retry what was rejected."""
    for account in world.rows(Account):
        if account.state != "active":
            accounts.set_state(world.hub, account.key, "active", reason="", by="wang")
    for row in world.deliveries(state="rejected"):
        delivery.retry(world.hub, row.id, by="wang")


def at_most_once(world: Any) -> None:
    counts = {number: len(entries) for number, entries in world.ledger.entries.items()}
    assert all(count == 1 for count in counts.values()), counts


def work(world: Any, dying: DyingDatabase, rounds: int, steps: list[int]) -> None:
    for place in range(rounds):
        try:
            world.deliver()
            revive(world)
        except world.Crash:
            pass
        at_most_once(world)
        world.forward(steps[place % len(steps)])


@settings(
    max_examples=80, deadline=None, phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(
    find=st.lists(FIND, max_size=8), send=st.lists(SEND, max_size=5), finish=st.lists(FINISH, max_size=4),
    deaths=st.lists(st.integers(0, 14), max_size=6),
    steps=st.lists(st.sampled_from((1, 15, 31, 95, 4000)), min_size=1, max_size=6),
)  # fmt: skip
def test_random_faults_and_deaths(
    world: Any, find: list[str], send: list[str], finish: list[str], deaths: list[int], steps: list[int]
) -> None:
    dying = world.hub.db if isinstance(world.hub.db, DyingDatabase) else DyingDatabase(world.hub.db, world.Crash)
    world.hub.db, dying.deaths = dying, []
    for name, plan in (("find", find), ("send", send), ("finish", finish)):
        world.ledger.plan[name].clear()
        world.ledger.expect(name, *plan)
    ref = world.deal(profile=world.customer(world.crm)[0])
    world.dispatch()
    dying.deaths = list(deaths)
    work(world, dying, 14, steps)
    dying.deaths = []
    for plan in world.ledger.plan.values():
        plan.clear()
    work(world, dying, 8, [4000])
    (row,) = world.deliveries(subject=ref)
    assert row.state == "sent", (row.state, row.error)
    assert world.ledger.held(row.number) == 1
    assert len([event for event in world.sent_events() if event.subject == row.id]) == 1
    assert row.receipt["complete"] and row.receipt["amount"] == row.amount


@pytest.mark.parametrize("seed", range(3))
def test_dispatch_killed_anywhere_makes_each_delivery_once(world: Any, seed: int) -> None:
    dice, dying = random.Random(seed), DyingDatabase(world.hub.db, world.Crash)
    refs = [world.deal(profile=world.customer(world.crm)[0]) for _ in range(12)]
    world.hub.db = dying
    for _ in range(30):
        dying.deaths = [dice.randrange(6)]
        try:
            rules.dispatch(world.hub, limit=dice.randrange(1, 5))
        except world.Crash:
            continue
    dying.deaths = []
    world.dispatch()
    assert sorted(row.subject for row in world.deliveries()) == sorted(refs)
    assert not [row for row in world.rows(Event) if row.pending]


def test_several_workers_at_once(world: Any) -> None:
    """Workers of one account share the work; with lost answers among it, each document is written once."""
    for _ in range(30):
        world.deal(profile=world.customer(world.crm)[0])
    world.dispatch()
    world.ledger.latency = 0.002
    dice = random.Random(7)
    world.ledger.expect("send", *(dice.choice(["ok", "ok", "after:doubt", "doubt", "after:unexpected"]) for _ in range(30)))
    done: Counter[str] = Counter()
    problems: list[BaseException] = []

    def run() -> None:
        try:
            done[threading.current_thread().name] += delivery.deliver(world.hub, world.books)
        except BaseException as error:
            problems.append(error)

    for _ in range(4):
        threads = [threading.Thread(target=run, name=f"worker-{place}") for place in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        world.forward(31)
    assert problems == []
    rows = world.deliveries()
    assert {row.state for row in rows} == {"sent"}
    assert {world.ledger.held(row.number) for row in rows} == {1}
    assert len(world.sent_events()) == 30
    assert sum(count > 0 for count in done.values()) > 1, "one worker did it all"


def test_several_dispatchers_at_once(world: Any) -> None:
    world.rules(
        {"on": "deal.signed", "to": "books-main", "make": "receivable"},
        {"on": "order.paid", "to": "books-main", "make": "settlement", "per": "day"},
    )
    for place in range(20):
        ref = world.deal(profile=world.customer(world.crm)[0])
        world.order(100 + place)
        if place % 4 == 0:
            world.reverse(ref)
    handled: list[int] = []
    problems: list[BaseException] = []

    def run() -> None:
        try:
            while count := rules.dispatch(world.hub, limit=7):
                handled.append(count)
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == [] and sum(handled) == 45
    assert Counter(row.state for row in world.deliveries()) == {"pending": 15, "cancelled": 5}


@pytest.mark.parametrize("job", [rules.dispatch, settle.close_days])
def test_what_turns_events_into_deliveries_goes_one_at_a_time(world: Any, job: Any) -> None:
    """A reversal must see the delivery that another worker is just making, and a sum the items another is just adding."""
    if world.hub.db.dialect != "postgresql":
        pytest.skip("SQLite has one writer anyway")
    world.rules({"on": "order.paid", "to": "books-main", "make": "settlement", "per": "day"})
    world.order(100)
    ended = threading.Event()
    thread = threading.Thread(target=lambda: (job(world.hub), ended.set()))
    with world.hub.db.write() as conn:
        outbox.serialise(conn)
        thread.start()
        assert not ended.wait(0.3)
    assert ended.wait(5)
    thread.join()


def test_the_fake_ledger_would_show_a_double(world: Any) -> None:
    """The check of these tests can fail: a blind look-up makes the machine write twice."""
    world.deal()
    world.dispatch()
    world.ledger.expect("send", "after:doubt")
    world.ledger.expect("find", "ok", "blind", "blind")
    world.settle_all(4, 31)
    with pytest.raises(AssertionError):
        at_most_once(world)
