"""The server: granian in front, and in the embedded way the runner in the same process."""

from __future__ import annotations

from multiprocessing.util import Finalize
from typing import Any

from config.logging import configure
from config.settings import Settings, load_settings


def wsgi() -> Any:
    """The application that granian's worker loads: opens the hub, starts the embedded runner."""
    from hub.app import create_app
    from hub.core import Hub

    settings = load_settings()
    configure(settings.log_level)
    hub = Hub.open(settings)
    if settings.engine == "embedded":
        from hub.jobs.embedded import EmbeddedRunner

        runner = EmbeddedRunner(hub)
        runner.start()
        # granian's worker is a child of multiprocessing, which ends without ``atexit``.
        Finalize(None, runner.stop, exitpriority=100)
        hub.runner = runner
    return create_app(hub)


def serve(settings: Settings) -> None:
    """Serve until asked to stop. SQLite has one process; PostgreSQL a worker per core."""
    import os

    from granian import Granian
    from granian.constants import HTTPModes, Interfaces

    embedded = settings.engine == "embedded"
    Granian(
        "hub.serving:wsgi",
        factory=True,
        interface=Interfaces.WSGI,
        address=settings.host,
        port=settings.port,
        workers=1 if embedded else (os.cpu_count() or 1),
        blocking_threads=16,
        backpressure=512,
        backlog=1024,
        http=HTTPModes.http1,
        websockets=False,
        log_access=False,
        workers_kill_timeout=40,
    ).serve()
