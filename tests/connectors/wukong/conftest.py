"""A simulator of Wukong CRM on a loopback port, connectors to it, and a browser that speaks to it directly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from connectors.base import Page, Window
from connectors.contract.bench import OpenBudgets
from connectors.http import Runtime
from connectors.registry import get
from connectors.sandbox import Served
from connectors.tokens import MemoryTokens
from connectors.wukong.connector import Wukong
from connectors.wukong.simulator import WukongSimulator
from mappings.canonical import Canonical
from mappings.compile import load_mapping

START = datetime(2026, 3, 1, 1, 0, tzinfo=UTC)


class Installation:
    """The simulator, its address, and connectors to it. Sleeping moves the simulator's clock."""

    def __init__(self, dialect: str = "admin_token") -> None:
        self.sim = WukongSimulator(now=lambda: START, dialect=dialect)
        self.sim.app.logger.disabled = True
        self.served = Served(self.sim)

    def sleep(self, seconds: float) -> None:
        self.sim.offset += timedelta(seconds=seconds)

    def connector(self, *, clock: Callable[[], datetime] | None = None, **changes: Any) -> Wukong:
        kind = get("wukong").load()
        clock = clock or self.sim.now
        tokens = MemoryTokens(clock)
        runtime = Runtime(clock=clock, sleep=self.sleep, tokens=tokens, budgets=OpenBudgets(), account="test")
        return kind(kind.Config(**{**self.sim.settings(self.served.url), **changes}), runtime)  # type: ignore[return-value]

    def window(self, minutes: int = 60) -> Window:
        """The last so many minutes and the present second."""
        now = self.sim.now()
        return Window(now - timedelta(minutes=minutes), now + timedelta(seconds=1))

    def read(self, connector: Wukong, stream: str, window: Window | None = None) -> dict[str, dict[str, Any]]:
        """All records of one walk by key."""
        key = connector.manifest.streams[stream].key[0]
        pages: list[Page] = list(connector.pages(stream, window or self.window(), None))
        assert pages[-1].last
        return {str(record[key]): record for page in pages for record in page.records}

    def mapped(self, stream: str, record: dict[str, Any]) -> Canonical:
        """The canonical record."""
        path = get("wukong").mappings / f"{stream}.yaml"
        context = {"instance": "sandbox", "account": "test"}
        (found,) = load_mapping(path, zone="Asia/Shanghai", context=context).apply(record).records
        return found


class Browser:
    """A logged-in person's client, speaking the protocol by itself."""

    def __init__(self, address: str, username: str, password: str, *, slot: int = 1) -> None:
        self.address, self.headers = address, {}
        answer = self.json("login", {"username": username, "password": password, "loginType": 1, "type": slot})
        self.login = answer
        if answer["code"] == 0:
            self.headers = {"Admin-Token": answer["data"]["adminToken"]}

    def json(self, path: str, body: Any) -> Any:
        return requests.post(f"{self.address}/{path}", json=body, headers=self.headers, timeout=5).json()

    def form(self, path: str, **form: Any) -> Any:
        return requests.post(f"{self.address}/{path}", data=form, headers=self.headers, timeout=5).json()

    def rows(self, path: str, **body: Any) -> list[dict[str, Any]]:
        answer = self.json(f"{path}/queryPageList", {"page": 1, "limit": 100, **body})
        assert answer["code"] == 0, answer
        return answer["data"]["list"]


@pytest.fixture
def place() -> Iterator[Installation]:
    installation = Installation()
    yield installation
    installation.served.close()


@pytest.fixture
def browser(place: Installation) -> Browser:
    settings = place.sim.settings(place.served.url)
    return Browser(place.served.url, settings["username"], settings["password"])


@pytest.fixture
def browse() -> type[Browser]:
    """Further people with a browser."""
    return Browser


@pytest.fixture
def install() -> type[Installation]:
    """Further installations; the test closes what it opens."""
    return Installation
