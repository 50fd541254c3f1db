"""A simulated JD gateway, a connector on it whose sleeping moves the clock, and a client that signs by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from connectors import registry
from connectors.base import Window
from connectors.budgets import MemoryBudgets
from connectors.http import Runtime
from connectors.jd.sim_protocol import BEIJING, digest
from connectors.jd.simulator import JdSimulator
from connectors.sandbox import Served
from connectors.tokens import MemoryTokens
from mappings.compile import load_mapping

NOW = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SEARCH = "jingdong.pop.order.enSearch"


class Shop:
    """The simulated shop, served; ``call`` asks it the raw way, ``connector`` gives ours."""

    def __init__(self) -> None:
        self.sim = JdSimulator(now=lambda: NOW)
        self.served = Served(self.sim)
        self.sim.app.logger.disabled = True
        self.settings = self.sim.settings(self.served.url)
        self.client = self.sim.app.test_client()
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.sim.offset += timedelta(seconds=seconds)

    def connector(self, *, tokens=None, **changes):
        kind = registry.get("jd").load()
        clock = self.sim.now
        runtime = Runtime(clock=clock, sleep=self.sleep, tokens=tokens or MemoryTokens(clock), budgets=MemoryBudgets([]))
        return kind(kind.Config(**{**self.settings, **changes}), runtime)

    def params(self, method: str = SEARCH, body: dict | str | None = None, **more: str | None) -> dict[str, str]:
        """Signed system parameters and business parameters as JSON; None takes one away."""
        text = body if isinstance(body, str) else json.dumps(self.window_params() if body is None else body)
        base = {"method": method, "app_key": self.settings["app_key"], "v": "2.0", "360buy_param_json": text}
        base |= {"access_token": self.settings["access_token"], "timestamp": self.text(self.sim.now())}
        base = {name: value for name, value in {**base, **more}.items() if value is not None}
        return {**base, "sign": digest(self.settings["app_secret"], base)} if "sign" not in more else base

    def window_params(self) -> dict[str, str]:
        start, end = self.text(self.sim.now() - 60 * MINUTE), self.text(self.sim.now())
        fields = {"order_state": "ALL", "optional_fields": "orderId,modified", "page": "1", "page_size": "100"}
        return {"start_date": start, "end_date": end, **fields}

    def call(self, method: str = SEARCH, body: dict | str | None = None, **more: str | None):
        """The parsed answer."""
        response = self.client.post("/routerjson", data=self.params(method, body, **more))
        assert response.status_code == 200
        return json.loads(response.data)

    def error(self, method: str = SEARCH, body: dict | str | None = None, **more: str | None) -> str:
        """The gateway's code."""
        return self.call(method, body, **more)["error_response"]["code"]

    @staticmethod
    def text(moment: datetime) -> str:
        return moment.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")

    def fill(
        self, stream: str, count: int, *, ago: timedelta = 50 * MINUTE, step: timedelta = timedelta(seconds=1)
    ) -> list[str]:
        return self.sim.populate(stream, count, start=self.sim.now() - ago, step=step)

    def window(self, minutes: int = 60) -> Window:
        return Window(self.sim.now() - minutes * MINUTE, self.sim.now())

    def read(self, stream: str = "order", window: Window | None = None, connector=None):
        """Records in the order in which the connector gives them."""
        pages = (connector or self.connector()).pages(stream, window or self.window(), None)
        return [record for page in pages for record in page.records]

    def mapping(self, stream: str = "order"):
        return load_mapping(
            registry.get("jd").mappings / f"{stream}.yaml",
            zone="Asia/Shanghai",
            context={"app_key": "APPKEY", "account": "jd"},
        )

    def mapped(self, stream: str = "order", kind: str | None = None, connector=None, **changes):
        """The canonical record of that kind of the only record, after changing the row."""
        [key] = self.sim.shop.rows[stream] or self.fill(stream, 1)
        self.sim.shop.rows[stream][key].record.update(changes)
        records = self.mapping(stream).apply((connector or self.connector()).fetch_one(stream, key)).records
        kind = kind or {"order": "order", "unpaid": "order", "member": "customer"}.get(stream, "refund")
        return next((record for record in records if record["kind"] == kind), None)


@pytest.fixture
def shop():
    made = Shop()
    yield made
    made.served.close()
