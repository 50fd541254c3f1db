"""The hub of the day in a process of its own: the embedded runner and the receiver of pushes, on the company's clock.

Only the platforms' call budgets are off: at ten calls a second the day would be one of waiting. The limits of the platforms
themselves are not.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

CONTEXT = get_context("forkserver")


class Process:
    """Starts, kills and stops the hub, and knows the most memory that any of its lives has held. every: seconds between two
    looks at what is due (a hub looks once a second; a ring more changes nothing)."""

    def __init__(self, folder: Path, offset: Any, every: float) -> None:
        self.folder, self._offset, self._every, self.peak, self.lives = folder, offset, every, 0.0, 0
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._process: Any = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / "hub.log"

    def start(self) -> None:
        """A new life; returns when pushes are taken."""
        self._process = CONTEXT.Process(target=_run, args=(str(self.folder), self._offset, self.port, self._every))
        self._process.start()
        self.lives += 1
        until(self._answers, 60, self.said)

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        assert self._process.exitcode is None, self.said()
        return False

    def said(self) -> str:
        """The end of its log."""
        return self.log.read_text("utf-8", "replace")[-3000:] if self.log.exists() else ""

    def measure(self) -> None:
        """Note the most memory it has held so far (RSS as the kernel counts it), in MB."""
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                self.peak = max(self.peak, int(line.split()[1]) / 1024)

    def kill(self) -> None:
        """SIGKILL: no handler, no farewell."""
        self.measure()
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.join(10)

    def stop(self) -> None:
        """SIGTERM, and it ends in good order."""
        self.measure()
        self._process.terminate()
        self._process.join(30)
        assert self._process.exitcode == 0, f"{self._process.exitcode}: {self.said()}"

    def end(self) -> None:
        """Whatever state it is in."""
        if self._process is not None and self._process.exitcode is None:
            self._process.kill()
            self._process.join(10)


def until(done: Callable[[], bool], seconds: float, why: Callable[[], str], *, pause: float = 0.1) -> None:
    """Wait for it."""
    ends = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < ends, why()
        time.sleep(pause)


def _run(folder: str, offset: Any, port: int, every: float) -> None:
    log = os.open(os.path.join(folder, "hub.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    for name in [name for name in os.environ if name.startswith("HUB_")]:
        del os.environ[name]
    from werkzeug.serving import WSGIRequestHandler, make_server

    from config.logging import configure
    from config.settings import load_settings
    from connectors.budgets import MemoryBudgets
    from hub.app import create_app
    from hub.core import Hub
    from hub.jobs.embedded import EmbeddedRunner
    from hub.sync import connect

    connect.budgets_of = lambda hub, account, connector: MemoryBudgets(())
    settings = load_settings(Path(folder) / "hub.yaml", data_dir=Path(folder))
    configure(settings.log_level)
    hub = Hub.open(settings)
    hub.clock = lambda: datetime.now(UTC) + timedelta(seconds=offset.value)
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    runner = EmbeddedRunner(hub)
    runner.start()
    server = make_server("127.0.0.1", port, create_app(hub), threaded=True, request_handler=WSGIRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while not over.wait(every):
        if every < 1:
            runner._plan()
    server.shutdown()
    runner.stop()
    hub.close()
    os._exit(0)
