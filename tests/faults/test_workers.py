"""Hub processes that are asked to stop, two that share the work, and an engine whose database goes away under it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from config.settings import Settings
from hub.core import Hub
from hub.jobs import work
from hub.jobs.distributed import DistributedRunner
from hub.jobs.embedded import EmbeddedRunner
from hub.jobs.plan import Planner
from tests.faults.conftest import Make
from tests.faults.world import Worker, World, agrees, finished, invented, sound


@pytest.fixture
def busy(world_of: Make, tmp_path: Path, database: str) -> World:
    """A world whose pull takes a while."""
    world = world_of(invented(tmp_path / "orders.csv", days=4, each=60), database=database)
    world.taobao.faults.delay = 0.1
    return world


@pytest.fixture
def processes() -> Iterator[list[Worker]]:
    """Those that are still running at the end are killed."""
    started: list[Worker] = []
    yield started
    for worker in started:
        if worker.process is not None and worker.process.poll() is None:
            worker.kill()


def until(done: Callable[[], bool], seconds: float, why: str) -> None:
    """Wait for it."""
    ends = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < ends, why
        time.sleep(0.05)


def test_asked_to_stop_it_saves_lets_go_and_ends_within_seconds(busy: World, processes: list[Worker]) -> None:
    worker = Worker(busy)
    processes.append(worker)
    worker.start()
    until(lambda: busy.taobao.calls.total() > 5, 15, worker.log())
    took = worker.stop(within=5)
    assert worker.process is not None
    assert worker.process.returncode == 0, worker.log()
    assert took < 5
    with busy.opened() as hub, hub.db.read() as conn:
        left = conn.execute(text("SELECT count(*) FROM account_stream WHERE lease_until > 0")).scalar_one()
        errors = conn.execute(text("SELECT count(*) FROM account_stream WHERE failures > 0")).scalar_one()
    assert (left, errors) == (0, 0), "nobody has to wait for a lease to run out, and stopping is no failure"


@pytest.mark.parametrize("database", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
def test_two_workers_share_the_work(busy: World, processes: list[Worker]) -> None:
    busy.taobao.faults.delay = 0.0
    for name in ("one", "two"):
        worker = Worker(busy, name)
        processes.append(worker)
        worker.start()
    with busy.opened() as hub:
        until(lambda: finished(hub), 60, "not done in a minute")
        sound(busy, hub)
        agrees(busy, hub)
        with hub.db.read() as conn:
            jobs = dict(conn.execute(text("SELECT status::text, count(*) FROM procrastinate_jobs GROUP BY 1")).all())
    assert jobs.get("failed", 0) == 0
    assert max(worker.stop(within=5) for worker in processes) < 5


@pytest.mark.postgres
def test_a_database_that_drops_its_connections_is_waited_for(
    world_of: Make, tmp_path: Path, postgres_schema: str, processes: list[Worker]
) -> None:
    world = world_of(invented(tmp_path / "orders.csv", days=4, each=60), database=postgres_schema)
    world.taobao.faults.delay = 0.03
    worker = Worker(world)
    processes.append(worker)
    worker.start()
    with world.opened() as hub:
        for calls in (10, 60, 110):
            until(lambda calls=calls: world.taobao.calls.total() > calls, 30, worker.log())  # type: ignore[misc]
            with hub.db.write() as conn:
                dropped = conn.execute(
                    text(
                        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = "
                        "current_setting('application_name') AND pid <> pg_backend_pid()"
                    )
                ).scalar_one()
            assert dropped > 1
        until(lambda: finished(hub), 90, f"not done: {worker.log()[-3000:]}")
        assert worker.process is not None
        assert worker.process.poll() is None, "the process outlives its connections"
        sound(world, hub)
        agrees(world, hub)


@pytest.mark.parametrize("database", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
def test_the_engine_clears_away_what_a_killed_worker_was_doing(busy: World, processes: list[Worker]) -> None:
    worker = Worker(busy)
    processes.append(worker)
    worker.start()
    until(lambda: busy.taobao.calls.total() > 3, 15, worker.log())
    worker.kill()
    with busy.opened() as hub:
        with hub.db.write() as conn:
            doing = conn.execute(text("SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing'")).scalar_one()
            conn.execute(text("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '2 minutes'"))
        assert doing > 0
        runner = DistributedRunner(hub)

        async def tidy() -> None:
            async with runner.app.open_async():
                await runner._tidy(0)

        # The browser tests leave an event loop running in this thread.
        with ThreadPoolExecutor(1) as apart:
            apart.submit(asyncio.run, tidy()).result()
        with hub.db.read() as conn:
            left = dict(conn.execute(text("SELECT status::text, count(*) FROM procrastinate_jobs GROUP BY 1")).all())
        assert "doing" not in left
        assert left["failed"] == doing
        assert runner.state() == {"engine": "distributed", "jobs": left}


def test_stopping_in_the_middle_of_a_plan_waits_for_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planning, ran = threading.Event(), threading.Event()

    def slow_plan(self: Planner) -> Iterator[tuple[str, str]]:
        planning.set()
        time.sleep(0.3)
        yield "housekeep", "all"

    monkeypatch.setattr(Planner, "due", slow_plan)
    monkeypatch.setitem(work.NAMES, "housekeep", lambda hub, key: ran.set())
    hub = Hub.open(Settings(data_dir=tmp_path))
    runner = EmbeddedRunner(hub)
    runner.start()
    assert planning.wait(5)
    stopper = threading.Thread(target=runner.stop, daemon=True)
    stopper.start()
    stopper.join(5)
    assert not stopper.is_alive(), "the plan waits for the scheduler, and the scheduler for the plan"
    hub.close()


def test_pushes_and_deliveries_do_not_stand_behind_long_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free, done = threading.Event(), threading.Event()
    monkeypatch.setitem(work.NAMES, "pull", lambda hub, key: free.wait(10))
    monkeypatch.setitem(work.NAMES, "inbox", lambda hub, key: done.set())
    hub = Hub.open(Settings(data_dir=tmp_path, threads=1))
    runner = EmbeddedRunner(hub)
    try:
        assert all(runner.submit("pull", f"{account}:order:pull") for account in range(3))
        assert runner.submit("inbox", "1")
        assert done.wait(5)
    finally:
        free.set()
        runner.stop()
        hub.close()
