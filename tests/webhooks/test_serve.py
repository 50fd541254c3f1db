"""The real server (``hub serve``) under SIGKILL and SIGTERM: what was answered with 200 is there, and nobody has to wait."""

from __future__ import annotations

import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import text

from config.settings import load_settings
from connectors.inbound.simulator import FormSender
from connectors.sandbox import serving
from connectors.taobao.simulator import TaobaoSimulator
from hub import accounts
from hub.core import Hub
from hub.jobs.cycle import drain
from hub.store.migrate import upgrade

HUB = Path(sys.executable).with_name("hub")
START = datetime(2026, 3, 1, tzinfo=UTC)


class Served:
    """A hub of its own that is served by the real command. rules of the embedded runner hold on SQLite."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder, self.sender = folder, FormSender()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        known: dict[str, Any] = {"data_dir": str(folder), "port": self.port, "log_level": "warning", "threads": 4}
        known |= {"lease_seconds": 3, "database_url": database, "engine": "distributed" if database else "embedded"}
        (folder / "hub.yaml").write_text(yaml.safe_dump(known), "utf-8")
        self.url = f"http://127.0.0.1:{self.port}/webhooks/form"
        self.process: subprocess.Popen[bytes] | None = None
        with self.opened() as hub:
            if database:
                upgrade(hub.db)
            accounts.add(hub, "inbound", "form", "form", self.sender.settings(""), by="test")

    @contextmanager
    def opened(self) -> Iterator[Hub]:
        """The hub in this process."""
        hub = Hub.open(load_settings(self.folder / "hub.yaml"))
        try:
            yield hub
        finally:
            hub.close()

    def start(self) -> None:
        """Serve; returns when it answers."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
        with (self.folder / "serve.log").open("ab") as log:
            environment = kept | {"HUB_CONFIG": str(self.folder / "hub.yaml")}
            self.process = subprocess.Popen(
                [str(HUB), "serve"], cwd=self.folder, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        ends = time.monotonic() + 20
        while not self.answers():
            assert time.monotonic() < ends, self.log()
            time.sleep(0.05)

    def answers(self) -> bool:
        """Is it up?"""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            line.request("GET", "/healthz")
            return line.getresponse().status == 200
        except OSError:
            return False
        finally:
            line.close()

    def end(self, number: int, within: float = 10.0) -> float:
        """A signal to all of its processes; the seconds until they were gone."""
        assert self.process is not None
        began = time.monotonic()
        os.killpg(self.process.pid, number) if number == signal.SIGKILL else self.process.send_signal(number)
        self.process.wait(within)
        while time.monotonic() < began + within and self._lives():
            time.sleep(0.05)
        assert not self._lives(), f"processes are left after {within} s: {self.log()}"
        return time.monotonic() - began

    def _lives(self) -> bool:
        assert self.process is not None
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def log(self) -> str:
        """What it has said."""
        return (self.folder / "serve.log").read_text("utf-8", "replace")[-3000:]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> str:
    """'' for SQLite, or the URL of a PostgreSQL schema."""
    return "" if request.param == "sqlite" else str(request.getfixturevalue("postgres_schema"))


@pytest.fixture
def served(tmp_path: Path, database: str) -> Iterator[Served]:
    """See Served; what still runs at the end is killed."""
    made = Served(tmp_path, database)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.end(signal.SIGKILL)


def test_a_push_that_was_answered_survives_kill_9(served: Served) -> None:
    dice, answered, tried = random.Random(7), list[str](), list[str]()

    def push(key: str) -> None:
        tried.append(key)
        try:
            if served.sender.push(served.url, "customer", key) == 200:
                answered.append(key)
        except OSError:
            pass  # the connection broke with the server: the sender would push again

    for _ in range(3):
        served.start()
        keys = served.sender.populate("customer", 400, start=START, step=timedelta(seconds=1))
        before = len(answered)
        with ThreadPoolExecutor(8) as pool:
            jobs = [pool.submit(push, key) for key in keys]
            while len(answered) < before + dice.randrange(20, 150):
                time.sleep(0.001)
            served.end(signal.SIGKILL)
            for job in jobs:
                job.cancel()
    assert len(answered) >= 60
    with served.opened() as hub:
        with hub.db.read() as conn:
            stored = {key.split("_")[2] for (key,) in conn.execute(text("SELECT key FROM inbox"))}
        assert set(answered) <= stored <= set(tried)
        hub.clock = lambda: datetime.now(UTC) + timedelta(seconds=10)
        assert drain(hub, seconds=30)
        with hub.db.read() as conn:
            landed = set(conn.execute(text("SELECT source_id FROM source_record")).scalars())
            open_rows = conn.execute(text("SELECT count(*) FROM inbox WHERE state <> 'done'")).scalar_one()
    assert (landed, open_rows) == (stored, 0)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_sigterm_ends_the_server_within_seconds_and_leaves_no_lease(served: Served) -> None:
    shop = TaobaoSimulator()
    shop.populate("order", 300, start=datetime.now(UTC) - timedelta(hours=2), step=timedelta(seconds=10))
    shop.faults.delay = 0.2
    with serving(shop) as url:
        with served.opened() as hub:
            accounts.add(hub, "taobao", "shop", "shop", shop.settings(url), by="test")
        served.start()
        until(lambda: shop.calls.total() > 3, 10)
        took = served.end(signal.SIGTERM, within=10)
    assert took < 6
    with served.opened() as hub, hub.db.read() as conn:
        assert conn.execute(text("SELECT count(*) FROM account_stream WHERE lease_until > 0")).scalar_one() == 0


def until(done: Callable[[], bool], seconds: float) -> None:
    """Wait for it."""
    ends = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < ends
        time.sleep(0.02)


def test_many_at_once_are_all_stored_and_each_is_answered(served: Served) -> None:
    served.start()
    keys = served.sender.populate("customer", 600, start=START, step=timedelta(seconds=1))
    waits: list[float] = []
    lock = threading.Lock()

    def push(key: str) -> int:
        began = time.perf_counter()
        status = served.sender.push(served.url, "customer", key)
        with lock:
            waits.append(time.perf_counter() - began)
        return status

    with ThreadPoolExecutor(32) as pool:
        assert set(pool.map(push, keys)) == {200}
    with served.opened() as hub, hub.db.read() as conn:
        assert conn.execute(text("SELECT count(*), sum(times) FROM inbox")).one() == (600, 600)
    waits.sort()
    assert waits[-1] < 5, f"median {waits[300]:.3f} s, slowest {waits[-1]:.3f} s"
