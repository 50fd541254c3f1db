"""The distributed runner: Procrastinate workers on the same PostgreSQL, any number of hosts, no broker."""

from __future__ import annotations

import asyncio
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from typing import Any

import procrastinate
import structlog
from procrastinate import exceptions
from sqlalchemy import text

from hub.core import Hub
from hub.jobs import work
from hub.jobs.listeners import Listeners
from hub.jobs.plan import PRIORITY, Planner
from hub.jobs.shared_budgets import TABLE, conninfo

log = structlog.get_logger("hub.jobs")
STALLED = 60
REST = 2.0
"""Seconds before the engine is started again after the database has let it down."""


class DistributedRunner:
    """One worker process. The planner's tick is a periodic task: one run per tick over all hosts."""

    def __init__(self, hub: Hub) -> None:
        self._hub, self._planner = hub, Planner(hub)
        self._stop = threading.Event()
        hub.stopping = self._stop.is_set

    @cached_property
    def app(self) -> procrastinate.App:
        """The engine with our tasks."""
        app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=conninfo(self._hub)))
        for job in work.NAMES:
            app.task(name=job, queue="hub")(self._task(job))
        app.periodic(cron="* * * * * *")(app.task(name="plan", queue="hub", queueing_lock="plan")(self._plan))
        app.periodic(cron="* * * * *")(app.task(name="tidy", queue="hub", queueing_lock="tidy")(self._tidy))
        return app

    def _task(self, job: str) -> Any:
        def task(key: str) -> None:
            work.run(self._hub, job, key)

        return task

    def _plan(self, timestamp: int) -> None:
        for job, key in self._planner.due():
            self.submit(job, key)

    async def _tidy(self, timestamp: int) -> None:
        """Jobs of dead workers fail (the planner rings again: the truth is in our tables); old finished ones go."""
        manager = self.app.job_manager
        for job in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED):
            await manager.finish_job(job, procrastinate.jobs.Status.FAILED, delete_job=False)
        await manager.delete_old_jobs(nb_hours=24, include_failed=True)

    def submit(self, job: str, key: str) -> bool:
        """See ``Runner.submit``."""
        name = f"{job}:{key}"
        try:
            self.app.configure_task(job, queue="hub", queueing_lock=name, priority=PRIORITY[job]).defer(key=key)
        except exceptions.AlreadyEnqueued:
            return False
        return True

    def run_forever(self) -> None:
        """See ``Runner.run_forever``. A database that goes away ends the engine, not the process: it is started again."""
        listeners = Listeners(self._hub)
        listeners.start()
        while not self._stop.is_set():
            try:
                with self.app.open():
                    asyncio.run(self._work())
            except Exception:
                log.exception("engine failed")
            if not self._stop.is_set():
                log.warning("engine starts again")
                self._stop.wait(REST)
        listeners.stop()

    async def _work(self) -> None:
        """One life of the engine's worker. Its own signal handlers would let running jobs finish their slice first."""
        loop, threads = asyncio.get_running_loop(), self._hub.settings.threads
        loop.set_default_executor(ThreadPoolExecutor(threads))
        async with self.app.open_async():
            worker = asyncio.ensure_future(
                self.app.run_worker_async(
                    queues=["hub"],
                    concurrency=threads,
                    fetch_job_polling_interval=1.0,
                    delete_jobs="successful",
                    shutdown_graceful_timeout=30,
                    install_signal_handlers=False,
                )
            )
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._halt, worker)
            with suppress(asyncio.CancelledError):
                await worker

    def _halt(self, worker: asyncio.Future[None]) -> None:
        """Jobs see the flag between calls, save and end; then the worker does."""
        self._stop.set()
        worker.cancel()

    def state(self) -> dict[str, object]:
        """See ``Runner.state``."""
        counted = text("SELECT status::text, count(*) FROM procrastinate_jobs GROUP BY 1")
        with self._hub.db.read() as conn:
            return {"engine": "distributed", "jobs": {row[0]: row[1] for row in conn.execute(counted)}}


def install(hub: Hub) -> None:
    """Create the engine's own tables and that of the shared budgets, once."""
    with hub.db.write() as conn:
        conn.execute(text(TABLE))
        present = conn.execute(text("SELECT to_regclass('procrastinate_jobs')")).scalar_one()
    if present is None:
        app = procrastinate.App(connector=procrastinate.SyncPsycopgConnector(conninfo=conninfo(hub)))
        with app.open():
            app.schema_manager.apply_schema()
