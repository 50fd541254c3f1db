"""The embedded runner: APScheduler rings in this process, a pool of threads works. For SQLite and one process."""

from __future__ import annotations

import signal
import threading
from concurrent import futures
from datetime import UTC, datetime

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from hub.core import Hub
from hub.jobs import work
from hub.jobs.listeners import Listeners
from hub.jobs.plan import PRIORITY, Planner

log = structlog.get_logger("hub.jobs")
URGENT = PRIORITY["deliver"]
URGENT_THREADS = 4


class EmbeddedRunner:
    """Plans every second and works in a pool of threads.

    The pool is not the scheduler's: APScheduler 3.11 waits for running jobs with its locks held, and a plan that adds a
    job just then waits for those locks, so that neither ever ends.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub, self._planner = hub, Planner(hub)
        self._running: dict[str, datetime] = {}
        self._stop, self._lock = threading.Event(), threading.Lock()
        hub.stopping = self._stop.is_set
        self._listeners = Listeners(hub)
        self._pool = futures.ThreadPoolExecutor(hub.settings.threads, "job")
        # Pushes and deliveries do not stand in line behind the first reading of a dozen accounts.
        self._urgent = futures.ThreadPoolExecutor(URGENT_THREADS, "urgent")
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(1)},
            # The default grace of one second silently drops late jobs on a busy machine (APScheduler 3.11).
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def submit(self, job: str, key: str) -> bool:
        """See ``Runner.submit``."""
        name = f"{job}:{key}"
        with self._lock:
            if name in self._running or self._stop.is_set():
                return False
            self._running[name] = datetime.now(UTC)
            pool = self._urgent if PRIORITY.get(job, 0) >= URGENT else self._pool
            pool.submit(self._work, name, job, key)
        return True

    def _work(self, name: str, job: str, key: str) -> None:
        try:
            if not self._stop.is_set():
                work.run(self._hub, job, key)
        except Exception:
            log.exception("job failed", job=job, key=key)
        finally:
            with self._lock:
                self._running.pop(name, None)

    def _plan(self) -> None:
        for job, key in self._planner.due():
            self.submit(job, key)

    def start(self) -> None:
        """Begin planning and working in the background."""
        self._scheduler.add_job(self._plan, "interval", seconds=1, id="plan", next_run_time=datetime.now(UTC))
        self._scheduler.start()
        self._listeners.start()

    def stop(self) -> None:
        """Let running jobs save and end. A second call does nothing more."""
        self._stop.set()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)
        self._listeners.stop()
        for pool in (self._urgent, self._pool):
            pool.shutdown(wait=True)

    def run_forever(self) -> None:
        """See ``Runner.run_forever``. SIGTERM lets running jobs save and end, so that no lease is left behind."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, lambda *_: self._stop.set())
        self.start()
        try:
            self._stop.wait()
        except KeyboardInterrupt:
            pass
        finally:
            self.stop()

    def state(self) -> dict[str, object]:
        """See ``Runner.state``."""
        with self._lock:
            running = sorted(self._running)
        return {
            "engine": "embedded",
            "running": running,
            "threads": self._hub.settings.threads,
            "listening": self._listeners.state(),
        }
