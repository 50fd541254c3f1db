"""The embedded runner: APScheduler in this process, memory job store, thread pool. For SQLite and one process."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import ConflictingIdError
from apscheduler.schedulers.background import BackgroundScheduler

from hub.core import Hub
from hub.jobs import work
from hub.jobs.plan import Planner


class EmbeddedRunner:
    """Plans every second and works in a pool of threads."""

    def __init__(self, hub: Hub) -> None:
        self._hub, self._planner = hub, Planner(hub)
        self._running: dict[str, datetime] = {}
        self._stop = threading.Event()
        hub.stopping = self._stop.is_set
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(hub.settings.threads), "plan": ThreadPoolExecutor(1)},
            # The default grace of one second silently drops late jobs on a busy machine (APScheduler 3.11).
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def submit(self, job: str, key: str) -> bool:
        """See ``Runner.submit``."""
        name = f"{job}:{key}"
        if name in self._running:
            return False
        try:
            self._scheduler.add_job(self._work, args=(job, key), id=name)
        except ConflictingIdError:
            return False
        return True

    def _work(self, job: str, key: str) -> None:
        name = f"{job}:{key}"
        if name in self._running:
            return
        self._running[name] = datetime.now(UTC)
        try:
            work.run(self._hub, job, key)
        finally:
            self._running.pop(name, None)

    def _plan(self) -> None:
        for job, key in self._planner.due():
            self.submit(job, key)

    def start(self) -> None:
        """Begin planning and working in the background."""
        self._scheduler.add_job(self._plan, "interval", seconds=1, id="plan", executor="plan", next_run_time=datetime.now(UTC))
        self._scheduler.start()

    def stop(self) -> None:
        """Let running jobs save and end."""
        self._stop.set()
        self._scheduler.shutdown(wait=True)

    def run_forever(self) -> None:
        """See ``Runner.run_forever``."""
        self.start()
        try:
            self._stop.wait()
        except KeyboardInterrupt:
            pass
        finally:
            self.stop()

    def state(self) -> dict[str, object]:
        """See ``Runner.state``."""
        return {"engine": "embedded", "running": sorted(self._running), "threads": self._hub.settings.threads}
