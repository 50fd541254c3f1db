"""A simulated gateway, a connector on it whose sleeping moves the clock, and a client that signs by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from connectors import registry
from connectors.base import Window
from connectors.budgets import MemoryBudgets
from connectors.http import Runtime
from connectors.sandbox import Served
from connectors.taobao.sim_protocol import BEIJING, digest
from connectors.taobao.simulator import TaobaoSimulator
from connectors.tokens import MemoryTokens

NOW = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ORDERS = "taobao.trades.sold.increment.get"


class Shop:
    """The simulated shop, served; ``call`` asks it the raw way, ``connector`` gives ours."""

    def __init__(self, kind: str = "service_market") -> None:
        self.sim = TaobaoSimulator(now=lambda: NOW, kind=kind)
        self.sim.limits.per_app = self.sim.limits.per_api = None
        self.served = Served(self.sim)
        self.settings = self.sim.settings(self.served.url)
        self.client = self.sim.app.test_client()
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.sim.offset += timedelta(seconds=seconds)

    def connector(self, *, tokens=None, clock=None, **changes):
        kind = registry.get("taobao").load()
        clock = clock or self.sim.now
        runtime = Runtime(clock=clock, sleep=self.sleep, tokens=tokens or MemoryTokens(clock), budgets=MemoryBudgets([]))
        return kind(kind.Config(**{**self.settings, **changes}), runtime)

    def params(self, method: str = ORDERS, how: str = "md5", secret: str | None = None, **more: str | None) -> dict[str, str]:
        """Signed parameters; None takes one away."""
        start, end = self.text(self.sim.now() - 60 * MINUTE), self.text(self.sim.now())
        base = {"method": method, "app_key": self.settings["app_key"], "session": self.settings["session"], "v": "2.0"}
        base |= {"timestamp": self.text(self.sim.now()), "format": "json", "sign_method": how}
        if method == ORDERS:
            base |= {"fields": "tid,modified", "start_modified": start, "end_modified": end}
        base = {name: value for name, value in {**base, **more}.items() if value is not None}
        return {**base, "sign": digest(secret or self.settings["app_secret"], base, how)}

    def call(self, method: str = ORDERS, **more: str | None):
        """The parsed JSON answer."""
        return json.loads(self.client.post("/router/rest", data=self.params(method, **more)).data)

    def error(self, method: str = ORDERS, **more: str | None) -> tuple[int, str]:
        """Code and sub_code of the refusal."""
        found = self.call(method, **more)["error_response"]
        return found["code"], found.get("sub_code", "")

    @staticmethod
    def text(moment: datetime) -> str:
        return moment.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")

    def orders(self, count: int, *, ago: timedelta = 50 * MINUTE, step: timedelta = timedelta(seconds=1)) -> list[str]:
        return self.sim.populate("order", count, start=self.sim.now() - ago, step=step)

    def window(self, minutes: int = 60) -> Window:
        return Window(self.sim.now() - minutes * MINUTE, self.sim.now())

    def read(self, stream: str = "order", window: Window | None = None, resume: str | None = None, connector=None) -> list[str]:
        """Keys in the order in which the connector gives them."""
        key = "tid" if stream == "order" else "refund_id"
        pages = (connector or self.connector()).pages(stream, window or self.window(), resume)
        return [str(record[key]) for page in pages for record in page.records]


@pytest.fixture
def shop():
    made = Shop()
    yield made
    made.served.close()


@pytest.fixture
def back_office():
    made = Shop("back_office")
    yield made
    made.served.close()


@pytest.fixture
def crm():
    made = Shop("crm")
    yield made
    made.served.close()
