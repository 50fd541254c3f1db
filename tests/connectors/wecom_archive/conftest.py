"""A served archive and connectors on it; waiting moves the simulator's clock instead of passing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors import registry
from connectors.http import Runtime
from connectors.sandbox import Served
from connectors.tokens import MemoryTokens
from connectors.wecom_archive import finance
from connectors.wecom_archive.connector import WeComArchive
from connectors.wecom_archive.simulator import WeComArchiveSimulator

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


@dataclass
class Vault:
    """The simulator, where it is served, and short ways to say and to read. slept: seconds that were waited."""

    sim: WeComArchiveSimulator
    url: str
    slept: list[float] = field(default_factory=list)

    def connector(self, **changes: Any) -> WeComArchive:
        kind = registry.get("wecom_archive").load()
        config = kind.Config(**{**self.sim.settings(self.url), **changes})
        runtime = Runtime(clock=self.sim.now, sleep=self.sleep, tokens=MemoryTokens(self.sim.now))
        return kind(config, runtime)  # type: ignore[return-value]

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.sim.offset += timedelta(seconds=seconds)

    def say(self, text: str = "你好", *, sender: str = "wmA", to: str = "sales_wang", **more: Any) -> int:
        """Somebody writes; the number of the message."""
        payload = {"from": sender, "tolist": [to], "roomid": "", "msgtype": "text", "text": {"content": text}, **more}
        return self.sim.archive.put(payload).seq

    def records(self, stream: str = "message", resume: str | None = None, **changes: Any) -> list[dict[str, Any]]:
        return [record for page in self.connector(**changes).pages(stream, None, resume) for record in page.records]

    def texts(self, **changes: Any) -> list[str]:
        return [record["message"]["text"]["content"] for record in self.records(**changes)]

    @property
    def process(self) -> finance.Process:
        config = self.sim.settings(self.url)
        return finance.process(f"{self.url}/finance", config["corp_id"], config["secret"])


@pytest.fixture
def vault() -> Iterator[Vault]:
    """An archive in which sales_wang has a seat and wmA agreed to him."""
    sim = WeComArchiveSimulator(now=lambda: NOW)
    sim.app.logger.disabled = True
    sim.archive.seats = ["sales_wang"]
    sim.archive.agree("sales_wang", "wmA")
    served = Served(sim)
    made = Vault(sim, served.url)
    yield made
    made.process.close()
    served.close()
